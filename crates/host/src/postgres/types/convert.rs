//! Conversions between WIT's tuples and texts and the types of the driver.

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::bindings::pg::RangeBoundKind;

type WitDate = (i32, u8, u8);
type WitTime = (u8, u8, u8, u32);
type WitDatetime = (i32, u8, u8, u8, u8, u8, u32);
type WitBound<T> = Option<(T, RangeBoundKind)>;
type WitRange<T> = (WitBound<T>, WitBound<T>);

pub(super) fn date(value: NaiveDate) -> Result<WitDate> {
    Ok((value.year(), value.month().try_into()?, value.day().try_into()?))
}

pub(super) fn to_date((year, month, day): WitDate) -> Result<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| anyhow!("invalid date y={year}, m={month}, d={day}"))
}

pub(super) fn time(value: NaiveTime) -> Result<WitTime> {
    Ok((value.hour().try_into()?, value.minute().try_into()?, value.second().try_into()?, value.nanosecond()))
}

pub(super) fn to_time((hour, minute, second, nanosecond): WitTime) -> Result<NaiveTime> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
        .ok_or_else(|| anyhow!("invalid time {hour}:{minute}:{second}:{nanosecond}"))
}

pub(super) fn datetime(value: NaiveDateTime) -> Result<WitDatetime> {
    let (year, month, day) = date(value.date())?;
    let (hour, minute, second, nanosecond) = time(value.time())?;
    Ok((year, month, day, hour, minute, second, nanosecond))
}

pub(super) fn to_datetime(value: WitDatetime) -> Result<NaiveDateTime> {
    let (year, month, day, hour, minute, second, nanosecond) = value;
    Ok(to_date((year, month, day))?.and_time(to_time((hour, minute, second, nanosecond))?))
}

/// `value` is in seconds since the Unix epoch.
pub(super) fn to_timestamp(value: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp(value, 0).ok_or_else(|| anyhow!("invalid epoch timestamp {value}"))
}

pub(super) fn to_uuid(value: &str) -> Result<Uuid> {
    Uuid::parse_str(value).with_context(|| format!("invalid UUID {value}"))
}

pub(super) fn to_json(value: &[u8]) -> Result<serde_json::Value> {
    serde_json::from_slice(value).with_context(|| format!("invalid JSON {}", String::from_utf8_lossy(value)))
}

/// Refuses what [`Decimal`] would have to round.
pub(super) fn to_decimal(value: &str) -> Result<Decimal> {
    Decimal::from_str_exact(value).with_context(|| format!("invalid decimal {value}"))
}

pub(super) fn range<T, U>(value: &Range<T>, convert: impl Fn(&T) -> U) -> WitRange<U>
where
    T: Normalizable + PartialOrd,
{
    (value.lower().map(|bound| from_bound(bound, &convert)), value.upper().map(|bound| from_bound(bound, &convert)))
}

pub(super) fn to_range<T, U>(value: &WitRange<U>, convert: impl Fn(&U) -> Result<T>) -> Result<Range<T>>
where
    T: Normalizable + PartialOrd,
{
    let (lower, upper) = value;
    Ok(Range::new(
        lower.as_ref().map(|bound| to_bound(bound, &convert)).transpose()?,
        upper.as_ref().map(|bound| to_bound(bound, &convert)).transpose()?,
    ))
}

fn from_bound<S: BoundSided, T, U>(bound: &RangeBound<S, T>, convert: &impl Fn(&T) -> U) -> (U, RangeBoundKind) {
    let kind = match bound.type_ {
        BoundType::Inclusive => RangeBoundKind::Inclusive,
        BoundType::Exclusive => RangeBoundKind::Exclusive,
    };
    (convert(&bound.value), kind)
}

fn to_bound<S: BoundSided, T: PartialOrd, U>(
    (value, kind): &(U, RangeBoundKind),
    convert: &impl Fn(&U) -> Result<T>,
) -> Result<RangeBound<S, T>> {
    let kind = match kind {
        RangeBoundKind::Inclusive => BoundType::Inclusive,
        RangeBoundKind::Exclusive => BoundType::Exclusive,
    };
    Ok(RangeBound::new(convert(value)?, kind))
}
