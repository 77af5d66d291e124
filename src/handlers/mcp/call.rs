//! Calls of tools: arguments in, use case, result out.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use todo_core::domain::todo::{Operation, OperationResult};
use todo_core::error::{Fault, Place};
use todo_core::store::write::{IdempotencyKey, Written};
use todo_core::{Caller, Error};

use super::tool::Tool;
use crate::app::App;
use crate::error::Failure;
use crate::extract::body::{FromJson, decode};
use crate::extract::idempotency::Key;
use crate::extract::page::{self, Scope};
use crate::types::mcp::{
    Additions, Changes, Completions, DeletedTodos, Deletions, Find, FoundTodos, Ids, Keyed, MOST_READ, MOST_WRITTEN,
    Operations, Overview, Todos, Zone,
};

/// A call under way.
pub struct Call<'a> {
    /// The instance.
    pub app: &'a App,
    /// Who calls.
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
    fn of(value: &impl Serialize, replayed: bool) -> Result<Self, Failure> {
        let content = to_raw_value(value).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Self { content, replayed })
    }
}

/// Calls a tool. Faults stand at pointers into the arguments.
pub async fn run(tool: Tool, call: Call<'_>) -> Result<Output, Failure> {
    let outcome = match tool {
        Tool::Overview => overview(call).await,
        Tool::FindTodos => find(call).await,
        Tool::GetTodos => get(call).await,
        Tool::AddTodos => write::<Additions>(tool, call).await,
        Tool::UpdateTodos => write::<Changes>(tool, call).await,
        Tool::CompleteTodos => write::<Completions>(tool, call).await,
        Tool::DeleteTodos => write::<Deletions>(tool, call).await,
        Tool::RestoreTodos => restore(tool, call).await,
    };
    outcome.map_err(in_arguments)
}

async fn overview(Call { app, caller, arguments, .. }: Call<'_>) -> Result<Output, Failure> {
    let Zone(tz) = read(arguments)?;
    let overview = app.service.overview(caller, &tz).await?;
    Output::of(&Overview::from(overview), false)
}

async fn find(Call { app, caller, arguments, .. }: Call<'_>) -> Result<Output, Failure> {
    let Find { filter, sort, page } = read(arguments)?;
    // That of the list, so that a cursor goes on wherever it came from.
    let scope = Scope::new("todos", caller.workspace.0, &filter.scope(sort));
    let from = page.position(app, &scope)?;
    let found = app.service.list_todos(caller, &filter, sort, from.as_ref(), page.limit).await?;
    let cursor = found.next.map(|next| page::cursor(app, &scope, &next));
    let content = RawValue::from_string(page::body(&found.items, cursor.as_deref()))
        .map_err(|error| Failure::internal(error.to_string()))?;
    Ok(Output { content, replayed: false })
}

async fn get(Call { app, caller, arguments, .. }: Call<'_>) -> Result<Output, Failure> {
    let Ids(ids): Ids<MOST_READ> = read(arguments)?;
    let todos = app.service.get_todos(caller, &ids).await?;
    let found: HashSet<_> = todos.iter().map(|todo| todo.uid).collect();
    let not_found = ids.into_iter().filter(|id| !found.contains(id)).collect();
    Output::of(&FoundTodos { todos: todos.into_iter().map(Into::into).collect(), not_found }, false)
}

async fn write<T: Operations>(tool: Tool, call: Call<'_>) -> Result<Output, Failure> {
    let Call { app, caller, key, arguments } = call;
    let (key, value) = keyed::<T>(tool, key, arguments)?;
    let operations: Vec<Operation> = value.operations();
    let outcome = app.service.apply_batch(caller, operations, key.as_ref()).await;
    let Written { value: results, replayed, .. } = outcome.map_err(|error| placed(error, T::ARGUMENT))?;
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

async fn restore(tool: Tool, call: Call<'_>) -> Result<Output, Failure> {
    let Call { app, caller, key, arguments } = call;
    let (key, Ids(ids)) = keyed::<Ids<MOST_WRITTEN>>(tool, key, arguments)?;
    let outcome = app.service.restore_todos(caller, &ids, key.as_ref()).await;
    let Written { value: todos, replayed, .. } = outcome.map_err(|error| placed(error, "ids"))?;
    Output::of(&Todos { todos: todos.into_iter().map(Into::into).collect() }, replayed)
}

fn read<T: FromJson>(arguments: Map<String, Value>) -> Result<T, Failure> {
    decode(Value::Object(arguments), Vec::new())
}

/// The arguments of a tool that writes, and the key of this call. Another tool, or other arguments, under the same key are another
/// body; the id of the message is not: it is new with each attempt.
fn keyed<T: FromJson>(
    tool: Tool,
    key: Key,
    mut arguments: Map<String, Value>,
) -> Result<(Option<IdempotencyKey>, T), Failure> {
    let Keyed { key: own, value } = read(arguments.clone())?;
    arguments.remove("idempotency_key");
    let body = Sha256::new().chain_update(tool.name()).chain_update(Value::Object(arguments).to_string());
    Ok((key.or_rather(own).with_body(body.finalize().into()), value))
}

/// The failure of an operation, at the item of the arguments that it was made of.
fn placed(error: Error, argument: &str) -> Failure {
    let mut failure = Failure::from(error);
    for fault in &mut failure.faults {
        let Place::Pointer(pointer) = &mut fault.place else { continue };
        let Some(rest) = pointer.strip_prefix("/operations/") else { continue };
        let (index, field) = rest.split_once('/').unwrap_or((rest, ""));
        let field = field.strip_prefix("todo/").unwrap_or(field);
        let item = format!("/{argument}/{index}");
        *pointer = if field.is_empty() || argument == "ids" { item } else { format!("{item}/{field}") };
    }
    failure
}

/// What is a parameter elsewhere is an argument here.
fn in_arguments(mut failure: Failure) -> Failure {
    for Fault { place, .. } in &mut failure.faults {
        if let Place::Parameter(name) = place {
            *place = Place::Pointer(format!("/{name}"));
        }
    }
    if failure.code == "invalid_parameter" { Failure::body(failure.faults) } else { failure }
}
