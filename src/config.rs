//! Spin variables → typed settings, one struct per concern, read once per instance.
//!
//! A bad value never stops the instance: it is replaced by its default, remembered in [`Settings::faults`], and
//! readiness fails with a message that names the variable (and never its value, which may be a secret).

mod reader;
mod table;

use std::time::Duration;

use axum::http::HeaderValue;
use futures::future::join_all;
use sha2::{Digest, Sha256};
use todo_core::cache::CacheSettings;
use todo_core::domain::instant::Instant;
use todo_core::log::Level;
use todo_core::usecases::PgSettings;

use reader::SettingsReader;
pub use table::{SETTINGS, Setting};

/// With the cache a statement has to end before a pending invalidation counts as old, which is ten seconds after it was
/// recorded (`invalidation_record_v1`), less the life of a check.
const LONGEST_WITH_CACHE: Duration = Duration::from_secs(8);

/// Where the service runs; picks the defaults of other settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// On one's own machine.
    Development,
    /// Before production.
    Staging,
    /// For real.
    Production,
}

impl Environment {
    /// The setting's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// Every setting of the API component.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `environment`.
    pub environment: Environment,
    /// `database_*`.
    pub database: PgSettings,
    /// `redis_*` and `cache`.
    pub redis: CacheSettings,
    /// Authentication and the addresses of clients.
    pub auth: AuthSettings,
    /// Rate limits.
    pub rates: RateSettings,
    /// CORS, security headers and the form of answers.
    pub http: HttpSettings,
    /// How long answers stay in the cache.
    pub cache: TtlSettings,
    /// Log, metrics and `Server-Timing`.
    pub observability: ObservabilitySettings,
    /// The end of version 1.
    pub v1: SunsetSettings,
    /// What is wrong, one sentence per variable.
    pub faults: Vec<String>,
}

/// The schemes of `database_url`.
pub const DATABASE_SCHEMES: &[&str] = &["postgres", "postgresql"];

/// The schemes of `redis_url`; with `rediss` over TLS. The manifest must let the components reach each of them.
pub const REDIS_SCHEMES: &[&str] = &["redis", "rediss"];

/// Authentication.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// `auth`: `token` (true) or `off`. Off is refused in production.
    pub required: bool,
    /// `cursor_secret`: the key that makes page cursors tamper-evident.
    pub cursor_secret: String,
    /// `trusted_proxies`: addresses and networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
}

/// Requests per minute; 0 switches a class off.
#[derive(Debug, Clone, Copy)]
pub struct RateSettings {
    /// `rate_limit_default`: per client address.
    pub default: u32,
    /// `rate_limit_authenticated`: per token.
    pub authenticated: u32,
    /// `rate_limit_writes`: writes per client address.
    pub writes: u32,
    /// `rate_limit_authenticated_writes`: writes per token.
    pub authenticated_writes: u32,
    /// `rate_limit_auth_failures`: refused credentials per client address.
    pub auth_failures: u32,
}

/// HTTP itself.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// `public_url`: scheme and authority that clients use; empty: taken from the request.
    pub public_url: String,
    /// `cors_origins`: origins that may call from a browser.
    pub cors_origins: CorsOrigins,
    /// `hsts`: send `Strict-Transport-Security`.
    pub hsts: bool,
    /// `request_timeout_ms`: after this a request ends with 504.
    pub timeout: Duration,
    /// `max_waiting`: requests of an instance that may wait for changes.
    pub max_waiting: usize,
    /// `unversioned_routes`: `/todos…` are addresses of version 1.
    pub unversioned_routes: bool,
    /// `docs`: there is documentation to lead browsers to.
    pub docs: bool,
}

/// Which origins may call from a browser.
#[derive(Debug, Clone)]
pub enum CorsOrigins {
    /// None: no CORS headers.
    None,
    /// Every origin.
    Any,
    /// These.
    List(Vec<HeaderValue>),
}

/// Times to live in the cache.
#[derive(Debug, Clone, Copy)]
pub struct TtlSettings {
    /// `cache`: keep answers at all.
    pub on: bool,
    /// `cache_ttl_seconds`: lists and single objects.
    pub answers: Duration,
    /// `cache_stats_ttl_seconds`: counts.
    pub stats: Duration,
}

/// Logs, metrics, timings.
#[derive(Debug, Clone, Copy)]
pub struct ObservabilitySettings {
    /// `log_level`.
    pub log_level: Level,
    /// `server_timing`: send `Server-Timing`.
    pub server_timing: bool,
    /// `enable_metrics`: count requests and serve `/metrics`.
    pub metrics: bool,
    /// `metrics_public`: `/metrics` without a token.
    pub metrics_public: bool,
}

/// Dates in the deprecation headers of version 1.
#[derive(Debug, Clone)]
pub struct SunsetSettings {
    /// `v1_deprecated_at`.
    pub deprecated_at: Instant,
    /// `v1_sunset_at`.
    pub sunset_at: Instant,
}

impl Settings {
    /// Reads every variable of the component, all at once: the host may ask a provider for each.
    pub async fn from_variables() -> Self {
        let values = SETTINGS.iter().filter(|setting| setting.api).map(async |setting| {
            let value = spin_sdk::variables::get(setting.name).await;
            (setting.name, value.map_err(|error| error.to_string()))
        });
        Self::from_values(join_all(values).await)
    }

    /// Interprets values. Pure, so that every rule is tested without a host.
    pub fn from_values(values: Vec<(&'static str, Result<String, String>)>) -> Self {
        let mut read = SettingsReader::new(values);
        let environment = read.one_of(
            "environment",
            &[
                ("development", Environment::Development),
                ("staging", Environment::Staging),
                ("production", Environment::Production),
            ],
        );
        let production = environment == Environment::Production;
        let development = environment == Environment::Development;
        let auth = read.auth(development, production);
        let url = read.url("database_url", DATABASE_SCHEMES, false);
        let deadline = read.millis("database_timeout_ms", 10..=60_000);
        let database = PgSettings {
            url,
            authority: read.certificate("database_ca"),
            // Not longer than a statement: `fence_ttl` covers twice that.
            wait_deadline: read.millis("database_wait_ms", 10..=5_000).min(deadline),
            statement_deadline: deadline,
            retry_after: Duration::from_secs(1),
        };
        let cache = TtlSettings {
            on: read.switch("cache", true),
            answers: read.seconds("cache_ttl_seconds", 1..=86_400),
            stats: read.seconds("cache_stats_ttl_seconds", 1..=86_400),
        };
        let redis = CacheSettings {
            url: read.url("redis_url", REDIS_SCHEMES, true),
            budget: read.millis("redis_timeout_ms", 1..=5_000),
            breaker: read.millis("redis_retry_ms", 1..=60_000),
            // Longer than waiting for a connection and one statement may take together.
            fence_ttl: deadline * 2 + Duration::from_secs(5),
            answers: cache.on,
            database: database_digest(&database.url),
            ..CacheSettings::default()
        };
        let rates = read.rates();
        let http = read.http(production);
        let observability = ObservabilitySettings {
            log_level: read.log_level("log_level", Level::usual(development)),
            server_timing: read.switch("server_timing", !production),
            metrics: read.switch("enable_metrics", true),
            metrics_public: read.switch("metrics_public", false),
        };
        let v1 =
            SunsetSettings { deprecated_at: read.instant("v1_deprecated_at"), sunset_at: read.instant("v1_sunset_at") };
        let mut faults = read.into_faults();
        if cache.on && !redis.url.is_empty() && deadline > LONGEST_WITH_CACHE {
            faults.push("database_timeout_ms must be at most 8000 where the cache is on".to_owned());
        }
        Self { environment, database, redis, auth, rates, http, cache, observability, v1, faults }
    }
}

/// What tells one database from another without telling its password.
fn database_digest(url: &str) -> String {
    let digest = Sha256::digest(url.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
