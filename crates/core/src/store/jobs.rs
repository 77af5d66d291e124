//! Background jobs, as their owners see them. Workers use [`queue`].

pub mod purge;
pub mod queue;

use crate::domain::job::{Job, JobCounts, MOST_OPEN_JOBS};

use serde::Serialize;
use uuid::Uuid;

use super::page;
use super::pg::{Param, Pg, Statement};
use super::write::{self, Function, Write};
use crate::caller::{Caller, Meter};
use crate::domain::bulk::BulkChange;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit};
use crate::domain::id::Id;
use crate::domain::idempotency::Written;
use crate::domain::page::Page;
use crate::error::{Error, Kind, Result};

/// The kind of job that changes all todos that match.
pub const BULK: &str = "todos.bulk";

/// Accepts a change to all todos that match. The statement that records it is all that the client waits for.
///
/// # Errors
/// [`Error::Invalid`] at `/assignee_id` if the change assigns to an employee that does not exist;
/// [`Conflict::TooManyJobs`](crate::error::Conflict::TooManyJobs).
pub async fn accept(
    pg: &Pg,
    write: &Write<'_>,
    uid: Uuid,
    filter: &Filter,
    change: &BulkChange,
) -> Result<Written<Job>> {
    const SQL: Function = Function("job_accept_v1", "$8::text::uuid, $9, $10::text::jsonb, $11::text::jsonb, $12");
    let params = [
        Param::Text(uid.to_string()),
        Param::Text(BULK.to_owned()),
        stored(filter)?,
        stored(change)?,
        Param::Int(MOST_OPEN_JOBS),
    ];
    write.call(pg, SQL, params, Kind::Job).await
}

/// A page of jobs, the newest first.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Job>> {
    const SQL: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id DESC) || ']', '[]') FROM ( \
        SELECT id, document FROM job_documents_v1 WHERE workspace_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3) d";
    let before = Param::Int(after.map_or(i64::MAX, |position| position.id));
    let statement = Statement::new(SQL, vec![Param::Int(caller.workspace.0), before, page::one_more(limit)]);
    page::collect(pg.read(&caller.meter, statement).await?, limit, |job: &Job| job.id)
}

/// One job.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Job> {
    const BY_ID: &str = "SELECT document FROM job_documents_v1 WHERE workspace_id = $1 AND id = $2";
    const BY_UID: &str = "SELECT document FROM job_documents_v1 WHERE workspace_id = $1 AND uid = $2::text::uuid";
    let (sql, id) = match id {
        Id::Serial(serial) => (BY_ID, Param::Int(serial)),
        Id::Uuid(uuid) => (BY_UID, Param::Text(uuid.to_string())),
    };
    let statement = Statement::new(sql, vec![Param::Int(caller.workspace.0), id]);
    pg.read(&caller.meter, statement).await?.optional().ok_or(Error::NotFound(Kind::Job))?.json()
}

/// Cancels a job that has not ended; the chunk that is under way still counts.
///
/// # Errors
/// [`Error::NotFound`], [`Conflict::JobFinished`](crate::error::Conflict::JobFinished).
pub async fn cancel(pg: &Pg, write: &Write<'_>, id: Id) -> Result<Written<Job>> {
    const SQL: Function = Function("job_cancel_v1", "$8, $9::text::uuid");
    write.call(pg, SQL, write::id(id), Kind::Job).await
}

/// Counts by status.
pub async fn counts(pg: &Pg, meter: &Meter) -> Result<JobCounts> {
    const SQL: &str = include_str!("sql/jobs_counts.sql");
    pg.read(meter, Statement::new(SQL, Vec::new())).await?.one()?.json()
}

/// The stored form of a filter or a change.
fn stored(value: &impl Serialize) -> Result<Param> {
    let json =
        serde_json::to_string(value).map_err(|error| Error::Internal(format!("a job cannot be stored: {error}")))?;
    Ok(Param::Text(json))
}
