//! `If-Match` and `If-None-Match` (RFC 9110, 13.1).

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use todo_core::domain::todo::Precondition;
use todo_core::error::Fault;

use crate::error::Problem;

const GZIP: &str = "-gzip";

/// A list of entity tags, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`
    Any,
    /// Opaque tags without quotes, the mark of the gzip form removed. Weak ones are kept apart: they never match
    /// strongly.
    These(Vec<EntityTag>),
}

/// One entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    /// Without quotes and without the mark of the gzip form.
    pub opaque: String,
    /// Marked `W/`.
    pub weak: bool,
}

impl EntityTags {
    /// The tags of a header; `None` if it is absent. What is not a tag is dropped: it matches nothing.
    pub fn parse(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let mut present = false;
        let mut tags = Vec::new();
        for line in headers.get_all(name) {
            present = true;
            let mut rest = line.to_str().unwrap_or_default().trim();
            if rest == "*" {
                return Some(Self::Any);
            }
            while let Some((tag, after)) = next_tag(rest) {
                tags.push(tag);
                rest = after;
            }
        }
        present.then_some(Self::These(tags))
    }

    /// Weak comparison of the whole tag, as `If-None-Match` demands.
    pub fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.opaque == etag),
        }
    }
}

/// Reads one tag from the front of a list.
fn next_tag(list: &str) -> Option<(EntityTag, &str)> {
    let list = list.trim_start_matches([' ', '\t', ',']);
    let (weak, quoted) = match list.strip_prefix("W/") {
        Some(rest) => (true, rest),
        None => (false, list),
    };
    let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
    let opaque = opaque.strip_suffix(GZIP).unwrap_or(opaque).to_owned();
    Some((EntityTag { opaque, weak }, after))
}

/// What `If-Match` demands of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(pub Precondition);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(precondition(&parts.headers)))
    }
}

/// Compares the version part. A header without any version of ours matches nothing, so it is stale.
fn precondition(headers: &HeaderMap) -> Precondition {
    match EntityTags::parse(headers, header::IF_MATCH) {
        None => Precondition::Any,
        Some(EntityTags::Any) => Precondition::Exists,
        Some(EntityTags::These(tags)) => Precondition::Versions(
            tags.iter().filter(|tag| !tag.weak).filter_map(|tag| tag.opaque.split_once('-')?.0.parse().ok()).collect(),
        ),
    }
}

/// The condition that PUT needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutCondition {
    /// `If-None-Match: *`: create it.
    Create,
    /// `If-Match`: replace it.
    Replace(Precondition),
}

impl<S: Sync> FromRequestParts<S> for PutCondition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let none = EntityTags::parse(&parts.headers, header::IF_NONE_MATCH);
        match (none, precondition(&parts.headers)) {
            (None, Precondition::Any) => Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                "PUT needs If-Match (replace) or If-None-Match: * (create)",
            )),
            (None, precondition) => Ok(Self::Replace(precondition)),
            (Some(EntityTags::Any), Precondition::Any) => Ok(Self::Create),
            (Some(EntityTags::Any), _) => Err(wrong("If-Match and If-None-Match exclude each other")),
            (Some(_), _) => Err(wrong("PUT accepts only * in If-None-Match")),
        }
    }
}

fn wrong(detail: &str) -> Problem {
    Problem::parameters(vec![Fault::parameter("If-None-Match", "invalid_value", detail)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn either_form_of_a_tag_matches() {
        let tags =
            EntityTags::parse(&headers(header::IF_NONE_MATCH, "\"1-aa-gzip\", W/\"2-bb\""), header::IF_NONE_MATCH);
        let tags = tags.unwrap();
        assert!(tags.matches("1-aa") && tags.matches("2-bb") && !tags.matches("3-cc"));
    }

    #[test]
    fn if_match_compares_versions_strongly() {
        let demand = |value| precondition(&headers(header::IF_MATCH, value));
        assert_eq!(demand("*"), Precondition::Exists);
        assert_eq!(demand("\"7-ab\", \"9-cd-gzip\""), Precondition::Versions(vec![7, 9]));
        assert_eq!(demand("W/\"7-ab\""), Precondition::Versions(vec![]));
        assert_eq!(demand("nonsense"), Precondition::Versions(vec![]));
        assert_eq!(precondition(&HeaderMap::new()), Precondition::Any);
    }
}
