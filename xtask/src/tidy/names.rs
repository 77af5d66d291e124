//! No name for two ideas: a type of the API, of core and of the worker is named once.
//!
//! Wire types are the exception: `types::v1::Todo`, `types::v2::Todo` and `domain::todo::Todo` are one thing in three
//! representations. So all wire types of a name count as one, and as the type of the domain where there is one.

use std::collections::BTreeMap;

/// Where types are named once.
const FOLDERS: [&str; 3] = ["src/", "crates/core/src/", "crates/worker/src/"];
const WIRE: &str = "src/types/";
const DOMAIN: &str = "crates/core/src/domain/";

/// Names of several types, and why.
const ALLOWED: [(&str, &str); 2] = [
    ("Actor", "who makes a change: for core beside the caller, and as events tell it"),
    ("Result", "each crate's own, with its own error"),
];

/// The types that were found so far: by name the files that declare one.
#[derive(Default)]
pub struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    /// Notes the types of a file.
    pub fn note(&mut self, path: &str, text: &str) {
        let is_test = path.rsplit('/').next().is_some_and(|file| file.ends_with("tests.rs"));
        if is_test || !path.ends_with(".rs") || !FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            return;
        }
        for name in declared(text) {
            self.0.entry(name.to_owned()).or_default().push(path.to_owned());
        }
    }

    /// Names of several ideas.
    pub fn faults(&self) -> Vec<String> {
        let twice: Vec<(&str, Vec<&str>)> = self
            .0
            .iter()
            .map(|(name, paths)| (name.as_str(), ideas(paths)))
            .filter(|(_, paths)| paths.len() > 1)
            .collect();
        let allowed = |name: &str| ALLOWED.iter().any(|(allowed, _)| *allowed == name);
        let wrong = twice.iter().filter(|(name, _)| !allowed(name));
        let wrong = wrong.map(|(name, paths)| format!("{name} is the name of a type in each of {}", paths.join(", ")));
        let unused = ALLOWED.iter().filter(|(name, _)| !twice.iter().any(|(twice, _)| twice == name));
        wrong.chain(unused.map(|(name, _)| format!("{name} may name several types, and does not any more"))).collect()
    }
}

/// The declarations that are not representations of one that stands here.
fn ideas(paths: &[String]) -> Vec<&str> {
    let (wire, mut others): (Vec<&str>, Vec<&str>) =
        paths.iter().map(String::as_str).partition(|path| path.starts_with(WIRE));
    if !others.iter().any(|path| path.starts_with(DOMAIN)) {
        others.extend(wire.first());
    }
    others
}

/// The types that a module declares, without those of its tests and of its functions.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter_map(|line| {
        let item = match line.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
            Some(rest) => rest.strip_prefix(' ')?,
            None => line,
        };
        let (keyword, rest) = item.split_once(' ')?;
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        ["struct", "enum", "trait", "type"].contains(&keyword).then(|| rest.get(..end)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let mut names = Names::default();
        // What may be there twice is.
        let allowed = ["pub struct Actor;", "type Result<T> = u8;"].concat();
        let both = allowed.replace(';', ";\n");
        for (path, text) in [("src/app.rs", both.as_str()), ("crates/core/src/lock.rs", &both)].iter().chain(files) {
            names.note(path, text);
        }
        names.faults()
    }

    #[test]
    fn a_name_of_two_ideas_is_found() {
        for (one, other) in [
            ("struct Line<'a> {", "pub enum Line {"),
            ("pub(super) struct Line(u8);", "pub trait Line: Sized {"),
            ("pub(in crate::store) type Line = u8;", "struct Line;"),
        ] {
            let found = faults(&[("src/log.rs", one), ("crates/worker/src/lib.rs", other)]);
            assert_eq!(found, ["Line is the name of a type in each of src/log.rs, crates/worker/src/lib.rs"], "{one}");
        }
        let found =
            faults(&[("crates/core/src/cache/scope.rs", "enum Todos {"), ("src/types/mcp.rs", "struct Todos {")]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn representations_of_one_thing_have_one_name() {
        let todo = "pub struct Todo {";
        let paths = ["src/types/v1/todo.rs", "src/types/v2/todo.rs", "crates/core/src/domain/todo.rs"];
        assert_eq!(faults(&paths.map(|path| (path, todo))), [""; 0]);
        assert_eq!(faults(&[("src/types/v1/todo.rs", todo), ("src/handlers/v1.rs", todo)]).len(), 1);
        assert_eq!(
            faults(&[("crates/core/src/domain/todo.rs", todo), ("crates/core/src/domain/list.rs", todo)]).len(),
            1
        );
    }

    #[test]
    fn tests_functions_and_other_crates_name_their_types_freely() {
        let line = "struct Line;";
        let of_tests = "#[cfg(test)]\nmod tests {\nstruct Line;";
        for (path, text) in [
            ("src/log.rs", "fn add() {\n    struct Line;\n}"),
            ("src/log.rs", of_tests),
            ("src/config_tests.rs", line),
            ("crates/host/src/lib.rs", line),
            ("src/log.rs", "    type Line = u8;"),
        ] {
            assert_eq!(faults(&[("src/router.rs", line), (path, text)]), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_may_be_there_twice_has_to_be() {
        assert_eq!(Names::default().faults().len(), ALLOWED.len());
    }
}
