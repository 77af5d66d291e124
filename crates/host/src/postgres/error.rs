//! How failures of the driver look to the guest: as in Spin, with SQLSTATE, detail and what else Postgres said.

use tokio_postgres::error::DbError;

use crate::bindings::pg::{DbError as WitDbError, Error, QueryError};

/// Turns a driver error into the guest's.
pub(crate) fn query_failed(error: tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    let Some(db) = error.as_db_error() else {
        return Error::QueryFailed(QueryError::Text(as_text));
    };
    Error::QueryFailed(QueryError::DbError(WitDbError {
        as_text,
        severity: db.severity().to_owned(),
        code: db.code().code().to_owned(),
        message: db.message().to_owned(),
        detail: db.detail().map(str::to_owned),
        extras: extras(db),
    }))
}

/// A failure that Postgres did not describe, for example a value we cannot convert.
pub(crate) fn query_failed_text(error: &anyhow::Error) -> Error {
    Error::QueryFailed(QueryError::Text(format!("{error:#}")))
}

/// The names are Spin's; `where_` keeps its underscore there too.
fn extras(db: &DbError) -> Vec<(String, String)> {
    [
        ("column", db.column().map(str::to_owned)),
        ("constraint", db.constraint().map(str::to_owned)),
        ("routine", db.routine().map(str::to_owned)),
        ("hint", db.hint().map(str::to_owned)),
        ("table", db.table().map(str::to_owned)),
        ("datatype", db.datatype().map(str::to_owned)),
        ("schema", db.schema().map(str::to_owned)),
        ("file", db.file().map(str::to_owned)),
        ("line", db.line().map(|line| line.to_string())),
        ("where_", db.where_().map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}
