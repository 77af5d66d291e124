//! The reference component for `cargo xtask bench`: each path does the least that an answer of its kind costs on the
//! platform, over connections that the instance holds: several to Redis, each of which one request at a time uses, and
//! one to Postgres, on which statements follow each other. Were it several, idle instances would hold all that the host
//! may have. No authentication, no limits, no log.
//!
//! - `/empty`: an answer of two bytes
//! - `/script`: one `EVALSHA` that reads one string
//! - `/read?ID`: one todo by its public id, rendered by Postgres
//! - `/page`: fifty todos, rendered by Postgres in one function
//! - `/create`: one todo inserted into the service's own table by one function
//!
//! The functions are in `bench/reference/functions.sql`.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use spin_sdk::http::{BoxBody, Error, Request, Response, box_body};
use spin_sdk::http_service;
use spin_sdk::pg::wit::postgres::{Connection as Postgres, DbValue, ParameterValue};
use spin_sdk::redis::{Connection as Redis, RedisParameter, RedisResult};

thread_local! {
    /// Connections that no request uses.
    static REDIS: RefCell<Vec<Redis>> = const { RefCell::new(Vec::new()) };
    /// The connection of all requests.
    static POSTGRES: OnceCell<Rc<Postgres>> = const { OnceCell::new() };
}

/// Reads one string, as the service's script for reads does first of all.
const SCRIPT: &str = "return redis.call('GET', KEYS[1])";

/// Of [`SCRIPT`].
const DIGEST: &str = "d3c21d0c2b9ca22f82737626a27bcaf5d288f99f";

#[http_service]
async fn serve(request: Request) -> Result<Response<BoxBody>, Error> {
    let uri = request.uri();
    let body = match uri.path() {
        "/empty" => "{}".to_owned(),
        "/script" => script().await?,
        "/read" => statement("select bench_read_v1($1)", vec![text(uri.query().unwrap_or_default())]).await?,
        "/page" => statement("select bench_page_v1()", Vec::new()).await?,
        "/create" => statement("select bench_create_v1($1)", vec![text("Measure before you change")]).await?,
        _ => return Err(Error::other("there is no such reference")),
    };
    let length = body.len().into();
    let mut response = Response::new(box_body(http_body_util::Full::new(Bytes::from(body))));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn text(value: &str) -> ParameterValue {
    ParameterValue::Str(value.to_owned())
}

async fn setting(name: &str) -> Result<String, Error> {
    spin_sdk::variables::get(name).await.map_err(failed)
}

async fn script() -> Result<String, Error> {
    let connection = match REDIS.with_borrow_mut(Vec::pop) {
        Some(connection) => connection,
        None => Redis::open(setting("redis_url").await?).await.map_err(failed)?,
    };
    let arguments = |script: &str| {
        ["1", "bench"].iter().fold(vec![RedisParameter::Binary(script.into())], |mut all, word| {
            all.push(RedisParameter::Binary((*word).into()));
            all
        })
    };
    let found = match connection.execute("EVALSHA", arguments(DIGEST)).await {
        Ok(found) => found,
        // Redis does not know the script yet.
        Err(_) => connection.execute("EVAL", arguments(SCRIPT)).await.map_err(failed)?,
    };
    REDIS.with_borrow_mut(|idle| idle.push(connection));
    Ok(match found.into_iter().next() {
        Some(RedisResult::Binary(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => "null".to_owned(),
    })
}

async fn statement(sql: &str, parameters: Vec<ParameterValue>) -> Result<String, Error> {
    let connection = match POSTGRES.with(|held| held.get().cloned()) {
        Some(connection) => connection,
        None => {
            let opened = Rc::new(Postgres::open_async(setting("database_url").await?).await.map_err(failed)?);
            // Of several first requests one may have been faster; the others' connections are for themselves.
            POSTGRES.with(|held| held.set(Rc::clone(&opened))).ok();
            opened
        }
    };
    let (_, rows, end) = connection.query_async(sql.to_owned(), parameters).await.map_err(failed)?;
    let rows = rows.collect().await;
    end.await.map_err(failed)?;
    match rows.into_iter().flatten().next() {
        Some(DbValue::Str(document)) => Ok(document),
        other => Err(Error::other(format!("Postgres answered {other:?}"))),
    }
}

fn failed(error: impl std::fmt::Debug) -> Error {
    Error::other(format!("{error:?}"))
}
