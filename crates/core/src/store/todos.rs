//! Single todos.

use uuid::Uuid;

use super::pg::Pg;
use super::write::{Write, Written};
use crate::caller::Caller;
use crate::domain::id::Id;
use crate::domain::todo::{Draft, Expected, Patch, Todo};
use crate::error::{Error, Result};

/// A live todo.
///
/// # Errors
/// [`Error::NotFound`] also for todos in the bin.
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Todo> {
    pending()
}

/// Creates a todo under a UUID that the caller chose or that was made for it.
///
/// # Errors
/// [`Error::Exists`] if the id is taken, [`Conflict::TodoDeleted`](crate::error::Conflict::TodoDeleted) if its todo is in the
/// bin, [`Error::Invalid`] at `/assignee_id` if there is no such employee.
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, draft: &Draft) -> Result<Written<Todo>> {
    pending()
}

/// Makes a live todo equal to the draft; a draft that equals it changes nothing, not even the version.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Stale`], [`Error::Invalid`] at `/assignee_id`.
pub async fn replace(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected, draft: &Draft) -> Result<Written<Todo>> {
    pending()
}

/// Changes what the patch names; a patch that changes nothing leaves the version and `updated_at`.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Stale`], [`Error::Invalid`] at `/assignee_id`.
pub async fn patch(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected, patch: &Patch) -> Result<Written<Todo>> {
    pending()
}

/// Puts a live todo into the bin.
///
/// # Errors
/// [`Error::NotFound`] also if it is there already, [`Error::Stale`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected) -> Result<Written<()>> {
    pending()
}

/// Takes a todo out of the bin, within 30 days of its deletion; a live todo is returned as it is.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn restore(pg: &Pg, write: &Write<'_>, id: Id) -> Result<Written<Todo>> {
    pending()
}

fn pending<T>() -> Result<T> {
    Err(Error::Internal("not written yet".to_owned()))
}
