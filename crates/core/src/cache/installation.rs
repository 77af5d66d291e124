//! The id of the installation, with which every key in Redis begins.
//!
//! Every key begins with the id of the installation, which the database keeps, so that two databases on one Redis have
//! nothing in common there: no answers, no tokens, no rate limits, no counters. An instance learns the id before its
//! first call, and hears it again with each check of a token. Until it is known Redis is left alone, and writes record
//! their invalidations.
//!
//! So that not every instance begins with a statement, Redis remembers the id under a digest of the database's address.
//! The database may have been replaced since; but under that id nothing is served or accepted without a check, which is
//! no older than a second, and whoever checks hears the id from the database.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::reads::gate_args;
use super::script::{Args, ENTER, HANDSHAKE, ReplyReader, Script};
use super::{Cache, GateReply, GateRequest};
use crate::{Meter, lock};

/// What an instance knows of its installation.
#[derive(Debug, Default)]
pub struct Installation(Mutex<InstallationState>);

#[derive(Debug, Default)]
struct InstallationState {
    id: Option<String>,
    /// Since when a request has been asking for it.
    asking: Option<Instant>,
    /// When it was last asked for in vain.
    missed: Option<Instant>,
}

/// What a request is to do before its first call to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learning {
    /// Nothing: the id is known, there is no Redis, or the id was asked for in vain just now.
    Done,
    /// Ask Redis ([`Cache::enter_first`], [`Cache::find_installation`]), else the database, then [`Cache::belong_to`].
    Ask,
    /// Another request is asking: look again soon.
    Wait,
}

impl Installation {
    /// An answer that does not come within this time is not waited for by others.
    const PATIENCE: Duration = Duration::from_millis(1500);
    /// How long after a vain question the next one is asked.
    const PAUSE: Duration = Duration::from_secs(1);

    fn learning(&self, now: Instant) -> Learning {
        let mut state = lock(&self.0);
        let within = |since: Option<Instant>, time| since.is_some_and(|since| now.duration_since(since) < time);
        if state.id.is_some() || within(state.missed, Self::PAUSE) {
            Learning::Done
        } else if within(state.asking, Self::PATIENCE) {
            Learning::Wait
        } else {
            state.asking = Some(now);
            Learning::Ask
        }
    }

    /// Whether nothing has to be asked or waited for.
    fn is_resolved(&self, now: Instant) -> bool {
        let state = lock(&self.0);
        state.id.is_some() || state.missed.is_some_and(|missed| now.duration_since(missed) < Self::PAUSE)
    }

    /// Whether it is another one than before.
    fn learn(&self, now: Instant, id: Option<&str>) -> bool {
        let mut state = lock(&self.0);
        let is_new = state.id.as_deref() != id;
        *state = InstallationState {
            id: id.map(str::to_owned),
            missed: id.is_none().then_some(now),
            ..InstallationState::default()
        };
        is_new
    }
}

impl Cache {
    /// Whether Redis may be called, or need not be, without asking for the id of the installation first.
    pub fn knows_installation(&self) -> bool {
        self.redis.is_none() || self.installation.is_resolved(Instant::now())
    }

    /// What has to be done first. Whoever is told to ask does.
    pub fn learning(&self) -> Learning {
        match &self.redis {
            Some(_) => self.installation.learning(Instant::now()),
            None => Learning::Done,
        }
    }

    /// The installation that the database has just named; `None` if it named none, because it is away or its id was
    /// renewed a moment ago. Then Redis is left alone.
    pub fn belong_to(&self, id: Option<&str>) {
        let Some(redis) = &self.redis else { return };
        if self.installation.learn(Instant::now(), id) {
            redis.use_prefix(id.map(|id| prefix(&self.settings.prefix, id)));
        }
        redis.leave(id.filter(|_| !self.settings.database.is_empty()).map(|id| (self.memory(), id.to_owned())));
    }

    /// Takes the installation that Redis remembers; false if it remembers none.
    pub async fn find_installation(&self, meter: &Arc<Meter>) -> bool {
        self.run_first(meter, &HANDSHAKE, Args::new()).await.is_some()
    }

    /// The same in the gate's call, so that an instance that has just begun answers with one call.
    pub async fn enter_first(&self, meter: &Arc<Meter>, asked: &GateRequest<'_>) -> Option<GateReply> {
        let reply = self.run_first(meter, &ENTER, gate_args(asked, None)).await?;
        Some(self.entered(asked, None, Some(reply)))
    }

    async fn run_first(&self, meter: &Arc<Meter>, script: &'static Script, args: Args) -> Option<ReplyReader> {
        let (redis, keys) = (self.redis.as_ref()?, (self.settings.prefix.clone(), self.memory()));
        let reply = redis.run_first(meter, self.reading(), script, args, keys).await?;
        self.installation.learn(Instant::now(), reply.handshake().map(|told| told.installation.as_str()));
        Some(reply)
    }

    fn memory(&self) -> String {
        format!("{}installation:{}", self.settings.prefix, self.settings.database)
    }
}

/// What every key of an installation begins with.
pub(super) fn prefix(ours: &str, id: &str) -> String {
    format!("{ours}{id}:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_asks_and_the_others_wait() {
        let (installation, now) = (Installation::default(), Instant::now());
        assert_eq!(installation.learning(now), Learning::Ask);
        assert_eq!(installation.learning(now), Learning::Wait);
        let later = now + Installation::PATIENCE;
        assert_eq!(installation.learning(later), Learning::Ask, "the first was dropped");
        assert!(installation.learn(later, Some("a")));
        assert_eq!(installation.learning(later), Learning::Done);
        assert!(!installation.learn(later, Some("a")));
        assert!(installation.learn(later, Some("b")), "another database");
    }

    #[test]
    fn after_a_vain_question_there_is_a_pause() {
        let (installation, now) = (Installation::default(), Instant::now());
        assert_eq!(installation.learning(now), Learning::Ask);
        installation.learn(now, None);
        assert_eq!(installation.learning(now), Learning::Done);
        assert_eq!(installation.learning(now + Installation::PAUSE), Learning::Ask);
    }
}
