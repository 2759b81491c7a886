//! The price of an order, as a component by the SDK.

use fleetstep_guest::TaskError;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    id: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    sku: String,
    quantity: i64,
    unit_cents: i64,
}

#[derive(Serialize)]
struct Price {
    id: String,
    lines: Vec<PricedLine>,
    net_cents: i64,
    discount_cents: i64,
    vat_cents: i64,
    total_cents: i64,
}

#[derive(Serialize)]
struct PricedLine {
    sku: String,
    cents: i64,
}

#[fleetstep_guest::task]
fn price(order: Order) -> Result<Price, TaskError> {
    if order.lines.is_empty() {
        return Err(TaskError::new("InvalidOrder", "the order has no lines"));
    }
    let mut lines = Vec::with_capacity(order.lines.len());
    for (at, Line { sku, quantity, unit_cents }) in order.lines.into_iter().enumerate() {
        if quantity < 1 {
            return Err(TaskError::new("InvalidOrder", format!("line {}: the quantity is {quantity}", at + 1)));
        }
        lines.push(PricedLine { sku, cents: quantity * unit_cents });
    }
    let net_cents = lines.iter().map(|line| line.cents).sum();
    let discount_cents = if net_cents >= 10_000 { net_cents / 10 } else { 0 };
    let vat_cents = ((net_cents - discount_cents) * 19 + 50) / 100;
    let total_cents = net_cents - discount_cents + vat_cents;
    Ok(Price { id: order.id, lines, net_cents, discount_cents, vat_cents, total_cents })
}
