//! What a component may import, as `wit/worlds.wit` says.
//!
//! Only the few forms that file uses are read (`world`, `include`, `import`, `export`); that it is valid WIT is checked
//! by the compiler, which makes bindings of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};

const WORLDS: &str = include_str!("../../../wit/worlds.wit");

/// The world of components that have none of their own.
const DEFAULT: &str = "component";

/// Refuses a component that imports anything outside its world, naming the import.
pub(crate) fn check<'a>(component: &str, imports: impl IntoIterator<Item = &'a str>) -> anyhow::Result<()> {
    let worlds = read(WORLDS);
    let world = if worlds.contains_key(component) { component } else { DEFAULT };
    let allowed = worlds.get(world).context("wit/worlds.wit has no world `component`")?;
    for import in imports {
        if !allowed.iter().any(|allowed| satisfies(allowed, import)) {
            bail!(
                "component `{component}` imports `{import}`, which its world `{world}` in wit/worlds.wit does not allow"
            );
        }
    }
    Ok(())
}

/// The imports of each world, included ones too.
fn read(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut worlds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut current = "";
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("world ").and_then(|rest| rest.strip_suffix(" {")) {
            current = name;
            worlds.insert(current, BTreeSet::new());
        } else if let Some(import) = line.strip_prefix("import ").and_then(|rest| rest.strip_suffix(';')) {
            worlds.entry(current).or_default().insert(import);
        } else if let Some(other) = line.strip_prefix("include ").and_then(|rest| rest.strip_suffix(';')) {
            let included = worlds.get(other).cloned().unwrap_or_default();
            worlds.entry(current).or_default().extend(included);
        }
    }
    worlds
}

/// Whether an interface that is offered serves one that is imported: the same name and a compatible version.
fn satisfies(offered: &str, imported: &str) -> bool {
    match (offered.split_once('@'), imported.split_once('@')) {
        (Some((offered, has)), Some((imported, wants))) => offered == imported && compatible(has) == compatible(wants),
        _ => offered == imported,
    }
}

/// What must agree between two versions: the first number that is not zero, and all before it.
fn compatible(version: &str) -> &str {
    if version.contains('-') {
        return version;
    }
    let leading = version.bytes().take_while(|byte| matches!(byte, b'0' | b'.')).count();
    let end = version.get(leading..).and_then(|rest| rest.find('.'));
    end.and_then(|end| version.get(..leading + end)).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_agree_as_in_semver() {
        assert!(satisfies("wasi:io/streams@0.2.6", "wasi:io/streams@0.2.4"));
        assert!(satisfies("spin:postgres/postgres@4.2.0", "spin:postgres/postgres@4.0.0"));
        assert!(!satisfies("wasi:http/types@0.3.0", "wasi:http/types@0.2.6"));
        assert!(!satisfies("wasi:http/types@0.3.0", "wasi:http/types@0.3.0-rc-2026-03-15"));
        assert!(!satisfies("wasi:io/streams@0.2.6", "wasi:io/poll@0.2.6"));
    }

    #[test]
    fn each_component_may_import_its_world_and_no_more() {
        assert!(check("docs", ["wasi:http/types@0.3.0", "wasi:io/streams@0.2.6"]).is_ok());
        let refused = check("docs", ["spin:postgres/postgres@4.2.0"]).unwrap_err().to_string();
        assert!(refused.contains("spin:postgres/postgres@4.2.0"), "{refused}");
        assert!(check("api", ["spin:postgres/postgres@4.2.0", "wasi:http/client@0.3.0"]).is_ok());
        assert!(check("worker", ["wasi:http/client@0.3.0"]).is_err());
        for component in ["api", "worker", "docs", "some-fixture"] {
            assert!(check(component, ["wasi:sockets/tcp@0.2.6"]).is_err(), "{component}");
        }
    }
}
