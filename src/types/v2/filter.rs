//! Filters in bodies: the same names as in the query, repeatables as arrays. An empty array is refused, since a
//! condition that is ignored would match more todos than its author meant.

use serde_json::Value;
use todo_core::domain::filter::Filter;
use todo_core::domain::id::Id;
use todo_core::domain::text::{SearchText, TagName};
use todo_core::domain::todo::{Priority, Status};
use todo_core::error::Fault;

use super::list::holder;
use crate::extract::fields::{self, Fields};
use crate::extract::query::{MOST, PRIORITIES, STATUSES, distinct};

/// Reads a filter whose references are parsed by `employee` and `department`; the words to search for are in the field
/// `words`.
pub fn filter(
    fields: &mut Fields,
    words: &str,
    employee: impl Fn(Value, &str) -> Result<Id, Fault>,
    department: impl Fn(Value, &str) -> Result<Id, Fault>,
) -> Option<Filter> {
    let status = fields.set("status", 1..=MOST, fields::word(Status::parse, STATUSES), distinct);
    let priority = fields.set("priority", 1..=MOST, fields::word(Priority::parse, PRIORITIES), distinct);
    let completed = fields.optional("completed", fields::boolean);
    let tag = fields.sanitised(TagName::parse_within);
    let tags = fields.set("tag", 1..=MOST, tag, TagName::distinct);
    let assignee = fields.optional("assignee", employee);
    let department = fields.optional("department", department);
    let due_after = fields.optional("due_after", fields::instant);
    let due_before = fields.optional("due_before", fields::instant);
    let overdue = fields.optional("overdue", fields::boolean);
    let created_after = fields.optional("created_after", fields::instant);
    let created_before = fields.optional("created_before", fields::instant);
    let updated_since = fields.optional("updated_since", fields::instant);
    let q = fields.optional(words, fields::text(SearchText::parse));
    let deleted = fields.optional("deleted", fields::boolean);
    Some(Filter {
        status: status?.unwrap_or_default(),
        priority: priority?.unwrap_or_default(),
        completed: completed?,
        tags: tags?.unwrap_or_default(),
        assignee: assignee?,
        department: department?,
        due_after: due_after?,
        due_before: due_before?,
        overdue: overdue?,
        created_after: created_after?,
        created_before: created_before?,
        updated_since: updated_since?,
        q: q?.map(SearchText::into_string),
        deleted: deleted?.unwrap_or(false),
        ..Filter::default()
    })
}

/// The same with the conditions on lists and subtasks, which version 1 does not have.
pub fn filter_with_lists(fields: &mut Fields, words: &str) -> Option<Filter> {
    let others = filter(fields, words, fields.employee(), fields::uuid);
    let lists = fields.set("list", 1..=MOST, holder, distinct);
    let parent = fields.optional("parent", holder);
    let root = fields.optional("root", fields::uuid);
    let archived = fields.optional("archived", fields::boolean);
    Some(Filter {
        lists: lists?.unwrap_or_default(),
        parent: parent?,
        root: root?,
        archived: archived?.unwrap_or(false),
        ..others?
    })
}
