//! Todos as a file, of any size.
//!
//! The answer is a stream: one statement fetches a chunk, it is written out, the next one follows. Neither side holds
//! more than a chunk, and a caller has few exports at once.

mod csv;
mod ics;
mod lease;
mod ndjson;
mod pack;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use todo_core::domain::cursor::Position;
use todo_core::domain::filter::{Filter, Sort};
use todo_core::domain::todo::Todo;

use self::lease::Lease;
use self::pack::Packer;
use crate::app::App;
use crate::document::GZIP_FROM;
use crate::error::{Problem, Result};
use crate::extract::caller::Reader;
use crate::extract::negotiation::most_acceptable;
use crate::extract::query::{FromQuery, Parameters, Query};
use crate::identity::Identity;
use crate::middleware::representation::accepts_gzip;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// One JSON object per line.
    Ndjson,
    /// iCalendar (RFC 5545).
    Ics,
}

impl Format {
    /// The first is chosen where nothing else is asked for.
    const ALL: [Self; 3] = [Self::Csv, Self::Ndjson, Self::Ics];

    fn parse(text: &str) -> Option<Self> {
        match text {
            "csv" => Some(Self::Csv),
            "ndjson" => Some(Self::Ndjson),
            "ics" => Some(Self::Ics),
            _ => None,
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::Ics => "text/calendar",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Ics => "text/calendar; charset=utf-8",
        }
    }

    fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"todos.csv\"",
            Self::Ndjson => "attachment; filename=\"todos.ndjson\"",
            Self::Ics => "attachment; filename=\"todos.ics\"",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Csv => csv::HEAD,
            Self::Ndjson => "",
            Self::Ics => ics::HEAD,
        }
    }

    fn tail(self) -> &'static str {
        match self {
            Self::Csv | Self::Ndjson => "",
            Self::Ics => ics::TAIL,
        }
    }

    fn write(self, todo: Todo, out: &mut String) {
        match self {
            Self::Csv => csv::write(todo, out),
            Self::Ndjson => ndjson::write(todo, out),
            Self::Ics => ics::write(todo, out),
        }
    }
}

/// What an export can be had as.
pub const MEDIA_TYPES: [&str; 3] = [Format::Csv.media_type(), Format::Ndjson.media_type(), Format::Ics.media_type()];

/// The parameters of an export.
#[derive(Debug)]
pub struct ExportQuery {
    /// Where it is missing, `Accept` chooses.
    format: Option<Format>,
    filter: Filter,
    sort: Sort,
}

impl FromQuery for ExportQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let format = query.one("format", |text| {
            Format::parse(text).ok_or_else(|| ("invalid_value", "must be one of csv, ndjson, ics".to_owned()))
        });
        Self { format, filter: Filter::from_query(query), sort: Sort::from_query(query) }
    }
}

/// All matching todos as a file.
pub async fn export_todos(
    State(app): State<Arc<App>>,
    Reader(_): Reader,
    Extension(identity): Extension<Identity>,
    Query(query): Query<ExportQuery>,
    request: Request,
) -> Result<Response> {
    let preferred = || most_acceptable(request.headers(), Format::ALL, Format::media_type);
    let format = query.format.or_else(preferred).unwrap_or(Format::Csv);
    // The first chunk is fetched before the answer begins, so that an error still has a status.
    let lease = Lease::take(Arc::clone(&app), &identity).await?;
    let mut export = Export { app, identity, lease, query, format, next: Next::From(None), packer: None };
    let mut first = format.head().to_owned();
    export.append_chunk(&mut first).await?;
    let gzip = first.len() >= GZIP_FROM && accepts_gzip(request.headers());
    export.packer = gzip.then(Packer::new);
    let head = stream::iter((!first.is_empty()).then(|| export.encoded(first)));
    let rest = stream::unfold(export, |mut export| async move {
        if export.next == Next::Nothing {
            return None;
        }
        export.lease.renew().await;
        match export.next_chunk().await {
            Ok(chunk) => Some((export.encoded(chunk), export)),
            // The status is sent already; a broken stream tells the client that the file is not whole.
            Err(problem) => {
                export.next = Next::Nothing;
                Some((Err(std::io::Error::other(problem.detail)), export))
            }
        }
    });
    let mut response = Response::new(Body::from_stream(futures::StreamExt::chain(head, rest)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(format.disposition()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, Accept, Accept-Encoding, Origin"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// An export under way.
struct Export {
    app: Arc<App>,
    identity: Identity,
    lease: Lease,
    query: ExportQuery,
    format: Format,
    next: Next,
    /// `None`: sent as it is.
    packer: Option<Packer>,
}

/// What comes next of an export.
#[derive(Debug, PartialEq)]
enum Next {
    From(Option<Position>),
    Nothing,
}

impl Export {
    /// Fetches and writes one chunk, and the end of the file after the last.
    async fn append_chunk(&mut self, out: &mut String) -> std::result::Result<(), Problem> {
        let Next::From(from) = &self.next else {
            return Ok(());
        };
        let ExportQuery { format: _, filter, sort } = &self.query;
        let write = |todo| self.format.write(todo, out);
        let (service, caller) = (&self.app.service, &self.identity.caller);
        self.next = match service.export_chunk(caller, filter, *sort, from.as_ref(), write).await? {
            Some(position) => Next::From(Some(position)),
            None => {
                out.push_str(self.format.tail());
                Next::Nothing
            }
        };
        Ok(())
    }

    /// The next chunk that has anything: of what is rare one may have nothing, though more follows.
    async fn next_chunk(&mut self) -> std::result::Result<String, Problem> {
        let mut chunk = String::new();
        while chunk.is_empty() && self.next != Next::Nothing {
            self.append_chunk(&mut chunk).await?;
        }
        Ok(chunk)
    }

    /// The chunk that was just fetched, as it is sent.
    fn encoded(&mut self, chunk: String) -> std::io::Result<Bytes> {
        match self.packer.take() {
            None => Ok(chunk.into()),
            Some(packer) if self.next == Next::Nothing => packer.last(&chunk),
            Some(mut packer) => {
                let packed = packer.chunk(&chunk);
                self.packer = Some(packer);
                packed
            }
        }
    }
}
