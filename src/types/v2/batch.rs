//! Batches in version 2.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use todo_core::domain::todo::{Draft, Operation, OperationResult, Patch};
use todo_core::error::Fault;
use utoipa::ToSchema;
use uuid::Uuid;

use super::todo::Todo;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};

/// The most operations of one batch.
pub const MOST: usize = 100;

/// The operations of a batch, in order.
#[derive(Debug)]
pub struct Batch(pub Vec<Operation>);

impl FromJson for Batch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let operations = fields.objects("operations", MOST, operation)?;
        once_each(fields, "operations", &operations);
        Some(Self(operations))
    }
}

/// Notes the ids that stand in more than one of the operations, which the field `name` has.
pub fn once_each(fields: &mut Fields, name: &str, operations: &[Operation]) {
    let pointer = fields.pointer_to(name);
    let mut seen = HashSet::new();
    for (index, operation) in operations.iter().enumerate() {
        let (Operation::Update { id, .. }
        | Operation::Move { id, .. }
        | Operation::Complete { id, .. }
        | Operation::Delete { id, .. }) = operation
        else {
            continue;
        };
        if !seen.insert(*id) {
            let detail = "an id stands in one operation only";
            fields.fault(Fault::at(format!("{pointer}/{index}/id"), "duplicate", detail));
        }
    }
}

#[derive(Clone, Copy)]
enum Op {
    Create,
    Update,
    Delete,
}

fn operation(fields: &mut Fields) -> Option<Operation> {
    let op = fields.required("op", |value, pointer| {
        fields::word(
            |word| match word {
                "create" => Some(Op::Create),
                "update" => Some(Op::Update),
                "delete" => Some(Op::Delete),
                _ => None,
            },
            "create, update, delete",
        )(value, pointer)
    })?;
    match op {
        Op::Create => todo(fields, Draft::from_json).map(|draft| Operation::Create { uid: Uuid::now_v7(), draft }),
        Op::Update => {
            let target = target(fields);
            let patch = todo(fields, Patch::from_json);
            let (id, if_version) = target?;
            Some(Operation::Update { id, if_version, patch: patch? })
        }
        Op::Delete => target(fields).map(|(id, if_version)| Operation::Delete { id, if_version }),
    }
}

/// Which todo, in which version.
pub fn target(fields: &mut Fields) -> Option<(todo_core::domain::id::Id, Option<i64>)> {
    let id = fields.required("id", fields::uuid);
    let if_version = fields.optional("if_version", fields::integer);
    Some((id?, if_version?))
}

fn todo<T>(fields: &mut Fields, read: impl FnOnce(&mut Fields) -> Option<T>) -> Option<T> {
    let value = fields.required("todo", |value: Value, _| Ok(value))?;
    let pointer = fields.pointer_to("todo");
    fields.nested(value, pointer, read)
}

/// The outcome of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchResults)]
pub struct Results {
    /// One result for each operation, in the same order.
    #[schema(max_items = 100)]
    results: Vec<ResultItem>,
}

/// The result of one operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchResult)]
struct ResultItem {
    /// 201 created, 200 changed, 204 deleted.
    #[schema(minimum = 200, maximum = 204)]
    status: u16,
    /// The id of the deleted todo.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<Uuid>,
    /// The created or changed todo.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    todo: Option<Todo>,
}

impl From<Vec<OperationResult>> for Results {
    fn from(results: Vec<OperationResult>) -> Self {
        Self { results: results.into_iter().map(ResultItem::from).collect() }
    }
}

impl From<OperationResult> for ResultItem {
    fn from(result: OperationResult) -> Self {
        match result {
            OperationResult::Created(todo) => Self { status: 201, id: None, todo: Some(todo.into()) },
            OperationResult::Updated(todo) => Self { status: 200, id: None, todo: Some(todo.into()) },
            OperationResult::Deleted(id) => Self { status: 204, id: Some(id), todo: None },
        }
    }
}
