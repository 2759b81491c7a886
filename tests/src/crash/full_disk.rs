//! The same on a disk that is filled under the server's feet, and emptied again.

use super::load::Load;
use super::{Known, Place, Tally, WORKFLOWS, create};
use crate::program::Serving;
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

/// How large the disk is.
const DISK_BYTES: u32 = 64 << 20;
/// How large the journal may become there; a 64th of it is taken ahead, so that it does not last long once the disk is full.
const JOURNAL_MIB: u32 = 40;
/// How long each part of a round lasts, in milliseconds.
const PART_MS: std::ops::Range<u64> = 30..500;

/// Runs `program` with `arguments` and then the path of a folder on a small disk of its own, which is in memory and which
/// nobody else sees. Nothing where this machine has no such thing for this user: with the reason.
///
/// # Errors
/// A program that cannot be started.
pub fn with_a_small_disk(program: &Path, arguments: &[&str]) -> Result<std::result::Result<Output, String>> {
    let folder = tempfile::tempdir()?;
    let unshare = |command: &str| {
        let mut unshare = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size={DISK_BYTES} none \"$0\" && {command}");
        unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(folder.path());
        unshare
    };
    match unshare("true").output() {
        Err(error) => return Ok(Err(format!("unshare: {error}"))),
        Ok(tried) if !tried.status.success() => return Ok(Err(String::from_utf8_lossy(&tried.stderr).into_owned())),
        Ok(_) => {}
    }
    let run = unshare("exec \"$@\" \"$0\"").arg(program).args(arguments).output();
    Ok(Ok(run.context("unshare")?))
}

/// Serves from `folder`, which is alone on its disk, `rounds` times: under load the disk is filled, perhaps emptied
/// again, and the server killed; sometimes the next one finds it full. Then lets everything end and counts.
///
/// # Errors
/// As for [`rounds`](super::rounds).
pub fn on_a_full_disk(folder: &Path, rounds: u32, seed: u64, tell: impl Fn(&str)) -> Result<Tally> {
    let elsewhere = tempfile::tempdir()?;
    let place = Place { data: folder.join("data"), log: elsewhere.path().join("log"), journal_mib: JOURNAL_MIB };
    let ballast = folder.join("ballast");
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut tally, mut known) = (Tally::default(), Known::default());
    let first = place.serve(&mut tally)?;
    for (name, seconds) in WORKFLOWS {
        create(&first, name, seconds)?;
    }
    first.kill()?;
    for round in 1..=rounds {
        let server = place.serve_when_there_is_room(&ballast, &mut tally)?;
        let load = Load::begin(server.address);
        thread::sleep(Duration::from_millis(chance.u64(PART_MS)));
        fill(&ballast)?;
        thread::sleep(Duration::from_millis(chance.u64(PART_MS)));
        if chance.bool() {
            fs::remove_file(&ballast)?;
            thread::sleep(Duration::from_millis(chance.u64(PART_MS)));
        }
        server.kill()?;
        let answers = load.end();
        tally.throttled += answers.throttled;
        let (new, unfinished) = known.look(&place, answers.acknowledged)?;
        tally.run_again += unfinished;
        let throttled = answers.throttled;
        tell(&format!(
            "round {round}: {new} acknowledged, {throttled} refused, {unfinished} unfinished when it was killed"
        ));
        if chance.bool() {
            empty(&ballast)?;
        }
    }
    empty(&ballast)?;
    known.come_to_an_end(&place, &mut tally)?;
    Ok(tally)
}

impl Place {
    /// Serves; where not one byte is free for what a start has to write, the server says so and ends, and gets its
    /// room.
    fn serve_when_there_is_room(&self, ballast: &Path, tally: &mut Tally) -> Result<Serving> {
        match self.serve(tally) {
            Err(error) if error.to_string().contains("No space left on device") => {
                tally.refused_to_start += 1;
                empty(ballast)?;
                self.serve(tally)
            }
            served => served,
        }
    }
}

/// Writes zeros until there is no room for one more.
fn fill(ballast: &Path) -> Result<()> {
    let mut file = File::options().append(true).create(true).open(ballast)?;
    let zeros = [0; 4 << 10];
    loop {
        match file.write(&zeros) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error).context("the disk could not be filled"),
        }
    }
}

fn empty(ballast: &Path) -> Result<()> {
    match fs::remove_file(ballast) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
