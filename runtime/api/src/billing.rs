//! What AWS would bill of an execution: its published price model of express workflows, and the prices, in one table.

use fleetstep_document::{Document, ObjectBuilder};
use fleetstep_engine::{Finished, Timestamp, Used};
use std::time::Duration;

/// What durations are rounded up to.
const STEP: Duration = Duration::from_millis(100);
/// What memory is rounded up to. What the service counts of an execution's memory, it does not say in detail; it is the
/// least that it bills, and what a small workflow comes to.
pub(crate) const BILLED_MEMORY_MB: u32 = 64;
/// Steps of [`STEP`] with [`BILLED_MEMORY_MB`] in one GB-second.
const STEPS_PER_GB_SECOND: f64 = 10.0 * 1_024.0 / BILLED_MEMORY_MB as f64;

/// The prices, in US dollars.
struct Prices {
    region: &'static str,
    /// The month in which they were looked up.
    of: &'static str,
    source: &'static str,
    per_million_requests: f64,
    /// Of a month: up to how many GB-seconds each costs how much.
    per_gb_second: [(f64, f64); 3],
}

/// As the service publishes them: 1,000, then 4,000 GB-hours a month, then all above.
const PRICES: Prices = Prices {
    region: "us-east-1",
    of: "2026-03",
    source: "https://aws.amazon.com/step-functions/pricing/",
    per_million_requests: 1.00,
    per_gb_second: [(3_600_000.0, 0.000_016_67), (18_000_000.0, 0.000_008_33), (f64::INFINITY, 0.000_004_56)],
};

/// How it is reckoned, in words.
const FORMULA: &str = "requests / 1,000,000 x price of a million + GB-seconds x price of one; GB-seconds = the sum of \
                       durations, each rounded up to 100 ms, x 64 MB / 1024";

/// How many steps are billed of an execution: one at least.
pub(crate) fn billed_steps(started: Timestamp, stopped: Timestamp) -> u64 {
    let steps = stopped.since(started).as_micros().div_ceil(STEP.as_micros()).max(1);
    u64::try_from(steps).unwrap_or(u64::MAX)
}

/// The duration that is billed of an execution, in milliseconds.
pub(crate) fn billed_millis(finished: &Finished) -> u64 {
    billed_steps(finished.started, finished.stopped).saturating_mul(STEP.as_millis() as u64)
}

/// GB-seconds of so many steps.
pub(crate) fn gb_seconds(steps: u64) -> f64 {
    steps as f64 / STEPS_PER_GB_SECOND
}

/// What so many executions of so many steps together would cost, as if they were all of one month.
pub(crate) fn usd(executions: u64, steps: u64) -> f64 {
    let all = gb_seconds(steps);
    let (mut below, mut cost) = (0.0, executions as f64 / 1e6 * PRICES.per_million_requests);
    for (up_to, price) in PRICES.per_gb_second {
        let of_tier = (all.min(up_to) - below).max(0.0);
        cost += of_tier * price;
        below = up_to;
    }
    cost
}

/// What executions used, and what they would have cost.
pub(crate) fn cost(executions: u64, used: &Used) -> Document {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    ObjectBuilder::with_capacity(9)
        .with("executions", number(executions))
        .with("busyMicros", number(used.busy_micros))
        .with("memoryBytesPeak", number(used.memory_kib.saturating_mul(1_024)))
        .with("bytesIn", number(used.bytes_in))
        .with("bytesOut", number(used.bytes_out))
        .with("billedMilliseconds", number(used.billed_steps.saturating_mul(STEP.as_millis() as u64)))
        .with("billedMemoryMB", BILLED_MEMORY_MB)
        .with("billedGBSeconds", rounded(gb_seconds(used.billed_steps)))
        .with("expressUsd", rounded(usd(executions, used.billed_steps)))
        .build()
}

/// The price table, with its formula.
pub(crate) fn prices() -> Document {
    let tiers = PRICES.per_gb_second.map(|(up_to, price)| {
        let mut tier = ObjectBuilder::with_capacity(2);
        if up_to.is_finite() {
            tier.push("upToGBSeconds", up_to);
        }
        tier.with("usd", price).build()
    });
    ObjectBuilder::with_capacity(6)
        .with("region", PRICES.region)
        .with("of", PRICES.of)
        .with("source", PRICES.source)
        .with("usdPerMillionRequests", PRICES.per_million_requests)
        .with("perGBSecond", tiers.to_vec())
        .with("formula", FORMULA)
        .build()
}

/// Without the noise behind the twelfth digit.
fn rounded(value: f64) -> f64 {
    (value * 1e12).round() / 1e12
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn durations_are_rounded_up() {
        for (micros, steps) in [(0, 1), (1, 1), (100_000, 1), (100_001, 2), (300_000_000, 3_000)] {
            assert_eq!(billed_steps(at(5), at(5 + micros)), steps, "{micros}");
        }
    }

    /// The examples of the service's price page, with as much memory as this runtime says.
    #[test]
    fn costs_follow_the_tiers() {
        // A million executions of 30 s with 64 MB: 1.875 million GB-seconds, all of the first tier.
        let cost = usd(1_000_000, 300 * 1_000_000);
        assert!((cost - (1.0 + 1_875_000.0 * 0.000_016_67)).abs() < 1e-6, "{cost}");
        // 20 million GB-seconds: 3.6, then 14.4, then 2 million.
        let cost = usd(0, 20_000_000 * 160);
        let tiers = 3_600_000.0 * 0.000_016_67 + 14_400_000.0 * 0.000_008_33 + 2_000_000.0 * 0.000_004_56;
        assert!((cost - tiers).abs() < 1e-6, "{cost}");
        assert!((usd(1, 1) - (1e-6 + 0.000_016_67 / 160.0)).abs() < 1e-12);
    }
}
