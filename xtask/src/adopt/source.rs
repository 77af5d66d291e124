//! Reads the old application's database: one snapshot, nothing locked, nothing written.
//!
//! Every value comes as text, because the old columns have types of many kinds; [`super::check`] parses it.

use anyhow::{Context, Result, bail};
use futures::Stream;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};

use super::check::HIGHEST_ID;
use super::map::Map;
use super::report::Report;
use crate::progress::say;

/// The old database, in one read-only transaction.
pub struct Source {
    connection: PgConnection,
    zone: Option<String>,
    /// The tables that are read, quoted.
    read: Vec<String>,
}

/// How the values of a column are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer.
    Id,
    /// A point in time.
    Instant,
    /// Anything else.
    Text,
}

/// A column by its name in the map.
pub struct Column {
    /// Its key in the map, and in the rows.
    pub name: &'static str,
    /// How it is read.
    pub kind: Kind,
    /// Whether there is no table without it.
    pub required: bool,
}

/// A table that is there.
pub struct Table {
    query: String,
    count: String,
    present: Vec<&'static str>,
    zoneless: Vec<&'static str>,
    /// The last id that its sequence has given, perhaps to a row that was deleted; 0 where there is none, or nobody may
    /// look.
    pub last: i64,
}

impl Table {
    /// Whether it has the column.
    pub fn has(&self, column: &str) -> bool {
        self.present.contains(&column)
    }

    /// Whether the instants of the column say no zone, and none is assumed.
    pub fn is_zoneless(&self, column: &str) -> bool {
        self.zoneless.contains(&column)
    }
}

impl Source {
    /// Connects, and begins the snapshot.
    pub async fn open(url: &str, zone: Option<&str>) -> Result<Self> {
        // SQLAlchemy names its driver in the scheme.
        let url = match url.split_once("://") {
            Some((scheme, rest)) => format!("{}://{rest}", scheme.split('+').next().unwrap_or(scheme)),
            None => url.to_owned(),
        };
        let options: PgConnectOptions = url.parse().context("--from is not a valid Postgres URL")?;
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let mut connection =
            options.connect().await.with_context(|| format!("no connection to the old database at {place}"))?;
        let begin = "begin isolation level repeatable read read only; \
             set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";
        sqlx::raw_sql(begin).execute(&mut connection).await?;
        // A database without an encoding gives its bytes only to whoever expects none: else the first that is not UTF-8
        // ends the whole query, and no row would be named.
        let bytes = "select set_config('client_encoding', 'SQL_ASCII', true) \
             where current_setting('server_encoding') = 'SQL_ASCII'";
        sqlx::raw_sql(bytes).execute(&mut connection).await?;
        if let Some(zone) = zone {
            // Of anything else Postgres makes a zone by the rules of POSIX, where `UTC+2` lies west of Greenwich.
            let known: bool = sqlx::query_scalar("select exists (select from pg_timezone_names where name = $1)")
                .bind(zone)
                .fetch_one(&mut connection)
                .await?;
            if !known {
                bail!("--assume-zone: `{zone}` is not the name of a time zone, such as UTC or Europe/Berlin");
            }
        }
        Ok(Self { connection, zone: zone.map(str::to_owned), read: Vec::new() })
    }

    /// Finds a table and its columns, and reports those that nothing reads. `None`: it is not there, which is reported,
    /// and the user has not named it.
    pub async fn table(
        &mut self,
        map: &Map,
        section: &str,
        columns: &[Column],
        report: &mut Report,
    ) -> Result<Option<Table>> {
        let Some(name) = map.name(section, "table") else {
            return Ok(None);
        };
        let quoted: Vec<String> = name.split('.').map(quote).collect();
        let quoted = quoted.join(".");
        if !self.has(&quoted).await? {
            if section == "todos" || map.is_given(section, "table") {
                bail!("the old database has no table `{name}` (see --print-map)");
            }
            report.leave_out_table(name, "it is not there");
            return Ok(None);
        }
        let mut expressions = Vec::new();
        let mut table =
            Table { query: String::new(), count: String::new(), present: Vec::new(), zoneless: Vec::new(), last: 0 };
        for column in columns {
            let expression = match map.name(section, column.name) {
                Some(old) => self.expression(&quoted, old, column, &mut table).await?,
                None => None,
            };
            if expression.is_none() && (column.required || map.is_given(section, column.name)) {
                let old = map.name(section, column.name).unwrap_or(column.name);
                bail!("the old table `{name}` has no column `{old}` (see --print-map)");
            }
            if expression.is_none() {
                say(&format!("the old table `{name}` has no column `{}`", column.name));
            }
            expressions.push(format!("{} as {}", expression.as_deref().unwrap_or("null::text"), quote(column.name)));
        }
        let names: Vec<&str> = columns.iter().filter_map(|column| map.name(section, column.name)).collect();
        report.leave_out_columns(section, &self.others(&quoted, &names).await?);
        if let Some(id) = map.name(section, "id").filter(|_| table.has("id")) {
            table.last = self.last(&quoted, id).await?;
            if table.last > HIGHEST_ID {
                report.refuse(section, "sequence", "id", &format!("has given {}, above {HIGHEST_ID}", table.last));
            }
        }
        let order: Vec<String> = columns
            .iter()
            .filter(|column| column.kind == Kind::Id && column.required)
            .filter_map(|column| map.name(section, column.name).map(|old| format!("old.{}", quote(old))))
            .collect();
        table.query = format!("select {} from {quoted} as old order by {}", expressions.join(", "), order.join(", "));
        table.count = format!("select count(*) from {quoted}");
        self.read.push(quoted);
        Ok(Some(table))
    }

    async fn has(&mut self, quoted: &str) -> Result<bool> {
        let found = sqlx::query_scalar("select to_regclass($1) is not null");
        Ok(found.bind(quoted).fetch_one(&mut self.connection).await?)
    }

    /// The other tables and views in the schemas of those that are read. Partitions are read with the whole, and what
    /// an extension has made is no data of the application.
    pub async fn unread(&mut self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(
            "with known as (
                 select c.oid, c.relnamespace from unnest($1::text[]) as name join pg_class c \
                 on c.oid = to_regclass(name)
             )
             select c.oid::regclass::text from pg_class c
             where c.relkind in ('r', 'p', 'v') and c.relnamespace in (select relnamespace from known)
               and c.oid not in (select oid from known)
               and not exists (select from pg_inherits where inhrelid = c.oid)
               and not exists (
                   select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
               )
             order by c.relname, c.oid",
        )
        .bind(&self.read)
        .fetch_all(&mut self.connection)
        .await?)
    }

    /// The last number of the sequence that gives a column's ids. Only a role that may look does: an error would end
    /// the snapshot.
    async fn last(&mut self, quoted: &str, column: &str) -> Result<i64> {
        let last: Option<Option<i64>> = sqlx::query_scalar(
            "select pg_sequence_last_value(sequence)
             from (select pg_get_serial_sequence($1, $2)::regclass) as of_column (sequence)
             where has_sequence_privilege(sequence, 'SELECT, USAGE')",
        )
        .bind(quoted)
        .bind(column)
        .fetch_optional(&mut self.connection)
        .await?;
        Ok(last.flatten().unwrap_or(0))
    }

    /// The table's columns besides these.
    async fn others(&mut self, quoted: &str, names: &[&str]) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(
            "select attname::text from pg_attribute
             where attrelid = to_regclass($1) and attname <> all ($2) and attnum > 0 and not attisdropped
             order by attnum",
        )
        .bind(quoted)
        .bind(names)
        .fetch_all(&mut self.connection)
        .await?)
    }

    /// SQL for the text of a column; `None` if the table has no such column.
    async fn expression(
        &mut self,
        quoted: &str,
        old: &str,
        column: &Column,
        table: &mut Table,
    ) -> Result<Option<String>> {
        let kind: Option<String> = sqlx::query_scalar(
            "select atttypid::regtype::text from pg_attribute
             where attrelid = to_regclass($1) and attname = $2 and attnum > 0 and not attisdropped",
        )
        .bind(quoted)
        .bind(old)
        .fetch_optional(&mut self.connection)
        .await?;
        let Some(kind) = kind else {
            return Ok(None);
        };
        table.present.push(column.name);
        let value = format!("old.{}", quote(old));
        let utc = |value: &str| format!("(to_json(({value}) at time zone 'UTC') #>> '{{}}') || 'Z'");
        Ok(Some(match (column.kind, kind.as_str()) {
            (Kind::Text, _) | (Kind::Id, "smallint" | "integer" | "bigint") => format!("{value}::text"),
            (Kind::Id, _) => bail!("the old column {quoted}.{old} is of type {kind}; ids must be integers"),
            (Kind::Instant, "timestamp with time zone") => utc(&value),
            (Kind::Instant, "timestamp without time zone" | "date") => match &self.zone {
                Some(zone) => utc(&format!("{value}::timestamp at time zone '{}'", zone.replace('\'', "''"))),
                None => {
                    table.zoneless.push(column.name);
                    format!("{value}::text")
                }
            },
            (Kind::Instant, _) => bail!("the old column {quoted}.{old} is of type {kind}, which is no point in time"),
        }))
    }

    /// How many rows the table has.
    pub async fn count(&mut self, table: &Table) -> Result<i64> {
        Ok(sqlx::query_scalar(AssertSqlSafe(table.count.clone())).fetch_one(&mut self.connection).await?)
    }

    /// Its rows, in the order of their ids.
    pub fn rows(&mut self, table: &Table) -> impl Stream<Item = sqlx::Result<PgRow>> {
        sqlx::query(AssertSqlSafe(table.query.clone())).fetch(&mut self.connection)
    }
}

/// The text of a column; `None` where it is null or not there. It is no text where a database without an encoding
/// (`SQL_ASCII`) holds what is not UTF-8.
pub fn text(row: &PgRow, column: &str) -> sqlx::Result<Option<String>> {
    row.try_get(column)
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
