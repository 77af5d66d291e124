//! Workspaces, tokens and the caller itself in version 2.

use serde::Serialize;
use todo_core::domain::access::Scope;
use todo_core::domain::people::Name;
use todo_core::domain::token::{Secret, TokenDraft};
use todo_core::domain::{token, workspace};
use todo_core::error::Fault;
use utoipa::ToSchema;
use uuid::Uuid;

use super::people::EmployeeRef;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::types::scalar;

/// A workspace: one tenant, which sees nothing of others.
#[derive(Debug, Serialize, ToSchema)]
pub struct Workspace {
    /// The public id.
    id: Uuid,
    /// The name, unique.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
}

impl From<workspace::Workspace> for Workspace {
    fn from(workspace: workspace::Workspace) -> Self {
        let workspace::Workspace { id: _, uid, name, created_at } = workspace;
        Self { id: uid, name: name.into_string(), created_at: created_at.into_string() }
    }
}

/// A new workspace.
#[derive(Debug, ToSchema)]
pub struct WorkspaceDraft {
    /// Its name.
    #[schema(value_type = scalar::NameInput)]
    pub name: Name,
}

impl FromJson for WorkspaceDraft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(&["id", "created_at"]);
        Some(Self { name: fields.required("name", fields.sanitised(Name::parse_within))? })
    }
}

/// A token. Its text is only in the answer to its creation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// The public id. It is not a credential.
    id: Uuid,
    /// The workspace to which it gives access.
    workspace_id: Uuid,
    /// A name that tells its purpose.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// The employee whom it names, or null.
    employee: Option<EmployeeRef>,
    /// Its scopes.
    #[schema(value_type = Vec<scalar::Scope>, min_items = 1, max_items = 3)]
    scopes: Vec<&'static str>,
    /// When it expires, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    expires_at: Option<String>,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it was last used, to the minute, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    last_used_at: Option<String>,
    /// The token's text. It is only in the first answer to its creation.
    #[schema(value_type = Option<scalar::Secret>, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Token {
    /// A token together with its text, where it may be told.
    pub fn told(token: token::Token, secret: Option<&Secret>) -> Self {
        let token::Token { id: _, uid, workspace_uid, name, employee, scopes, expires_at, created_at, last_used_at } =
            token;
        Self {
            id: uid,
            workspace_id: workspace_uid,
            name: name.into_string(),
            employee: employee.map(EmployeeRef::from),
            scopes: scopes.into_iter().map(Scope::as_str).collect(),
            expires_at: expires_at.map(|at| at.into_string()),
            created_at: created_at.into_string(),
            last_used_at: last_used_at.map(|at| at.into_string()),
            token: secret.map(|secret| secret.as_str().to_owned()),
        }
    }
}

impl From<token::Token> for Token {
    fn from(token: token::Token) -> Self {
        Self::told(token, None)
    }
}

// What the decoder of the core's draft reads.
/// A new token.
#[derive(Debug, ToSchema)]
#[schema(as = TokenDraft)]
pub struct TokenDraftBody {
    /// The workspace to which it gives access.
    pub workspace_id: Uuid,
    /// A name that tells its purpose.
    #[schema(value_type = scalar::NameInput)]
    pub name: String,
    /// The id of an employee of that workspace, whom `me` means in requests with the token; absent or null: nobody.
    pub employee_id: Option<Uuid>,
    /// Its scopes.
    #[schema(value_type = Vec<scalar::Scope>, min_items = 1, max_items = 3)]
    pub scopes: Vec<String>,
    /// When it expires; absent or null: never.
    #[schema(value_type = Option<scalar::InstantInput>)]
    pub expires_at: Option<String>,
}

impl FromJson for TokenDraft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(&["id", "employee", "created_at", "last_used_at", "token"]);
        let workspace = fields.required("workspace_id", |value, pointer| {
            let text = fields::string(value, pointer)?;
            Uuid::try_parse(&text).map_err(|_| Fault::at(pointer, "invalid_format", "must be a UUID"))
        });
        let name = fields.required("name", fields.sanitised(Name::parse_within));
        let employee = fields.nullable("employee_id", fields::uuid);
        let missing = !fields.has("scopes");
        let word = fields::word(Scope::parse, "todos:read, todos:write, admin");
        let scopes = fields.set("scopes", 0..=Scope::ALL.len(), word, |mut scopes| {
            scopes.sort_unstable();
            scopes.dedup();
            scopes
        });
        let scopes = match scopes? {
            Some(scopes) if !scopes.is_empty() => Some(scopes),
            _ => {
                let code = if missing { "required" } else { "too_short" };
                let pointer = fields.pointer_to("scopes");
                fields.fault(Fault::at(pointer, code, "must name at least one scope"));
                None
            }
        };
        let expires_at = fields.nullable("expires_at", fields::instant);
        Some(Self {
            workspace_uid: workspace?,
            name: name?,
            employee: employee?.flatten(),
            scopes: scopes?,
            expires_at: expires_at?.flatten(),
        })
    }
}

/// The caller, its scopes and its limits.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The caller's workspace.
    pub workspace: WorkspaceRef,
    /// The caller's token; null where authentication is off.
    pub token: Option<TokenRef>,
    /// The employee whom the token names, whom `me` means; or null.
    pub employee: Option<EmployeeRef>,
    /// The scopes of the token.
    #[schema(value_type = Vec<scalar::Scope>, max_items = 3)]
    pub scopes: Vec<&'static str>,
    /// The limits that apply to the caller.
    pub limits: Limits,
}

/// A reference to a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkspaceRef {
    /// The workspace's id.
    pub id: Uuid,
    /// The workspace's name.
    #[schema(value_type = scalar::Name)]
    pub name: String,
}

/// A reference to a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenRef {
    /// The token's id.
    pub id: Uuid,
    /// The token's name.
    #[schema(value_type = scalar::Name)]
    pub name: String,
    /// When it expires, or null.
    #[schema(value_type = Option<scalar::Instant>)]
    pub expires_at: Option<String>,
}

/// Limits of rates and sizes; 0: no limit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Limits {
    /// Requests in a minute.
    pub requests_per_minute: u32,
    /// Writes in a minute.
    pub writes_per_minute: u32,
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// The most items of a page.
    pub page_items: u8,
    /// The most operations of a batch.
    pub batch_operations: usize,
}
