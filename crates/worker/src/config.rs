//! The worker's few settings: where Postgres and Redis are. The API component checks them and reports what is wrong.

use std::time::Duration;

use spin_sdk::variables;
use todo_core::cache::CacheSettings;
use todo_core::log::Level;
use todo_core::usecases::PgSettings;

/// What the worker is told.
pub struct WorkerSettings {
    pub postgres: PgSettings,
    pub redis: CacheSettings,
    /// How long a worker may be silent before another takes its job: 15 s with the usual `database_timeout_ms`.
    pub lease: Duration,
}

/// Reads the variables of the component; the error names the one that is wrong.
pub async fn read() -> Result<WorkerSettings, String> {
    let deadline = milliseconds("database_timeout_ms").await?;
    // No statement is running any more after this time, nor is a connection being opened for it.
    let longer_than_any_statement = deadline * 2 + Duration::from_secs(5);
    let postgres = PgSettings {
        url: text("database_url").await?,
        authority: Some(text("database_ca").await?.trim().to_owned()).filter(|text| !text.is_empty()),
        // Nobody waits for the worker, so it may wait for its turn.
        wait_deadline: deadline,
        statement_deadline: deadline,
        retry_after: Duration::from_secs(1),
    };
    let redis = CacheSettings {
        url: text("redis_url").await?,
        // Nobody waits for the worker, so it gives Redis as much time for a read as for a write.
        budget: CacheSettings::default().write_budget,
        breaker: milliseconds("redis_retry_ms").await?,
        fence_ttl: longer_than_any_statement,
        answers: text("cache").await?.trim() != "off",
        ..CacheSettings::default()
    };
    Ok(WorkerSettings { postgres, redis, lease: longer_than_any_statement })
}

/// `log_level`, or what `environment` picks. A value that the API refuses counts as empty here.
pub async fn log_level() -> Level {
    let given = Level::parse(text("log_level").await.unwrap_or_default().trim());
    let environment = text("environment").await.unwrap_or_default();
    given.unwrap_or_else(|| Level::usual(environment.trim() == "development"))
}

async fn text(name: &str) -> Result<String, String> {
    variables::get(name).await.map_err(|error| format!("{name} cannot be read: {error}"))
}

async fn milliseconds(name: &str) -> Result<Duration, String> {
    let text = text(name).await?;
    text.trim().parse().map(Duration::from_millis).map_err(|_| format!("{name} must be a whole number of milliseconds"))
}
