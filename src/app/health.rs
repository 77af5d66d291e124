//! What an instance knows of the service's health.
//!
//! Anybody may ask, so an instance asks Postgres and Redis at most once in half a second and remembers what it found.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;
use todo_core::lock;

/// How long what was found is remembered.
const REMEMBERED: Duration = Duration::from_millis(500);

/// How long an older result stands in for one that is being asked for.
const STAND_IN: Duration = Duration::from_secs(2);

/// What was found last, and whether somebody is asking anew.
#[derive(Debug, Default)]
pub struct RememberedHealth(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    last: Option<(Instant, Health)>,
    asking: bool,
}

impl RememberedHealth {
    /// What was found within the last half second. While one request is asking, the others are told what was found
    /// before, if that is not too long ago.
    ///
    /// # Errors
    /// Nothing was: the caller is to ask.
    pub fn recent(&self) -> Result<Health, Asking<'_>> {
        let mut remembered = lock(&self.0);
        let lasts = if remembered.asking { STAND_IN } else { REMEMBERED };
        let known = remembered.last.as_ref().filter(|(at, _)| at.elapsed() < lasts);
        if let Some((_, health)) = known {
            return Ok(health.clone());
        }
        remembered.asking = true;
        Err(Asking(self))
    }
}

/// A request that asks. It ends with this, also if the request is dropped.
#[derive(Debug)]
pub struct Asking<'a>(&'a RememberedHealth);

impl Asking<'_> {
    /// Remembers what was found.
    pub fn found(self, health: Health) -> Health {
        lock(&self.0.0).last = Some((Instant::now(), health.clone()));
        health
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).asking = false;
    }
}

/// What `/health` says.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// `healthy`, `degraded` (works without Redis) or `unhealthy`.
    pub status: &'static str,
    /// `up` or `down`, as `checks.database.status`: where monitors of the replaced application look.
    pub database: &'static str,
    /// `development`, `staging` or `production`.
    pub environment: &'static str,
    /// The release.
    pub version: &'static str,
    /// Postgres and Redis, each by itself.
    pub checks: Checks,
    /// When it was found.
    pub timestamp: String,
    /// What keeps it from serving, each with its remedy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What degrades it, each with its remedy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'static str>,
}

/// What was found of Postgres and Redis.
#[derive(Debug, Clone, Serialize)]
pub struct Checks {
    /// Postgres.
    pub database: Check,
    /// Redis.
    pub cache: Check,
}

/// What was found of one of them.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// `up`, `down` or `off`.
    pub status: &'static str,
    /// How long its answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Why it does not serve, or not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}
