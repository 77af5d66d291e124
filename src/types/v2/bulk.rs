//! Bulk changes and jobs. The request is the same in both versions but for the ids.

use serde::Serialize;
use serde_json::Value;
use todo_core::domain::bulk::BulkChange;
use todo_core::domain::filter::Filter;
use todo_core::domain::id::Id;
use todo_core::domain::job;
use todo_core::domain::text::TagName;
use todo_core::domain::todo::Priority;
use todo_core::error::Fault;
use utoipa::ToSchema;
use uuid::Uuid;

use super::filter::{filter, filter_with_lists};
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::extract::query::PRIORITIES;
use crate::types::scalar;

/// Which todos, and what is done to each.
#[derive(Debug)]
pub struct Bulk {
    /// Which; never empty.
    pub filter: Filter,
    /// What.
    pub change: BulkChange,
}

impl FromJson for Bulk {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        bulk(fields, fields.employee(), fields::uuid, Some(Lists))
    }
}

/// There are conditions on lists and subtasks, and todos can be moved.
#[derive(Debug, Clone, Copy)]
pub struct Lists;

/// Reads a bulk change whose references are parsed by `employee` and `reference`; without `lists` as in the first
/// release.
pub fn bulk(
    fields: &mut Fields,
    employee: impl Fn(Value, &str) -> Result<Id, Fault> + Copy,
    reference: impl Fn(Value, &str) -> Result<Id, Fault> + Copy,
    lists: Option<Lists>,
) -> Option<Bulk> {
    let filter_value = fields.required("filter", |value, _| Ok(value));
    let pointer = fields.pointer_to("filter");
    let filter = filter_value
        .and_then(|value| {
            fields.nested(value, pointer.clone(), |fields| match lists {
                Some(Lists) => filter_with_lists(fields, "q"),
                None => filter(fields, "q", employee, reference),
            })
        })
        .and_then(|filter| {
            if filter.is_empty() {
                fields.fault(Fault::at(pointer, "required", "must name at least one condition"));
                return None;
            }
            Some(filter)
        });
    let change = change(fields, employee, reference, lists)?;
    let filter = filter?;
    if filter.archived && !matches!(change, BulkChange::Delete | BulkChange::Move(_)) {
        let detail = "nothing is written in an archived list; only delete and move may take todos out of it";
        fields.fault(Fault::at("/filter/archived", "invalid_value", detail));
        return None;
    }
    Some(Bulk { filter, change })
}

fn change(
    fields: &mut Fields,
    employee: impl Fn(Value, &str) -> Result<Id, Fault>,
    reference: impl Fn(Value, &str) -> Result<Id, Fault>,
    lists: Option<Lists>,
) -> Option<BulkChange> {
    let most = if lists.is_some() { BulkChange::ACTIONS.len() } else { BulkChange::FIRST_ACTIONS };
    let actions: Vec<&str> = BulkChange::ACTIONS.into_iter().take(most).collect();
    let known = |word: &str| BulkChange::ACTIONS.into_iter().take(most).find(|action| *action == word);
    match fields.required("action", fields::word(known, &actions.join(", ")))? {
        "complete" => Some(BulkChange::Complete),
        "reopen" => Some(BulkChange::Reopen),
        "set_priority" => {
            fields.required("priority", fields::word(Priority::parse, PRIORITIES)).map(BulkChange::SetPriority)
        }
        "add_tag" => fields.required("tag", fields.sanitised(TagName::parse_within)).map(BulkChange::AddTag),
        "remove_tag" => fields.required("tag", fields.sanitised(TagName::parse_within)).map(BulkChange::RemoveTag),
        "assign" => {
            if fields.take_null("assignee_id") {
                return Some(BulkChange::Assign(None));
            }
            fields.required("assignee_id", employee).map(|id| BulkChange::Assign(Some(id)))
        }
        "move" => {
            if fields.take_null("list_id") {
                return Some(BulkChange::Move(None));
            }
            fields.required("list_id", reference).map(|id| BulkChange::Move(Some(id)))
        }
        _ => Some(BulkChange::Delete),
    }
}

/// The answer to an accepted bulk change, the same in both versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// For people.
    #[schema(max_length = 100, pattern = "^[ -~]+$")]
    message: &'static str,
    /// The job's UUID.
    pub job_id: Uuid,
}

impl Accepted {
    /// The job was committed.
    pub fn job(job_id: Uuid) -> Self {
        Self { message: "Processing started", job_id }
    }
}

/// A unit of background work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// The public id.
    id: Uuid,
    #[doc = " The kind of work: `todos.bulk`, which a client has asked for; `tags.merge` or `tags.delete`, the rest \
             of a merge or a deletion"]
    /// of a tag that many todos have.
    #[schema(max_length = 50, pattern = "^[a-z_.]+$")]
    kind: String,
    /// The status.
    #[schema(value_type = scalar::JobStatus)]
    status: &'static str,
    #[doc = " The number of todos that match; null until it is known. In a workspace with more than 25,000 todos, \
             deleted ones included,"]
    /// they are not counted first. When the job has succeeded, it is the number of those that were processed.
    total: Option<i64>,
    #[doc = " The number of matching todos that were processed, including those that needed no change. A subtask that \
             was deleted or moved"]
    /// with the todo above it before its turn is not counted.
    processed: i64,
    /// The number of times a worker took it up.
    attempts: i64,
    #[doc = " Why the job or its last attempt failed; of a job that succeeded, what was left out: a todo that already \
             has 20 tags gets"]
    /// no other. Null otherwise.
    #[schema(max_length = 10_000)]
    error: Option<String>,
    /// When it was accepted.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it was begun, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    started_at: Option<String>,
    /// When it ended, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    finished_at: Option<String>,
}

impl From<job::Job> for Job {
    fn from(job: job::Job) -> Self {
        let job::Job {
            id: _,
            uid,
            kind,
            status,
            total,
            processed,
            attempts,
            error,
            created_at,
            started_at,
            finished_at,
        } = job;
        Self {
            id: uid,
            kind,
            status: status.as_str(),
            total,
            processed,
            attempts,
            error,
            created_at: created_at.into_string(),
            started_at: started_at.map(|at| at.into_string()),
            finished_at: finished_at.map(|at| at.into_string()),
        }
    }
}
