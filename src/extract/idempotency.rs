//! `Idempotency-Key`: makes it safe to repeat a POST whose answer was lost.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::Value;
use todo_core::domain::id::Id;
use todo_core::domain::idempotency::IdempotencyKey;
use todo_core::error::Fault;

use super::fields;
use super::query::decoded_segment;
use crate::error::Problem;
use crate::route::Matched;

const HEADER: &str = "idempotency-key";
/// The longest key, in characters.
pub const LONGEST: usize = 255;

/// The key of a request, if it carries one.
#[derive(Debug, Clone)]
pub struct Key {
    route: String,
    key: Option<String>,
}

impl Key {
    /// The key of the body in place of the header's, if there is one.
    #[must_use]
    pub fn or_rather(self, key: Option<String>) -> Self {
        Self { key: key.or(self.key), ..self }
    }

    /// The key together with the digest of the body it came with.
    pub fn with_body(self, digest: [u8; 32]) -> Option<IdempotencyKey> {
        let Self { route, key } = self;
        key.map(|key| IdempotencyKey { route, key, body_digest: digest })
    }
}

/// A segment of a path, decoded, and a UUID as we write it.
fn usual_segment(segment: &str) -> String {
    let segment = decoded_segment(segment).unwrap_or_else(|| segment.to_owned());
    Id::parse_uuid(&segment).and_then(Id::uuid).map_or(segment, |uuid| uuid.to_string())
}

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let route = Matched::of(&parts.extensions).pattern().unwrap_or(parts.uri.path());
        // The path stands in, in one spelling: the same key may be used on two todos' `restore`.
        let segments = parts.uri.path().split('/').map(usual_segment);
        let route = format!("{} {} {}", parts.method, route, segments.collect::<Vec<_>>().join("/"));
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(Self { route, key: None });
        };
        let text = value.to_str().unwrap_or_default().trim();
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        if !is_key(bare) || values.next().is_some() {
            let detail = format!("must be one value of {FORM}");
            return Err(Problem::parameters(vec![Fault::parameter("Idempotency-Key", "invalid_format", detail)]));
        }
        Ok(Self { route, key: Some(bare.to_owned()) })
    }
}

/// A key in a body, for callers that cannot set a header for each request.
pub fn key(value: Value, pointer: &str) -> Result<String, Fault> {
    let key = fields::string(value, pointer)?;
    if is_key(&key) { Ok(key) } else { Err(Fault::at(pointer, "invalid_format", format!("must be {FORM}"))) }
}

const FORM: &str = "1 to 255 visible ASCII characters";

fn is_key(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
}
