//! Remembers what the suite has called and what it got, for the check of completeness.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::Value;

use super::Answer;

/// One kind of exchange; repetitions are not counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// The path without its query, with `{id}` where an id stands.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The error code in the answer, if it is an error.
    pub code: Option<String>,
}

static SEEN: Mutex<BTreeSet<Exchange>> = Mutex::new(BTreeSet::new());
static FAULTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers an answer and the request it belongs to.
pub fn note(answer: &Answer) {
    let body =
        if answer.status >= 400 { serde_json::from_slice(&answer.body).unwrap_or_default() } else { Value::Null };
    let code = body["code"].as_str().or_else(|| body["error"]["code"].as_str()).map(str::to_owned);
    let faults = body["errors"].as_array().into_iter().flatten().filter_map(|fault| fault["code"].as_str());
    FAULTS.lock().unwrap().extend(faults.map(str::to_owned));
    // A slash at the end makes no difference.
    let path = answer.path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let path =
        path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment }).collect::<Vec<_>>().join("/");
    SEEN.lock().unwrap().insert(Exchange { method: answer.method.clone(), path, status: answer.status, code });
}

/// Whether a segment of a path is an id of version 1 or of version 2.
fn is_id(segment: &str) -> bool {
    segment.parse::<u64>().is_ok() || uuid::Uuid::try_parse(segment).is_ok()
}

/// Everything seen so far.
pub fn seen() -> BTreeSet<Exchange> {
    SEEN.lock().unwrap().clone()
}

/// The codes of every fault inside a problem so far.
pub fn faults() -> BTreeSet<String> {
    FAULTS.lock().unwrap().clone()
}
