use serde_json::{Value, json};

use crate::fixture::{Fixture, Setup, redis_url, unique};

#[tokio::test]
async fn every_function_works() {
    let fixture = Fixture::new().await;
    let (key, set, number) = (unique("key"), unique("set"), unique("number"));
    let answers = fixture
        .redis(json!([
            ["get", key],
            ["set", key, "value"],
            ["get", key],
            ["incr", number],
            ["incr", number],
            ["sadd", set, "a", "b", "a"],
            ["smembers", set],
            ["srem", set, "a", "c"],
            ["del", key, set, number, "absent"],
            ["publish", "channel", "message"],
        ]))
        .await;
    assert_eq!(answers, json!([null, null, "value", 1, 2, 2, ["a", "b"], 1, 3, null]));
    assert_eq!(fixture.counters().redis_opens, 1);
    assert_eq!(fixture.counters().redis_calls, 10);
}

#[tokio::test]
async fn replies_of_execute_keep_their_kinds_and_are_flattened() {
    let fixture = Fixture::new().await;
    let answers = fixture
        .redis(json!([
            ["execute", "PING"],
            ["execute", "EVAL", "return {1, {'two', {3, false}}, redis.status_reply('FINE')}", 0],
            ["execute", "EVAL", "return tonumber(ARGV[1]) + 1", 0, 41],
            ["execute", "EVAL", "return {}", 0],
        ]))
        .await;
    let expected = json!([
        [{ "status": "PONG" }],
        [{ "int64": 1 }, { "binary": "two" }, { "int64": 3 }, "nil", { "status": "FINE" }],
        [{ "int64": 42 }],
        [],
    ]);
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn errors_of_the_server_are_passed_on() {
    let fixture = Fixture::new().await;
    let key = unique("key");
    let answers = fixture
        .redis(json!([
            ["set", key, "text"],
            ["incr", key],
            ["sadd", key, "a"],
            ["execute", "EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", 0],
            ["execute", "NONSENSE"],
            ["get", key],
        ]))
        .await;
    let text = |index: usize| answers[index]["error"].as_str().unwrap().to_owned();
    assert!(text(1).contains("not an integer"), "{}", text(1));
    assert!(text(2).contains("WRONGTYPE"), "{}", text(2));
    assert!(text(3).contains("NOSCRIPT") || text(3).contains("NoScriptError"), "{}", text(3));
    assert!(text(4).contains("unknown command"), "{}", text(4));
    assert_eq!(answers[5], "text", "the connection lives");
}

async fn open_error(fixture: &Fixture, address: &str) -> String {
    let answer: Value = fixture.ask("/redis", json!({ "address": address, "do": [] })).await;
    answer["open"].as_str().unwrap_or_else(|| panic!("{address} was opened")).to_owned()
}

#[tokio::test]
async fn only_hosts_in_the_manifest_can_be_opened() {
    let fixture = Fixture::start(Setup { allowed: &["redis://127.0.0.1:1"], ..Setup::default() }).await;
    assert!(open_error(&fixture, &redis_url()).await.contains("InvalidAddress"));
    assert!(open_error(&fixture, "nonsense").await.contains("InvalidAddress"));
    assert_eq!(fixture.counters().redis_opens, 0);
    assert!(open_error(&fixture, "redis://127.0.0.1:1").await.contains("Other"));
}
