//! The keys' file: what it holds, who may read it, what is wrong with it.

use fleetstep_identity::{KEYS_FILE_BYTES_MAX, KeysError, KeysFile, Scope, Scopes};
use std::fs;
use std::path::Path;

const ACCOUNT: &str = "123456789012";

fn scopes() -> Scopes {
    [Scope::Start, Scope::Read].into_iter().collect()
}

/// A file with an access key and a token, their ids, and all that is secret about them.
fn saved(path: &Path) -> (Vec<String>, Vec<String>) {
    let mut file = KeysFile::open_or_new(path).unwrap();
    let (key, secret) = file.add_access_key(ACCOUNT, scopes(), "laptop").unwrap();
    let (token, text) = file.add_token("210987654321", [Scope::Admin].into_iter().collect(), "").unwrap();
    file.save().unwrap();
    (vec![key, token], vec![secret.to_string(), text.to_string()])
}

#[test]
fn secrets_are_in_no_file_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (_, secrets) = saved(&folder.path().join("keys.toml"));
    assert_eq!(secrets[0].len(), 40);
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        files += 1;
        for secret in &secrets {
            assert!(!text.contains(secret) && !text.contains(&secret[secret.len() - 40..]), "{text}");
        }
    }
    assert_eq!(files, 2, "the keys, and what unseals them");
}

#[test]
fn what_was_saved_is_there_again_and_what_was_removed_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let (ids, _) = saved(&path);
    let mut file = KeysFile::open(&path).unwrap();
    let listed: Vec<_> = file.list().map(|key| (key.kind, key.id, key.name, key.account, key.scopes)).collect();
    let own = |text: &str| text.to_owned();
    assert_eq!(listed[0], ("access key", ids[0].clone(), own("laptop"), own(ACCOUNT), own("start,read")));
    assert_eq!(listed[1], ("token", ids[1].clone(), own(""), own("210987654321"), own("admin")));
    let keys = file.keys().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys.accounts().collect::<Vec<_>>(), [ACCOUNT, "210987654321"]);
    assert!(file.remove(&ids[0]) && !file.remove(&ids[0]));
    file.save().unwrap();
    assert_eq!(KeysFile::open(&path).unwrap().keys().unwrap().len(), 1);
}

#[test]
fn a_secret_opens_in_its_own_entry_with_its_own_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    saved(&path);
    let text = fs::read_to_string(&path).unwrap();
    // Whoever can change the file cannot give a key to another account.
    fs::write(&path, text.replacen(ACCOUNT, "999999999999", 1)).unwrap();
    assert!(matches!(KeysFile::open(&path).unwrap().keys(), Err(KeysError::Sealed { .. })));
    fs::write(&path, &text).unwrap();
    assert!(KeysFile::open(&path).unwrap().keys().is_ok());
    let other = tempfile::tempdir().unwrap();
    saved(&other.path().join("keys.toml"));
    fs::copy(other.path().join("keys.toml.seal"), folder.path().join("keys.toml.seal")).unwrap();
    assert!(matches!(KeysFile::open(&path).unwrap().keys(), Err(KeysError::Sealed { .. })));
    fs::remove_file(folder.path().join("keys.toml.seal")).unwrap();
    assert!(matches!(KeysFile::open(&path).unwrap().keys(), Err(KeysError::Io { .. })));
    // A new key must not be sealed with another key than the old ones.
    assert!(KeysFile::open(&path).unwrap().add_access_key(ACCOUNT, scopes(), "").is_err());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    saved(&path);
    let mode = |name: &str, mode| {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for wrong in [0o640, 0o604, 0o620, 0o666] {
        mode("keys.toml", wrong);
        let error = KeysFile::open(&path).err().unwrap();
        assert!(error.to_string().ends_with(&format!("(mode {wrong:o}): chmod 600 it")), "{error}");
    }
    mode("keys.toml", 0o600);
    mode("keys.toml.seal", 0o644);
    assert!(matches!(KeysFile::open(&path).unwrap().keys(), Err(KeysError::Permissions { .. })));
    mode("keys.toml.seal", 0o400);
    assert!(KeysFile::open(&path).unwrap().keys().is_ok());
}

#[test]
fn what_is_no_key_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    saved(&path);
    let said = |text: &str| {
        fs::write(&path, text).unwrap();
        let opened = KeysFile::open(&path).and_then(|file| file.keys().map(|keys| keys.len()));
        opened.err().unwrap_or_else(|| panic!("taken: {text}")).to_string()
    };
    let token = |account: &str, scope: &str, hash: &str| {
        format!("[[token]]\nid = \"T\"\naccount = \"{account}\"\nscopes = [\"{scope}\"]\nsha256 = \"{hash}\"\n")
    };
    let hash = "0".repeat(64);
    assert!(said("[[tokens]]").contains("unknown field `tokens`"));
    assert!(said(&token("12", "start", &hash)).contains("'12' is no account"));
    assert!(said(&token(ACCOUNT, "starts", &hash)).contains("'starts' is no scope"));
    assert!(said(&token(ACCOUNT, "start", "00")).contains("token T has no SHA-256"));
    let right = token(ACCOUNT, "start", &hash);
    assert!(said(&[right.as_str(), &right].concat()).contains("an id is there twice"));
    assert!(said(&" ".repeat(usize::try_from(KEYS_FILE_BYTES_MAX).unwrap() + 1)).contains("is too large"));
    let mut file = KeysFile::open_or_new(&folder.path().join("new.toml")).unwrap();
    assert!(matches!(file.add_token("1", scopes(), ""), Err(KeysError::Account { .. })));
    assert!(matches!(file.add_token(ACCOUNT, Scopes::default(), ""), Err(KeysError::NoScope)));
    assert!(matches!(file.add_token(ACCOUNT, scopes(), "\u{1b}[2J"), Err(KeysError::Name)));
}
