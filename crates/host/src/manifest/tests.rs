use std::path::Path;

use super::Manifest;

const GOOD: &str = r#"spin_manifest_version = 2

[application]
name = "todo"
version = "1.0.0"
authors = ["us"]

[variables]
host = { default = "localhost" }
secret = { required = true, secret = true }

[[trigger.http]]
route = "/..."
component = "api"

[[trigger.http]]
route = { private = true }
component = "worker"

[component.api]
source = "target/api.wasm"
allowed_outbound_hosts = ["postgres://{{ host }}:5432", "http://worker.spin.internal"]
environment = { A = "b" }

[component.api.variables]
host = "{{ host }}"

[component.api.build]
command = "cargo build"

[component.worker]
source = "target/worker.wasm"
"#;

fn parse(text: &str) -> anyhow::Result<Manifest> {
    Manifest::parse(text, Path::new("app/spin.toml"))
}

/// The error of the good manifest with one line replaced.
fn error_after(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    match parse(&GOOD.replacen(from, to, 1)) {
        Ok(_) => panic!("accepted: {to}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_manifest_like_ours_is_understood() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(manifest.name, "todo");
    assert_eq!(manifest.components["api"].source, Path::new("app/target/api.wasm"));
    assert_eq!(manifest.components["api"].environment["A"], "b");
    assert_eq!(manifest.components["api"].allowed_outbound_hosts[0].place, "app/spin.toml:22:27");
    assert_eq!(manifest.triggers[0].route.as_deref(), Some("/..."));
    assert_eq!(manifest.triggers[1].route, None);
    assert_eq!(manifest.variables["host"].default.as_deref(), Some("localhost"));
    assert_eq!(manifest.variables["secret"].default, None);
}

#[test]
fn errors_name_the_line() {
    let cases = [
        ("spin_manifest_version = 2", "spin_manifest_version = 1", "spin.toml:1:25: only spin_manifest_version = 2"),
        ("version = \"1.0.0\"", "versoin = \"1.0.0\"", "spin.toml:5:1: unknown field `versoin`"),
        ("default = \"localhost\"", "default = 5", "spin.toml:9:20: invalid type: integer"),
        ("default = \"localhost\"", "", "spin.toml:9:1: variable `host` needs a default"),
        (
            "required = true",
            "required = true, default = \"\"",
            "spin.toml:10:1: variable `secret` is required and has a default",
        ),
        ("secret = { required", "Secret = { required", "spin.toml:10:1: the variable name \"Secret\""),
        ("route = \"/...\"", "route = \"all\"", "spin.toml:13:9: a route must begin with '/'"),
        ("private = true", "private = false", "spin.toml:17:9: a route is a text or { private = true }"),
        ("component = \"worker\"", "component = \"other\"", "spin.toml:18:13: there is no [component.other]"),
        ("\"http://worker.spin.internal\"", "\"worker\"", "spin.toml:22:57: \"worker\" does not contain a scheme"),
        ("{{ host }}:5432", "{{ hots }}:5432", "spin.toml:22:27: variable `hots` is not declared"),
        ("host = \"{{ host }}\"", "host = \"{{ host\"", "spin.toml:26:8: `{{` without `}}`"),
        ("[component.worker]", "[component.Worker]", "spin.toml:31:12: component name \"Worker\" is not kebab-case"),
        ("source = \"target/worker.wasm\"", "source = ", "spin.toml:32:"),
    ];
    for (from, to, expected) in cases {
        let error = error_after(from, to);
        assert!(error.contains(expected), "{to}\n  gave {error}\n  not  {expected}");
    }
}

#[test]
fn what_is_not_supported_is_refused_and_named() {
    let cases = [
        (
            "[component.worker]",
            "[component.worker]\nkey_value_stores = [\"default\"]",
            ":32:20: `key_value_stores` is not supported",
        ),
        ("[component.worker]", "[component.worker]\nfiles = [\"a\"]", ":32:9: `files` is not supported"),
        ("[component.worker]", "[component.worker]\nsqlite_databases = [\"a\"]", "`sqlite_databases` is not supported"),
        ("[component.worker]", "[component.worker]\nai_models = [\"a\"]", "`ai_models` is not supported"),
        (
            "[component.worker]",
            "[component.worker.dependencies]\n\"a:b\" = \"1\"\n[component.worker]",
            "`dependencies` is not supported",
        ),
        (
            "source = \"target/worker.wasm\"",
            "source = { url = \"x\", digest = \"y\" }",
            ":32:10: `source` must be a path",
        ),
        (
            "component = \"worker\"",
            "component = \"worker\"\nexecutor = { type = \"wagi\" }",
            ":19:12: only the executor type \"http\"",
        ),
        (
            "component = \"worker\"",
            "component = \"worker\"\nstatic_response = { status_code = 200 }",
            "`static_response` is not supported",
        ),
        (
            "[component.worker]",
            "[[trigger.redis]]\nchannel = \"a\"\ncomponent = \"api\"\n[component.worker]",
            "`trigger.redis` is not supported",
        ),
        ("route = { private = true }", "route = \"/...\"", "the route \"/...\" is given twice"),
    ];
    for (from, to, expected) in cases {
        let error = error_after(from, to);
        assert!(error.contains(expected), "{to}\n  gave {error}\n  not  {expected}");
    }
}

#[test]
fn our_own_manifest_is_accepted() {
    Manifest::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spin.toml"))).unwrap();
}
