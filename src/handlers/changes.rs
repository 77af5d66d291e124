//! The feed of changes.

mod wait;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use todo_core::Caller;
use todo_core::domain::cursor::Cursor;
use todo_core::domain::feed::{FeedPage, FeedPosition, SubjectKind};
use todo_core::usecases::feed::FeedQuery;

use self::wait::{WaitSlot, WaitingRequest};
use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::caller::Reader;
use crate::extract::page::{CursorScope, invalid_cursor};
use crate::extract::query::{FromQuery, Parameters, Query};
use crate::types::v2::feed::{Change, Changes};

/// The most items of one answer, and how many there are if the client does not say.
pub const LIMITS: (i64, i64) = (200, 100);
/// The longest wait, in seconds: clouds end a request after thirty.
pub const LONGEST_WAIT: u64 = 25;
/// When a client is to ask again that could not wait here.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The parameters of the feed.
#[derive(Debug)]
pub struct ChangesQuery {
    cursor: Option<String>,
    limit: i64,
    kinds: Vec<SubjectKind>,
    wait: Duration,
}

impl FromQuery for ChangesQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let (most, usual) = LIMITS;
        let limit = query.whole("limit", 1..=most).unwrap_or(usual);
        let wait = query.whole("wait", 0..=LONGEST_WAIT).unwrap_or(0);
        let mut kinds = query.words("types", SubjectKind::parse, &SubjectKind::ALL.map(SubjectKind::as_str).join(", "));
        kinds.sort_unstable();
        if kinds.is_empty() {
            kinds = SubjectKind::ALL.to_vec();
        }
        Self { cursor: query.text("cursor"), limit, kinds, wait: Duration::from_secs(wait) }
    }
}

/// The state of a workspace, then what changes.
pub async fn list_changes(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(ChangesQuery { cursor, limit, kinds, wait }): Query<ChangesQuery>,
) -> Result<Response> {
    let feed = Feed::new(&app, &caller, &kinds);
    let from = cursor.map(|cursor| feed.position(&cursor)).transpose()?;
    let query = FeedQuery { from, kinds, limit };
    let place = if wait.is_zero() { None } else { WaitSlot::take(&app, &caller) };
    let (page, watch) = if wait.is_zero() {
        (app.service.changes(&caller, &query).await?, None)
    } else {
        let (page, watch) = app.service.changes_to_wait_for(&caller, &query).await?;
        (page, Some(watch))
    };
    let is_idle = page.items.is_empty() && !page.more;
    let mut response = match (place, watch) {
        (Some(place), Some(watch)) if is_idle => {
            let mut response = Response::new(WaitingRequest { feed, query, page, watch, caller, place, wait }.body());
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            response
        }
        (place, _) => {
            let mut response = Document::json(&feed.changes(&page)).into_response();
            if is_idle && place.is_none() && !wait.is_zero() {
                response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    Ok(response)
}

/// A feed as its cursors know it: of a workspace, and of some kinds.
struct Feed {
    app: Arc<App>,
    scope: CursorScope,
}

impl Feed {
    fn new(app: &Arc<App>, caller: &Caller, kinds: &[SubjectKind]) -> Self {
        let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let scope = CursorScope::new("changes", caller.workspace.0, &words.join(","));
        Self { app: Arc::clone(app), scope }
    }

    fn secret(&self) -> &[u8] {
        self.app.settings.auth.cursor_secret.as_bytes()
    }

    fn position(&self, cursor: &str) -> Result<FeedPosition> {
        let position = Cursor::decode(self.secret(), self.scope.as_str(), cursor);
        let position = position.and_then(|position| FeedPosition::of(&position));
        position.ok_or_else(|| invalid_cursor("the cursor is not one of this feed and these types"))
    }

    fn changes(&self, page: &FeedPage) -> Changes {
        Changes {
            items: page.items.iter().cloned().map(Change::from).collect(),
            next_cursor: Cursor::encode(self.secret(), self.scope.as_str(), &page.next.to_position()),
            more: page.more,
        }
    }
}
