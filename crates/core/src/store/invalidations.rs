//! Writes that the cache was not told of because Redis was away. While a workspace has any, its cached entries may be
//! old.
//!
//! A write records one with [`Write::record_invalidation`](super::write::Write::record_invalidation). Each check of a
//! caller ([`super::authentication`]) finds those of the whole installation. Whoever finds some and reaches Redis first
//! invalidates there and then settles exactly those that its snapshot saw. A range (`id <= n`) would not do: ids are
//! given in another order than transactions commit.

use super::pg::{Param, Pg, Statement};
use crate::cache::{InvalidationScope, Pending};
use crate::caller::{Caller, Meter};
use crate::error::Result;

/// Records one outside of a write: for a writer whose intent reached Redis and whose publish did not.
/// Gives whether the answer must wait, as [`Written::cache_wait`](super::write::Written::cache_wait).
pub async fn record(pg: &Pg, caller: &Caller, scope: InvalidationScope) -> Result<bool> {
    let params = vec![Param::Int(caller.workspace.0), Param::Bool(scope == InvalidationScope::Access)];
    let statement = Statement::new("SELECT invalidation_record_v1($1, $2)", params);
    pg.write(&caller.meter, statement).await?.one()?.bool()
}

/// Records one for a write whose outcome is unknown. It stands until every transaction that was running has ended.
pub async fn outcome_unknown(pg: &Pg, caller: &Caller, scope: InvalidationScope) -> Result<()> {
    const SQL: &str = "SELECT invalidation_record_unknown_v1($1, $2)::text";
    let params = vec![Param::Int(caller.workspace.0), Param::Bool(scope == InvalidationScope::Access)];
    pg.write(&caller.meter, Statement::new(SQL, params)).await?;
    Ok(())
}

/// Forgets those that a check saw, after Redis was told of them.
pub async fn settle(pg: &Pg, meter: &Meter, pending: &Pending) -> Result<()> {
    const SQL: &str = "SELECT invalidations_settle_v1($1, $2::text::pg_snapshot)::text";
    let params = vec![Param::Ints(pending.workspaces.clone()), Param::Text(pending.snapshot.clone())];
    // To repeat it is harmless.
    pg.read(meter, Statement::new(SQL, params)).await?;
    Ok(())
}
