//! Request bodies: JSON, at most 1 MiB, decoded field by field so that every fault is reported at once.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use sha2::{Digest, Sha256};
use todo_core::error::Fault;

use super::fields::Fields;
use super::person::CallerPerson;
use super::unique;
use crate::error::Problem;

/// The largest body that is read: 1 MiB.
pub const LARGEST: usize = 1024 * 1024;

/// A type that is read from a JSON object.
pub trait FromJson: Sized {
    /// Takes what it needs out of `fields`, which collects the faults. `None` only if there was a fault.
    fn from_json(fields: &mut Fields) -> Option<Self>;
}

/// A decoded body and the digest of its bytes (for idempotency).
#[derive(Debug)]
pub struct Json<T> {
    /// The decoded value.
    pub value: T,
    /// SHA-256 of the bytes as sent, and of whom `me` means where they say so.
    pub digest: [u8; 32],
}

impl<S: Sync, T: FromJson> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let me = CallerPerson::of_request(request.extensions());
        let merge_patch = request.method() == Method::PATCH;
        check_media_type(request.headers(), merge_patch)?;
        let bytes = read(request.into_body()).await?;
        let (json, doubled) = parse(&bytes)?;
        let digest = me.digest(&json, Sha256::new_with_prefix(&bytes));
        Ok(Self { value: decode(json, doubled, me)?, digest })
    }
}

/// Decodes an object that has these faults already; `me`: whom it may call so.
pub fn decode<T: FromJson>(json: Value, known: Vec<Fault>, me: CallerPerson) -> Result<T, Problem> {
    let mut fields = Fields::root(json, me).map_err(|fault| Problem::body(vec![fault]))?;
    let value = T::from_json(&mut fields);
    let mut faults = fields.finish();
    faults.extend(known);
    value.filter(|_| faults.is_empty()).ok_or_else(|| Problem::body(faults))
}

/// The digest of a body that is not looked at (a POST without one).
#[derive(Debug)]
pub struct BodyDigest(pub [u8; 32]);

impl<S: Sync> FromRequest<S> for BodyDigest {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(Sha256::digest(&read(request.into_body()).await?).into()))
    }
}

/// Reads a body up to [`LARGEST`].
pub async fn read(body: Body) -> Result<Bytes, Problem> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the body is larger than {LARGEST} bytes"),
        )),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the body ended before it was complete")),
    }
}

fn parse(bytes: &[u8]) -> Result<(Value, Vec<Fault>), Problem> {
    unique::from_slice(bytes).map_err(|error| {
        let what = if error.is_eof() { "ends too early" } else { "is not JSON" };
        let detail = format!("the body {what}, at line {} column {}", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, "invalid_json", detail)
    })
}

/// `application/json`, for PATCH also `application/merge-patch+json`; parameters other than a UTF-8 charset are
/// refused.
pub fn check_media_type(headers: &HeaderMap, merge_patch: bool) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let known = essence == "application/json" || (merge_patch && essence == "application/merge-patch+json");
    let utf8 = parts.filter(|part| !part.is_empty()).all(|part| {
        part.split_once('=').is_none_or(|(name, value)| {
            let value = value.trim_matches('"');
            !name.eq_ignore_ascii_case("charset")
                || ["utf-8", "utf8"].iter().any(|utf8| value.eq_ignore_ascii_case(utf8))
        })
    });
    let encoded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if known && utf8 && !encoded {
        return Ok(());
    }
    let accepted = if merge_patch { "application/merge-patch+json or application/json" } else { "application/json" };
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("the body must be {accepted}, in UTF-8, without content coding"),
    )
    .with(header::ACCEPT, accepted.replace(" or ", ", ")))
}
