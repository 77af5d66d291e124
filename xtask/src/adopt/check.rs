//! Parses values of the old rows with the domain's types, and reports what is refused and what changes.

use sqlx::postgres::PgRow;
use todo_core::domain::instant::Instant;
use todo_core::domain::text::TextError;

use super::report::Report;
use super::source::{Table, text};

/// The highest id that comes, 4,503,599,627,370,496. New ids of all workspaces go on above it, and JavaScript reads
/// integers exactly only up to twice as many.
pub const HIGHEST_ID: i64 = 1 << 52;

/// One old row on its way.
pub struct Checked<'a> {
    /// The table's name in the map.
    pub table: &'static str,
    /// What tells of the table's columns.
    pub known: &'a Table,
    /// The row.
    pub row: &'a PgRow,
    /// Its id as text, for the report.
    pub id: String,
    /// Where findings go.
    pub report: &'a mut Report,
}

impl<'a> Checked<'a> {
    /// Begins with a row.
    pub fn new(table: &'static str, known: &'a Table, row: &'a PgRow, report: &'a mut Report) -> Self {
        let id = text(row, "id").ok().flatten().unwrap_or_else(|| "without an id".to_owned());
        Self { table, known, row, id, report }
    }

    /// The text of a column, or none.
    pub fn text(&mut self, column: &str) -> Result<Option<String>, Refused> {
        text(self.row, column).map_err(|_| self.refuse(column, "is not UTF-8"))
    }

    /// The row's id, which must be higher than the one before.
    pub fn id(&mut self, before: &mut i64) -> Result<i64, Refused> {
        match self.id.parse::<i64>() {
            Ok(id @ 1..=HIGHEST_ID) if id == *before => Err(self.refuse("id", "another row has the same")),
            Ok(id @ 1..=HIGHEST_ID) => {
                *before = id;
                Ok(id)
            }
            _ => Err(self.refuse("id", &format!("must be a number from 1 to {HIGHEST_ID}"))),
        }
    }

    /// An id of another row. One that is not among those that came refers to nothing and is left out.
    pub fn reference(&mut self, column: &str, exists: impl Fn(i64) -> bool) -> Result<Option<i64>, Refused> {
        let Some(text) = self.text(column)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(id) if exists(id) => Ok(Some(id)),
            _ => {
                self.mend(column, &format!("left out, since there is no row {text}"));
                Ok(None)
            }
        }
    }

    /// Text that must be there, sanitised.
    pub fn sanitise<T>(
        &mut self,
        column: &str,
        parse: impl Fn(&str) -> Result<T, TextError>,
        as_str: impl Fn(&T) -> &str,
    ) -> Result<T, Refused> {
        let old = self.text(column)?.unwrap_or_default();
        match parse(&old) {
            Ok(new) => {
                if as_str(&new) != old.trim() {
                    self.mend(column, "sanitised, or normalised");
                }
                Ok(new)
            }
            Err(error) => Err(self.refuse_text(column, &error, &old)),
        }
    }

    /// A point in time, or none.
    pub fn instant(&mut self, column: &str) -> Result<Option<Instant>, Refused> {
        let Some(text) = self.text(column)? else {
            return Ok(None);
        };
        if self.known.is_zoneless(column) {
            return Err(self.refuse(column, &format!("{text} names no time zone; say with --assume-zone which it is")));
        }
        let parsed = Instant::parse(&text);
        parsed.map(Some).map_err(|error| self.refuse(column, &format!("{}, and is {text}", error.detail)))
    }

    /// Reports a refused text, by its length and not by its content.
    pub fn refuse_text(&mut self, column: &str, error: &TextError, old: &str) -> Refused {
        self.refuse(column, &format!("{} (it has {})", error.detail, old.chars().count()))
    }

    /// Reports a refused value.
    pub fn refuse(&mut self, column: &str, why: &str) -> Refused {
        self.report.refuse(self.table, &self.id, column, why);
        Refused
    }

    /// Reports a mended value.
    pub fn mend(&mut self, column: &str, how: &str) {
        self.report.mend(self.table, &self.id, column, how);
    }

    /// The times of creation and of the last change. Where one is missing the other stands in, else the moment of the
    /// adoption.
    pub fn times(&mut self, now: &str) -> Result<(String, String), Refused> {
        let (created, updated) = (self.instant("created_at"), self.instant("updated_at"));
        let (created, updated) = (created?, updated?);
        for (column, value, other) in [("created_at", &created, "updated_at"), ("updated_at", &updated, "created_at")] {
            if value.is_none() && self.known.has(column) {
                self.mend(column, &format!("is empty: {other}, else the moment of the adoption"));
            }
        }
        let (created, updated) = (created.map(Instant::into_string), updated.map(Instant::into_string));
        let created = created.or_else(|| updated.clone()).unwrap_or_else(|| now.to_owned());
        let updated = updated.unwrap_or_else(|| created.clone());
        Ok((created, updated))
    }
}

/// The value is refused, which has been reported.
pub struct Refused;
