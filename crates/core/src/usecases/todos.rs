//! Todos: single ones, pages, batches, exports, statistics.

use crate::cache::{InvalidationScope, Todos};
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit, Sort};
use crate::domain::id::Id;
use crate::domain::text::TagName;
use crate::domain::todo::{Draft, Operation, OperationResult, Patch, Precondition, Todo};
use crate::store::overview::Overview;
use crate::store::stats::Stats;
use crate::store::todo_list::RenderedPage;
use crate::store::write::{IdempotencyKey, Written};
use crate::store::{batch, export, overview, stats, todo_list, todos};
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
        todo_list::summaries(&self.pg, caller, filter, sort, from, limit).await
    }

    /// A live todo.
    pub async fn get_todo(&self, caller: &Caller, id: Id) -> Result<Todo> {
        todos::find(&self.pg, caller, id).await
    }

    /// Live todos, in the order of their ids in the argument, without those that are not to be found.
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
        let scope = InvalidationScope::Todos { todos: Todos::New, stats: true, tags: !draft.tags.is_empty() };
        let writing = self.write(caller, key, scope).await?;
        let outcome = todos::insert(&self.pg, &writing.write(), Uuid::now_v7(), draft).await;
        writing.complete(outcome).await
    }

    /// A new todo under an id that the caller chose.
    pub async fn create_todo_at(&self, caller: &Caller, uid: Uuid, draft: &Draft) -> Result<Written<Todo>> {
        let writing = self.write(caller, None, InvalidationScope::todos(Todos::One(uid))).await?;
        let outcome = todos::insert(&self.pg, &writing.write(), uid, draft).await;
        writing.complete(outcome).await
    }

    /// A todo becomes what the draft says.
    pub async fn replace_todo(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        draft: &Draft,
    ) -> Result<Written<Todo>> {
        let writing = self.write(caller, None, changed(id)).await?;
        let outcome = todos::replace(&self.pg, &writing.write(), id, precondition, draft).await;
        writing.complete(outcome).await
    }

    /// A todo changes where the patch says so.
    pub async fn patch_todo(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        patch: &Patch,
    ) -> Result<Written<Todo>> {
        let writing = self.write(caller, None, patched(id, patch)).await?;
        let outcome = todos::patch(&self.pg, &writing.write(), id, precondition, patch).await;
        writing.complete(outcome).await
    }

    /// A todo goes into the bin. Tells its public id.
    pub async fn delete_todo(&self, caller: &Caller, id: Id, precondition: &Precondition) -> Result<Written<Uuid>> {
        let writing = self.write(caller, None, changed(id)).await?;
        let outcome = todos::delete(&self.pg, &writing.write(), id, precondition).await;
        writing.complete(outcome).await
    }

    /// A todo comes out of the bin, within 30 days.
    pub async fn restore_todo(&self, caller: &Caller, id: Id, key: Option<&IdempotencyKey>) -> Result<Written<Todo>> {
        let writing = self.write(caller, key, changed(id)).await?;
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
        let writing = self.write(caller, key, InvalidationScope::todos(Todos::All)).await?;
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
        let writing = self.write(caller, key, InvalidationScope::todos(Todos::All)).await?;
        let outcome = batch::restore(&self.pg, &writing.write(), uids).await;
        writing.complete(outcome).await
    }

    /// Whole todos by id, without the first `skip`.
    pub async fn skip_todos(&self, caller: &Caller, filter: &Filter, skip: i64, limit: Limit) -> Result<Vec<Todo>> {
        todo_list::full(&self.pg, caller, filter, skip, limit).await
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
        export::chunk(&self.pg, caller, filter, sort, from, each).await
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

/// By its integer a todo is not known to the cache.
fn which(id: Id) -> Todos {
    match id {
        Id::Uuid(uid) => Todos::One(uid),
        Id::Serial(_) => Todos::All,
    }
}

fn changed(id: Id) -> InvalidationScope {
    InvalidationScope::todos(which(id))
}

fn patched(id: Id, patch: &Patch) -> InvalidationScope {
    let Patch { title: _, description: _, status, priority, due_date, tags, assignee: _ } = patch;
    let stats = status.is_some() || priority.is_some() || due_date.is_some();
    InvalidationScope::Todos { todos: which(id), stats, tags: tags.is_some() }
}
