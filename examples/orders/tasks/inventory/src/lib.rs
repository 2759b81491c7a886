//! Reserves one line of an order, and releases what an order had reserved.
//!
//! A task keeps nothing between two calls, so what is in stock is configuration here; a real one would ask a database.

use fleetstep_guest::{TaskError, env, log};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Request {
    Reserve { order_id: String, line: Line },
    Release { order_id: String, lines: Vec<Line> },
}

#[derive(Deserialize)]
struct Line {
    sku: String,
    quantity: u64,
}

#[derive(Serialize, Debug, PartialEq)]
#[serde(untagged)]
enum Answer {
    Reserved { reservation: String, quantity: u64 },
    Released { released: Vec<String> },
}

#[fleetstep_guest::task]
fn inventory(request: Request) -> Result<Answer, TaskError> {
    match request {
        Request::Reserve { order_id, line } => reserve(&order_id, &line, &stock()?),
        Request::Release { order_id, lines } => Ok(release(&order_id, &lines)),
    }
}

/// Pieces in stock by article: the variable `STOCK`, a JSON object.
fn stock() -> Result<BTreeMap<String, u64>, TaskError> {
    let stock = env("STOCK").ok_or_else(|| TaskError::new("NotConfigured", "the variable STOCK is missing"))?;
    Ok(fleetstep_guest::serde_json::from_str(&stock)?)
}

fn reserve(order_id: &str, line: &Line, stock: &BTreeMap<String, u64>) -> Result<Answer, TaskError> {
    let available = stock.get(&line.sku).copied().unwrap_or(0);
    if available < line.quantity {
        let message = format!("{} of {} wanted, {available} in stock", line.quantity, line.sku);
        return Err(TaskError::new("OutOfStock", message));
    }
    Ok(Answer::Reserved { reservation: reservation(order_id, line), quantity: line.quantity })
}

/// Releasing a reservation that was never made does nothing, so the workflow need not know how far it came.
fn release(order_id: &str, lines: &[Line]) -> Answer {
    log::info!("{} lines of {order_id} are released", lines.len());
    Answer::Released { released: lines.iter().map(|line| reservation(order_id, line)).collect() }
}

fn reservation(order_id: &str, line: &Line) -> String {
    format!("{order_id}/{}", line.sku)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: u64) -> Line {
        Line { sku: "cup".to_owned(), quantity }
    }

    #[test]
    fn reserves_what_is_there() {
        let stock = BTreeMap::from([("cup".to_owned(), 3)]);
        let reserved = reserve("A-1", &line(3), &stock).expect("reserved");
        assert_eq!(reserved, Answer::Reserved { reservation: "A-1/cup".to_owned(), quantity: 3 });
        let error = reserve("A-1", &line(4), &stock).expect_err("too many");
        assert_eq!(error, TaskError::new("OutOfStock", "4 of cup wanted, 3 in stock"));
    }

    #[test]
    fn releases_every_line() {
        let released = release("A-1", &[line(1)]);
        assert_eq!(released, Answer::Released { released: vec!["A-1/cup".to_owned()] });
    }

    #[test]
    fn needs_its_configuration() {
        let request = Request::Reserve { order_id: "A-1".to_owned(), line: line(1) };
        assert_eq!(inventory(request).expect_err("no stock").error, "NotConfigured");
    }
}
