//! The operations of version 1. Frozen: what is written here must come out as `openapi/v1.json` has it.

use serde_json::{Value, json};
use todo_api::route::Version::V1;
use todo_api::types::scalar;
use todo_api::types::stats::Stats;
use todo_api::types::v1::body::{TodoDraft, TodoPatch};
use todo_api::types::v1::people::{Department, Employee};
use todo_api::types::v1::todo::Todo;
use todo_api::types::v2::bulk::Accepted;

use super::document::{self, Parts};
use super::operation::Operation;
use super::schema::{self, Schemas};
use super::{parameter, v2};

const DESCRIPTION: &str = "\
The old version of the todo service: integer ids, `skip` and `limit`, whole objects in lists. It is deprecated, never \
changes again, and ends on the day that the `Sunset` header names; [the migration guide](/docs/migrating) leads to \
version 2, route by route. Both versions work on the same data.";

/// The document.
pub fn document() -> Value {
    let schemas = Schemas::default()
        .of::<Todo>()
        .list_of::<Todo>()
        .of::<TodoDraft>()
        .of::<TodoPatch>()
        .of::<Stats>()
        .of::<Employee>()
        .list_of::<Employee>()
        .of::<Department>()
        .list_of::<Department>()
        .of::<Accepted>()
        .of::<scalar::Instant>()
        .of::<scalar::InstantInput>()
        .of::<scalar::TagNameInput>()
        .of::<scalar::SearchInput>()
        .of::<scalar::TodoId>()
        .with("Filter", schema::filter(V1))
        .with("Bulk", schema::bulk(V1));
    document::document(Parts {
        version: V1,
        number: "1.0.0",
        description: DESCRIPTION,
        tags: &[("todos", "Todos."), ("people", "Employees and departments."), ("meta", "About the API.")],
        operations: operations(),
        schemas,
    })
}

#[expect(clippy::too_many_lines, reason = "one list: the operations")]
fn operations() -> Vec<Operation> {
    vec![
        Operation::of(V1, "list_todos", "List todos")
            .about("Whole todos, the oldest first, as a bare array.")
            .with(parameter::FILTER_V1)
            .with(&["skip", "limit"])
            .answers(200, "TodoList", "Some todos.", &["ETag"], json!([todo()]))
            .cached(),
        Operation::of(V1, "create_todo", "Create a todo").body("TodoDraft", draft()).idempotent().answers(
            201,
            "Todo",
            "It was created.",
            &["ETag", "Location"],
            todo(),
        ),
        Operation::of(V1, "bulk_process_todos", "Change all todos that match")
            .about(
                "Accepts one change to every todo that matches a filter and does it in the background. Its job is \
                    read in version 2.",
            )
            .body("Bulk", json!({"filter": {"status": ["completed"]}, "action": "delete"}))
            .idempotent()
            .fails(&["too_many_jobs"])
            .answers(202, "Accepted", "It is being done.", &["Location"], v2::accepted()),
        Operation::of(V1, "todo_stats", "Count todos")
            .with(&["tz"])
            .answers(200, "Stats", "The counts.", &["ETag"], v2::stats())
            .cached(),
        Operation::of(V1, "get_todo", "Read a todo")
            .of_one("todo_not_found")
            .answers(200, "Todo", "The todo.", &["ETag"], todo())
            .cached(),
        Operation::of(V1, "put_todo", "Replace a todo")
            .about(
                "Every field that is not given gets its default. `completed: false` alone leaves `in_progress` and \
                    `cancelled`.",
            )
            .of_one("todo_not_found")
            .conditional()
            .body("TodoDraft", draft())
            .answers(200, "Todo", "The todo as it is now.", &["ETag"], todo()),
        Operation::of(V1, "patch_todo", "Change a todo")
            .about("Changes the fields that are given (RFC 7396).")
            .of_one("todo_not_found")
            .conditional()
            .body("TodoPatch", json!({"completed": true}))
            .answers(200, "Todo", "The todo as it is now.", &["ETag"], todo()),
        Operation::of(V1, "delete_todo", "Delete a todo")
            .about("Puts the todo into the bin, from which version 2 can restore it within 30 days.")
            .of_one("todo_not_found")
            .conditional()
            .empty("It is in the bin."),
        Operation::of(V1, "list_employees", "List employees")
            .tag("people")
            .with(&["skip", "limit"])
            .answers(200, "EmployeeList", "Some employees.", &["ETag"], json!([employee()]))
            .cached(),
        Operation::of(V1, "list_departments", "List departments")
            .tag("people")
            .with(&["skip", "limit"])
            .answers(200, "DepartmentList", "Some departments.", &["ETag"], json!([department()]))
            .cached(),
        Operation::of(V1, "openapi", "Read this document").described().cached(),
    ]
}

fn draft() -> Value {
    json!({"title": "Buy milk", "due_date": "2030-01-31T13:00:00+01:00", "tags": ["home"]})
}

fn todo() -> Value {
    json!({
        "id": 7,
        "title": "Buy milk",
        "description": null,
        "status": "pending",
        "completed": false,
        "priority": "medium",
        "due_date": "2030-01-31T12:00:00Z",
        "tags": [{"id": 5, "name": "home"}],
        "assignee": {
            "id": 3, "name": "Ada Lovelace", "email": "ada@example.com", "department": {"id": 2, "name": "Research"},
        },
        "created_at": "2026-11-23T03:13:00.123456Z",
        "updated_at": "2026-11-23T03:13:00.123456Z",
        "completed_at": null,
        "version": 1,
    })
}

fn employee() -> Value {
    json!({
        "id": 3,
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "department": {"id": 2, "name": "Research"},
        "created_at": "2026-11-23T03:13:00Z",
        "updated_at": "2026-11-23T03:13:00Z",
        "version": 1,
    })
}

fn department() -> Value {
    json!({
        "id": 2,
        "name": "Research",
        "created_at": "2026-11-23T03:13:00Z",
        "updated_at": "2026-11-23T03:13:00Z",
        "version": 1,
    })
}
