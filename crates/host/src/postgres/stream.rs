//! Rows on their way to a guest that reads them one at a time.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Row;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult};

use super::error::{query_failed, query_failed_text};
use super::types;
use crate::bindings::pg::{Column, DbValue, Error, RowSet};

/// The most that one answer may occupy in the host, in bytes, as in Spin.
const MAX_BUFFERED: usize = 128 << 20;

/// Rows that may wait for the guest.
const WAITING_ROWS: usize = 4;

type WitRow = Vec<DbValue>;

/// A query under way: columns (none if there is no row), rows, and how it ended.
pub(super) struct Streamed {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Rows,
    pub(super) end: oneshot::Receiver<Result<(), Error>>,
}

/// Reads rows in a task of its own until they end, fail, or nobody wants them any more.
pub(super) async fn start<S>(rows: S) -> Streamed
where
    S: Stream<Item = Result<Row, tokio_postgres::Error>> + Send + 'static,
{
    let (columns_to, columns) = oneshot::channel();
    let (rows_to, rows_from) = mpsc::channel(WAITING_ROWS);
    let (end_to, end) = oneshot::channel();
    tokio::spawn(async move {
        let end = tokio::select! {
            biased;
            () = rows_to.closed() => Ok(()),
            end = forward(rows, columns_to, &rows_to) => end,
        };
        // Nobody listens when the guest dropped the future or died.
        let _ = end_to.send(end);
    });
    Streamed { columns: columns.await.unwrap_or_default(), rows: Rows(rows_from), end }
}

async fn forward<S>(
    rows: S,
    columns_to: oneshot::Sender<Vec<Column>>,
    rows_to: &mpsc::Sender<WitRow>,
) -> Result<(), Error>
where
    S: Stream<Item = Result<Row, tokio_postgres::Error>>,
{
    let mut rows = std::pin::pin!(rows);
    let mut columns_to = Some(columns_to);
    while let Some(row) = rows.next().await {
        let row = row.map_err(query_failed)?;
        if let Some(columns_to) = columns_to.take() {
            let _ = columns_to.send(types::columns(&row));
        }
        let values = types::values(&row).map_err(|error| query_failed_text(&error))?;
        ensure_fits(memory(&values))?;
        if rows_to.send(values).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Reads all rows at once, for the functions that are not async.
pub(super) async fn collect<S>(rows: S) -> Result<RowSet, Error>
where
    S: Stream<Item = Result<Row, tokio_postgres::Error>>,
{
    let mut rows = std::pin::pin!(rows);
    let mut set = RowSet { columns: Vec::new(), rows: Vec::new() };
    let mut bytes = 0;
    while let Some(row) = rows.next().await {
        let row = row.map_err(query_failed)?;
        if set.rows.is_empty() {
            set.columns = types::columns(&row);
        }
        let values = types::values(&row).map_err(|error| query_failed_text(&error))?;
        bytes += memory(&values);
        ensure_fits(bytes)?;
        set.rows.push(values);
    }
    Ok(set)
}

fn ensure_fits(bytes: usize) -> Result<(), Error> {
    if bytes <= MAX_BUFFERED {
        return Ok(());
    }
    let error = anyhow::anyhow!("query result exceeds limit of {MAX_BUFFERED} bytes");
    Err(query_failed_text(&error))
}

fn memory(row: &[DbValue]) -> usize {
    let heap = |value: &DbValue| match value {
        DbValue::Str(text) | DbValue::Uuid(text) | DbValue::Decimal(text) => text.len(),
        DbValue::Binary(bytes) | DbValue::Jsonb(bytes) | DbValue::Unsupported(bytes) => bytes.len(),
        DbValue::ArrayInt32(items) => size_of_val(items.as_slice()),
        DbValue::ArrayInt64(items) => size_of_val(items.as_slice()),
        DbValue::ArrayStr(items) | DbValue::ArrayDecimal(items) => {
            let texts: usize = items.iter().flatten().map(String::len).sum();
            size_of_val(items.as_slice()) + texts
        }
        _ => 0,
    };
    size_of_val(row) + row.iter().map(heap).sum::<usize>()
}

/// The producing end of the guest's `stream<row>`.
pub(super) struct Rows(mpsc::Receiver<WitRow>);

impl<D> StreamProducer<D> for Rows {
    type Item = WitRow;
    type Buffer = Option<WitRow>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A read of no items asks whether there would be some; a row must not be taken for it.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(row)) => {
                destination.set_buffer(Some(row));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
