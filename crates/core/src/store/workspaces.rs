//! Workspaces, for administrators.

use serde::Deserialize;
use uuid::Uuid;

use super::page::Page;
use super::pg::Pg;
use super::write::{Write, Written};
use crate::caller::Meter;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::instant::Instant;
use crate::domain::people::Name;
use crate::error::{Error, Result};

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

/// A page of all workspaces by id.
pub async fn page(pg: &Pg, meter: &Meter, after: Option<&Position>, limit: Limit) -> Result<Page<Workspace>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// A new workspace. The idempotency key belongs to the caller's workspace.
///
/// # Errors
/// [`Conflict::WorkspaceNameTaken`](crate::error::Conflict::WorkspaceNameTaken).
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, name: &Name) -> Result<Written<Workspace>> {
    Err(Error::Internal("not written yet".to_owned()))
}
