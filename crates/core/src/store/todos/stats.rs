//! Counts over the live todos of a workspace.

use crate::domain::stats::Stats;
use serde::de::DeserializeOwned;

use crate::caller::{Caller, WorkspaceId};
use crate::error::{Error, Fault, Result};
use crate::store::pg::{Param, Pg, PgFailure, Statement};

/// The counts; `tz` is the IANA name of the time zone whose day `due_today` means.
///
/// # Errors
/// [`Error::Invalid`] at the parameter `tz` if Postgres knows no such zone.
pub async fn stats(pg: &Pg, caller: &Caller, tz: &str) -> Result<Stats> {
    read(pg, caller, tz, stats_sql(caller.workspace, tz)).await
}

/// Reads one JSON document by a statement that the time zone `tz` is part of.
pub(super) async fn read<T: DeserializeOwned>(pg: &Pg, caller: &Caller, tz: &str, statement: Statement) -> Result<T> {
    const INVALID_PARAMETER: &str = "22023";
    if !is_zone_name(tz) {
        return Err(unknown_zone());
    }
    match pg.read(&caller.meter, statement).await {
        Ok(rows) => rows.one()?.json(),
        Err(PgFailure::Refused(refusal)) if refusal.code == INVALID_PARAMETER => Err(unknown_zone()),
        Err(failure) => Err(failure.into()),
    }
}

/// The statement of [`stats`].
pub fn stats_sql(workspace: WorkspaceId, tz: &str) -> Statement {
    Statement::new(SQL, vec![Param::Int(workspace.0), Param::Text(tz.to_owned())])
}

/// The text of [`stats_sql`].
pub(super) const SQL: &str = include_str!("../sql/stats.sql");

fn unknown_zone() -> Error {
    let detail = "must be the name of a time zone of the IANA database, such as Europe/Berlin";
    Error::Invalid(vec![Fault::parameter("tz", "invalid_value", detail)])
}

/// The names of the IANA database that have no slash: there are no others, and no new ones are made.
const PLAIN_ZONES: &str = "CET CST6CDT Cuba EET EST EST5EDT Egypt Eire Factory GB GB-Eire GMT GMT+0 GMT-0 GMT0 \
                           Greenwich HST Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ \
                           NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey UCT UTC Universal W-SU \
                           WET Zulu";

/// Postgres also takes abbreviations and POSIX rules (`CEST`, `XYZ+3`), which are no names of the IANA database.
fn is_zone_name(tz: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+');
    // Postgres would read `Etc/X+3` as a rule for a zone called `Etc/X`.
    let zone_of_fixed_offset = tz.strip_prefix("Etc/GMT").is_some();
    let has_digits = tz.bytes().any(|b| b.is_ascii_digit() || b == b'+');
    let has_place = tz.contains('/') && tz.starts_with(|c: char| c.is_ascii_uppercase());
    let in_region = tz.len() <= 64 && tz.bytes().all(allowed) && has_place && (zone_of_fixed_offset || !has_digits);
    in_region || PLAIN_ZONES.split_ascii_whitespace().any(|zone| zone == tz)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_zones_are_told_from_rules_and_abbreviations() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+5"] {
            assert!(is_zone_name(name), "{name}");
        }
        for name in ["GMT", "CET", "EST5EDT", "Japan", "NZ", "Singapore", "GMT+0"] {
            assert!(is_zone_name(name), "{name}");
        }
        for other in [
            "",
            "CEST",
            "PDT",
            "japan",
            "GMT+5",
            "EST5",
            "XYZ+3",
            "Abc/Def+3",
            "Etc/X+3",
            "europe/berlin",
            "Europe/Berlin'",
            "+02:00",
        ] {
            assert!(!is_zone_name(other), "{other}");
        }
    }
}
