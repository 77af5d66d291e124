//! Every setting: name, default, meaning. The table in README.md and the defaults in `spin.toml` are checked against
//! it.

/// One Spin variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable's name; `SPIN_VARIABLE_<NAME IN UPPER CASE>` in the environment.
    pub name: &'static str,
    /// The default in `spin.toml`; empty: chosen by `environment` or absent, as the text says.
    pub default: &'static str,
    /// What it does, with its unit.
    pub text: &'static str,
    /// True if the API component reads it (the rest are used by the manifest or by other components).
    pub api: bool,
}

const fn api(name: &'static str, default: &'static str, text: &'static str) -> Setting {
    Setting { name, default, text, api: true }
}

const fn other(name: &'static str, default: &'static str, text: &'static str) -> Setting {
    Setting { name, default, text, api: false }
}

/// All settings, in the order of `spin.toml`.
pub const SETTINGS: &[Setting] = &[
    api("environment", "development", "`development`, `staging` or `production`; picks the defaults left empty below."),
    api(
        "database_url",
        "postgres://todo:todo@127.0.0.1:5432/todo",
        "Secret. Postgres, as a URL; `?sslmode=require` for TLS.",
    ),
    api(
        "database_ca",
        "",
        "The certificate of an authority, in PEM, that is trusted besides the usual ones when Postgres shows its own.",
    ),
    other("database_host", "127.0.0.1", "The host in `database_url`: what the components may reach."),
    other("database_port", "5432", "The port in `database_url`."),
    api("database_timeout_ms", "5000", "Milliseconds that one statement may take."),
    api(
        "database_wait_ms",
        "800",
        "Milliseconds that a statement may wait for a connection before its request is refused (503), the first one \
         that much less as its request has waited before; at most `database_timeout_ms`.",
    ),
    api("redis_url", "", "Secret. Redis, as a URL; empty: run without."),
    other("redis_host", "127.0.0.1", "The host in `redis_url`."),
    other("redis_port", "6379", "The port in `redis_url`."),
    api(
        "redis_timeout_ms",
        "25",
        "Milliseconds that a Redis call may take before the request goes on without; to connect, 75 more, over TLS \
         250.",
    ),
    api("redis_retry_ms", "1000", "Milliseconds that a failed Redis is left alone."),
    api(
        "request_timeout_ms",
        "10000",
        "Milliseconds after which a request is answered with 504; a body that has begun may take longer (exports, \
         `wait`).",
    ),
    api("max_waiting", "8", "Requests that may wait for changes (`wait`) in one instance, which serves 16 at once."),
    api(
        "public_url",
        "",
        "Scheme and authority of absolute links, for example `https://todo.example.com`; empty: taken \
         from the request.",
    ),
    api("auth", "", "`token` or `off`. Empty: `off` in development, `token` elsewhere. Production refuses `off`."),
    api(
        "cursor_secret",
        "",
        "Secret. Signs page cursors, at least 16 characters; must be set in production, and be the same on all \
         replicas.",
    ),
    api(
        "trusted_proxies",
        "",
        "Comma-separated addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed.",
    ),
    api("rate_limit_default", "100", "Requests per minute and client address without a token; 0: no limit."),
    api("rate_limit_authenticated", "600", "Requests per minute and token; 0: no limit."),
    api("rate_limit_writes", "50", "Writes per minute and client address without a token; 0: no limit."),
    api("rate_limit_authenticated_writes", "300", "Writes per minute and token; 0: no limit."),
    api("rate_limit_auth_failures", "10", "Refused credentials per minute and client address; 0: no limit."),
    api(
        "cache",
        "on",
        "`on` or `off`: keep answers in Redis. The same in all replicas: to switch it on, stop those that run without \
         it first.",
    ),
    api("cache_ttl_seconds", "600", "Seconds that single objects and lists stay in the cache."),
    api("cache_stats_ttl_seconds", "300", "Seconds that counts stay in the cache."),
    api("cors_origins", "", "Comma-separated origins that may call from a browser, or `*`; empty: none."),
    api("hsts", "", "`on` or `off`: send `Strict-Transport-Security`. Empty: `on` in production."),
    api("docs", "", "`on` or `off`: serve `/docs`. Empty: on."),
    api("server_timing", "", "`on` or `off`: send `Server-Timing`. Empty: `off` in production."),
    api("log_level", "", "`error`, `warn`, `info` or `debug`. Empty: `debug` in development, `info` elsewhere."),
    api("enable_metrics", "on", "`on` or `off`: count requests and serve `/metrics`."),
    api("metrics_public", "off", "`on` or `off`: `/metrics` needs no token."),
    api("unversioned_routes", "on", "`on` or `off`: serve version 1 also at `/todos…`, without `/api/v1` before it."),
    api("v1_deprecated_at", "2026-11-23T00:00:00Z", "Instant in the `Deprecation` header of version 1."),
    api("v1_sunset_at", "2027-11-23T00:00:00Z", "Instant in the `Sunset` header of version 1."),
];

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- settings: checked against src/config/table.rs; UPDATE=1 cargo test writes them -->\n";
    const END: &str = "<!-- end of settings -->\n";

    fn table() -> String {
        let mut table = "| variable | default | what |\n|---|---|---|\n".to_owned();
        for Setting { name, default, text, .. } in SETTINGS {
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            table.push_str(&format!("| `{name}` | {default} | {text} |\n"));
        }
        table
    }

    #[test]
    fn the_readme_lists_every_setting() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).unwrap();
        let (listed, after) = rest.split_once(END).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        } else {
            assert_eq!(listed, table(), "run UPDATE=1 cargo test -p todo-api the_readme");
        }
    }

    #[test]
    fn the_manifest_declares_every_setting_with_its_default() {
        let manifest = include_str!("../../spin.toml");
        let section = manifest.split("[variables]").nth(1).unwrap().split("\n[").next().unwrap();
        let declared: Vec<(&str, &str)> = section
            .lines()
            .filter_map(|line| line.split_once(" = { default = \""))
            .map(|(name, rest)| (name, rest.split('"').next().unwrap()))
            .collect();
        let known: Vec<(&str, &str)> = SETTINGS.iter().map(|setting| (setting.name, setting.default)).collect();
        assert_eq!(declared, known);
    }

    #[test]
    fn secrets_are_declared_secret() {
        let manifest = include_str!("../../spin.toml");
        for Setting { name, text, .. } in SETTINGS.iter().filter(|setting| setting.text.starts_with("Secret.")) {
            let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
            assert!(line.contains("secret = true"), "{name}: {text}");
        }
    }
}
