//! Reads one value after the other and collects what is wrong instead of stopping at the first fault.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::HeaderValue;
use todo_core::domain::instant::Instant;

use super::table::SETTINGS;
use super::{AuthSettings, CorsOrigins, HttpSettings, RateSettings};
use todo_core::log::Level;

/// Good enough to sign cursors on one's own machine, refused in production.
const DEVELOPMENT_SECRET: &str = "development-cursor-secret";
const SHORTEST_SECRET: usize = 16;

pub(super) struct SettingsReader {
    values: Vec<(&'static str, Result<String, String>)>,
    faults: Vec<String>,
}

impl SettingsReader {
    pub fn new(values: Vec<(&'static str, Result<String, String>)>) -> Self {
        Self { values, faults: Vec::new() }
    }

    pub fn into_faults(self) -> Vec<String> {
        self.faults
    }

    fn fault(&mut self, name: &str, problem: &str) {
        self.faults.push(format!("{name} {problem}"));
    }

    fn text(&mut self, name: &str) -> String {
        let value = self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        match value {
            Some(Ok(value)) => value.trim().to_owned(),
            Some(Err(reason)) => {
                self.fault(name, &format!("cannot be read: {reason}"));
                default_of(name).to_owned()
            }
            None => default_of(name).to_owned(),
        }
    }

    /// One of several words; the default is the first.
    pub fn one_of<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> T {
        let text = self.text(name);
        let fallback = default_of(name);
        let find = |word: &str| words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if let Some(value) = find(&text) {
            return value;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.fault(name, &format!("must be one of {}", known.join(", ")));
        // The table's defaults are tested to be valid, and every list has at least one word.
        match find(fallback).or(words.first().map(|(_, value)| *value)) {
            Some(value) => value,
            None => unreachable!("a setting without words"),
        }
    }

    pub fn switch(&mut self, name: &str, by_environment: bool) -> bool {
        match self.text(name).as_str() {
            "" => by_environment,
            "on" | "true" => true,
            "off" | "false" => false,
            _ => {
                self.fault(name, "must be on or off");
                by_environment
            }
        }
    }

    pub fn log_level(&mut self, name: &str, by_environment: Level) -> Level {
        let text = self.text(name);
        if text.is_empty() {
            return by_environment;
        }
        Level::parse(&text).unwrap_or_else(|| {
            self.fault(name, "must be one of error, warn, info, debug");
            by_environment
        })
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> u64 {
        let text = self.text(name);
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.fault(name, &format!("must be a whole number from {} to {}", range.start(), range.end()));
                default_of(name).parse().unwrap_or(*range.start())
            }
        }
    }

    pub fn millis(&mut self, name: &str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(name, range))
    }

    pub fn seconds(&mut self, name: &str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, range))
    }

    pub fn small(&mut self, name: &str, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.number(name, range)).unwrap_or(0)
    }

    pub fn count(&mut self, name: &str) -> u32 {
        u32::try_from(self.number(name, 0..=1_000_000)).unwrap_or(u32::MAX)
    }

    pub fn url(&mut self, name: &str, schemes: &[&str], optional: bool) -> String {
        let text = self.text(name);
        if text.is_empty() && optional {
            return text;
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if scheme.is_some_and(|scheme| schemes.contains(&scheme)) {
            return text;
        }
        self.fault(name, &format!("must be a URL with the scheme {}", schemes.join(" or ")));
        if optional { String::new() } else { default_of(name).to_owned() }
    }

    /// A certificate in PEM, or none.
    pub fn certificate(&mut self, name: &str) -> Option<String> {
        let text = self.text(name);
        let is_one = text.starts_with("-----BEGIN CERTIFICATE-----") && text.ends_with("-----END CERTIFICATE-----");
        if !text.is_empty() && !is_one {
            self.fault(name, "must be a certificate in PEM");
        }
        is_one.then_some(text)
    }

    pub fn instant(&mut self, name: &str) -> Instant {
        let text = self.text(name);
        if let Ok(instant) = Instant::parse(&text) {
            return instant;
        }
        self.fault(name, "must be an RFC 3339 instant");
        match Instant::parse(default_of(name)) {
            Ok(instant) => instant,
            Err(_) => unreachable!("the table's defaults are tested to be valid"),
        }
    }

    pub fn origins(&mut self, name: &str) -> CorsOrigins {
        let text = self.text(name);
        match text.as_str() {
            "" => CorsOrigins::None,
            "*" => CorsOrigins::Any,
            list => {
                let mut origins = Vec::new();
                for origin in list.split(',').map(str::trim) {
                    match HeaderValue::from_str(origin) {
                        Ok(value) if origin.contains("://") && !origin.ends_with('/') => origins.push(value),
                        _ => self.fault(name, "must list origins such as https://app.example.com, without a path"),
                    }
                }
                CorsOrigins::List(origins)
            }
        }
    }

    pub fn rates(&mut self) -> RateSettings {
        RateSettings {
            default: self.count("rate_limit_default"),
            authenticated: self.count("rate_limit_authenticated"),
            writes: self.count("rate_limit_writes"),
            authenticated_writes: self.count("rate_limit_authenticated_writes"),
            auth_failures: self.count("rate_limit_auth_failures"),
        }
    }

    pub fn http(&mut self, production: bool) -> HttpSettings {
        HttpSettings {
            public_url: self.url("public_url", &["http", "https"], true).trim_end_matches('/').to_owned(),
            cors_origins: self.origins("cors_origins"),
            hsts: self.switch("hsts", production),
            timeout: self.millis("request_timeout_ms", 100..=300_000),
            max_waiting: self.small("max_waiting", 0..=15),
            unversioned_routes: self.switch("unversioned_routes", true),
            docs: self.switch("docs", true),
        }
    }

    pub fn auth(&mut self, development: bool, production: bool) -> AuthSettings {
        let required = match self.text("auth").as_str() {
            "" => !development,
            "token" => true,
            "off" => false,
            _ => {
                self.fault("auth", "must be token or off");
                true
            }
        };
        if !required && production {
            self.fault("auth", "must not be off in production");
        }
        let mut cursor_secret = self.text("cursor_secret");
        if cursor_secret.is_empty() {
            if production {
                self.fault("cursor_secret", "must be set in production");
            }
            DEVELOPMENT_SECRET.clone_into(&mut cursor_secret);
        } else if cursor_secret.len() < SHORTEST_SECRET {
            self.fault("cursor_secret", "must have at least 16 characters");
        }
        let mut trusted_proxies = Vec::new();
        let proxies = self.text("trusted_proxies");
        for address in proxies.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            match network(address) {
                Some(network) => trusted_proxies.push(network),
                None => self.fault("trusted_proxies", "must list IP addresses and networks such as 10.0.0.0/8"),
            }
        }
        AuthSettings { required, cursor_secret, trusted_proxies }
    }
}

fn default_of(name: &str) -> &'static str {
    SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default)
}

/// An address or a network in CIDR notation. An IPv4-mapped IPv6 address is the IPv4 one.
fn network(text: &str) -> Option<ipnet::IpNet> {
    text.parse::<std::net::IpAddr>()
        .map(|address| ipnet::IpNet::from(address.to_canonical()))
        .or_else(|_| text.parse())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Settings};
    use super::network;

    fn settings(values: &[(&'static str, &str)]) -> Settings {
        Settings::from_values(values.iter().map(|(name, value)| (*name, Ok((*value).to_owned()))).collect())
    }

    #[test]
    fn the_defaults_are_valid() {
        let settings = settings(&[]);
        assert_eq!(settings.faults, Vec::<String>::new());
        assert_eq!(settings.environment, Environment::Development);
        assert!(!settings.auth.required);
    }

    #[test]
    fn production_refuses_to_run_open() {
        let settings = settings(&[("environment", "production"), ("auth", "off")]);
        assert_eq!(settings.faults, ["auth must not be off in production", "cursor_secret must be set in production"]);
    }

    #[test]
    fn every_bad_value_is_named_and_replaced_by_its_default() {
        let settings = settings(&[
            ("environment", "prod"),
            ("rate_limit_default", "-1"),
            ("redis_timeout_ms", "soon"),
            ("v1_sunset_at", "tomorrow"),
            ("database_url", "mysql://localhost"),
            ("database_ca", "/etc/ssl/ca.pem"),
        ]);
        assert_eq!(settings.rates.default, 100);
        let named: Vec<&str> = settings.faults.iter().filter_map(|fault| fault.split(' ').next()).collect();
        assert_eq!(
            named,
            ["environment", "database_url", "database_ca", "redis_timeout_ms", "rate_limit_default", "v1_sunset_at"]
        );
        assert!(!settings.faults.iter().any(|fault| fault.contains("mysql")), "values may be secrets");
    }

    #[test]
    fn staging_and_production_need_tokens_and_production_hides_timings() {
        assert!(settings(&[("environment", "staging")]).auth.required);
        let production = settings(&[("environment", "production"), ("cursor_secret", "0123456789abcdef")]);
        assert_eq!(production.faults, Vec::<String>::new());
        assert!(production.auth.required && production.http.hsts && !production.observability.server_timing);
    }

    #[test]
    fn a_proxy_is_named_by_its_address_or_its_network() {
        for (text, meant) in [("10.0.0.1", "10.0.0.1/32"), ("::ffff:10.0.0.1", "10.0.0.1/32"), ("fd00::/8", "fd00::/8")]
        {
            assert_eq!(network(text), meant.parse().ok(), "{text}");
        }
        assert_eq!(network("proxy.example.com"), None);
    }
}
