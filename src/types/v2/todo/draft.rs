//! What a client writes: a new todo, or changes of one.

use serde_json::Value;
use todo_core::domain::id::Id;
use todo_core::domain::text::{Description, TagName, Title};
use todo_core::domain::todo::{Draft, Later, Patch, Priority, Status, StatusChange};
use todo_core::error::Fault;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields, LaterField};
use crate::extract::query::{PRIORITIES, STATUSES};
use crate::types::scalar;
use crate::types::v2::list::rank;

/// Fields of a todo that only the service writes.
pub(super) const READ_ONLY: &[&str] =
    &["id", "completed", "assignee", "created_at", "updated_at", "completed_at", "version", "deleted_at", "subtasks"];

/// Fields of a todo that version 2 got after its first release, each with how it is read. They are marked in the
/// OpenAPI document, and a PUT that does not name them leaves them alone. Version 1 has none of them.
pub const LATER: &[LaterField<Later>] = &[
    LaterField {
        name: "list_id",
        added_in: "2.1.0",
        read: |fields, name, later| fields.nullable(name, fields::uuid).map(|id| later.list = id),
    },
    LaterField {
        name: "parent_id",
        added_in: "2.1.0",
        read: |fields, name, later| fields.nullable(name, fields::uuid).map(|id| later.parent = id),
    },
    LaterField {
        name: "position",
        added_in: "2.1.0",
        read: |fields, name, later| fields.nullable(name, rank).map(|position| later.position = position),
    },
];

impl FromJson for Draft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(READ_ONLY);
        let draft = draft(fields, fields.employee());
        let later = fields.later(LATER);
        Some(Self { later: later?, ..draft? })
    }
}

impl FromJson for Patch {
    /// A merge patch (RFC 7396): `null` clears what can be empty.
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(READ_ONLY);
        let patch = patch(fields, fields.employee());
        let later = fields.later(LATER);
        Some(Self { later: later?, ..patch? })
    }
}

// What `draft` reads.
/// The fields of a new todo, or all fields of one that is replaced.
#[derive(Debug, ToSchema)]
pub struct TodoDraft {
    /// Plain text; markup is stripped.
    #[schema(value_type = scalar::TitleInput)]
    pub title: String,
    /// Rich text; what is not allowed in it is taken out.
    #[schema(value_type = Option<scalar::DescriptionInput>)]
    pub description: Option<String>,
    /// The status; `pending` if absent.
    #[schema(value_type = Option<scalar::Status>, nullable = false)]
    pub status: Option<String>,
    /// The priority; `medium` if absent.
    #[schema(value_type = Option<scalar::Priority>, nullable = false)]
    pub priority: Option<String>,
    /// When it is due.
    #[schema(value_type = Option<scalar::InstantInput>)]
    pub due_date: Option<String>,
    /// All tags, by name. Case does not matter; of two spellings the first stays.
    #[schema(value_type = Option<Vec<scalar::TagNameInput>>, max_items = 20, nullable = false)]
    pub tags: Option<Vec<String>>,
    /// The id of the employee it is assigned to, or `me`: the one whom the token names.
    #[schema(value_type = scalar::AssigneeInput, required = false)]
    pub assignee_id: Option<String>,
    /// The id of the list it is in; null: the inbox. A subtask is in the list of its parent.
    pub list_id: Option<Uuid>,
    /// The id of the todo it is a subtask of; null: of none.
    pub parent_id: Option<Uuid>,
    /// Where it stands among its siblings; the seconds of its creation unless it was given.
    #[schema(value_type = Option<scalar::Position>)]
    pub position: Option<f64>,
}

// What `patch` reads.
/// The fields to change (RFC 7396); null clears what can be empty.
#[derive(Debug, ToSchema)]
pub struct TodoPatch {
    /// Plain text; markup is stripped.
    #[schema(value_type = Option<scalar::TitleInput>, nullable = false)]
    pub title: Option<String>,
    /// Rich text; what is not allowed in it is taken out.
    #[schema(value_type = Option<scalar::DescriptionInput>)]
    pub description: Option<String>,
    /// The status.
    #[schema(value_type = Option<scalar::Status>, nullable = false)]
    pub status: Option<String>,
    /// The priority.
    #[schema(value_type = Option<scalar::Priority>, nullable = false)]
    pub priority: Option<String>,
    /// When it is due.
    #[schema(value_type = Option<scalar::InstantInput>)]
    pub due_date: Option<String>,
    /// The new list of tags, by name; null removes all tags.
    #[schema(value_type = Option<Vec<scalar::TagNameInput>>, max_items = 20)]
    pub tags: Option<Vec<String>>,
    /// The id of the employee it is assigned to, or `me`: the one whom the token names.
    #[schema(value_type = scalar::AssigneeInput, required = false)]
    pub assignee_id: Option<String>,
    /// The id of the list it is in; null: the inbox. A subtask is in the list of its parent.
    pub list_id: Option<Uuid>,
    /// The id of the todo it is a subtask of; null: of none.
    pub parent_id: Option<Uuid>,
    /// Where it stands among its siblings; the seconds of its creation unless it was given.
    #[schema(value_type = Option<scalar::Position>)]
    pub position: Option<f64>,
}

/// The fields that both versions share; they differ in how ids look (`reference`) and in what else they take.
pub fn draft(fields: &mut Fields, reference: impl Fn(Value, &str) -> Result<Id, Fault>) -> Option<Draft> {
    let title = fields.required("title", fields.sanitised(Title::parse_within));
    let description = fields.nullable("description", fields.sanitised(Description::parse_within));
    let status = fields.optional("status", fields::word(Status::parse, STATUSES));
    let priority = fields.optional("priority", fields::word(Priority::parse, PRIORITIES));
    let due_date = fields.nullable("due_date", fields::instant);
    let tags = tags(fields);
    let assignee = fields.nullable("assignee_id", reference);
    Some(Draft {
        title: title?,
        description: description?.flatten().flatten(),
        status: status?.unwrap_or(Status::Pending),
        priority: priority?.unwrap_or(Priority::Medium),
        due_date: due_date?.flatten(),
        tags: tags?.unwrap_or_default(),
        assignee: assignee?.flatten(),
        later: Later::default(),
    })
}

/// The same for a partial change.
pub fn patch(fields: &mut Fields, reference: impl Fn(Value, &str) -> Result<Id, Fault>) -> Option<Patch> {
    let title = fields.optional("title", fields.sanitised(Title::parse_within));
    let description = fields.nullable("description", fields.sanitised(Description::parse_within));
    let status = fields.optional("status", fields::word(Status::parse, STATUSES));
    let priority = fields.optional("priority", fields::word(Priority::parse, PRIORITIES));
    let due_date = fields.nullable("due_date", fields::instant);
    let tags = if fields.take_null("tags") { Some(Some(Vec::new())) } else { tags(fields) };
    let assignee = fields.nullable("assignee_id", reference);
    Some(Patch {
        title: title?,
        description: description?.map(Option::flatten),
        status: status?.map(StatusChange::To),
        priority: priority?,
        due_date: due_date?,
        tags: tags?,
        assignee: assignee?,
        later: Later::default(),
    })
}

/// All tags of a todo.
pub(super) fn tags(fields: &mut Fields) -> Option<Option<Vec<TagName>>> {
    let name = fields.sanitised(TagName::parse_within);
    fields.set("tags", 0..=Draft::MAX_TAGS, name, TagName::distinct)
}
