//! Departments.

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
use crate::domain::people::Name;
use crate::domain::todo::Expected;
use crate::error::{Error, Result};

/// A part of the organisation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Department {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The name, unique.
    pub name: Name,
    /// When the row was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// A page of departments by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Department>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Departments by id without the first `skip`: what the old clients page by.
pub async fn skip(pg: &Pg, caller: &Caller, skip: i64, limit: Limit) -> Result<Vec<Department>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// One department.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Department> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// A new department.
///
/// # Errors
/// [`Conflict::DepartmentNameTaken`](crate::error::Conflict::DepartmentNameTaken).
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, name: &Name) -> Result<Written<Department>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Renames a department, if there is a new name.
///
/// # Errors
/// As [`insert`], and [`Error::NotFound`], [`Error::Stale`].
pub async fn patch(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    expected: &Expected,
    name: Option<&Name>,
) -> Result<Written<Department>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Removes a department that no employee belongs to.
///
/// # Errors
/// [`Conflict::DepartmentReferenced`](crate::error::Conflict::DepartmentReferenced), [`Error::NotFound`], [`Error::Stale`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected) -> Result<Written<()>> {
    Err(Error::Internal("not written yet".to_owned()))
}
