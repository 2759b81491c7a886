//! The files of a suite: definitions, cases, and AWS's `MockConfigFile.json`.

use crate::{CASES_MAX, Case, Expected, FILE_BYTES_MAX, Mocks, Suite, WORKFLOWS_MAX, Workflow};
use fleetstep_asl::Format;
use fleetstep_document::Document;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why there is no suite.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or a folder cannot be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is larger than [`FILE_BYTES_MAX`].
    #[error("{}: more than {FILE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    /// A file does not say what it should.
    #[error("{}: {problem}", file.display())]
    Malformed {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no definition in the folder.
    #[error("{}: there is no definition here, that is a file *.asl.json or *.asl.yaml", .0.display())]
    NoDefinition(PathBuf),
    /// There are more definitions, or more cases of one, than a suite may have.
    #[error("{}: more than {most} {what}", folder.display())]
    TooMany {
        /// Where.
        folder: PathBuf,
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
}

/// How a definition's file is named.
const ENDINGS: [(&str, Format); 3] =
    [(".asl.json", Format::Json), (".asl.yaml", Format::Yaml), (".asl.yml", Format::Yaml)];

/// AWS's file of mocks.
const MOCK_CONFIG_FILE: &str = "MockConfigFile.json";

impl Suite {
    /// Reads the definitions of a folder, or one definition, and the cases beside them.
    ///
    /// A case is a folder with `input.json`, `mocks.json` and `expected.json`, in `cases/NAME` where there are several
    /// definitions or that folder is there, else in `cases`. Each of the three may be missing: no input is `{}`, no
    /// mocks are those of the `MockConfigFile.json`, and what is expected then is a success.
    ///
    /// # Errors
    /// The first [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let is_folder = path.is_dir();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = if is_folder { path } else { parent };
        let mut files = Vec::new();
        for file in entries(folder)? {
            files.extend(definition_of(&file).map(|(name, format)| (file, name, format)));
        }
        if files.len() > WORKFLOWS_MAX {
            return Err(ReadError::TooMany { folder: folder.into(), what: "definitions", most: WORKFLOWS_MAX });
        }
        let is_alone = files.len() <= 1;
        if !is_folder {
            let found = definition_of(path).or_else(|| Some((stem(path), Format::Json)));
            files = found.into_iter().map(|(name, format)| (path.to_path_buf(), name, format)).collect();
        }
        if files.is_empty() {
            return Err(ReadError::NoDefinition(folder.into()));
        }
        let config = folder.join(MOCK_CONFIG_FILE);
        let config = if config.is_file() { Some((document(&config)?, config)) } else { None };
        let read = files.into_iter().map(|(file, name, format)| {
            let cases = cases_of(folder, &name, is_alone, config.as_ref())?;
            Ok(Workflow { source: text(&file)?, file, name, format, cases })
        });
        Ok(Self { workflows: read.collect::<Result<_, _>>()? })
    }
}

fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn definition_of(file: &Path) -> Option<(String, Format)> {
    let name = file.file_name()?.to_str()?;
    ENDINGS.iter().find_map(|(ending, format)| Some((name.strip_suffix(ending)?.to_owned(), *format)))
}

fn cases_of(
    folder: &Path,
    workflow: &str,
    is_alone: bool,
    config: Option<&(Document, PathBuf)>,
) -> Result<Vec<Case>, ReadError> {
    let mut configured = BTreeMap::new();
    if let Some((config, file)) = config {
        configured = Mocks::parse_config(config, workflow)
            .map_err(|problem| ReadError::Malformed { file: file.clone(), problem })?;
    }
    let all = folder.join("cases");
    let own = all.join(workflow);
    let is_own = own.is_dir() && !own.join("input.json").is_file();
    let home = if is_own || !is_alone { own } else { all };
    let mut cases = Vec::new();
    let folders = if home.is_dir() { entries(&home)? } else { Vec::new() };
    for folder in folders.into_iter().filter(|entry| entry.is_dir()) {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let shared = configured.remove(&name).unwrap_or_default();
        cases.push(read_case(&folder, name, shared)?);
    }
    for (name, mocks) in configured {
        cases.push(Case { name, input: Document::empty_object(), mocks, expected: Expected::SUCCESS });
    }
    if cases.len() > CASES_MAX {
        return Err(ReadError::TooMany { folder: home, what: "cases", most: CASES_MAX });
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(cases)
}

fn read_case(folder: &Path, name: String, shared: Mocks) -> Result<Case, ReadError> {
    let input = part(folder, "input.json", |input| Ok(input.clone()))?.unwrap_or_else(Document::empty_object);
    let mocks = part(folder, "mocks.json", Mocks::parse)?.unwrap_or_default().or(shared);
    let expected = part(folder, "expected.json", Expected::parse)?.unwrap_or(Expected::SUCCESS);
    Ok(Case { name, input, mocks, expected })
}

/// A file of a case, if it is there.
fn part<T>(
    folder: &Path,
    name: &str,
    parse: impl FnOnce(&Document) -> Result<T, String>,
) -> Result<Option<T>, ReadError> {
    let file = folder.join(name);
    if !file.exists() {
        return Ok(None);
    }
    let parsed = parse(&document(&file)?);
    parsed.map(Some).map_err(|problem| ReadError::Malformed { file, problem })
}

/// What is in a folder, by name. More than the cases and definitions that there may be, and a file each, is refused.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let most = CASES_MAX * 10;
    let unreadable = |error| ReadError::Unreadable { file: folder.into(), error };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        found.push(entry.map_err(unreadable)?.path());
        if found.len() > most {
            return Err(ReadError::TooMany { folder: folder.into(), what: "entries", most });
        }
    }
    found.sort();
    Ok(found)
}

fn document(file: &Path) -> Result<Document, ReadError> {
    let malformed = |problem| ReadError::Malformed { file: file.into(), problem };
    Document::parse(text(file)?.as_bytes()).map_err(|error| malformed(error.to_string()))
}

fn text(file: &Path) -> Result<String, ReadError> {
    let unreadable = |error| ReadError::Unreadable { file: file.into(), error };
    let mut text = String::new();
    let open = File::open(file).map_err(unreadable)?;
    let bytes = open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if bytes as u64 > FILE_BYTES_MAX { Err(ReadError::TooLarge(file.into())) } else { Ok(text) }
}
