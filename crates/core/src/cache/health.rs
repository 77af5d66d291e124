//! The state of Redis, for health and metrics.

use std::time::Duration;

/// What `/health` says about Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisHealth {
    /// None is configured.
    Off,
    /// It answered after this long.
    Up(Duration),
    /// It did not, and why.
    Down(DownReason),
}

/// Why Redis does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// It cannot be connected to, or broke the connection.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// The application's manifest does not let the component reach the address of `redis_url`.
    NotPermitted,
    /// It does not accept the password.
    WrongPassword,
    /// Its user may not run a command that is needed, such as `INFO`.
    MissingPermission,
    /// Its certificate is not signed by a known authority, or is another host's.
    NotTrusted,
}

impl DownReason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unreachable,
        Self::Timeout,
        Self::NotPermitted,
        Self::WrongPassword,
        Self::MissingPermission,
        Self::NotTrusted,
    ];

    /// The word of the public contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::NotPermitted => "not_permitted",
            Self::WrongPassword => "wrong_password",
            Self::MissingPermission => "missing_permission",
            Self::NotTrusted => "not_trusted",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unreachable => "Redis does not answer: is it up at the address of redis_url?",
            Self::Timeout => "Redis does not answer within redis_timeout_ms: is it near and idle?",
            Self::NotPermitted => "Redis may not be reached: redis_host and redis_port must name what redis_url names",
            Self::WrongPassword => "Redis refuses the user or the password of redis_url, or demands one",
            Self::MissingPermission => "the user of redis_url lacks rights in Redis: deploy/README.md lists them",
            Self::NotTrusted => {
                "the certificate of Redis is not trusted: redis_url must name the host of the certificate, and the \
                 system of the host must know its authority"
            }
        }
    }
}
