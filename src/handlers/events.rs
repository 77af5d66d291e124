//! What happened, line by line: to one todo, and in the whole workspace.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use todo_core::domain::event::{EventFilter, TYPES};
use todo_core::domain::id::Id;

use crate::app::App;
use crate::error::Result;
use crate::extract::caller::{Admin, Reader};
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{self, FromQuery, Parameters, Query};

/// The parameters of a list of events.
#[derive(Debug)]
pub struct EventsQuery {
    filter: EventFilter,
    page: PageQuery,
}

impl FromQuery for EventsQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let known = |word: &str| TYPES.iter().find(|known| **known == word).map(|known| (*known).to_owned());
        let mut types = query.words("type", known, &TYPES.join(", "));
        types.sort_unstable();
        let actor = query.one("actor", query::uuid).and_then(Id::uuid);
        let subject = query.one("subject", query::uuid).and_then(Id::uuid);
        Self { filter: EventFilter { types, since: None, actor, subject }, page: PageQuery::from_query(query) }
    }
}

/// A page of what happened in the workspace, the newest first.
pub async fn list_events(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    OriginalUri(uri): OriginalUri,
    Query(EventsQuery { filter, page }): Query<EventsQuery>,
) -> Result {
    let scope = CursorScope::new("events", caller.workspace.0, &format!("{filter:?}"));
    let from = page.position(&app, &scope)?;
    let found = app.service.list_events(&caller, &filter, from.as_ref(), page.limit).await?;
    Ok(page::document(&app, &scope, &uri, &found.items, found.next.as_ref()))
}

/// A page of what happened to a todo, the newest first.
pub async fn todo_history(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("history", caller.workspace.0, &id.0.to_string());
    let from = page.position(&app, &scope)?;
    let found = app.service.todo_history(&caller, id.0, from.as_ref(), page.limit).await?;
    Ok(page::document(&app, &scope, &uri, &found.items, found.next.as_ref()))
}
