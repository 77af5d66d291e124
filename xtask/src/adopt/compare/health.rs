//! The health check, which monitors of the old application may keep asking for.

use anyhow::Result;

use super::Pair;
use super::requests::Request;
use crate::http::send;
use crate::progress::say;

impl Pair {
    /// What monitors look at is the same.
    pub(super) async fn health(&mut self) -> Result<()> {
        let at = "/health";
        let (old, mut new) = self.ask(&Request::get(at)).await?;
        if old.status == 404 {
            say("the old application has no /health: it is not compared");
            return Ok(());
        }
        // Monitors ask for it without a version.
        if let (404, Ok(url)) = (new.status, self.new.url.join(at)) {
            new = send("GET", &url, &[], None).await?;
        }
        let (before, after) = (old.json(), new.json());
        for field in ["status", "database"] {
            let (before, after) = (before.get(field), after.get(field));
            if before.is_some() && before != after {
                self.findings.other(at, &format!("{field} was {before:?} and is {after:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::adopt::compare::Side;
    use crate::adopt::map::Map;

    /// A server that has this at `/health`, and nothing elsewhere.
    async fn healthy(health: &str) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let health = health.to_owned();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                let found = request[..length].starts_with(b"GET /health HTTP");
                let answer = if found { format!("200 OK\r\n\r\n{health}") } else { "404 Not Found\r\n\r\n".to_owned() };
                stream.write_all(format!("HTTP/1.0 {answer}").as_bytes()).await.unwrap();
            }
        });
        url
    }

    /// How many fields of the two differ.
    async fn differing(old: Url, new: Url) -> u64 {
        let [old, new] = [old, new].map(|url| Side { url, authorization: None });
        let map = Map::load(None).unwrap();
        let mut pair = Pair { old, new, map, findings: Default::default(), known: Default::default(), plan: false };
        pair.health().await.unwrap();
        pair.findings.others
    }

    #[tokio::test]
    async fn monitors_see_the_same_status_and_database() {
        let old = healthy(r#"{"status":"healthy","database":"up","uptime":7}"#).await;
        for (new, others) in [
            (r#"{"status":"healthy","database":"up","checks":[]}"#, 0),
            (r#"{"status":"degraded","database":"up"}"#, 1),
            (r#"{"status":"unhealthy","database":"down"}"#, 2),
            (r#"{"checks":[]}"#, 2),
        ] {
            let new = healthy(new).await;
            assert_eq!(differing(old.clone(), new.clone()).await, others, "{new}");
            // The versioned addresses have none.
            assert_eq!(differing(old.clone(), new.join("/api/v1").unwrap()).await, others, "{new}");
        }
    }

    #[tokio::test]
    async fn an_old_application_without_a_health_check_is_not_compared() {
        let old = healthy("{}").await.join("/elsewhere").unwrap();
        assert_eq!(differing(old, healthy(r#"{"status":"unhealthy"}"#).await).await, 0);
    }
}
