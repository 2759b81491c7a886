//! Charges a card. The last digits of the number say what the card's bank does, as in a payment provider's sandbox.

use fleetstep_guest::{Context, TaskError, log};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Charge {
    order_id: String,
    cents: u64,
    card_number: String,
}

#[derive(Serialize, Debug, PartialEq)]
struct Receipt {
    receipt: String,
    cents: u64,
    attempts: u32,
}

/// The bank that does not answer is reached at this attempt.
const ATTEMPT_REACHED: u32 = 3;

#[fleetstep_guest::task]
fn charge(charge: Charge, call: &Context) -> Result<Receipt, TaskError> {
    let attempt = call.retry_count() + 1;
    let last_four = charge.card_number.rsplit([' ', '-']).next().unwrap_or_default();
    match last_four {
        "0002" => return Err(TaskError::new("CardDeclined", "the bank declined the card")),
        "0119" if attempt < ATTEMPT_REACHED => {
            log::warn!("attempt {attempt} at charging {} failed", charge.order_id);
            return Err(TaskError::new("BankUnavailable", "the bank did not answer"));
        }
        _ => {}
    }
    Ok(Receipt { receipt: format!("R-{}", charge.order_id), cents: charge.cents, attempts: attempt })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetstep_guest::TestCall;

    fn charged(card_number: &str, retry_count: u32) -> Result<Receipt, TaskError> {
        let order = Charge { order_id: "A-1".to_owned(), cents: 1990, card_number: card_number.to_owned() };
        charge(order, &TestCall { retry_count, ..TestCall::default() }.context())
    }

    #[test]
    fn an_ordinary_card_is_charged_at_once() {
        let receipt = charged("4000-0000-0000-0077", 0).expect("charged");
        assert_eq!(receipt, Receipt { receipt: "R-A-1".to_owned(), cents: 1990, attempts: 1 });
    }

    #[test]
    fn a_bank_may_need_three_attempts() {
        for (retry_count, reached) in [(0, false), (1, false), (2, true)] {
            let answer = charged("4000-0000-0000-0119", retry_count);
            assert_eq!(answer.is_ok(), reached, "retry {retry_count}");
        }
    }

    #[test]
    fn a_declined_card_stays_declined() {
        assert_eq!(charged("4000-0000-0000-0002", 5).expect_err("declined").error, "CardDeclined");
    }
}
