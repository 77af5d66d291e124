//! The order of rooms: in which direction modules of the API and of core may import each other.
//!
//! A crate's top modules are its rooms. A room imports only from rooms before it, so that there is no circle.

/// The rooms of one crate, those that import nothing of it first.
struct House {
    folder: &'static str,
    rooms: &'static [&'static str],
    /// Names that the crate's root gives again, and their rooms.
    root: &'static [(&'static str, &'static str)],
}

const HOUSES: [House; 2] = [
    House {
        folder: "crates/core/src/",
        rooms: &[
            "lock",
            "deadline",
            "caller",
            "queue",
            "concurrency",
            "log",
            "error",
            "domain",
            "cache",
            "store",
            "usecases",
            "lib",
        ],
        root: &[
            ("Actor", "caller"),
            ("Announced", "caller"),
            ("Caller", "caller"),
            ("Meter", "caller"),
            ("WorkspaceId", "caller"),
            ("Error", "error"),
            ("Result", "error"),
        ],
    },
    House {
        folder: "src/",
        rooms: &[
            "instance",
            "config",
            "document",
            "app",
            "route",
            "address",
            "error",
            "identity",
            "extract",
            "types",
            "middleware",
            "handlers",
            "routes",
            "router",
            "lib",
        ],
        root: &[],
    },
];

/// The imports of this file that go against the order.
pub fn faults(path: &str, text: &str) -> Vec<String> {
    let Some(house) = HOUSES.iter().find(|house| path.ends_with(".rs") && path.starts_with(house.folder)) else {
        return Vec::new();
    };
    house.faults(path.strip_prefix(house.folder).unwrap_or(path), text)
}

impl House {
    fn faults(&self, file: &str, text: &str) -> Vec<String> {
        let modules: Vec<&str> = file.trim_end_matches(".rs").split('/').filter(|name| *name != "mod").collect();
        let Some(room) = modules.first().copied() else { return Vec::new() };
        let Some(own) = self.rank(room) else {
            return vec![format!("the room {room} has no place in the order of rooms")];
        };
        let mut later: Vec<&str> = imports(text, modules.len())
            .into_iter()
            .map(|name| self.root.iter().find(|(given, _)| *given == name).map_or(name, |(_, home)| home))
            .filter(|name| self.rank(name).is_some_and(|rank| rank > own))
            .collect();
        later.sort_unstable();
        later.dedup();
        later.iter().map(|name| format!("imports {name}, which comes after {room}")).collect()
    }

    fn rank(&self, room: &str) -> Option<usize> {
        self.rooms.iter().position(|name| *name == room)
    }
}

/// The first names of paths that begin at the root of the crate, in a module `depth` levels below it.
fn imports(text: &str, depth: usize) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut names = Vec::new();
    let mut in_group = false;
    for line in code {
        if in_group {
            names.extend(line.split(',').map(first_name).filter(|name| !name.is_empty()));
            in_group = !line.contains("};");
            continue;
        }
        for (at, _) in line.match_indices("crate::") {
            if line
                .get(..at)
                .is_some_and(|before| before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
            {
                continue;
            }
            let rest = line.get(at + "crate::".len()..).unwrap_or_default();
            match rest.strip_prefix('{') {
                Some(group) => {
                    names.extend(group.split(',').map(first_name).filter(|name| !name.is_empty()));
                    in_group = !group.contains('}');
                }
                None => names.push(first_name(rest)),
            }
        }
        let up = "super::".repeat(depth);
        let climbs = line.match_indices(up.as_str()).filter_map(|(at, _)| line.get(at + up.len()..));
        names.extend(climbs.map(first_name).filter(|name| !name.is_empty() && *name != "super"));
    }
    names
}

fn first_name(path: &str) -> &str {
    let path = path.trim_start_matches([' ', '{', '}', ';']);
    let end = path.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(path.len());
    path.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_against_the_order_is_found_in_every_spelling() {
        let wrong = [
            "use crate::store::pg::Pg;",
            "use crate::{Meter, store};",
            "let pg = crate::store::pg::Pg::new();",
            "use super::super::store::pg::Pg;",
            "use crate::{\n    Meter,\n    store::pg,\n};",
        ];
        for text in wrong {
            let found = faults("crates/core/src/domain/todo.rs", text);
            assert_eq!(found, ["imports store, which comes after domain"], "{text}");
        }
        assert_eq!(
            faults("src/document.rs", "use crate::handlers::todos;"),
            ["imports handlers, which comes after document"]
        );
    }

    #[test]
    fn an_import_along_the_order_is_none() {
        for text in [
            "use crate::domain::id::Id;",
            "// use crate::usecases::Service;",
            "use super::usecases::x;",
            "use todo_crate::usecases;",
        ] {
            assert_eq!(faults("crates/core/src/store/lists.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_new_room_needs_a_place() {
        assert_eq!(faults("src/helpers.rs", ""), ["the room helpers has no place in the order of rooms"]);
    }
}
