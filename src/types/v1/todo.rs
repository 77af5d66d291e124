//! Todos in version 1.

use serde::Serialize;
use todo_core::domain::todo::{self, Draft, Later, Patch, Status, StatusChange};
use todo_core::error::Fault;
use utoipa::ToSchema;

use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::types::{scalar, v2};

/// A whole todo.
#[derive(Debug, Serialize, ToSchema)]
pub struct Todo {
    /// The id.
    #[schema(minimum = 1)]
    pub id: i64,
    /// Plain text.
    #[schema(value_type = scalar::Title)]
    title: String,
    /// Sanitised HTML, or null.
    #[schema(value_type = Option<scalar::Description>)]
    description: Option<String>,
    /// Where it stands.
    #[schema(value_type = scalar::Status)]
    status: &'static str,
    /// True if the status is `completed`.
    completed: bool,
    /// How much it matters.
    #[schema(value_type = scalar::Priority)]
    priority: &'static str,
    /// When it is due, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    due_date: Option<String>,
    /// In alphabetical order.
    #[schema(max_items = 20)]
    tags: Vec<Tag>,
    /// Who does it, or null.
    assignee: Option<Assignee>,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// When it was completed, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    completed_at: Option<String>,
    #[schema(minimum = 1)]
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// A tag on a todo.
#[derive(Debug, Serialize, ToSchema)]
struct Tag {
    /// The tag's id.
    #[schema(minimum = 1)]
    id: i64,
    /// The tag's name.
    #[schema(value_type = scalar::TagName)]
    name: String,
}

/// The employee a todo is assigned to.
#[derive(Debug, Serialize, ToSchema)]
struct Assignee {
    /// The employee's id.
    #[schema(minimum = 1)]
    id: i64,
    /// The employee's name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// The employee's e-mail address.
    #[schema(value_type = scalar::Email)]
    email: String,
    /// The employee's department, or null.
    department: Option<DepartmentRef>,
}

/// A department, named from an employee.
#[derive(Debug, Serialize, ToSchema)]
pub struct DepartmentRef {
    /// The department's id.
    #[schema(minimum = 1)]
    id: i64,
    /// The department's name.
    #[schema(value_type = scalar::Name)]
    name: String,
}

impl From<todo::Todo> for Todo {
    fn from(todo: todo::Todo) -> Self {
        let todo::Todo {
            id,
            uid: _,
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
            list: _,
            parent: _,
            position: _,
            subtasks: _,
        } = todo;
        Self {
            id,
            title,
            description,
            status: status.as_str(),
            completed: status.is_completed(),
            priority: priority.as_str(),
            due_date: due_date.map(|at| at.into_string()),
            tags: tags.into_iter().map(Tag::from).collect(),
            assignee: assignee.map(Assignee::from),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            completed_at: completed_at.map(|at| at.into_string()),
            version,
        }
    }
}

impl From<todo::TagRef> for Tag {
    fn from(tag: todo::TagRef) -> Self {
        let todo::TagRef { id, uid: _, name } = tag;
        Self { id, name }
    }
}

impl From<todo::Assignee> for Assignee {
    fn from(assignee: todo::Assignee) -> Self {
        let todo::Assignee { id, uid: _, name, email, department } = assignee;
        Self {
            id,
            name: name.into_string(),
            email: email.into_string(),
            department: department.map(DepartmentRef::from),
        }
    }
}

impl From<todo::DepartmentRef> for DepartmentRef {
    fn from(department: todo::DepartmentRef) -> Self {
        let todo::DepartmentRef { id, uid: _, name } = department;
        Self { id, name: name.into_string() }
    }
}

/// Fields of a todo that only the service writes; `completed` is not among them.
const READ_ONLY: &[&str] = &["id", "assignee", "created_at", "updated_at", "completed_at", "version", "deleted_at"];

/// A new todo.
#[derive(Debug)]
pub struct NewTodo(pub Draft);

impl FromJson for NewTodo {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let (mut draft, change) = draft(fields)?;
        if let Some(StatusChange::To(status)) = change {
            draft.status = status;
        }
        Some(Self(draft))
    }
}

/// All fields of a todo that exists.
///
/// It is a patch that names every field, because `completed: false` means another status for each status there was:
/// whoever knows only done and not done must not undo `in_progress` or `cancelled` by writing back what it read.
#[derive(Debug)]
pub struct Replacement(pub Patch);

impl FromJson for Replacement {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let (draft, change) = draft(fields)?;
        let Draft { title, description, status, priority, due_date, tags, assignee, later } = draft;
        Some(Self(Patch {
            title: Some(title),
            description: Some(description),
            status: Some(change.unwrap_or(StatusChange::To(status))),
            priority: Some(priority),
            due_date: Some(due_date),
            tags: Some(tags),
            assignee: Some(assignee),
            later: Later { anywhere: true, ..later },
        }))
    }
}

/// A partial change.
#[derive(Debug)]
pub struct PartialUpdate(pub Patch);

impl FromJson for PartialUpdate {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(READ_ONLY);
        let completed = fields.optional("completed", fields::boolean);
        let mut patch = v2::todo::patch(fields, fields::serial)?;
        let status = match patch.status {
            Some(StatusChange::To(status)) => Some(status),
            _ => None,
        };
        patch.status = change(fields, completed?, status)?;
        // This version knows no lists, so none is archived for it.
        patch.later.anywhere = true;
        Some(Self(patch))
    }
}

/// A draft, and what the body says of the status, if anything.
fn draft(fields: &mut Fields) -> Option<(Draft, Option<StatusChange>)> {
    fields.read_only(READ_ONLY);
    let completed = fields.optional("completed", fields::boolean);
    let given = fields.has("status");
    let draft = v2::todo::draft(fields, fields::serial)?;
    let change = change(fields, completed?, given.then_some(draft.status))?;
    Some((draft, change))
}

/// What `completed` and `status` together say. The outer `None` is a fault: they contradict each other.
fn change(fields: &mut Fields, completed: Option<bool>, status: Option<Status>) -> Option<Option<StatusChange>> {
    match (completed, status) {
        (Some(completed), Some(status)) if completed != status.is_completed() => {
            let detail = format!("contradicts the status {}", status.as_str());
            fields.fault(Fault::at(fields.pointer_to("completed"), "invalid_value", detail));
            None
        }
        (_, Some(status)) => Some(Some(StatusChange::To(status))),
        (Some(true), None) => Some(Some(StatusChange::To(Status::Completed))),
        (Some(false), None) => Some(Some(StatusChange::Reopen)),
        (None, None) => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::person::CallerPerson;
    use serde_json::{Value, json};

    fn read<T: FromJson>(body: Value) -> Result<T, Vec<Fault>> {
        let mut fields = Fields::root(body, CallerPerson::default()).unwrap();
        let value = T::from_json(&mut fields);
        let faults = fields.finish();
        value.filter(|_| faults.is_empty()).ok_or(faults)
    }

    #[test]
    fn completed_says_which_status() {
        let status = |body| read::<PartialUpdate>(body).unwrap().0.status;
        assert_eq!(status(json!({"completed": true})), Some(StatusChange::To(Status::Completed)));
        assert_eq!(status(json!({"completed": false})), Some(StatusChange::Reopen));
        let both = json!({"completed": false, "status": "cancelled"});
        assert_eq!(status(both), Some(StatusChange::To(Status::Cancelled)));
        assert_eq!(status(json!({})), None);
        let new = |body| read::<NewTodo>(body).unwrap().0.status;
        assert_eq!(new(json!({"title": "x", "completed": true})), Status::Completed);
        assert_eq!(new(json!({"title": "x", "completed": false})), Status::Pending);
        assert_eq!(new(json!({"title": "x", "completed": false, "status": "in_progress"})), Status::InProgress);
    }

    #[test]
    fn a_contradiction_stands_at_completed() {
        for body in [
            json!({"title": "x", "completed": true, "status": "pending"}),
            json!({"title": "x", "completed": false, "status": "completed"}),
        ] {
            for faults in [read::<NewTodo>(body.clone()).unwrap_err(), read::<PartialUpdate>(body).unwrap_err()] {
                assert_eq!(faults.len(), 1, "{faults:?}");
                assert_eq!(faults[0].place, todo_core::error::Place::Pointer("/completed".to_owned()));
            }
        }
    }

    #[test]
    fn a_replacement_that_knows_only_completed_keeps_the_other_statuses() {
        let status = |body| read::<Replacement>(body).unwrap().0.status;
        assert_eq!(status(json!({"title": "x", "completed": false})), Some(StatusChange::Reopen));
        assert_eq!(status(json!({"title": "x"})), Some(StatusChange::To(Status::Pending)));
        let patch = read::<Replacement>(json!({"title": "x"})).unwrap().0;
        assert_eq!((patch.description, patch.tags, patch.assignee), (Some(None), Some(Vec::new()), Some(None)));
    }
}
