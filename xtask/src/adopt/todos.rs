//! Todos and the tags on them.

use std::collections::{BTreeSet, HashSet};
use std::pin::pin;

use anyhow::Result;
use futures::TryStreamExt;
use todo_core::domain::text::{Description, Title};
use todo_core::domain::todo::{Draft, Priority, Status};

use super::check::{Checked, Refused};
use super::map::Map;
use super::people::People;
use super::report::Report;
use super::rows::Todo;
use super::source::{Column, Kind, Source, Table, text};
use super::target::Target;
use crate::progress::say;

/// What is read of todos.
pub const COLUMNS: [Column; 11] = [
    Column { name: "id", kind: Kind::Id, required: true },
    Column { name: "title", kind: Kind::Text, required: true },
    Column { name: "description", kind: Kind::Text, required: false },
    Column { name: "status", kind: Kind::Text, required: false },
    Column { name: "completed", kind: Kind::Text, required: false },
    Column { name: "priority", kind: Kind::Text, required: false },
    Column { name: "due_date", kind: Kind::Instant, required: false },
    Column { name: "assignee_id", kind: Kind::Id, required: false },
    Column { name: "created_at", kind: Kind::Instant, required: false },
    Column { name: "updated_at", kind: Kind::Instant, required: false },
    Column { name: "completed_at", kind: Kind::Instant, required: false },
];

/// What is read of the tags on todos.
pub const TAG_COLUMNS: [Column; 2] = [
    Column { name: "todo_id", kind: Kind::Id, required: true },
    Column { name: "tag_id", kind: Kind::Id, required: true },
];

/// After how many todos progress is told.
const TOLD: usize = 10_000;

/// Brings both.
pub async fn bring(
    source: &mut Source,
    target: &mut Target,
    map: &Map,
    people: &People,
    report: &mut Report,
) -> Result<()> {
    let Some(table) = source.table(map, "todos", &COLUMNS, report).await? else {
        return Ok(());
    };
    let tags = source.table(map, "todo_tags", &TAG_COLUMNS, report).await?;
    target.reserve("todos", table.last);
    let total = source.count(&table).await?;
    let (mut before, mut ids) = (0, HashSet::new());
    {
        let mut rows = pin!(source.rows(&table));
        while let Some(row) = rows.try_next().await? {
            let mut old = Checked::new("todos", &table, &row, report);
            let Ok(id) = old.id(&mut before) else { continue };
            ids.insert(id);
            if let Ok(todo) = todo(id, &mut old, map, people, &target.now) {
                target.todo(todo).await?;
            }
            if ids.len() % TOLD == 0 {
                say(&format!("todos: {} of {total}", ids.len()));
            }
        }
    }
    target.flush().await?;
    say(&format!("todos: {}", ids.len()));
    match tags {
        Some(table) => tags_on_todos(source, target, &table, &ids, people, report).await,
        None => Ok(()),
    }
}

async fn tags_on_todos(
    source: &mut Source,
    target: &mut Target,
    table: &Table,
    ids: &HashSet<i64>,
    people: &People,
    report: &mut Report,
) -> Result<()> {
    let (mut links, mut before) = (0, None);
    let mut of_todo: (i64, BTreeSet<i64>) = (0, BTreeSet::new());
    let mut rows = pin!(source.rows(table));
    while let Some(row) = rows.try_next().await? {
        let old = (text(&row, "todo_id")?, text(&row, "tag_id")?);
        let known = |text: &Option<String>| text.as_deref().and_then(|id| id.parse::<i64>().ok());
        let todo = known(&old.0).filter(|id| ids.contains(id));
        let tag = known(&old.1).and_then(|id| people.tags.get(&id).copied());
        let mut leave_out = |why: &str| {
            let (todo, tag) = &old;
            let row = [todo, tag].map(|id| id.as_deref().unwrap_or_default()).join(", ");
            report.mend("todo_tags", &row, "tag_id", &format!("left out, since {why}"));
        };
        let (Some(todo), Some(tag)) = (todo, tag) else {
            leave_out("there is no such todo or tag");
            continue;
        };
        if before.as_ref() == Some(&old) {
            leave_out("the todo has the tag already");
            continue;
        }
        if todo != of_todo.0 {
            links += tag_one(target, &of_todo, report).await?;
            of_todo = (todo, BTreeSet::new());
        }
        of_todo.1.insert(tag);
        before = Some(old);
    }
    links += tag_one(target, &of_todo, report).await?;
    target.flush().await?;
    say(&format!("tags on todos: {links}"));
    Ok(())
}

/// The tags of one todo; how many.
async fn tag_one(target: &mut Target, (todo, tags): &(i64, BTreeSet<i64>), report: &mut Report) -> Result<usize> {
    if tags.len() > Draft::MAX_TAGS {
        let why = format!("a todo has at most {} tags, this one {}", Draft::MAX_TAGS, tags.len());
        report.refuse("todos", &todo.to_string(), "tags", &why);
    }
    for tag in tags {
        target.tagged((*todo, *tag)).await?;
    }
    Ok(tags.len())
}

/// Every value is looked at before one that is refused ends the row, so that all are reported.
fn todo(id: i64, old: &mut Checked<'_>, map: &Map, people: &People, now: &str) -> Result<Todo, Refused> {
    let title = old.sanitise("title", Title::parse, Title::as_str);
    let description = description(old);
    let status = status(old, map);
    let priority = priority(old, map);
    let due = old.instant("due_date");
    let assignee = old.reference("assignee_id", |id| people.employees.contains(&id));
    let times = old.times(now);
    let completed_at = old.instant("completed_at");
    let (title, description, status, priority) = (title?, description?, status?, priority?);
    let (due, assignee, (created, updated)) = (due?, assignee?, times?);
    let completed = match (status.is_completed(), completed_at?) {
        (true, Some(at)) => Some(at.into_string()),
        (true, None) => {
            if old.known.has("completed_at") {
                old.mend("completed_at", "is empty: the time of the last change");
            }
            Some(updated.clone())
        }
        (false, Some(_)) => {
            old.mend("completed_at", "left out, since the todo is not completed");
            None
        }
        (false, None) => None,
    };
    Ok(Todo {
        id,
        title: title.into_string(),
        description: description.map(Description::into_string),
        status: status.as_str(),
        priority: match priority {
            Priority::Low => 1,
            Priority::Medium => 2,
            Priority::High => 3,
            Priority::Urgent => 4,
        },
        due: due.map(|at| at.into_string()),
        assignee,
        created,
        updated,
        completed,
    })
}

fn description(old: &mut Checked<'_>) -> Result<Option<Description>, Refused> {
    let Some(text) = old.text("description")? else {
        return Ok(None);
    };
    match Description::parse(&text) {
        Ok(None) if text.trim().is_empty() => {
            old.mend("description", "is empty: null");
            Ok(None)
        }
        Ok(new) => {
            let clean = new.as_ref().map_or("", Description::as_str);
            let plain = clean.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let before = text.trim().replace("\r\n", "\n").replace('\r', "\n");
            // That `&` is written `&amp;` in rich text changes nothing.
            if clean != before && plain != before {
                old.mend("description", "sanitised, or normalised");
            }
            Ok(new)
        }
        Err(error) => Err(old.refuse_text("description", &error, &text)),
    }
}

fn status(old: &mut Checked<'_>, map: &Map) -> Result<Status, Refused> {
    let completed = match old.text("completed")?.as_deref() {
        Some("true" | "t" | "1") => Some(true),
        Some("false" | "f" | "0") => Some(false),
        None => None,
        Some(other) => {
            return Err(old.refuse("completed", &format!("`{}` is neither true nor false", short(other))));
        }
    };
    let status = status_beside(completed, old, map)?;
    if completed.is_none() && old.known.has("completed") {
        old.mend("completed", &format!("is empty: {}", status.is_completed()));
    }
    Ok(status)
}

/// The status beside what the column `completed` says.
fn status_beside(completed: Option<bool>, old: &mut Checked<'_>, map: &Map) -> Result<Status, Refused> {
    let Some(word) = old.text("status")? else {
        let status = agreed(None, completed);
        if old.known.has("status") {
            old.mend("status", &format!("is empty: {}", status.as_str()));
        }
        return Ok(status);
    };
    let Some(status) = map.status(&word) else {
        let why = format!("`{}` is none of ours; name it under [statuses] in the map", short(&word));
        return Err(old.refuse("status", &why));
    };
    if word != status.as_str() && !map.names_status(&word) {
        old.mend("status", &format!("`{}` is read as {}", short(&word), status.as_str()));
    }
    let mended = agreed(Some(status), completed);
    if mended != status {
        let completed = mended.is_completed();
        let [was, is] = [status, mended].map(|status| status.as_str());
        old.mend("status", &format!("is {was} though completed is {completed}: {is}"));
    }
    Ok(mended)
}

/// The status of a todo of which a word and `completed` say this; `completed` wins.
pub fn agreed(word: Option<Status>, completed: Option<bool>) -> Status {
    match (word, completed) {
        (Some(status), None) => status,
        (Some(status), Some(completed)) if status.is_completed() == completed => status,
        (_, Some(true)) => Status::Completed,
        _ => Status::Pending,
    }
}

fn priority(old: &mut Checked<'_>, map: &Map) -> Result<Priority, Refused> {
    let Some(word) = old.text("priority")? else {
        if old.known.has("priority") {
            old.mend("priority", "is empty: medium");
        }
        return Ok(Priority::Medium);
    };
    let Some(priority) = map.priority(&word) else {
        let why = format!("`{}` is none of ours; name it under [priorities] in the map", short(&word));
        return Err(old.refuse("priority", &why));
    };
    if word != priority.as_str() && !map.names_priority(&word) {
        old.mend("priority", &format!("`{}` is read as {}", short(&word), priority.as_str()));
    }
    Ok(priority)
}

/// The beginning of a word, on one line.
fn short(word: &str) -> String {
    word.chars().take(30).flat_map(char::escape_debug).collect()
}
