//! Remembers what the suite has called and what it got, for the check of completeness.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::Answer;

/// One kind of exchange; repetitions are not counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The error code in the answer, if it is an error.
    pub code: Option<String>,
}

static SEEN: Mutex<BTreeSet<Exchange>> = Mutex::new(BTreeSet::new());

/// Remembers an answer and the request it belongs to.
pub fn note(answer: &Answer) {
    let body: Option<serde_json::Value> =
        if answer.status >= 400 { serde_json::from_slice(&answer.body).ok() } else { None };
    let code = body.and_then(|body| {
        let code = body["code"].as_str().or_else(|| body["error"]["code"].as_str());
        code.map(str::to_owned)
    });
    let path = answer.path.split('?').next().unwrap_or_default().to_owned();
    SEEN.lock().unwrap().insert(Exchange { method: answer.method.clone(), path, status: answer.status, code });
}

/// Everything seen so far.
pub fn seen() -> BTreeSet<Exchange> {
    SEEN.lock().unwrap().clone()
}
