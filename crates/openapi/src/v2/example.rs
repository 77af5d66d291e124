//! Examples of bodies and answers. They are all about one todo.

use serde_json::{Map, Value, json};

/// Of whatever needs one.
pub const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
/// Another todo, for a batch: an id stands in one operation only.
const OTHER: &str = "0190163d-8694-739b-aea5-966c26f8ad94";
pub const EMPLOYEE: &str = "0190163d-8694-739b-aea5-966c26f8ad92";
const LIST: &str = "0190163d-8694-739b-aea5-966c26f8ad95";
const TAG: &str = "0190163d-8694-739b-aea5-966c26f8ad96";
const DEPARTMENT: &str = "0190163d-8694-739b-aea5-966c26f8ad93";
const CREATED: &str = "2026-11-23T03:13:00.123456Z";

/// A page with one item and more to come.
pub fn page(item: Value) -> Value {
    json!({"items": [item], "next_cursor": "AfB1c2hlZCBmdXJ0aGVy"})
}

/// A todo in a list.
pub fn summary() -> Value {
    json!({
        "id": ID,
        "title": "Buy milk",
        "status": "pending",
        "completed": false,
        "priority": "medium",
        "due_date": "2030-01-31T12:00:00Z",
        "tags": ["home"],
        "assignee": {"id": EMPLOYEE, "name": "Ada Lovelace"},
        "updated_at": CREATED,
        "list_id": LIST,
        "parent_id": null,
        "position": 1_795_894_887.72,
        "subtasks": {"total": 2, "completed": 1},
    })
}

/// A new todo. It refers to nothing that would have to exist, so that it can be sent as it stands.
pub fn draft() -> Value {
    json!({"title": "Buy milk", "due_date": "2030-01-31T13:00:00+01:00", "tags": ["home"]})
}

/// A whole todo.
pub fn todo() -> Value {
    json!({
        "id": ID,
        "title": "Buy milk",
        "description": null,
        "status": "pending",
        "completed": false,
        "priority": "medium",
        "due_date": "2030-01-31T12:00:00Z",
        "tags": ["home"],
        "assignee": {
            "id": EMPLOYEE, "name": "Ada Lovelace", "email": "ada@example.com",
            "department": {"id": DEPARTMENT, "name": "Research"},
        },
        "created_at": CREATED,
        "updated_at": CREATED,
        "completed_at": null,
        "version": 1,
        "list_id": LIST,
        "parent_id": null,
        "position": 1_795_894_887.72,
        "subtasks": {"total": 2, "completed": 1},
    })
}

/// A part of the feed.
pub fn changes() -> Value {
    json!({
        "items": [
            {"type": "todo", "id": ID, "version": 1, "deleted": false, "tag_ids": [TAG], "data": todo()},
            {"type": "todo", "id": OTHER, "version": 3, "deleted": true, "data": null},
        ],
        "next_cursor": "AfB1c2hlZCBmdXJ0aGVy",
        "more": false,
    })
}

/// What happened to a todo.
pub fn event() -> Value {
    json!({
        "id": "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
        "type": "todo.updated",
        "at": CREATED,
        "version": 2,
        "subject": ID,
        "actor": {"kind": "token", "id": OTHER, "name": "phone"},
        "request_id": "019ab0a6-9c14-7c52-9d9f-2f0f5c3c6c1e",
        "changes": {
            "priority": {"from": "low", "to": "high"},
            "tags": {"added": ["home"], "removed": []},
            "description": {"changed": true},
        },
    })
}

/// A batch of each kind.
pub fn batch() -> Value {
    json!({"operations": [
        {"op": "create", "todo": draft()},
        {"op": "update", "id": ID, "if_version": 1, "todo": {"status": "completed"}},
        {"op": "delete", "id": OTHER},
    ]})
}

/// Its results.
pub fn results() -> Value {
    json!({"results": [{"status": 201, "todo": todo()}, {"status": 200, "todo": todo()}, {"status": 204, "id": OTHER}]})
}

/// A bulk change.
pub fn bulk() -> Value {
    json!({"filter": {"tag": ["home"], "overdue": true}, "action": "set_priority", "priority": "high"})
}

/// Its answer.
pub fn accepted() -> Value {
    json!({"message": "Processing started", "job_id": ID})
}

/// Its job.
pub fn job() -> Value {
    json!({
        "id": ID, "kind": "todos.bulk", "status": "running", "total": 120_000, "processed": 42_000, "attempts": 1,
        "error": null, "created_at": CREATED, "started_at": "2026-11-23T03:13:01Z", "finished_at": null,
    })
}

/// Counts.
pub fn stats() -> Value {
    json!({
        "total": 6,
        "by_status": {"pending": 3, "in_progress": 1, "completed": 2, "cancelled": 0},
        "by_priority": {"low": 1, "medium": 4, "high": 1, "urgent": 0},
        "overdue": 1,
        "due_today": 2,
        "completed_last_7_days": 2,
    })
}

/// A tag.
pub fn tag() -> Value {
    json!({"id": ID, "name": "home", "count": 12, "created_at": CREATED, "version": 1})
}

/// A list.
pub fn list() -> Value {
    json!({
        "id": LIST, "name": "Household", "color": "#3366ff", "position": 1_795_894_887.72, "archived": false,
        "archived_at": null, "count": 12, "created_at": CREATED, "updated_at": CREATED, "version": 1,
    })
}

/// A new list.
pub fn list_draft() -> Value {
    json!({"name": "Household", "color": "#3366ff"})
}

/// An employee.
pub fn employee() -> Value {
    json!({
        "id": EMPLOYEE, "name": "Ada Lovelace", "email": "ada@example.com",
        "department": {"id": DEPARTMENT, "name": "Research"}, "created_at": CREATED, "updated_at": CREATED,
        "version": 1,
    })
}

/// A department.
pub fn department() -> Value {
    json!({"id": DEPARTMENT, "name": "Research", "created_at": CREATED, "updated_at": CREATED, "version": 1})
}

/// The caller.
pub fn me() -> Value {
    json!({
        "workspace": {"id": ID, "name": "Analytical Engines"},
        "token": {"id": ID, "name": "phone", "expires_at": null},
        "employee": {"id": EMPLOYEE, "name": "Ada Lovelace"},
        "scopes": ["todos:read", "todos:write"],
        "limits": {
            "requests_per_minute": 600, "writes_per_minute": 300, "body_bytes": 1_048_576, "page_items": 100,
            "batch_operations": 100,
        },
    })
}

/// A workspace.
pub fn workspace() -> Value {
    json!({"id": ID, "name": "Analytical Engines", "created_at": CREATED})
}

/// A token in a list.
pub fn token() -> Value {
    json!({
        "id": ID, "workspace_id": ID, "name": "phone", "employee": {"id": EMPLOYEE, "name": "Ada Lovelace"},
        "scopes": ["todos:read", "todos:write"], "expires_at": null, "created_at": CREATED, "last_used_at": null,
    })
}

/// A token as it is told once.
pub fn new_token() -> Value {
    let mut token = token();
    if let Some(fields) = token.as_object_mut() {
        fields.insert("token".to_owned(), format!("tdo_{}", "A".repeat(43)).into());
    }
    token
}

/// The kinds of files.
pub fn files() -> Value {
    let mut content = Map::new();
    let text = |pattern: &str| json!({"schema": {"type": "string", "maxLength": i32::MAX, "pattern": pattern}});
    content.insert("text/csv".to_owned(), text("^id,"));
    content.insert("text/calendar".to_owned(), text("^BEGIN:VCALENDAR"));
    content.insert("application/x-ndjson".to_owned(), text(r"^(\{.*\}\n)*$"));
    Value::Object(content)
}
