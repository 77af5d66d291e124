//! Pages of collections.

use super::cursor::Position;

/// Some rows and where the next ones begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// The last row, if more follow.
    pub next: Option<Position>,
}

/// A page that Postgres rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedPage {
    /// A JSON array of summaries: `id` (the UUID), `title`, `status`, `completed`, `priority`, `due_date`, `tags`
    /// (names), `assignee` (`{id, name}` or null), `updated_at`, in this order.
    pub items: String,
    /// The last row, if more follow.
    pub next: Option<Position>,
}
