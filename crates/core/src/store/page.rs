//! Pages of the small collections: by id, which is by age.

use crate::domain::cursor::Position;

/// Some rows and where the next ones begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// The last row, if more follow.
    pub next: Option<Position>,
}
