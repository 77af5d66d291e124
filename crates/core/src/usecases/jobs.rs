//! Background jobs as their owner sees them: accept, list, read, cancel. The worker's side is `work.rs`.

use uuid::Uuid;

use crate::cache::{AffectedTodos, InvalidationScope};
use crate::domain::bulk::BulkChange;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit};
use crate::domain::id::Id;
use crate::domain::idempotency::{IdempotencyKey, Written};
use crate::domain::job::Job;
use crate::domain::page::Page;
use crate::store::jobs;
use crate::{Caller, Result};

use super::Service;

impl Service {
    /// Accepts a change to every todo that matches, however many. It is committed when this returns and done later.
    pub async fn accept_bulk(
        &self,
        caller: &Caller,
        filter: &Filter,
        change: &BulkChange,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Job>> {
        let writing = self.write(caller, key, InvalidationScope::Nothing).await?;
        let outcome = jobs::accept(&self.pg, &writing.write(), Uuid::now_v7(), filter, change).await;
        writing.complete(outcome).await
    }

    /// A page of jobs, the newest first.
    pub async fn list_jobs(&self, caller: &Caller, from: Option<&Position>, limit: Limit) -> Result<Page<Job>> {
        jobs::page(&self.pg, caller, from, limit).await
    }

    /// One job.
    pub async fn get_job(&self, caller: &Caller, id: Id) -> Result<Job> {
        jobs::find(&self.pg, caller, id).await
    }

    /// Stops a job; what was done stays done.
    pub async fn cancel_job(&self, caller: &Caller, id: Id) -> Result<Written<Job>> {
        let writing = self.write(caller, None, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = jobs::cancel(&self.pg, &writing.write(), id).await;
        writing.complete(outcome).await
    }
}
