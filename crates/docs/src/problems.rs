//! Every problem code and every fault code of the API, with what they mean and what to do.
//!
//! This list has three readers: the build, which renders `/docs/errors` from it; the API's tests, which compare it with
//! the codes that the API can produce and with those that the suite has seen; and people. A code that is missing here,
//! or here alone, fails a test, so the page cannot fall behind the code.

// The build includes this file, too, and looks for its modules beside it.
#[path = "faults.rs"]
mod faults;

pub use faults::FAULTS;

/// A kind of failure: the `code` of a problem document, and the anchor of its `type`.
#[derive(Clone, Copy, Debug)]
pub struct ProblemEntry {
    /// The stable code, also the anchor on `/docs/errors`.
    pub code: &'static str,
    /// The HTTP status that the code always comes with.
    pub status: u16,
    /// A short name for people.
    pub title: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What the caller can do about it.
    pub remedy: &'static str,
}

const fn problem(
    status: u16,
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> ProblemEntry {
    ProblemEntry { code, status, title, meaning, remedy }
}

/// Every problem, by status.
pub const PROBLEMS: &[ProblemEntry] = &[
    problem(
        400,
        "invalid_json",
        "The body is not JSON",
        "The request body could not be read as one JSON document: it is empty, cut short, not UTF-8, or has a syntax \
         error.",
        "Send one complete JSON value, encoded as UTF-8. `detail` gives the line and column of the fault.",
    ),
    problem(
        400,
        "invalid_parameter",
        "A parameter is wrong",
        "Something in the path, the query or a header is unknown, repeated where it may appear once, out of range, or \
         not of its type. Values are never clamped or guessed.",
        "Correct every parameter named in `errors`; its `parameter` member holds the name.",
    ),
    problem(
        400,
        "invalid_cursor",
        "The cursor does not fit",
        "The cursor was changed, comes from another workspace, or belongs to another filter or sort than this request.",
        "Follow `next_cursor` or the `Link` header as they are, with the filter and sort of the first page. To change \
         these, begin again without a cursor. Another `limit` is fine.",
    ),
    problem(
        400,
        "no_person",
        "The token names no person",
        "The query says `assignee=me`, and the token names no employee, or authentication is off.",
        "Name the employee by id, or use a token that was made with an `employee_id`; `GET /api/v2/me` shows whom a \
         token names. In a body the same is a fault of the field, with status 422.",
    ),
    problem(
        401,
        "unauthenticated",
        "A valid token is needed",
        "The request carries no bearer token, or one that is unknown, expired or revoked.",
        "Send `Authorization: Bearer tdo_…` with a live token. Failed attempts are counted and limited.",
    ),
    problem(
        403,
        "insufficient_scope",
        "The token lacks a scope",
        "The token is valid but may not do this: reading needs `todos:read`, writing `todos:write`, administration \
         `admin`.",
        "Use a token with the scope named in `detail`. `GET /api/v2/me` lists the scopes of the one you have.",
    ),
    problem(
        403,
        "origin_not_allowed",
        "A page of this origin may not call",
        "The request to `/mcp` was sent by a page in a browser, whose `Origin` is not among those that the service \
         allows.",
        "Call from a program, which sends no `Origin`, or have the page's origin added to the setting `cors_origins`.",
    ),
    problem(
        404,
        "todo_not_found",
        "No such todo",
        "There is no todo with this id in your workspace, or it is in the bin, or it was purged 30 days after its \
         deletion.",
        "Check the id. A deleted todo is listed by `GET /api/v2/todos?deleted=true` and comes back with \
         `POST /api/v2/todos/{id}/restore`.",
    ),
    problem(
        404,
        "tag_not_found",
        "No such tag",
        "There is no tag with this id in your workspace. Merging a tag into another one removes it.",
        "List the tags with `GET /api/v2/tags`.",
    ),
    problem(
        404,
        "employee_not_found",
        "No such employee",
        "There is no employee with this id in your workspace.",
        "List the employees with `GET /api/v2/employees`.",
    ),
    problem(
        404,
        "department_not_found",
        "No such department",
        "There is no department with this id in your workspace.",
        "List the departments with `GET /api/v2/departments`.",
    ),
    problem(
        404,
        "list_not_found",
        "No such list",
        "There is no list with this id in your workspace.",
        "List the lists with `GET /api/v2/lists`.",
    ),
    problem(
        404,
        "job_not_found",
        "No such job",
        "There is no job with this id in your workspace, or it finished long ago and was removed.",
        "List the jobs with `GET /api/v2/jobs`.",
    ),
    problem(
        404,
        "token_not_found",
        "No such token",
        "There is no token with this id.",
        "List the tokens with `GET /api/v2/admin/tokens`. The secret itself is never an id.",
    ),
    problem(
        404,
        "route_not_found",
        "No such route",
        "Nothing is served at this path.",
        "Compare the path with the interactive reference; mind the version prefix and a trailing slash.",
    ),
    problem(
        405,
        "method_not_allowed",
        "The method is not allowed here",
        "The path exists, but not for this method.",
        "Use one of the methods in the `Allow` header.",
    ),
    problem(
        406,
        "not_acceptable",
        "No acceptable representation",
        "The `Accept` header excludes every form in which this resource exists.",
        "Accept `application/json`, or the type of the export format that you ask for.",
    ),
    problem(
        409,
        "todo_deleted",
        "The id belongs to a deleted todo",
        "A todo with the id that you chose was deleted in the last 31 days, so the id cannot be used for a new one.",
        "Restore that todo with `POST /api/v2/todos/{id}/restore`, for 30 days, or choose another UUID.",
    ),
    problem(
        409,
        "email_taken",
        "The email address is taken",
        "Another employee of the workspace has this address. Case does not matter.",
        "Use another address, or change the existing employee.",
    ),
    problem(
        409,
        "department_name_taken",
        "The department name is taken",
        "Another department of the workspace has this name.",
        "Use another name, or change the existing department.",
    ),
    problem(
        409,
        "workspace_name_taken",
        "The workspace name is taken",
        "Another workspace has this name.",
        "Use another name.",
    ),
    problem(
        409,
        "employee_referenced",
        "The employee is still referred to",
        "Todos are assigned to this employee, or tokens that are neither revoked nor expired name it, so it cannot be \
         deleted.",
        "Assign those todos to somebody else first; `POST /api/v2/todos/bulk-process` does it for all at once. Revoke \
         those tokens: `GET /api/v2/admin/tokens` shows whom each names.",
    ),
    problem(
        409,
        "department_referenced",
        "The department still has employees",
        "Employees belong to this department, so it cannot be deleted.",
        "Move those employees first: `PATCH /api/v2/employees/{id}` with another `department_id`, or null.",
    ),
    problem(
        409,
        "list_name_taken",
        "The name of the list is taken",
        "Another list of your workspace has this name; upper and lower case do not make another name.",
        "Choose another name, or use the list that has it.",
    ),
    problem(
        409,
        "list_not_empty",
        "Todos are in the list",
        "A list is deleted only when no todo is in it. Todos in the bin do not count.",
        "Move or delete its todos first: `POST /api/v2/todos/bulk-process` with the filter `{\"list\": [id], \
         \"archived\": true}` and the action `move` or `delete`.",
    ),
    problem(
        409,
        "list_deleted",
        "The id belongs to a deleted list",
        "A list with the id that you chose was deleted in the last 31 days, so the id cannot be used for a new one: a \
         copy that somebody keeps would take the new list for an older state of the deleted one.",
        "If the request repeats the creation of that list, somebody has deleted it since. For a new list choose \
         another UUID.",
    ),
    problem(
        409,
        "list_archived",
        "The list is archived",
        "Nothing is written in an archived list: no todo is created in it, moved or restored into it, or changed.",
        "Take the list out of the archive with `PATCH /api/v2/lists/{id}` and `{\"archived\": false}`, or move the \
         todo to another list.",
    ),
    problem(
        409,
        "too_many_lists",
        "Too many lists",
        "A workspace has at most 1,000 lists.",
        "Delete a list that is not needed any more. Tags group todos as well, and there may be more of them.",
    ),
    problem(
        409,
        "job_finished",
        "The job has already finished",
        "A job that has succeeded, failed or been cancelled cannot be cancelled.",
        "Nothing needs to be done. `GET /api/v2/jobs/{id}` tells how it ended.",
    ),
    problem(
        409,
        "job_required",
        "The job cannot be cancelled",
        "A job of the kind `tags.merge` or `tags.delete` does the rest of a change that has been answered: no todo \
         shows the tag any more.",
        "Nothing needs to be done. The job ends by itself and does not count among the 100 open jobs of a workspace.",
    ),
    problem(
        409,
        "too_many_jobs",
        "The workspace has too many open jobs",
        "A workspace has at most 100 jobs that are queued or running.",
        "Wait until one has ended, or cancel one with `DELETE /api/v2/jobs/{id}`. Then send the request again.",
    ),
    problem(
        409,
        "idempotency_in_progress",
        "The first request is still running",
        "A request with the same `Idempotency-Key` has not been answered yet.",
        "Wait a moment and repeat the request unchanged: you will get the first one's answer.",
    ),
    problem(
        410,
        "resync_required",
        "The feed has to be read anew",
        "The cursor of `GET /changes` is older than 30 days, or the database was restored from a dump since, or lost \
         its last moments in a failover. What changed in between cannot be told any more.",
        "Drop the local copy, but for changes that were not sent yet, and begin without a cursor, as the `Link` header \
         says.",
    ),
    problem(
        412,
        "stale_version",
        "The object has changed",
        "The version in `If-Match`, or in `if_version` of a batch, is not the current one: somebody else wrote first.",
        "Read the object again, apply your change to what it is now, and repeat with its new `ETag`.",
    ),
    problem(
        412,
        "list_exists",
        "The list exists",
        "A PUT with `If-None-Match: *` names a list that is there already.",
        "If this is the repetition of a request whose answer was lost, the list was created. Otherwise choose another \
         id.",
    ),
    problem(
        412,
        "todo_exists",
        "The todo already exists",
        "`If-None-Match: *` asks for a new todo, but one with this id exists.",
        "If this was a retry, your first attempt succeeded: read the todo. To replace it, send `If-Match` with its \
         `ETag`.",
    ),
    problem(
        413,
        "body_too_large",
        "The body is too large",
        "The request body is larger than 1 MiB.",
        "Send less at once: a batch takes up to 100 operations, and bulk processing needs no list of todos at all.",
    ),
    problem(
        414,
        "uri_too_long",
        "The URL is too long",
        "The path and query together are longer than the server takes.",
        "Shorten the query. Filters of bulk processing go into the body instead.",
    ),
    problem(
        415,
        "unsupported_media_type",
        "The body's media type is not supported",
        "The `Content-Type` is missing or is not one that this operation reads.",
        "Send `application/json`, or for PATCH also `application/merge-patch+json`. The character set is always UTF-8.",
    ),
    problem(
        422,
        "invalid_body",
        "The body breaks a rule",
        "The body is JSON, but fields are missing, unknown, read-only, of a wrong type, out of bounds, or refer to \
         something that does not exist. Nothing was changed.",
        "Correct every fault in `errors` (up to 20 are listed). `pointer` is the JSON Pointer of the field; the codes \
         are explained under field faults.",
    ),
    problem(
        422,
        "idempotency_key_reused",
        "The idempotency key was used for another request",
        "This `Idempotency-Key` already belongs to a request with another body. Bodies compare byte for byte.",
        "Use a new key for a new request; repeat a key only with exactly the same body.",
    ),
    problem(
        428,
        "precondition_required",
        "A condition is needed",
        "PUT replaces a whole todo. Without a condition it would silently undo what others have written.",
        "Send `If-Match` with the `ETag` that you read, or `If-None-Match: *` to create. For single fields use PATCH.",
    ),
    problem(
        429,
        "rate_limited",
        "Too many requests",
        "A rate limit is used up: the general one, the one for writes, or the one for failed authentication.",
        "Wait as many seconds as `Retry-After` says. `RateLimit` and `RateLimit-Policy` on every answer tell what is \
         left.",
    ),
    problem(
        429,
        "too_many_exports",
        "Too many exports are running",
        "A token has at most four exports that run at once, since each is held in memory while its client reads.",
        "Read an export to its end before you begin others. One that was given up ends at the latest after 30 seconds.",
    ),
    problem(
        431,
        "headers_too_large",
        "The headers are too large",
        "A header field, or all of them together, is larger than the server takes.",
        "Send fewer and shorter headers; cookies are not used by this API at all.",
    ),
    problem(
        500,
        "internal",
        "Something failed on our side",
        "The service made a mistake. The answer holds no details on purpose; the log has them under the request id.",
        "Repeat the request once; for a POST, with the same `Idempotency-Key`. If it fails again, report the request \
         id.",
    ),
    problem(
        503,
        "unavailable",
        "The service is unavailable",
        "The database cannot be reached just now, or so many requests wait for it that this one was refused. `detail` \
         says so where a write was cut off that may or may not have happened; otherwise nothing was done.",
        "Try again after `Retry-After` seconds. Writes with an `Idempotency-Key` or a condition are safe to repeat.",
    ),
    problem(
        504,
        "timeout",
        "The request took too long",
        "The request did not finish within its time limit. A write may or may not have happened.",
        "Try again with an `Idempotency-Key` or a condition; ask for less at once, or for a narrower filter.",
    ),
];
