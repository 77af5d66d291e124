//! Statistics of todos.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use todo_core::domain::stats::{ByPriority, ByStatus, Stats as Counts};
use utoipa::ToSchema;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::caller::Reader;
use crate::extract::query::{FromQuery, Parameters, Query};

/// The parameters of the counts.
#[derive(Debug)]
pub struct StatsQuery {
    tz: String,
}

impl FromQuery for StatsQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let tz = query.one("tz", |text| {
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte));
            if plain && (1..=64).contains(&text.len()) {
                Ok(text.to_owned())
            } else {
                Err(("invalid_value", "must be the IANA name of a time zone, such as Europe/Berlin".to_owned()))
            }
        });
        Self { tz: tz.unwrap_or_else(|| "UTC".to_owned()) }
    }
}

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

/// Counts by status and priority, overdue, due today, completed lately.
pub async fn todo_stats(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(StatsQuery { tz }): Query<StatsQuery>,
) -> Result {
    let counts = app.service.todo_stats(&caller, &tz).await?;
    Ok(Document::page(Document::json(&Stats::from(counts)).body))
}
