//! Calls of tools: arguments in, use case, result out.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use todo_core::domain::id::Id;
use todo_core::domain::todo::{Operation, OperationResult, Patch, Status, StatusChange};
use todo_core::error::{Fault, Place};
use todo_core::store::write::{IdempotencyKey, Written};
use todo_core::{Caller, Error};
use uuid::Uuid;

use super::tool::Tool;
use crate::app::App;
use crate::error::Problem;
use crate::extract::body::{FromJson, decode};
use crate::extract::idempotency::Key;
use crate::extract::page;
use crate::extract::person::Me;
use crate::handlers::todos::listed;
use crate::types::mcp::{
    Additions, Changes, DeletedTodos, Find, FoundTodos, Ids, Keyed, MOST_READ, MOST_WRITTEN, Overview, Todos, Zone,
};

/// A call under way.
pub struct ToolCall<'a> {
    /// The instance.
    pub app: &'a App,
    /// The caller.
    pub caller: &'a Caller,
    /// The idempotency key of the request, if it has one.
    pub key: Key,
    /// What the tool is given.
    pub arguments: Map<String, Value>,
}

/// What a tool gave.
pub struct Output {
    /// JSON in the shape of the tool's output schema.
    pub content: Box<RawValue>,
    /// Whether it is the outcome of an earlier call with the same idempotency key.
    pub replayed: bool,
}

impl Output {
    fn of(value: &impl Serialize, replayed: bool) -> Result<Self, Problem> {
        let content = to_raw_value(value).map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Self { content, replayed })
    }
}

/// Calls a tool. Faults stand at pointers into the arguments.
pub async fn run(tool: Tool, call: ToolCall<'_>) -> Result<Output, Problem> {
    let outcome = match tool {
        Tool::Overview => overview(call).await,
        Tool::FindTodos => find(call).await,
        Tool::GetTodos => get(call).await,
        Tool::AddTodos => {
            let create = |draft| Operation::Create { uid: Uuid::now_v7(), draft };
            write(tool, call, "todos", |Additions(drafts)| drafts.into_iter().map(create).collect()).await
        }
        Tool::UpdateTodos => write(tool, call, "todos", |Changes(changes)| changes).await,
        Tool::CompleteTodos => write_each(tool, call, complete).await,
        Tool::DeleteTodos => write_each(tool, call, |id| Operation::Delete { id, if_version: None }).await,
        Tool::RestoreTodos => restore(tool, call).await,
    };
    outcome.map_err(in_arguments)
}

async fn overview(ToolCall { app, caller, arguments, .. }: ToolCall<'_>) -> Result<Output, Problem> {
    let Zone(tz) = read(caller, arguments)?;
    let overview = app.service.overview(caller, &tz).await?;
    Output::of(&Overview::from(overview), false)
}

async fn find(ToolCall { app, caller, arguments, .. }: ToolCall<'_>) -> Result<Output, Problem> {
    let Find { filter, sort, page } = read(caller, arguments)?;
    let (found, scope) = listed(app, caller, &filter, sort, &page).await?;
    let cursor = found.next.map(|next| page::cursor(app, &scope, &next));
    let content = RawValue::from_string(page::body(&found.items, cursor.as_deref()))
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Output { content, replayed: false })
}

async fn get(ToolCall { app, caller, arguments, .. }: ToolCall<'_>) -> Result<Output, Problem> {
    let Ids(ids): Ids<MOST_READ> = read(caller, arguments)?;
    let todos = app.service.get_todos(caller, &ids).await?;
    let found: HashSet<_> = todos.iter().map(|todo| todo.uid).collect();
    let not_found = ids.into_iter().filter(|id| !found.contains(id)).collect();
    Output::of(&FoundTodos { todos: todos.into_iter().map(Into::into).collect(), not_found }, false)
}

fn complete(id: Id) -> Operation {
    let status = Some(StatusChange::To(Status::Completed));
    Operation::Update { id, if_version: None, patch: Patch { status, ..Patch::default() } }
}

/// One operation for each of the `ids`.
async fn write_each(tool: Tool, call: ToolCall<'_>, operation: impl Fn(Id) -> Operation) -> Result<Output, Problem> {
    write(tool, call, "ids", |Ids::<MOST_WRITTEN>(ids)| ids.into_iter().map(Id::Uuid).map(operation).collect()).await
}

/// The arguments of a tool as the operations of a batch, one for each item of the `argument`, in their order.
async fn write<T: FromJson>(
    tool: Tool,
    call: ToolCall<'_>,
    argument: &str,
    operations: impl FnOnce(T) -> Vec<Operation>,
) -> Result<Output, Problem> {
    let ToolCall { app, caller, key, arguments } = call;
    let (key, value) = keyed(tool, caller, key, arguments)?;
    let outcome = app.service.apply_batch(caller, operations(value), key.as_ref()).await;
    let Written { value: results, replayed, .. } = outcome.map_err(|error| placed(error, argument))?;
    let (mut todos, mut deleted) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            OperationResult::Created(todo) | OperationResult::Updated(todo) => todos.push(todo.into()),
            OperationResult::Deleted(id) => deleted.push(id),
        }
    }
    match tool {
        Tool::DeleteTodos => Output::of(&DeletedTodos { deleted }, replayed),
        _ => Output::of(&Todos { todos }, replayed),
    }
}

async fn restore(tool: Tool, call: ToolCall<'_>) -> Result<Output, Problem> {
    let ToolCall { app, caller, key, arguments } = call;
    let (key, Ids(ids)) = keyed::<Ids<MOST_WRITTEN>>(tool, caller, key, arguments)?;
    let outcome = app.service.restore_todos(caller, &ids, key.as_ref()).await;
    let Written { value: todos, replayed, .. } = outcome.map_err(|error| placed(error, "ids"))?;
    Output::of(&Todos { todos: todos.into_iter().map(Into::into).collect() }, replayed)
}

fn read<T: FromJson>(caller: &Caller, arguments: Map<String, Value>) -> Result<T, Problem> {
    decode(Value::Object(arguments), Vec::new(), Me::of(caller))
}

/// The arguments of a tool that writes, and the key of this call. Another tool, or other arguments, under the same key are another
/// body; the id of the message is not: it is new with each attempt.
fn keyed<T: FromJson>(
    tool: Tool,
    caller: &Caller,
    key: Key,
    mut arguments: Map<String, Value>,
) -> Result<(Option<IdempotencyKey>, T), Problem> {
    let own = arguments.remove_entry("idempotency_key");
    let mut arguments = Value::Object(arguments);
    let text = serde_json::to_string(&arguments).map_err(|error| Problem::internal(error.to_string()))?;
    let me = Me::of(caller);
    let digest = me.digest(&arguments, Sha256::new().chain_update(tool.name()).chain_update(text));
    if let (Some(arguments), Some((name, key))) = (arguments.as_object_mut(), own) {
        arguments.insert(name, key);
    }
    let Keyed { key: own, value } = decode(arguments, Vec::new(), me)?;
    Ok((key.or_rather(own).with_body(digest), value))
}

/// The failure of an operation, at the item of the arguments that it was made of.
fn placed(error: Error, argument: &str) -> Problem {
    let mut problem = Problem::from(error);
    for fault in &mut problem.faults {
        let Place::Pointer(pointer) = &mut fault.place else { continue };
        // Nothing, `/0` or `/0/todo/title`.
        let Some(rest) = pointer.strip_prefix("/operations") else { continue };
        let field = rest.match_indices('/').nth(1).map_or(rest.len(), |(at, _)| at);
        let (item, field) = rest.split_at(field);
        let field = if argument == "ids" { "" } else { field.strip_prefix("/todo").unwrap_or(field) };
        *pointer = format!("/{argument}{item}{field}");
    }
    problem
}

/// What is a parameter elsewhere is an argument here.
fn in_arguments(mut problem: Problem) -> Problem {
    for Fault { place, .. } in &mut problem.faults {
        if let Place::Parameter(name) = place {
            *place = Place::Pointer(format!("/{name}"));
        }
    }
    if problem.code == "invalid_parameter" { Problem::body(problem.faults) } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_an_operation_stands_at_the_argument() {
        let place = |pointer: &str, argument| {
            let problem = placed(Error::Invalid(vec![Fault::at(pointer, "invalid_value", "x")]), argument);
            problem.faults.into_iter().map(|fault| fault.place).next()
        };
        for (pointer, argument, expected) in [
            ("/operations", "todos", "/todos"),
            ("/operations/3", "todos", "/todos/3"),
            ("/operations/3/todo/tags/0", "todos", "/todos/3/tags/0"),
            ("/operations/3/id", "todos", "/todos/3/id"),
            ("/operations/3/id", "ids", "/ids/3"),
        ] {
            assert_eq!(place(pointer, argument), Some(Place::Pointer(expected.to_owned())), "{pointer}");
        }
    }
}
