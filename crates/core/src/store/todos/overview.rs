//! A summary of a workspace: its tags, people and counts.

use crate::domain::overview::Overview;

use super::stats;
use crate::caller::Caller;
use crate::error::Result;
use crate::store::pg::{Param, Pg, Statement};

/// The overview; `tz` is the IANA name of the time zone whose day is today.
///
/// # Errors
/// [`Error::Invalid`](crate::error::Error::Invalid) at the parameter `tz` if Postgres knows no such zone.
pub async fn overview(pg: &Pg, caller: &Caller, tz: &str) -> Result<Overview> {
    let sql = format!(
        "SELECT (({})::jsonb || jsonb_build_object('counts', ({})::jsonb))::text",
        include_str!("../sql/overview.sql"),
        stats::SQL
    );
    let params = vec![
        Param::Int(caller.workspace.0),
        Param::Text(tz.to_owned()),
        Param::text(caller.person.map(|uid| uid.to_string())),
    ];
    stats::read(pg, caller, tz, Statement { sql: sql.into(), params }).await
}
