//! What lies beside the code agrees with the code: the configuration per environment, the dashboard and the alerts, and
//! the lists on the documentation pages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use todo_api::config::{DATABASE_SCHEMES, REDIS_SCHEMES, SETTINGS};
use todo_api::handlers::mcp::tool::Tool;
use todo_api::types::mcp::{MOST_READ, MOST_WRITTEN};
use todo_core::domain::access::Scope;
use todo_docs::problems::{FAULTS, PROBLEMS};

/// The metrics of the contract, with what Prometheus appends to a histogram's name taken off.
const METRICS: [&str; 18] = [
    "todo_cache_bypasses_total",
    "todo_cache_requests_total",
    "todo_database_refusals_total",
    "todo_database_waits_total",
    "todo_feed_unsettled_seconds",
    "todo_feed_wait_seconds_total",
    "todo_feed_waits_total",
    "todo_http_request_duration_seconds",
    "todo_http_requests_total",
    "todo_job_oldest_queued_seconds",
    "todo_jobs",
    "todo_mcp_calls_total",
    "todo_overload_refusals_total",
    "todo_purge_age_seconds",
    "todo_purged_rows_total",
    "todo_rate_limited_total",
    "todo_redis_state",
    "todo_sql_statements_total",
];

fn read(path: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn configuration_files_set_known_settings_and_no_secrets() {
    for environment in ["development", "staging", "production"] {
        let path = format!("deploy/config/{environment}.toml");
        let file: toml::Table = read(&path).parse().unwrap();
        let providers = file["variables_provider"].as_array().unwrap();
        assert_eq!(providers.len(), 1, "{path}");
        let values = providers[0]["values"].as_table().unwrap();
        assert_eq!(values["environment"].as_str(), Some(environment), "{path}");
        for (name, value) in values {
            assert!(value.is_str(), "{path}: {name} must be a string, as all Spin variables are");
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            let setting = setting.unwrap_or_else(|| panic!("{path}: there is no setting {name}"));
            assert!(!setting.text.starts_with("Secret."), "{path}: {name} is a secret");
        }
    }
}

#[test]
fn dashboard_and_alerts_use_the_metrics_of_the_contract() {
    let known = BTreeSet::from(METRICS.map(str::to_owned));
    let dashboard = read("deploy/observability/dashboard.json");
    serde_json::from_str::<Value>(&dashboard).unwrap();
    assert_eq!(metrics_in(&dashboard), known);
    let unknown: Vec<_> =
        metrics_in(&read("deploy/observability/rules.yml")).into_iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "rules.yml uses {unknown:?}");
}

#[test]
fn every_alert_has_its_paragraph_in_the_operations_manual_and_its_test() {
    let rules = read("deploy/observability/rules.yml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let manual = read("docs/operations.md");
    let told: Vec<&str> = manual.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(told, alerts);
    let tests = read("deploy/observability/rules_test.yml");
    let cases = tests.split("alertname: ").skip(1).filter(|case| case.contains("exp_labels"));
    let raised: Vec<&str> = cases.map(|case| case.lines().next().unwrap_or_default()).collect();
    let silent: Vec<&&str> = alerts.iter().filter(|alert| !raised.contains(alert)).collect();
    assert!(silent.is_empty(), "rules_test.yml has no case in which {silent:?} are raised");
}

#[test]
fn manifests_set_known_variables() {
    for path in ["compose.yaml", "deploy/kubernetes/deployment.yaml"] {
        let text = read(path);
        let variables: Vec<&str> = text.split("SPIN_VARIABLE_").skip(1).collect();
        assert!(variables.len() >= 3, "{path}");
        for variable in variables {
            let name: String = variable.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            let name = name.to_lowercase();
            assert!(SETTINGS.iter().any(|setting| setting.name == name), "{path}: there is no setting {name}");
        }
    }
}

/// Every word that begins as our metrics do.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || "_:".contains(character)));
    words
        .filter(|word| word.starts_with("todo_"))
        .map(|word| {
            ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
        })
        .collect()
}

/// Codes that are answered before an operation is known, or outside the versions, so that no OpenAPI document has them.
const OF_NO_OPERATION: [(u16, &str); 3] =
    [(403, "origin_not_allowed"), (404, "route_not_found"), (405, "method_not_allowed")];

#[test]
fn the_page_of_errors_lists_the_codes_of_the_openapi_documents() {
    let listed: BTreeSet<(u16, String)> =
        PROBLEMS.iter().map(|problem| (problem.status, problem.code.to_owned())).collect();
    assert_eq!(listed.len(), PROBLEMS.len(), "a code is listed twice");
    let mut answered: BTreeSet<_> =
        OF_NO_OPERATION.iter().map(|(status, code)| (*status, (*code).to_owned())).collect();
    for version in ["v1", "v2"] {
        let document: Value = serde_json::from_str(&read(&format!("openapi/{version}.json"))).unwrap();
        collect_codes(&document, &mut answered);
    }
    assert_eq!(listed, answered);
}

#[test]
fn the_page_of_errors_lists_the_codes_of_faults() {
    let listed: BTreeSet<_> = FAULTS.iter().map(|fault| fault.code).collect();
    assert_eq!(listed.len(), FAULTS.len(), "a fault is listed twice");
    let document: Value = serde_json::from_str(&read("openapi/v2.json")).unwrap();
    let codes = document["components"]["schemas"]["Fault"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(listed, codes.iter().filter_map(Value::as_str).collect());
}

/// Status and code of every example of a problem, wherever it stands.
fn collect_codes(value: &Value, into: &mut BTreeSet<(u16, String)>) {
    if let (Some(status), Some(code)) = (value["status"].as_u64(), value["code"].as_str()) {
        into.insert((u16::try_from(status).unwrap(), code.to_owned()));
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_codes(item, into)),
        Value::Object(members) => members.values().for_each(|member| collect_codes(member, into)),
        _ => {}
    }
}

#[test]
fn the_page_of_assistants_lists_the_tools_with_their_scopes_and_bounds() {
    let page = read("crates/docs/pages/assistants.html");
    let rows = page.lines().filter_map(|line| line.strip_prefix("<tr><th scope=\"row\"><code>"));
    let rows: Vec<(&str, &str, String)> = rows
        .map(|row| {
            let (name, rest) = row.split_once("</code></th><td><code>").unwrap();
            let (scope, text) = rest.split_once("</code></td><td>").unwrap();
            (name, scope, text.to_lowercase())
        })
        .collect();
    let listed: Vec<(&str, &str)> = rows.iter().map(|(name, scope, _)| (*name, *scope)).collect();
    assert_eq!(listed, Tool::ALL.map(|tool| (tool.name(), tool.scope().as_str())));
    for (tool, (name, _, text)) in Tool::ALL.into_iter().zip(&rows) {
        let most = match tool {
            Tool::GetTodos => MOST_READ,
            tool if tool.scope() == Scope::TodosWrite => MOST_WRITTEN,
            _ => continue,
        };
        assert!(text.contains(&format!("up to {most} ")), "{name} does not say that it takes up to {most} todos");
    }
}

#[test]
fn the_table_of_risks_names_tests_that_exist() {
    let text = read("SECURITY.md");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| **API")).collect();
    assert_eq!(rows.len(), 10, "the list has ten risks");
    for (number, row) in (1..).zip(rows) {
        assert!(row.starts_with(&format!("| **API{number}** ")), "{row}");
        let tests = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2);
        let mut named = 0;
        for (file, test) in tests.map(|name| name.rsplit_once("::").unwrap()) {
            let file = if file.contains('/') { file.to_owned() } else { format!("tests/api/{file}.rs") };
            assert!(read(&file).contains(&format!("fn {test}(")), "API{number}: there is no {test} in {file}");
            named += 1;
        }
        assert!(named >= 4, "API{number} names {named} tests");
    }
}

#[test]
fn components_reach_only_what_they_need() {
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    let stores = [
        "postgres://{{ database_host }}:{{ database_port }}",
        "redis://{{ redis_host }}:{{ redis_port }}",
        "rediss://{{ redis_host }}:{{ redis_port }}",
    ];
    let allowed = |component: &str| -> Vec<String> {
        let hosts = manifest["component"][component]["allowed_outbound_hosts"].as_array().unwrap();
        hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(manifest["component"].as_table().unwrap().len(), 3);
    assert_eq!(allowed("api"), [stores.as_slice(), &["http://worker.spin.internal"]].concat());
    assert_eq!(allowed("worker"), stores);
    assert_eq!(allowed("docs"), [""; 0]);
    // Whoever may be told a secret is told it by name.
    for component in ["api", "worker", "docs"] {
        let variables = manifest["component"][component]["variables"].as_table().unwrap();
        let secrets = SETTINGS.iter().filter(|setting| setting.text.starts_with("Secret."));
        let told: Vec<&str> =
            secrets.map(|setting| setting.name).filter(|name| variables.contains_key(*name)).collect();
        let expected: &[&str] = match component {
            "api" => &["database_url", "redis_url", "cursor_secret"],
            "worker" => &["database_url", "redis_url"],
            _ => &[],
        };
        assert_eq!(told, expected, "{component}");
    }
}

#[test]
fn every_scheme_that_the_settings_accept_is_reachable() {
    // Spin compares the address of Redis with its scheme, and every address of Postgres as postgres://.
    let reached = |setting: &str, scheme: &str| match (setting, scheme) {
        ("database_url", _) => "postgres://{{ database_host }}:{{ database_port }}".to_owned(),
        _ => format!("{scheme}://{{{{ redis_host }}}}:{{{{ redis_port }}}}"),
    };
    let manifest: toml::Table = read("spin.toml").parse().unwrap();
    for component in ["api", "worker"] {
        let hosts = manifest["component"][component]["allowed_outbound_hosts"].as_array().unwrap();
        for (setting, schemes) in [("database_url", DATABASE_SCHEMES), ("redis_url", REDIS_SCHEMES)] {
            for scheme in schemes {
                let host = reached(setting, scheme);
                assert!(hosts.iter().any(|allowed| allowed.as_str() == Some(&host)), "{component}: {setting}: {host}");
            }
        }
    }
}

#[test]
fn a_metric_of_another_name_would_be_noticed() {
    assert_eq!(
        metrics_in("rate(todo_http_requests_totals[5m])"),
        BTreeSet::from(["todo_http_requests_totals".to_owned()])
    );
    let histogram = metrics_in("sum by (le) (rate(todo_http_request_duration_seconds_bucket[5m]))");
    assert_eq!(histogram, BTreeSet::from(["todo_http_request_duration_seconds".to_owned()]));
}
