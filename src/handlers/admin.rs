//! Workspaces and tokens, for the scope `admin`.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::StatusCode;
use todo_core::domain::token::TokenDraft;
use uuid::Uuid;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::Admin;
use crate::extract::idempotency::Key;
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{FromQuery, NoParameters, Parameters, Query};
use crate::types::v2::admin::{Token, Workspace, WorkspaceDraft};

/// The cursors of administrators belong to no workspace.
const EVERYWHERE: i64 = 0;

/// A page of workspaces.
pub async fn list_workspaces(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("workspaces", EVERYWHERE, "");
    let from = page.position(&app, &scope)?;
    let found = app.service.list_workspaces(&caller, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, Workspace>(&app, &scope, &uri, found))
}

/// A new workspace.
pub async fn create_workspace(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: WorkspaceDraft { name }, digest }: Json<WorkspaceDraft>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.create_workspace(&caller, &name, key.as_ref()).await?;
    let document = Document::json(&Workspace::from(written.value)).status(StatusCode::CREATED);
    Ok(document.replayed(written.replayed))
}

/// The parameters of the list of tokens.
#[derive(Debug)]
pub struct TokensQuery {
    workspace: Option<Uuid>,
    page: PageQuery,
}

impl FromQuery for TokensQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let workspace = query.one("workspace", |text| {
            Uuid::try_parse(text).map_err(|_| ("invalid_format", "must be a UUID".to_owned()))
        });
        Self { workspace, page: PageQuery::from_query(query) }
    }
}

/// A page of tokens, without their texts.
pub async fn list_tokens(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    OriginalUri(uri): OriginalUri,
    Query(TokensQuery { workspace, page }): Query<TokensQuery>,
) -> Result {
    let selection = workspace.map(|workspace| workspace.to_string()).unwrap_or_default();
    let scope = CursorScope::new("tokens", EVERYWHERE, &selection);
    let from = page.position(&app, &scope)?;
    let found = app.service.list_tokens(&caller, workspace, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, Token>(&app, &scope, &uri, found))
}

/// A new token; its text is in this answer and nowhere else.
pub async fn create_token(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: draft, digest }: Json<TokenDraft>,
) -> Result {
    let key = key.with_body(digest);
    let (written, secret) = app.service.create_token(&caller, &draft, key.as_ref()).await?;
    let document = Document::json(&Token::told(written.value, secret.as_ref())).status(StatusCode::CREATED);
    Ok(document.replayed(written.replayed))
}

/// Revokes a token.
pub async fn revoke_token(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result<StatusCode> {
    app.service.revoke_token(&caller, id.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
