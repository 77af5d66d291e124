//! Several changes of todos, all or nothing.

use serde::Deserialize;
use uuid::Uuid;

use super::fields;
use crate::domain::idempotency::Written;
use crate::domain::todo::{Operation, OperationResult, Todo};
use crate::error::{Error, Fault, Kind, Place, Result};
use crate::store::pg::{Param, Pg, Refusal, from_json};
use crate::store::write::{self, Function, Write};

/// Raised by the function of the batch.
const OPERATION_FAILED: &str = "TD001";
/// Raised by it, too: the outcome is larger than what is kept under an idempotency key.
const OUTCOME_TOO_LARGE: &str = "TD002";

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Created(Todo),
    Updated(Todo),
    Deleted(Uuid),
}

/// What the function says about the operation that failed.
#[derive(Deserialize)]
struct FailedOperation {
    index: usize,
    outcome: String,
}

/// Applies the operations in order; the results are in the same order.
///
/// # Errors
/// [`Error::Operation`] names the first operation that fails; then nothing was applied. Faults in it point into the
/// operation (`/todo/assignee_id`). [`Error::Invalid`] at `/operations` if the outcome is too large to be kept under an
/// idempotency key.
pub async fn apply(pg: &Pg, write: &Write<'_>, operations: &[Operation]) -> Result<Written<Vec<OperationResult>>> {
    const SQL: Function = Function("todos_batch_v1", "$8::text::jsonb");
    let operations = Param::json(&fields::operations(operations));
    let written: Written<Vec<Outcome>> = write.call_or(pg, SQL, [operations], Kind::Todo, refused).await?;
    Ok(written.map(|outcomes| outcomes.into_iter().map(result).collect()))
}

/// Takes todos out of the bin, within 30 days of their deletion; live ones are returned as they are.
///
/// # Errors
/// [`Error::Operation`] names the first that is not to be found; then nothing was restored.
pub async fn restore(pg: &Pg, write: &Write<'_>, uids: &[Uuid]) -> Result<Written<Vec<Todo>>> {
    const SQL: Function = Function("todos_restore_v1", "$8");
    let uids = Param::Texts(uids.iter().map(Uuid::to_string).collect());
    write.call_or(pg, SQL, [uids], Kind::Todo, refused).await
}

fn result(outcome: Outcome) -> OperationResult {
    match outcome {
        Outcome::Created(todo) => OperationResult::Created(todo),
        Outcome::Updated(todo) => OperationResult::Updated(todo),
        Outcome::Deleted(uid) => OperationResult::Deleted(uid),
    }
}

fn refused(refusal: &Refusal) -> Error {
    if refusal.code == OUTCOME_TOO_LARGE {
        let detail =
            "the todos that come out have more than 2 MiB, which is not kept under an Idempotency-Key; send fewer";
        return Error::Invalid(vec![Fault::at("/operations", "too_many", detail)]);
    }
    if refusal.code != OPERATION_FAILED {
        return write::refused(refusal, Kind::Todo);
    }
    match from_json::<FailedOperation>(refusal.detail.as_deref().unwrap_or_default()) {
        Ok(FailedOperation { index, outcome }) => {
            let source = Box::new(in_todo(write::failed(&outcome, Kind::Todo)));
            Error::Operation { index, source }
        }
        Err(error) => error,
    }
}

/// In an operation the fields of a todo stand under `/todo`.
fn in_todo(error: Error) -> Error {
    let under = |fault: Fault| match fault.place {
        Place::Pointer(_) => fault.under("/todo"),
        Place::Parameter(_) => fault,
    };
    match error {
        Error::Invalid(faults) => Error::Invalid(faults.into_iter().map(under).collect()),
        other => other,
    }
}
