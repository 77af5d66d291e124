use std::path::{Path, PathBuf};

use super::{Sources, Values};
use crate::manifest::Manifest;

const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "t"
[variables]
a = { default = "default" }
b = { required = true }
[[trigger.http]]
route = "/..."
component = "c"
[component.c]
source = "c.wasm"
[component.c.variables]
both = "{{ a }}/{{ b }}"
"#;

/// A folder of its own for a test's files.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("todo-host-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn environment(name: &str) -> Option<String> {
    match name {
        "SPIN_VARIABLE_A" => Some("environment".to_owned()),
        "OTHER_A" => Some("prefixed".to_owned()),
        _ => None,
    }
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn both(sources: &Sources) -> anyhow::Result<String> {
    let manifest = Manifest::parse(MANIFEST, Path::new("spin.toml"))?;
    let values = Values::resolve(&manifest, sources)?;
    let variables = values.component(&manifest.components["c"].variables)?;
    Ok(variables.0["both"].clone())
}

fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_first_source_that_has_a_value_wins() {
    let folder = folder("order");
    let b = given(&[("b", "x")]);
    let load = |given: &[(String, String)], config: Option<&Path>, environment| {
        Sources::load(given, config, environment, &folder).unwrap()
    };
    assert_eq!(both(&load(&b, None, nothing)).unwrap(), "default/x");
    std::fs::write(folder.join(".env"), "SPIN_VARIABLE_A=dotenv\n").unwrap();
    assert_eq!(both(&load(&b, None, nothing)).unwrap(), "dotenv/x");
    assert_eq!(both(&load(&b, None, environment)).unwrap(), "environment/x");
    let config = folder.join("runtime-config.toml");
    std::fs::write(&config, "[[variables_provider]]\ntype = \"env\"\nprefix = \"OTHER\"\n").unwrap();
    assert_eq!(both(&load(&b, Some(&config), environment)).unwrap(), "prefixed/x");
    std::fs::write(&config, "[[variables_provider]]\ntype = \"static\"\nvalues = { a = \"static\" }\n").unwrap();
    assert_eq!(both(&load(&b, Some(&config), environment)).unwrap(), "static/x");
    let a = given(&[("a", "given"), ("b", "x")]);
    assert_eq!(both(&load(&a, Some(&config), environment)).unwrap(), "given/x");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let folder = folder("missing");
    let none = Sources::load(&[], None, nothing, &folder).unwrap();
    assert_eq!(both(&none).unwrap_err().to_string(), "required variables have no value: b");
    let unknown = Sources::load(&given(&[("b", "x"), ("typo", "x")]), None, nothing, &folder).unwrap();
    assert!(both(&unknown).unwrap_err().to_string().contains("`typo`"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_runtime_config_with_more_than_we_support_is_refused() {
    let folder = folder("config");
    let config = folder.join("runtime-config.toml");
    for text in [
        "[key_value_store.default]\ntype = \"spin\"\n",
        "[[variables_provider]]\ntype = \"vault\"\nurl = \"x\"\n",
        "[[variables_provider]]\ntype = \"static\"\nvalue = {}\n",
    ] {
        std::fs::write(&config, text).unwrap();
        let error = Sources::load(&[], Some(&config), nothing, &folder).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("runtime-config.toml")), "{text}");
    }
    assert!(Sources::load(&[], Some(&folder.join("absent.toml")), nothing, &folder).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_runtime_config_may_cap_the_connections_to_postgres() {
    let folder = folder("cap");
    let config = folder.join("runtime-config.toml");
    for (text, cap) in [("[outbound_pg]\nmax_connections = 12\n", Some(12)), ("[outbound_pg]\n", None), ("", None)] {
        std::fs::write(&config, text).unwrap();
        let sources = Sources::load(&[], Some(&config), nothing, &folder).unwrap();
        assert_eq!(sources.postgres_connections(), cap, "{text}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn arguments_may_come_from_files() {
    let folder = folder("arguments");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let parse = |argument: &str| super::parse_argument(argument).unwrap();
    assert_eq!(parse("a=b=c"), given(&[("a", "b=c")]));
    assert_eq!(parse(&format!("a=@{}", write("value", "secret"))), given(&[("a", "secret")]));
    assert_eq!(parse(&format!("@{}", write("all.json", r#"{"a":"1"}"#))), given(&[("a", "1")]));
    assert_eq!(parse(&format!("@{}", write("all.toml", "b = \"2\""))), given(&[("b", "2")]));
    assert!(super::parse_argument("a").is_err());
    assert!(super::parse_argument("@all.yaml").is_err());
    std::fs::remove_dir_all(folder).unwrap();
}
