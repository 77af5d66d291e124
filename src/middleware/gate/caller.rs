//! Whoever asks, handed to what comes after the gate.

use std::sync::Arc;

use axum::extract::Request;
use todo_core::domain::access::Principal;
use todo_core::domain::id::Id;
use todo_core::{Actor, Announced, Caller, WorkspaceId};

use crate::identity::Identity;
use crate::middleware::access_log::RequestContext;
use crate::middleware::deprecation;
use crate::middleware::request_id::RequestId;
use crate::route::Matched;

/// What is asked of a caller who is known.
#[derive(Default)]
pub(super) struct Identified {
    /// Whether the caller has the scope of the route.
    pub(super) may_use: bool,
    /// The todo of version 1 whose successor is to be named, and who may know it.
    pub(super) old: Option<(Id, Caller)>,
    /// Whoever announced a write, which may come to nothing.
    pub(super) writer: Option<Caller>,
}

/// Hands the handler who asks. `write` is the id under which a write was announced.
pub(super) fn identify(
    context: &RequestContext,
    request: &mut Request,
    principal: Arc<Principal>,
    write: Option<&str>,
) -> Identified {
    context.with(|notes| notes.workspace = Some(principal.workspace_uid));
    let mut caller = Caller::new(WorkspaceId(principal.workspace_id), Arc::clone(&context.meter));
    caller.actor = principal.token_uid.map(Actor::Token);
    caller.request = request.extensions().get().map(RequestId::shared);
    caller.person = principal.employee_uid;
    let mut writer = None;
    if let Some(write) = write {
        caller.announced = Arc::new(Announced::new(write.to_owned()));
        writer = Some(caller.clone());
    }
    let identity = Identity { principal, caller };
    let route = Matched::of(request.extensions()).route(request.method());
    let may_use = route.is_some_and(|route| route.access.scope().is_none_or(|scope| identity.has(scope)));
    let todo = deprecation::todo_of(request).filter(|_| identity.may_know());
    let old = todo.map(|todo| (todo, identity.caller.clone()));
    request.extensions_mut().insert(identity);
    Identified { may_use, old, writer }
}
