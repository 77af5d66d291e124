//! Messages to `POST /mcp`, in both eras of the protocol.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::client::{Call, Client};
use super::{Answer, answer::Problem, schema};

/// The version of a message that names its version itself.
pub const MODERN: &str = "2026-07-28";

/// A message as it is, without headers of the protocol.
pub fn raw(client: &Client, message: Value) -> Call {
    client.post("/mcp").header("accept", "application/json, text/event-stream").json(message)
}

/// A request of the older era.
pub fn legacy(client: &Client, method: &str, params: Value) -> Call {
    raw(client, request(method, params)).header("mcp-protocol-version", "2025-11-25")
}

/// A request of the newer era, with all that it must say.
pub fn modern(client: &Client, method: &str, params: Value) -> Call {
    let name = params["name"].as_str().map(str::to_owned);
    let call = raw(client, request(method, with_meta(params, MODERN)));
    let call = call.header("mcp-protocol-version", MODERN).header("mcp-method", method);
    match name {
        Some(name) => call.header("mcp-name", name),
        None => call,
    }
}

/// The parameters with what a request of the newer era says of itself.
pub fn with_meta(mut params: Value, version: &str) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

/// A request with the id 7.
pub fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

/// Begins a call of a tool in the newer era.
pub fn tool(client: &Client, name: &str, arguments: Value) -> Call {
    modern(client, "tools/call", json!({ "name": name, "arguments": arguments }))
}

/// Calls a tool in the newer era.
pub async fn call(client: &Client, name: &str, arguments: Value) -> Answer {
    tool(client, name, arguments).send().await
}

/// The definitions of the tools as they are published; a test compares them with what is listed.
pub static DEFINITIONS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../openapi/tools.json")).unwrap());

/// The definition of a tool.
pub fn definition(name: &str) -> &'static Value {
    let tool = DEFINITIONS.as_array().unwrap().iter().find(|tool| tool["name"] == name);
    tool.unwrap_or_else(|| panic!("there is no tool {name}"))
}

/// Holds what a tool gave against its output schema. Sees every message to the endpoint and its answer.
pub fn check_output(message: &[u8], answer: &Answer) {
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let (message, received) = (read(message), read(&answer.body));
    let (name, content) = (&message["params"]["name"], &received["result"]["structuredContent"]);
    if !content.is_null() {
        let faults = schema::faults(&definition(name.as_str().unwrap())["outputSchema"], content);
        assert!(faults.is_empty(), "{name} gave something else than its output schema says, {faults:?}: {answer}");
    }
}

impl Answer {
    /// The result of the request with the id 7.
    #[track_caller]
    pub fn result(&self) -> Value {
        let value = self.ok();
        assert!(value["jsonrpc"] == "2.0" && value["id"] == 7 && value["error"].is_null(), "no result: {self}");
        value["result"].clone()
    }

    /// What a tool gave; its text says the same.
    #[track_caller]
    pub fn content(&self) -> Value {
        let result = self.result();
        assert!(result["isError"] == false && result["content"].as_array().is_some_and(|all| all.len() == 1), "{self}");
        assert!(result["content"][0]["type"] == "text", "{self}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert!(text == result["structuredContent"], "text and structured content differ: {self}");
        text
    }

    /// The problem document of a tool that refused.
    #[track_caller]
    pub fn refusal(&self, status: u16, code: &str) -> Problem {
        let result = self.result();
        assert!(result["isError"] == true && result.get("structuredContent").is_none(), "no refusal: {self}");
        let text = result["content"][0]["text"].as_str().unwrap();
        let mut inner = self.clone();
        inner.status = status;
        inner.headers.insert("content-type", "application/problem+json".parse().unwrap());
        inner.body = text.to_owned().into();
        inner.problem(status, code)
    }

    /// The error of the protocol with this status and number.
    #[track_caller]
    pub fn rpc_error(&self, status: u16, number: i64) -> Value {
        let value = self.json(status);
        assert!(value["jsonrpc"] == "2.0" && value.get("id").is_some() && value.get("result").is_none(), "{self}");
        assert!(value["error"]["code"] == number, "expected the error {number}, but {self}");
        assert!(value["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "no message: {self}");
        value
    }
}
