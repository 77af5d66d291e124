//! The caller's workspace, token, scopes and limits.

use std::sync::Arc;

use axum::extract::{Extension, State};
use todo_core::Error;
use todo_core::domain::access::Scope;
use todo_core::domain::filter::Limit;
use todo_core::domain::id::Id;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body;
use crate::extract::query::{NoParameters, Query};
use crate::identity::Identity;
use crate::identity::unauthenticated;
use crate::types::v2::admin::{Limits, Me, TokenRef, WorkspaceRef};
use crate::types::v2::batch;
use crate::types::v2::people::EmployeeRef;

/// The caller's workspace, person, scopes and limits. Needs a token but no scope.
pub async fn get_me(
    State(app): State<Arc<App>>,
    identity: Option<Extension<Identity>>,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    let Some(Extension(Identity { principal, caller })) = identity else {
        return Err(unauthenticated("a bearer token is required", false));
    };
    // What is remembered of a token has no names that may change.
    let employee = match caller.person {
        None => None,
        Some(person) => match app.service.get_employee(&caller, Id::Uuid(person)).await {
            Ok(employee) => Some(EmployeeRef { id: employee.uid, name: employee.name.into_string() }),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let rates = &app.settings.rates;
    let authenticated = principal.token_uid.is_some();
    let (requests_per_minute, writes_per_minute) =
        if authenticated { (rates.authenticated, rates.authenticated_writes) } else { (rates.default, rates.writes) };
    let token = principal.token_uid.map(|id| TokenRef {
        id,
        name: principal.token_name.clone().unwrap_or_default(),
        expires_at: principal.expires_at.as_ref().map(|at| at.as_str().to_owned()),
    });
    Ok(Document::json(&Me {
        workspace: WorkspaceRef { id: principal.workspace_uid, name: principal.workspace_name.clone() },
        token,
        employee,
        scopes: principal.scopes.iter().copied().map(Scope::as_str).collect(),
        limits: Limits {
            requests_per_minute,
            writes_per_minute,
            body_bytes: body::LARGEST,
            page_items: Limit::MAX,
            batch_operations: batch::MOST,
        },
    }))
}
