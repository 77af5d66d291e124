//! Replies of `execute`: nested arrays arrive as one flat list, as in Spin.

use redis::{ErrorKind, FromRedisValue, RedisError, Value};

use crate::bindings::redis::RedisResult;

/// The flat list.
pub(super) struct Reply(pub(super) Vec<RedisResult>);

impl FromRedisValue for Reply {
    fn from_redis_value(value: &Value) -> redis::RedisResult<Self> {
        let mut flat = Vec::new();
        flatten(value, &mut flat)?;
        Ok(Self(flat))
    }
}

fn flatten(value: &Value, flat: &mut Vec<RedisResult>) -> redis::RedisResult<()> {
    flat.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(*number),
        Value::Boolean(flag) => RedisResult::Int64((*flag).into()),
        Value::BulkString(bytes) => RedisResult::Binary(bytes.clone()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::BigNumber(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::SimpleString(text) => RedisResult::Status(text.clone()),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Array(items) | Value::Set(items) => {
            return items.iter().try_for_each(|item| flatten(item, flat));
        }
        Value::Map(_) => return Err(unsupported("Redis Map type is not supported")),
        Value::Attribute { .. } => {
            return Err(unsupported("Redis Attribute type is not supported"));
        }
        Value::VerbatimString { .. } => {
            return Err(unsupported("Redis string with format attribute is not supported"));
        }
        Value::Push { .. } => return Err(unsupported("Redis Pub/Sub types are not supported")),
        Value::ServerError(error) => {
            return Err(RedisError::from((ErrorKind::ResponseError, "Server error", format!("{error:?}"))));
        }
    });
    Ok(())
}

fn unsupported(what: &str) -> RedisError {
    RedisError::from((ErrorKind::TypeError, "Could not convert Redis response", what.to_owned()))
}

/// How much a reply occupies in the host, in bytes.
pub(super) fn memory(reply: &[RedisResult]) -> usize {
    let heap = |item: &RedisResult| match item {
        RedisResult::Nil | RedisResult::Int64(_) => 0,
        RedisResult::Binary(bytes) => bytes.len(),
        RedisResult::Status(text) => text.len(),
    };
    size_of_val(reply) + reply.iter().map(heap).sum::<usize>()
}
