//! A summary of a workspace: its tags, people and counts.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;
use super::people::EmployeeRef;
use crate::domain::stats::Stats;

/// A workspace in short.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overview {
    /// The IANA name of the time zone of `today`.
    pub time_zone: String,
    /// The current day in it, `2026-11-28`.
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
