//! The feed of changes and its log in version 2.

use serde::Serialize;
use todo_core::domain::feed::{FeedItem, FeedList, FeedTag, Subject};
use todo_core::domain::list::{Color, Rank};
use utoipa::ToSchema;
use uuid::Uuid;

use super::people::{Department, Employee, EmployeeRef};
use super::todo::Todo;
use crate::types::scalar;

/// Something that was created, changed or removed, as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// What it is: `todo`, `tag`, `list`, `employee` or `department`.
    r#type: &'static str,
    /// Its id.
    id: Uuid,
    /// Its version.
    #[schema(minimum = 1)]
    version: i64,
    /// Whether it is gone; a todo in the bin is gone, too.
    deleted: bool,
    /// The tag that todos have instead of this one, with which it became one. Only of a deleted tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    replaced_by: Option<Uuid>,
    /// The ids of the tags whose names `data` shows, in the same order. Only of a todo.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 20, nullable = false)]
    tag_ids: Option<Vec<Uuid>>,
    /// All of it, or null if it is gone. A todo, an employee and a department look as where each is read alone.
    data: Option<Data>,
}

/// One of these.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Data {
    /// A todo.
    Todo(Box<Todo>),
    /// A tag.
    Tag(ChangedTag),
    /// A list.
    List(ChangedList),
    /// An employee.
    Employee(Employee),
    /// A department.
    Department(Department),
}

/// A list, without how many todos are in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedList {
    /// The public id.
    id: Uuid,
    /// The name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// How clients show it, or null.
    #[schema(value_type = Option<scalar::Color>)]
    color: Option<String>,
    /// Where it stands among the lists.
    #[schema(value_type = scalar::Position)]
    position: Rank,
    /// Whether it is archived.
    archived: bool,
    /// Since when it is archived, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    archived_at: Option<String>,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// 1 at first, one more with each change.
    #[schema(minimum = 1)]
    version: i64,
}

impl From<FeedList> for ChangedList {
    fn from(list: FeedList) -> Self {
        let FeedList { id, name, color, position, archived_at, created_at, updated_at, version } = list;
        Self {
            id,
            name: name.into_string(),
            color: color.map(Color::into_string),
            position,
            archived: archived_at.is_some(),
            archived_at: archived_at.map(|at| at.into_string()),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}

/// A tag, without how often it is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedTag {
    /// The public id.
    id: Uuid,
    /// The name, in the spelling that was used first.
    #[schema(value_type = scalar::TagName)]
    name: String,
}

impl From<FeedItem> for Change {
    fn from(item: FeedItem) -> Self {
        let FeedItem { kind, uid, version, subject, replaced_by } = item;
        let tag_ids = match &subject {
            Some(Subject::Todo(todo)) => Some(todo.tags.iter().map(|tag| tag.uid).collect()),
            _ => None,
        };
        let deleted = subject.is_none();
        Self { r#type: kind.as_str(), id: uid, version, deleted, replaced_by, tag_ids, data: subject.map(Data::from) }
    }
}

impl From<Subject> for Data {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Todo(todo) => Self::Todo(Box::new(Todo::from(*todo))),
            Subject::Tag(FeedTag { id, name }) => Self::Tag(ChangedTag { id, name }),
            Subject::List(list) => Self::List(list.into()),
            Subject::Employee(employee) => Self::Employee(employee.into()),
            Subject::Department(department) => Self::Department(department.into()),
        }
    }
}

/// A part of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    /// In the order of their last change; the same thing may come again.
    #[schema(max_items = 200)]
    pub items: Vec<Change>,
    /// How far this goes: the `cursor` of the next request. Never null.
    #[schema(min_length = 1, max_length = 4096, pattern = "^[A-Za-z0-9_-]+$")]
    pub next_cursor: String,
    /// Whether more is there already. Until it is false, something may come before what it refers to.
    pub more: bool,
}

// Postgres renders events (`migrations/0020_feed.sql`); this describes what it writes.
/// One change of one thing.
#[derive(Debug, ToSchema)]
pub struct Event {
    /// The event's id.
    pub id: Uuid,
    /// What happened: the kind of the subject, and what became of it.
    #[schema(value_type = scalar::EventType)]
    pub r#type: String,
    /// When.
    #[schema(value_type = scalar::Instant)]
    pub at: String,
    /// The subject's version after it; null of a job.
    #[schema(minimum = 1)]
    pub version: Option<i64>,
    /// The id of what changed.
    pub subject: Uuid,
    /// Who did it; null where authentication is off.
    pub actor: Option<Actor>,
    /// The request that did it, as in its `X-Request-Id`; null where none did.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    pub request_id: Option<String>,
    #[doc = " The fields that changed, each with `from` and `to`; of `tags` those `added` and `removed`; of \
             `description` only that it"]
    #[doc = " `changed`. Empty of what was created or removed; of a tag, an employee or a department that is gone its \
             `name`, and the tag"]
    /// that it was `replaced_by`.
    #[schema(value_type = scalar::FieldChanges)]
    pub changes: serde_json::Value,
}

/// Who made a change.
#[derive(Debug, ToSchema)]
pub struct Actor {
    /// The bearer of a `token`, a worker on behalf of a `job`, or a `service` command.
    #[schema(value_type = scalar::ActorKind)]
    pub kind: String,
    /// The token's or the job's id.
    #[schema(nullable = false)]
    pub id: Option<Uuid>,
    /// The token's or the command's name.
    #[schema(value_type = Option<scalar::Name>, nullable = false)]
    pub name: Option<String>,
    /// The employee whom the token names, or null. Only of a token.
    pub employee: Option<EmployeeRef>,
}
