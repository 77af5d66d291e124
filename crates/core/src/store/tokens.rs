//! Access tokens, for administrators. A token's text is never stored, only its SHA-256.

use crate::domain::token::{Token, TokenDraft};
use uuid::Uuid;

use super::page;
use super::pg::{Param, Pg, Statement};
use super::write::{self, Function, Write};
use crate::caller::Meter;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::idempotency::Written;
use crate::domain::page::Page;
use crate::error::{Error, Kind, Result};

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

/// A new token, whose text has the SHA-256 `hash`. The idempotency key belongs to the caller's workspace; a replay
/// gives the first token, whose text cannot be told again.
///
/// # Errors
/// [`Error::Invalid`] at `/workspace_id` or `/employee_id`.
pub async fn insert(
    pg: &Pg,
    write: &Write<'_>,
    uid: Uuid,
    hash: &[u8; 32],
    draft: &TokenDraft,
) -> Result<Written<Token>> {
    const SQL: Function = Function(
        "token_create_v1",
        "$8::text::uuid, $9::text::uuid, $10, $11, $12, $13::text::timestamptz, $14::text::uuid",
    );
    let TokenDraft { workspace_uid, name, employee, scopes, expires_at } = draft;
    let [_, employee] = employee.map_or([Param::Null, Param::Null], write::id);
    let params = [
        Param::Text(uid.to_string()),
        Param::Text(workspace_uid.to_string()),
        Param::Text(name.as_str().to_owned()),
        Param::Bytes(hash.to_vec()),
        Param::Texts(scopes.iter().map(|scope| scope.as_str().to_owned()).collect()),
        Param::text(expires_at.as_ref().map(|instant| instant.as_str())),
        employee,
    ];
    write.call(pg, SQL, params, Kind::Token).await
}

/// Revokes a token. Gives its hash, under which it may be cached.
///
/// # Errors
/// [`Error::NotFound`] also if it is revoked already.
pub async fn revoke(pg: &Pg, write: &Write<'_>, uid: Uuid) -> Result<Written<[u8; 32]>> {
    const SQL: Function = Function("token_revoke_v1", "$8::text::uuid");
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
