use serde_json::{Value, json};

use crate::fixture::{Fixture, Setup, database_url, unique};

#[tokio::test]
async fn errors_carry_sqlstate_constraint_and_the_rest() {
    let fixture = Fixture::new().await;
    let table = unique("errors");
    let answers = fixture
        .postgres(json!([
            { "execute": format!("create temp table {table} (id int constraint {table}_key primary key, n int not \
                null)") },
            { "execute": format!("insert into {table} values (1, 1)") },
            { "execute": format!("insert into {table} values (1, 1)") },
            { "query": format!("insert into {table} values (1, 1) returning id") },
            { "execute": format!("insert into {table} values (2, null)") },
            { "query": "select nonsense" },
            { "query": "select 1/(1-n) from generate_series(0, 1) n" },
        ]))
        .await;
    assert_eq!(answers[1], json!(1));
    for index in [2, 3] {
        let error = &answers[index]["error"];
        assert_eq!(error["code"], "23505", "{error}");
        assert_eq!(error["severity"], "ERROR");
        assert_eq!(error["extras"]["constraint"], format!("{table}_key"));
        assert_eq!(error["extras"]["table"], *table);
        assert!(error["message"].as_str().unwrap().contains("duplicate key"));
        assert!(error["detail"].as_str().unwrap().contains("(id)=(1)"));
    }
    assert_eq!(answers[4]["error"]["code"], "23502");
    assert_eq!(answers[4]["error"]["extras"]["column"], "n");
    assert_eq!(answers[5]["error"]["code"], "42703");
    // This one fails after its first row, so it comes out of the stream's end.
    assert_eq!(answers[6]["error"]["code"], "22012");
}

#[tokio::test]
async fn functions_that_are_not_async_do_the_same() {
    let fixture = Fixture::new().await;
    let answers = fixture
        .ask(
            "/postgres",
            json!({ "address": database_url(), "sync": true, "do": [
                { "query": "select $1::int8 as a, 'b'::text as b", "params": [{ "int64": 5 }] },
                { "execute": "select 1" },
                { "query": "select nonsense" },
                { "query": "select 1 where false" },
            ] }),
        )
        .await;
    let expected = json!({
        "columns": [["a", "DbDataType::Int64"], ["b", "DbDataType::Str"]],
        "rows": [[{ "int64": 5 }, { "str": "b" }]],
    });
    assert_eq!(answers[0], expected);
    assert_eq!(answers[1], json!(1));
    assert_eq!(answers[2]["error"]["code"], "42703");
    assert_eq!(answers[3], json!({ "columns": [], "rows": [] }));
}

#[tokio::test]
async fn rows_stream_and_none_means_no_columns() {
    let fixture = Fixture::new().await;
    let answers = fixture
        .postgres(json!([
            { "query": "select n from generate_series(1, 1000) n" },
            { "query": "select 1 where false" },
        ]))
        .await;
    let rows = answers[0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1000);
    assert_eq!(rows[999], json!([{ "int32": 1000 }]));
    assert_eq!(answers[1], json!({ "columns": [], "rows": [] }));
}

#[tokio::test]
async fn a_connection_goes_back_to_the_pool_and_is_reset() {
    let fixture = Fixture::new().await;
    let ask = json!([
        { "query": "select pg_backend_pid() as pid, current_setting('application_name') as name" },
        { "execute": "set application_name = 'changed'" },
    ]);
    let first = fixture.postgres(ask.clone()).await;
    let second = fixture.postgres(ask).await;
    assert_eq!(first[0]["rows"][0][0], second[0]["rows"][0][0], "the same server process");
    assert_eq!(second[0]["rows"][0][1], first[0]["rows"][0][1], "its settings were reset");
    assert_eq!(fixture.counters().postgres_opens, 2);
    assert_eq!(fixture.counters().statements, 4);
}

#[tokio::test]
async fn parameters_that_cannot_be_converted_are_the_callers_fault() {
    let fixture = Fixture::new().await;
    let answers = fixture
        .postgres(json!([
            { "query": "select $1::uuid", "params": [{ "uuid": "nonsense" }] },
            { "execute": "select $1::uuid", "params": [{ "uuid": "nonsense" }] },
            { "query": "select $1::int4", "params": [{ "int64": 1 }] },
        ]))
        .await;
    let text = |index: usize| answers[index]["error"].as_str().unwrap().to_owned();
    assert!(text(0).contains("BadParameter") && text(0).contains("invalid UUID"), "{}", text(0));
    assert!(text(1).contains("ValueConversionFailed"), "{}", text(1));
    assert!(text(2).contains("QueryFailed"), "{}", text(2));
}

async fn open_error(fixture: &Fixture, address: &str) -> String {
    let answer = fixture.ask("/postgres", json!({ "address": address, "do": [] })).await;
    answer["open"].as_str().unwrap_or_else(|| panic!("{address} was opened: {answer}")).to_owned()
}

#[tokio::test]
async fn only_hosts_in_the_manifest_can_be_opened() {
    let fixture = Fixture::start(Setup { allowed: &["postgres://127.0.0.1:1"], ..Setup::default() }).await;
    for address in [database_url(), "postgres://127.0.0.1:2/x".to_owned(), "host=127.0.0.1,127.0.0.2 port=1".to_owned()]
    {
        let error = open_error(&fixture, &address).await;
        assert!(error.contains("is not permitted"), "{error}");
    }
    assert_eq!(fixture.counters().postgres_opens, 0);
    let socket = open_error(&fixture, "host=/var/run/postgresql").await;
    assert!(socket.contains("Unix sockets are not supported"), "{socket}");
    let hostaddr = open_error(&fixture, "host=127.0.0.1 port=1 hostaddr=127.0.0.2").await;
    assert!(hostaddr.contains("hostaddr"), "{hostaddr}");
    let nonsense = open_error(&fixture, "nonsense").await;
    assert!(nonsense.contains("ConnectionFailed"), "{nonsense}");
    let closed = open_error(&fixture, "postgres://127.0.0.1:1/x").await;
    assert!(closed.contains("ConnectionFailed"), "{closed}");
}

#[tokio::test]
async fn tls_that_the_server_lacks_and_authorities_that_are_none_fail_the_opening() {
    let fixture = Fixture::new().await;
    let separator = if database_url().contains('?') { '&' } else { '?' };
    let error = open_error(&fixture, &format!("{}{separator}sslmode=require", database_url())).await;
    assert!(error.contains("ConnectionFailed"), "{error}");
    let answer: Value =
        fixture.ask("/postgres", json!({ "address": database_url(), "ca_root": "nonsense", "do": [] })).await;
    assert!(answer["open"].as_str().unwrap().contains("invalid root certificate"), "{answer}");
}
