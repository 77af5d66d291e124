//! What an instance remembers of tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::cache::Cache;
use crate::domain::access::Principal;
use crate::lock;

/// When a caller was checked, and who it is.
type Known = (Instant, Arc<Principal>);

/// Callers that were checked within the last second, for the time when Redis is away.
#[derive(Debug, Default)]
pub(in crate::usecases) struct Recent(Mutex<HashMap<[u8; 32], Known>>);

impl Recent {
    pub fn get(&self, token: &[u8; 32]) -> Option<Arc<Principal>> {
        let known = lock(&self.0);
        let (_, principal) = known.get(token).filter(|(checked, _)| checked.elapsed() < Cache::LEASE)?;
        Some(Arc::clone(principal))
    }

    pub fn put(&self, token: [u8; 32], checked: Instant, principal: &Arc<Principal>) {
        make_room(&mut lock(&self.0)).insert(token, (checked, Arc::clone(principal)));
    }
}

/// Principals as Redis remembers them, each parsed only once: what is the same text is the same principal.
#[derive(Debug, Default)]
pub(in crate::usecases) struct Parsed(Mutex<HashMap<Vec<u8>, Arc<Principal>>>);

impl Parsed {
    /// `None` if it is not ours.
    pub fn get(&self, text: Vec<u8>) -> Option<Arc<Principal>> {
        if let Some(known) = lock(&self.0).get(&text) {
            return Some(Arc::clone(known));
        }
        let principal: Arc<Principal> = Arc::new(serde_json::from_slice(&text).ok()?);
        make_room(&mut lock(&self.0)).insert(text, Arc::clone(&principal));
        Some(principal)
    }
}

/// Keeps what an instance remembers of its callers within bounds. It lives too briefly for an order.
pub(super) fn make_room<K, V>(known: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    const MOST: usize = 1000;
    if known.len() >= MOST {
        known.clear();
    }
    known
}
