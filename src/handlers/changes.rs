//! The feed of changes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use todo_core::domain::cursor::Cursor;
use todo_core::domain::feed::{FeedPosition, Kind};
use todo_core::usecases::feed::FeedQuery;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::caller::Reader;
use crate::extract::page::{CursorScope, invalid_cursor};
use crate::extract::query::{FromQuery, Parameters, Query};
use crate::middleware::access_log::RequestContext;
use crate::types::v2::feed::{Change, Changes};

/// The most items of one answer, and how many there are if the client does not say.
pub const LIMITS: (i64, i64) = (200, 100);
/// The longest wait, in seconds: clouds end a request after thirty.
pub const LONGEST_WAIT: u64 = 25;
/// When a client is to ask again that could not wait here.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// The parameters of the feed.
#[derive(Debug)]
pub struct ChangesQuery {
    cursor: Option<String>,
    limit: i64,
    kinds: Vec<Kind>,
    wait: Duration,
}

impl FromQuery for ChangesQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let (most, usual) = LIMITS;
        let limit = query.whole("limit", 1..=most).unwrap_or(usual);
        let wait = query.whole("wait", 0..=LONGEST_WAIT).unwrap_or(0);
        let mut kinds = query.words("types", Kind::parse, KINDS);
        kinds.sort_unstable();
        if kinds.is_empty() {
            kinds = Kind::ALL.to_vec();
        }
        Self { cursor: query.text("cursor"), limit, kinds, wait: Duration::from_secs(wait) }
    }
}

/// The kinds, for messages.
const KINDS: &str = "department, employee, tag, todo";

/// The state of a workspace, then what changes.
pub async fn list_changes(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Extension(context): Extension<Arc<RequestContext>>,
    Query(ChangesQuery { cursor, limit, kinds, wait }): Query<ChangesQuery>,
) -> Result<Response> {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let scope = CursorScope::new("changes", caller.workspace.0, &words.join(","));
    let secret = app.settings.auth.cursor_secret.as_bytes();
    let from = cursor.map(|cursor| position(secret, &scope, &cursor)).transpose()?;
    let place = if wait.is_zero() { None } else { Waiting::begin(&app, &context, wait) };
    let refused = place.is_none() && !wait.is_zero();
    let wait = if refused { Duration::ZERO } else { wait };
    let page = app.service.changes(&caller, FeedQuery { from, kinds, limit }, wait).await?;
    let idle = page.items.is_empty() && !page.more;
    drop(place);
    let changes = Changes {
        items: page.items.into_iter().map(Change::from).collect(),
        next_cursor: Cursor::encode(secret, scope.as_str(), &page.next.to_position()),
        more: page.more,
    };
    let mut response = Document::json(&changes).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refused && idle {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    Ok(response)
}

fn position(secret: &[u8], scope: &CursorScope, cursor: &str) -> Result<FeedPosition> {
    let position = Cursor::decode(secret, scope.as_str(), cursor);
    let position = position.and_then(|position| FeedPosition::of(&position));
    position.ok_or_else(|| invalid_cursor("the cursor is not one of this feed and these types"))
}

/// A request that waits in this instance.
struct Waiting(Arc<App>, Instant);

impl Waiting {
    /// None if as many wait as may: an instance serves sixteen requests at once, and those that only wait leave room for the others.
    fn begin(app: &Arc<App>, context: &RequestContext, wait: Duration) -> Option<Self> {
        let most = app.settings.http.max_waiting;
        let begun = app.waiting.fetch_update(Relaxed, Relaxed, |waiting| (waiting < most).then_some(waiting + 1));
        app.metrics_buffer.add_wait(begun.is_ok());
        begun.ok()?;
        // To wait is no work, so it has its own time beside the request's.
        context.with(|notes| notes.waits = wait);
        Some(Self(Arc::clone(app), Instant::now()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
        self.0.metrics_buffer.add_waited(self.1.elapsed());
    }
}
