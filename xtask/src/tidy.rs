//! `cargo xtask tidy`: the repository's own rules, those that neither the compiler nor clippy knows.
//!
//! Each rule looks at one file and tells what is wrong with it; only that of names looks at all of them. A rule exists
//! because somebody would otherwise have to remember it in every review; keep them few.

mod names;
mod rooms;
mod size;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::Session;
use crate::checkout::Checkout;
use crate::progress::{print, say};

#[derive(clap::Args)]
pub struct Args {}

pub fn main(session: &Session, _args: &Args) -> Result<ExitCode> {
    let faults = check(&session.checkout)?;
    for fault in &faults {
        print(fault);
    }
    if !faults.is_empty() {
        bail!("{} of the repository's rules are broken", faults.len());
    }
    say("the repository keeps its rules");
    Ok(ExitCode::SUCCESS)
}

/// What is wrong, a line each.
fn check(checkout: &Checkout) -> Result<Vec<String>> {
    let mut faults = migrations_in_order(&checkout.migrations());
    let folders = own_folders(checkout.root());
    let mut names = names::Names::default();
    let paths = files(checkout.root())?;
    faults.extend(size::missing(&paths));
    for path in paths {
        // Vendored, or generated: not ours to change.
        if path.starts_with("wit/deps/") || path == "Cargo.lock" {
            continue;
        }
        if path.starts_with("rust-toolchain") {
            faults.push(format!("{path}: rustup would try to download on every command, and fail offline"));
        }
        let Ok(text) = std::fs::read_to_string(checkout.root().join(&path)) else {
            continue;
        };
        let found = [says_why, sql_has_one_home, bindings_are_wrapped_once, core_knows_no_http]
            .into_iter()
            .filter_map(|rule| rule(&path, &text));
        let found = found.chain(machine_paths(&path, &text, &folders)).chain(rooms::faults(&path, &text));
        let found = found.chain(size::faults(&path, &text));
        faults.extend(found.map(|fault| format!("{path}: {fault}")));
        names.note(&path, &text);
    }
    faults.extend(names.faults());
    Ok(faults)
}

/// Every file that git tracks or would track.
fn files(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = command.output().context("git does not run")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

/// Folders of this machine that a file may come to name by accident: where this checkout is, and its user's home.
fn own_folders(root: &Path) -> Vec<String> {
    let folders = [Some(root.to_path_buf()), std::env::home_dir()].into_iter().flatten();
    // Everything is in the root folder.
    folders.filter(|folder| folder.parent().is_some()).map(|folder| folder.display().to_string()).collect()
}

/// A path of somebody's machine works on no other.
fn machine_paths(path: &str, text: &str, folders: &[String]) -> Option<String> {
    // Containers have such folders by right.
    if path.starts_with("deploy/") {
        return None;
    }
    line_with(text, |line| folders.iter().any(|folder| named_in(line, folder)))
        .map(|number| format!("line {number} names a folder of this machine"))
}

/// Whether `folder` is a path in this line, or begins one, rather than being a part of a relative one, of a URL or of a
/// longer name.
fn named_in(line: &str, folder: &str) -> bool {
    let part_of_name = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        let after = line.get(at + folder.len()..).and_then(|rest| rest.chars().next());
        before.is_none_or(|before| !part_of_name(before) && !"/}".contains(before)) && !after.is_some_and(part_of_name)
    })
}

/// Each module says why it exists, first of all. Tests need not: their names say it.
fn says_why(path: &str, text: &str) -> Option<String> {
    if path.contains("tests") {
        return None;
    }
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    (path.ends_with(".rs") && !first?.starts_with("//!"))
        .then(|| "does not begin with a `//!` that says why it exists".into())
}

/// The components' SQL lies in core's store, and nowhere else.
fn sql_has_one_home(path: &str, text: &str) -> Option<String> {
    if !is_component(path) || path.starts_with("crates/core/src/store/") {
        return None;
    }
    let statements = ["\"select ", "\"insert into ", "\"update ", "\"delete from ", "\"with "];
    let number = line_with(text, |line| {
        let line = line.to_lowercase();
        // A statement, not a sentence for people: those end with a full stop or name no table.
        statements.iter().any(|start| line.contains(start)) && (line.contains(" from ") || line.contains(" set "))
            || line.contains("\"insert into ")
    })?;
    Some(format!("line {number} is SQL outside crates/core/src/store"))
}

/// A sharp interface is wrapped once: Postgres's in the store, Redis's in the cache.
fn bindings_are_wrapped_once(path: &str, text: &str) -> Option<String> {
    let wrapped = [("spin_sdk::pg", "crates/core/src/store/"), ("spin_sdk::redis", "crates/core/src/cache/")];
    wrapped.iter().filter(|(_, home)| is_component(path) && !path.starts_with(home)).find_map(|(binding, home)| {
        let number = line_with(text, |line| line.contains(binding) && !line.trim_start().starts_with("//"))?;
        Some(format!("line {number} uses {binding}, which belongs to {home} alone"))
    })
}

/// Core decides; it knows neither statuses nor versions nor a web framework.
fn core_knows_no_http(path: &str, text: &str) -> Option<String> {
    if !path.starts_with("crates/core/src/") {
        return None;
    }
    let number = line_with(text, |line| {
        let code = !line.trim_start().starts_with("//");
        code && ["axum::", "StatusCode", "/api/v1", "/api/v2"].iter().any(|word| line.contains(word))
    })?;
    Some(format!("line {number} speaks HTTP in core"))
}

/// `0001_…`, `0002_…`: without a gap, so that two branches that add one collide in review and not in production.
fn migrations_in_order(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".sql") && name != "schema.sql")
        .collect();
    names.sort_unstable();
    let misplaced = (1..).zip(&names).find(|(number, name)| !name.starts_with(&format!("{number:04}_")));
    misplaced.map(|(number, name)| format!("migrations/{name}: expected {number:04}_….sql here")).into_iter().collect()
}

/// What becomes part of a component.
fn is_component(path: &str) -> bool {
    let folders = ["src/", "crates/core/src/", "crates/worker/src/", "crates/docs/src/"];
    path.ends_with(".rs") && folders.iter().any(|folder| path.starts_with(folder))
}

fn line_with(text: &str, wrong: impl Fn(&str) -> bool) -> Option<usize> {
    text.lines().position(wrong).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_keeps_its_rules() {
        let faults = check(&Checkout::find().unwrap()).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn a_path_of_one_machine_is_told_from_a_url() {
        let folder = std::env::temp_dir().join("ada").display().to_string();
        let found = |text: String| machine_paths("README.md", &text, std::slice::from_ref(&folder)).is_some();
        assert!(found(format!("see {folder}/todo")) && found(format!("see `{folder}`")) && found(folder.clone()));
        assert!(!found(format!("see https://example.com{folder}")));
        assert!(!found(format!("see src{folder}/list.rs")) && !found(format!("see ${{ROOT}}{folder}/list.rs")));
        assert!(!found(format!("see {folder}lovelace")));
        assert!(machine_paths("deploy/Dockerfile", &folder, std::slice::from_ref(&folder)).is_none());
    }

    #[test]
    fn this_checkout_is_a_folder_of_this_machine() {
        let root = Checkout::find().unwrap().root().to_path_buf();
        assert!(machine_paths("README.md", &format!("cd {}", root.display()), &own_folders(&root)).is_some());
        assert!(own_folders(Path::new("/")).iter().all(|folder| folder != "/"));
    }

    #[test]
    fn sql_is_told_from_a_sentence() {
        assert!(sql_has_one_home("src/app.rs", r#"query("select 1 from todos")"#).is_some());
        assert!(sql_has_one_home("src/app.rs", r#"detail("Select one of these.")"#).is_none());
        assert!(sql_has_one_home("crates/core/src/store/todos.rs", r#"query("select 1 from todos")"#).is_none());
    }
}
