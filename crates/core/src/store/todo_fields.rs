//! The JSON of todos that the writing SQL functions take (`p_fields` in the migrations).

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::pg::Param;
use crate::domain::id::Id;
use crate::domain::text::TagName;
use crate::domain::todo::{Draft, Operation, Patch, Priority, StatusChange};

/// All fields of a draft.
pub(super) fn draft(draft: &Draft) -> Value {
    let Draft { title, description, status, priority, due_date, tags, assignee } = draft;
    json!({
        "title": title.as_str(),
        "description": description.as_ref().map(|text| text.as_str()),
        "status": status.as_str(),
        "priority": priority_number(*priority),
        "due_date": due_date.as_ref().map(|instant| instant.as_str()),
        "tags": tag_list(tags),
        "assignee": assignee,
    })
}

/// The fields that a patch names.
pub(super) fn patch(patch: &Patch) -> Value {
    let Patch { title, description, status, priority, due_date, tags, assignee } = patch;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(title) = title {
        put("title", title.as_str().into());
    }
    if let Some(description) = description {
        put("description", description.as_ref().map(|text| text.as_str()).into());
    }
    match status {
        Some(StatusChange::To(status)) => drop(put("status", status.as_str().into())),
        Some(StatusChange::Reopen) => drop(put("reopen", true.into())),
        None => {}
    }
    if let Some(priority) = priority {
        put("priority", priority_number(*priority).into());
    }
    if let Some(due_date) = due_date {
        put("due_date", due_date.as_ref().map(|instant| instant.as_str()).into());
    }
    if let Some(tags) = tags {
        put("tags", tag_list(tags));
    }
    if let Some(assignee) = assignee {
        put("assignee", json!(assignee));
    }
    Value::Object(fields)
}

/// Operations of a batch, each with what names its todo.
pub(super) fn operations(operations: &[Operation]) -> Value {
    let one = |operation: &Operation| match operation {
        Operation::Create(fields) => json!({"create": draft(fields), "uid": Uuid::now_v7()}),
        Operation::Update { id, if_version, patch: fields } => named(*id, *if_version, "update", patch(fields)),
        Operation::Delete { id, if_version } => named(*id, *if_version, "delete", true.into()),
    };
    operations.iter().map(one).collect()
}

fn named(id: Id, version: Option<i64>, operation: &str, value: Value) -> Value {
    let name = match id {
        Id::Serial(_) => "id",
        Id::Uuid(_) => "uid",
    };
    json!({name: id, "version": version, operation: value})
}

/// A new tag gets its UUID here, an existing one keeps its own.
pub(super) fn tag_list(tags: &[TagName]) -> Value {
    tags.iter().map(|tag| json!({"uid": Uuid::now_v7(), "name": tag.as_str(), "folded": tag.folded()})).collect()
}

/// The number that stands for a priority in the database.
pub(super) fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 1,
        Priority::Medium => 2,
        Priority::High => 3,
        Priority::Urgent => 4,
    }
}

/// JSON as a parameter; the statement casts it.
pub(super) fn json_param(value: &Value) -> Param {
    Param::Text(value.to_string())
}
