//! Todos in version 2.

mod draft;

use serde::Serialize;
use todo_core::domain::list::Rank;
use todo_core::domain::todo::{self, Status};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::types::scalar;
pub use draft::{LATER, TodoDraft, TodoPatch, draft, patch};

/// A todo with all its fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct Todo {
    /// The public id.
    pub id: Uuid,
    /// Plain text.
    #[schema(value_type = scalar::Title)]
    pub title: String,
    /// Sanitised HTML, or null.
    #[schema(value_type = Option<scalar::Description>)]
    pub description: Option<String>,
    /// The status.
    #[schema(value_type = scalar::Status)]
    pub status: &'static str,
    /// True if the status is `completed`.
    pub completed: bool,
    /// The priority.
    #[schema(value_type = scalar::Priority)]
    pub priority: &'static str,
    /// When it is due, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    pub due_date: Option<String>,
    /// Names, in alphabetical order.
    #[schema(value_type = Vec<scalar::TagName>, max_items = 20)]
    pub tags: Vec<String>,
    /// The assigned employee, or null.
    pub assignee: Option<Assignee>,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    pub created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    pub updated_at: String,
    /// When it was completed, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    pub completed_at: Option<String>,
    /// Begins at 1 and rises by one with each change.
    #[schema(minimum = 1)]
    pub version: i64,
    /// The list it is in, or null: the inbox.
    pub list_id: Option<Uuid>,
    /// The todo it is a subtask of, or null.
    pub parent_id: Option<Uuid>,
    /// Where it stands among its siblings.
    #[schema(value_type = scalar::Position)]
    pub position: Rank,
    /// Its own subtasks, without those below them.
    pub subtasks: Subtasks,
}

/// The todos right below a todo, counted.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Subtasks {
    /// All but those in the bin.
    pub total: i64,
    /// Those that are completed.
    pub completed: i64,
}

/// The employee a todo is assigned to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Assignee {
    /// The employee's id.
    pub id: Uuid,
    /// The employee's name.
    #[schema(value_type = scalar::Name)]
    pub name: String,
    /// The employee's e-mail address.
    #[schema(value_type = scalar::Email)]
    pub email: String,
    /// The employee's department, or null.
    pub department: Option<DepartmentRef>,
}

/// A department, named from an employee.
#[derive(Debug, Serialize, ToSchema)]
pub struct DepartmentRef {
    /// The department's id.
    pub id: Uuid,
    /// The department's name.
    #[schema(value_type = scalar::Name)]
    pub name: String,
}

impl Todo {
    /// Where the todo with this id is found.
    pub fn url(id: Uuid) -> String {
        format!("/api/v2/todos/{id}")
    }
}

impl From<todo::Todo> for Todo {
    fn from(todo: todo::Todo) -> Self {
        let todo::Todo {
            id: _,
            uid,
            title,
            description,
            status,
            priority,
            due_date,
            tags,
            assignee,
            created_at,
            updated_at,
            completed_at,
            version,
            list,
            parent,
            position,
            subtasks: todo::Subtasks { total, completed },
        } = todo;
        Self {
            id: uid,
            title,
            description,
            status: status.as_str(),
            completed: status == Status::Completed,
            priority: priority.as_str(),
            due_date: due_date.map(|at| at.into_string()),
            tags: tags.into_iter().map(|tag| tag.name).collect(),
            assignee: assignee.map(Assignee::from),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            completed_at: completed_at.map(|at| at.into_string()),
            version,
            list_id: list,
            parent_id: parent,
            position,
            subtasks: Subtasks { total, completed },
        }
    }
}

impl From<todo::Assignee> for Assignee {
    fn from(assignee: todo::Assignee) -> Self {
        let todo::Assignee { id: _, uid, name, email, department } = assignee;
        Self {
            id: uid,
            name: name.into_string(),
            email: email.into_string(),
            department: department.map(DepartmentRef::from),
        }
    }
}

impl From<todo::DepartmentRef> for DepartmentRef {
    fn from(department: todo::DepartmentRef) -> Self {
        let todo::DepartmentRef { id: _, uid, name } = department;
        Self { id: uid, name: name.into_string() }
    }
}

// Postgres renders lists (`store/todos/list.rs` of the core); this describes what it writes.
/// A todo in a list.
#[derive(Debug, ToSchema)]
pub struct TodoSummary {
    /// The public id.
    pub id: Uuid,
    /// Plain text.
    #[schema(value_type = scalar::Title)]
    pub title: String,
    /// The status.
    #[schema(value_type = scalar::Status)]
    pub status: String,
    /// True if the status is `completed`.
    pub completed: bool,
    /// The priority.
    #[schema(value_type = scalar::Priority)]
    pub priority: String,
    /// When it is due, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    pub due_date: Option<String>,
    /// Names, in alphabetical order.
    #[schema(value_type = Vec<scalar::TagName>, max_items = 20)]
    pub tags: Vec<String>,
    /// The assigned employee, or null.
    pub assignee: Option<AssigneeRef>,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    pub updated_at: String,
    /// The list it is in, or null: the inbox.
    pub list_id: Option<Uuid>,
    /// The todo it is a subtask of, or null.
    pub parent_id: Option<Uuid>,
    /// Where it stands among its siblings.
    #[schema(value_type = scalar::Position)]
    pub position: f64,
    /// Its own subtasks, without those below them.
    pub subtasks: Subtasks,
}

/// The employee a todo is assigned to, in short.
#[derive(Debug, ToSchema)]
pub struct AssigneeRef {
    /// The employee's id.
    pub id: Uuid,
    /// The employee's name.
    #[schema(value_type = scalar::Name)]
    pub name: String,
}
