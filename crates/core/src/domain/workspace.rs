//! Workspaces.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;
use super::people::Name;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Workspace {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The name, unique.
    pub name: Name,
    /// When it was made.
    pub created_at: Instant,
}
