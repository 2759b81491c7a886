//! Sees that files change, by looking at them again and again. That works on every file system, shared ones too, and costs a
//! few milliseconds for a project: what is large in one (`target`, hidden folders) is not looked into.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_millis(300);
/// How long they have to stay as they are: an editor writes more than one, and one in more than one step.
const QUIET: Duration = Duration::from_millis(150);
/// Files that are watched at most.
const FILES_MAX: usize = 20_000;
/// Folders within folders.
const DEPTH_MAX: usize = 16;

/// What is compared of a file.
type State = (Option<SystemTime>, u64);

/// The files of a project as they were at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Snapshot(BTreeMap<PathBuf, State>);

/// Watches a folder, and files beside it.
pub(crate) struct Watcher {
    folder: PathBuf,
    /// Files that change all the time, or that are written here.
    ignored: BTreeSet<PathBuf>,
    beside: BTreeSet<PathBuf>,
    seen: Snapshot,
}

impl Watcher {
    /// What is there now is what changes are told from.
    pub(crate) fn new(folder: &Path, ignored: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut watcher = Self {
            folder: folder.to_owned(),
            ignored: ignored.into_iter().collect(),
            beside: BTreeSet::new(),
            seen: Snapshot::default(),
        };
        watcher.seen = watcher.look();
        watcher
    }

    /// How many files there are to watch.
    pub(crate) fn len(&self) -> usize {
        self.seen.0.len()
    }

    /// Watches these files too, as they are now, in place of those that were beside the folder before.
    pub(crate) fn watch_beside(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let root = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        let is_beside = |file: &PathBuf| !file.starts_with(&root) && !file.starts_with(&self.folder);
        self.beside = files.into_iter().filter(is_beside).take(FILES_MAX).collect();
        for file in &self.beside {
            self.seen.0.entry(file.clone()).or_insert_with(|| state(file));
        }
    }

    /// Waits until something has changed and nothing changes any more: which files.
    pub(crate) async fn changed(&mut self) -> BTreeSet<PathBuf> {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut now = self.look();
            if now == self.seen {
                continue;
            }
            loop {
                tokio::time::sleep(QUIET).await;
                let again = self.look();
                if again == now {
                    break;
                }
                now = again;
            }
            let changed = self.seen.difference(&now);
            self.seen = now;
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    fn look(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.walk(&self.folder, 0, &mut snapshot);
        for file in &self.beside {
            snapshot.0.insert(file.clone(), state(file));
        }
        snapshot
    }

    fn walk(&self, folder: &Path, depth: usize, snapshot: &mut Snapshot) {
        // A folder that is gone by now, or that may not be read, has no files.
        let Ok(listing) = std::fs::read_dir(folder) else { return };
        for entry in listing.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let (Some(name), Ok(kind)) = (name.to_str(), entry.file_type()) else { continue };
            if snapshot.0.len() >= FILES_MAX {
                return;
            }
            // What a link leads to counts for a file; a folder it could lead round and round.
            if kind.is_dir() && is_looked_into(name) && depth < DEPTH_MAX {
                self.walk(&path, depth + 1, snapshot);
            } else if !kind.is_dir() && !is_passing(name) && !self.ignored.contains(&path) {
                let state = state(&path);
                snapshot.0.insert(path, state);
            }
        }
    }
}

impl Snapshot {
    /// The files that are others than in `now`, that are new, or that are gone.
    fn difference(&self, now: &Self) -> BTreeSet<PathBuf> {
        let changed = now.0.iter().filter(|(path, state)| self.0.get(*path) != Some(*state));
        let gone = self.0.iter().filter(|(path, _)| !now.0.contains_key(*path));
        changed.chain(gone).map(|(path, _)| path.clone()).collect()
    }
}

fn state(path: &Path) -> State {
    path.metadata().map_or((None, 0), |metadata| (metadata.modified().ok(), metadata.len()))
}

/// A folder that may hold sources.
fn is_looked_into(name: &str) -> bool {
    !matches!(name, "target" | "node_modules" | "__pycache__") && (!name.starts_with('.') || name == ".cargo")
}

/// A file that an editor leaves for a moment.
fn is_passing(name: &str) -> bool {
    name.ends_with('~') || name.starts_with(".#") || [".swp", ".swx", ".tmp"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_is_told_once_it_is_quiet_and_the_rest_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let (kept, gone) = (write("src/a.rs", "a"), write("gone.asl.json", "{}"));
        let log = write("run.log", "");
        let beside = tempfile::NamedTempFile::new().unwrap();
        let mut watcher = Watcher::new(folder.path(), [log.clone()]);
        watcher.watch_beside([beside.path().to_owned(), kept.clone()]);
        assert_eq!(watcher.len(), 3, "{:?}", watcher.seen);

        let changes = async {
            for name in ["target/x", ".git/HEAD", "a.asl.json~", "run.log"] {
                write(name, "more");
            }
            tokio::time::sleep(INTERVAL * 2).await;
            write("src/a.rs", "ab");
            std::fs::remove_file(&gone).unwrap();
            std::fs::write(beside.path(), "more").unwrap();
            let new = write(".cargo/config.toml", "");
            tokio::time::sleep(QUIET / 2).await;
            write("src/a.rs", "abc");
            new
        };
        let (changed, new) = tokio::join!(watcher.changed(), changes);
        assert_eq!(changed, BTreeSet::from([kept, gone, beside.path().to_owned(), new]));
    }
}
