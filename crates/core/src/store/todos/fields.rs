//! The JSON of todos that the writing SQL functions take (`p_fields` in the migrations).

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::domain::id::Id;
use crate::domain::list::{Move, Spot};
use crate::domain::text::TagName;
use crate::domain::todo::{Draft, Later, Operation, Patch, Priority, StatusChange};

/// All fields of a draft, but of those that came after the first release only what it names.
pub fn draft(draft: &Draft) -> Value {
    let Draft { title, description, status, priority, due_date, tags, assignee, later: named } = draft;
    let mut fields = later(named);
    let all = json!({
        "title": title.as_str(),
        "description": description.as_ref().map(|text| text.as_str()),
        "status": status.as_str(),
        "priority": priority_number(*priority),
        "due_date": due_date.as_ref().map(|instant| instant.as_str()),
        "tags": tag_list(tags),
        "assignee": assignee,
    });
    if let Value::Object(all) = all {
        fields.extend(all);
    }
    Value::Object(fields)
}

/// The fields that a patch names.
pub fn patch(patch: &Patch) -> Value {
    let Patch { title, description, status, priority, due_date, tags, assignee, later: named } = patch;
    let mut fields = later(named);
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

/// Where a todo is moved: `p_fields` of `move_todo_v1`.
pub fn movement(Move { list, parent, spot }: &Move) -> Value {
    let mut fields = later(&Later { list: *list, parent: *parent, ..Later::default() });
    if let Some(spot) = spot {
        let (name, value) = match spot {
            Spot::After(id) => ("after", json!(id)),
            Spot::Before(id) => ("before", json!(id)),
            Spot::First => ("place", "first".into()),
            Spot::Last => ("place", "last".into()),
        };
        fields.insert(name.to_owned(), value);
    }
    Value::Object(fields)
}

/// Of the fields that came after the first release those that are named.
fn later(later: &Later) -> Map<String, Value> {
    let Later { list, parent, position, anywhere } = later;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(list) = list {
        put("list", json!(list));
    }
    if let Some(parent) = parent {
        put("parent", json!(parent));
    }
    if let Some(position) = position {
        put("position", json!(position));
    }
    if *anywhere {
        put("anywhere", true.into());
    }
    fields
}

/// Operations of a batch, each with what names its todo.
pub fn operations(operations: &[Operation]) -> Value {
    let one = |operation: &Operation| match operation {
        Operation::Create { uid, draft: fields } => json!({"create": draft(fields), "uid": uid}),
        Operation::Update { id, if_version, patch: fields } => named(*id, *if_version, "update", patch(fields)),
        Operation::Move { id, if_version, to } => named(*id, *if_version, "move", movement(to)),
        Operation::Complete { id, subtasks } => named(*id, None, "complete", (*subtasks).into()),
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
pub fn tag_list(tags: &[TagName]) -> Value {
    tags.iter().map(|tag| json!({"uid": Uuid::now_v7(), "name": tag.as_str(), "folded": tag.folded()})).collect()
}

/// The number that stands for a priority in the database.
pub fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 1,
        Priority::Medium => 2,
        Priority::High => 3,
        Priority::Urgent => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Title;
    use crate::domain::todo::Status;

    #[test]
    fn a_draft_writes_all_fields_of_the_first_release_and_no_later_one_that_it_does_not_name() {
        let bare = Draft {
            title: Title::parse("Water").unwrap(),
            description: None,
            status: Status::Pending,
            priority: Priority::Medium,
            due_date: None,
            tags: Vec::new(),
            assignee: None,
            later: Later::default(),
        };
        let written = json!({
            "title": "Water", "description": null, "status": "pending", "priority": 2, "due_date": null, "tags": [],
            "assignee": null,
        });
        assert_eq!(draft(&bare), written);
        assert_eq!(patch(&Patch::default()), json!({}));
    }
}
