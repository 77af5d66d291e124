//! JSON-RPC 2.0: one request or notification, and what is answered to one that is none.

use http::StatusCode;
use serde_json::{Map, Value, json};
use todo_core::error::{Fault, Place};

use crate::document::Document;
use crate::extract::unique;

/// A request, or a notification, which has no id.
#[derive(Debug)]
pub struct Message {
    /// A string or an integer.
    pub id: Option<Value>,
    /// What is asked.
    pub method: String,
    /// With which parameters.
    pub params: Map<String, Value>,
}

/// Why the protocol cannot serve a message. What a tool refuses is no such error but a result.
#[derive(Debug, PartialEq)]
pub struct RpcError {
    /// The status of the response.
    pub status: StatusCode,
    /// The number that the protocol gives it.
    pub number: i64,
    /// The same for the log.
    pub code: &'static str,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    /// 400, -32600: no request of the protocol.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::bad(-32600, "rpc_invalid_request", message)
    }

    /// -32602: a request with wrong parameters.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::bad(-32602, "rpc_invalid_params", message)
    }

    /// 404, -32601: there is no such method.
    pub fn method_not_found() -> Self {
        Self::bad(-32601, "rpc_method_not_found", "there is no such method").with_status(StatusCode::NOT_FOUND)
    }

    /// 400, -32020: a header says otherwise than the body.
    pub fn header_mismatch(header: &str) -> Self {
        Self::bad(
            -32020,
            "rpc_header_mismatch",
            format!("the header {header} must be there once and say what the body says"),
        )
    }

    /// 400, -32022: a version that is not spoken here.
    pub fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        let error = Self::bad(-32022, "rpc_unsupported_version", "the protocol version is not supported");
        Self { data: Some(json!({"supported": supported, "requested": requested})), ..error }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn bad(number: i64, code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, number, code, message: message.into(), data: None }
    }

    /// The answer to the request with this id, null if it is not known.
    pub fn document(&self, id: &Value) -> Document {
        let mut error = json!({"code": self.number, "message": self.message});
        if let (Some(error), Some(data)) = (error.as_object_mut(), &self.data) {
            error.insert("data".to_owned(), data.clone());
        }
        Document::json(&json!({"jsonrpc": "2.0", "id": id, "error": error})).status(self.status)
    }
}

/// Reads a body. Several messages at once, which the protocol has given up, are refused.
///
/// # Errors
/// The error, and the id of the request as far as it is known.
pub fn parse(bytes: &[u8]) -> Result<Message, (Value, RpcError)> {
    let unknown = |error| (Value::Null, error);
    let (value, doubled) = unique::from_slice(bytes).map_err(|error| {
        let what = if error.is_eof() { "ends too early" } else { "is not JSON" };
        let message = format!("the body {what}, at line {} column {}", error.line(), error.column());
        unknown(RpcError::bad(-32700, "rpc_parse_error", message))
    })?;
    let Value::Object(mut object) = value else {
        return Err(unknown(RpcError::invalid_request("the body must be one JSON-RPC message")));
    };
    let id = match object.remove("id") {
        None => None,
        Some(id) if id.is_string() || id.is_i64() || id.is_u64() => Some(id),
        Some(_) => return Err(unknown(RpcError::invalid_request("the id must be a string or an integer"))),
    };
    envelope(object, &doubled).map(|(method, params)| Message { id: id.clone(), method, params }).map_err(|message| {
        let error = RpcError::invalid_request(message);
        (id.unwrap_or_default(), error)
    })
}

/// Method and parameters.
fn envelope(mut object: Map<String, Value>, doubled: &[Fault]) -> Result<(String, Map<String, Value>), String> {
    if let Some(Place::Pointer(pointer)) = doubled.first().map(|fault| &fault.place) {
        return Err(format!("{pointer} may be given only once"));
    }
    if object.get("jsonrpc") != Some(&"2.0".into()) {
        return Err("jsonrpc must be \"2.0\"".to_owned());
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err("the method must be a string".to_owned());
    };
    match object.remove("params") {
        None => Ok((method, Map::new())),
        Some(Value::Object(params)) => Ok((method, params)),
        Some(_) => Err("the params must be an object".to_owned()),
    }
}
