use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{Fixture, database_url, redis_url};

async fn select(fixture: &Fixture) -> Value {
    fixture.postgres(json!([{ "query": "select 1 as n" }])).await
}

async fn ping(fixture: &Fixture) -> Value {
    fixture.redis(json!([["execute", "PING"]])).await
}

fn selected() -> Value {
    json!([{ "columns": [["n", "DbDataType::Int32"]], "rows": [[{ "int32": 1 }]] }])
}

fn ponged() -> Value {
    json!([[{ "status": "PONG" }]])
}

#[tokio::test]
async fn a_refusing_server_fails_the_opening_until_it_is_healed() {
    let fixture = Fixture::new().await;
    assert_eq!(select(&fixture).await, selected());
    assert_eq!(ping(&fixture).await, ponged());
    fixture.host.faults().postgres().refuse();
    fixture.host.faults().redis().refuse();
    assert!(select(&fixture).await["open"].as_str().unwrap().contains("ConnectionFailed"));
    assert!(ping(&fixture).await["open"].as_str().unwrap().contains("Other"));
    fixture.host.faults().postgres().heal();
    fixture.host.faults().redis().heal();
    assert_eq!(select(&fixture).await, selected());
    assert_eq!(ping(&fixture).await, ponged());
}

#[tokio::test]
async fn a_cut_breaks_the_statement_under_way_and_nothing_later() {
    let fixture = Fixture::new().await;
    let statement = json!({ "address": database_url(), "do": [
        { "query": "select pg_sleep(5)::text" },
        { "query": "select 1" },
    ] });
    let started = Instant::now();
    let (answers, ()) = tokio::join!(fixture.ask("/postgres", statement), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fixture.host.faults().postgres().cut();
    });
    assert!(started.elapsed() < Duration::from_secs(4));
    for index in [0, 1] {
        assert!(answers[index]["error"].as_str().unwrap().contains("QueryFailed"), "{answers}");
    }
    assert_eq!(select(&fixture).await, selected());
}

#[tokio::test]
async fn a_cut_breaks_a_held_redis_connection() {
    let fixture = Fixture::new().await;
    let commands = json!({ "address": redis_url(), "do": [
        ["execute", "BLPOP", "a-list-that-is-not-there", 5],
        ["execute", "PING"],
    ] });
    let (answers, ()) = tokio::join!(fixture.ask("/redis", commands), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        fixture.host.faults().redis().cut();
    });
    assert!(answers[0]["error"].is_string() && answers[1]["error"].is_string(), "{answers}");
    assert_eq!(ping(&fixture).await, ponged());
}

#[tokio::test]
async fn a_delay_makes_answers_late_and_no_more() {
    let fixture = Fixture::new().await;
    assert_eq!(ping(&fixture).await, ponged());
    fixture.host.faults().redis().delay(Duration::from_millis(150));
    let started = Instant::now();
    assert_eq!(ping(&fixture).await, ponged());
    assert!(started.elapsed() >= Duration::from_millis(150));
    fixture.host.faults().redis().heal();
    let started = Instant::now();
    assert_eq!(ping(&fixture).await, ponged());
    assert!(started.elapsed() < Duration::from_millis(150));
}

#[tokio::test]
async fn a_hanging_server_answers_nothing_and_goes_on_where_it_was() {
    let fixture = Fixture::new().await;
    assert_eq!(select(&fixture).await, selected());
    fixture.host.faults().postgres().hang();
    let waiting = select(&fixture);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(400), &mut waiting).await.is_err());
    fixture.host.faults().postgres().heal();
    let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap();
    assert_eq!(answer, selected());
}
