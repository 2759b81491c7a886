//! `[server.bounds]`: who may start how much, and how much memory there is for it.

use anyhow::{Context as _, Result, ensure};
use fleetstep_api::{AdmissionConfig, StartBounds};
use fleetstep_catalog::CallBounds;
use serde::Deserialize;
use std::collections::HashMap;

/// The share of this machine's or container's memory that is the budget unless said.
const MEMORY_SHARE: f64 = 0.8;

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileBounds {
    /// `[server.bounds.each_account]`
    #[serde(default)]
    each_account: Bounds,
    /// `[server.bounds.accounts.ID]`
    #[serde(default)]
    accounts: HashMap<String, Bounds>,
    /// `[server.bounds.workflows.NAME]`
    #[serde(default)]
    workflows: HashMap<String, Bounds>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    start_rate: Option<f64>,
    start_burst: Option<u32>,
    executions_running_max: Option<usize>,
    calls_running_max: Option<u32>,
}

impl FileBounds {
    /// For the calls of an account.
    pub(crate) fn calls(&self, account: &str) -> CallBounds {
        let all_max = self.accounts.get(account).unwrap_or(&self.each_account).calls_running_max;
        let of_workflow = |(name, bounds): (&String, &Bounds)| bounds.calls_running_max.map(|max| (name.clone(), max));
        CallBounds::new(all_max, self.workflows.iter().filter_map(of_workflow))
    }

    /// As the interface takes them.
    pub(crate) fn admission(&self, memory_max_mib: Option<u32>) -> Result<AdmissionConfig> {
        let named = |table: &str, bounds: &HashMap<String, Bounds>| {
            let read = |(name, bounds): (&String, &Bounds)| {
                let read = bounds.read().with_context(|| format!("[server.bounds.{table}.{name}]"))?;
                Ok((name.clone(), read))
            };
            bounds.iter().map(read).collect::<Result<HashMap<_, _>>>()
        };
        Ok(AdmissionConfig {
            each_account: self.each_account.read().context("[server.bounds.each_account]")?,
            accounts: named("accounts", &self.accounts)?,
            workflows: named("workflows", &self.workflows)?,
            memory_bytes_max: memory_max_mib.map(|mib| u64::from(mib) << 20).or_else(memory_budget),
        })
    }
}

impl Bounds {
    fn read(self) -> Result<StartBounds> {
        let Self { start_rate, start_burst, executions_running_max, .. } = self;
        ensure!(start_rate.is_none_or(|rate| rate.is_finite() && rate > 0.0), "start_rate has to be above 0");
        ensure!(start_burst != Some(0), "start_burst has to be 1 at least");
        ensure!(start_burst.is_none() || start_rate.is_some(), "start_burst says nothing without start_rate");
        Ok(StartBounds { start_rate, start_burst, executions_running_max })
    }
}

/// A share of the memory that this process can have, in bytes; nothing where that is not known.
fn memory_budget() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("MemTotal:")));
    let machine = machine.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map(|kib| kib << 10);
    // "max" is no number.
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let container = container.and_then(|text| text.trim().parse::<u64>().ok());
    let least = machine.into_iter().chain(container).min()?;
    Some((least as f64 * MEMORY_SHARE) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(text: &str) -> Result<AdmissionConfig> {
        toml::from_str::<FileBounds>(text)?.admission(Some(64))
    }

    #[test]
    fn bounds_are_read_for_each_account_for_one_and_for_workflows() {
        let text = "each_account.start_rate = 1000\n[accounts.111111111111]\nexecutions_running_max = 7\ncalls_running_max = 9\n\
                    [workflows.orders]\nstart_rate = 0.5\nstart_burst = 3";
        let config = admission(text).unwrap();
        assert_eq!(config.each_account.start_rate, Some(1_000.0));
        assert_eq!(config.accounts["111111111111"].executions_running_max, Some(7));
        let orders = StartBounds { start_rate: Some(0.5), start_burst: Some(3), executions_running_max: None };
        assert_eq!(config.workflows["orders"], orders);
        assert_eq!(config.memory_bytes_max, Some(64 << 20));
        let bounds: FileBounds = toml::from_str(text).unwrap();
        let calls = |account| bounds.calls(account).running().map(|(_, _, max)| max).collect::<Vec<_>>();
        assert_eq!((calls("111111111111"), calls("222222222222")), (vec![9], vec![]));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, told) in [
            ("[workflows.a]\nstart_rate = 0", "[server.bounds.workflows.a]: start_rate"),
            ("[workflows.a]\nstart_rate = nan", "start_rate has to be above 0"),
            ("[accounts.1]\nstart_rate = 1\nstart_burst = 0", "start_burst has to be 1"),
            ("each_account.start_burst = 5", "says nothing without start_rate"),
            ("each_account.rate = 5", "unknown field `rate`"),
        ] {
            let error = format!("{:#}", admission(text).unwrap_err());
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn the_budget_is_a_part_of_what_there_is() {
        let budget = FileBounds::default().admission(None).unwrap().memory_bytes_max;
        assert!(budget.is_none_or(|bytes| bytes > 1 << 20));
    }
}
