//! Postgres: `{"address", "ca_root"?, "sync"?, "do": [{"query" | "execute": sql, "params": […]}, …]}`, on one
//! connection.

use serde_json::{Value, json};
use spin_sdk::pg::wit::postgres::{Connection, ConnectionBuilder, DbValue, Error, ParameterValue, QueryError};

use crate::value;

pub async fn run(input: &Value) -> Value {
    let sync = input["sync"].as_bool().unwrap_or_default();
    let connection = match open(input, sync).await {
        Ok(connection) => connection,
        Err(error) => return json!({ "open": describe(&error) }),
    };
    let mut answers = Vec::new();
    for statement in input["do"].as_array().into_iter().flatten() {
        let answer = one(&connection, statement, sync).await;
        answers.push(answer.unwrap_or_else(|error| json!({ "error": describe(&error) })));
    }
    Value::Array(answers)
}

async fn open(input: &Value, sync: bool) -> Result<Connection, Error> {
    let address = input["address"].as_str().unwrap_or_default().to_owned();
    match (input["ca_root"].as_str(), sync) {
        (Some(certificate), _) => {
            let builder = ConnectionBuilder::new(&address);
            builder.set_ca_root(certificate)?;
            if sync { builder.build() } else { builder.build_async().await }
        }
        (None, true) => Connection::open(&address),
        (None, false) => Connection::open_async(address).await,
    }
}

async fn one(connection: &Connection, statement: &Value, sync: bool) -> Result<Value, Error> {
    let params: Vec<ParameterValue> =
        statement["params"].as_array().into_iter().flatten().map(value::parameter).collect();
    if let Some(sql) = statement["execute"].as_str() {
        let touched = match sync {
            true => connection.execute(sql, &params)?,
            false => connection.execute_async(sql.to_owned(), params).await?,
        };
        return Ok(json!(touched));
    }
    let sql = statement["query"].as_str().unwrap_or_default();
    let (columns, rows) = match sync {
        true => {
            let set = connection.query(sql, &params)?;
            (set.columns, set.rows)
        }
        false => {
            let (columns, stream, end) = connection.query_async(sql.to_owned(), params).await?;
            let mut rows = stream.collect().await;
            if let Some(most) = statement["most"].as_u64() {
                rows.truncate(most.try_into().unwrap_or(usize::MAX));
            }
            end.await?;
            (columns, rows)
        }
    };
    let columns: Vec<Value> =
        columns.iter().map(|column| json!([column.name, format!("{:?}", column.data_type)])).collect();
    let rows: Vec<Vec<Value>> = rows.iter().map(|row: &Vec<DbValue>| row.iter().map(value::result).collect()).collect();
    Ok(json!({ "columns": columns, "rows": rows }))
}

fn describe(error: &Error) -> Value {
    match error {
        Error::QueryFailed(QueryError::DbError(db)) => json!({
            "severity": db.severity,
            "code": db.code,
            "message": db.message,
            "detail": db.detail,
            "extras": db.extras.iter().map(|(name, value)| (name.clone(), json!(value)))
                .collect::<serde_json::Map<_, _>>(),
        }),
        other => json!(format!("{other:?}")),
    }
}
