//! Todos: single ones, pages, batches, exports, statistics.

use crate::cache::{AffectedLists, AffectedTodos, Changed, InvalidationScope};
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit, Sort};
use crate::domain::id::Id;
use crate::domain::idempotency::{IdempotencyKey, Written};
use crate::domain::list::Move;
use crate::domain::overview::Overview;
use crate::domain::page::RenderedPage;
use crate::domain::stats::Stats;
use crate::domain::text::TagName;
use crate::domain::todo::{Draft, Operation, OperationResult, Patch, Precondition, Todo};
use crate::store::todos::{self, Deleted, batch, export, list, overview, stats};
use crate::{Caller, Result};
use uuid::Uuid;

use super::Service;

impl Service {
    /// One page of summaries.
    pub async fn list_todos(
        &self,
        caller: &Caller,
        filter: &Filter,
        sort: Sort,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<RenderedPage> {
        list::summaries(&self.pg, &self.archives, caller, filter, sort, from, limit).await
    }

    /// A live todo.
    pub async fn get_todo(&self, caller: &Caller, id: Id) -> Result<Todo> {
        todos::find(&self.pg, caller, id).await
    }

    /// Live todos, in the order of their ids in the argument, without those that are not to be found; then their
    /// subtasks.
    pub async fn get_todos(&self, caller: &Caller, uids: &[Uuid]) -> Result<Vec<Todo>> {
        todos::find_all(&self.pg, caller, uids).await
    }

    /// A new todo under an id of ours.
    pub async fn create_todo(
        &self,
        caller: &Caller,
        draft: &Draft,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Todo>> {
        let writing = self.write(caller, key, added(AffectedTodos::New, draft, AffectedLists::All)).await?;
        let outcome = todos::insert(&self.pg, &writing.write(), Uuid::now_v7(), draft).await;
        writing
            .settle_as(outcome, |todo| {
                added(AffectedTodos::New, draft, AffectedLists::showing(todo, Changed::default()))
            })
            .await
    }

    /// A new todo under an id that the caller chose.
    pub async fn create_todo_at(&self, caller: &Caller, uid: Uuid, draft: &Draft) -> Result<Written<Todo>> {
        let writing = self.write(caller, None, added(AffectedTodos::One(uid), draft, AffectedLists::All)).await?;
        let outcome = todos::insert(&self.pg, &writing.write(), uid, draft).await;
        writing
            .settle_as(outcome, |todo| {
                added(AffectedTodos::One(uid), draft, AffectedLists::showing(todo, Changed::default()))
            })
            .await
    }

    /// A todo becomes what the draft says.
    pub async fn replace_todo(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        draft: &Draft,
    ) -> Result<Written<Todo>> {
        let writing = self.write(caller, None, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = todos::replace(&self.pg, &writing.write(), id, precondition, draft).await;
        let moves = draft.later.is_elsewhere();
        writing.settle_as(outcome, |todo| InvalidationScope::todos(shown(id, todo, moves))).await
    }

    /// A todo changes where the patch says so.
    pub async fn patch_todo(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        patch: &Patch,
    ) -> Result<Written<Todo>> {
        let writing = self.write(caller, None, patched(AffectedTodos::All, patch, AffectedLists::All)).await?;
        let outcome = todos::patch(&self.pg, &writing.write(), id, precondition, patch).await;
        let moves = patch.later.is_elsewhere();
        // What it was before is known where the patch does not name it.
        let lists = |todo: &Todo| match patch.assignee.is_some() || moves {
            true => AffectedLists::All,
            false => {
                let (status, priority) = (patch.status.is_some(), patch.priority.is_some());
                AffectedLists::showing(todo, Changed { status, priority })
            }
        };
        writing.settle_as(outcome, |todo| patched(shown(id, todo, moves), patch, lists(todo))).await
    }

    /// A todo moves with all that is below it.
    pub async fn move_todo(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        to: &Move,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Todo>> {
        // Its siblings too, where they make room.
        let writing = self.write(caller, key, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = todos::relocate(&self.pg, &writing.write(), id, precondition, to).await;
        writing.complete(outcome).await
    }

    /// A todo is completed, and with `subtasks` all open ones below it.
    pub async fn complete_todo(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        subtasks: bool,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Todo>> {
        let writing = self.write(caller, key, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = todos::complete(&self.pg, &writing.write(), id, precondition, subtasks).await;
        let changed = |todo: &Todo| {
            let status = Changed { status: true, ..Changed::default() };
            let lists = if subtasks { AffectedLists::All } else { AffectedLists::showing(todo, status) };
            InvalidationScope::todos_in(shown(id, todo, subtasks), lists)
        };
        writing.settle_as(outcome, changed).await
    }

    /// A todo goes into the bin, with all that is below it. Tells its public id.
    pub async fn delete_todo(&self, caller: &Caller, id: Id, precondition: &Precondition) -> Result<Written<Uuid>> {
        let writing = self.write(caller, None, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = todos::delete(&self.pg, &writing.write(), id, precondition).await;
        let written = writing
            .settle_as(outcome, |&Deleted { uid, parent, below }| {
                InvalidationScope::todos(if below { AffectedTodos::All } else { and_parent(uid, parent) })
            })
            .await?;
        Ok(written.map(|deleted| deleted.uid))
    }

    /// A todo comes out of the bin, within 30 days.
    pub async fn restore_todo(&self, caller: &Caller, id: Id, key: Option<&IdempotencyKey>) -> Result<Written<Todo>> {
        let writing = self.write(caller, key, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = todos::restore(&self.pg, &writing.write(), id).await;
        writing.complete(outcome).await
    }

    /// Several changes, all or nothing. A new tag has the spelling of the first operation that names it.
    pub async fn apply_batch(
        &self,
        caller: &Caller,
        mut operations: Vec<Operation>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Vec<OperationResult>>> {
        TagName::unify_spellings(operations.iter_mut().flat_map(Operation::tags_mut));
        let writing = self.write(caller, key, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = batch::apply(&self.pg, &writing.write(), &operations).await;
        writing.complete(outcome).await
    }

    /// Several todos come out of the bin, all or none, within 30 days.
    pub async fn restore_todos(
        &self,
        caller: &Caller,
        uids: &[Uuid],
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Vec<Todo>>> {
        let writing = self.write(caller, key, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = batch::restore(&self.pg, &writing.write(), uids).await;
        writing.complete(outcome).await
    }

    /// Whole todos by id, without the first `skip`.
    pub async fn skip_todos(&self, caller: &Caller, filter: &Filter, skip: i64, limit: Limit) -> Result<Vec<Todo>> {
        list::full(&self.pg, caller, filter, skip, limit).await
    }

    /// Gives the todos of the next chunk of an export one by one, and where the one after it begins.
    pub async fn export_chunk(
        &self,
        caller: &Caller,
        filter: &Filter,
        sort: Sort,
        from: Option<&Position>,
        each: impl FnMut(Todo),
    ) -> Result<Option<Position>> {
        export::chunk(&self.pg, &self.archives, caller, filter, sort, from, each).await
    }

    /// Counts; `tz` is an IANA name.
    pub async fn todo_stats(&self, caller: &Caller, tz: &str) -> Result<Stats> {
        stats::stats(&self.pg, caller, tz).await
    }

    /// What a workspace holds, in short; `tz` is an IANA name.
    pub async fn overview(&self, caller: &Caller, tz: &str) -> Result<Overview> {
        overview::overview(&self.pg, caller, tz).await
    }
}

/// What a new todo changes beside itself.
fn added(todos: AffectedTodos, draft: &Draft, lists: AffectedLists) -> InvalidationScope {
    let later = &draft.later;
    let todos = match (todos, later.parent_uid()) {
        (AffectedTodos::One(uid), Some(parent)) => AffectedTodos::Two(uid, parent),
        (_, Some(parent)) => AffectedTodos::One(parent),
        (todos, None) => todos,
    };
    let (tags, named_lists) = (!draft.tags.is_empty(), later.is_elsewhere());
    InvalidationScope::Todos { todos, lists, stats: true, tags, named_lists }
}

/// What shows a todo that was changed as it is now: itself and its parent, which counts it; or any, if it `moves` with
/// what is below it. By its integer a todo is not known to the cache.
fn shown(id: Id, todo: &Todo, moves: bool) -> AffectedTodos {
    match id {
        Id::Uuid(_) if !moves => and_parent(todo.uid, todo.parent),
        _ => AffectedTodos::All,
    }
}

fn and_parent(uid: Uuid, parent: Option<Uuid>) -> AffectedTodos {
    parent.map_or(AffectedTodos::One(uid), |parent| AffectedTodos::Two(uid, parent))
}

fn patched(todos: AffectedTodos, patch: &Patch, lists: AffectedLists) -> InvalidationScope {
    let Patch { title: _, description: _, status, priority, due_date, tags, assignee: _, later } = patch;
    let stats = status.is_some() || priority.is_some() || due_date.is_some();
    InvalidationScope::Todos {
        todos,
        lists,
        stats,
        tags: tags.is_some(),
        named_lists: status.is_some() || later.is_elsewhere(),
    }
}
