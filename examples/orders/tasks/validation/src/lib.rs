//! Checks an order and adds up what its lines cost.

use fleetstep_guest::TaskError;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    customer: Customer,
    card: Card,
    lines: Vec<Line>,
}

#[derive(Deserialize, Serialize)]
struct Customer {
    name: String,
    email: String,
}

#[derive(Deserialize, Serialize)]
struct Card {
    number: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    sku: String,
    quantity: u64,
    unit_cents: u64,
}

/// The order as it came, and its total: what the workflow goes on with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidOrder {
    #[serde(flatten)]
    order: Order,
    total_cents: u64,
}

#[fleetstep_guest::task]
fn validate(order: Order) -> Result<ValidOrder, TaskError> {
    let fault = if order.lines.is_empty() {
        Some("an order has at least one line".to_owned())
    } else if !order.customer.email.contains('@') {
        Some(format!("{} is no mail address", order.customer.email))
    } else {
        let line = order.lines.iter().find(|line| line.quantity == 0);
        line.map(|line| format!("{} is ordered zero times", line.sku))
    };
    match fault {
        Some(fault) => Err(TaskError::new("InvalidOrder", fault)),
        None => Ok(ValidOrder { total_cents: total_cents(&order.lines)?, order }),
    }
}

fn total_cents(lines: &[Line]) -> Result<u64, TaskError> {
    let mut costs = lines.iter().map(|line| line.quantity.checked_mul(line.unit_cents));
    let total = costs.try_fold(0u64, |total, cost| total.checked_add(cost?));
    total.ok_or_else(|| TaskError::new("InvalidOrder", "the order costs more than can be counted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(email: &str, lines: &[(&str, u64, u64)]) -> Order {
        let lines = lines.iter().map(|&(sku, quantity, unit_cents)| Line { sku: sku.to_owned(), quantity, unit_cents });
        Order {
            order_id: "A-1".to_owned(),
            customer: Customer { name: "Ada".to_owned(), email: email.to_owned() },
            card: Card { number: "4000".to_owned() },
            lines: lines.collect(),
        }
    }

    #[test]
    fn adds_up_the_lines() {
        let valid = validate(order("ada@example.com", &[("cup", 2, 900), ("plate", 1, 1250)])).expect("valid");
        assert_eq!(valid.total_cents, 3050);
    }

    #[test]
    fn refuses_what_cannot_be_delivered() {
        for (order, message) in [
            (order("ada@example.com", &[]), "an order has at least one line"),
            (order("nowhere", &[("cup", 1, 900)]), "nowhere is no mail address"),
            (order("ada@example.com", &[("cup", 0, 900)]), "cup is ordered zero times"),
            (order("ada@example.com", &[("cup", u64::MAX, 2)]), "the order costs more than can be counted"),
        ] {
            let error = validate(order).err().expect("refused");
            assert_eq!(error, TaskError::new("InvalidOrder", message));
        }
    }
}
