//! A successful answer before its representation is chosen.
//!
//! Handlers return a [`Document`]; `middleware/gate.rs` may store it in the cache; `middleware/representation.rs` picks
//! identity or gzip, evaluates `If-None-Match` and writes the body. Keeping the bytes in an extension until then means
//! that a cached answer and a fresh one take the same way out.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bodies from this size on are compressed when the client accepts it.
pub const GZIP_FROM: usize = 1000;

/// A successful answer with a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// 200, 201 or 202.
    pub status: StatusCode,
    /// The opaque tag without quotes: `<version>-<digest>` for an object, `<digest>` for a page.
    pub etag: Option<String>,
    /// The identity form.
    pub body: Bytes,
    /// The gzip form, if it was made already (it is stored with cached answers).
    pub gzip: Option<Bytes>,
    /// Values of `Link` headers.
    pub links: Vec<String>,
    /// `Location` of something created.
    pub location: Option<String>,
    /// The stored outcome of an earlier request with the same idempotency key.
    pub replayed: bool,
}

impl Document {
    /// An object in a version: its tag begins with the version.
    pub fn object(version: i64, body: &impl Serialize) -> Self {
        let mut document = Self::json(body);
        document.etag = Some(format!("{version}-{}", digest(&document.body)));
        document
    }

    /// A page or another answer without a version.
    pub fn page(body: impl Into<Bytes>) -> Self {
        let mut document = Self::untagged(body);
        document.etag = Some(digest(&document.body));
        document
    }

    /// A serialised answer without a tag.
    pub fn json(body: &impl Serialize) -> Self {
        // Serialising our own wire types into memory cannot fail: they have string keys and no custom serialisers.
        Self::untagged(serde_json::to_vec(body).unwrap_or_default())
    }

    /// Neither an object nor a page of ours: the tag, if any, comes from elsewhere.
    pub fn untagged(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            etag: None,
            body: body.into(),
            gzip: None,
            links: Vec::new(),
            location: None,
            replayed: false,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same as 201 with `Location`.
    #[must_use]
    pub fn created_at(mut self, location: String) -> Self {
        self.status = StatusCode::CREATED;
        self.location = Some(location);
        self
    }

    /// The same with a `Location`.
    #[must_use]
    pub fn located(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// The same with a `Link`.
    #[must_use]
    pub fn link(mut self, target: &str, relation: &str) -> Self {
        self.links.push(link(target, relation));
        self
    }

    /// The same, marked as the replay of a stored outcome.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }
}

impl IntoResponse for Document {
    /// An empty response that carries the document; `middleware/representation.rs` writes it out.
    fn into_response(mut self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for link in self.links.drain(..) {
            if let Ok(link) = HeaderValue::try_from(link) {
                headers.append(header::LINK, link);
            }
        }
        if let Some(Ok(location)) = self.location.take().map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The value of a `Link` header (RFC 8288).
pub fn link(target: &str, relation: &str) -> String {
    format!("<{target}>; rel=\"{relation}\"")
}

/// The first 128 bits of SHA-256, in hexadecimal.
fn digest(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
