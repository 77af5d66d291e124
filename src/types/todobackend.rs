//! Todos in the API of Todo-Backend.

use serde::Serialize;
use todo_core::domain::list::Rank;
use todo_core::domain::text::Title;
use todo_core::domain::todo::{self, Draft, Later, Patch, Priority, Status, StatusChange};
use uuid::Uuid;

use super::v2::list::rank;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};

/// A todo.
#[derive(Debug, Serialize)]
pub struct Todo {
    id: Uuid,
    title: String,
    completed: bool,
    order: Rank,
    /// Where it is found.
    pub url: String,
}

impl Todo {
    /// The todo, for a client that reached the service under this scheme and authority.
    pub fn of(todo: todo::Todo, origin: &str) -> Self {
        let todo::Todo { uid, title, status, position, .. } = todo;
        let url = format!("{origin}/todobackend/{uid}");
        Self { id: uid, title, completed: status.is_completed(), order: position, url }
    }
}

/// A new todo.
#[derive(Debug)]
pub struct NewTodo(pub Draft);

impl FromJson for NewTodo {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let title = fields.required("title", fields.sanitised(Title::parse_within));
        let completed = fields.optional("completed", fields::boolean);
        let position = fields.nullable("order", rank);
        let status = if completed?.unwrap_or(false) { Status::Completed } else { Status::Pending };
        Some(Self(Draft {
            title: title?,
            description: None,
            status,
            priority: Priority::Medium,
            due_date: None,
            tags: Vec::new(),
            assignee: None,
            later: Later { position: position?, ..Later::default() },
        }))
    }
}

/// What is changed of a todo.
#[derive(Debug)]
pub struct PartialUpdate(pub Patch);

impl FromJson for PartialUpdate {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let title = fields.optional("title", fields.sanitised(Title::parse_within));
        let completed = fields.optional("completed", fields::boolean);
        let position = fields.nullable("order", rank);
        let status = completed?.map(|completed| match completed {
            true => StatusChange::To(Status::Completed),
            false => StatusChange::Reopen,
        });
        let later = Later { position: position?, ..Later::default() };
        Some(Self(Patch { title: title?, status, later, ..Patch::default() }))
    }
}
