//! Background jobs.
//!
//! A worker claims a job for the length of a lease, works in chunks, each one statement that changes todos and advances the
//! job together, and so renews the lease. Who lost the lease changes nothing any more: every statement names it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::Page;
use super::pg::Pg;
use super::write::{Write, Written};
use crate::caller::{Caller, Meter, WorkspaceId};
use crate::domain::bulk::Change;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit};
use crate::domain::id::Id;
use crate::domain::instant::Instant;
use crate::error::{Error, Result};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for a worker, or for its next attempt.
    Queued,
    /// A worker has it.
    Running,
    /// Done.
    Succeeded,
    /// Given up; `error` says why.
    Failed,
    /// Stopped by the client. What was done stays done.
    Cancelled,
}

impl JobStatus {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A job as its owner sees it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Job {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// What kind of work, for example `todos.bulk`.
    pub kind: String,
    /// Where it stands.
    pub status: JobStatus,
    /// How many todos matched when the work began; none before.
    pub total: Option<i64>,
    /// How many are done.
    pub processed: i64,
    /// How often a worker took it up.
    pub attempts: i64,
    /// Why it failed, or why the last attempt did.
    pub error: Option<String>,
    /// When it was accepted.
    pub created_at: Instant,
    /// When a worker first took it up.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
}

/// A job in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The job's integer id.
    pub job: i64,
    /// The job's public id, for the log.
    pub uid: Uuid,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Proves that the job is still ours.
    pub lease: Uuid,
    /// Which todos.
    pub filter: Filter,
    /// What is done to each.
    pub change: Change,
    /// The id of the last todo done; 0 at first.
    pub position: i64,
    /// Todos beyond this id came after the job; none until [`begin`] found it.
    pub ceiling: Option<i64>,
    /// Attempts in a row, this one included, that got nothing done.
    pub strikes: i64,
}

/// How one chunk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// So many todos more are done, up to the position. Go on.
    Done {
        /// How many, those that were as wanted already included.
        processed: i64,
        /// Where the next chunk begins.
        position: i64,
        /// As [`Written::cache_wait`].
        cache_wait: bool,
    },
    /// Nothing was left; the job succeeded.
    Finished,
    /// The job was cancelled or belongs to another worker. Let go of it.
    Lost,
}

/// What became of a job after an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It waits for its next attempt.
    Retry,
    /// It ended as failed.
    Final,
    /// It was no longer ours.
    Lost,
}

/// Numbers for the metrics, over all workspaces.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Counts {
    /// Waiting.
    pub queued: i64,
    /// In the hands of a worker.
    pub running: i64,
    /// Done, as long as they are kept.
    pub succeeded: i64,
    /// Failed, as long as they are kept.
    pub failed: i64,
    /// Cancelled, as long as they are kept.
    pub cancelled: i64,
    /// Age of the oldest one that waits, in seconds; 0 if none does.
    pub oldest_queued_seconds: f64,
}

/// Attempts in a row without progress after which a job ends as failed.
pub const MAX_STRIKES: i64 = 5;

/// Accepts a change to all todos that match. The statement that records it is all that the client waits for.
///
/// # Errors
/// [`Error::Invalid`] at `/assignee_id` if the change assigns to an employee that does not exist.
pub async fn accept(pg: &Pg, write: &Write<'_>, uid: Uuid, filter: &Filter, change: &Change) -> Result<Written<Job>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// A page of jobs, the newest first.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Job>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// One job.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Job> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Cancels a job that has not ended; the chunk that is under way still counts.
///
/// # Errors
/// [`Error::NotFound`], [`Conflict::JobFinished`](crate::error::Conflict::JobFinished).
pub async fn cancel(pg: &Pg, write: &Write<'_>, id: Id) -> Result<Written<Job>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Takes the job that has waited longest: one that is due, or one whose worker let its lease run out. `lease` names the new
/// lease, `length` how long it lasts.
pub async fn claim(pg: &Pg, meter: &Meter, lease: Uuid, length: Duration) -> Result<Option<Claim>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Finds out how much there is to do, if it is not known yet: sets the total and [`Claim::ceiling`]. False if the job is lost.
pub async fn begin(pg: &Pg, meter: &Meter, claim: &mut Claim, length: Duration) -> Result<bool> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Does the next `limit` todos and moves [`Claim::position`] on. Call [`begin`] first.
///
/// An error leaves open whether the chunk happened. Let go of the claim then: whoever claims the job next reads its true
/// position.
pub async fn chunk(
    pg: &Pg,
    meter: &Meter,
    claim: &mut Claim,
    limit: i64,
    length: Duration,
    distrust_cache: bool,
) -> Result<Chunk> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Gives a job back so that others can go on at once.
pub async fn release(pg: &Pg, meter: &Meter, claim: &Claim) -> Result<()> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// An attempt failed: the job waits, longer with each strike, or ends after [`MAX_STRIKES`], or at once if `is_final`.
pub async fn fail(pg: &Pg, meter: &Meter, claim: &Claim, reason: &str, is_final: bool) -> Result<Failure> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Counts by status.
pub async fn counts(pg: &Pg, meter: &Meter) -> Result<Counts> {
    Err(Error::Internal("not written yet".to_owned()))
}
