//! Todos: one at a time, by the page, by the batch, all of them.

use crate::cache::Touched;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit, Sort};
use crate::domain::id::Id;
use crate::domain::text::TagName;
use crate::domain::todo::{Draft, Expected, Operation, OperationResult, Patch, Todo};
use crate::store::stats::Stats;
use crate::store::todo_list::RenderedPage;
use crate::store::write::{IdempotencyKey, Written};
use crate::store::{batch, export, stats, todo_list, todos};
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

    /// A new todo under an id of ours.
    pub async fn create_todo(
        &self,
        caller: &Caller,
        draft: &Draft,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Todo>> {
        let writing = self.write_to(caller, key, Touched::Lists).await;
        let outcome = todos::insert(&self.pg, &writing.write(), Uuid::now_v7(), draft).await;
        writing.settle(outcome).await
    }

    /// A new todo under an id that the caller chose.
    pub async fn create_todo_at(&self, caller: &Caller, uid: Uuid, draft: &Draft) -> Result<Written<Todo>> {
        let writing = self.write_to(caller, None, Touched::Todo(uid)).await;
        let outcome = todos::insert(&self.pg, &writing.write(), uid, draft).await;
        writing.settle(outcome).await
    }

    /// A todo becomes what the draft says.
    pub async fn replace_todo(
        &self,
        caller: &Caller,
        id: Id,
        expected: &Expected,
        draft: &Draft,
    ) -> Result<Written<Todo>> {
        let writing = self.write_to(caller, None, touched(id)).await;
        let outcome = todos::replace(&self.pg, &writing.write(), id, expected, draft).await;
        writing.settle(outcome).await
    }

    /// A todo changes where the patch says so.
    pub async fn patch_todo(
        &self,
        caller: &Caller,
        id: Id,
        expected: &Expected,
        patch: &Patch,
    ) -> Result<Written<Todo>> {
        let writing = self.write_to(caller, None, touched(id)).await;
        let outcome = todos::patch(&self.pg, &writing.write(), id, expected, patch).await;
        writing.settle(outcome).await
    }

    /// A todo goes into the bin. Tells its public id.
    pub async fn delete_todo(&self, caller: &Caller, id: Id, expected: &Expected) -> Result<Written<Uuid>> {
        let writing = self.write_to(caller, None, touched(id)).await;
        let outcome = todos::delete(&self.pg, &writing.write(), id, expected).await;
        writing.settle(outcome).await
    }

    /// A todo comes out of the bin, within 30 days.
    pub async fn restore_todo(&self, caller: &Caller, id: Id, key: Option<&IdempotencyKey>) -> Result<Written<Todo>> {
        let writing = self.write_to(caller, key, touched(id)).await;
        let outcome = todos::restore(&self.pg, &writing.write(), id).await;
        writing.settle(outcome).await
    }

    /// Several changes, all or nothing. A new tag has the spelling of the first operation that names it.
    pub async fn apply_batch(
        &self,
        caller: &Caller,
        mut operations: Vec<Operation>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Vec<OperationResult>>> {
        TagName::unify_spellings(operations.iter_mut().flat_map(Operation::tags_mut));
        let writing = self.write(caller, key).await;
        let outcome = batch::apply(&self.pg, &writing.write(), &operations).await;
        writing.settle(outcome).await
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
}

/// By its integer a todo is not known to the cache.
fn touched(id: Id) -> Touched {
    match id {
        Id::Uuid(uid) => Touched::Todo(uid),
        Id::Serial(_) => Touched::Everything,
    }
}
