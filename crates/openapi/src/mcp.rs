//! The definitions of the tools of assistants: texts for the model, and schemas from the wire types, without
//! references, which not every client follows.

use serde_json::{Map, Value, json};
use todo_api::extract::idempotency;
use todo_api::handlers::mcp::tool::Tool;
use todo_api::route::Version::V2;
use todo_api::types::mcp::{DeletedTodos, FoundTodos, MOST_READ, MOST_WRITTEN, Overview, Todos, WhatChanged};
use todo_api::types::scalar;
use todo_api::types::v2::list::{TodoCompletion, TodoMove};
use todo_api::types::v2::todo::{TodoDraft, TodoPatch, TodoSummary};
use todo_core::domain::access::Scope;
use todo_core::domain::filter::SortKey;

use super::parameter;
use super::schema::{self, Schemas, reference};

/// All of them, in the order of [`Tool::ALL`].
pub fn tools() -> Value {
    let schemas = schemas();
    Tool::ALL.into_iter().map(|tool| definition(tool, &schemas)).collect()
}

/// What a tool says of itself.
struct Texts {
    title: &'static str,
    description: &'static str,
    /// Whether it takes away or overwrites what was there.
    destructive: bool,
    /// Whether a second call with the same arguments changes nothing more.
    idempotent: bool,
}

#[expect(clippy::too_many_lines, reason = "one table: the texts of each tool")]
fn texts(tool: Tool) -> Texts {
    let (title, description, destructive, idempotent) = match tool {
        Tool::Overview => (
            "Overview",
            "The current day in a time zone, the current instant, counts of todos by status and priority, how many are \
             overdue and due today, the lists, the tags that are used most (of the first thousand), and the people \
             whom todos can be assigned to. Call it first, with the user's time zone.",
            false,
            true,
        ),
        Tool::FindTodos => (
            "Find todos",
            "Summaries of the todos that match all conditions that are given; without any, of all that are not in the \
             bin. Follow next_cursor with the same conditions until it is null: a page may be short, even empty, \
             before that.",
            false,
            true,
        ),
        Tool::GetTodos => (
            "Get todos",
            "Whole todos by id, with description, version and their subtasks: 100 of these in all, shared among the \
             todos; find_todos with parent lists the others. Ids of which there is none are in not_found.",
            false,
            true,
        ),
        Tool::AddTodos => (
            "Add todos",
            "Creates todos, all or none; subtasks of a todo may stand in it, and theirs in them, five levels in all. \
             With an idempotency_key a call whose answer was lost can be repeated.",
            false,
            false,
        ),
        Tool::UpdateTodos => (
            "Update todos",
            "Changes the given fields of todos, all or none; null clears a field, and tags replaces all tags. With \
             if_version a todo that was changed meanwhile is refused rather than overwritten.",
            true,
            true,
        ),
        Tool::CompleteTodos => (
            "Complete todos",
            "Marks todos as completed, all or none. Their open subtasks stay open unless subtasks is complete.",
            false,
            true,
        ),
        Tool::MoveTodos => (
            "Move todos",
            "Moves todos with their subtasks, all or none: to another list (list_id, null for the inbox), below \
             another todo (parent_id, null for below none), or to another place in the order (after, before or place).",
            false,
            false,
        ),
        Tool::DeleteTodos => (
            "Delete todos",
            "Puts todos into the bin with their subtasks, all or none. For 30 days restore_todos takes them out again.",
            true,
            true,
        ),
        Tool::RestoreTodos => (
            "Restore todos",
            "Takes todos out of the bin, all or none, within 30 days of their deletion. find_todos with deleted=true \
             shows the bin.",
            false,
            true,
        ),
        Tool::WhatChanged => (
            "What changed",
            "What happened to todos, the newest first, and who did it: since an instant, by one person (by, an \
             employee's id, or me). 30 days are kept; complete_since tells from when on the answer is complete, but \
             for what was still being written. Follow next_cursor for what is earlier until it is null: a page may be \
             short, even empty, before that.",
            false,
            true,
        ),
    };
    Texts { title, description, destructive, idempotent }
}

fn definition(tool: Tool, schemas: &Map<String, Value>) -> Value {
    let Texts { title, description, destructive, idempotent } = texts(tool);
    json!({
        "name": tool.name(),
        "title": title,
        "description": description,
        "inputSchema": inlined(input(tool, schemas), schemas),
        "outputSchema": inlined(reference(output(tool)), schemas),
        "annotations": {
            "readOnlyHint": tool.scope() == Scope::TodosRead,
            "destructiveHint": destructive,
            "idempotentHint": idempotent,
            "openWorldHint": false,
        },
    })
}

fn schemas() -> Map<String, Value> {
    Schemas::default()
        .of::<Overview>()
        .of::<TodoSummary>()
        .page_of::<TodoSummary>()
        .of::<FoundTodos>()
        .of::<Todos>()
        .of::<DeletedTodos>()
        .of::<WhatChanged>()
        .of::<scalar::InstantInput>()
        .of::<TodoDraft>()
        .of::<TodoPatch>()
        .of::<TodoMove>()
        .of::<TodoCompletion>()
        .of::<scalar::Id>()
        .of::<scalar::EmployeeInput>()
        .of::<scalar::SearchInput>()
        .with("Filter", schema::filter(V2))
        .finish(&["TodoDraft", "TodoPatch", "TodoMove", "Filter"].map(str::to_owned))
}

fn output(tool: Tool) -> &'static str {
    match tool {
        Tool::Overview => "Overview",
        Tool::FindTodos => "TodoSummaryPage",
        Tool::GetTodos => "FoundTodos",
        Tool::AddTodos | Tool::UpdateTodos | Tool::CompleteTodos | Tool::MoveTodos | Tool::RestoreTodos => "Todos",
        Tool::DeleteTodos => "DeletedTodos",
        Tool::WhatChanged => "WhatChanged",
    }
}

/// The arguments; no others are taken.
fn input(tool: Tool, schemas: &Map<String, Value>) -> Value {
    let written = |argument: &str, items: Value| {
        let key = json!({
            "type": "string", "minLength": 1, "maxLength": idempotency::LONGEST, "pattern": "^[!-~]+$",
            "description": "Names this call, so that repeating it within 24 hours does not do it again. A new random \
                            value for each new call.",
        });
        object(json!({argument: items, "idempotency_key": key}), &[argument])
    };
    match tool {
        Tool::Overview => {
            let tz = json!({
                "type": "string", "default": "UTC", "examples": ["Europe/Berlin"],
                "description": "The IANA name of the user's time zone, whose day is today.",
            });
            object(json!({"tz": tz}), &[])
        }
        Tool::FindTodos => find(schemas),
        Tool::GetTodos => object(json!({"ids": ids(MOST_READ)}), &["ids"]),
        Tool::AddTodos => {
            let mut draft = schemas["TodoDraft"].clone();
            // To describe all five levels would be five times as long.
            draft["properties"]["subtasks"] = json!({
                "type": "array", "minItems": 1, "maxItems": MOST_WRITTEN, "items": {"type": "object"},
                "description": "Todos below it, each as this one, without parent_id; at most 50 todos in all.",
            });
            written("todos", list(draft))
        }
        Tool::UpdateTodos | Tool::MoveTodos => {
            let name = if tool == Tool::MoveTodos { "TodoMove" } else { "TodoPatch" };
            let mut change = schemas[name].clone();
            change["properties"]["id"] = parameter::uuid();
            change["properties"]["if_version"] = json!({
                "type": "integer", "minimum": 1, "description": "Only in this version, as get_todos tells it.",
            });
            change["required"] = json!(["id"]);
            written("todos", list(change))
        }
        Tool::CompleteTodos => {
            let mut arguments = written("ids", ids(MOST_WRITTEN));
            arguments["properties"]["subtasks"] = schemas["TodoCompletion"]["properties"]["subtasks"].clone();
            arguments
        }
        Tool::DeleteTodos | Tool::RestoreTodos => written("ids", ids(MOST_WRITTEN)),
        Tool::WhatChanged => {
            let mut properties = json!({"since": reference("InstantInput"), "by": reference("EmployeeInput")});
            page(&mut properties);
            object(properties, &[])
        }
    }
}

/// Adds `limit` and `cursor`.
fn page(properties: &mut Value) {
    properties["limit"] = json!({
        "type": "integer", "minimum": 1, "maximum": 100, "default": 50, "description": "How many at most.",
    });
    properties["cursor"] = json!({"type": "string", "description": "next_cursor of the page before."});
}

/// The filter of lists, the order, and the page.
fn find(schemas: &Map<String, Value>) -> Value {
    let mut properties = schemas["Filter"]["properties"].clone();
    if let Some(properties) = properties.as_object_mut() {
        for list in ["status", "priority", "tag", "list"] {
            properties[list]["minItems"] = 1.into();
        }
        properties["updated_since"]["description"] =
            "Changed at this instant or later; what_changed tells what was changed.".into();
        let text = properties.remove("q").unwrap_or_default();
        properties.insert("text".to_owned(), text);
        let orders: Vec<String> =
            SortKey::ALL.map(SortKey::as_str).iter().flat_map(|key| [(*key).to_owned(), format!("-{key}")]).collect();
        let sort = json!({
            "type": "string", "enum": orders, "default": "-created_at",
            "description": "The order; - is descending. priority goes from low to urgent; todos without due_date come \
                            last.",
        });
        properties.insert("sort".to_owned(), sort);
    }
    page(&mut properties);
    object(properties, &[])
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": MOST_WRITTEN, "items": items, "description": "All or none."})
}

fn ids(max: usize) -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": max, "items": parameter::uuid(), "description": "Ids of todos."})
}

/// The schema with what it refers to in place of the references. A description beside one wins over that of its target.
fn inlined(schema: Value, schemas: &Map<String, Value>) -> Value {
    match schema {
        Value::Object(mut object) => {
            let target = match object.remove("allOf") {
                Some(Value::Array(mut only)) if only.len() == 1 => only.pop(),
                _ => object.remove("$ref").map(|target| json!({"$ref": target})),
            };
            let named = |target: &Value| Some(schemas[target["$ref"].as_str()?.rsplit('/').next()?].clone());
            let mut whole = match target {
                Some(target) => inlined(named(&target).unwrap_or(target), schemas),
                None => json!({}),
            };
            for (key, value) in object {
                whole[key] = inlined(value, schemas);
            }
            shorten(&mut whole);
            whole
        }
        Value::Array(items) => items.into_iter().map(|item| inlined(item, schemas)).collect(),
        other => other,
    }
}

/// Takes out what a format says already: a model reads every word of a definition before it does anything.
fn shorten(schema: &mut Value) {
    let Some(object) = schema.as_object_mut().filter(|object| object.get("format").is_some_and(Value::is_string))
    else {
        return;
    };
    for bound in ["minLength", "maxLength", "pattern"] {
        object.remove(bound);
    }
    if object["format"] == "uuid" {
        object.remove("examples");
    }
    if object["format"] == "int64" {
        for bound in ["format", "maximum"] {
            object.remove(bound);
        }
    }
}
