//! Faults for tests: Postgres and Redis that refuse, hang, answer late or break, at the press of a button.
//!
//! The components' connections go through a relay on 127.0.0.1 (`relay`), so drivers meet real sockets that really
//! misbehave. Without faults (`Options::faults = false`, as the binary has it) there is no relay and no cost.

mod connect;
mod relay;

use std::time::Duration;

pub(crate) use connect::PostgresRelay;
use relay::Relay;

/// The faults of one host.
pub struct FaultInjection {
    enabled: bool,
    postgres: ServerFaults,
    redis: ServerFaults,
}

/// The faults of one kind of server. They hold for connections that are open and for new ones until
/// [`ServerFaults::heal`].
pub struct ServerFaults(Relay);

impl FaultInjection {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, postgres: ServerFaults(Relay::new()), redis: ServerFaults(Relay::new()) }
    }

    /// Faults of every Postgres server.
    pub fn postgres(&self) -> &ServerFaults {
        &self.postgres
    }

    /// Faults of every Redis server.
    pub fn redis(&self) -> &ServerFaults {
        &self.redis
    }

    pub(crate) fn postgres_relay(&self) -> Option<Relay> {
        self.enabled.then(|| self.postgres.0.clone())
    }

    pub(crate) fn redis_resolver(&self) -> Option<connect::RedisResolver> {
        self.enabled.then(|| connect::RedisResolver(self.redis.0.clone()))
    }
}

impl ServerFaults {
    /// New connections are reset, open ones break.
    pub fn refuse(&self) {
        self.0.set(relay::Mode::Refuse);
        self.0.cut();
    }

    /// Every answer comes this much later. What the server does is not delayed.
    pub fn delay(&self, by: Duration) {
        self.0.set(relay::Mode::Delay(by));
    }

    /// Connections are accepted and nothing passes in either direction, as with a server that is stopped.
    pub fn hang(&self) {
        self.0.set(relay::Mode::Hang);
    }

    /// Breaks the connections that are open now, once.
    pub fn cut(&self) {
        self.0.cut();
    }

    /// Ends every fault. Connections that hung go on where they were.
    pub fn heal(&self) {
        self.0.set(relay::Mode::Pass);
    }
}
