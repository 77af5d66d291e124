//! The operations of version 2, in the order of the route table.

mod example;
mod feed;
mod others;
mod todos;

use serde_json::Value;
use todo_api::route::Version::V2;
use todo_api::types::scalar;
use todo_api::types::stats::Stats;
use todo_api::types::v2::admin::{Me, Token, TokenDraftBody, Workspace, WorkspaceDraft};
use todo_api::types::v2::batch::Results;
use todo_api::types::v2::bulk::{Accepted, Job};
use todo_api::types::v2::feed::{Changes, Event};
use todo_api::types::v2::list::{List, ListDraft, ListPatch, TodoCompletion, TodoMove};
use todo_api::types::v2::people::{
    Department, DepartmentDraft, DepartmentPatch, Employee, EmployeeDraftBody, EmployeePatchBody, Tag, TagPatch,
};
use todo_api::types::v2::todo::{LATER, Todo, TodoDraft, TodoPatch, TodoSummary};

use super::document::{self, Parts};
use super::schema::{self, Schemas};
pub use example::{accepted, stats};

const DESCRIPTION: &str = "\
Todos that teams share: lists, subtasks, filters, full-text search, tags, assignments, batches, background changes, \
exports.

Every request carries a bearer token, which belongs to one workspace and gives access to no other. Lists are pages: \
follow `next_cursor` or the `Link` header. Objects carry an `ETag`: send it as `If-Match` so that no change of others \
is overwritten. Any POST may carry an `Idempotency-Key` and can then be repeated safely. Errors are problem documents \
(RFC 9457); [their codes](/docs/errors) are stable. Unknown fields and parameters are refused.";

/// The document.
pub fn document() -> Value {
    let mut operations = todos::operations();
    operations.extend(feed::operations());
    operations.extend(others::operations());
    document::document(Parts {
        version: V2,
        number: "2.1.0",
        description: DESCRIPTION,
        tags: &[
            ("todos", "Todos: single ones, pages, batches, bulk changes and exports."),
            ("changes", "What changed, for whoever keeps a copy; and who changed what."),
            ("lists", "Lists of todos. What is in none is in the inbox."),
            ("jobs", "Background jobs and their progress."),
            ("tags", "Tags. A tag is created with the first todo that uses it."),
            ("employees", "Employees, to whom todos are assigned."),
            ("departments", "Departments, to which employees belong."),
            ("caller", "The caller: its workspace, scopes and limits."),
            ("admin", "Workspaces and tokens, for administrators."),
            ("meta", "About the API."),
        ],
        operations,
        schemas: schemas(),
    })
}

#[expect(clippy::too_many_lines, reason = "one list: the schemas")]
fn schemas() -> Schemas {
    Schemas::default()
        .of::<Todo>()
        .of::<TodoSummary>()
        .page_of::<TodoSummary>()
        .of::<TodoDraft>()
        .later("TodoDraft", LATER)
        .of::<TodoPatch>()
        .later("TodoPatch", LATER)
        .of::<TodoMove>()
        .of::<TodoCompletion>()
        .of::<List>()
        .page_of::<List>()
        .of::<ListDraft>()
        .of::<ListPatch>()
        .of::<Results>()
        .of::<Accepted>()
        .of::<Job>()
        .page_of::<Job>()
        .of::<Stats>()
        .of::<Tag>()
        .page_of::<Tag>()
        .of::<TagPatch>()
        .of::<Employee>()
        .page_of::<Employee>()
        .of::<EmployeeDraftBody>()
        .of::<EmployeePatchBody>()
        .of::<Department>()
        .page_of::<Department>()
        .of::<DepartmentDraft>()
        .of::<DepartmentPatch>()
        .of::<Changes>()
        .of::<Event>()
        .page_of::<Event>()
        .of::<Me>()
        .of::<Workspace>()
        .page_of::<Workspace>()
        .of::<WorkspaceDraft>()
        .of::<Token>()
        .page_of::<Token>()
        .of::<TokenDraftBody>()
        .of::<scalar::Instant>()
        .of::<scalar::InstantInput>()
        .of::<scalar::TagNameInput>()
        .of::<scalar::SearchInput>()
        .of::<scalar::Id>()
        .of::<scalar::SubjectKind>()
        .of::<scalar::EmployeeInput>()
        .with("Batch", schema::batch())
        .with("BatchOperation", schema::operation())
        .with("Filter", schema::filter(V2))
        .with("Bulk", schema::bulk(V2))
}
