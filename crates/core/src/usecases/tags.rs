//! Tags: listing, renaming and deleting. A tag is created with the first todo that uses it.

use uuid::Uuid;

use crate::cache::{AffectedTodos, InvalidationScope};
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::id::Id;
use crate::domain::idempotency::Written;
use crate::domain::page::Page;
use crate::domain::tag::Tag;
use crate::domain::text::TagName;
use crate::domain::todo::Precondition;
use crate::store::tags;
use crate::{Caller, Result};

use super::Service;

impl Service {
    /// A page of tags with how often each is used.
    pub async fn list_tags(&self, caller: &Caller, from: Option<&Position>, limit: Limit) -> Result<Page<Tag>> {
        tags::page(&self.pg, caller, from, limit).await
    }

    /// A tag gets another name, or merges into the one that has it.
    pub async fn rename_tag(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        name: &TagName,
    ) -> Result<Written<Tag>> {
        let writing = self.write(caller, None, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = tags::rename(&self.pg, &writing.write(), id, precondition, name, Uuid::now_v7()).await;
        writing.complete(outcome).await
    }

    /// A tag goes from all todos.
    pub async fn delete_tag(&self, caller: &Caller, id: Id, precondition: &Precondition) -> Result<Written<()>> {
        let writing = self.write(caller, None, InvalidationScope::todos(AffectedTodos::All)).await?;
        let outcome = tags::delete(&self.pg, &writing.write(), id, precondition, Uuid::now_v7()).await;
        writing.complete(outcome).await
    }
}
