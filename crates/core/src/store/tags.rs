//! Tags.

use serde::Deserialize;
use uuid::Uuid;

use super::page::Page;
use super::pg::Pg;
use super::write::{Write, Written};
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::id::Id;
use crate::domain::instant::Instant;
use crate::domain::text::TagName;
use crate::domain::todo::Expected;
use crate::error::{Error, Result};

/// A tag and how much it is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// Its name.
    pub name: String,
    /// How many live todos have it.
    pub count: i64,
    /// When it was first used.
    pub created_at: Instant,
    /// 1 at first, one more with each rename.
    pub version: i64,
}

/// A page of tags by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Tag>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Renames a tag. If another tag has the name, the two merge: the other one stays, with its id, and is returned.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Stale`].
pub async fn rename(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected, name: &TagName) -> Result<Written<Tag>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Removes a tag from all todos.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Stale`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected) -> Result<Written<()>> {
    Err(Error::Internal("not written yet".to_owned()))
}
