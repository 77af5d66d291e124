//! Whether Postgres is there and has the schema that this release needs.

use super::pg::{Failure, Pg, Statement};
use crate::caller::Meter;
use crate::error::Result;

/// The migration that this release cannot do without. Later ones do no harm: the schema only expands while two releases run.
pub const REQUIRED_MIGRATION: i64 = 41;

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Postgres answers and the schema is there.
    Ready,
    /// Postgres answers, but migrations are missing. The newest applied one is given.
    MigrationsMissing(Option<i64>),
    /// The `statement_timeout` of a session, in milliseconds, is absent (0) or longer than `database_timeout_ms`.
    StatementTimeout(i64),
    /// The `timezone` of a session is not UTC.
    TimeZone,
}

/// Asks Postgres. It being away is the error.
pub async fn check(pg: &Pg, meter: &Meter) -> Result<Readiness> {
    // The migrator's own table; where it is missing nothing was ever migrated.
    const SQL: &str = "SELECT max(version),
        (extract(epoch FROM current_setting('statement_timeout')::interval) * 1000)::bigint,
        current_setting('timezone') IN ('UTC', 'Etc/UTC', 'GMT')
        FROM _sqlx_migrations WHERE success";
    const UNDEFINED_TABLE: &str = "42P01";
    let rows = match pg.read(meter, Statement::new(SQL, Vec::new())).await {
        Ok(rows) => rows,
        Err(Failure::Refused(refusal)) if refusal.code == UNDEFINED_TABLE => {
            return Ok(Readiness::MigrationsMissing(None));
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut row = rows.one()?;
    let (newest, statement_timeout, is_utc) = (row.optional_int()?, row.int()?, row.bool()?);
    let longest = i64::try_from(pg.statement_deadline().as_millis()).unwrap_or(i64::MAX);
    Ok(match newest {
        Some(version) if version >= REQUIRED_MIGRATION => {
            if !(1..=longest).contains(&statement_timeout) {
                Readiness::StatementTimeout(statement_timeout)
            } else if is_utc {
                Readiness::Ready
            } else {
                Readiness::TimeZone
            }
        }
        newest => Readiness::MigrationsMissing(newest),
    })
}
