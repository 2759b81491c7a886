//! What a process has used so far, from procfs.

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Clock ticks a second in `/proc/PID/stat`; Linux fixes it at 100 for user space.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of process `pid`.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("procfs")?;
    // The command's name stands in parentheses and may hold spaces; the fields after it are numbered from 3.
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok()).context("ticks");
    Ok(Duration::from_millis((ticks(14)? + ticks(15)?) * 1_000 / TICKS_PER_SECOND))
}

/// Time that the calling thread has had a processor for.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Resident memory of process `pid`, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("procfs")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kib << 10)
}
