//! Statistics of todos.

use std::sync::Arc;

use axum::extract::State;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::caller::Reader;
use crate::extract::query::{FromQuery, Parameters, Query};
use crate::types::stats::Stats;

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

/// Counts by status and priority, overdue, due today, completed lately.
pub async fn todo_stats(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(StatsQuery { tz }): Query<StatsQuery>,
) -> Result {
    let counts = app.service.todo_stats(&caller, &tz).await?;
    Ok(Document::page(Document::json(&Stats::from(counts)).body))
}
