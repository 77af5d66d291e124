//! Authentication of a token, and the check for pending invalidations, in one statement.

use crate::domain::access::Principal;
use std::time::{Duration, Instant};

use serde::Deserialize;
use uuid::Uuid;

use super::pg::{Param, Pg, Rows, Statement};
use crate::cache::{Authenticated, Cache, Pending, RequestStamp};
use crate::caller::{Meter, WorkspaceId};
use crate::error::{Error, Result};

const OF_TOKEN: &str = include_str!("sql/authentication_of_token.sql");
const OF_DEFAULT_WORKSPACE: &str = include_str!("sql/authentication_of_default_workspace.sql");
const NOTE_USES: &str = include_str!("sql/token_uses.sql");

/// What a check of a caller found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Checked {
    /// The principal of the token.
    pub principal: Principal,
    /// Milliseconds for which the principal may be remembered where it is not revoked, [`Cache::MEMORY`] at most.
    pub good_for: u64,
    /// Milliseconds since the use of the token was noted, [`Cache::MEMORY`] at most, also if it never was.
    pub noted: u64,
    /// Writes of the whole installation that Redis was not told of; the caches of their workspaces must not be trusted
    /// while there are any. To be settled with [`super::invalidations::settle`].
    pub pending: Option<Pending>,
    /// Whether a worker is needed, for whomever: a job or a purge is due.
    pub work_due: bool,
    /// As [`installation`] says.
    pub installation: Option<String>,
    /// When the statement was sent that found this.
    #[serde(skip)]
    pub sent: Option<Instant>,
}

impl Checked {
    /// Whether the use of the token is to be noted ([`note_uses`]), as it is after a minute. Redis says so, too, of
    /// all tokens that it remembers.
    pub fn is_use_due(&self) -> bool {
        self.principal.token_uid.is_some() && self.noted > 60_000
    }

    fn read(rows: Rows) -> Result<Option<Self>> {
        let sent = Some(rows.sent);
        let found = rows.optional().map(|mut row| row.json()).transpose()?;
        Ok(found.map(|checked| Self { sent, ..checked }))
    }

    /// What Redis is to remember; `principal` is the caller as text, `stamp` that of its request.
    pub fn authenticated<'a>(&'a self, principal: &'a [u8], stamp: &RequestStamp) -> Authenticated<'a> {
        Authenticated {
            waited: self.sent.map(|sent| stamp.age(sent)).unwrap_or_default(),
            workspace: WorkspaceId(self.principal.workspace_id),
            principal,
            life: Duration::from_millis(self.good_for),
            noted: Duration::from_millis(self.noted),
            pending: self.pending.as_ref(),
        }
    }
}

/// The principal of a token with this SHA-256; none if there is no such token, or it is revoked or expired.
pub async fn of_token(pg: &Pg, meter: &Meter, hash: &[u8; 32]) -> Result<Option<Checked>> {
    let statement = Statement::new(OF_TOKEN, vec![Param::Bytes(hash.to_vec()), memory()]);
    Checked::read(pg.read_first(meter, statement).await?)
}

/// Whether the token with this public id is still good.
pub async fn is_live(pg: &Pg, meter: &Meter, token: Uuid) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT FROM tokens WHERE uid = $1::text::uuid AND revoked_at IS NULL \
         AND (expires_at IS NULL OR expires_at > now()))::text";
    let mut row = pg.read(meter, Statement::new(SQL, vec![Param::Text(token.to_string())])).await?.one()?;
    Ok(row.text()? == "true")
}

/// Notes that the tokens with these hashes are in use; each at most once a minute, whoever asks for it.
pub async fn note_uses(pg: &Pg, meter: &Meter, tokens: &[[u8; 32]]) -> Result<()> {
    pg.write(meter, Statement::new(NOTE_USES, vec![Param::Bytes(tokens.concat())])).await?;
    Ok(())
}

/// The principal of every request where authentication is off: the workspace `default`, made if it is missing, with
/// every scope.
pub async fn of_default_workspace(pg: &Pg, meter: &Meter) -> Result<Checked> {
    const MAKE: &str =
        "INSERT INTO workspaces (uid, name) VALUES ($1::text::uuid, 'default') ON CONFLICT (name) DO NOTHING";
    let find = || pg.read_first(meter, Statement::new(OF_DEFAULT_WORKSPACE, vec![memory()]));
    if let Some(checked) = Checked::read(find().await?)? {
        return Ok(checked);
    }
    pg.write(meter, Statement::new(MAKE, vec![Param::Text(Uuid::now_v7().to_string())])).await?;
    let made = Checked::read(find().await?)?;
    made.ok_or_else(|| Error::Internal("the default workspace cannot be made".to_owned()))
}

/// [`Cache::MEMORY`] in milliseconds.
fn memory() -> Param {
    Param::Int(i64::try_from(Cache::MEMORY.as_millis()).unwrap_or(i64::MAX))
}

/// The id of the installation that this database belongs to; none for a minute after it was renewed.
pub async fn installation(pg: &Pg, meter: &Meter) -> Result<Option<String>> {
    pg.read(meter, Statement::new("SELECT installation_v1()", Vec::new())).await?.one()?.optional_text()
}
