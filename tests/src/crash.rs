//! Crashes: a server that is killed under load again and again, and what became of every start that it acknowledged.

mod damage;
mod full_disk;
mod load;

pub use damage::{Damage, damaged};
pub use full_disk::{on_a_full_disk, with_a_small_disk};
pub use load::aws;

use crate::http;
use crate::program::Serving;
use anyhow::{Context as _, Result, bail, ensure};
use fleetstep_api::AcceptedStart;
use fleetstep_journal::{Entry, inspect};
use load::Load;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long a load runs before the server is killed, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 30..900;
/// How long what was accepted may take to end, when nothing disturbs it any more.
const END_TIME_MAX: Duration = Duration::from_secs(120);
/// The workflows, and how long each waits: some executions are over when the server is killed, most are not.
const WORKFLOWS: [(&str, u32); 2] = [("at-once", 0), ("waits", 1)];

/// What the rounds came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Starts that were acknowledged.
    pub acknowledged: usize,
    /// Of those, the ones that never ended.
    pub lost: Vec<String>,
    /// Starts that were found unfinished after a crash, each crash counted.
    pub run_again: usize,
    /// Starts that were begun more than once.
    pub doubles: usize,
    /// Starts that ran though nobody was told that they were accepted.
    pub unacknowledged: usize,
    /// Requests that were refused as too many: the disk was full.
    pub throttled: usize,
    /// Servers that did not start, since not one byte was free, and said so.
    pub refused_to_start: usize,
    /// Lines that the servers warned with.
    pub warnings: Vec<String>,
}

/// What is known of the starts.
#[derive(Default)]
struct Known {
    acknowledged: HashSet<String>,
    /// Ids of the journal and whose they are.
    accepted: HashMap<u64, String>,
    /// The journal says that they ended.
    finished: HashSet<String>,
}

/// Kills a server under a load of asynchronous starts `rounds` times, then lets everything end and counts.
///
/// # Errors
/// A server that does not start again, a journal that does not open, or a start that was acknowledged and is not in the
/// journal.
pub fn rounds(rounds: u32, seed: u64, tell: impl Fn(&str)) -> Result<Tally> {
    let temporary = tempfile::tempdir()?;
    let place = Place { data: temporary.path().join("data"), log: temporary.path().join("log"), journal_mib: 1_024 };
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut tally, mut known) = (Tally::default(), Known::default());
    let first = place.serve(&mut tally)?;
    for (name, seconds) in WORKFLOWS {
        create(&first, name, seconds)?;
    }
    first.kill()?;
    for round in 1..=rounds {
        let server = place.serve(&mut tally)?;
        let load = Load::begin(server.address);
        thread::sleep(Duration::from_millis(chance.u64(LIFE_MS)));
        server.kill()?;
        let (new, unfinished) = known.look(&place, load.end().acknowledged)?;
        tally.run_again += unfinished;
        tell(&format!("round {round}: {new} acknowledged, {unfinished} unfinished when it was killed"));
    }
    known.come_to_an_end(&place, &mut tally)?;
    Ok(tally)
}

/// Where a server lives.
struct Place {
    data: PathBuf,
    log: PathBuf,
    /// How large its journal may become, in MiB.
    journal_mib: u32,
}

impl Place {
    fn serve(&self, tally: &mut Tally) -> Result<Serving> {
        let (data, log) = (self.data.display().to_string(), self.log.display().to_string());
        let journal = self.journal_mib.to_string();
        let server = Serving::start(["--data-dir", &data, "--log-file", &log, "--journal-mib", &journal])?;
        let warnings = server.announced.lines().filter(|line| line.starts_with("warning")).map(str::to_owned);
        tally.warnings.extend(warnings);
        Ok(server)
    }
}

/// Creates a workflow whose every event is logged.
fn create(server: &Serving, name: &str, seconds: u32) -> Result<()> {
    let state = match seconds {
        0 => json!({"Type": "Pass", "End": true}),
        _ => json!({"Type": "Wait", "Seconds": seconds, "End": true}),
    };
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:g:*";
    let request = json!({
        "name": name, "type": "EXPRESS", "roleArn": "arn:aws:iam::000000000000:role/r",
        "definition": json!({"StartAt": "S", "States": {"S": state}}).to_string(),
        "loggingConfiguration": {"level": "ALL", "includeExecutionData": false,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]},
    });
    let answer = load::aws(server.address, "CreateStateMachine", &request)?;
    ensure!(answer.get("stateMachineArn").is_some(), "{answer}");
    Ok(())
}

/// Waits until nothing runs any more.
fn all_end(server: &Serving) -> Result<()> {
    #[allow(clippy::disallowed_methods)] // How long a person would wait, not what an execution sees.
    let began = Instant::now();
    let mut quiet = 0;
    while quiet < 10 {
        ensure!(began.elapsed() < END_TIME_MAX, "executions are still running");
        thread::sleep(Duration::from_millis(100));
        let (_, health) = http::request(server.address, "GET", "/healthz", http::JSON, b"")?;
        quiet = if health["executionsRunning"] == 0 { quiet + 1 } else { 0 };
    }
    Ok(())
}

impl Known {
    /// Serves once more until nothing runs any more, and counts.
    fn come_to_an_end(&mut self, place: &Place, tally: &mut Tally) -> Result<()> {
        let last = place.serve(tally)?;
        all_end(&last)?;
        last.terminate()?;
        let (status, said) = last.wait()?;
        ensure!(status.success(), "{status}: {said}");
        self.look(place, Vec::new())?;
        self.count(&place.log, tally)
    }

    /// Looks into the journal of a server that is gone: how many starts were acknowledged in its life, and how many
    /// it left unfinished.
    fn look(&mut self, place: &Place, acknowledged: Vec<String>) -> Result<(usize, usize)> {
        let mut unfinished = HashSet::new();
        let folder = place.data.join("journal");
        inspect(&folder, |entry| match entry {
            Entry::Start { id, payload, .. } => {
                let arn = AcceptedStart::read(payload).map_or_else(String::new, |start| start.execution_arn.to_owned());
                unfinished.insert(id);
                self.accepted.insert(id, arn);
            }
            Entry::Finished { ids, .. } => {
                for id in ids {
                    unfinished.remove(&id);
                    self.finished.extend(self.accepted.get(&id).cloned());
                }
            }
            Entry::Segment { .. } | Entry::Damaged { .. } => {}
        })
        .context("the journal of a server that was killed")?;
        let known: HashSet<&String> = self.accepted.values().collect();
        if let Some(missing) = acknowledged.iter().find(|arn| !known.contains(arn) && !self.finished.contains(*arn)) {
            bail!("{missing} was acknowledged and is not in the journal");
        }
        let new = acknowledged.len();
        self.acknowledged.extend(acknowledged);
        Ok((new, unfinished.len()))
    }

    /// Reads the log of all lives.
    fn count(&self, log: &Path, tally: &mut Tally) -> Result<()> {
        let (mut begun, mut ended): (HashMap<String, usize>, HashSet<String>) = Default::default();
        for line in BufReader::new(std::fs::File::open(log)?).split(b'\n') {
            // A server that was killed may have left half a line.
            let Ok(event) = serde_json::from_slice::<Value>(&line?) else { continue };
            let arn = event["execution_arn"].as_str().unwrap_or_default().to_owned();
            match event["type"].as_str() {
                Some("ExecutionStarted") => *begun.entry(arn).or_default() += 1,
                Some("ExecutionSucceeded") => {
                    ended.insert(arn);
                }
                _ => {}
            }
        }
        // The last lines before a kill may not have been written: then the journal's mark tells of the end.
        let is_lost = |arn: &&String| !ended.contains(*arn) && !self.finished.contains(*arn);
        tally.acknowledged = self.acknowledged.len();
        tally.lost = self.acknowledged.iter().filter(is_lost).cloned().collect();
        tally.doubles = begun.values().filter(|&&times| times > 1).count();
        tally.unacknowledged = begun.keys().filter(|arn| !self.acknowledged.contains(*arn)).count();
        Ok(())
    }
}
