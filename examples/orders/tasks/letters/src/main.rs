//! Writes the letters about an order: a plain program that reads JSON from stdin and writes JSON to stdout, as any
//! language that targets WASI can. The variable `LETTER` says which letter; stderr and the exit code say what failed.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::ExitCode;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    customer: Customer,
    lines: Vec<Line>,
    amount: Amount,
}

#[derive(Deserialize)]
struct Customer {
    name: String,
    email: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    sku: String,
    quantity: u64,
    unit_cents: u64,
}

#[derive(Deserialize)]
struct Amount {
    cents: u64,
    note: String,
}

#[derive(Serialize)]
struct Letter {
    to: String,
    subject: String,
    text: String,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut event = Vec::new();
    std::io::stdin().read_to_end(&mut event).map_err(|error| format!("the event cannot be read: {error}"))?;
    let order: Order = serde_json::from_slice(&event).map_err(|error| format!("the event is no order: {error}"))?;
    let letter = match std::env::var("LETTER").as_deref() {
        Ok("invoice") => invoice(&order),
        Ok("notification") => notification(&order),
        _ => return Err("the variable LETTER is `invoice` or `notification`".to_owned()),
    };
    let answer = serde_json::to_vec(&letter).map_err(|error| format!("the letter cannot be written: {error}"))?;
    std::io::stdout().write_all(&answer).map_err(|error| format!("the letter cannot be sent: {error}"))
}

fn invoice(order: &Order) -> Letter {
    let mut text = String::new();
    for line in &order.lines {
        let cost = money(line.quantity.saturating_mul(line.unit_cents));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} x {}: {cost}", line.quantity, line.sku);
    }
    let _ = write!(text, "{}\nTo pay: {}", order.amount.note, money(order.amount.cents));
    letter(order, format!("Invoice for order {}", order.order_id), text)
}

fn notification(order: &Order) -> Letter {
    let text = format!("Dear {}, your order is on its way.", order.customer.name);
    letter(order, format!("Order {}", order.order_id), text)
}

fn letter(order: &Order, subject: String, text: String) -> Letter {
    Letter { to: order.customer.email.clone(), subject, text }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order {
            order_id: "A-1".to_owned(),
            customer: Customer { name: "Ada".to_owned(), email: "ada@example.com".to_owned() },
            lines: vec![Line { sku: "cup".to_owned(), quantity: 2, unit_cents: 905 }],
            amount: Amount { cents: 2300, note: "Shipping: 4.90".to_owned() },
        }
    }

    #[test]
    fn an_invoice_lists_the_lines() {
        let invoice = invoice(&order());
        assert_eq!(invoice.subject, "Invoice for order A-1");
        assert_eq!(invoice.text, "2 x cup: 18.10\nShipping: 4.90\nTo pay: 23.00");
    }

    #[test]
    fn a_notification_goes_to_the_customer() {
        let notification = notification(&order());
        assert_eq!(notification.to, "ada@example.com");
        assert_eq!(notification.text, "Dear Ada, your order is on its way.");
    }
}
