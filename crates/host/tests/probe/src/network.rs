//! Variables and calls to others.

use http_body_util::BodyExt;
use serde_json::{Value, json};

pub async fn variable(name: &str) -> Value {
    match spin_sdk::variables::get(name).await {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

/// Calls `input.url`, with `input.body` if there is one.
pub async fn call(input: &Value) -> Value {
    let url = input["url"].as_str().unwrap_or_default();
    let answer = match input.get("body") {
        Some(body) => spin_sdk::http::post(url, body.to_string()).await,
        None => spin_sdk::http::get(url).await,
    };
    match answer {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map(|body| body.to_bytes());
            match body {
                Ok(body) => json!({ "status": status, "body": String::from_utf8_lossy(&body) }),
                Err(error) => json!({ "status": status, "broken": format!("{error:?}") }),
            }
        }
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}
