//! `wasi:keyvalue`, in the two drafts that components are built against: buckets that a function is granted, over the
//! store that the sandbox was given.

use crate::Function;
use crate::grants::{BucketGrant, OWN_BUCKET};
use crate::state::State;
use bytes::Bytes;
use fleetstep_keyvalue::{CHANGES_MAX, Change, Error, KeyValue, Terms};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::WasiView as _;

/// Both drafts. They differ in cursors, in the sign of what is counted, and the second one has compare-and-swap.
const FIRST: &str = "0.2.0-draft";
const SECOND: &str = "0.2.0-draft2";
/// Bytes of the values that one batch reads.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Pages of one listing whose cursors are remembered for the first draft, which has numbers for them.
const PAGES_MAX: usize = 1_000;

type Cx<'a> = StoreContextMut<'a, State>;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum Failed {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error.to_string())
    }
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct FirstPage {
    keys: Vec<String>,
    cursor: Option<u64>,
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct SecondPage {
    keys: Vec<String>,
    cursor: Option<String>,
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum SwapFailed {
    #[component(name = "store-error")]
    Store(Failed),
    #[component(name = "cas-failed")]
    Changed(Resource<Seen>),
}

/// A bucket that a function may open, and how it is called in the store.
#[derive(Clone)]
pub(crate) struct Granted {
    name: Arc<str>,
    read_only: bool,
    terms: Terms,
}

/// The store, and the buckets of one function in it.
pub(crate) struct Buckets {
    store: Arc<dyn KeyValue>,
    granted: Vec<(String, Granted)>,
}

impl Buckets {
    /// Those that a function is granted; `None` where there are none, or no store for them.
    pub(crate) fn new(store: Option<&Arc<dyn KeyValue>>, function: &str, grants: &[BucketGrant]) -> Option<Self> {
        let store = Arc::clone(store.filter(|_| !grants.is_empty())?);
        let granted = grants.iter().map(|grant| (grant.bucket.clone(), Granted::new(function, grant))).collect();
        Some(Self { store, granted })
    }

    fn find(&self, name: &str) -> Option<&Granted> {
        let name = if name.is_empty() { OWN_BUCKET } else { name };
        self.granted.iter().find(|(granted, _)| granted == name).map(|(_, granted)| granted)
    }
}

impl Granted {
    fn new(function: &str, grant: &BucketGrant) -> Self {
        // Neither a function's name nor a bucket's has a slash.
        let name = match &*grant.bucket {
            OWN_BUCKET => format!("function/{function}"),
            shared => format!("shared/{shared}"),
        };
        let terms = Terms {
            keys_max: grant.keys_max,
            bytes_max: grant.bytes_max,
            ttl: grant.ttl_seconds.map(Duration::from_secs),
        };
        Self { name: name.into(), read_only: grant.read_only, terms }
    }
}

/// A bucket that a guest has open.
struct Bucket {
    function: Arc<Function>,
    granted: Granted,
    /// The last keys of the pages that were given out, for the numbers of the first draft.
    pages: Vec<String>,
}

impl Bucket {
    fn open(&self) -> Open {
        Open { function: Arc::clone(&self.function), granted: self.granted.clone() }
    }
}

/// What a call needs of a bucket, apart from the table that it stands in.
struct Open {
    function: Arc<Function>,
    granted: Granted,
}

impl Open {
    fn store(&self) -> &dyn KeyValue {
        let buckets = self.function.buckets().expect("a bucket was opened in it");
        &*buckets.store
    }

    fn writable(&self) -> Result<(), Failed> {
        if self.granted.read_only { Err(Failed::AccessDenied) } else { Ok(()) }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failed> {
        Ok(self.store().get(&self.granted.name, key).await?.map(Vec::from))
    }

    async fn change(&self, changes: Vec<Change>) -> Result<(), Failed> {
        self.writable()?;
        Ok(self.store().change(&self.granted.name, changes, self.granted.terms).await?)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Failed> {
        self.writable()?;
        Ok(self.store().increment(&self.granted.name, key, delta, self.granted.terms).await?)
    }

    async fn get_many(&self, keys: Vec<String>) -> Result<Vec<Option<(String, Vec<u8>)>>, Failed> {
        if keys.len() > CHANGES_MAX {
            return Err(Failed::Other(format!("{CHANGES_MAX} keys are the most that is read at once")));
        }
        let (mut found, mut bytes) = (Vec::with_capacity(keys.len()), 0);
        for key in keys {
            let value = self.get(&key).await?;
            bytes += value.as_ref().map_or(0, Vec::len);
            if bytes > BATCH_BYTES_MAX {
                return Err(Failed::Other(format!("{BATCH_BYTES_MAX} bytes are the most that is read at once")));
            }
            found.push(value.map(|value| (key, value)));
        }
        Ok(found)
    }
}

/// What a guest saw of a key, for the swap to come.
struct Seen {
    function: Arc<Function>,
    granted: Granted,
    key: String,
    value: Option<Bytes>,
}

fn table<'a>(cx: &'a mut Cx<'_>) -> &'a mut ResourceTable {
    cx.data_mut().ctx().table
}

fn opened(cx: &mut Cx<'_>, bucket: &Resource<Bucket>) -> wasmtime::Result<Open> {
    Ok(table(cx).get(bucket)?.open())
}

/// Answers both drafts.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for draft in [FIRST, SECOND] {
        let store = &mut linker.instance(&format!("wasi:keyvalue/store@{draft}"))?;
        bucket(store)?;
        match draft {
            FIRST => list_first(store)?,
            _ => list_second(store)?,
        }
        batch(&mut linker.instance(&format!("wasi:keyvalue/batch@{draft}"))?)?;
        let atomics = &mut linker.instance(&format!("wasi:keyvalue/atomics@{draft}"))?;
        match draft {
            FIRST => increment_first(atomics)?,
            _ => atomics_second(atomics)?,
        }
    }
    Ok(())
}

fn bucket(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.resource("bucket", ResourceType::host::<Bucket>(), |mut cx, rep| {
        table(&mut cx).delete(Resource::<Bucket>::new_own(rep))?;
        Ok(())
    })?;
    interface.func_wrap("open", |mut cx: Cx<'_>, (name,): (String,)| {
        let function = Arc::clone(&cx.data().caller()?.function);
        let granted = function.buckets().and_then(|buckets| buckets.find(&name)).cloned();
        Ok((match granted {
            Some(granted) => Ok(table(&mut cx).push(Bucket { function, granted, pages: Vec::new() })?),
            None => Err(Failed::AccessDenied),
        },))
    })?;
    interface.func_wrap_async("[method]bucket.get", |mut cx: Cx<'_>, (bucket, key): (Resource<Bucket>, String)| {
        Box::new(async move { Ok((opened(&mut cx, &bucket)?.get(&key).await,)) })
    })?;
    interface.func_wrap_async(
        "[method]bucket.exists",
        |mut cx: Cx<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move { Ok((opened(&mut cx, &bucket)?.get(&key).await.map(|value| value.is_some()),)) })
        },
    )?;
    interface.func_wrap_async(
        "[method]bucket.set",
        |mut cx: Cx<'_>, (bucket, key, value): (Resource<Bucket>, String, Vec<u8>)| {
            Box::new(async move {
                let change = Change { key, value: Some(value.into()) };
                Ok((opened(&mut cx, &bucket)?.change(vec![change]).await,))
            })
        },
    )?;
    interface.func_wrap_async("[method]bucket.delete", |mut cx: Cx<'_>, (bucket, key): (Resource<Bucket>, String)| {
        Box::new(async move { Ok((opened(&mut cx, &bucket)?.change(vec![Change { key, value: None }]).await,)) })
    })
}

fn list_first(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap_async(
        "[method]bucket.list-keys",
        |mut cx: Cx<'_>, (bucket, cursor): (Resource<Bucket>, Option<u64>)| {
            Box::new(async move {
                let open = opened(&mut cx, &bucket)?;
                let pages = &table(&mut cx).get(&bucket)?.pages;
                let after = cursor.map(|page| usize::try_from(page).ok().and_then(|page| pages.get(page)).cloned());
                let after = match after {
                    Some(None) => return Ok((Err(Failed::Other("there is no such cursor".to_owned())),)),
                    Some(after) => after,
                    None => None,
                };
                let found = open.store().keys(&open.granted.name, after.as_deref()).await;
                let (keys, more) = match found {
                    Ok(found) => found,
                    Err(error) => return Ok((Err(Failed::from(error)),)),
                };
                let pages = &mut table(&mut cx).get_mut(&bucket)?.pages;
                let last = keys.last().filter(|_| more && pages.len() < PAGES_MAX).cloned();
                let cursor = last.map(|last| {
                    pages.push(last);
                    (pages.len() - 1) as u64
                });
                Ok((Ok(FirstPage { keys, cursor }),))
            })
        },
    )
}

fn list_second(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap_async(
        "[method]bucket.list-keys",
        |mut cx: Cx<'_>, (bucket, cursor): (Resource<Bucket>, Option<String>)| {
            Box::new(async move {
                let open = opened(&mut cx, &bucket)?;
                let found = open.store().keys(&open.granted.name, cursor.as_deref()).await;
                Ok((found.map_err(Failed::from).map(|(keys, more)| {
                    let cursor = keys.last().filter(|_| more).cloned();
                    SecondPage { keys, cursor }
                }),))
            })
        },
    )
}

fn batch(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap_async("get-many", |mut cx: Cx<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move { Ok((opened(&mut cx, &bucket)?.get_many(keys).await,)) })
    })?;
    interface.func_wrap_async(
        "set-many",
        |mut cx: Cx<'_>, (bucket, entries): (Resource<Bucket>, Vec<(String, Vec<u8>)>)| {
            Box::new(async move {
                let change = |(key, value): (String, Vec<u8>)| Change { key, value: Some(value.into()) };
                Ok((opened(&mut cx, &bucket)?.change(entries.into_iter().map(change).collect()).await,))
            })
        },
    )?;
    interface.func_wrap_async("delete-many", |mut cx: Cx<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move {
            let change = |key| Change { key, value: None };
            Ok((opened(&mut cx, &bucket)?.change(keys.into_iter().map(change).collect()).await,))
        })
    })
}

fn increment_first(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap_async("increment", |mut cx: Cx<'_>, (bucket, key, delta): (Resource<Bucket>, String, u64)| {
        Box::new(async move {
            let open = opened(&mut cx, &bucket)?;
            let Ok(delta) = i64::try_from(delta) else { return Ok((Err(Failed::from(Error::NotANumber)),)) };
            let sum = open.increment(&key, delta).await;
            Ok((sum.and_then(|sum| u64::try_from(sum).map_err(|_| Failed::from(Error::NotANumber))),))
        })
    })
}

fn atomics_second(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.resource("cas", ResourceType::host::<Seen>(), |mut cx, rep| {
        table(&mut cx).delete(Resource::<Seen>::new_own(rep))?;
        Ok(())
    })?;
    interface.func_wrap_async(
        "increment",
        |mut cx: Cx<'_>, (bucket, key, delta): (Resource<Bucket>, String, i64)| {
            Box::new(async move { Ok((opened(&mut cx, &bucket)?.increment(&key, delta).await,)) })
        },
    )?;
    interface.func_wrap_async("[static]cas.new", |mut cx: Cx<'_>, (bucket, key): (Resource<Bucket>, String)| {
        Box::new(async move {
            let Open { function, granted } = opened(&mut cx, &bucket)?;
            Ok((see(&mut cx, function, granted, key).await?,))
        })
    })?;
    interface.func_wrap("[method]cas.current", |mut cx: Cx<'_>, (seen,): (Resource<Seen>,)| {
        let value = table(&mut cx).get(&seen)?.value.as_ref().map(|value| value.to_vec());
        Ok((Ok::<_, Failed>(value),))
    })?;
    interface.func_wrap_async("swap", |mut cx: Cx<'_>, (seen, value): (Resource<Seen>, Vec<u8>)| {
        Box::new(async move {
            let Seen { function, granted, key, value: before } = table(&mut cx).delete(seen)?;
            let open = Open { function, granted };
            if let Err(error) = open.writable() {
                return Ok((Err(SwapFailed::Store(error)),));
            }
            let terms = open.granted.terms;
            let swapped = open.store().swap(&open.granted.name, &key, before, value.into(), terms).await;
            Ok((match swapped {
                Ok(true) => Ok(()),
                Ok(false) => match see(&mut cx, open.function, open.granted, key).await? {
                    Ok(seen) => Err(SwapFailed::Changed(seen)),
                    Err(error) => Err(SwapFailed::Store(error)),
                },
                Err(error) => Err(SwapFailed::Store(error.into())),
            },))
        })
    })
}

/// Looks at a key, for a swap.
async fn see(
    cx: &mut Cx<'_>,
    function: Arc<Function>,
    granted: Granted,
    key: String,
) -> wasmtime::Result<Result<Resource<Seen>, Failed>> {
    let open = Open { function, granted };
    let value = open.store().get(&open.granted.name, &key).await;
    let Open { function, granted } = open;
    Ok(match value {
        Ok(value) => Ok(table(cx).push(Seen { function, granted, key, value })?),
        Err(error) => Err(error.into()),
    })
}
