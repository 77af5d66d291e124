//! The two eras of the protocol: with the revision of July 2026 each request says by itself which version it speaks;
//! before, a handshake did. A server without state can answer both.

use http::HeaderMap;
use serde_json::Value;

use super::headers::{self, METHOD, NAME, VERSION};
use super::message::{Message, RpcError};

/// The versions that each request names by itself.
pub const MODERN: [&str; 1] = ["2026-07-28"];
/// The versions of the handshake, the newest first.
pub const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// How a message is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// One of [`MODERN`].
    Modern,
    /// One of [`LEGACY`].
    Legacy,
}

impl Era {
    /// The era of a message. Whoever names no version is of before 2025-06-18, when the header came.
    ///
    /// # Errors
    /// A modern message that does not say what it must, or not the same in body and headers, or names an unknown
    /// version.
    pub fn of(headers: &HeaderMap, message: &Message) -> Result<Self, RpcError> {
        let named = headers::value(headers, &VERSION);
        let known = headers.get(&VERSION).is_none() || named.is_some_and(|version| LEGACY.contains(&version));
        let meta = message.params.get("_meta");
        if known && meta.and_then(|meta| meta.get(META_VERSION)).is_none() {
            return Ok(Self::Legacy);
        }
        if message.id.is_some() {
            check(headers, message)?;
        } else if let Some(version) = named.filter(|version| !MODERN.contains(version)) {
            return Err(RpcError::unsupported_version(version, &MODERN));
        }
        Ok(Self::Modern)
    }

    /// Whether it is the newer one.
    pub fn is_modern(self) -> bool {
        self == Self::Modern
    }
}

/// What a modern request must say.
fn check(headers: &HeaderMap, Message { method, params, .. }: &Message) -> Result<(), RpcError> {
    let meta = params.get("_meta").and_then(Value::as_object);
    let version = meta.and_then(|meta| meta.get(META_VERSION)).and_then(Value::as_str);
    let capabilities = meta.and_then(|meta| meta.get(META_CAPABILITIES)).and_then(Value::as_object);
    let (Some(version), Some(_)) = (version, capabilities) else {
        let message = format!("params._meta must have {META_VERSION}, a string, and {META_CAPABILITIES}, an object");
        return Err(RpcError::invalid_params(message));
    };
    let says = |name, value: &str| headers::value(headers, name).is_some_and(|said| said == value);
    if !says(&VERSION, version) {
        return Err(RpcError::header_mismatch("MCP-Protocol-Version"));
    }
    if !says(&METHOD, method) {
        return Err(RpcError::header_mismatch("Mcp-Method"));
    }
    let tool = params.get("name").filter(|_| method == "tools/call").and_then(Value::as_str);
    if tool.is_some() && headers::value(headers, &NAME).and_then(headers::decoded).as_deref() != tool {
        return Err(RpcError::header_mismatch("Mcp-Name"));
    }
    if !MODERN.contains(&version) {
        return Err(RpcError::unsupported_version(version, &MODERN));
    }
    Ok(())
}
