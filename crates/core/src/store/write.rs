//! What every write has in common: idempotency, and the note in Postgres that stands in for Redis when it is away.
//!
//! The functions of the migrations do the work inside the statement that writes. They all answer with the same columns,
//! which [`finish`] turns into a result.

use serde::de::DeserializeOwned;

use super::pg::{Param, Rows};
use crate::caller::Caller;
use crate::error::{Conflict, Error, Fault, Kind, Result};

/// For whom and under which guarantees a write happens.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The key under which the outcome is recorded and replayed, if the client sent one.
    pub idempotency: Option<&'a IdempotencyKey>,
    /// Record in the same statement that the cache of the workspace must not be trusted, because Redis could not be told.
    pub distrust_cache: bool,
}

/// Names one attempt of a client, so that a repetition finds the first outcome. Valid for 24 hours per workspace and route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// What was called, for example `POST /api/v2/todos`. Opaque here.
    pub route: String,
    /// What the client sent, 1–255 visible characters.
    pub key: String,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

/// What a write gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    /// The outcome: of this call, or of the first with the same idempotency key.
    pub value: T,
    /// Whether the outcome is that of an earlier call and nothing was written now.
    pub replayed: bool,
    /// With [`Write::distrust_cache`]: whether the answer must wait until every instance has looked for the record again,
    /// since there was no older one that they know already.
    pub cache_wait: bool,
}

impl<T> Written<T> {
    /// The same write with another view of its value.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: view(self.value), replayed: self.replayed, cache_wait: self.cache_wait }
    }
}

pub(super) fn pending<T>(_: Kind) -> Result<T> {
    Err(Error::Internal("not written yet".to_owned()))
}
