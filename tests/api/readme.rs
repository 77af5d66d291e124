//! What README.md promises can be done as it stands there.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{Options, Server, suite};

suite![
    #[shell]
    the_tour_can_be_pasted
];

/// Curl fails where the service refuses. Bash reads the lines from its input one after the other, as pasted ones.
const BEFORE: &str = "set -euo pipefail\ncurl() { command curl --noproxy '*' --fail-with-body \"$@\"; }\n";

/// What the tour has made, in one line at the end.
const AFTER: &str = "\nprintf '\\n'; curl -s $api/todos/$id | jq -c --arg job $job '{status, tags, job: $job}'\n";

async fn the_tour_can_be_pasted() {
    let server = Server::private(Options::default().with("auth", "off")).await;
    let readme = include_str!("../../README.md");
    let (_, tour) = readme.split_once("\n## A tour\n").expect("README.md has a tour");
    let tour = tour.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```")).expect("it has commands").0;
    let address = "http://127.0.0.1:3000/";
    assert_eq!(tour.matches(address).count(), 1, "the address stands once: {tour}");
    let script = format!("{BEFORE}{}{AFTER}", tour.replace(address, &format!("{}/", server.url)));

    let output = tokio::task::spawn_blocking(move || run(&script)).await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {said}\n{failed}", output.status);

    let last: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("the last line is JSON");
    assert_eq!(last["status"], "completed", "{said}");
    // The tag is written as whoever made it first wrote it.
    assert_eq!(last["tags"].to_string().to_lowercase(), "[\"home\"]", "{said}");
    let job = last["job"].as_str().unwrap_or_default();
    assert!(job.len() == 36 && said.contains(&format!("\"id\":\"{job}\"")), "the job was read: {said}");
    assert_eq!(said.matches("idempotent-replayed: true").count(), 1, "{said}");
    assert!(said.contains("id,title,description,status,"), "the export: {said}");
}

/// Feeds bash the lines.
fn run(script: &str) -> Output {
    let mut command = Command::new("bash");
    command.arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut bash = command.spawn().expect("bash starts");
    bash.stdin.take().unwrap().write_all(script.as_bytes()).expect("bash reads all lines");
    bash.wait_with_output().unwrap()
}
