//! What cannot come as it is, one line on stdout for each value.

use crate::progress::print;

/// Counts and prints findings as they are made.
#[derive(Default)]
pub struct Report {
    /// Values that cannot come; one is enough for nothing to come.
    pub refused: u64,
    /// Values that come changed, by a documented rule.
    pub mended: u64,
    /// Columns that nothing reads.
    pub left_out: usize,
    /// Print nothing: everything has been reported before.
    pub quiet: bool,
}

impl Report {
    /// A value that cannot come.
    pub fn refuse(&mut self, table: &str, id: &str, column: &str, why: &str) {
        self.refused += 1;
        self.tell("refused", table, id, column, why);
    }

    /// A value that comes changed.
    pub fn mend(&mut self, table: &str, id: &str, column: &str, how: &str) {
        self.mended += 1;
        self.tell("mended", table, id, column, how);
    }

    /// Columns of an old table that nothing reads.
    pub fn leave_out(&mut self, table: &str, columns: &[String]) {
        self.left_out += columns.len();
        if !self.quiet && !columns.is_empty() {
            print(format_args!("left out: {table}: {}: nothing reads these columns", columns.join(", ")));
        }
    }

    /// The numbers of all findings.
    pub fn totals(&self) -> String {
        format!("{} values mended, {} refused, {} columns left out", self.mended, self.refused, self.left_out)
    }

    fn tell(&self, what: &str, table: &str, id: &str, column: &str, text: &str) {
        if !self.quiet {
            print(format_args!("{what}: {table} {id}: {column}: {text}"));
        }
    }
}
