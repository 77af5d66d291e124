//! Who is calling, and may the cache be trusted: asked before everything else, in one statement.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pg::{Param, Pg, Statement};
use super::tokens::Scope;
use crate::caller::Meter;
use crate::domain::instant::Instant;
use crate::error::{Error, Result};

/// Served by `tokens_hash_key`. Only one of many requests at once notes the use; nobody waits for it.
const OF_TOKEN: &str = include_str!("sql/admission_of_token.sql");
const OF_DEFAULT_WORKSPACE: &str = include_str!("sql/admission_of_default_workspace.sql");

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
    /// The snapshot of the check, if it saw writes that Redis was not told of; the cache of the workspace must not be trusted while
    /// there are any. To be settled with [`super::invalidations::settle`].
    pub pending_invalidations: Option<String>,
    /// Whether a worker is needed, for whomever: a job or a purge is due. True of the moment of the check alone, so not kept.
    #[serde(default, skip_serializing)]
    pub work_due: bool,
    /// As [`installation`] says. Of the moment of the check alone, too.
    #[serde(default, skip_serializing)]
    pub installation: Option<String>,
}

/// The principal of a token with this SHA-256; none if there is no such token, or it is revoked or expired. Notes when it was
/// last used, once a minute.
pub async fn of_token(pg: &Pg, meter: &Meter, hash: &[u8; 32]) -> Result<Option<Principal>> {
    let statement = Statement::new(OF_TOKEN, vec![Param::Bytes(hash.to_vec())]);
    pg.read(meter, statement).await?.optional().map(|mut row| row.json()).transpose()
}

/// The principal of every request where authentication is off: the workspace `default`, made if it is missing, with every
/// scope.
pub async fn of_default_workspace(pg: &Pg, meter: &Meter) -> Result<Principal> {
    // Two that make it at once: the one that comes second sees nothing, but will.
    for _ in 0..2 {
        let statement = Statement::new(OF_DEFAULT_WORKSPACE, vec![Param::Text(Uuid::now_v7().to_string())]);
        if let Some(mut row) = pg.read(meter, statement).await?.optional() {
            return row.json();
        }
    }
    Err(Error::Internal("the default workspace cannot be made".to_owned()))
}

/// The id of the installation that this database belongs to; none for a minute after it was renewed.
pub async fn installation(pg: &Pg, meter: &Meter) -> Result<Option<String>> {
    pg.read(meter, Statement::new("SELECT installation_v1()", Vec::new())).await?.one()?.optional_text()
}
