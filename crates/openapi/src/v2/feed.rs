//! The feed and the log behind it.

use todo_api::route::Version::V2;

use super::example;
use crate::operation::Operation;

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::of(V2, "list_changes", "Follow changes")
            .about(
                "The whole workspace, page by page, then what has changed since the first page: one loop for the first \
                 synchronisation and every later one. Apply the items, remember `next_cursor`, and ask again; at once \
                 while `more` is true. An item is the state as it is now, so the same one may come twice, and never an \
                 older one after a newer. `/docs/sync` tells how to write a client.",
            )
            .tag("changes")
            .with(&["changes-cursor", "changes-limit", "types", "wait"])
            .fails(&["invalid_cursor", "resync_required"])
            .answers(200, "Changes", "What changed.", &["Retry-After"], example::changes()),
        Operation::of(V2, "list_events", "List events")
            .about(
                "What happened in the workspace in the last 30 days, the newest first: in the order in which their \
                 transactions began to write, those of one subject by its version. All filters combine with AND.",
            )
            .tag("changes")
            .with(&["type", "actor", "subject"])
            .paged()
            .answers(200, "EventPage", "A page.", &["ETag", "Link"], example::page(example::event())),
        Operation::of(V2, "todo_history", "Read a todo's history")
            .about("What happened to a todo in the last 30 days, the newest first; also while it is in the bin.")
            .of_one("todo_not_found")
            .paged()
            .answers(200, "EventPage", "A page.", &["ETag", "Link"], example::page(example::event())),
    ]
}
