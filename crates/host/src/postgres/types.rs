//! Which Postgres type is which WIT type, in both directions. The conversions themselves are in `convert`.
//!
//! Two oddities are Spin's and kept: `timestamptz` announces itself as `datetime` but reading one fails the query, and
//! every type that is not listed arrives as `unsupported` bytes.

mod convert;
mod wire;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use self::wire::{Null, Raw, WireDecimal, WireInterval};
use crate::bindings::pg::{Column, DbDataType, DbValue, Error, ParameterValue};

/// A parameter as the driver wants it.
pub(crate) type Parameter = Box<dyn ToSql + Send + Sync>;

/// The columns of a row, with their types.
pub(crate) fn columns(row: &Row) -> Vec<Column> {
    row.columns()
        .iter()
        .map(|column| Column { name: column.name().to_owned(), data_type: data_type(column.type_()) })
        .collect()
}

/// All values of a row.
pub(crate) fn values(row: &Row) -> anyhow::Result<Vec<DbValue>> {
    row.columns().iter().enumerate().map(|(index, column)| value(row, index, column.type_())).collect()
}

/// All parameters of a statement.
pub(crate) fn parameters(values: &[ParameterValue]) -> Result<Vec<Parameter>, Error> {
    values
        .iter()
        .map(parameter)
        .collect::<anyhow::Result<_>>()
        .map_err(|error| Error::BadParameter(format!("{error:#}")))
}

fn data_type(ty: &Type) -> DbDataType {
    match *ty {
        Type::BOOL => DbDataType::Boolean,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::BYTEA => DbDataType::Binary,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(ty.name().to_owned()),
    }
}

fn value(row: &Row, index: usize, ty: &Type) -> anyhow::Result<DbValue> {
    match *ty {
        Type::BOOL => read(row, index, |v| Ok(DbValue::Boolean(v))),
        Type::INT2 => read(row, index, |v| Ok(DbValue::Int16(v))),
        Type::INT4 => read(row, index, |v| Ok(DbValue::Int32(v))),
        Type::INT8 => read(row, index, |v| Ok(DbValue::Int64(v))),
        Type::FLOAT4 => read(row, index, |v| Ok(DbValue::Floating32(v))),
        Type::FLOAT8 => read(row, index, |v| Ok(DbValue::Floating64(v))),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => read(row, index, |v| Ok(DbValue::Str(v))),
        Type::BYTEA => read(row, index, |v| Ok(DbValue::Binary(v))),
        Type::DATE => read(row, index, |v| Ok(DbValue::Date(convert::date(v)?))),
        Type::TIME => read(row, index, |v| Ok(DbValue::Time(convert::time(v)?))),
        // The driver refuses to read `timestamptz` as a naive date-time: that is the failure described above.
        Type::TIMESTAMP | Type::TIMESTAMPTZ => read(row, index, |v| Ok(DbValue::Datetime(convert::datetime(v)?))),
        Type::UUID => read(row, index, |v: uuid::Uuid| Ok(DbValue::Uuid(v.to_string()))),
        Type::JSONB => read(row, index, |v: serde_json::Value| Ok(DbValue::Jsonb(serde_json::to_vec(&v)?))),
        Type::NUMERIC => read(row, index, |v: rust_decimal::Decimal| Ok(DbValue::Decimal(v.to_string()))),
        Type::INT4_RANGE => read(row, index, |v| Ok(DbValue::RangeInt32(convert::range(&v, |n: &i32| *n)))),
        Type::INT8_RANGE => read(row, index, |v| Ok(DbValue::RangeInt64(convert::range(&v, |n: &i64| *n)))),
        Type::NUM_RANGE => {
            read(row, index, |v| Ok(DbValue::RangeDecimal(convert::range(&v, |n: &WireDecimal| n.0.to_string()))))
        }
        Type::INT4_ARRAY => read(row, index, |v| Ok(DbValue::ArrayInt32(v))),
        Type::INT8_ARRAY => read(row, index, |v| Ok(DbValue::ArrayInt64(v))),
        Type::NUMERIC_ARRAY => read(row, index, |v: Vec<Option<rust_decimal::Decimal>>| {
            let texts = v.into_iter().map(|d| d.map(|d| d.to_string())).collect();
            Ok(DbValue::ArrayDecimal(texts))
        }),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => read(row, index, |v| Ok(DbValue::ArrayStr(v))),
        Type::INTERVAL => read(row, index, |v: WireInterval| Ok(DbValue::Interval(v.0))),
        _ => read(row, index, |v: Raw| Ok(DbValue::Unsupported(v.0))),
    }
}

/// Reads one value; NULL is NULL whatever the type.
fn read<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    wrap: impl FnOnce(T) -> anyhow::Result<DbValue>,
) -> anyhow::Result<DbValue> {
    row.try_get::<_, Option<T>>(index)?.map_or(Ok(DbValue::DbNull), wrap)
}

fn parameter(value: &ParameterValue) -> anyhow::Result<Parameter> {
    Ok(match value {
        ParameterValue::Boolean(v) => Box::new(*v),
        ParameterValue::Int8(v) => Box::new(*v),
        ParameterValue::Int16(v) => Box::new(*v),
        ParameterValue::Int32(v) => Box::new(*v),
        ParameterValue::Int64(v) => Box::new(*v),
        ParameterValue::Floating32(v) => Box::new(*v),
        ParameterValue::Floating64(v) => Box::new(*v),
        ParameterValue::Str(v) => Box::new(v.clone()),
        ParameterValue::Binary(v) => Box::new(v.clone()),
        ParameterValue::Date(v) => Box::new(convert::to_date(*v)?),
        ParameterValue::Time(v) => Box::new(convert::to_time(*v)?),
        ParameterValue::Datetime(v) => Box::new(convert::to_datetime(*v)?),
        ParameterValue::Timestamp(v) => Box::new(convert::to_timestamp(*v)?),
        ParameterValue::Uuid(v) => Box::new(convert::to_uuid(v)?),
        ParameterValue::Jsonb(v) => Box::new(convert::to_json(v)?),
        ParameterValue::Decimal(v) => Box::new(convert::to_decimal(v)?),
        ParameterValue::RangeInt32(v) => Box::new(convert::to_range(v, |n: &i32| Ok(*n))?),
        ParameterValue::RangeInt64(v) => Box::new(convert::to_range(v, |n: &i64| Ok(*n))?),
        ParameterValue::RangeDecimal(v) => {
            Box::new(convert::to_range(v, |n: &String| Ok(WireDecimal(convert::to_decimal(n)?)))?)
        }
        ParameterValue::ArrayInt32(v) => Box::new(v.clone()),
        ParameterValue::ArrayInt64(v) => Box::new(v.clone()),
        ParameterValue::ArrayDecimal(v) => Box::new(
            v.iter().map(|n| n.as_deref().map(convert::to_decimal).transpose()).collect::<anyhow::Result<Vec<_>>>()?,
        ),
        ParameterValue::ArrayStr(v) => Box::new(v.clone()),
        ParameterValue::Interval(v) => Box::new(WireInterval(*v)),
        ParameterValue::DbNull => Box::new(Null),
    })
}
