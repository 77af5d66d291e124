//! Pagination: the parameters `limit` and `cursor`, and the body of a page.

use http::{StatusCode, Uri};
use serde::Serialize;
use todo_core::domain::cursor::{Cursor, Position};
use todo_core::domain::filter::Limit;
use todo_core::domain::page::Page;
use todo_core::error::Fault;

use super::query::{FromQuery, Parameters, rewritten};
use crate::app::App;
use crate::document::Document;
use crate::error::Problem;

/// Which page of a list.
#[derive(Debug, Default)]
pub struct PageQuery {
    /// How many items.
    pub limit: Limit,
    /// What the page before gave.
    pub cursor: Option<String>,
}

impl FromQuery for PageQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self { limit: query.limit(), cursor: query.text("cursor") }
    }
}

/// What a cursor belongs to: it is refused with another list, workspace, filter or sort.
#[derive(Debug)]
pub struct CursorScope(String);

impl CursorScope {
    /// The scope of `list` in `workspace`, narrowed by `selection` (a canonical text of filter and sort).
    pub fn new(list: &str, workspace: i64, selection: &str) -> Self {
        Self(format!("{list}\n{workspace}\n{selection}"))
    }

    /// As cursors are bound to it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PageQuery {
    /// Where the page begins; `None` for the first.
    pub fn position(&self, app: &App, scope: &CursorScope) -> Result<Option<Position>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let secret = app.settings.auth.cursor_secret.as_bytes();
        let position = Cursor::decode(secret, &scope.0, cursor);
        position.map(Some).ok_or_else(|| invalid_cursor("the cursor is not one of this list, filter and sort"))
    }
}

/// 400: the cursor belongs to something else.
pub fn invalid_cursor(detail: &'static str) -> Problem {
    let mut problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail);
    problem.faults = vec![Fault::parameter("cursor", "invalid_value", detail)];
    problem
}

/// Writes `{"items":…,"next_cursor":…}` around items that are JSON already, and the `Link` to the next page.
pub fn document(app: &App, scope: &CursorScope, uri: &Uri, items: &str, next: Option<&Position>) -> Document {
    let cursor = next.map(|next| cursor(app, scope, next));
    let page = Document::page(body(items, cursor.as_deref()));
    match cursor {
        Some(cursor) => page.link(&next_url(uri, &cursor), "next"),
        None => page,
    }
}

/// The token of a position.
pub fn cursor(app: &App, scope: &CursorScope, next: &Position) -> String {
    Cursor::encode(app.settings.auth.cursor_secret.as_bytes(), &scope.0, next)
}

/// A page around items that are JSON already. Cursors have no character that JSON would escape.
pub fn body(items: &str, cursor: Option<&str>) -> String {
    match cursor {
        Some(cursor) => format!("{{\"items\":{items},\"next_cursor\":\"{cursor}\"}}"),
        None => format!("{{\"items\":{items},\"next_cursor\":null}}"),
    }
}

/// The request's own path and query with the cursor exchanged. Cursors are URL-safe as they are.
fn next_url(uri: &Uri, cursor: &str) -> String {
    // A query that cannot be decoded was refused.
    let kept = rewritten(uri.query().unwrap_or_default(), |name| name != "cursor").unwrap_or_default();
    let separator = if kept.is_empty() { "" } else { "&" };
    format!("{}?{kept}{separator}cursor={cursor}", uri.path())
}

/// A page of a small collection, each item in its wire type.
pub fn of<T, W: From<T> + Serialize>(app: &App, scope: &CursorScope, uri: &Uri, page: Page<T>) -> Document {
    let items: Vec<W> = page.items.into_iter().map(W::from).collect();
    // As in `Document::json`: writing our own types into memory does not fail.
    let items = serde_json::to_string(&items).unwrap_or_default();
    document(app, scope, uri, &items, page.next.as_ref())
}
