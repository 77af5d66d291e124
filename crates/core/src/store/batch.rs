//! Several changes of todos, all or nothing.

use super::pg::Pg;
use super::write::{Write, Written};
use crate::domain::todo::{Operation, OperationResult};
use crate::error::{Error, Result};

/// Applies the operations in order; the results are in the same order.
///
/// # Errors
/// [`Error::Operation`] names the first operation that fails; then nothing was applied. Faults in it point into the operation
/// (`/todo/assignee_id`, and `/id` for a todo that does not exist is left to the caller: it is [`Error::NotFound`]).
pub async fn apply(pg: &Pg, write: &Write<'_>, operations: &[Operation]) -> Result<Written<Vec<OperationResult>>> {
    Err(Error::Internal("not written yet".to_owned()))
}
