//! Who a caller is and what it may do.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::instant::Instant;

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
    /// When the token expires.
    pub expires_at: Option<Instant>,
    /// The public id of the employee whom the token names.
    pub employee_uid: Option<Uuid>,
}
