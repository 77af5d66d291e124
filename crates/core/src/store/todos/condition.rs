//! The conditions that filters become: what each is about, and those that need no parameter.

use crate::domain::filter::{Filter, SortKey};
use crate::domain::todo::Status;

/// The most tags that are conditions of their own.
pub(super) const FEW_TAGS: usize = 3;

/// What a filter asks for, in SQL.
pub(super) struct SqlCondition {
    pub(super) on: On,
    pub(super) sql: String,
}

/// What a condition is about: where to find out how many todos it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum On {
    Status,
    Priority,
    /// The tag's id in SQL.
    Tag(String),
    /// The ids of employees, an array in SQL.
    Assignee(String),
    /// An instant that lists are sorted by.
    Instant(SortKey),
    /// The search, as it was given, in SQL.
    Words(String),
    List(OnList),
    /// The parent's id in SQL.
    Parent(String),
    /// The ids of todos, an array in SQL.
    Ids(String),
    /// Nothing of a todo: it holds for all that the other conditions leave, or for none.
    All,
    /// It leaves most.
    Nothing,
}

/// Which lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnList {
    /// Its id in SQL.
    One(String),
    /// None.
    Inbox,
    Several,
}

/// The todos that a filter chooses from.
pub(super) fn place(filter: &Filter) -> String {
    let state = if filter.deleted { IN_BIN } else { "t.deleted_at IS NULL" };
    format!("t.workspace_id = $1 AND {state}")
}

/// A todo whose time in the bin is over is gone, also where the purge has not come by yet.
pub(super) const IN_BIN: &str = "t.deleted_at > now() - bin_retention_v1()";
pub(super) const OPEN: &str = "t.status IN ('pending', 'in_progress')";
pub(super) const NOT_OVERDUE: &str =
    "(t.due_date IS NULL OR t.due_date >= now() OR t.status IN ('completed', 'cancelled'))";

/// It is not among those in archived lists; true of all when the statement is planned, if there are none.
pub(super) const OPEN_LIST: &str =
    "(archived_lists_v1($1) IS NULL OR t.list_id IS NULL OR t.list_id <> ALL (archived_lists_v1($1)))";
/// Some list is archived.
pub(super) const HAS_ARCHIVE: &str = "archived_lists_v1($1) IS NOT NULL";
/// A list is not archived, by its id in SQL.
pub(super) fn is_open_list(list: &str) -> String {
    format!("coalesce({list} <> ALL (archived_lists_v1($1)), true)")
}

/// It is in no list. What is in the bin keeps the number of a list that was deleted since.
pub(super) fn is_in_no_list(is_in_bin: bool) -> &'static str {
    if is_in_bin {
        "(t.list_id IS NULL OR NOT EXISTS (SELECT FROM lists i WHERE i.workspace_id = $1 AND i.id = t.list_id))"
    } else {
        "t.list_id IS NULL"
    }
}

/// The list that a todo and all below it are in is not archived, by the todo's id in SQL.
pub(super) fn is_in_open_list(todo: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM todos h WHERE h.workspace_id = $1 AND h.id = {todo} \
         AND h.list_id = ANY (archived_lists_v1($1)))"
    )
}

/// Somebody above the parent of a todo is this one, by its id in SQL: four at most are above, but any number in the
/// bin, where levels are not limited.
pub(super) fn is_far_below(id: &str, is_in_bin: bool) -> String {
    if is_in_bin {
        format!(
            "EXISTS (WITH RECURSIVE above AS (SELECT t.parent_id AS id UNION SELECT a.parent_id FROM above o \
             JOIN todos a ON a.workspace_id = $1 AND a.id = o.id) SELECT FROM above WHERE id = {id})"
        )
    } else {
        [("c", "b"), ("b", "a"), ("a", "t")].iter().fold("false".to_owned(), |inner, (name, child)| {
            format!(
                "EXISTS (SELECT FROM todos {name} WHERE {name}.workspace_id = $1 AND {name}.id = {child}.parent_id \
                 AND ({name}.parent_id = {id} OR {inner}))"
            )
        })
    }
}

/// Whether a row of `todo_tags l` is of a tag, by its id in SQL, or of one that was merged into it. A plain comparison
/// when the statement is planned, if there is none such.
pub(super) fn is_tag(tag: &str) -> String {
    let former = format!("tag_former_v1($1, ARRAY[{tag}])");
    format!("(l.tag_id = {tag} OR {former} IS NOT NULL AND l.tag_id = ANY ({former}))")
}

/// How many of these tags, an array of their ids in SQL, a todo has. Of the two ways the planner keeps the first, if
/// nothing was merged into any of them.
pub(super) fn number_of_tags(tags: &str) -> String {
    format!(
        "(CASE WHEN tag_former_v1($1, {tags}) IS NULL THEN \
         (SELECT count(*) FILTER (WHERE l.tag_id = ANY ({tags})) FROM todo_tags l \
         WHERE l.workspace_id = $1 AND l.todo_id = t.id) \
         ELSE (SELECT count(DISTINCT coalesce(g.merged_into, g.id)) FROM todo_tags l \
         JOIN tags g ON g.workspace_id = $1 AND g.id = l.tag_id \
         WHERE l.workspace_id = $1 AND l.todo_id = t.id AND coalesce(g.merged_into, g.id) = ANY ({tags})) END)"
    )
}

pub(super) fn requires_due_date(filter: &Filter) -> bool {
    filter.due_after.is_some() || filter.due_before.is_some() || filter.overdue == Some(true)
}

/// `completed` is another way to speak of the status, so both become one condition.
pub(super) fn status_condition(filter: &Filter) -> Option<String> {
    let wanted = filter.statuses();
    let names: Vec<String> = wanted.iter().map(|status| format!("'{}'", status.as_str())).collect();
    match wanted.len() {
        0 => Some("false".to_owned()),
        all if all == Status::ALL.len() => None,
        _ => any_of("t.status", &names),
    }
}

/// Whether it leaves only live todos that are still to be done.
pub(super) fn is_open(filter: &Filter) -> bool {
    !filter.deleted && filter.statuses().into_iter().all(Status::is_open)
}

pub(super) fn any_of(column: &str, values: &[String]) -> Option<String> {
    match values {
        [] => None,
        [one] => Some(format!("{column} = {one}")),
        several => Some(format!("{column} IN ({})", several.join(", "))),
    }
}
