//! Lists of todos.

use super::pg::Pg;
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit, Sort};
use crate::domain::todo::Todo;
use crate::error::{Error, Result};

/// A page that Postgres rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedPage {
    /// A JSON array of summaries: `id` (the UUID), `title`, `status`, `completed`, `priority`, `due_date`, `tags` (names),
    /// `assignee` (`{id, name}` or null), `updated_at`, in this order.
    pub items: String,
    /// The last row, if more follow.
    pub next: Option<Position>,
}

/// A page of summaries.
pub async fn summaries(
    pg: &Pg,
    caller: &Caller,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: Limit,
) -> Result<RenderedPage> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Whole live todos by id ascending, without the first `skip`: what the old clients page by.
pub async fn full(
    pg: &Pg,
    caller: &Caller,
    filter: &Filter,
    skip: i64,
    limit: Limit,
) -> Result<Vec<Todo>> {
    Err(Error::Internal("not written yet".to_owned()))
}
