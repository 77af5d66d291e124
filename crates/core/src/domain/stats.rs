//! Counts over the live todos of a workspace.

use serde::Deserialize;

/// Counts over all todos but those in the bin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stats {
    /// All of them.
    pub total: i64,
    /// By status.
    pub by_status: ByStatus,
    /// By priority.
    pub by_priority: ByPriority,
    /// Due in the past and neither completed nor cancelled.
    pub overdue: i64,
    /// Due on the current day of the time zone and neither completed nor cancelled.
    pub due_today: i64,
    /// Completed within the last seven days, to the second.
    pub completed_last_7_days: i64,
}

/// Counts by status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the statuses")]
pub struct ByStatus {
    pub pending: i64,
    pub in_progress: i64,
    pub completed: i64,
    pub cancelled: i64,
}

/// Counts by priority.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the priorities")]
pub struct ByPriority {
    pub low: i64,
    pub medium: i64,
    pub high: i64,
    pub urgent: i64,
}
