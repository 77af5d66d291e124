//! Lists of todos.

use uuid::Uuid;

use crate::cache::InvalidationScope;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::idempotency::{IdempotencyKey, Written};
use crate::domain::list::{List, ListFields};
use crate::domain::page::Page;
use crate::domain::todo::Precondition;
use crate::store::lists;
use crate::{Caller, Result};

use super::Service;

impl Service {
    /// A page of lists with how many open todos each has.
    pub async fn list_lists(&self, caller: &Caller, from: Option<&Position>, limit: Limit) -> Result<Page<List>> {
        lists::page(&self.pg, caller, from, limit).await
    }

    /// One list.
    pub async fn get_list(&self, caller: &Caller, uid: Uuid) -> Result<List> {
        lists::find(&self.pg, caller, uid).await
    }

    /// A new list under a UUID that the caller chose or that was made for it.
    pub async fn create_list(
        &self,
        caller: &Caller,
        uid: Uuid,
        fields: &ListFields,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<List>> {
        let writing = self.write(caller, key, InvalidationScope::NamedLists { todos: false }).await?;
        let outcome = lists::insert(&self.pg, &writing.write(), uid, fields).await;
        writing.complete(outcome).await
    }

    /// A list changes where the fields say so.
    pub async fn change_list(
        &self,
        caller: &Caller,
        uid: Uuid,
        precondition: &Precondition,
        fields: &ListFields,
    ) -> Result<Written<List>> {
        // Lists of todos leave out those of archived lists.
        let writing =
            self.write(caller, None, InvalidationScope::NamedLists { todos: fields.archived.is_some() }).await?;
        let outcome = lists::update(&self.pg, &writing.write(), uid, precondition, fields).await;
        writing.complete(outcome).await
    }

    /// A list without todos goes.
    pub async fn delete_list(&self, caller: &Caller, uid: Uuid, precondition: &Precondition) -> Result<Written<()>> {
        // Todos in the bin show that they were in it.
        let writing = self.write(caller, None, InvalidationScope::NamedLists { todos: true }).await?;
        let outcome = lists::delete(&self.pg, &writing.write(), uid, precondition).await;
        writing.complete(outcome).await
    }
}
