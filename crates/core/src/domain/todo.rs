//! Todos: what is stored, what a caller may write.

mod operation;
mod status;

use serde::Deserialize;
use uuid::Uuid;

use super::id::Id;
use super::instant::Instant;
use super::list::Rank;
use super::people::{Email, Name};
use super::text::{Description, TagName, Title};
use crate::error::Fault;
pub use operation::{Operation, OperationResult};
pub use status::{Priority, Status};

/// A todo as the caller wants it to be: for creating and for replacing.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Plain text.
    pub title: Title,
    /// Sanitised rich text.
    pub description: Option<Description>,
    /// `pending` unless given.
    pub status: Status,
    /// `medium` unless given.
    pub priority: Priority,
    /// When it is due.
    pub due_date: Option<Instant>,
    /// At most [`Draft::MAX_TAGS`], without duplicates.
    pub tags: Vec<TagName>,
    /// The employee it is assigned to.
    pub assignee: Option<Id>,
    /// What came after the first release.
    pub later: Later,
}

impl Draft {
    /// The most tags one todo can have.
    pub const MAX_TAGS: usize = 20;
    /// The most levels of todos below each other, the first included: `tree_levels_v1` in SQL.
    pub const MAX_LEVELS: usize = 5;

    /// What is wrong with a todo that would stand deeper.
    pub fn too_deep(pointer: impl Into<String>) -> Fault {
        Fault::at(pointer, "too_deep", format!("todos have at most {} levels", Self::MAX_LEVELS))
    }
}

/// A partial change. `None` leaves a field alone; the inner `None` of a nullable field clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// New title.
    pub title: Option<Title>,
    /// New description.
    pub description: Option<Option<Description>>,
    /// New status.
    pub status: Option<StatusChange>,
    /// New priority.
    pub priority: Option<Priority>,
    /// New due date.
    pub due_date: Option<Option<Instant>>,
    /// All tags from now on.
    pub tags: Option<Vec<TagName>>,
    /// New assignee.
    pub assignee: Option<Option<Id>>,
    /// What came after the first release.
    pub later: Later,
}

/// The fields that came after the first release, as a draft or a patch names them. Each is optional also in a draft,
/// because a client that does not know it must not empty it by replacing the todo: `None` leaves it alone (a new todo
/// gets its default), the inner `None` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Later {
    /// The list; of a subtask it is that of its parent.
    pub list: Option<Option<Id>>,
    /// The todo that it is a subtask of.
    pub parent: Option<Option<Id>>,
    /// Where it stands among its siblings; cleared, it is that of its creation.
    pub position: Option<Option<Rank>>,
    /// It may be written also in an archived list, which version 1 of the API does not know.
    pub anywhere: bool,
}

impl Later {
    /// Whether it names a list or a parent.
    pub fn is_elsewhere(&self) -> bool {
        self.list.is_some() || self.parent.is_some()
    }

    /// The parent's public id, if it names one.
    pub fn parent_uid(&self) -> Option<Uuid> {
        self.parent.flatten().and_then(Id::uuid)
    }
}

/// A change of status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusChange {
    /// To this status.
    To(Status),
    /// `completed` becomes `pending`; every other status stays.
    Reopen,
}

/// What the caller knows of the current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing is demanded.
    Any,
    /// It exists, in whatever version (`If-Match: *`).
    Exists,
    /// It exists in one of these versions.
    Versions(Vec<i64>),
}

/// A whole todo as the store returns it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Todo {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// Plain text.
    pub title: String,
    /// Sanitised rich text.
    pub description: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// How much it matters.
    pub priority: Priority,
    /// When it is due.
    pub due_date: Option<Instant>,
    /// Ordered by name.
    pub tags: Vec<TagRef>,
    /// The assigned employee.
    pub assignee: Option<Assignee>,
    /// When it was created.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// When it was completed, while it is.
    pub completed_at: Option<Instant>,
    /// 1 at first, one more with each change.
    pub version: i64,
    /// The list it is in.
    pub list: Option<Uuid>,
    /// The todo it is a subtask of.
    pub parent: Option<Uuid>,
    /// Where it stands among its siblings.
    pub position: Rank,
    /// Its own subtasks.
    pub subtasks: Subtasks,
}

/// The todos right below a todo, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Subtasks {
    /// All but those in the bin.
    pub total: i64,
    /// Those that are completed.
    pub completed: i64,
}

/// A tag on a todo.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TagRef {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// Its name.
    pub name: String,
}

/// The employee a todo is assigned to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Assignee {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The employee's name.
    pub name: Name,
    /// The employee's e-mail address.
    pub email: Email,
    /// The employee's department.
    pub department: Option<DepartmentRef>,
}

/// A department, named from an employee.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DepartmentRef {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// Its name.
    pub name: Name,
}
