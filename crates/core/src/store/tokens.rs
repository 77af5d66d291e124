//! Access tokens, for administrators. A token's text is never stored, only its SHA-256.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::Page;
use super::pg::Pg;
use super::write::{Write, Written};
use crate::caller::Meter;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::instant::Instant;
use crate::domain::people::Name;
use crate::error::{Error, Result};

/// What a token permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Reading everything of the workspace.
    #[serde(rename = "todos:read")]
    TodosRead,
    /// Changing everything of the workspace.
    #[serde(rename = "todos:write")]
    TodosWrite,
    /// Administration of all workspaces and tokens.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// Every scope, in the order of the contract.
    pub const ALL: [Self; 3] = [Self::TodosRead, Self::TodosWrite, Self::Admin];

    /// The scope of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TodosRead => "todos:read",
            Self::TodosWrite => "todos:write",
            Self::Admin => "admin",
        }
    }
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Token {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The public id of the workspace that it opens.
    pub workspace_uid: Uuid,
    /// What it is for.
    pub name: Name,
    /// What it permits.
    pub scopes: Vec<Scope>,
    /// From when on it is worthless.
    pub expires_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Instant>,
}

/// A token as the caller wants it to be.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenDraft {
    /// The public id of the workspace that it opens.
    pub workspace_uid: Uuid,
    /// What it is for.
    pub name: Name,
    /// What it permits; not empty.
    pub scopes: Vec<Scope>,
    /// From when on it is worthless.
    pub expires_at: Option<Instant>,
}

/// A page of unrevoked tokens by id, of all workspaces or of one (an unknown one has none).
pub async fn page(pg: &Pg, meter: &Meter, workspace: Option<Uuid>, after: Option<&Position>, limit: Limit) -> Result<Page<Token>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// A new token, whose text has the SHA-256 `hash`. The idempotency key belongs to the caller's workspace; a replay gives the
/// first token, whose text cannot be told again.
///
/// # Errors
/// [`Error::Invalid`] at `/workspace_id`.
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, hash: &[u8; 32], draft: &TokenDraft) -> Result<Written<Token>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Makes a token worthless at once. Gives its hash, under which it may be cached.
///
/// # Errors
/// [`Error::NotFound`] also if it is revoked already.
pub async fn revoke(pg: &Pg, write: &Write<'_>, uid: Uuid) -> Result<Written<[u8; 32]>> {
    Err(Error::Internal("not written yet".to_owned()))
}
