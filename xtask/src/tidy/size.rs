//! How large a file may be, and how wide a line. (How long a function may be is said in clippy.toml.)
//!
//! What cannot keep the rule stands in a list by name, with its reason; an entry that is not needed any more is a
//! fault, too.

/// Lines of a file.
const LINES: usize = 300;

/// Characters of a line.
const WIDTH: usize = 120;

/// A file that is longer, and why.
struct Exception {
    path: &'static str,
    reason: &'static str,
}

/// Migrations that databases have applied, up to this number. Their checksums are in those databases.
const FROZEN: u32 = 20;

const ONE_SUBJECT: &str = "the tests of one subject, a list: what they share would be torn apart";

const LONG: &[Exception] = &[
    Exception { path: "crates/core/src/domain/sanitising/tests.rs", reason: ONE_SUBJECT },
    Exception { path: "crates/docs/src/problems.rs", reason: "one table: every code of an error with its explanation" },
    Exception { path: "examples/sync/test_sync.py", reason: ONE_SUBJECT },
    Exception { path: "tests/api/cache_fire.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/cache_outages.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/chaos.rs", reason: "one scenario: what is killed, what is at stake and the verdict" },
    Exception { path: "tests/api/filters.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/logs.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/metrics.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/mirror_trees.rs", reason: ONE_SUBJECT },
    Exception {
        path: "tests/api/statements.rs",
        reason: "one table: a request of each operation, with the number of its statements",
    },
    Exception { path: "tests/api/todos_crud.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/tree_races.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/v1.rs", reason: ONE_SUBJECT },
    Exception { path: "tests/api/waiting.rs", reason: ONE_SUBJECT },
];

/// What is wrong with the size of one file.
pub fn faults(path: &str, text: &str) -> Vec<String> {
    if is_generated(path) || is_frozen(path) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let lines = text.lines().count();
    let exception = LONG.iter().find(|exception| exception.path == path);
    match exception {
        None if is_code(path) && lines > LINES => {
            faults.push(format!("{lines} lines; split it at {LINES} or before"));
        }
        Some(Exception { reason, .. }) if lines <= LINES => {
            faults.push(format!("keeps to {LINES} lines and is no exception any more ({reason})"));
        }
        _ => {}
    }
    if is_code(path) || is_settings(path) {
        let wide = text.lines().enumerate().filter(|(_, line)| line.chars().count() > WIDTH && !is_table(line));
        faults.extend(wide.map(|(index, _)| format!("line {} has more than {WIDTH} characters", index + 1)));
    }
    faults
}

/// Exceptions of which the file is gone.
pub fn missing(paths: &[String]) -> impl Iterator<Item = String> {
    let gone = LONG.iter().filter(|exception| !paths.iter().any(|path| path == exception.path));
    gone.map(|exception| format!("{}: is an exception to the length of files, and is not there", exception.path))
}

/// A row of a table in Markdown cannot be broken.
fn is_table(line: &str) -> bool {
    ["//! |", "/// |"].iter().any(|start| line.trim_start().starts_with(start))
}

fn is_generated(path: &str) -> bool {
    path == "migrations/schema.sql"
}

fn is_frozen(path: &str) -> bool {
    let number = path.strip_prefix("migrations/").and_then(|name| name.split('_').next());
    number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number <= FROZEN)
}

fn is_code(path: &str) -> bool {
    [".rs", ".sql", ".lua", ".sh", ".py", ".mjs"].iter().any(|ending| path.ends_with(ending)) || path == ".ci/run"
}

/// These are lists, however long; but people read them, too.
fn is_settings(path: &str) -> bool {
    [".toml", ".yml", ".yaml"].iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_a_fault_unless_it_is_named() {
        let long = "//! x\n".repeat(LINES + 1);
        assert_eq!(faults("src/new.rs", &long).len(), 1);
        assert!(faults("src/new.rs", &"//! x\n".repeat(LINES)).is_empty());
        assert!(faults("README.md", &long).is_empty() && faults("migrations/schema.sql", &long).is_empty());
        let named = LONG.first().unwrap().path;
        assert!(faults(named, &long).is_empty());
        assert_eq!(faults(named, "//! x\n").len(), 1, "an exception that is not needed");
        assert!(missing(&[]).count() == LONG.len());
    }

    #[test]
    fn a_wide_line_is_a_fault_in_characters() {
        let line = |length: usize| format!("# {}", "ü".repeat(length - 2));
        for path in ["src/new.rs", "migrations/0099_new.sql", "spin.toml", ".ci/run"] {
            assert!(faults(path, &line(WIDTH)).is_empty());
            assert_eq!(faults(path, &line(WIDTH + 1)).len(), 1);
        }
        assert!(faults("README.md", &line(WIDTH + 1)).is_empty());
        assert!(faults("src/new.rs", &format!("//! | {} |", "x".repeat(WIDTH))).is_empty());
    }

    #[test]
    fn what_databases_have_applied_is_left_alone() {
        let long = "-- x\n".repeat(LINES + 1);
        assert!(faults("migrations/0020_feed.sql", &long).is_empty());
        assert_eq!(faults("migrations/0021_new.sql", &long).len(), 1);
    }
}
