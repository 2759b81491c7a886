//! The keys' file: TOML, readable by its owner alone, with another file beside it that unseals the secrets.
//!
//! ```toml
//! [[access_key]]
//! id = "FSAK…"
//! account = "123456789012"
//! scopes = ["start", "read"]
//! sealed_secret = "…"          # XChaCha20-Poly1305, under the key in FILE.seal
//!
//! [[token]]
//! id = "…"
//! account = "123456789012"
//! scopes = ["deploy"]
//! sha256 = "…"
//! ```

use crate::keys::{Caller, Keys};
use crate::seal::{Sealer, random};
use crate::token::{self, TokenHash};
use crate::{Scope, Scopes, UnknownScope};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The most keys of one file.
pub const KEYS_MAX: usize = 10_000;
/// The largest keys' file that is read.
pub const KEYS_FILE_BYTES_MAX: u64 = 8 << 20;
/// The longest name of a key.
pub const KEY_NAME_CHARS_MAX: usize = 64;
/// What the id of an access key begins with.
const ACCESS_KEY_PREFIX: &str = "FSAK";
/// Characters of an id that are random.
const ID_CHARS: usize = 16;
/// Bytes of an access key's secret, which has 40 characters then, as AWS's have.
const SECRET_BYTES: usize = 20;
/// The end of the name of the file with the sealing key.
const SEAL_SUFFIX: &str = ".seal";

/// What is wrong with keys or their file.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner may read or write it.
    #[error("{} can be read or changed by others than its owner (mode {mode:o}): chmod 600 it", path.display())]
    Permissions {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than [`KEYS_FILE_BYTES_MAX`], or has more keys than [`KEYS_MAX`].
    #[error("{} is too large: {KEYS_MAX} keys and {KEYS_FILE_BYTES_MAX} bytes at most", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It does not have the form of a keys' file.
    #[error("{} is no file of keys: {message}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The file with the sealing key is not what the secrets were sealed with.
    #[error("the secret of access key {id} does not open with the key in {}", path.display())]
    Sealed {
        /// The access key.
        id: String,
        /// The file with the sealing key.
        path: PathBuf,
    },
    /// An account is twelve digits.
    #[error("'{account}' is no account: it should have twelve digits")]
    Account {
        /// As it came.
        account: String,
    },
    /// A key without a scope can do nothing.
    #[error("a key needs a scope: deploy, start, read or admin")]
    NoScope,
    /// A scope that there is not.
    #[error(transparent)]
    Scope(#[from] UnknownScope),
    /// A name that is too long or has control characters.
    #[error("a name has at most {KEY_NAME_CHARS_MAX} characters, none of them a control character")]
    Name,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(default, rename = "access_key", skip_serializing_if = "Vec::is_empty")]
    access_keys: Vec<Entry>,
    #[serde(default, rename = "token", skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<Entry>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    account: String,
    scopes: Vec<String>,
    /// Of an access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_secret: Option<String>,
    /// Of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Entry {
    fn caller(&self) -> Result<Caller, KeysError> {
        check_account(&self.account)?;
        let scopes = self.scopes.iter().map(|name| name.parse()).collect::<Result<Vec<Scope>, _>>()?;
        let scopes: Scopes = scopes.into_iter().collect();
        Ok(Caller { account: self.account.clone(), key_id: self.id.clone(), scopes })
    }

    /// What a secret is sealed with, beside the key: it opens in this entry only.
    fn bound_to(&self) -> String {
        format!("{}/{}", self.id, self.account)
    }
}

/// What a list shows of a key: nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `access key` or `token`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// The account that it belongs to.
    pub account: String,
    /// What it may do.
    pub scopes: String,
}

/// The keys' file, opened. Changes are written by [`KeysFile::save`].
pub struct KeysFile {
    path: PathBuf,
    contents: Contents,
}

impl KeysFile {
    /// Reads the file at `path`.
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        let text = read_private(path)?;
        let form = |message: String| KeysError::Form { path: path.to_owned(), message };
        let contents: Contents = toml::from_str(&text).map_err(|error| form(error.to_string()))?;
        if contents.access_keys.len() + contents.tokens.len() > KEYS_MAX {
            return Err(KeysError::TooLarge { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), contents })
    }

    /// The same, or an empty one where there is no such file.
    pub fn open_or_new(path: &Path) -> Result<Self, KeysError> {
        match path.try_exists() {
            Ok(false) => Ok(Self { path: path.to_owned(), contents: Contents::default() }),
            _ => Self::open(path),
        }
    }

    /// All keys, unsealed.
    pub fn keys(&self) -> Result<Keys, KeysError> {
        let mut keys = Keys::default();
        let sealer = if self.contents.access_keys.is_empty() { None } else { Some(self.sealer()?) };
        for entry in &self.contents.access_keys {
            let caller = entry.caller()?;
            let sealed = || KeysError::Sealed { id: entry.id.clone(), path: self.seal_path() };
            let opened = entry.sealed_secret.as_deref().zip(sealer.as_ref());
            let secret =
                opened.and_then(|(secret, sealer)| sealer.open(secret, &entry.bound_to())).ok_or_else(sealed)?;
            keys.insert_access_key(caller, secret);
        }
        for entry in &self.contents.tokens {
            let hash = entry.sha256.as_deref().and_then(TokenHash::from_hex);
            let hash = hash.ok_or_else(|| self.form(format!("token {} has no SHA-256", entry.id)))?;
            keys.tokens.insert(entry.id.clone(), (Arc::new(entry.caller()?), hash));
        }
        if keys.len() < self.contents.access_keys.len() + self.contents.tokens.len() {
            return Err(self.form("an id is there twice".to_owned()));
        }
        Ok(keys)
    }

    /// Adds an access key, with a fresh secret that is nowhere else afterwards: its id and the secret.
    pub fn add_access_key(
        &mut self,
        account: &str,
        scopes: Scopes,
        name: &str,
    ) -> Result<(String, Zeroizing<String>), KeysError> {
        let mut entry = self.entry(account, scopes, name)?;
        entry.id.insert_str(0, ACCESS_KEY_PREFIX);
        let secret = Zeroizing::new(crate::seal::hex(&*random::<SECRET_BYTES>()?));
        let sealer = if self.contents.access_keys.is_empty() { self.sealer_or_new()? } else { self.sealer()? };
        entry.sealed_secret = Some(sealer.seal(&secret, &entry.bound_to())?);
        let id = entry.id.clone();
        self.contents.access_keys.push(entry);
        Ok((id, secret))
    }

    /// Adds a bearer token: its id and the token, which is nowhere else afterwards.
    pub fn add_token(
        &mut self,
        account: &str,
        scopes: Scopes,
        name: &str,
    ) -> Result<(String, Zeroizing<String>), KeysError> {
        let mut entry = self.entry(account, scopes, name)?;
        let token = token::generate(&entry.id)?;
        entry.sha256 = Some(TokenHash::of(&token).to_hex());
        let id = entry.id.clone();
        self.contents.tokens.push(entry);
        Ok((id, token))
    }

    /// Removes the key or the token with that id; whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let Contents { access_keys, tokens } = &mut self.contents;
        let before = access_keys.len() + tokens.len();
        access_keys.retain(|entry| entry.id != id);
        tokens.retain(|entry| entry.id != id);
        access_keys.len() + tokens.len() < before
    }

    /// What is there.
    pub fn list(&self) -> impl Iterator<Item = Listed> {
        let of = |kind, entries: &[Entry]| {
            let listed = |entry: &Entry| Listed {
                kind,
                id: entry.id.clone(),
                name: entry.name.clone(),
                account: entry.account.clone(),
                scopes: entry.scopes.join(","),
            };
            entries.iter().map(listed).collect::<Vec<_>>()
        };
        of("access key", &self.contents.access_keys).into_iter().chain(of("token", &self.contents.tokens))
    }

    /// Writes the file, all of it or nothing, readable by its owner alone.
    pub fn save(&self) -> Result<(), KeysError> {
        let text = toml::to_string(&self.contents).map_err(|error| self.form(error.to_string()))?;
        write_private(&self.path, &text)
    }

    fn entry(&self, account: &str, scopes: Scopes, name: &str) -> Result<Entry, KeysError> {
        check_account(account)?;
        if scopes.is_empty() {
            return Err(KeysError::NoScope);
        }
        if name.chars().count() > KEY_NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(KeysError::Name);
        }
        if self.contents.access_keys.len() + self.contents.tokens.len() >= KEYS_MAX {
            return Err(KeysError::TooLarge { path: self.path.clone() });
        }
        let scopes = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        let (name, account) = (name.to_owned(), account.to_owned());
        Ok(Entry { id: random_id()?, name, account, scopes, sealed_secret: None, sha256: None })
    }

    fn sealer(&self) -> Result<Sealer, KeysError> {
        let path = self.seal_path();
        let text = read_private(&path)?;
        let message = "it should hold 32 bytes in base64".to_owned();
        Sealer::of(&text).ok_or(KeysError::Form { path, message })
    }

    /// The one that is there, or a new one, written.
    fn sealer_or_new(&self) -> Result<Sealer, KeysError> {
        let path = self.seal_path();
        if path.try_exists().unwrap_or(true) {
            return self.sealer();
        }
        let (sealer, text) = Sealer::generate()?;
        write_private(&path, &text)?;
        Ok(sealer)
    }

    fn seal_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(SEAL_SUFFIX);
        path.into()
    }

    fn form(&self, message: String) -> KeysError {
        KeysError::Form { path: self.path.clone(), message }
    }
}

fn check_account(account: &str) -> Result<(), KeysError> {
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(()) } else { Err(KeysError::Account { account: account.to_owned() }) }
}

/// Letters and digits that are not taken for one another.
fn random_id() -> Result<String, getrandom::Error> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let bytes = random::<ID_CHARS>()?;
    Ok(bytes.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect())
}

/// The text of a file that only its owner can read or change.
fn read_private(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    let at = |source| KeysError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(at)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = file.metadata().map_err(at)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeysError::Permissions { path: path.to_owned(), mode });
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(KEYS_FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(at)?;
    if text.len() as u64 > KEYS_FILE_BYTES_MAX {
        return Err(KeysError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

/// Writes a file that only its owner can read: all of it or nothing.
fn write_private(path: &Path, text: &str) -> Result<(), KeysError> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // A temporary file has mode 600 from its beginning.
        let mut file = tempfile::Builder::new().prefix(".keys-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| KeysError::Io { path: path.to_owned(), source })
}
