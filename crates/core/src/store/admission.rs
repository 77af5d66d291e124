//! Who is calling, and may the cache be trusted: asked before everything else, in one statement.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pg::Pg;
use super::tokens::Scope;
use crate::caller::Meter;
use crate::domain::instant::Instant;
use crate::error::{Error, Result};

/// On whose behalf a request is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Principal {
    /// The internal key of the workspace.
    pub workspace_id: i64,
    /// The public id of the workspace.
    pub workspace_uid: Uuid,
    /// The workspace's name.
    pub workspace_name: String,
    /// The public id of the token; none where authentication is off.
    pub token_uid: Option<Uuid>,
    /// The token's name; none where authentication is off.
    pub token_name: Option<String>,
    /// What the caller may do.
    pub scopes: Vec<Scope>,
    /// From when on the token is worthless.
    pub expires_at: Option<Instant>,
    /// Writes that Redis was not told of; the cache of the workspace must not be trusted while there are any. To be settled
    /// with [`super::invalidations::settle`]. At most 100 are named.
    pub pending_invalidations: Vec<i64>,
}

/// The principal of a token with this SHA-256; none if there is no such token, or it is revoked or expired. Notes when it was
/// last used, once a minute.
pub async fn of_token(pg: &Pg, meter: &Meter, hash: &[u8; 32]) -> Result<Option<Principal>> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// The principal of every request where authentication is off: the workspace `default`, made if it is missing, with every
/// scope.
pub async fn of_default_workspace(pg: &Pg, meter: &Meter) -> Result<Principal> {
    Err(Error::Internal("not written yet".to_owned()))
}

/// Only the pending invalidations of a workspace, for callers whose principal is known already.
pub async fn pending_invalidations(pg: &Pg, caller: &crate::Caller) -> Result<Vec<i64>> {
    Err(Error::Internal("not written yet".to_owned()))
}
