//! A summary of a workspace: its tags, people and counts.

use serde::Deserialize;
use uuid::Uuid;

use super::stats::{self, Stats};
use crate::caller::Caller;
use crate::domain::instant::Instant;
use crate::domain::people::EmployeeRef;
use crate::error::Result;
use crate::store::pg::{Param, Pg, Statement};

/// A workspace in short.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overview {
    /// The current day of the time zone, `2026-11-28`.
    pub today: String,
    /// The current instant.
    pub now: Instant,
    /// The employee whom the caller's token names.
    pub me: Option<EmployeeRef>,
    /// Counts of todos.
    pub counts: Stats,
    /// At most 100 lists that are not archived, in their order.
    pub lists: Vec<NamedList>,
    /// At most 100 tags, the most used first.
    pub tags: Vec<UsedTag>,
    /// The first 100 employees.
    pub people: Vec<Person>,
}

/// A list and how many open todos are in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NamedList {
    /// The public id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// A tag and how many live todos have it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UsedTag {
    /// Its name.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// An employee in short.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Person {
    /// The public id.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// The name of the department.
    pub department: Option<String>,
}

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
