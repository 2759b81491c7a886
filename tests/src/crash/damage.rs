//! A journal as a server left it, cut and changed byte by byte.

use super::{Place, Tally, WORKFLOWS, create, load};
use anyhow::{Context as _, Result, bail, ensure};
use fleetstep_journal::{Entry, FileConfig, FileJournal, inspect};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Starts that wait in the journal that is damaged.
const STARTS: usize = 12;

/// What was done to copies of one journal.
#[derive(Debug, Default)]
pub struct Damage {
    /// Cuts of the last record.
    pub cuts: usize,
    /// Changed bits.
    pub flips: usize,
    /// Of the copies with a changed bit, those that did not open and said where.
    pub refused: usize,
    /// Those that opened with all that they had.
    pub unharmed: usize,
    /// Those that opened without their last batch, and warned.
    pub cut: usize,
}

/// Lets a server accept starts, kills it, and damages copies of its journal: the tail cut at every byte of the last
/// record, and every bit of the last two records and of each tenth byte before changed.
///
/// # Errors
/// A copy that opens without something that it should have, or with something else.
pub fn damaged() -> Result<Damage> {
    let temporary = tempfile::tempdir()?;
    let place = Place { data: temporary.path().join("data"), log: temporary.path().join("log"), journal_mib: 1_024 };
    let server = place.serve(&mut Tally::default())?;
    let (name, _) = WORKFLOWS[1];
    create(&server, name, 60)?;
    let journal = place.data.join("journal");
    // From then on starts go to one file, which has the room.
    wait_for(&journal.join("room.ready"))?;
    let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");
    for n in 0..STARTS {
        let request = json!({"stateMachineArn": arn, "input": n.to_string()});
        let answer = load::aws(server.address, "StartExecution", &request)?;
        ensure!(answer.get("executionArn").is_some(), "{answer}");
    }
    server.kill()?;
    let (file, starts) = records(&journal)?;
    ensure!(starts.len() == STARTS, "{} of {STARTS} starts are in the journal", starts.len());
    let mut bytes = fs::read(journal.join(&file))?;
    // Room is zeros, and no payload ends with one.
    bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
    let copy = Copy { folder: temporary.path().join("copy"), file, whole: read(&journal)?.0 };

    let last = usize::try_from(starts[STARTS - 1])?;
    let mut damage = Damage::default();
    for end in last..bytes.len() {
        let (found, warned) = copy.open(&bytes[..end])?.context("a torn tail opens")?;
        ensure!(found == copy.whole[..STARTS - 1], "cut at {end}: not all that came before");
        ensure!(warned || end == last, "cut at {end}: no warning");
        damage.cuts += 1;
    }
    let close = usize::try_from(starts[STARTS - 2])?;
    for at in (0..bytes.len()).filter(|&at| at >= close || at % 10 == 0) {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            damage.flips += 1;
            match copy.open(&changed)? {
                None => damage.refused += 1,
                Some((found, _)) if found == copy.whole => damage.unharmed += 1,
                Some((found, warned)) => {
                    let is_last = at >= last && found == copy.whole[..STARTS - 1];
                    ensure!(is_last && warned, "bit {bit} of byte {at}: {} starts, warned: {warned}", found.len());
                    damage.cut += 1;
                }
            }
        }
    }
    Ok(damage)
}

fn wait_for(file: &Path) -> Result<()> {
    for _ in 0..200 {
        if file.exists() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{} is not there after ten seconds", file.display())
}

/// The file that records lie in, and where each start begins.
fn records(journal: &Path) -> Result<(String, Vec<u64>)> {
    let (mut current, mut last, mut starts) = (String::new(), String::new(), BTreeSet::new());
    inspect(journal, |entry| match entry {
        Entry::Segment { file, .. } => file.clone_into(&mut current),
        Entry::Start { offset, .. } => {
            last.clone_from(&current);
            starts.insert(offset);
        }
        _ => {}
    })?;
    Ok((last, starts.into_iter().collect()))
}

/// What opening finds: the payloads, and whether it warned; nothing where it refuses.
fn read(folder: &Path) -> Result<(Vec<Vec<u8>>, bool)> {
    let opened = FileJournal::open(&FileConfig { has_room_ahead: false, ..FileConfig::new(folder) })?;
    let payloads = opened.unfinished.iter().map(|record| record.payload.to_vec()).collect();
    Ok((payloads, !opened.warnings.is_empty()))
}

struct Copy {
    folder: std::path::PathBuf,
    file: String,
    /// The payloads of the journal as it was.
    whole: Vec<Vec<u8>>,
}

impl Copy {
    /// Opens a journal of one segment; nothing where it is refused as damaged.
    fn open(&self, segment: &[u8]) -> Result<Option<(Vec<Vec<u8>>, bool)>> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::create_dir(&self.folder)?;
        fs::write(self.folder.join(&self.file), segment)?;
        match read(&self.folder) {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                let text = error.to_string();
                ensure!(text.contains("is damaged") || text.contains("format version"), "{text}");
                Ok(None)
            }
        }
    }
}
