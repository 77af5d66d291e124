//! Employees.

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
use crate::domain::people::{Email, Name};
use crate::domain::todo::{DepartmentRef, Expected};
use crate::error::{Error, Result};

/// Someone who can be given work.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Employee {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The name.
    pub name: Name,
    /// The e-mail address, as it was written.
    pub email: Email,
    /// Where the employee works.
    pub department: Option<DepartmentRef>,
    /// When the row was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// An employee as the caller wants it to be.
#[derive(Debug, Clone, PartialEq)]
pub struct EmployeeDraft {
    /// The name.
    pub name: Name,
    /// The e-mail address.
    pub email: Email,
    /// Where the employee works.
    pub department: Option<Id>,
}

/// A partial change; the inner `None` clears.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmployeePatch {
    /// New name.
    pub name: Option<Name>,
    /// New e-mail address.
    pub email: Option<Email>,
    /// New department.
    pub department: Option<Option<Id>>,
}

/// A page of employees by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Employee>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Employees by id without the first `skip`: what the old clients page by.
pub async fn skip(pg: &Pg, caller: &Caller, skip: i64, limit: Limit) -> Result<Vec<Employee>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// One employee.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Employee> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// A new employee.
///
/// # Errors
/// [`Conflict::EmailTaken`](crate::error::Conflict::EmailTaken), [`Error::Invalid`] at `/department_id`.
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, draft: &EmployeeDraft) -> Result<Written<Employee>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Changes what the patch names.
///
/// # Errors
/// As [`insert`], and [`Error::NotFound`], [`Error::Stale`].
pub async fn patch(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    expected: &Expected,
    patch: &EmployeePatch,
) -> Result<Written<Employee>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Removes an employee whom no live todo is assigned to; those in the bin lose their assignee.
///
/// # Errors
/// [`Conflict::EmployeeReferenced`](crate::error::Conflict::EmployeeReferenced), [`Error::NotFound`], [`Error::Stale`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, expected: &Expected) -> Result<Written<()>> {
    Err(Error::Internal("not written yet".to_owned()))
}
