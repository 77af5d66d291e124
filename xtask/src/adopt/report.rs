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
    pub columns: usize,
    /// Tables that nothing reads, or that are not there.
    pub tables: usize,
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
    pub fn leave_out_columns(&mut self, table: &str, columns: &[String]) {
        self.columns += columns.len();
        if !self.quiet && !columns.is_empty() {
            print(format_args!("left out: {table}: {}: nothing reads these columns", columns.join(", ")));
        }
    }

    /// An old table of which nothing comes.
    pub fn leave_out_table(&mut self, table: &str, why: &str) {
        self.tables += 1;
        if !self.quiet {
            print(format_args!("left out: table {table}: {why}"));
        }
    }

    /// The numbers of all findings.
    pub fn totals(&self) -> String {
        let Self { refused, mended, columns, tables, quiet: _ } = self;
        format!("{mended} values mended, {refused} refused, {columns} columns and {tables} tables left out")
    }

    fn tell(&self, what: &str, table: &str, id: &str, column: &str, text: &str) {
        if !self.quiet {
            print(format_args!("{what}: {table} {id}: {column}: {text}"));
        }
    }
}
