//! Background jobs, as their owners see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::instant::Instant;

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
    /// How many todos there are to change: counted when the work begins in a small workspace, known at the end in a
    /// large one.
    pub total: Option<i64>,
    /// How many are done.
    pub processed: i64,
    /// How often a worker took it up.
    pub attempts: i64,
    /// Why it failed, or why the last attempt did; or what it had to leave out.
    pub error: Option<String>,
    /// When it was accepted.
    pub created_at: Instant,
    /// When a worker first took it up.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub finished_at: Option<Instant>,
}

/// Numbers for the metrics, over all workspaces.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct JobCounts {
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
    /// How long the one that waits longest could have been taken up, in seconds; 0 if none could.
    pub oldest_queued_seconds: f64,
    /// Rows purged so far, by what they were.
    pub purged: BTreeMap<String, i64>,
    /// How long ago each kind of purge last found nothing left, in seconds.
    pub purges_age_seconds: BTreeMap<String, f64>,
    /// How long the oldest transaction has been open that holds the feed of changes back, in seconds.
    pub feed_unsettled_seconds: f64,
}

/// The most jobs of one workspace that have not ended.
pub const MOST_OPEN_JOBS: i64 = 100;
