//! Checkouts of connections from the host's pool.
//!
//! The queue of the pool is fair and shared by all instances, but a checkout cannot leave it: given up in the middle of its reset it
//! would cost the pool its connection, so one that nobody waits for any more is completed in the background. Were each statement to
//! queue there, the pool would be busy with checkouts of refused statements as soon as more statements come than it can serve. So an
//! instance has few checkouts under way, and one alone while the pool is slow; its other statements queue in the instance, where
//! leaving costs nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use spin_sdk::pg::{Connection, Error};
use spin_sdk::time::sleep;

use crate::lock;

/// Checkouts that an instance has under way at most.
const MOST: usize = 4;
/// A checkout that takes longer found no idle connection: until it has come no other one begins.
const SLOW: Duration = Duration::from_millis(10);
/// A checkout under way for so long will not come any more, and holds up no other.
const LOST: Duration = Duration::from_secs(10);
/// The longest pause of a queued statement before it looks again.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The checkouts of one instance, and the statements that wait to begin one.
#[derive(Debug, Default)]
pub struct Checkouts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: Vec<(u64, Instant)>,
    waiting: VecDeque<u64>,
    last_number: u64,
    /// How long the last checkout took.
    last_took: Duration,
}

impl State {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Whether one more checkout may begin.
    fn has_room(&mut self, now: Instant) -> bool {
        self.under_way.retain(|(_, began)| now.duration_since(*began) < LOST);
        let slow = self.under_way.iter().any(|(_, began)| now.duration_since(*began) > SLOW);
        self.under_way.is_empty() || (!slow && self.under_way.len() < MOST)
    }

    /// How long a statement at this place of the queue, counted from 0, pauses before it looks again: about half of the time until
    /// its turn, so that many waiting statements look seldom.
    fn pause(&self, place: usize, now: Instant) -> Duration {
        let oldest = self.under_way.iter().map(|(_, began)| now.duration_since(*began)).max().unwrap_or_default();
        let turn = self.last_took.max(oldest) / 2;
        let ahead = u32::try_from(place + 1).unwrap_or(u32::MAX);
        turn.saturating_mul(ahead).clamp(Duration::from_millis(1), LONGEST_PAUSE)
    }
}

impl Checkouts {
    /// A connection, unless none comes within `deadline`.
    pub async fn acquire(self: &Arc<Self>, address: &str, deadline: Duration) -> Option<Result<Connection, Error>> {
        let began = Instant::now();
        let slot = match self.begin_at_once(began) {
            Some(slot) => slot,
            None => self.wait(began, deadline).await?,
        };
        let checkout = Checkout { opening: Some(Box::pin(Connection::open(address.to_owned()))), slot: Some(slot) };
        super::pg::within(deadline.saturating_sub(began.elapsed()), checkout).await
    }

    /// The right to begin a checkout, for a statement before which no other waits.
    fn begin_at_once(self: &Arc<Self>, now: Instant) -> Option<Slot> {
        let mut state = lock(&self.0);
        (state.waiting.is_empty() && state.has_room(now)).then(|| self.begin(&mut state, now))
    }

    fn begin(self: &Arc<Self>, state: &mut State, now: Instant) -> Slot {
        let number = state.number();
        state.under_way.push((number, now));
        Slot { checkouts: Arc::clone(self), number, began: now }
    }

    /// The same for a statement that waits for its turn; none after the deadline. Nothing can be woken across requests, so the
    /// statement looks again after pauses.
    async fn wait(self: &Arc<Self>, began: Instant, deadline: Duration) -> Option<Slot> {
        let waiting = Waiting::join(self);
        loop {
            let now = Instant::now();
            let left = deadline.checked_sub(now.duration_since(began)).filter(|left| !left.is_zero())?;
            let pause = {
                let mut state = lock(&self.0);
                let place = state.waiting.iter().position(|number| *number == waiting.number)?;
                if place == 0 && state.has_room(now) {
                    return Some(self.begin(&mut state, now));
                }
                state.pause(place, now)
            };
            sleep(pause.min(left)).await;
        }
    }
}

/// The place of a statement in the queue; left when it is dropped.
struct Waiting<'a> {
    checkouts: &'a Checkouts,
    number: u64,
}

impl<'a> Waiting<'a> {
    fn join(checkouts: &'a Checkouts) -> Self {
        let mut state = lock(&checkouts.0);
        let number = state.number();
        state.waiting.push_back(number);
        Self { checkouts, number }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.checkouts.0).waiting.retain(|number| *number != self.number);
    }
}

/// A checkout under way, until it is dropped.
struct Slot {
    checkouts: Arc<Checkouts>,
    number: u64,
    began: Instant,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = lock(&self.checkouts.0);
        state.under_way.retain(|(number, _)| *number != self.number);
        state.last_took = self.began.elapsed();
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

/// A connection that was asked of the host. Dropped before it has come, it is completed by a task of the instance.
struct Checkout {
    opening: Option<Opening>,
    slot: Option<Slot>,
}

impl Future for Checkout {
    type Output = Result<Connection, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(opening) = &mut self.opening else { return Poll::Pending };
        let opened = ready!(opening.as_mut().poll(context));
        (self.opening, self.slot) = (None, None);
        Poll::Ready(opened)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if let (Some(opening), slot) = (self.opening.take(), self.slot.take()) {
            spin_sdk::wasip3::spawn(async move {
                drop(opening.await);
                drop(slot);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_checkouts_are_under_way_and_one_alone_while_the_pool_is_slow() {
        let (checkouts, now) = (Arc::new(Checkouts::default()), Instant::now());
        let slots: Vec<_> = (0..MOST).map(|_| checkouts.begin_at_once(now).unwrap()).collect();
        assert!(checkouts.begin_at_once(now).is_none());
        drop(slots);
        let first = checkouts.begin_at_once(now).unwrap();
        let later = now + SLOW + Duration::from_millis(1);
        assert!(checkouts.begin_at_once(later).is_none());
        drop(first);
        assert!(checkouts.begin_at_once(later).is_some());
    }

    #[test]
    fn nobody_overtakes_the_queue_and_leaving_it_costs_nothing() {
        let (checkouts, now) = (Arc::new(Checkouts::default()), Instant::now());
        let waiting = Waiting::join(&checkouts);
        assert!(checkouts.begin_at_once(now).is_none());
        drop(waiting);
        assert!(checkouts.begin_at_once(now).is_some());
    }

    #[test]
    fn a_lost_checkout_holds_up_no_other() {
        let (checkouts, now) = (Arc::new(Checkouts::default()), Instant::now());
        let lost = checkouts.begin_at_once(now).unwrap();
        assert!(checkouts.begin_at_once(now + LOST).is_some());
        drop(lost);
    }

    #[test]
    fn the_further_back_the_longer_is_the_pause() {
        let state = State { last_took: Duration::from_millis(20), ..State::default() };
        let now = Instant::now();
        assert_eq!(state.pause(0, now), Duration::from_millis(10));
        assert_eq!(state.pause(4, now), Duration::from_millis(50));
        assert_eq!(state.pause(40, now), LONGEST_PAUSE);
        assert_eq!(State::default().pause(0, now), Duration::from_millis(1));
    }
}
