//! Access tokens, for administrators. A token's text is never stored, only its SHA-256.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{self, Page};
use super::pg::{Param, Pg, Statement};
use super::write::{Write, Written};
use crate::caller::Meter;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::instant::Instant;
use crate::domain::people::Name;
use crate::error::{Error, Kind, Result};

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
    /// A name that tells its purpose.
    pub name: Name,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// When it expires.
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
    /// A name that tells its purpose.
    pub name: Name,
    /// Its scopes; not empty.
    pub scopes: Vec<Scope>,
    /// When it expires.
    pub expires_at: Option<Instant>,
}

/// A page of unrevoked tokens by id, of all workspaces or of one (an unknown one has none).
pub async fn page(
    pg: &Pg,
    meter: &Meter,
    workspace: Option<Uuid>,
    after: Option<&Position>,
    limit: Limit,
) -> Result<Page<Token>> {
    const SQL: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id) || ']', '[]') FROM ( \
        SELECT id, document FROM token_documents_v1 \
        WHERE revoked_at IS NULL AND id > $1 AND ($3::text IS NULL OR workspace_uid = $3::text::uuid) \
        ORDER BY id LIMIT $2) d";
    let workspace = Param::text(workspace.map(|uid| uid.to_string()));
    let statement = Statement::new(SQL, vec![page::after(after), page::one_more(limit), workspace]);
    page::collect(pg.read(meter, statement).await?, limit, |token: &Token| token.id)
}

/// A new token, whose text has the SHA-256 `hash`. The idempotency key belongs to the caller's workspace; a replay gives the
/// first token, whose text cannot be told again.
///
/// # Errors
/// [`Error::Invalid`] at `/workspace_id`.
pub async fn insert(
    pg: &Pg,
    write: &Write<'_>,
    uid: Uuid,
    hash: &[u8; 32],
    draft: &TokenDraft,
) -> Result<Written<Token>> {
    const SQL: &str = "SELECT outcome, body, cache_wait FROM token_create_v1( \
        $1, $2, $3, $4, $5, $6::text::uuid, $7::text::uuid, $8, $9, $10, $11::text::timestamptz)";
    let TokenDraft { workspace_uid, name, scopes, expires_at } = draft;
    let params = [
        Param::Text(uid.to_string()),
        Param::Text(workspace_uid.to_string()),
        Param::Text(name.as_str().to_owned()),
        Param::Bytes(hash.to_vec()),
        Param::Texts(scopes.iter().map(|scope| scope.as_str().to_owned()).collect()),
        Param::text(expires_at.as_ref().map(|instant| instant.as_str())),
    ];
    write.call(pg, SQL, params, Kind::Token).await
}

/// Revokes a token. Gives its hash, under which it may be cached.
///
/// # Errors
/// [`Error::NotFound`] also if it is revoked already.
pub async fn revoke(pg: &Pg, write: &Write<'_>, uid: Uuid) -> Result<Written<[u8; 32]>> {
    const SQL: &str = "SELECT outcome, body, cache_wait FROM token_revoke_v1($1, $2, $3, $4, $5, $6::text::uuid)";
    let revoked: Written<String> = write.call(pg, SQL, [Param::Text(uid.to_string())], Kind::Token).await?;
    let Written { value, replayed, cache_wait } = revoked;
    let hash = from_hex(&value).ok_or_else(|| Error::Internal("a token's hash is malformed".to_owned()))?;
    Ok(Written { value: hash, replayed, cache_wait })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits = text.get(..64).filter(|digits| digits.len() == text.len())?;
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}
