//! The embedded store as its callers see it.

use bytes::Bytes;
use fleetstep_keyvalue::{CHANGES_MAX, Change, Embedded, Error, KEY_BYTES_MAX, KeyValue, Terms, VALUE_BYTES_MAX};
use std::sync::Arc;
use std::time::Duration;

const TERMS: Terms = Terms { keys_max: 100, bytes_max: 1_000_000, ttl: None };

fn set(key: &str, value: &str) -> Change {
    Change { key: key.to_owned(), value: Some(Bytes::copy_from_slice(value.as_bytes())) }
}

fn delete(key: &str) -> Change {
    Change { key: key.to_owned(), value: None }
}

async fn text(store: &Embedded, bucket: &str, key: &str) -> Option<String> {
    let value = store.get(bucket, key).await.unwrap();
    value.map(|value| String::from_utf8_lossy(&value).into_owned())
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyvalue.redb");
    let store = Embedded::on_disk(&path);
    assert!(!path.exists(), "nothing is made before it is needed");
    store.change("b", vec![set("a", "1"), set("b", "2"), delete("a")], TERMS).await.unwrap();
    assert_eq!(store.increment("b", "n", 41, TERMS).await, Ok(41));
    drop(store);
    let store = Embedded::on_disk(&path);
    assert_eq!((text(&store, "b", "a").await, text(&store, "b", "b").await), (None, Some("2".to_owned())));
    assert_eq!(store.increment("b", "n", 1, TERMS).await, Ok(42));
    assert_eq!(store.keys("b", None).await, Ok((vec!["b".to_owned(), "n".to_owned()], false)));
}

#[tokio::test]
async fn buckets_know_nothing_of_each_other() {
    let store = Embedded::in_memory();
    for bucket in ["a", "ab", "b"] {
        store.change(bucket, vec![set("k", bucket), set(&format!("only {bucket}"), "")], TERMS).await.unwrap();
    }
    for bucket in ["a", "ab", "b"] {
        assert_eq!(text(&store, bucket, "k").await.as_deref(), Some(bucket));
        assert_eq!(store.keys(bucket, None).await, Ok((vec!["k".to_owned(), format!("only {bucket}")], false)));
        assert_eq!(store.keys(bucket, Some("k")).await, Ok((vec![format!("only {bucket}")], false)));
    }
    assert_eq!(store.keys("aa", None).await, Ok((Vec::new(), false)));
}

#[tokio::test]
async fn a_batch_over_a_quota_changes_nothing_and_a_deletion_is_never_over_one() {
    let store = Embedded::in_memory();
    let terms = Terms { keys_max: 3, bytes_max: 30, ttl: None };
    store.change("b", vec![set("a", "12345678"), set("b", "12345678")], terms).await.unwrap();
    for changes in [
        vec![set("c", ""), set("d", "")],
        vec![set("c", "123456789012345")],
        vec![delete("a"), set("a", "12345678901234567890123")],
    ] {
        let changed = store.change("b", changes.clone(), terms).await;
        assert!(matches!(changed, Err(Error::Quota(_))), "{changes:?}: {changed:?}");
        assert_eq!(store.keys("b", None).await.unwrap().0, ["a", "b"]);
        assert_eq!(text(&store, "b", "a").await.as_deref(), Some("12345678"));
    }
    // What one key is set to twice counts once.
    store.change("b", vec![set("c", "12345678901"), set("c", "1"), set("c", "12345678901")], terms).await.unwrap();
    let less = Terms { keys_max: 0, bytes_max: 0, ttl: None };
    store.change("b", vec![delete("a")], less).await.unwrap();
    store.change("b", vec![set("b", "1")], less).await.unwrap();
    assert!(matches!(store.change("b", vec![set("b", "12")], less).await, Err(Error::Quota(_))));
}

#[tokio::test]
async fn what_has_ended_is_not_there_and_takes_no_room() {
    let store = Embedded::in_memory();
    let brief = Terms { keys_max: 2, bytes_max: 100, ttl: Some(Duration::from_millis(50)) };
    store.change("b", vec![set("a", "1"), set("b", "2")], brief).await.unwrap();
    assert!(matches!(store.change("b", vec![set("c", "3")], brief).await, Err(Error::Quota(_))));
    // What is set again lives from there, or for ever.
    store.change("b", vec![set("b", "3")], TERMS).await.unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!((text(&store, "b", "a").await, text(&store, "b", "b").await), (None, Some("3".to_owned())));
    assert_eq!(store.keys("b", None).await, Ok((vec!["b".to_owned()], false)));
    assert_eq!(store.swap("b", "a", None, Bytes::from_static(b"4"), brief).await, Ok(true));
}

#[tokio::test]
async fn keys_values_and_batches_have_bounds() {
    let store = Embedded::in_memory();
    let large = Terms { keys_max: u64::MAX, bytes_max: u64::MAX, ttl: None };
    let long = "k".repeat(KEY_BYTES_MAX);
    let value = "v".repeat(VALUE_BYTES_MAX);
    store.change("b", vec![set(&long, &value)], large).await.unwrap();
    for changes in [
        vec![set("", "")],
        vec![set(&format!("{long}k"), "")],
        vec![set("k", &format!("{value}v"))],
        vec![delete("k"); CHANGES_MAX + 1],
    ] {
        assert!(matches!(store.change("b", changes, large).await, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn who_counts_at_once_counts_together() {
    let store = Arc::new(Embedded::in_memory());
    let count = |store: Arc<Embedded>| async move { store.increment("b", "n", 1, TERMS).await.unwrap() };
    let counted: Vec<_> = (0..200).map(|_| tokio::spawn(count(Arc::clone(&store)))).collect();
    let mut sums = Vec::new();
    for one in counted {
        sums.push(one.await.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=200).collect::<Vec<_>>());
    assert_eq!(store.increment("b", "n", i64::MAX, TERMS).await, Err(Error::NotANumber));
    store.change("b", vec![set("t", "x")], TERMS).await.unwrap();
    assert_eq!(store.increment("b", "t", 1, TERMS).await, Err(Error::NotANumber));
}

#[tokio::test]
async fn a_file_that_is_none_is_an_error_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyvalue.redb");
    std::fs::write(&path, "no database").unwrap();
    let store = Embedded::on_disk(&path);
    assert!(matches!(store.get("b", "k").await, Err(Error::Failed(_))));
    assert!(matches!(store.change("b", vec![set("k", "")], TERMS).await, Err(Error::Failed(_))));
}
