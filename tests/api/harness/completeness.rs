//! The last step of a complete run: has the suite been everywhere that the documents lead to?

use std::collections::{BTreeMap, BTreeSet};

use super::contract::Document;
use super::record::Exchange;
use super::{Server, record, server};

/// Codes that only a broken, overloaded or specially configured server gives, or one whose database the test can reach.
const EMBEDDED_ONLY: [&str; 5] = ["idempotency_in_progress", "internal", "rate_limited", "timeout", "unavailable"];

/// Codes that a server answers before it knows a route, or outside the versions, so that no document lists them for an
/// operation.
const NO_OPERATION: [&str; 3] = ["origin_not_allowed", "route_not_found", "method_not_allowed"];

/// Every operation of the documents was called and has succeeded; nothing was called that they leave out; no status and
/// no error code came that they leave out for its operation; every error code they name was seen somewhere.
pub async fn check() -> Result<(), String> {
    let server = Server::shared().await;
    let documents = Document::both(&server).await;
    let seen = record::seen();
    let mut complaints = Vec::new();
    let statuses = statuses(&documents, &seen, &mut complaints);
    compare_statuses(&documents, statuses, &mut complaints);
    let met: BTreeSet<String> = seen.iter().filter_map(|exchange| exchange.code.clone()).collect();
    let promised: BTreeSet<String> = documents.iter().flat_map(Document::error_codes).collect();
    for code in promised.difference(&met) {
        if !(server::is_remote() && EMBEDDED_ONLY.contains(&code.as_str())) {
            complaints.push(format!("the documented code {code} was never seen"));
        }
    }
    for code in met.difference(&promised) {
        if !is_of_none(code) {
            complaints.push(format!("the code {code} was seen and is not documented"));
        }
    }
    let (met, promised) = (record::faults(), documents.iter().flat_map(Document::fault_codes).collect::<BTreeSet<_>>());
    for code in promised.symmetric_difference(&met) {
        let story = if met.contains(code) { "was seen and is not documented" } else { "was never seen" };
        complaints.push(format!("the fault code {code} {story}"));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// The statuses that came, by operation. Complains of calls and of error codes that no document has.
fn statuses(
    documents: &[Document],
    seen: &BTreeSet<Exchange>,
    complaints: &mut Vec<String>,
) -> BTreeMap<String, BTreeSet<u16>> {
    let mut statuses: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for exchange in seen {
        let found = documents.iter().find_map(|document| {
            document.operation(&exchange.method, &exchange.path).map(|operation| (document, operation))
        });
        match found {
            Some((document, operation)) => {
                statuses.entry(operation.name()).or_default().insert(exchange.status);
                let codes = operation.codes(document);
                let code = exchange.code.as_ref().filter(|code| !codes.contains(*code) && !is_of_none(code));
                complaints
                    .extend(code.map(|code| format!("{} answered {code}, which is not documented", operation.name())));
            }
            None if exchange.path.starts_with("/api/") && exchange.status < 400 && !on_the_side(&exchange.method) => {
                complaints.push(format!("{} {} works and is not documented", exchange.method, exchange.path));
            }
            None => {}
        }
    }
    statuses
}

/// Every operation has succeeded, and gave no status that its document leaves out.
fn compare_statuses(
    documents: &[Document],
    mut statuses: BTreeMap<String, BTreeSet<u16>>,
    complaints: &mut Vec<String>,
) {
    for operation in documents.iter().flat_map(|document| &document.operations) {
        let name = operation.name();
        let seen = statuses.remove(&name).unwrap_or_default();
        if !seen.iter().any(|status| (200..300).contains(status)) {
            complaints.push(format!("{name} never succeeded in this run (it answered {seen:?})"));
        }
        let known = operation.statuses();
        for status in seen {
            let class = format!("{}XX", status / 100);
            if !known.contains(&status.to_string()) && !known.contains(&class) && !known.contains("default") {
                complaints.push(format!("{name} answered {status}, which is not documented"));
            }
        }
    }
}

/// Methods that every route answers and no document lists.
fn on_the_side(method: &str) -> bool {
    method == "HEAD" || method == "OPTIONS"
}

fn is_of_none(code: &str) -> bool {
    NO_OPERATION.contains(&code)
}
