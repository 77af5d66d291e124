//! Statistics, the same in every version.

use serde::Serialize;
use todo_core::domain::stats::{ByPriority, ByStatus, Stats as Counts};
use utoipa::ToSchema;

/// Counts over all live todos.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    /// All but the bin.
    total: i64,
    /// By status.
    by_status: StatusCounts,
    /// By priority.
    by_priority: PriorityCounts,
    /// Due in the past and neither completed nor cancelled.
    overdue: i64,
    /// Due on the current day of the time zone and neither completed nor cancelled.
    due_today: i64,
    /// Completed within the last seven days.
    completed_last_7_days: i64,
}

/// How many todos of each kind.
#[derive(Debug, Serialize, ToSchema)]
struct StatusCounts {
    pending: i64,
    in_progress: i64,
    completed: i64,
    cancelled: i64,
}

/// How many todos of each kind.
#[derive(Debug, Serialize, ToSchema)]
struct PriorityCounts {
    low: i64,
    medium: i64,
    high: i64,
    urgent: i64,
}

impl From<Counts> for Stats {
    fn from(counts: Counts) -> Self {
        let Counts { total, by_status, by_priority, overdue, due_today, completed_last_7_days } = counts;
        let ByStatus { pending, in_progress, completed, cancelled } = by_status;
        let ByPriority { low, medium, high, urgent } = by_priority;
        Self {
            total,
            by_status: StatusCounts { pending, in_progress, completed, cancelled },
            by_priority: PriorityCounts { low, medium, high, urgent },
            overdue,
            due_today,
            completed_last_7_days,
        }
    }
}
