use std::net::SocketAddr;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use todo_host::{Options, Reuse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::send;
use crate::fixture::{Fixture, Setup, manifest, probe};

/// All values of a header, in order.
fn header(echo: &Value, name: &str) -> Vec<String> {
    let headers = echo["headers"].as_array().unwrap();
    let named = headers.iter().filter(|pair| pair[0] == name);
    named.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn requests_carry_spins_headers_after_the_clients_own() {
    let fixture = Fixture::new().await;
    let sent = [("spin-client-addr", "1.2.3.4:5"), ("x-own", "kept"), ("connection", "close")];
    let answer = send(fixture.address(), "/a/b?c=d", &sent, Bytes::from_static(b"hello")).await.unwrap();
    let echo = answer.json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["body"], "hello");
    assert_eq!(header(&echo, "x-own"), ["kept"]);
    assert_eq!(header(&echo, "connection"), [""; 0]);
    assert_eq!(header(&echo, "spin-full-url"), [format!("{}/a/b?c=d", fixture.host.url())]);
    assert_eq!(header(&echo, "spin-path-info"), ["/a/b"]);
    assert_eq!(header(&echo, "spin-matched-route"), ["/..."]);
    assert_eq!(header(&echo, "spin-raw-component-route"), ["/..."]);
    assert_eq!(header(&echo, "spin-component-route"), [""]);
    assert_eq!(header(&echo, "spin-base-path"), ["/"]);
    let clients = header(&echo, "spin-client-addr");
    assert_eq!(clients.len(), 2);
    assert_eq!(clients[0], "1.2.3.4:5");
    assert!(clients[1].starts_with("127.0.0.1:"), "{clients:?}");
}

#[tokio::test]
async fn named_segments_of_a_route_become_headers() {
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"r\"\n[[trigger.http]]\nroute = \"/users/:user_id/...\"\n\
         component = \"probe\"\n[component.probe]\nsource = {:?}\n",
        probe()
    );
    let host = todo_host::Host::start(Options { manifest: manifest(&text), ..Options::default() }).await.unwrap();
    let address = host.url().trim_start_matches("http://").parse().unwrap();
    let echo = send(address, "/users/42/x", &[], Bytes::new()).await.unwrap().json();
    assert_eq!(header(&echo, "spin-path-match-user-id"), ["42"]);
    assert_eq!(header(&echo, "spin-path-info"), ["/x"]);
    assert_eq!(header(&echo, "spin-component-route"), ["/users/:user_id"]);
    let missing = send(address, "/other", &[], Bytes::new()).await.unwrap();
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_hosts_own_paths_do_not_reach_a_component() {
    let fixture = Fixture::new().await;
    let health = fixture.send("/.well-known/spin/health", json!(null)).await;
    assert_eq!((health.status, &health.body[..]), (StatusCode::OK, &b"OK"[..]));
    let other = fixture.send("/.well-known/spin/other", json!(null)).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.counters().requests, 0);
}

#[tokio::test]
async fn a_large_body_passes_both_ways() {
    let fixture = Fixture::new().await;
    let body = "x".repeat(3 << 20);
    let answer = send(fixture.address(), "/", &[], Bytes::from(body.clone())).await.unwrap();
    assert!(answer.whole);
    assert_eq!(answer.json()["body"], body);
}

#[tokio::test]
async fn output_of_a_component_is_passed_on() {
    let fixture = Fixture::new().await;
    fixture.ask("/print", json!(null)).await;
    let text = fixture.output.text();
    assert!(text.contains("on standard output\n") && text.contains("on standard error\n"), "{text:?}");
}

#[tokio::test]
async fn the_environment_is_the_manifests_and_nothing_else() {
    let manifest = "environment = { GREETING = \"hello\" }";
    let fixture = Fixture::start(Setup { manifest, ..Setup::default() }).await;
    assert_eq!(fixture.ask("/environment", json!(null)).await, json!([["GREETING", "hello"]]));
}

#[tokio::test]
async fn a_trap_is_a_500_and_kills_only_its_instance() {
    let reuse = Reuse { max_concurrent: 1, ..Reuse::default() };
    let options = Options { reuse, ..Options::default() };
    let fixture = Fixture::start(Setup { options, ..Setup::default() }).await;
    let (slept, trapped) = tokio::join!(fixture.send("/sleep", json!(300)), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        fixture.send("/trap", json!(null)).await
    });
    assert_eq!(slept.status, StatusCode::OK);
    assert_eq!(trapped.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(trapped.body.is_empty());
    assert_eq!(fixture.counters().traps, 1);
    assert_eq!(fixture.send("/taken", json!(null)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_error_that_a_component_returns_is_a_500_and_the_instance_lives() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.send("/fail", json!(null)).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fixture.ask("/taken", json!(null)).await, json!(2));
    assert_eq!(fixture.counters().traps, 0);
}

/// Nothing tells the client that it is not whole, unless the component gave a `content-length`: so it is in Spin.
#[tokio::test]
async fn a_trap_in_mid_body_ends_the_answer_where_it_was() {
    let fixture = Fixture::new().await;
    let answer = fixture.send("/trap-midway", json!(null)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(&answer.body[..], b"the beginning");
    assert_eq!(fixture.ask("/taken", json!(null)).await, json!(1));
}

#[tokio::test]
async fn a_request_without_a_usable_host_gets_no_answer() {
    let fixture = Fixture::new().await;
    let hosts: [&[u8]; 4] = [b"hidden.spin.internal", b"a b", b"", b"\xc3\xbc"];
    for host in hosts {
        let request = [b"GET / HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
        assert_eq!(raw(fixture.address(), &request).await, "", "{host:?}");
    }
    assert_eq!(raw(fixture.address(), b"GET / HTTP/1.0\r\n\r\n").await, "");
    assert_eq!(raw(fixture.address(), b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n").await, "");
    assert_eq!(fixture.counters().requests, 0);
}

#[tokio::test]
async fn a_header_that_is_not_utf8_is_a_500_without_the_component() {
    let fixture = Fixture::new().await;
    let request = b"GET /taken HTTP/1.1\r\nHost: t\r\nConnection: close\r\nX-Latin: \xfc\r\n\r\n";
    let answer = raw(fixture.address(), request).await;
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    assert_eq!(fixture.ask("/taken", json!(null)).await, json!(1));
}

/// What comes back on a fresh connection until the host closes it.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
