//! Writes that the cache was not told of because Redis was away. While a workspace has any, its cached entries may be old.
//!
//! A write records one with [`Write::distrust_cache`](super::write::Write::distrust_cache). Whoever reaches Redis next and saw
//! them (see [`super::admission`]) first raises the generation there and then settles exactly those that its snapshot saw. A range
//! (`id <= n`) would not do: ids are given in another order than transactions commit.

use super::pg::{Param, Pg, Statement};
use crate::caller::Caller;
use crate::error::Result;

/// Records one outside of a write: for a writer whose intent reached Redis and whose publish did not.
/// Gives whether the answer must wait, as [`Written::cache_wait`](super::write::Written::cache_wait).
pub async fn distrust(pg: &Pg, caller: &Caller) -> Result<bool> {
    let statement = Statement::new("SELECT invalidation_record_v1($1)", vec![Param::Int(caller.workspace.0)]);
    pg.write(&caller.meter, statement).await?.one()?.bool()
}

/// Records one for a write whose outcome is unknown. It stands until every transaction that was running has ended.
pub async fn outcome_unknown(pg: &Pg, caller: &Caller) -> Result<()> {
    const SQL: &str = "SELECT invalidation_record_unknown_v1($1)::text";
    let statement = Statement::new(SQL, vec![Param::Int(caller.workspace.0)]);
    pg.write(&caller.meter, statement).await?;
    Ok(())
}

/// Forgets those that this snapshot saw, after the generation in Redis was raised.
pub async fn settle(pg: &Pg, caller: &Caller, snapshot: &str) -> Result<()> {
    const SQL: &str = "SELECT invalidations_settle_v1($1, $2::text::pg_snapshot)::text";
    let params = vec![Param::Int(caller.workspace.0), Param::Text(snapshot.to_owned())];
    // To repeat it is harmless.
    pg.read(&caller.meter, Statement::new(SQL, params)).await?;
    Ok(())
}
