//! Redis: `{"address", "do": [["set", "key", "value"], …]}`, all on one connection, answered in order.

use serde_json::{Value, json};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

pub async fn run(input: &Value) -> Value {
    let address = input["address"].as_str().unwrap_or_default();
    let connection = match Connection::open(address).await {
        Ok(connection) => connection,
        Err(error) => return json!({ "open": format!("{error:?}") }),
    };
    let mut answers = Vec::new();
    for command in input["do"].as_array().into_iter().flatten() {
        let words: Vec<&Value> = command.as_array().into_iter().flatten().collect();
        answers.push(one(&connection, &words).await.unwrap_or_else(|error| json!({ "error": format!("{error:?}") })));
    }
    Value::Array(answers)
}

async fn one(connection: &Connection, words: &[&Value]) -> Result<Value, Error> {
    let text = |index: usize| words.get(index).and_then(|word| word.as_str()).unwrap_or_default();
    let rest: Vec<&str> = words.iter().skip(2).filter_map(|word| word.as_str()).collect();
    Ok(match text(0) {
        "publish" => connection.publish(text(1), text(2)).await.map(|()| Value::Null)?,
        "get" => match connection.get(text(1)).await? {
            Some(value) => json!(String::from_utf8_lossy(&value)),
            None => Value::Null,
        },
        "set" => connection.set(text(1), text(2)).await.map(|()| Value::Null)?,
        "incr" => json!(connection.incr(text(1)).await?),
        "del" => json!(connection.del(words.iter().skip(1).filter_map(|word| word.as_str())).await?),
        "sadd" => json!(connection.sadd(text(1), rest).await?),
        "smembers" => {
            let mut members = connection.smembers(text(1)).await?;
            members.sort();
            json!(members)
        }
        "srem" => json!(connection.srem(text(1), rest).await?),
        "execute" => {
            let arguments: Vec<RedisParameter> = words.iter().skip(2).map(|word| parameter(word)).collect();
            connection.execute(text(1), arguments).await?.iter().map(result).collect()
        }
        _ => json!("unknown operation"),
    })
}

fn parameter(word: &Value) -> RedisParameter {
    match word.as_i64() {
        Some(number) => RedisParameter::Int64(number),
        None => RedisParameter::Binary(word.as_str().unwrap_or_default().into()),
    }
}

fn result(result: &RedisResult) -> Value {
    match result {
        RedisResult::Nil => json!("nil"),
        RedisResult::Status(status) => json!({ "status": status }),
        RedisResult::Int64(number) => json!({ "int64": number }),
        RedisResult::Binary(bytes) => json!({ "binary": String::from_utf8_lossy(bytes) }),
    }
}
