//! HTTP: connections in `server`, the way of a request to its component in `dispatch`, its headers in `headers`,
//! instances and their reuse in `instance`, and requests that components make in `outbound`.

pub(crate) mod dispatch;
mod headers;
pub(crate) mod instance;
pub(crate) mod outbound;
pub(crate) mod server;

use http_body_util::{BodyExt, Empty};
use hyper::{Response, StatusCode};
use wasmtime_wasi_http::WasiBody;

/// A response with no body.
fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
