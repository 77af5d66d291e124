//! Events: the lines of the log of changes.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

use super::cursor::Position;
use super::instant::Instant;

/// Which events; all given conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of these types; empty: of every type.
    pub types: Vec<String>,
    /// After this instant.
    pub since: Option<Instant>,
    /// By the token, the job or the employee with this public id.
    pub actor: Option<Uuid>,
    /// Of the subject with this public id.
    pub subject: Option<Uuid>,
}

/// Every type of event.
pub const TYPES: &[&str] = &[
    "todo.created",
    "todo.updated",
    "todo.completed",
    "todo.reopened",
    "todo.deleted",
    "todo.restored",
    "todo.moved",
    "tag.created",
    "tag.updated",
    "tag.deleted",
    "list.created",
    "list.updated",
    "list.deleted",
    "employee.created",
    "employee.updated",
    "employee.deleted",
    "department.created",
    "department.updated",
    "department.deleted",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
];

/// The types of events of todos.
pub fn types_of_todos() -> impl Iterator<Item = &'static str> {
    TYPES.iter().copied().filter(|known| known.starts_with("todo."))
}

/// Events that Postgres rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// A JSON array: `id`, `type`, `at`, `version`, `subject`, `actor`, `request_id`, `changes`, in this order.
    pub items: String,
    /// The last event that was looked at, if there may be more.
    pub next: Option<Position>,
}

/// What readers who do not know the workspace need beside a page of events.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EventContext {
    /// The titles of the todos that it tells of, also of those in the bin.
    pub titles: HashMap<Uuid, String>,
    /// What was asked for, or the beginning of the log if that is later: nothing is told of what was before it.
    pub complete_since: Instant,
}
