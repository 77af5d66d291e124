//! One of the two applications, over HTTP.

use std::time::Duration;

use anyhow::Result;
use url::Url;

use super::requests::Request;
use crate::http::{Answer, send};
use crate::progress::say;

/// One of the two applications.
pub struct Side {
    /// Where `/todos` follows.
    pub url: Url,
    /// The value of the header of that name.
    pub authorization: Option<String>,
}

impl Side {
    /// The answer to a request, after a redirect, and after the wait that a rate limit asks for.
    pub async fn ask(&self, request: &Request) -> Result<Answer> {
        let Request { method, path, body, accept, allowed: _ } = request;
        let mut url = Url::parse(&format!("{}{path}", self.url.as_str().trim_end_matches('/')))?;
        let mut fields = vec![("Accept", *accept)];
        if let Some(value) = &self.authorization {
            fields.push(("Authorization", value));
        }
        if let Some((media, _)) = body {
            fields.push(("Content-Type", media));
        }
        let text = body.as_ref().map(|(_, text)| text.as_str());
        let answer = send(method, &url, &fields, text).await?;
        // As clients do. FastAPI adds and removes slashes so.
        if let Some(location) = answer.header("location").filter(|_| (300..400).contains(&answer.status)) {
            url = url.join(location)?;
            return send(method, &url, &fields, text).await;
        }
        let Some(wait) = answer.header("retry-after").filter(|_| answer.status == 429) else {
            return Ok(answer);
        };
        say(&format!("{} limits requests: waiting {wait} s", self.url));
        tokio::time::sleep(Duration::from_secs(wait.parse().unwrap_or(1))).await;
        Box::pin(self.ask(request)).await
    }
}
