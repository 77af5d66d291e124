//! Workspaces and tokens, for administrators.

use uuid::Uuid;

use crate::cache::InvalidationScope;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::idempotency::{IdempotencyKey, Written};
use crate::domain::page::Page;
use crate::domain::people::Name;
use crate::domain::token::{Secret, Token, TokenDraft};
use crate::domain::workspace::Workspace;
use crate::store::tokens;
use crate::store::workspaces;
use crate::{Caller, Result};

use super::Service;

impl Service {
    /// A page of all workspaces.
    pub async fn list_workspaces(
        &self,
        caller: &Caller,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<Page<Workspace>> {
        workspaces::page(&self.pg, &caller.meter, from, limit).await
    }

    /// A new, empty workspace.
    pub async fn create_workspace(
        &self,
        caller: &Caller,
        name: &Name,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Workspace>> {
        let writing = self.write(caller, key, InvalidationScope::Nothing).await?;
        let outcome = workspaces::insert(&self.pg, &writing.write(), Uuid::now_v7(), name).await;
        writing.complete(outcome).await
    }

    /// A page of tokens, of all workspaces or of one.
    pub async fn list_tokens(
        &self,
        caller: &Caller,
        workspace: Option<Uuid>,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<Page<Token>> {
        tokens::page(&self.pg, &caller.meter, workspace, from, limit).await
    }

    /// A new token and its text, which is told this once: a replay of the request has none.
    pub async fn create_token(
        &self,
        caller: &Caller,
        draft: &TokenDraft,
        key: Option<&IdempotencyKey>,
    ) -> Result<(Written<Token>, Option<Secret>)> {
        let secret = Secret::generate()?;
        let writing = self.write(caller, key, InvalidationScope::Nothing).await?;
        let outcome = tokens::insert(&self.pg, &writing.write(), Uuid::now_v7(), &secret.hash(), draft).await;
        let written = writing.complete(outcome).await?;
        let told = (!written.replayed).then_some(secret);
        Ok((written, told))
    }

    /// Revokes a token: at once, or within a second where Redis cannot be told.
    pub async fn revoke_token(&self, caller: &Caller, uid: Uuid) -> Result<Written<()>> {
        let writing = self.write(caller, None, InvalidationScope::Access).await?;
        let outcome = tokens::revoke(&self.pg, &writing.write(), uid).await;
        Ok(writing.complete(outcome).await?.map(|_| ()))
    }
}
