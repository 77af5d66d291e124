//! Writes that the cache was not told of because Redis was away. While a workspace has any, its cached entries may be old.
//!
//! A write records one with [`Write::distrust_cache`](super::write::Write::distrust_cache). Whoever reaches Redis next and saw
//! them (see [`super::admission`]) first raises the generation there and then settles exactly those that it saw. A range
//! (`id <= n`) would not do: ids are given in another order than transactions commit.

use super::pg::Pg;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// Records one outside of a write: for a writer whose intent reached Redis and whose publish did not.
/// Gives whether the answer must wait, as [`Written::cache_wait`](super::write::Written::cache_wait).
pub async fn distrust(pg: &Pg, caller: &Caller) -> Result<bool> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Forgets the given ones, after the generation in Redis was raised.
pub async fn settle(pg: &Pg, caller: &Caller, ids: &[i64]) -> Result<()> {
    Err(Error::Internal("not written yet".to_owned()))
}
