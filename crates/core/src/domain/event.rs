//! Events: the lines of the log of changes.

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

/// Events that Postgres rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// A JSON array: `id`, `type`, `at`, `version`, `subject`, `actor`, `request_id`, `changes`, in this order.
    pub items: String,
    /// The last event that was looked at, if there may be more.
    pub next: Option<Position>,
}
