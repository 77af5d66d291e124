//! The one place that touches the Postgres bindings.
//!
//! A connection belongs to one statement: it is taken from the host's pool before the statement and given back after
//! it, also when the request is dropped in between (`pg/checkout.rs`); a statement that has waited for `wait_deadline`
//! is refused. A statement that nobody waits for any more keeps its connection until it ends: the host would hand the
//! connection out again, and whoever got it would wait for the former statement. A connection that an instance kept for
//! its next statement would be missing elsewhere under load: there are more instances than connections. The price is
//! the reset at each checkout, one round trip.
//!
//! Everything has a deadline. After a connection that breaks, a read is repeated, a write is reported as unknown.

mod address;
mod checkout;
pub mod down;
mod failure;
mod rows;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use serde_json::Value;
use spin_sdk::pg::{Connection, DbValue, ParameterValue};

use crate::caller::Meter;
use crate::concurrency::Concurrency;
use crate::deadline::within;
use crate::error::Error;

use checkout::{Checkouts, Urgency};
use failure::{Attempt, classify};

pub use address::address;
pub use failure::{PgFailure, Refusal};
pub use rows::{Row, Rows, from_json};

/// How Postgres is reached.
#[derive(Debug, Clone)]
pub struct PgSettings {
    /// `database_url`: a URL, or words like `host=… dbname=…`.
    pub url: String,
    /// The certificate of an authority, in PEM, that is trusted besides those that the host knows.
    pub authority: Option<String>,
    /// How long a statement may wait for a connection before it is refused; a request's first one that much less as it
    /// has waited before ([`Meter::patience`]).
    pub wait_deadline: Duration,
    /// How long a statement may take. Postgres ends it by the `statement_timeout` of the database, which must not be
    /// longer; the caller gives up half a second later, if even that fails.
    pub statement_deadline: Duration,
    /// What [`Error::Unavailable`] recommends.
    pub retry_after: Duration,
}

/// A value that goes with a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `text`. Instants and UUIDs are passed so too and cast in the statement (ARCHITECTURE.md, *The platform*).
    Text(String),
    /// `text[]`.
    Texts(Vec<String>),
    /// `bigint`.
    Int(i64),
    /// `bigint[]`.
    Ints(Vec<i64>),
    /// `bytea`.
    Bytes(Vec<u8>),
    /// `boolean`.
    Bool(bool),
    /// Null of any type.
    Null,
}

impl Param {
    /// A text, or null.
    pub fn text(value: Option<impl Into<String>>) -> Self {
        value.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// JSON, as text.
    pub fn json(value: &Value) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<Param> for ParameterValue {
    fn from(param: Param) -> Self {
        match param {
            Param::Text(text) => Self::Str(text),
            Param::Texts(texts) => Self::ArrayStr(texts.into_iter().map(Some).collect()),
            Param::Int(int) => Self::Int64(int),
            Param::Ints(ints) => Self::ArrayInt64(ints.into_iter().map(Some).collect()),
            Param::Bytes(bytes) => Self::Binary(bytes),
            Param::Bool(bool) => Self::Boolean(bool),
            Param::Null => Self::DbNull,
        }
    }
}

/// A statement and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// With `$1`, `$2` ….
    pub sql: Cow<'static, str>,
    /// One for each number.
    pub params: Vec<Param>,
}

impl Statement {
    /// A statement and its values.
    pub fn new(sql: impl Into<Cow<'static, str>>, params: Vec<Param>) -> Self {
        Self { sql: sql.into(), params }
    }
}

/// The instance's access to Postgres.
pub struct Pg {
    settings: PgSettings,
    address: String,
    checkouts: Arc<Checkouts>,
    at_store: Arc<Concurrency>,
}

impl std::fmt::Debug for Pg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address holds the password.
        f.debug_struct("Pg").finish_non_exhaustive()
    }
}

impl Pg {
    /// Connects to nothing yet. `at_store` is told of waits for connections.
    pub fn new(settings: PgSettings, at_store: Arc<Concurrency>) -> Self {
        let address = address(&settings.url, settings.wait_deadline);
        Self { settings, address, checkouts: Arc::default(), at_store }
    }

    /// How long a statement may take.
    pub fn statement_deadline(&self) -> Duration {
        self.settings.statement_deadline
    }

    /// How long a statement may wait for a connection.
    pub fn wait_deadline(&self) -> Duration {
        self.settings.wait_deadline
    }

    /// What a refused caller is recommended to wait.
    pub fn retry_after(&self) -> Duration {
        self.settings.retry_after
    }

    /// Runs a statement that changes nothing that matters; if its connection breaks, on another one. Not after a
    /// deadline: the caller has waited long enough.
    ///
    /// # Errors
    /// [`PgFailure::Refused`] when Postgres says no; otherwise [`Error::Unavailable`] or [`Error::Timeout`].
    pub async fn read(&self, meter: &Meter, statement: Statement) -> Result<Rows, PgFailure> {
        self.repeated(meter, statement, Urgency::InTurn, false).await
    }

    /// The same of a statement that others wait for: it does not queue behind those of this instance.
    ///
    /// # Errors
    /// As [`Pg::read`].
    pub async fn read_first(&self, meter: &Meter, statement: Statement) -> Result<Rows, PgFailure> {
        self.repeated(meter, statement, Urgency::First, false).await
    }

    /// Runs a statement that changes something. It is repeated only where Postgres says that nothing of it remains.
    ///
    /// # Errors
    /// As [`Pg::read`]; [`Error::Unavailable`] with `outcome_unknown` if the answer never came.
    pub async fn write(&self, meter: &Meter, statement: Statement) -> Result<Rows, PgFailure> {
        self.repeated(meter, statement, Urgency::InTurn, true).await
    }

    /// Four times at most: a server that ends its sessions ends several, one after the other.
    async fn repeated(
        &self,
        meter: &Meter,
        statement: Statement,
        urgency: Urgency,
        is_write: bool,
    ) -> Result<Rows, PgFailure> {
        for _ in 1..4 {
            match self.attempt(meter, statement.clone(), urgency).await? {
                Err(Attempt::Rollback(_)) => {}
                Err(Attempt::Broken(_)) if !is_write => {}
                result => return result.map_err(|attempt| self.failure(attempt, is_write)),
            }
        }
        let last = self.attempt(meter, statement, urgency).await?;
        last.map_err(|attempt| self.failure(attempt, is_write))
    }

    /// The outer error means that the statement was never sent.
    async fn attempt(
        &self,
        meter: &Meter,
        statement: Statement,
        urgency: Urgency,
    ) -> Result<Result<Rows, Attempt>, PgFailure> {
        let acquired = self.acquire(meter, urgency).await;
        let connection = acquired.map_err(|reason| PgFailure::Other(self.unavailable(reason, false)))?;
        let params: Vec<ParameterValue> = statement.params.into_iter().map(Into::into).collect();
        let started = Instant::now();
        let deadline = self.settings.statement_deadline + Duration::from_millis(500);
        let running = Running(Some(Box::pin(run(connection, statement.sql.into_owned(), params, started))), deadline);
        let result = match within(deadline, running).await {
            Some(result) => result,
            None => Err(Attempt::Silent(format!("no answer within {deadline:?}"))),
        };
        meter.statement(started.elapsed());
        Ok(result)
    }

    /// A connection for one statement, reset by the host. Dropping it gives it back.
    async fn acquire(&self, meter: &Meter, urgency: Urgency) -> Result<Connection, String> {
        let (started, deadline) = (Instant::now(), meter.patience(self.settings.wait_deadline));
        let authority = self.settings.authority.as_deref();
        let opened = self.checkouts.acquire(&self.address, authority, urgency, deadline).await;
        meter.connection_wait(started.elapsed(), opened.is_some());
        self.at_store.note(started.elapsed());
        match opened {
            Some(opened) => opened.map_err(|error| error.to_string()),
            // What the request has waited before is a part of that.
            None => Err(format!("no connection within {:?}", self.settings.wait_deadline)),
        }
    }

    fn failure(&self, attempt: Attempt, is_write: bool) -> PgFailure {
        PgFailure::Other(match attempt {
            Attempt::Refused(refusal) => return PgFailure::Refused(refusal),
            Attempt::Rollback(reason) | Attempt::ReadOnly(reason) => self.unavailable(reason, false),
            Attempt::Cancelled(reason) => Error::Timeout { reason },
            Attempt::Broken(reason) | Attempt::Silent(reason) => self.unavailable(reason, is_write),
            Attempt::Defect(reason) => Error::Internal(reason),
        })
    }

    /// Postgres cannot be asked, or not in time.
    pub fn unavailable(&self, reason: String, outcome_unknown: bool) -> Error {
        Error::Unavailable {
            retry_after: self.settings.retry_after,
            outcome_unknown,
            reason: format!("Postgres: {reason}"),
        }
    }
}

type Execution = Pin<Box<dyn Future<Output = Result<Rows, Attempt>> + Send>>;

/// A statement under way, and how long it may take. Dropped before its end, it is waited for by a task of the instance.
/// That ends after the same time, when Postgres is away and the connection is of no use to anybody.
struct Running(Option<Execution>, Duration);

impl Future for Running {
    type Output = Result<Rows, Attempt>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(execution) = &mut self.0 else { return Poll::Pending };
        let result = ready!(execution.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(result)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let deadline = self.1;
        if let Some(execution) = self.0.take() {
            spin_sdk::wasip3::spawn(async move { drop(within(deadline, execution).await) });
        }
    }
}

/// Runs a statement and drains its rows, since errors of execution come after the last of them.
async fn run(connection: Connection, sql: String, params: Vec<ParameterValue>, sent: Instant) -> Result<Rows, Attempt> {
    let mut stream = connection.query(sql, params).await.map_err(classify)?;
    let mut rows: Vec<Vec<DbValue>> = Vec::new();
    while let Some(row) = stream.rows().next().await {
        rows.push(row);
    }
    stream.result().await.map_err(classify)?;
    Ok(Rows::new(rows, sent))
}
