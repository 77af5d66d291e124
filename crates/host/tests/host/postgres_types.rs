use serde_json::{Value, json};

use crate::fixture::{Fixture, database_url};

/// A type's SQL name, its WIT type, and values that come back as they went.
fn round_trips() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("bool", "Boolean", json!({ "boolean": true })),
        ("int2", "Int16", json!({ "int16": -32768 })),
        ("int4", "Int32", json!({ "int32": 2147483647 })),
        ("int8", "Int64", json!({ "int64": -9007199254740993_i64 })),
        ("float4", "Floating32", json!({ "floating32": 1.5 })),
        ("float8", "Floating64", json!({ "floating64": -2.25 })),
        ("text", "Str", json!({ "str": "häß ☃" })),
        ("varchar", "Str", json!({ "str": "" })),
        ("bpchar", "Str", json!({ "str": "b" })),
        ("bytea", "Binary", json!({ "binary": [0, 1, 255] })),
        ("date", "Date", json!({ "date": [2026, 2, 28] })),
        ("time", "Time", json!({ "time": [23, 59, 58, 123456000] })),
        ("timestamp", "Datetime", json!({ "datetime": [2026, 11, 23, 14, 5, 6, 7000] })),
        ("uuid", "Uuid", json!({ "uuid": "0192f0c1-2345-7abc-8def-0123456789ab" })),
        ("jsonb", "Jsonb", json!({ "jsonb": r#"{"a":[1,null]}"# })),
        ("numeric", "Decimal", json!({ "decimal": "-12345.6789" })),
        ("int4range", "RangeInt32", json!({ "range-int32": [[1, true], [5, false]] })),
        ("int8range", "RangeInt64", json!({ "range-int64": [[1, true], null] })),
        ("numrange", "RangeDecimal", json!({ "range-decimal": [["1.5", false], ["2.5", true]] })),
        ("int4[]", "ArrayInt32", json!({ "array-int32": [1, null, 3] })),
        ("int8[]", "ArrayInt64", json!({ "array-int64": [1, null, 3] })),
        ("numeric[]", "ArrayDecimal", json!({ "array-decimal": ["1.25", null] })),
        ("text[]", "ArrayStr", json!({ "array-str": ["a", null, ""] })),
        ("varchar[]", "ArrayStr", json!({ "array-str": [] })),
        ("interval", "Interval", json!({ "interval": [1_500_000, 3, 14] })),
    ]
}

#[tokio::test]
async fn every_type_round_trips() {
    let fixture = Fixture::new().await;
    for sync in [false, true] {
        for (sql, data_type, value) in round_trips() {
            let statement = json!({ "query": format!("select $1::{sql} as v"), "params": [value] });
            let ask = json!({ "address": database_url(), "sync": sync, "do": [statement] });
            let answer = fixture.ask("/postgres", ask).await;
            let expected = json!([{ "columns": [["v", format!("DbDataType::{data_type}")]], "rows": [[value]] }]);
            assert_eq!(answer, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn null_is_null_whatever_the_type() {
    let fixture = Fixture::new().await;
    for (sql, _, _) in round_trips() {
        let answers =
            fixture.postgres(json!([{ "query": format!("select $1::{sql} as v"), "params": ["null"] }])).await;
        assert_eq!(answers[0]["rows"], json!([["null"]]), "{sql}: {answers}");
    }
}

#[tokio::test]
async fn a_timestamptz_is_written_as_a_timestamp_but_cannot_be_read() {
    let fixture = Fixture::new().await;
    let answers = fixture
        .postgres(json!([
            { "query": "select extract(epoch from $1::timestamptz)::int8 as v",
                "params": [{ "timestamp": 1763907000 }] },
            { "query": "select now()" },
            { "query": "select now()::text is not null as v" },
        ]))
        .await;
    assert_eq!(answers[0]["rows"], json!([[{ "int64": 1763907000 }]]));
    let error = answers[1]["error"].as_str().unwrap();
    assert!(error.contains("QueryFailed") && error.contains("timestamptz"), "{error}");
    assert_eq!(answers[2]["rows"], json!([[{ "boolean": true }]]));
}

#[tokio::test]
async fn other_types_arrive_as_bytes() {
    let fixture = Fixture::new().await;
    let answers = fixture.postgres(json!([{ "query": "select '1.2.3.4'::inet as v, '{1}'::int2[] as w" }])).await;
    assert_eq!(answers[0]["columns"][0], json!(["v", "DbDataType::Other(\"inet\")"]));
    assert_eq!(answers[0]["rows"][0][0], json!({ "unsupported": [2, 32, 0, 4, 1, 2, 3, 4] }));
    assert_eq!(answers[0]["columns"][1], json!(["w", "DbDataType::Other(\"_int2\")"]));
}

#[tokio::test]
async fn values_that_do_not_exist_are_refused() {
    let fixture = Fixture::new().await;
    for (sql, value) in [
        ("date", json!({ "date": [2026, 2, 29] })),
        ("time", json!({ "time": [24, 0, 0, 0] })),
        ("timestamp", json!({ "datetime": [2026, 13, 1, 0, 0, 0, 0] })),
        ("numeric", json!({ "decimal": "1.2.3" })),
        ("numeric[]", json!({ "array-decimal": ["x"] })),
        ("numrange", json!({ "range-decimal": [["x", true], null] })),
        ("jsonb", json!({ "jsonb": "{" })),
    ] {
        let statement = json!({ "query": format!("select $1::{sql}"), "params": [value] });
        let answers = fixture.postgres(json!([statement])).await;
        let error = answers[0]["error"].as_str().unwrap_or_else(|| panic!("{sql}: {answers}"));
        assert!(error.contains("BadParameter"), "{sql}: {error}");
    }
}
