//! The operations on todos.

use serde_json::json;
use todo_api::route::Version::V2;

use super::super::operation::Operation;
use super::super::parameter;
use super::example;

/// In the order of the route table.
#[expect(clippy::too_many_lines, reason = "one list: the operations")]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::of(V2, "list_todos", "List todos")
            .about("A page of summaries. All filters combine with AND.")
            .with(parameter::FILTER_V2)
            .with(&["sort"])
            .paged()
            .fails(&["no_person"])
            .answers(200, "TodoSummaryPage", "A page.", &["ETag", "Link"], example::page(example::summary()))
            .cached(),
        Operation::of(V2, "create_todo", "Create a todo")
            .body("TodoDraft", example::draft())
            .idempotent()
            .fails(&["list_archived"])
            .answers(201, "Todo", "The todo was created.", &["ETag", "Location"], example::todo()),
        Operation::of(V2, "batch_todos", "Change several todos at once")
            .about(
                "Makes up to 100 creates, updates and deletes, all or none. An id may appear in one operation only. An \
                 error names the index of its operation. With an `Idempotency-Key` the resulting todos have at most 2 \
                 MiB together.",
            )
            .body("Batch", example::batch())
            .idempotent()
            .fails(&["stale_version", "list_archived"])
            .answers(200, "BatchResults", "All operations were applied.", &[], example::results()),
        Operation::of(V2, "bulk_process_todos", "Change all todos that match")
            .about(
                "Starts a background job that makes one change to every todo that matches the filter. `delete` takes \
                 what is below a todo with it, but for a matching subtask that is older than its parent: that may go \
                 before it and is then restored by itself. `move` takes the whole tree of each todo into the list, \
                 since a subtask is in the list of its parent. Nothing is changed in archived lists, out of which only \
                 these two take todos.",
            )
            .body("Bulk", example::bulk())
            .idempotent()
            .fails(&["too_many_jobs", "list_archived"])
            .answers(
                202,
                "Accepted",
                "The job was accepted; reading it tells its progress.",
                &["Location"],
                example::accepted(),
            ),
        Operation::of(V2, "todo_stats", "Count todos")
            .about(
                "Counts by status and priority, overdue, due today, and completed in the last seven days, of all \
                    todos that are not in the bin: subtasks and those in archived lists, too.",
            )
            .with(&["tz"])
            .answers(200, "Stats", "The counts.", &["ETag"], example::stats())
            .cached(),
        Operation::of(V2, "export_todos", "Export todos")
            .about(
                "All matching todos as one file, streamed: CSV (RFC 4180), newline-delimited JSON or iCalendar (RFC \
                 5545). CSV begins with the names of its columns; new ones come last. In iCalendar a subtask has its \
                 parent in `RELATED-TO`, and `X-APPLE-SORT-ORDER` is the position, as whole seconds since 2001.",
            )
            .with(parameter::FILTER_V2)
            .with(&["sort", "format"])
            .fails(&["no_person", "too_many_exports"])
            .answers_as("The file.", &["Content-Disposition"], example::files()),
        Operation::of(V2, "get_todo", "Read a todo")
            .of_one("todo_not_found")
            .answers(200, "Todo", "The todo.", &["ETag"], example::todo())
            .cached(),
        Operation::of(V2, "put_todo", "Replace or create a todo")
            .about(
                "With `If-Match` it replaces a todo; every field that is not given gets its default, but for fields \
                 that were added later (`x-added-in`): those stay as they are unless they are given. With \
                 `If-None-Match: *` it creates one under an id that the client chose, so that a lost answer can be \
                 asked for again.",
            )
            .of_one("todo_not_found")
            .with(&["put-If-Match", "put-If-None-Match"])
            .fails(&["stale_version", "todo_exists", "todo_deleted", "list_archived", "precondition_required"])
            .body("TodoDraft", example::draft())
            .answers(200, "Todo", "The todo as it is now.", &["ETag"], example::todo())
            .answers(201, "Todo", "The todo was created.", &["ETag", "Location"], example::todo()),
        Operation::of(V2, "patch_todo", "Change a todo")
            .about("Changes the fields that are given (RFC 7396). A change without effect does not raise the version.")
            .of_one("todo_not_found")
            .conditional()
            .fails(&["list_archived"])
            .body("TodoPatch", json!({"status": "completed", "due_date": null}))
            .answers(200, "Todo", "The todo as it is now.", &["ETag"], example::todo()),
        Operation::of(V2, "delete_todo", "Delete a todo")
            .about(
                "Puts the todo into the bin with all that is below it. From there it can be restored within 30 days.",
            )
            .of_one("todo_not_found")
            .conditional()
            .empty("The todo was moved to the bin."),
        Operation::of(V2, "move_todo", "Move a todo")
            .about(
                "Moves the todo with all that is below it to another list, below another todo or to another place \
                 among its siblings. Where two people move todos to the same place, both get there.",
            )
            .of_one("todo_not_found")
            .conditional()
            .body("TodoMove", json!({"place": "first"}))
            .idempotent()
            .fails(&["list_archived"])
            .answers(200, "Todo", "The todo as it is now.", &["ETag"], example::todo()),
        Operation::of(V2, "complete_todo", "Complete a todo")
            .about(
                "Completes the todo, and with `\"subtasks\": \"complete\"` all open ones below it. A PATCH leaves \
                    those alone.",
            )
            .of_one("todo_not_found")
            .conditional()
            .body("TodoCompletion", json!({"subtasks": "complete"}))
            .idempotent()
            .fails(&["list_archived"])
            .answers(200, "Todo", "The todo as it is now.", &["ETag"], example::todo()),
        Operation::of(V2, "restore_todo", "Restore a todo")
            .about(
                "Takes a todo out of the bin, within 30 days of its deletion, with what is below it and went there \
                 with it. If its parent is not there any more it comes back without one. A todo that is not in the bin \
                 is left as it is.",
            )
            .of_one("todo_not_found")
            .idempotent()
            .fails(&["body_too_large", "list_archived"])
            .answers(200, "Todo", "The todo.", &["ETag"], example::todo()),
    ]
}
