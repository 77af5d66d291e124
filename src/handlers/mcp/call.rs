//! Calls of tools: arguments in, use case, result out.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use todo_core::domain::id::Id;
use todo_core::domain::idempotency::{IdempotencyKey, Written};
use todo_core::domain::todo::{Operation, OperationResult};
use todo_core::error::{Fault, Place};
use todo_core::{Caller, Error};
use uuid::Uuid;

use super::tool::Tool;
use crate::app::App;
use crate::error::Problem;
use crate::extract::body::{FromJson, decode};
use crate::extract::idempotency::Key;
use crate::extract::page::{self, CursorScope};
use crate::extract::person::CallerPerson;
use crate::handlers::todos::listed;
use crate::types::mcp::{
    Addition, Additions, Completions, DeletedTodos, Find, FoundTodos, Ids, Keyed, LoggedEvent, MOST_READ, MOST_WRITTEN,
    Moves, Overview, Since, Todos, Updates, WhatChanged, Zone,
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
        Tool::AddTodos => write(tool, call, |Additions(added)| added.into_iter().map(add).collect()).await,
        Tool::UpdateTodos => write(tool, call, |Updates(changes)| in_order(changes)).await,
        Tool::MoveTodos => write(tool, call, |Moves(moves)| in_order(moves)).await,
        Tool::CompleteTodos => {
            write(tool, call, |Completions { ids: Ids(ids), subtasks }| {
                let complete = |(place, id)| (place, Operation::Complete { id: Id::Uuid(id), subtasks });
                ids.into_iter().map(complete).collect()
            })
            .await
        }
        Tool::DeleteTodos => {
            write(tool, call, |Ids::<MOST_WRITTEN>(ids)| {
                let delete = |(place, id)| (place, Operation::Delete { id: Id::Uuid(id), if_version: None });
                ids.into_iter().map(delete).collect()
            })
            .await
        }
        Tool::RestoreTodos => restore(tool, call).await,
        Tool::WhatChanged => what_changed(call).await,
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
    let (_, ids): (Vec<String>, Vec<Uuid>) = ids.into_iter().unzip();
    let found = app.service.get_todos(caller, &ids).await?;
    let (todos, subtasks): (Vec<_>, Vec<_>) = found.into_iter().partition(|todo| ids.contains(&todo.uid));
    let known: HashSet<_> = todos.iter().map(|todo| todo.uid).collect();
    let not_found = ids.into_iter().filter(|id| !known.contains(id)).collect();
    let [todos, subtasks] = [todos, subtasks].map(|todos| todos.into_iter().map(Into::into).collect());
    Output::of(&FoundTodos { todos, subtasks, not_found }, false)
}

async fn what_changed(ToolCall { app, caller, arguments, .. }: ToolCall<'_>) -> Result<Output, Problem> {
    let Since { filter, page } = read(caller, arguments)?;
    let scope = CursorScope::new("what_changed", caller.workspace.0, &format!("{filter:?}"));
    let from = page.position(app, &scope)?;
    let (found, context) = app.service.list_events_in_context(caller, &filter, from.as_ref(), page.limit).await?;
    let events: Vec<LoggedEvent> =
        serde_json::from_str(&found.items).map_err(|error| Problem::internal(error.to_string()))?;
    let changes = events.into_iter().map(|event| event.told(&context.titles)).collect();
    let next_cursor = found.next.map(|next| page::cursor(app, &scope, &next));
    let complete_since = context.complete_since.into_string();
    Output::of(&WhatChanged { changes, complete_since, next_cursor }, false)
}

/// An operation of a batch, and where it stands in the arguments.
type Placed = (String, Operation);

/// One for each item of `todos`, in their order.
fn in_order(operations: Vec<Operation>) -> Vec<Placed> {
    let place = |(index, operation)| (format!("/todos/{index}"), operation);
    operations.into_iter().enumerate().map(place).collect()
}

fn add(Addition { pointer, uid, draft }: Addition) -> Placed {
    (pointer, Operation::Create { uid, draft })
}

/// The arguments of a tool as the operations of a batch.
async fn write<T: FromJson>(
    tool: Tool,
    call: ToolCall<'_>,
    operations: impl FnOnce(T) -> Vec<Placed>,
) -> Result<Output, Problem> {
    let ToolCall { app, caller, key, arguments } = call;
    let (key, value) = keyed(tool, caller, key, arguments)?;
    let (places, operations): (Vec<String>, Vec<Operation>) = operations(value).into_iter().unzip();
    let outcome = app.service.apply_batch(caller, operations, key.as_ref()).await;
    let Written { value: results, replayed, .. } = outcome.map_err(|error| placed(error, &places))?;
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
    let (places, ids): (Vec<String>, Vec<Uuid>) = ids.into_iter().unzip();
    let outcome = app.service.restore_todos(caller, &ids, key.as_ref()).await;
    let Written { value: todos, replayed, .. } = outcome.map_err(|error| placed(error, &places))?;
    Output::of(&Todos { todos: todos.into_iter().map(Into::into).collect() }, replayed)
}

fn read<T: FromJson>(caller: &Caller, arguments: Map<String, Value>) -> Result<T, Problem> {
    decode(Value::Object(arguments), Vec::new(), CallerPerson::of(caller))
}

/// The arguments of a tool that writes, and the key of this call. Another tool, other arguments or another token under
/// the same key are another body: models choose short keys, and two people's may be equal. The id of the message is
/// none of it: it is new with each attempt.
fn keyed<T: FromJson>(
    tool: Tool,
    caller: &Caller,
    key: Key,
    mut arguments: Map<String, Value>,
) -> Result<(Option<IdempotencyKey>, T), Problem> {
    let own = arguments.remove_entry("idempotency_key");
    let mut arguments = Value::Object(arguments);
    let text = serde_json::to_string(&arguments).map_err(|error| Problem::internal(error.to_string()))?;
    let me = CallerPerson::of(caller);
    let actor = caller.actor.map_or_else(String::new, |actor| actor.to_string());
    let call = Sha256::new().chain_update(tool.name()).chain_update(actor).chain_update(text);
    let digest = me.digest(&arguments, call);
    if let (Some(arguments), Some((name, key))) = (arguments.as_object_mut(), own) {
        arguments.insert(name, key);
    }
    let Keyed { key: own, value } = decode(arguments, Vec::new(), me)?;
    Ok((key.or_rather(own).with_body(digest), value))
}

/// The failure of an operation, at the place in the arguments that it was made of.
fn placed(error: Error, places: &[String]) -> Problem {
    let mut problem = Problem::from(error);
    for fault in &mut problem.faults {
        let Place::Pointer(pointer) = &mut fault.place else { continue };
        // Nothing, `/0` or `/0/todo/title`.
        let Some(rest) = pointer.strip_prefix("/operations") else { continue };
        let field = rest.match_indices('/').nth(1).map_or(rest.len(), |(at, _)| at);
        let (item, field) = rest.split_at(field);
        let index = item.strip_prefix('/').and_then(|index| index.parse::<usize>().ok());
        let first = places.first().map_or("", String::as_str);
        let argument = first.get(1..).and_then(|first| first.split('/').next()).unwrap_or_default();
        let field = if argument == "ids" { "" } else { field.strip_prefix("/todo").unwrap_or(field) };
        *pointer = match index.and_then(|index| places.get(index)) {
            Some(place) => format!("{place}{field}"),
            None => format!("/{argument}"),
        };
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
        let place = |pointer: &str, places: [&str; 2]| {
            let places = places.map(str::to_owned);
            let problem = placed(Error::Invalid(vec![Fault::at(pointer, "invalid_value", "x")]), &places);
            problem.faults.into_iter().map(|fault| fault.place).next()
        };
        let (todos, ids) = (["/todos/0", "/todos/0/subtasks/0"], ["/ids/0", "/ids/1"]);
        for (pointer, places, expected) in [
            ("/operations", todos, "/todos"),
            ("/operations/1", todos, "/todos/0/subtasks/0"),
            ("/operations/1/todo/tags/0", todos, "/todos/0/subtasks/0/tags/0"),
            ("/operations/0/id", todos, "/todos/0/id"),
            ("/operations/1/id", ids, "/ids/1"),
        ] {
            assert_eq!(place(pointer, places), Some(Place::Pointer(expected.to_owned())), "{pointer}");
        }
    }
}
