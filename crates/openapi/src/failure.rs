//! The error responses: every code with its status, and the responses that operations share.

use serde_json::{Map, Value, json};
use todo_api::route::Version;
use todo_core::error::Fault;

use super::header;

/// Every code of the contract: status, code, and the `detail` of an example.
pub const CODES: &[(u16, &str, &str)] = &[
    (400, "invalid_json", "the body ends too early, at line 1 column 12"),
    (400, "invalid_parameter", "the path, query or headers are invalid"),
    (400, "invalid_cursor", "the cursor is not one of this list, filter and sort"),
    (400, "no_person", "the token names no person"),
    (401, "unauthenticated", "a bearer token is required"),
    (403, "insufficient_scope", "the token lacks the scope todos:write"),
    (404, "todo_not_found", "todo not found"),
    (404, "tag_not_found", "tag not found"),
    (404, "employee_not_found", "employee not found"),
    (404, "department_not_found", "department not found"),
    (404, "list_not_found", "list not found"),
    (404, "job_not_found", "job not found"),
    (404, "token_not_found", "token not found"),
    (406, "not_acceptable", "only application/json can be had here"),
    (409, "todo_deleted", "a todo with this id was deleted; restore it or choose another id"),
    (409, "email_taken", "an employee with this e-mail address exists already"),
    (409, "department_name_taken", "a department with this name exists already"),
    (409, "workspace_name_taken", "a workspace with this name exists already"),
    (409, "employee_referenced", "todos are assigned to this employee, or tokens name it"),
    (409, "department_referenced", "employees belong to this department"),
    (409, "list_name_taken", "a list with this name exists already"),
    (409, "list_not_empty", "todos are in this list; move or delete them first"),
    (409, "list_deleted", "a list with this id was deleted; choose another id"),
    (409, "list_archived", "the list is archived"),
    (409, "too_many_lists", "the workspace has 1000 lists; delete one first"),
    (409, "job_finished", "the job has ended"),
    (409, "job_required", "the tag is merged or deleted already; this job is the rest of it"),
    (409, "too_many_jobs", "the workspace has 100 jobs that have not ended; wait for one or cancel one"),
    (409, "idempotency_in_progress", "the first request with this idempotency key is still running"),
    (410, "resync_required", "the cursor is older than the feed"),
    (412, "stale_version", "the todo was changed by someone else"),
    (412, "todo_exists", "the todo exists already"),
    (412, "list_exists", "the list exists already"),
    (413, "body_too_large", "the body is larger than 1048576 bytes"),
    (414, "uri_too_long", "the path and query are longer than 8192 bytes"),
    (415, "unsupported_media_type", "the body must be application/json, in UTF-8, without content coding"),
    (422, "invalid_body", "the body is invalid"),
    (422, "idempotency_key_reused", "the idempotency key was used with another body"),
    (428, "precondition_required", "PUT needs If-Match (replace) or If-None-Match: * (create)"),
    (429, "rate_limited", "more than 100 requests a minute in the class default"),
    (429, "too_many_exports", "4 exports of this token are running; wait for one to end"),
    (431, "headers_too_large", "more than 100 header fields or 32768 bytes of them"),
    (500, "internal", "something went wrong on our side"),
    (503, "unavailable", "the service is temporarily unavailable"),
    (504, "timeout", "the request took longer than 10000 ms"),
];

/// What every operation may answer.
pub const ALWAYS: &[&str] = &[
    "invalid_parameter",
    "unauthenticated",
    "uri_too_long",
    "rate_limited",
    "headers_too_large",
    "internal",
    "unavailable",
    "timeout",
];

/// The shared responses of an operation that may fail with these codes: status and name, and the response itself.
pub fn responses(version: Version, codes: &[&str]) -> Vec<(u16, String, Value)> {
    let mut statuses: Vec<u16> = Vec::new();
    let known: Vec<&(u16, &str, &str)> = CODES.iter().filter(|(_, code, _)| codes.contains(code)).collect();
    for (status, _, _) in &known {
        if !statuses.contains(status) {
            statuses.push(*status);
        }
    }
    let with = |status: u16| known.iter().filter(move |(other, _, _)| *other == status).map(|entry| **entry);
    statuses
        .into_iter()
        .map(|status| {
            let entries: Vec<_> = with(status).collect();
            let names: Vec<String> = entries.iter().map(|(_, code, _)| camel(code)).collect();
            (status, names.join("Or"), response(version, status, &entries))
        })
        .collect()
}

fn response(version: Version, status: u16, entries: &[(u16, &str, &str)]) -> Value {
    let codes: Vec<String> = entries.iter().map(|(_, code, detail)| format!("`{code}`: {detail}")).collect();
    let examples: Map<String, Value> = entries
        .iter()
        .map(|(_, code, detail)| ((*code).to_owned(), json!({"value": example(version, status, code, detail)})))
        .collect();
    let mut headers = header::of_every_answer(version);
    let mut also = |name: &str| headers.insert(name.to_owned(), header::reference(name));
    match status {
        401 | 403 => drop(also("WWW-Authenticate")),
        429 | 503 => drop(also("Retry-After")),
        415 => drop(also("Accept")),
        409 if entries.iter().any(|(_, code, _)| *code == "idempotency_in_progress") => drop(also("Retry-After")),
        _ => {}
    }
    let (media_type, schema) = match version {
        Version::V1 => ("application/json", "ErrorEnvelope"),
        Version::V2 => ("application/problem+json", "Problem"),
    };
    let content = json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}, "examples": examples});
    json!({"description": codes.join("; "), "headers": headers, "content": {media_type: content}})
}

fn example(version: Version, status: u16, code: &str, detail: &str) -> Value {
    if version == Version::V1 {
        return json!({"error": {"code": code, "message": detail, "timestamp": "2026-11-23T03:13:00Z"}});
    }
    let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut problem = json!({
        "type": format!("https://todo.example.com/docs/errors#{code}"),
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "/requests/019ab0a6-9c14-7c52-9d9f-2f0f5c3c6c1e",
        "code": code,
    });
    let fault = match code {
        "invalid_body" => json!({"pointer": "/title", "code": "required", "detail": "is required"}),
        "invalid_parameter" => {
            json!({"parameter": "limit", "code": "out_of_range", "detail": "must be a whole number from 1 to 100"})
        }
        "invalid_cursor" => json!({"parameter": "cursor", "code": "invalid_value", "detail": detail}),
        "no_person" => json!({"parameter": "assignee", "code": "no_person", "detail": detail}),
        _ => {
            if [429, 503].contains(&status) || code == "idempotency_in_progress" {
                problem["retry_after"] = 1.into();
            }
            return problem;
        }
    };
    if let Some(problem) = problem.as_object_mut() {
        problem.insert("errors".to_owned(), json!([fault]));
    }
    problem
}

/// The schemas of the errors.
pub fn schemas(version: Version, codes: &[&str]) -> Vec<(String, Value)> {
    // Answers of no operation, and yet a client meets them.
    let all: Vec<&str> = codes.iter().copied().chain(["route_not_found", "method_not_allowed"]).collect();
    let code = json!({"type": "string", "enum": all, "description": "Stable; explained at /docs/errors."});
    match version {
        Version::V1 => errors(&code),
        Version::V2 => problems(&code),
    }
}

/// The schemas of version 1.
fn errors(code: &Value) -> Vec<(String, Value)> {
    let detail = json!({
        "type": "object",
        "description": "What went wrong.",
        "required": ["code", "message", "timestamp"],
        "properties": {
            "code": code,
            "message": {"type": "string", "minLength": 1, "maxLength": 10_000, "pattern": r"^[\s\S]+$",
                "description": "For people; says what is wrong with each field."},
            "timestamp": {"$ref": "#/components/schemas/Instant"},
        },
    });
    let envelope = json!({
        "type": "object",
        "description": "An error.",
        "required": ["error"],
        "properties": {"error": {"$ref": "#/components/schemas/Error"}},
    });
    vec![("Error".to_owned(), detail), ("ErrorEnvelope".to_owned(), envelope)]
}

/// The schemas of version 2.
fn problems(code: &Value) -> Vec<(String, Value)> {
    let detail = json!({"type": "string", "minLength": 1, "maxLength": 1000, "pattern": r"^[\s\S]+$"});
    let pointer = json!({
        "type": "string", "maxLength": 300, "pattern": "^(/[^/]*)*…?$",
        "description": "Where in the body: a JSON Pointer (RFC 6901).", "examples": ["/title"],
    });
    let parameter = json!({
        "type": "string", "maxLength": 100, "pattern": r"^[\s\S]*$",
        "description": "Which path, query or header parameter.", "examples": ["limit"],
    });
    let fault = json!({
        "type": "object",
        "description": "One thing wrong with the input. It stands in the body or in a parameter.",
        "required": ["code", "detail"],
        "properties": {
            "pointer": pointer,
            "parameter": parameter,
            "code": {"type": "string", "enum": Fault::CODES, "examples": ["too_long"],
                "description": "Stable; explained at /docs/errors."},
            "detail": detail,
        },
    });
    let problem = json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri", "maxLength": 1000,
            "description": "Leads to the documentation."},
            "title": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[ -~]+$",
                "description": "The status in words."},
            "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599,
                "description": "The status of the response."},
            "detail": detail,
            "instance": {"type": "string", "format": "uri-reference", "maxLength": 200,
                "description": "Names this request, as does X-Request-Id."},
            "code": code,
            "retry_after": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 86_400,
                "description": "Seconds to wait before the next attempt, as in Retry-After."},
            "errors": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"$ref": "#/components/schemas/Fault"},
                "description": "What is wrong with the input."},
        },
    });
    vec![("Fault".to_owned(), fault), ("Problem".to_owned(), problem)]
}

fn camel(code: &str) -> String {
    let mut name = String::new();
    for word in code.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
