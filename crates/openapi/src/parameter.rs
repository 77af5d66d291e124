//! The parameters of requests.

use serde_json::{Map, Value, json};
use todo_api::extract::query::MOST;
use todo_api::handlers::changes::{LIMITS, LONGEST_WAIT};
use todo_api::middleware::limits::LONGEST_CONDITION;
use todo_api::route::Version;
use todo_core::domain::event::TYPES as EVENT_TYPES;

/// What `updated_since` means, in a query and in a body.
pub const UPDATED_SINCE: &str = "\
Changed at this instant or later. A change can be seen when its transaction has ended, which may be seconds after its \
`updated_at`. To follow changes, use `GET /api/v2/changes`. Deleted todos are found with `deleted`.";

/// A reference to a described parameter.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// The parameters that are filters of todos, under their component names.
pub const FILTER_V1: &[&str] = &["status", "priority", "completed", "tag"];
/// The same in version 2.
pub const FILTER_V2: &[&str] = &[
    "status",
    "priority",
    "completed",
    "tag",
    "assignee",
    "department",
    "due_after",
    "due_before",
    "overdue",
    "created_after",
    "created_before",
    "updated_since",
    "q",
    "deleted",
    "list",
    "parent",
    "root",
    "archived",
];

/// Every parameter that an operation of the version names.
#[expect(clippy::too_many_lines, reason = "one table: a row for each parameter")]
pub fn all(version: Version) -> Map<String, Value> {
    let schema = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let query = |name: &str, description: &str, schema: Value| {
        json!({
            "name": name, "in": "query", "description": description, "schema": schema,
        })
    };
    let repeated_at_most = |most: usize, name: &str, description: &str, items: Value| {
        let schema = json!({"type": "array", "maxItems": most, "items": items});
        json!({"name": name, "in": "query", "description": description, "style": "form", "explode": true,
            "schema": schema})
    };
    let repeated = |name: &str, description: &str, items: Value| repeated_at_most(MOST, name, description, items);
    let boolean = json!({"type": "boolean"});
    let mut all = Map::new();
    let mut put = |name: &str, parameter: Value| drop(all.insert(name.to_owned(), parameter));
    put("status", repeated("status", "Any of these; repeated or separated by commas.", schema("Status")));
    put("priority", repeated("priority", "Any of these; repeated or separated by commas.", schema("Priority")));
    put("completed", query("completed", "Completed or not.", boolean.clone()));
    put("tag", repeated("tag", "All of these tags; may be repeated.", schema("TagNameInput")));
    put(
        "limit",
        query(
            "limit",
            "How many items at most.",
            json!({
                "type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 50,
            }),
        ),
    );
    put(
        "tz",
        query(
            "tz",
            "The IANA name of the time zone whose current day `due_today` means.",
            json!({
                "type": "string", "minLength": 1, "maxLength": 64, "default": "UTC", "pattern": "^[A-Za-z0-9/_+-]+$",
                "examples": ["Europe/Berlin"],
            }),
        ),
    );
    put(
        "If-Match",
        json!({
            "name": "If-Match", "in": "header", "schema": {"type": "string", "maxLength": LONGEST_CONDITION},
            "description": "ETags of the state that is to be changed; another state is left alone (412). `*`: any \
                            state.",
        }),
    );
    put(
        "If-None-Match",
        json!({
            "name": "If-None-Match", "in": "header", "schema": {"type": "string", "maxLength": LONGEST_CONDITION},
            "description": "ETags that the client has; if the answer is one of them, it is 304 and empty.",
        }),
    );
    put(
        "Idempotency-Key",
        json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes it safe to repeat the request for 24 hours, with the same body: it is done once. 1 \
                            to 255 visible ASCII characters, with or without quotes.",
            "schema": {
                "type": "string", "minLength": 1, "maxLength": 257,
                "examples": ["8e03978e-40d5-43e8-bc93-6894a57f9324"],
            },
        }),
    );
    match version {
        Version::V1 => {
            put(
                "skip",
                query(
                    "skip",
                    "How many items to leave out.",
                    json!({
                        "type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX, "default": 0,
                    }),
                ),
            );
            put(
                "id",
                json!({
                    "name": "id", "in": "path", "required": true, "description": "The id.",
                    // A list of one type, because the OWASP rules know no exception for an old version's numbers.
                    "schema": {"type": ["integer"], "format": "int64", "minimum": 1, "maximum": i64::MAX,
                    "examples": [7]},
                }),
            );
        }
        Version::V2 => {
            let instant = |name: &str, description: &str| query(name, description, schema("InstantInput"));
            put(
                "assignee",
                query(
                    "assignee",
                    "Assigned to this employee; `me`: to the one whom the token names.",
                    schema("EmployeeInput"),
                ),
            );
            put("department", query("department", "Assigned to an employee of this department.", uuid()));
            put("due_after", instant("due_after", "Due later than this."));
            put("due_before", instant("due_before", "Due earlier than this."));
            put(
                "overdue",
                query("overdue", "Due in the past and neither completed nor cancelled, or not.", boolean.clone()),
            );
            put("created_after", instant("created_after", "Created later than this."));
            put("created_before", instant("created_before", "Created earlier than this."));
            put("updated_since", instant("updated_since", UPDATED_SINCE));
            put("q", query("q", "Words in title and description: \"a phrase\", or, -not.", schema("SearchInput")));
            put("deleted", query("deleted", "The bin instead of the live todos.", boolean.clone()));
            put(
                "list",
                repeated(
                    "list",
                    "In any of these lists; `none`: in none of them, the inbox. May be repeated.",
                    holder(),
                ),
            );
            put("parent", query("parent", "The subtasks of this todo; `none`: todos that are no subtasks.", holder()));
            put("root", query("root", "This todo and all that is below it; of the bin with `deleted=true`.", uuid()));
            put("archived", query("archived", "Those in archived lists, too.", boolean));
            put(
                "sort",
                query(
                    "sort",
                    "The order; a leading `-` reverses it. Todos without a due date come last either way.",
                    json!({
                        "type": "string", "default": "-created_at",
                        "enum": ["created_at", "-created_at", "updated_at", "-updated_at", "due_date", "-due_date",
                        "priority",
                            "-priority", "title", "-title", "position", "-position"],
                    }),
                ),
            );
            put(
                "cursor",
                query(
                    "cursor",
                    "Where the page begins: `next_cursor` of the page before, with the same filter and sort.",
                    json!({
                        "type": "string", "minLength": 1, "maxLength": 4096, "pattern": "^[A-Za-z0-9_-]+$",
                    }),
                ),
            );
            put(
                "format",
                query(
                    "format",
                    "The kind of file.",
                    json!({
                        "type": "string", "default": "csv", "enum": ["csv", "ndjson", "ics"],
                    }),
                ),
            );
            put(
                "changes-cursor",
                query(
                    "cursor",
                    "How far the client has read: `next_cursor` of the last answer, with the same `types`. Without it \
                     the feed begins with the whole state. It is good for 30 days.",
                    json!({
                        "type": "string", "minLength": 1, "maxLength": 4096, "pattern": "^[A-Za-z0-9_-]+$",
                    }),
                ),
            );
            let (most, usual) = LIMITS;
            put(
                "changes-limit",
                query(
                    "limit",
                    "How many items at most.",
                    json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": most, "default": usual}),
                ),
            );
            put(
                "types",
                repeated("types", "Only these kinds; repeated or separated by commas.", schema("SubjectKind")),
            );
            put(
                "wait",
                query(
                    "wait",
                    "Seconds for which the answer is held back while there is nothing to tell. Then it has no items. \
                     Its body may begin with spaces. An instance holds few requests back; one that it cannot is \
                     answered at once, with `Retry-After`.",
                    json!({"type": "integer", "format": "int32", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0}),
                ),
            );
            let types = "Any of these; repeated or separated by commas.";
            put("type", repeated_at_most(EVENT_TYPES.len(), "type", types, schema("EventType")));
            put("actor", query("actor", "By this token, job or employee.", uuid()));
            put("subject", query("subject", "Of what has this id.", uuid()));
            put("workspace", query("workspace", "Only the tokens of this workspace.", uuid()));
            put(
                "id",
                json!({
                    "name": "id", "in": "path", "required": true, "description": "The id: a UUID of version 4 or 7.",
                    "schema": uuid(),
                }),
            );
            put(
                "put-If-Match",
                json!({
                    "name": "If-Match", "in": "header", "schema": {"type": "string", "maxLength": LONGEST_CONDITION},
                    "description": "To replace: ETags of the state that is to be replaced, or `*` for any.",
                }),
            );
            put(
                "put-If-None-Match",
                json!({
                    "name": "If-None-Match", "in": "header", "schema": {"type": "string", "enum": ["*"]},
                    "description": "To create: `*`.",
                }),
            );
        }
    }
    all
}

/// The id of something that todos are in or below, or `none`.
pub fn holder() -> Value {
    json!({"oneOf": [uuid(), {"type": "string", "enum": ["none"]}]})
}

/// A UUID that names something.
pub fn uuid() -> Value {
    json!({"$ref": "#/components/schemas/Id"})
}
