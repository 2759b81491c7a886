//! What executions used, and what AWS would have billed for them, with the formula and the prices.

use crate::page::{facts, table};
use crate::shown::{bytes, count, duration};
use crate::workflows::array;
use maud::{Markup, html};
use serde_json::Value;

/// A figure of what `/v1` tells of the cost, in words.
type Told = fn(&Value) -> String;

/// What each figure is called, and how it is told.
const FIGURES: [(&str, Told); 7] = [
    ("Executions", |cost| count(number(cost, "executions"))),
    ("Time on a thread", |cost| duration(i64::try_from(number(cost, "busyMicros")).unwrap_or(i64::MAX))),
    ("Memory of a call, most", |cost| bytes(number(cost, "memoryBytesPeak") as f64)),
    ("Bytes in", |cost| bytes(number(cost, "bytesIn") as f64)),
    ("Bytes out", |cost| bytes(number(cost, "bytesOut") as f64)),
    ("Billed by AWS", |cost| gb_seconds(cost)),
    ("AWS Express would cost", |cost| usd(cost["expressUsd"].as_f64().unwrap_or(0.0))),
];

fn number(cost: &Value, name: &str) -> u64 {
    cost[name].as_u64().unwrap_or(0)
}

fn gb_seconds(cost: &Value) -> String {
    let value = cost["billedGBSeconds"].as_f64().unwrap_or(0.0);
    format!("{} GB-s", digits(value))
}

fn usd(value: f64) -> String {
    format!("${}", digits(value))
}

/// Four digits that count, and no exponent.
fn digits(value: f64) -> String {
    if value <= 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.log10().floor() as i32;
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Of a workflow: of the last minute, and since the start of the server.
pub(crate) fn of_workflow(cost: &Value, prices: &Value) -> Markup {
    let rows: Vec<_> = FIGURES
        .iter()
        .map(|(name, told)| {
            let cells = [told(&cost["lastMinute"]), told(&cost["sinceStart"])];
            vec![html! { (name) }, html! { (cells[0]) }, html! { (cells[1]) }]
        })
        .collect();
    html! {
        h2 { "Cost" }
        (table("Cost", &["", "Last minute", "Since the start"], &rows, ""))
        (explained(prices))
    }
}

/// Of an execution.
pub(crate) fn of_execution(execution: &Value) -> Markup {
    let cost = &execution["cost"];
    if cost.is_null() {
        return html! {};
    }
    let figures: Vec<_> = FIGURES.iter().skip(1).map(|(name, told)| (*name, html! { (told(cost)) })).collect();
    let billed = html! {
        (number(cost, "billedMilliseconds")) " ms with " (number(cost, "billedMemoryMB")) " MB"
    };
    html! {
        h2 { "Cost" }
        (facts(&figures))
        p.note {
            "Billed would be " (billed) ", at the prices of the first tier, which the workflow's page shows with the formula. "
            "Time on a thread is that of the clock while the execution or a call of it had one, not what it waited."
        }
    }
}

fn explained(prices: &Value) -> Markup {
    let text = |name: &str| prices[name].as_str().unwrap_or_default();
    let price = |value: &Value| usd(value.as_f64().unwrap_or(0.0));
    let tiers = array(&prices["perGBSecond"]);
    html! {
        details {
            summary { "How it is reckoned" }
            p {
                "Time on a thread is that of the clock while an execution or a call of it had one: engine and guests, not what they waited. Under "
                "load it is more than the time of the processor, since the thread may have had to wait for that."
            }
            p { "AWS: " code { (text("formula")) } "." }
            p {
                "Prices of " (text("region")) ", looked up in " (text("of")) " at " code { (text("source")) } ": "
                (price(&prices["usdPerMillionRequests"])) " for a million requests; "
                @for (at, tier) in tiers.iter().enumerate() {
                    @if at > 0 { ", then " }
                    (price(&tier["usd"])) " for a GB-second"
                    @if let Some(up_to) = tier["upToGBSeconds"].as_f64() { " up to " (count(up_to as u64)) " in a month" }
                }
                ". All executions are taken as those of one month. Lambda functions, logs and transfer would come on top at AWS."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_right() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_001_104_188, "0.000001104"),
            (0.006_25, "0.00625"),
            (1.0, "1"),
            (12.5, "12.5"),
            (1_234.56, "1235"),
            (9_999_999.0, "9999999"),
        ] {
            assert_eq!(digits(value), text);
        }
    }
}
