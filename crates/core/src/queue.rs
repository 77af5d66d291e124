//! A queue within an instance for what its requests share, such as connections.
//!
//! The runtime of a component traps when one request wakes another, so whoever waits for something shared looks again
//! after pauses. Many that look often would take the processors from those whose turn it is. So each pauses for about
//! half of the time until its turn, the further back the longer, and twice as long each time. Whoever looks when there
//! is a turn has it: what is shared is never idle while somebody waits for the one before to wake up.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use spin_sdk::time::sleep;

use crate::lock;

/// The longest pause, usually.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// The shortest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// The waiting requests, in the order of arrival.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<u64>,
    last: u64,
}

impl Queue {
    fn join(&mut self) -> u64 {
        self.last += 1;
        self.waiting.push_back(self.last);
        self.last
    }

    fn place(&self, number: u64) -> usize {
        self.waiting.iter().position(|waiting| *waiting == number).unwrap_or_default()
    }
}

/// What is under way, by number, and since when.
#[derive(Debug, Default)]
pub struct UnderWay {
    begun: Vec<(u64, Instant)>,
    last: u64,
}

impl UnderWay {
    /// One more; its number.
    pub fn begin(&mut self, now: Instant) -> u64 {
        self.last += 1;
        self.begun.push((self.last, now));
        self.last
    }

    /// The one with this number has ended.
    pub fn end(&mut self, number: u64) {
        self.begun.retain(|(other, _)| *other != number);
    }

    /// The ages of those that are younger than `age`; what is older does not count.
    pub fn ages(&self, now: Instant, age: Duration) -> impl Iterator<Item = Duration> {
        self.begun.iter().map(move |(_, began)| now.duration_since(*began)).filter(move |own| *own < age)
    }
}

/// Something that is shared in turns.
pub trait Shared {
    /// What a turn gives.
    type Turn;

    /// The requests that wait for a turn.
    fn queue(&mut self) -> &mut Queue;

    /// A turn, if there is one now.
    fn take(&mut self, now: Instant) -> Option<Self::Turn>;

    /// How long it takes, about, until there is the next turn.
    fn expected(&self, now: Instant) -> Duration;

    /// The longest pause between two looks.
    fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE
    }
}

/// A turn; none after the deadline, or once `gives_up` says that it is not worth waiting any more.
pub async fn take<S: Shared>(shared: &Mutex<S>, deadline: Duration, gives_up: impl Fn() -> bool) -> Option<S::Turn> {
    let began = Instant::now();
    if let Some(turn) = lock(shared).take(began) {
        return Some(turn);
    }
    let waiting = Waiting { number: lock(shared).queue().join(), shared };
    let mut last = Duration::ZERO;
    loop {
        let now = Instant::now();
        let left = deadline.checked_sub(now.duration_since(began)).filter(|left| !left.is_zero() && !gives_up())?;
        let pause = {
            let mut state = lock(shared);
            if let Some(turn) = state.take(now) {
                return Some(turn);
            }
            let place = state.queue().place(waiting.number);
            pause(state.expected(now), place).max(last * 2).min(state.longest_pause())
        };
        last = pause;
        sleep(pause.min(left)).await;
    }
}

fn pause(expected: Duration, place: usize) -> Duration {
    let ahead = u32::try_from(place + 1).unwrap_or(u32::MAX);
    (expected / 2).saturating_mul(ahead).max(SHORTEST_PAUSE)
}

/// A place in the queue, left when it is dropped.
struct Waiting<'a, S: Shared> {
    shared: &'a Mutex<S>,
    number: u64,
}

impl<S: Shared> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        lock(self.shared).queue().waiting.retain(|number| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_back_the_longer_is_the_pause() {
        let expected = Duration::from_millis(20);
        assert_eq!(pause(expected, 0), Duration::from_millis(10));
        assert_eq!(pause(expected, 4), Duration::from_millis(50));
        assert_eq!(pause(Duration::ZERO, 3), SHORTEST_PAUSE);
    }
}
