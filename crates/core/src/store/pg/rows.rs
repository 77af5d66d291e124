//! Rows as they come out of the sandbox. Values are taken in the order of the columns.

use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use spin_sdk::pg::DbValue;

use crate::error::{Error, Result};

/// The rows of one statement.
#[derive(Debug)]
pub struct Rows {
    rows: Vec<Vec<DbValue>>,
    /// When the statement was sent: after its wait for a connection, before its snapshot.
    pub sent: Instant,
}

impl Rows {
    pub(super) fn new(rows: Vec<Vec<DbValue>>, sent: Instant) -> Self {
        Self { rows, sent }
    }

    /// The only row.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none.
    pub fn one(self) -> Result<Row> {
        self.optional().ok_or_else(|| Error::Internal("a statement gave no row".to_owned()))
    }

    /// The first row, if there is one.
    pub fn optional(self) -> Option<Row> {
        self.rows.into_iter().next().map(Row::new)
    }
}

/// One row, read from left to right.
#[derive(Debug)]
pub struct Row {
    values: std::vec::IntoIter<DbValue>,
}

impl Row {
    fn new(values: Vec<DbValue>) -> Self {
        Self { values: values.into_iter() }
    }

    fn next(&mut self) -> Result<DbValue> {
        self.values.next().ok_or_else(|| Error::Internal("a row has too few columns".to_owned()))
    }

    /// `text`, or null.
    pub fn optional_text(&mut self) -> Result<Option<String>> {
        match self.next()? {
            DbValue::Str(text) => Ok(Some(text)),
            DbValue::DbNull => Ok(None),
            other => Err(unexpected("text", &other)),
        }
    }

    /// `text`.
    pub fn text(&mut self) -> Result<String> {
        self.optional_text()?.ok_or_else(|| unexpected("text", &DbValue::DbNull))
    }

    /// `bigint`, or null.
    pub fn optional_int(&mut self) -> Result<Option<i64>> {
        match self.next()? {
            DbValue::Int64(int) => Ok(Some(int)),
            DbValue::DbNull => Ok(None),
            other => Err(unexpected("bigint", &other)),
        }
    }

    /// `bigint`.
    pub fn int(&mut self) -> Result<i64> {
        self.optional_int()?.ok_or_else(|| unexpected("bigint", &DbValue::DbNull))
    }

    /// `boolean`.
    pub fn bool(&mut self) -> Result<bool> {
        match self.next()? {
            DbValue::Boolean(bool) => Ok(bool),
            other => Err(unexpected("boolean", &other)),
        }
    }

    /// JSON that Postgres rendered as `text`.
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        from_json(&self.text()?)
    }
}

/// Reads JSON that Postgres rendered.
pub fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Internal(format!("Postgres gave JSON of another shape: {error}")))
}

/// Names the type, not the value: that may be somebody's secret.
fn unexpected(wanted: &str, found: &DbValue) -> Error {
    let found = format!("{found:?}");
    let kind = found.split(['(', ' ']).next().unwrap_or_default();
    Error::Internal(format!("expected {wanted} of Postgres, found {kind}"))
}
