//! Lists in version 2, and where todos stand in them.

use serde::Serialize;
use serde_json::Value;
use todo_core::domain::list::{self, Color, Holder, ListFields, Move, Rank, Spot};
use todo_core::domain::people::Name;
use todo_core::error::Fault;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::types::scalar;

/// A list of todos.
#[derive(Debug, Serialize, ToSchema)]
pub struct List {
    /// The public id.
    pub id: Uuid,
    /// The name, unique without regard to case.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// How clients show it, or null.
    #[schema(value_type = Option<scalar::Color>)]
    color: Option<String>,
    /// Where it stands among the lists.
    #[schema(value_type = scalar::Position)]
    position: Rank,
    /// Whether it is archived: its todos are in lists only with `archived=true`, and nothing is written in it.
    archived: bool,
    /// Since when it is archived, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    archived_at: Option<String>,
    /// How many open todos are in it.
    count: i64,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// 1 at first, one more with each change.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl From<list::List> for List {
    fn from(list: list::List) -> Self {
        let list::List { id: _, uid, name, color, position, archived_at, count, created_at, updated_at, version } =
            list;
        Self {
            id: uid,
            name: name.into_string(),
            color: color.map(Color::into_string),
            position,
            archived: archived_at.is_some(),
            archived_at: archived_at.map(|at| at.into_string()),
            count,
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}

// What the decoder of `NewList` reads.
/// A list as it is to be.
#[derive(Debug, ToSchema)]
pub struct ListDraft {
    /// Its name.
    #[schema(value_type = scalar::NameInput)]
    pub name: String,
    /// How clients show it.
    #[schema(value_type = Option<scalar::Color>)]
    pub color: Option<String>,
    /// Where it stands among the lists; the seconds of its creation if absent.
    #[schema(value_type = Option<scalar::Position>)]
    pub position: Option<f64>,
    /// Whether it is archived.
    #[schema(value_type = Option<bool>, nullable = false)]
    pub archived: Option<bool>,
}

// What the decoder of the core's fields reads.
/// A change to a list.
#[derive(Debug, ToSchema)]
pub struct ListPatch {
    /// Its new name.
    #[schema(value_type = Option<scalar::NameInput>, nullable = false)]
    pub name: Option<String>,
    /// How clients show it.
    #[schema(value_type = Option<scalar::Color>)]
    pub color: Option<String>,
    /// Where it stands among the lists; null: the seconds of its creation.
    #[schema(value_type = Option<scalar::Position>)]
    pub position: Option<f64>,
    /// Whether it is archived.
    #[schema(value_type = Option<bool>, nullable = false)]
    pub archived: Option<bool>,
}

const READ_ONLY: &[&str] = &["id", "archived_at", "count", "created_at", "updated_at", "version"];

/// All fields of a list.
#[derive(Debug)]
pub struct NewList(pub ListFields);

impl FromJson for NewList {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(READ_ONLY);
        let name = fields.required("name", fields.sanitised(Name::parse_within));
        let ListFields { name: _, color, position, archived } = others(fields)?;
        let archived = Some(archived.unwrap_or(false));
        let (color, position) = (Some(color.flatten()), Some(position.flatten()));
        Some(Self(ListFields { name: Some(name?), color, position, archived }))
    }
}

impl FromJson for ListFields {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(READ_ONLY);
        let name = fields.optional("name", fields.sanitised(Name::parse_within));
        let others = others(fields);
        Some(Self { name: name?, ..others? })
    }
}

/// All but the name.
fn others(fields: &mut Fields) -> Option<ListFields> {
    let color = fields.nullable("color", |value, pointer| {
        let text = fields::string(value, pointer)?;
        let detail = "must be a colour of six hexadecimal digits, such as #3366ff";
        Color::parse(&text).ok_or_else(|| Fault::at(pointer, "invalid_format", detail))
    });
    let position = fields.nullable("position", rank);
    let archived = fields.optional("archived", fields::boolean);
    Some(ListFields { name: None, color: color?, position: position?, archived: archived? })
}

/// A number by which siblings are ordered.
pub fn rank(value: Value, pointer: &str) -> Result<Rank, Fault> {
    let number = fields::number(value, pointer)?;
    let detail = format!("must be a number from -{most:e} to {most:e}", most = Rank::MOST);
    Rank::new(number).ok_or_else(|| Fault::at(pointer, "out_of_range", detail))
}

/// The id of a list or of a parent, or `none`.
pub fn holder(value: Value, pointer: &str) -> Result<Holder, Fault> {
    if value == "none" {
        return Ok(Holder::None);
    }
    fields::uuid(value, pointer).map(Holder::Id)
}

// What the decoder of the core's move reads.
/// Where a todo is moved. At most one of `after`, `before` and `place`; without any it keeps its position.
#[derive(Debug, ToSchema)]
pub struct TodoMove {
    #[doc = " The list; null: the inbox. If it is another one and no parent is named, the todo is a subtask of none \
             from then on."]
    pub list_id: Option<Uuid>,
    /// The todo that it becomes a subtask of; null: of none.
    pub parent_id: Option<Uuid>,
    /// Right after this todo, which has the same parent in the same list.
    #[schema(nullable = false)]
    pub after: Option<Uuid>,
    /// Right before this todo.
    #[schema(nullable = false)]
    pub before: Option<Uuid>,
    /// Before or after all others.
    #[schema(value_type = Option<scalar::MovePlace>, nullable = false)]
    pub place: Option<String>,
}

/// The places, for messages.
pub const PLACES: &str = "first, last";

impl FromJson for Move {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let list = fields.nullable("list_id", fields::uuid);
        let parent = fields.nullable("parent_id", fields::uuid);
        let given: Vec<&str> = ["after", "before", "place"].into_iter().filter(|name| fields.has(name)).collect();
        let after = fields.optional("after", fields::uuid);
        let before = fields.optional("before", fields::uuid);
        let place = |word: &str| match word {
            "first" => Some(Spot::First),
            "last" => Some(Spot::Last),
            _ => None,
        };
        let place = fields.optional("place", fields::word(place, PLACES));
        for name in given.into_iter().skip(1) {
            let detail = "only one of after, before and place may be given";
            fields.fault(Fault::at(fields.pointer_to(name), "duplicate", detail));
        }
        let spot = after?.map(Spot::After).or(before?.map(Spot::Before)).or(place?);
        Some(Self { list: list?, parent: parent?, spot })
    }
}

// What the decoder of `Completion` reads.
/// How a todo is completed.
#[derive(Debug, ToSchema)]
pub struct TodoCompletion {
    /// What happens to the open todos below it; `keep` if absent.
    #[schema(value_type = Option<scalar::SubtasksOption>, nullable = false)]
    pub subtasks: Option<String>,
}

/// The same, read.
#[derive(Debug)]
pub struct Completion {
    /// Whether the open todos below it are completed, too.
    pub subtasks: bool,
}

impl FromJson for Completion {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let word = |word: &str| match word {
            "keep" => Some(false),
            "complete" => Some(true),
            _ => None,
        };
        let subtasks = fields.optional("subtasks", fields::word(word, "keep, complete"))?;
        Some(Self { subtasks: subtasks.unwrap_or(false) })
    }
}
