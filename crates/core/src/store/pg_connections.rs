//! The instance's connections to Postgres.
//!
//! Statements on one connection run one after the other, so a single connection would let one slow statement, or one that
//! waits for a lock, hold up every request of the instance. A few of them, each lent to whoever finds it idle, avoid that
//! while leaving most of the host's 64 (ARCHITECTURE.md, *The platform*) to other instances. They are shared only when
//! there are as many as there may be, or when another cannot be had: where the host has none left, an opening waits for
//! ever.
//!
//! They are held for a moment only. Under load there are more instances than the host has connections, and those that came
//! too late would wait until one of the others has served its 128 requests. So each connection goes back after a tenth of a
//! second, and the host's queue, which is fair, gives it to whoever has waited longest. That costs one round trip each time.
//!
//! The road not taken: handing the half-done opening, or a lock, from request to request. A request is a task of the component
//! model of its own, and this build of `wit-bindgen` cannot wake one task from another; waiters look every millisecond.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock;

/// The most connections of one instance.
const MOST: usize = 4;
/// A statement that has been running for this long is likely to go on: others keep away from its connection.
const SLOW: Duration = Duration::from_millis(50);
/// A connection older than this is lent no more and goes back to the host as soon as no statement runs on it.
const TURN: Duration = Duration::from_millis(100);
/// After an opening that brought nothing, the instance makes do with what it has for this long.
const CONTENT: Duration = Duration::from_secs(10);

/// The connections, and who uses them.
pub(super) struct Connections<C> {
    state: Mutex<State<C>>,
}

struct State<C> {
    held: Vec<Held<C>>,
    opening: usize,
    content_until: Option<Instant>,
}

struct Held<C> {
    connection: Arc<C>,
    opened: Instant,
    /// When the statements that are running on it were sent.
    running: Vec<Instant>,
}

impl<C> Held<C> {
    fn is_old(&self, now: Instant) -> bool {
        now.duration_since(self.opened) > TURN
    }

    /// Whether it goes back to the host.
    fn is_spent(&self, now: Instant) -> bool {
        self.running.is_empty() && self.is_old(now)
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.running.iter().any(|since| now.duration_since(*since) > SLOW)
    }
}

/// The use of a connection for one statement. Ends when it is dropped.
pub(super) struct Lent<C> {
    connections: Arc<Connections<C>>,
    pub(super) connection: Arc<C>,
    since: Instant,
}

/// What a caller is to do.
pub(super) enum Choice<C> {
    /// Use this one.
    Use(Lent<C>),
    /// Open one.
    Open(Opening<C>),
    /// Others are opening as many as there may be, and there is none that is worth waiting for.
    Wait,
}

impl<C> Connections<C> {
    /// Holds none yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { held: Vec::new(), opening: 0, content_until: None }) })
    }

    /// Finds a connection for one statement, or says what to do about there being none.
    pub(super) fn choose(self: &Arc<Self>, now: Instant) -> Choice<C> {
        let mut state = lock(&self.state);
        let State { held, opening, content_until } = &mut *state;
        held.retain(|held| !held.is_spent(now));
        // However content: with none there is no other way.
        let content = !held.is_empty() && content_until.is_some_and(|until| now < until);
        let may_grow = held.len() + *opening < MOST && !content;
        let young = held.iter_mut().filter(|held| !held.is_old(now));
        let Some(least) = young.min_by_key(|held| (held.is_slow(now), held.running.len())) else {
            return if may_grow { Choice::Open(self.begin(opening)) } else { Choice::Wait };
        };
        if !least.running.is_empty() {
            if may_grow {
                return Choice::Open(self.begin(opening));
            }
            if least.is_slow(now) && *opening > 0 {
                return Choice::Wait;
            }
        }
        least.running.push(now);
        let connection = Arc::clone(&least.connection);
        Choice::Use(Lent { connections: Arc::clone(self), connection, since: now })
    }

    fn begin(self: &Arc<Self>, opening: &mut usize) -> Opening<C> {
        *opening += 1;
        Opening { connections: Arc::clone(self), over: false }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.state).held.is_empty()
    }

    /// Drops a connection that is of no more use, for those who ask from now on.
    pub(super) fn forget(&self, broken: &Arc<C>) {
        lock(&self.state).held.retain(|held| !Arc::ptr_eq(&held.connection, broken));
    }

    /// Drops all of them: where one broke, the others are as good as dead. Statements that are running on them end by
    /// themselves.
    pub(super) fn forget_all(&self) {
        lock(&self.state).held.clear();
    }
}

/// An opening that is under way. Tells the others, however it ends, also if its request is dropped.
pub(super) struct Opening<C> {
    connections: Arc<Connections<C>>,
    over: bool,
}

impl<C> Opening<C> {
    /// Adds what was opened and lends it at once.
    ///
    /// # Errors
    /// `outcome`'s.
    pub(super) fn settle(mut self, outcome: Result<C, String>, now: Instant) -> Result<Lent<C>, String> {
        let connections = Arc::clone(&self.connections);
        let mut state = lock(&connections.state);
        self.over = true;
        state.opening = state.opening.saturating_sub(1);
        match outcome {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.held.push(Held { connection: Arc::clone(&connection), opened: now, running: vec![now] });
                drop(state);
                Ok(Lent { connections, connection, since: now })
            }
            Err(reason) => {
                state.content_until = Some(now + CONTENT);
                Err(reason)
            }
        }
    }
}

impl<C> Drop for Opening<C> {
    fn drop(&mut self) {
        if !self.over {
            let mut state = lock(&self.connections.state);
            state.opening = state.opening.saturating_sub(1);
        }
    }
}

impl<C> Drop for Lent<C> {
    fn drop(&mut self) {
        let mut state = lock(&self.connections.state);
        if let Some(held) = state.held.iter_mut().find(|held| Arc::ptr_eq(&held.connection, &self.connection))
            && let Some(place) = held.running.iter().position(|since| *since == self.since)
        {
            held.running.swap_remove(place);
        }
        let now = Instant::now();
        state.held.retain(|held| !held.is_spent(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(choice: Choice<u8>) -> Opening<u8> {
        match choice {
            Choice::Open(opening) => opening,
            Choice::Use(_) | Choice::Wait => panic!("nothing is to be opened"),
        }
    }

    fn used(choice: Choice<u8>) -> Lent<u8> {
        match choice {
            Choice::Use(lent) => lent,
            Choice::Open(_) | Choice::Wait => panic!("there is none to use"),
        }
    }

    /// As many connections as there may be, all in use since `now`.
    fn busy(connections: &Arc<Connections<u8>>, now: Instant) -> Vec<Lent<u8>> {
        let lent = (0..4).map(|name| opening(connections.choose(now)).settle(Ok(name), now).unwrap());
        lent.collect()
    }

    #[test]
    fn an_idle_one_is_used_and_another_opened_only_while_all_are_busy() {
        let (connections, now) = (Connections::new(), Instant::now());
        drop(opening(connections.choose(now)).settle(Ok(1), now).unwrap());
        let first = used(connections.choose(now));
        let second = opening(connections.choose(now)).settle(Ok(2), now).unwrap();
        drop(first);
        assert_eq!(*used(connections.choose(now)).connection, 1);
        drop(second);
    }

    #[test]
    fn there_are_never_more_than_four() {
        let (connections, now) = (Connections::new(), Instant::now());
        let under_way: Vec<_> = (0..4).map(|_| opening(connections.choose(now))).collect();
        assert!(matches!(connections.choose(now), Choice::Wait));
        // Requests that go away while they open leave their places to the next.
        drop(under_way);
        let lent = busy(&connections, now);
        let shared: Vec<_> = (0..4).map(|_| *used(connections.choose(now)).connection).collect();
        assert_eq!(shared.len(), 4);
        drop(lent);
    }

    #[test]
    fn the_busy_ones_are_shared_evenly() {
        let (connections, now) = (Connections::new(), Instant::now());
        let _busy = busy(&connections, now);
        let shared: Vec<_> = (0..4).map(|_| used(connections.choose(now))).collect();
        let mut names: Vec<u8> = shared.iter().map(|lent| *lent.connection).collect();
        names.sort_unstable();
        assert_eq!(names, [0, 1, 2, 3]);
    }

    #[test]
    fn a_slow_one_is_avoided() {
        let (connections, now) = (Connections::new(), Instant::now());
        let mut lent = busy(&connections, now);
        let later = now + SLOW + Duration::from_millis(1);
        let quick = lent.pop().unwrap();
        let name = *quick.connection;
        drop(quick);
        let shared: Vec<_> = (0..3).map(|_| used(connections.choose(later))).collect();
        assert!(shared.iter().all(|lent| *lent.connection == name));
    }

    #[test]
    fn a_failed_opening_leaves_the_instance_content_for_a_while() {
        let (connections, now) = (Connections::new(), Instant::now());
        let _busy = opening(connections.choose(now)).settle(Ok(1), now).unwrap();
        assert!(opening(connections.choose(now)).settle(Err("full".to_owned()), now).is_err());
        assert_eq!(*used(connections.choose(now)).connection, 1);
        assert!(matches!(connections.choose(now + CONTENT * 2), Choice::Open(_)));
        // Unless there is none at all.
        connections.forget_all();
        assert!(matches!(connections.choose(now), Choice::Open(_)));
    }

    #[test]
    fn an_old_one_is_lent_no_more_and_goes_back_when_its_statements_have_ended() {
        let (connections, now) = (Connections::new(), Instant::now());
        let lent = busy(&connections, now);
        let later = now + TURN * 2;
        assert!(matches!(connections.choose(later), Choice::Wait));
        let old = Arc::downgrade(&lent[0].connection);
        drop(lent);
        let young = opening(connections.choose(later)).settle(Ok(5), later).unwrap();
        assert!(old.upgrade().is_none());
        drop(young);
        assert_eq!(*used(connections.choose(later + TURN)).connection, 5);
    }

    #[test]
    fn what_is_forgotten_is_not_lent_again() {
        let (connections, now) = (Connections::new(), Instant::now());
        let lent = busy(&connections, now);
        connections.forget(&lent[2].connection);
        assert!(matches!(connections.choose(now), Choice::Open(_)));
        connections.forget_all();
        assert!(connections.is_empty());
    }
}
