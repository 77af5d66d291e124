//! Writes that the cache was not told of because Redis was away. While a workspace has any, its cached entries may be old.
//!
//! A write records one with [`Write::distrust_cache`](super::write::Write::distrust_cache). Whoever reaches Redis next and saw
//! them (see [`super::admission`]) first raises the generation there and then settles exactly those that it saw. A range
//! (`id <= n`) would not do: ids are given in another order than transactions commit.

use super::pg::{Param, Pg, Statement};
use crate::caller::Caller;
use crate::error::Result;

/// Records one outside of a write: for a writer whose intent reached Redis and whose publish did not.
/// Gives whether the answer must wait, as [`Written::cache_wait`](super::write::Written::cache_wait).
pub async fn distrust(pg: &Pg, caller: &Caller) -> Result<bool> {
    let statement = Statement::new("SELECT distrust_cache_v1($1)", vec![Param::Int(caller.workspace.0)]);
    pg.write(&caller.meter, statement).await?.one()?.bool()
}

/// Forgets the given ones, after the generation in Redis was raised.
pub async fn settle(pg: &Pg, caller: &Caller, ids: &[i64]) -> Result<()> {
    const SQL: &str = "DELETE FROM cache_invalidations WHERE workspace_id = $1 AND id = ANY ($2)";
    let params = vec![Param::Int(caller.workspace.0), Param::Ints(ids.to_vec())];
    // To repeat it is harmless.
    pg.read(&caller.meter, Statement::new(SQL, params)).await?;
    Ok(())
}
