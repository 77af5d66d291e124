//! Whether Postgres is there and has the schema that this release needs.

use super::pg::{Failure, Pg, Statement};
use crate::caller::Meter;
use crate::error::Result;

/// The migration that this release cannot do without. Later ones do no harm: the schema only expands while two releases run.
pub const REQUIRED_MIGRATION: i64 = 28;

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Postgres answers and the schema is there.
    Ready,
    /// Postgres answers, but migrations are missing. The newest applied one is given.
    MigrationsMissing(Option<i64>),
}

/// Asks Postgres. It being away is the error.
pub async fn check(pg: &Pg, meter: &Meter) -> Result<Readiness> {
    // The migrator's own table; where it is missing nothing was ever migrated.
    const SQL: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
    const UNDEFINED_TABLE: &str = "42P01";
    let newest = match pg.read(meter, Statement::new(SQL, Vec::new())).await {
        Ok(rows) => rows.one()?.optional_int()?,
        Err(Failure::Refused(refusal)) if refusal.code == UNDEFINED_TABLE => None,
        Err(failure) => return Err(failure.into()),
    };
    Ok(match newest {
        Some(version) if version >= REQUIRED_MIGRATION => Readiness::Ready,
        newest => Readiness::MigrationsMissing(newest),
    })
}
