//! Keys as they are held in memory.

use crate::token::TokenHash;
use crate::{Scope, Scopes};
use std::collections::HashMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Whoever holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account that the key belongs to: twelve digits.
    pub account: String,
    /// Id of the access key or of the token, which is no secret.
    pub key_id: String,
    /// What the key may do.
    pub scopes: Scopes,
}

impl Caller {
    /// Whether the key has `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.hold(scope)
    }
}

/// An access key with its secret, which is wiped when it is dropped.
pub struct AccessKey {
    pub(crate) caller: Arc<Caller>,
    pub(crate) secret: Zeroizing<String>,
}

impl AccessKey {
    /// Who holds it.
    #[must_use]
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }
}

/// Everything in a keys' file, ready to verify with.
#[derive(Default)]
pub struct Keys {
    pub(crate) access_keys: HashMap<String, Arc<AccessKey>>,
    pub(crate) tokens: HashMap<String, (Arc<Caller>, TokenHash)>,
}

impl Keys {
    /// Adds an access key, in place of one with the same id.
    pub fn insert_access_key(&mut self, caller: Caller, secret: Zeroizing<String>) {
        let (id, caller) = (caller.key_id.clone(), Arc::new(caller));
        self.access_keys.insert(id, Arc::new(AccessKey { caller, secret }));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.access_keys.len() + self.tokens.len()
    }

    /// Whether there is none, so that nobody is let in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The accounts that keys belong to; one may come more than once.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        let of_tokens = self.tokens.values().map(|(caller, _)| caller);
        self.access_keys.values().map(|key| &key.caller).chain(of_tokens).map(|caller| caller.account.as_str())
    }
}
