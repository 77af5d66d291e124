//! Requests that a decent client library refuses to send.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, Server, record};

/// Writes `request` to a fresh connection and reads one answer until the server closes it. The request must ask for
/// `Connection: close`.
pub async fn exchange(server: &Server, request: &[u8]) -> Answer {
    talk(server, request, false).await
}

/// The same, from a client that says no more after `request`, whatever the request announced.
pub async fn break_off(server: &Server, request: &[u8]) -> Answer {
    talk(server, request, true).await
}

/// Writes `request` and reads the answer up to some of its body: a client that goes on when it likes.
pub async fn begin(server: &Server, request: &[u8]) -> (Answer, TcpStream) {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the server hung up");
    }
    (parse(request, &bytes), stream)
}

async fn talk(server: &Server, request: &[u8], shut: bool) -> Answer {
    let authority = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut bytes = Vec::new();
    // The server may answer and close before it has read everything: a failed write is not a failed exchange.
    let write = async {
        let _ = writer.write_all(request).await;
        if shut {
            let _ = writer.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let _ = reader.read_to_end(&mut bytes).await;
    };
    tokio::select! {
        () = write => {}
        () = read => {}
        () = tokio::time::sleep(Duration::from_secs(20)) => {}
    }
    let answer = parse(request, &bytes);
    record::note(&answer);
    answer
}

fn parse(request: &[u8], bytes: &[u8]) -> Answer {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("not an HTTP answer: {shown:?}"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value.trim()).unwrap());
    }
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        body = unchunk(&body);
    }
    let first = String::from_utf8_lossy(&request[..request.len().min(4000)]).into_owned();
    let mut words = first.split(' ');
    Answer {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        status: status.unwrap_or_else(|| panic!("no status in {shown:?}")),
        headers,
        body: body.into(),
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(String::from_utf8_lossy(&bytes[..end]).trim(), 16).unwrap_or(0);
        if size == 0 || bytes.len() < end + 2 + size {
            break;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
    body
}
