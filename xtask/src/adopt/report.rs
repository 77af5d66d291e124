//! What cannot come as it is, one line on stdout for each value.

use crate::progress::print;

/// Counts and prints findings as they are made.
#[derive(Default)]
pub struct Report {
    /// Values that cannot come; one is enough for nothing to come.
    pub refused: u64,
    /// Values that come changed, by a documented rule.
    pub mended: u64,
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

    fn tell(&self, what: &str, table: &str, id: &str, column: &str, text: &str) {
        if !self.quiet {
            print(format_args!("{what}: {table} {id}: {column}: {text}"));
        }
    }
}
