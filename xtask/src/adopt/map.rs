//! Where the old application keeps its data: tables and columns by the names that this project gives them.
//!
//! The defaults are a TOML file, so that what `--print-map` prints is what is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use todo_core::domain::todo::{Priority, Status};

/// The defaults, with comments.
pub const DEFAULTS: &str = include_str!("map.toml");

const STATUSES: &str = "statuses";
const PRIORITIES: &str = "priorities";

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Names of tables and columns, and words for statuses and priorities.
pub struct Map {
    sections: Sections,
    /// What the file names otherwise than the defaults: this must be there.
    given: BTreeSet<(String, String)>,
    statuses: BTreeMap<String, Status>,
    priorities: BTreeMap<String, Priority>,
}

impl Map {
    /// The defaults, and over them what the file says.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let text = file.map(std::fs::read_to_string).transpose().context("the file of --map cannot be read")?;
        Self::parse(text.as_deref().unwrap_or_default()).context("the file of --map is not usable")
    }

    fn parse(text: &str) -> Result<Self> {
        let mut sections: Sections = toml::from_str(DEFAULTS).context("the default map is broken")?;
        let mut given = BTreeSet::new();
        for (section, names) in toml::from_str::<Sections>(text)? {
            let Some(known) = sections.get_mut(&section) else { bail!("there is no section [{section}]") };
            for (key, name) in names {
                if section != STATUSES && section != PRIORITIES && !known.contains_key(&key) {
                    bail!("[{section}] has no `{key}`");
                }
                if name.is_empty() && section == "todos" && key == "table" {
                    bail!("[todos] has an empty `table`, and without todos nothing comes");
                }
                if !name.is_empty() && known.get(&key) != Some(&name) {
                    given.insert((section.clone(), key.clone()));
                }
                known.insert(key, name);
            }
        }
        let statuses = words(&sections, STATUSES, Status::parse)?;
        let priorities = words(&sections, PRIORITIES, Priority::parse)?;
        Ok(Self { sections, given, statuses, priorities })
    }

    /// The old name of a table (`table`) or column; `None` if it is not there.
    pub fn name(&self, section: &str, key: &str) -> Option<&str> {
        self.sections.get(section)?.get(key).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Whether the user has given this another name than the default, so that it must be there.
    pub fn is_given(&self, section: &str, key: &str) -> bool {
        self.given.contains(&(section.to_owned(), key.to_owned()))
    }

    /// Whether the user has said what the status `word` stands for.
    pub fn names_status(&self, word: &str) -> bool {
        self.statuses.contains_key(word)
    }

    /// Whether the user has said what the priority `word` stands for.
    pub fn names_priority(&self, word: &str) -> bool {
        self.priorities.contains_key(word)
    }

    /// The status that a word stands for: by the map, or our own word in another spelling (`In Progress`,
    /// `IN-PROGRESS`).
    pub fn status(&self, word: &str) -> Option<Status> {
        self.statuses.get(word).copied().or_else(|| Status::parse(&usual(word)))
    }

    /// The priority that a word stands for, likewise.
    pub fn priority(&self, word: &str) -> Option<Priority> {
        self.priorities.get(word).copied().or_else(|| Priority::parse(&usual(word)))
    }
}

fn words<T>(sections: &Sections, section: &str, parse: impl Fn(&str) -> Option<T>) -> Result<BTreeMap<String, T>> {
    let mut words = BTreeMap::new();
    for (old, new) in sections.get(section).into_iter().flatten() {
        let parsed =
            parse(new).with_context(|| format!("[{section}] turns `{old}` into `{new}`, which does not exist"))?;
        words.insert(old.clone(), parsed);
    }
    Ok(words)
}

fn usual(word: &str) -> String {
    word.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adopt::{people, todos};

    #[test]
    fn a_file_says_only_what_differs() {
        let map = Map::parse("[todos]\ntable = \"items\"\ncompleted = \"\"\n[statuses]\ndone = \"completed\"").unwrap();
        assert_eq!(map.name("todos", "table"), Some("items"));
        assert_eq!(map.name("todos", "title"), Some("title"));
        assert_eq!(map.name("todos", "completed"), None);
        assert!(map.is_given("todos", "table") && !map.is_given("todos", "title"));
        assert_eq!(map.status("done"), Some(Status::Completed));
        assert_eq!(map.status("IN-PROGRESS"), Some(Status::InProgress));
        assert_eq!(map.status("open"), None);
        assert_eq!(map.priority("High"), Some(Priority::High));
    }

    #[test]
    fn the_printed_map_demands_no_more_than_none() {
        let map = Map::parse(DEFAULTS).unwrap();
        assert!(map.given.is_empty(), "{:?}", map.given);
    }

    #[test]
    fn the_printed_map_names_each_column_that_is_read() {
        let map = Map::parse("").unwrap();
        for (section, columns) in [
            ("departments", &people::DEPARTMENT_COLUMNS[..]),
            ("employees", &people::EMPLOYEE_COLUMNS),
            ("tags", &people::TAG_COLUMNS),
            ("todos", &todos::COLUMNS),
            ("todo_tags", &todos::TAG_COLUMNS),
        ] {
            let read: BTreeSet<&str> = columns.iter().map(|column| column.name).chain(["table"]).collect();
            let named: BTreeSet<&str> = map.sections[section].keys().map(String::as_str).collect();
            assert_eq!(read, named, "[{section}]");
        }
    }

    #[test]
    fn what_the_map_does_not_know_is_named() {
        for (text, wrong) in [
            ("[todo]", "[todo]"),
            ("[todos]\nname = \"x\"", "name"),
            ("[todos]\ntable = \"\"", "empty `table`"),
            ("[statuses]\na = \"b\"", "`b`"),
        ] {
            let error = format!("{:#}", Map::parse(text).err().unwrap());
            assert!(error.contains(wrong), "{error}");
        }
    }
}
