//! Texts of the wire as the OpenAPI documents describe them, with their bounds. Nothing holds a value of these types:
//! fields name them in `#[schema(value_type = …)]`, so that each kind of text is described once.
//!
//! What comes out is narrower than what may go in, so some come in pairs: a title is sanitised before it is measured,
//! and an instant may have any offset.

use std::borrow::Cow;

use serde_json::{Value, json};
use todo_core::domain::access::Scope as CoreScope;
use todo_core::domain::bulk::BulkChange;
use todo_core::domain::event::{TYPES as EVENT_TYPES, types_of_todos};
use todo_core::domain::feed::SubjectKind as SubjectKinds;
use todo_core::domain::list::Rank;
use todo_core::domain::people::{Email as CoreEmail, Name as CoreName};
use todo_core::domain::text::{Description as CoreDescription, SearchText, TagName as CoreTagName, Title as CoreTitle};
use todo_core::domain::todo::{Priority as CorePriority, Status as CoreStatus};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! scalar {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                described(concat!($($doc),+).trim(), $schema)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

scalar! {
    /// The title of a todo: plain text, never markup.
    Title = line(CoreTitle::MAX, "Buy milk");
    /// The title of a todo, measured after it was trimmed, normalised and freed of markup.
    TitleInput = input(CoreTitle::MAX, "Buy milk");
    /// HTML of harmless elements.
    Description = text(CoreDescription::MAX, "Two bottles, <b>not</b> one.");
    /// Rich text as HTML, measured after what is not allowed in it was taken out.
    DescriptionInput = json!({
        "type": "string", "maxLength": CoreDescription::MAX, "examples": ["Two bottles, <b>not</b> one."],
    });
    /// The name of a tag.
    TagName = line(CoreTagName::MAX, "home");
    /// The name of a tag; case does not matter.
    TagNameInput = input(CoreTagName::MAX, "home");
    /// A name: plain text.
    Name = line(CoreName::MAX, "Ada Lovelace");
    /// A name, measured after it was trimmed, normalised and freed of markup.
    NameInput = input(CoreName::MAX, "Ada Lovelace");
    /// An e-mail address, as it was written.
    Email = email();
    /// An e-mail address.
    EmailInput = email();
    /// Where a todo stands.
    Status = words(&CoreStatus::ALL.map(CoreStatus::as_str));
    /// How much a todo matters.
    Priority = words(&CorePriority::ALL.map(CorePriority::as_str));
    /// How far a job is.
    JobStatus = words(&["queued", "running", "succeeded", "failed", "cancelled"]);
    /// What a token allows.
    Scope = words(&CoreScope::ALL.map(CoreScope::as_str));
    /// What the feed tells of.
    SubjectKind = words(&SubjectKinds::ALL.map(SubjectKinds::as_str));
    /// What happened to what.
    EventType = words(EVENT_TYPES);
    /// What happened to a todo.
    TodoEventType = words(&types_of_todos().collect::<Vec<_>>());
    /// The kind of somebody who changes things.
    ActorKind = words(&["token", "job", "service"]);
    /// Changes by the name of the field.
    FieldChanges = json!({
        "type": "object", "maxProperties": 20, "additionalProperties": {
            "type": "object", "description": "What became of the field.", "properties": {
                "from": {"type": ["string", "number", "boolean", "object", "null"],
                    "description": "The value before: a text, a number, a reference with `id` and `name` or `title`, \
                        or null."},
                "to": {"type": ["string", "number", "boolean", "object", "null"], "description": "The value after it."},
                "added": {"type": "array", "maxItems": 20, "items": {"$ref": "#/components/schemas/TagName"},
                    "description": "Tags that came."},
                "removed": {"type": "array", "maxItems": 20, "items": {"$ref": "#/components/schemas/TagName"},
                    "description": "Tags that went."},
                "changed": {"type": "boolean", "description": "True; the text is not kept."},
                "id": {"$ref": "#/components/schemas/Id"},
                "name": {"$ref": "#/components/schemas/TagName"},
            },
        },
    });
    /// What a bulk change does.
    Action = words(&BulkChange::ACTIONS);
    /// The colour of a list: `#` and six hexadecimal digits.
    Color = json!({
        "type": "string", "minLength": 7, "maxLength": 7, "pattern": "^#[0-9A-Fa-f]{6}$", "examples": ["#3366ff"],
    });
    /// Where something stands among its siblings: the smaller, the earlier; ties are broken by age.
    Position = json!({
        "type": "number", "format": "double", "minimum": -Rank::MOST, "maximum": Rank::MOST,
        "examples": [1_795_894_887.72],
    });
    /// Before or after all siblings.
    MovePlace = words(&["first", "last"]);
    /// What happens to subtasks.
    SubtasksOption = words(&["keep", "complete"]);
    /// An instant in UTC, to the microsecond at most.
    Instant = json!({
        "type": "string", "format": "date-time", "minLength": 20, "maxLength": 27,
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$", "examples": ["2030-01-31T12:00:00Z"],
    });
    /// An instant with any offset (RFC 3339), in the years 1970 to 9999.
    InstantInput = json!({
        "type": "string", "format": "date-time", "minLength": 20, "maxLength": 64,
        "examples": ["2030-01-31T13:00:00+01:00"],
    });
    /// Names a thing: a UUID of version 4 or 7.
    Id = json!({"type": "string", "format": "uuid", "examples": ["0190163d-8694-739b-aea5-966c26f8ad91"]});
    /// Names an employee: an id, or `me` for the one whom the token names.
    EmployeeInput = json!({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "enum": ["me"]}]});
    /// Names the employee that a todo is assigned to: an id, `me` for the one whom the token names, or null for nobody.
    AssigneeInput = json!({"anyOf": [{"type": ["string", "null"], "format": "uuid"}, {"type": "string",
        "enum": ["me"]}]});
    /// Names a thing in version 1.
    TodoId = json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX, "examples": [7]});
    /// What to search for: words, "a phrase", or, -not.
    SearchInput = json!({
        "type": "string", "minLength": 1, "maxLength": SearchText::MAX, "pattern": NOT_BLANK, "examples": ["milk -oat"],
    });
    /// The text of a bearer token.
    Secret = json!({
        "type": "string", "minLength": 47, "maxLength": 47, "pattern": "^tdo_[A-Za-z0-9_-]{43}$",
    });
}

/// Something but space. That control characters inside are refused, too, is in the contract; a pattern for it would
/// also have to say what trimming does at the ends.
const NOT_BLANK: &str = r"\S";

/// A line of plain text before it is sanitised.
fn input(longest: usize, example: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": longest, "pattern": NOT_BLANK, "examples": [example]})
}

/// A line of plain text, without control characters.
fn line(longest: usize, example: &str) -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
        "examples": [example],
    })
}

/// Rich text: line breaks and tabs are its only control characters.
fn text(longest: usize, example: &str) -> Value {
    json!({
        "type": "string", "maxLength": longest,
        "pattern": r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$", "examples": [example],
    })
}

fn email() -> Value {
    json!({
        "type": "string", "format": "email", "minLength": 3, "maxLength": CoreEmail::MAX,
        "examples": ["ada@example.com"],
    })
}

fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn described(description: &str, mut schema: Value) -> RefOr<Schema> {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), description.into());
    }
    // A test of `todo-openapi` finds a schema that could not be read: it says nothing.
    serde_json::from_value(schema).unwrap_or_default()
}
