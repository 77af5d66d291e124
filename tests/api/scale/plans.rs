//! The plans that Postgres really ran, statements inside of functions included: auto_explain writes them into the
//! server's log, which `cargo xtask test` names.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

/// The tables that are too large to be read from end to end.
const LARGE: [&str; 3] = ["events", "todos", "todo_tags"];

/// The server's log, read from where the last look ended.
pub struct Log {
    path: PathBuf,
    offset: u64,
}

/// One statement that was executed.
pub struct Plan {
    /// The statement.
    pub query: String,
    /// How long its execution took, in milliseconds.
    pub duration: f64,
    root: Value,
}

impl Log {
    /// The log at this place, from its present end on.
    pub fn open(path: PathBuf) -> Self {
        let offset = std::fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).len();
        Self { path, offset }
    }

    /// What was executed since the last look. Postgres writes a plan before the statement's client hears of its end.
    pub fn news(&mut self) -> Vec<Plan> {
        let mut file = File::open(&self.path).expect("the log is still there");
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        // Whatever runs beside the test may be writing its entry just now: that is read next time.
        let whole = bytes.windows(3).rposition(|end| end == b"\t}\n").map_or(0, |at| at + 3);
        bytes.truncate(whole);
        self.offset += bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().peekable();
        let mut plans = Vec::new();
        while let Some(line) = lines.next() {
            let Some((_, rest)) = line.split_once("LOG:  duration: ") else { continue };
            let duration = rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a duration");
            let mut json = String::new();
            // All lines of an entry but its first begin with a tab.
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                json.push_str(more);
            }
            let entry: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {json}"));
            let query = entry["Query Text"].as_str().unwrap_or_default().to_owned();
            plans.push(Plan { query, duration, root: entry["Plan"].clone() });
        }
        plans
    }
}

impl Plan {
    /// What this plan does that no plan may: reads a large table otherwise than through an index by workspace.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        walk(&self.root, &mut |node| {
            // A way to a page that was not taken is planned, too, and reads nothing.
            let was_run = node["Actual Loops"].as_f64() != Some(0.0);
            if let Some(table) = large_table(node).filter(|_| was_run && !is_bound(node)) {
                let kind = node["Node Type"].as_str().unwrap_or_default();
                faults.push(format!("{kind} on {table} in: {}", self.query));
            }
        });
        faults
    }

    /// How many rows of the large tables, and how many entries of indexes that became a bitmap, it looked at.
    pub fn rows(&self) -> f64 {
        let mut rows = 0.0;
        walk(&self.root, &mut |node| rows += rows_of(node));
        rows
    }

    /// How many todos the part of it looked at that looked at the most, or entries of their indexes that became a
    /// bitmap.
    pub fn longest_scan(&self) -> f64 {
        let mut longest: f64 = 0.0;
        walk(&self.root, &mut |node| {
            let is_of_todos = node["Index Name"].as_str().is_some_and(|index| index.starts_with("todos"));
            if is_of_todos || node["Relation Name"] == "todos" {
                longest = longest.max(rows_of(node));
            }
        });
        longest
    }

    /// How many parts of it read this table.
    pub fn scans_of(&self, table: &str) -> usize {
        let mut scans = 0;
        walk(&self.root, &mut |node| scans += usize::from(node["Relation Name"] == table));
        scans
    }

    /// Whether it sorted rows by a column.
    pub fn sorts_by(&self, column: &str) -> bool {
        let mut sorts = false;
        walk(&self.root, &mut |node| {
            let was_run = node["Actual Loops"].as_f64() != Some(0.0);
            let keys = node["Sort Key"].as_array().into_iter().flatten();
            sorts |= was_run && keys.filter_map(Value::as_str).any(|key| key.contains(column));
        });
        sorts
    }

    /// How many blocks of tables and indexes it touched, in memory or not.
    pub fn blocks(&self) -> u64 {
        ["Shared Hit Blocks", "Shared Read Blocks"]
            .iter()
            .map(|name| self.root[name].as_u64().expect("log_buffers"))
            .sum()
    }

    /// The indexes of the large tables that it read.
    pub fn indexes(&self) -> Vec<&str> {
        let mut indexes = Vec::new();
        walk(&self.root, &mut |node| indexes.extend(node["Index Name"].as_str()));
        indexes.retain(|index| is_of_large_table(index));
        indexes
    }
}

/// The rows of a large table, or the entries of its index that became a bitmap, that a node looked at.
fn rows_of(node: &Value) -> f64 {
    if large_table(node).is_none() && !is_large_bitmap(node) {
        return 0.0;
    }
    let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
    let each = number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    each * number("Actual Loops")
}

/// The large table that a node reads rows of. A `Bitmap Index Scan` names none: the scan above it does.
fn large_table(node: &Value) -> Option<&'static str> {
    let scans = node["Node Type"].as_str().is_some_and(|kind| kind.ends_with("Scan"));
    LARGE.into_iter().find(|table| scans && node["Relation Name"] == *table)
}

/// Whether it puts entries of a large table's index into a bitmap.
fn is_large_bitmap(node: &Value) -> bool {
    node["Node Type"] == "Bitmap Index Scan" && node["Index Name"].as_str().is_some_and(is_of_large_table)
}

fn is_of_large_table(index: &str) -> bool {
    LARGE.iter().any(|table| index.starts_with(table))
}

/// Whether a scan reads rows of one workspace alone, by the condition of its index or, of a bitmap, of all that it is
/// made of.
fn is_bound(node: &Value) -> bool {
    let names_workspace = |node: &Value| node["Index Cond"].as_str().is_some_and(|text| text.contains("workspace_id"));
    let kind = node["Node Type"].as_str().unwrap_or_default();
    match kind {
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => names_workspace(node),
        "Bitmap Heap Scan" | "BitmapAnd" | "BitmapOr" => {
            let parts = node["Plans"].as_array().into_iter().flatten();
            let bitmaps =
                parts.filter(|part| part["Node Type"].as_str().is_some_and(|kind| kind.starts_with("Bitmap")));
            let bound: Vec<bool> = bitmaps.map(is_bound).collect();
            !bound.is_empty() && bound.iter().all(|bound| *bound)
        }
        _ => false,
    }
}

fn walk<'a>(node: &'a Value, visit: &mut dyn FnMut(&'a Value)) {
    visit(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, visit);
    }
}
