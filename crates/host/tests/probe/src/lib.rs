//! A component for todo-host's tests. The path says which interface to use, the JSON body how; the answer is JSON.

mod network;
mod postgres;
mod redis;
mod value;

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use spin_sdk::http::{BoxBody, Error, Request, Response, StatusCode, box_body};
use spin_sdk::http_service;
use spin_sdk::wasip3::http::types::ErrorCode;

thread_local! {
    /// Requests that this instance has taken.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

#[http_service]
async fn serve(request: Request) -> Result<Response<BoxBody>, Error> {
    let taken = TAKEN.with(|taken| {
        taken.set(taken.get() + 1);
        taken.get()
    });
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let input: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let answer = match path.as_str() {
        "taken" => json!(taken),
        "sleep" => {
            let milliseconds = input.as_u64().unwrap_or(100);
            spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
            json!(taken)
        }
        "trap" => std::process::abort(),
        "trap-midway" => return Ok(Response::new(midway())),
        "fail" => return Err(Error::ErrorCode(ErrorCode::InternalError(Some("as asked".to_owned())))),
        "print" => {
            print_both();
            Value::Null
        }
        "environment" => std::env::vars().map(|(name, value)| json!([name, value])).collect(),
        "variable" => network::variable(input.as_str().unwrap_or_default()).await,
        "call" => network::call(&input).await,
        "call-later" => {
            spin_sdk::wasip3::spawn(async move {
                network::call(&input).await;
            });
            Value::Null
        }
        "redis" => redis::run(&input).await,
        "postgres" => postgres::run(&input).await,
        _ => echo(&parts, &body),
    };
    let text = answer.to_string();
    // Without its length an answer ends in a second small write, which waits for the client's acknowledgement of the
    // first.
    let length = text.len().into();
    let mut response = Response::new(box_body(http_body_util::Full::new(Bytes::from(text))));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if answer == Value::String("unknown operation".to_owned()) {
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    }
    Ok(response)
}

/// What arrived, in the order it arrived.
fn echo(parts: &http::request::Parts, body: &Bytes) -> Value {
    let headers: Vec<Value> = parts
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(body),
    })
}

/// A body that begins and then takes the instance with it.
fn midway() -> BoxBody {
    let (mut sender, body) = spin_sdk::http::body::stream::<Bytes>();
    spin_sdk::wasip3::spawn(async move {
        let _ = sender.send(Bytes::from_static(b"the beginning")).await;
        spin_sdk::time::sleep(Duration::from_millis(50)).await;
        std::process::abort();
    });
    box_body(body)
}

#[expect(clippy::print_stdout, reason = "that is what it is for")]
fn print_both() {
    println!("on standard output");
    eprintln!("on standard error");
}
