//! The limits of rates and what is left of them.

/// Requests a minute; 0 switches a class off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Class `default` for a client address.
    pub per_address: u32,
    /// Class `default` for a valid token.
    pub per_token: u32,
    /// Class `writes` for a client address. A write is charged to both classes.
    pub writes_per_address: u32,
    /// Class `writes` for a valid token.
    pub writes_per_token: u32,
    /// Class `auth_failures`, per client address. Charged by `Cache::charge_auth_failure`, only checked elsewhere.
    pub auth_failures: u32,
}

impl RateLimits {
    /// Nothing is counted.
    pub const OFF: Self =
        Self { per_address: 0, per_token: 0, writes_per_address: 0, writes_per_token: 0, auth_failures: 0 };
}

pub(super) fn refusal(rates: &[RateVerdict]) -> Option<&RateVerdict> {
    rates.iter().filter(|rate| !rate.allowed).max_by_key(|rate| rate.retry_after)
}

/// A class of requests that is limited by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Every counted request.
    Default,
    /// Requests that change something.
    Writes,
    /// Requests with a credential that turned out to be wrong.
    AuthFailures,
}

impl RateClass {
    /// The name in the `RateLimit` fields.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Writes => "writes",
            Self::AuthFailures => "auth_failures",
        }
    }
}

/// What one class of the rate limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateVerdict {
    /// Which class.
    pub class: RateClass,
    /// Its quota for 60 seconds (`q`).
    pub limit: u32,
    /// Requests that would pass right now (`r`).
    pub remaining: u32,
    /// Seconds, rounded up, until the whole quota is back (`t`).
    pub reset: u32,
    /// Whether this request passes.
    pub allowed: bool,
    /// Seconds, at least 1, until the next request passes. 0 if this one does.
    pub retry_after: u32,
}
