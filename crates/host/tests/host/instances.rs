use std::time::Duration;

use futures::future::join_all;
use hyper::StatusCode;
use serde_json::json;
use todo_host::{Options, Reuse};

use crate::fixture::{Fixture, Setup};

async fn with(reuse: Reuse) -> Fixture {
    let options = Options { reuse, ..Options::default() };
    Fixture::start(Setup { options, ..Setup::default() }).await
}

#[tokio::test]
async fn an_instance_serves_128_requests_and_no_more() {
    let fixture = Fixture::new().await;
    for expected in (1..=128).chain(1..=2) {
        assert_eq!(fixture.ask("/taken", json!(null)).await, json!(expected));
    }
    assert_eq!(fixture.counters().instantiations, 2);
    assert_eq!(fixture.counters().requests, 130);
}

#[tokio::test]
async fn an_instance_serves_sixteen_requests_at_once_and_no_more() {
    let fixture = Fixture::new().await;
    let requests = (0..17).map(|number| {
        let fixture = &fixture;
        async move {
            tokio::time::sleep(Duration::from_millis(30 * number)).await;
            fixture.ask("/sleep", json!(1500)).await
        }
    });
    let taken = join_all(requests).await;
    assert_eq!(taken[15], json!(16));
    assert_eq!(taken[16], json!(1));
    assert_eq!(fixture.counters().instantiations, 2);
}

#[tokio::test]
async fn concurrency_can_be_limited_to_one() {
    let fixture = with(Reuse { max_concurrent: 1, ..Reuse::default() }).await;
    join_all((0..3).map(|_| fixture.ask("/sleep", json!(200)))).await;
    assert_eq!(fixture.counters().instantiations, 3);
}

#[tokio::test]
async fn an_idle_instance_is_dropped_in_time() {
    let fixture = with(Reuse { idle_timeout: Duration::from_millis(200), ..Reuse::default() }).await;
    fixture.ask("/taken", json!(null)).await;
    assert_eq!(fixture.ask("/taken", json!(null)).await, json!(2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(fixture.ask("/taken", json!(null)).await, json!(1));
    assert_eq!(fixture.counters().traps, 0);
}

#[tokio::test]
async fn killing_instances_breaks_their_requests_and_no_later_ones() {
    let fixture = Fixture::new().await;
    let (slept, ()) = tokio::join!(fixture.send("/sleep", json!(5000)), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fixture.host.kill_instances();
    });
    assert_eq!(slept.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fixture.counters().traps, 1);
    assert_eq!(fixture.ask("/taken", json!(null)).await, json!(1));
}

#[tokio::test]
async fn a_request_may_be_given_a_time_limit() {
    let request_timeout = Some(Duration::from_millis(200));
    let fixture = with(Reuse { request_timeout, ..Reuse::default() }).await;
    let answer = fixture.send("/sleep", json!(5000)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn shutting_down_ends_connections_and_frees_the_port() {
    let fixture = Fixture::new().await;
    let address = fixture.address();
    fixture.ask("/taken", json!(null)).await;
    fixture.host.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
