//! The two stores.

use bytes::Bytes;
use fleetstep_catalog::{Change, MemoryStore, RecordKind, RedbStore, Store, Stored};
use fleetstep_wasm::Digest;
use std::fs;

fn stored(kind: RecordKind, name: &str, bytes: &[u8]) -> Stored {
    Stored { kind, name: name.to_owned(), bytes: bytes.to_vec() }
}

async fn check(store: &dyn Store) {
    let (machine, function) =
        (stored(RecordKind::StateMachine, "n", b"1"), stored(RecordKind::Function, "n", &[0, 255]));
    store.write(vec![Change::Put(machine.clone()), Change::Put(function.clone())]).await.unwrap();
    assert_eq!(store.load_all().await.unwrap(), [machine, function.clone()]);
    let replaced = stored(RecordKind::Function, "n", b"2");
    let delete = |name: &str| Change::Delete { kind: RecordKind::StateMachine, name: name.to_owned() };
    store.write(vec![Change::Put(replaced.clone()), delete("n"), delete("none")]).await.unwrap();
    assert_eq!(store.load_all().await.unwrap(), [replaced]);

    let bytes = Bytes::from_static(b"a module");
    let digest = Digest::of(&bytes).to_string();
    assert_eq!(store.module(&digest).await.unwrap(), None);
    for _ in 0..2 {
        store.put_module(&digest, bytes.clone()).await.unwrap();
        assert_eq!(store.module(&digest).await.unwrap(), Some(bytes.clone()));
    }
    assert_eq!(store.modules().await.unwrap(), std::slice::from_ref(&digest));
    for _ in 0..2 {
        store.delete_module(&digest).await.unwrap();
        assert_eq!(store.modules().await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn a_store_keeps_what_it_is_given() {
    check(&MemoryStore::default()).await;
    let dir = tempfile::tempdir().unwrap();
    check(&RedbStore::open(dir.path().join("new")).await.unwrap()).await;
}

#[tokio::test]
async fn one_server_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedbStore::open(dir.path()).await.unwrap();
    let error = RedbStore::open(dir.path()).await.unwrap_err().to_string();
    assert!(
        error.ends_with("is in use by another server: end that one first, or name another data directory"),
        "{error}"
    );
    drop(first);
    RedbStore::open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_later_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(RedbStore::open(dir.path()).await.unwrap());
    let database = redb::Database::open(dir.path().join("catalog.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("schema", 7).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = RedbStore::open(dir.path()).await.unwrap_err().to_string();
    assert!(
        error.contains("was written by a later version of fleetstep (schema 7, this one knows up to 5)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.redb");
    let store = RedbStore::open(dir.path()).await.unwrap();
    let records = (0..200).map(|n| Change::Put(stored(RecordKind::Function, &format!("f{n}"), &[7; 500])));
    store.write(records.collect()).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let damaged = |at: usize, length: usize| {
        let mut bytes = whole.clone();
        let end = (at + length).min(bytes.len());
        bytes[at..end].fill(0xa5);
        bytes
    };
    // Whatever is hit, opening and reading either fail with a message or give back what was written.
    for at in (0..whole.len()).step_by(whole.len() / 24) {
        fs::write(&path, damaged(at, 512)).unwrap();
        let read = match RedbStore::open(dir.path()).await {
            Ok(store) => store.load_all().await,
            Err(error) => Err(error),
        };
        match read {
            Ok(records) => assert!(records.len() == 200 && records.iter().all(|record| record.bytes == [7; 500])),
            Err(error) => {
                assert!(error.to_string().contains("catalog.redb") || error.to_string().contains("store"), "{error}")
            }
        }
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(RedbStore::open(dir.path()).await.is_err(), "half a file");
    fs::write(&path, "this is no database").unwrap();
    let error = RedbStore::open(dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("catalog.redb"), "{error}");
}

#[tokio::test]
async fn a_damaged_module_is_told_from_a_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(dir.path()).await.unwrap();
    let bytes = Bytes::from_static(b"a module");
    let digest = Digest::of(&bytes).to_string();
    store.put_module(&digest, bytes.clone()).await.unwrap();
    let path = dir.path().join("modules").join(format!("{digest}.wasm"));
    fs::write(&path, "a modulf").unwrap();
    let error = store.module(&digest).await.unwrap_err().to_string();
    assert!(error.ends_with("is damaged: its contents have another SHA-256 than its name"), "{error}");
    store.put_module(&digest, bytes.clone()).await.unwrap();
    assert_eq!(store.module(&digest).await.unwrap(), Some(bytes), "putting it again repairs it");
}

#[cfg(unix)]
#[tokio::test]
async fn the_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let _store = RedbStore::open(dir.path().join("data")).await.unwrap();
    let mode = fs::metadata(dir.path().join("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
