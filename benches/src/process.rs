//! What a process has used so far, from procfs; and how it is ended.

use anyhow::{Context as _, Result};
use fleetstep_engine::clock;
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::ffi::OsString;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// Clock ticks a second in `/proc/PID/stat`; Linux fixes it at 100 for user space.
const TICKS_PER_SECOND: u64 = 100;
/// The deepest tree of processes that is followed.
const DEPTH_MAX: usize = 8;
/// How often a process that runs under a deadline is looked at.
const LOOK: Duration = Duration::from_millis(50);

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

/// Time that all threads of this process have had a processor for.
pub(crate) fn process_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What each thread of a process has used so far.
pub(crate) struct Threads(HashMap<OsString, Used>);

/// What one thread has had of processors, to the nanosecond; and how often it went to sleep.
#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) processor: Duration,
    pub(crate) sleeps: u64,
}

impl Threads {
    /// The threads of process `pid` that live.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut threads = HashMap::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).context("procfs")? {
            let task = task?;
            let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat").split_whitespace().next().and_then(|text| text.parse().ok());
            let status = read("status");
            let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let sleeps = switches.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            let used = Used { processor: Duration::from_nanos(nanos.unwrap_or(0)), sleeps };
            threads.insert(task.file_name(), used);
        }
        let told = threads.values().any(|used| !used.processor.is_zero());
        anyhow::ensure!(told, "this kernel does not say what threads have used");
        Ok(Self(threads))
    }

    /// What they have used since `before`; of a thread that has ended meanwhile, nothing.
    pub(crate) fn since(&self, before: &Self) -> Used {
        self.0.iter().fold(Used::default(), |sum, (task, now)| {
            let then = before.0.get(task).copied().unwrap_or_default();
            Used {
                processor: sum.processor + now.processor.saturating_sub(then.processor),
                sleeps: sum.sleeps + now.sleeps.saturating_sub(then.sleeps),
            }
        })
    }
}

/// Resident memory of process `pid`, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("procfs")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kib << 10)
}

/// `pid` and its descendants.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let (mut all, mut level) = (Vec::new(), vec![pid]);
    for _ in 0..DEPTH_MAX {
        all.extend(&level);
        level = level.iter().flat_map(|&pid| children(pid)).collect();
    }
    all
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// User and system time of `pid` and its descendants.
pub(crate) fn cpu_time_of_tree(pid: u32) -> Duration {
    tree(pid).into_iter().filter_map(|pid| cpu_time(pid).ok()).sum()
}

/// Resident memory of `pid` and its descendants, in bytes; what they share counts for each.
pub(crate) fn resident_bytes_of_tree(pid: u32) -> u64 {
    tree(pid).into_iter().filter_map(|pid| resident_bytes(pid).ok()).sum()
}

/// Ends `pid` and its descendants, the leaves too.
pub(crate) fn end_tree(pid: u32) {
    let pids = tree(pid).into_iter().map(|pid| pid.to_string());
    // A process that has ended meanwhile makes `kill` complain, which nobody needs to read.
    let _ended = Command::new("kill").arg("-KILL").args(pids).output();
}

/// Runs `command` to its end, or ends it with all its descendants after `time`.
///
/// # Errors
/// A command that cannot be started, or that ran over its time.
pub(crate) fn run_within(command: &mut Command, time: Duration) -> Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    let started = clock::instant();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > time {
            end_tree(child.id());
            let _ = child.wait();
            anyhow::bail!("{name} was ended after {} s", time.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_memory_and_is_in_its_own_tree() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 0);
        assert_eq!(tree(pid)[0], pid);
        assert!(cpu_time(pid).is_ok());
    }

    #[test]
    fn a_thread_that_ends_takes_nothing_from_the_others() {
        let used = |millis| Used { processor: Duration::from_millis(millis), sleeps: millis };
        let threads =
            |all: &[(&str, u64)]| Threads(all.iter().map(|&(id, millis)| (id.into(), used(millis))).collect());
        let since = threads(&[("1", 7), ("3", 2)]).since(&threads(&[("1", 5), ("2", 100)]));
        assert_eq!((since.processor, since.sleeps), (Duration::from_millis(4), 4));
        assert!(Threads::of(std::process::id()).is_ok());
    }

    #[test]
    fn a_command_that_runs_over_its_time_is_ended() {
        let over = run_within(Command::new("sleep").arg("60"), Duration::from_millis(1));
        assert!(over.unwrap_err().to_string().contains("was ended"));
        assert!(run_within(&mut Command::new("true"), Duration::from_secs(30)).unwrap().success());
    }
}
