//! Single requests, to see whether the service answers and what. A client library for that would be the larger thing to
//! keep.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use url::Url;

/// The longest answer that is read to its end.
const LONGEST: u64 = 64 << 20;

/// The status of `GET http://<address><path>`, or `None` if nothing sensible came within 5 seconds.
pub async fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = tokio::time::timeout(Duration::from_secs(5), exchange(address, head)).await.ok()?.ok()?;
    status_of(&answer)
}

/// The status and the JSON body of the answer to a request with a token, or `None` if nothing sensible came within a
/// minute.
pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: &str,
    body: Option<&Value>,
) -> Option<(u16, Value)> {
    let body = body.map(Value::to_string);
    let answer = request(address, method, path, Some(token), body.as_deref()).await.ok()?;
    Some((answer.status, serde_json::from_str(&answer.body).ok()?))
}

/// Sends a request that is to succeed.
///
/// # Errors
/// If no answer comes within a minute, or one whose status is no success.
pub async fn succeed(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> Result<()> {
    let Answer { status, .. } = request(address, method, path, token, body).await?;
    if status >= 300 {
        bail!("{method} http://{address}{path} was answered with {status}");
    }
    Ok(())
}

/// The answer to a request with a JSON body or none.
async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> Result<Answer> {
    let url = Url::parse(&format!("http://{address}{path}"))?;
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut fields = vec![("Content-Type", "application/json")];
    fields.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
    send(method, &url, &fields, body).await
}

/// A whole answer.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields, as they came.
    head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// The answer to a request with header fields and a body, within a minute. In HTTP/1.0, so that no server cuts it into
/// chunks.
///
/// # Errors
/// If the address is not `http://`, or nothing sensible came.
pub async fn send(method: &str, url: &Url, fields: &[(&str, &str)], body: Option<&str>) -> Result<Answer> {
    let (Some(host), "http") = (url.host_str(), url.scheme()) else {
        bail!("{url} does not begin with http:// (a local tunnel reaches a server that wants TLS)");
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = format!("{method} {target} HTTP/1.0\r\nHost: {host}:{port}\r\n");
    for (name, value) in fields {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request = format!("{request}\r\n{}", body.unwrap_or_default());
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let answer = tokio::time::timeout(Duration::from_secs(60), exchange((host, port), request)).await;
    let answer = answer.with_context(|| format!("{url} has not answered within a minute"))?;
    let answer = answer.with_context(|| format!("{url} does not answer"))?;
    let status = status_of(&answer).with_context(|| format!("{url} does not speak HTTP"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

fn status_of(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

/// An address to reach a listener at: "any address" is not one.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, listen.port())
}

async fn exchange(address: impl ToSocketAddrs, request: String) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
