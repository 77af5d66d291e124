//! Whether Postgres is there and has the schema that this release needs.

use super::pg::down::PgDown;
use super::pg::{Param, Pg, PgFailure, Statement};
use crate::caller::Meter;
use crate::error::{Error, Result};

/// Number and name of the migration that this release cannot do without. Later ones do no harm: the schema only expands
/// while two releases run.
pub const REQUIRED_MIGRATION: (i64, &str) = (21, "distribution");

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Postgres answers and the schema is there.
    Ready,
    /// The same, but Postgres accepts no writes: a standby, or a primary that was made read-only.
    ReadOnly,
    /// Postgres answers, but [`REQUIRED_MIGRATION`] is missing. The number of the newest applied one is given.
    MigrationsMissing(Option<i64>),
    /// The `statement_timeout` of a session, in milliseconds, is absent (0) or longer than `database_timeout_ms`.
    StatementTimeout(i64),
    /// The `timezone` of a session is not UTC.
    TimeZone,
    /// The log of changes has numbers of transactions that this cluster has not reached: it was restored from a dump,
    /// and the feed needs a new epoch.
    FeedAhead,
    /// Postgres cannot be used.
    Down(PgDown),
}

/// Asks Postgres. An error is a defect.
pub async fn check(pg: &Pg, meter: &Meter) -> Result<Readiness> {
    // The migrator's own table; where it is missing nothing was ever migrated.
    const SQL: &str = "SELECT max(version), coalesce(bool_or(version = $1 AND description = $2), false),
        current_setting('transaction_read_only') = 'on',
        (extract(epoch FROM current_setting('statement_timeout')::interval) * 1000)::bigint,
        current_setting('timezone') IN ('UTC', 'Etc/UTC', 'GMT'),
        feed_is_ahead_v1(100)
        FROM _sqlx_migrations WHERE success";
    const NEWEST: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
    const UNDEFINED: [&str; 2] = ["42P01", "42883"];
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    let params = vec![Param::Int(REQUIRED_MIGRATION.0), Param::Text(REQUIRED_MIGRATION.1.to_owned())];
    let mut row = match pg.read(meter, Statement::new(SQL, params)).await {
        Ok(rows) => rows.one()?,
        // An earlier schema, or none: a table or a function is missing.
        Err(PgFailure::Refused(refusal)) if UNDEFINED.contains(&refusal.code.as_str()) => {
            let newest = pg.read(meter, Statement::new(NEWEST, Vec::new())).await.ok();
            let newest = newest.and_then(|rows| rows.one().ok()?.optional_int().ok()?);
            return Ok(Readiness::MigrationsMissing(newest));
        }
        Err(PgFailure::Refused(refusal)) if refusal.code == INSUFFICIENT_PRIVILEGE => {
            return Ok(Readiness::Down(PgDown::MissingPermission));
        }
        Err(failure) => {
            return match Error::from(failure) {
                Error::Unavailable { reason, .. } => Ok(Readiness::Down(PgDown::from_reason(&reason))),
                Error::Timeout { .. } => Ok(Readiness::Down(PgDown::Timeout)),
                error => Err(error),
            };
        }
    };
    let (newest, is_migrated) = (row.optional_int()?, row.bool()?);
    let (read_only, statement_timeout, is_utc, feed_ahead) = (row.bool()?, row.int()?, row.bool()?, row.bool()?);
    let longest = i64::try_from(pg.statement_deadline().as_millis()).unwrap_or(i64::MAX);
    Ok(if !is_migrated {
        Readiness::MigrationsMissing(newest)
    } else if !(1..=longest).contains(&statement_timeout) {
        Readiness::StatementTimeout(statement_timeout)
    } else if !is_utc {
        Readiness::TimeZone
    } else if feed_ahead {
        Readiness::FeedAhead
    } else if read_only {
        Readiness::ReadOnly
    } else {
        Readiness::Ready
    })
}
