//! A queue within an instance for what its requests share, such as connections.
//!
//! The runtime of a component traps when the waker of one request is used by another. So whoever waits for a turn reads
//! a stream of bytes of its own, which nobody writes, and is called by closing it: that is an event of the host.
//! Whoever comes when there is a turn has it: what is shared is never idle while somebody waits for the one before to
//! wake up.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use spin_sdk::wasip3::wit_bindgen::{StreamReader, StreamWriter};
use spin_sdk::wasip3::wit_stream;

use crate::deadline::within;
use crate::lock;

/// How often those who wait look by themselves, as a turn may also come with time.
const LOOK: Duration = Duration::from_millis(300);

/// The waiting requests, in the order of arrival.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<(u64, Call)>,
    last: u64,
}

/// How a waiting request is called: dropped, it closes the stream.
#[derive(Debug)]
struct Call(Option<StreamWriter<u8>>);

impl Queue {
    fn join(&mut self) -> u64 {
        self.last += 1;
        self.waiting.push_back((self.last, Call(None)));
        self.last
    }

    /// What ends when the request with this number is called.
    fn listen(&mut self, number: u64) -> StreamReader<u8> {
        let (call, called) = wit_stream::new();
        if let Some((_, own)) = self.waiting.iter_mut().find(|(other, _)| *other == number) {
            *own = Call(Some(call));
        }
        called
    }

    /// Calls the first.
    fn call(&mut self) {
        if let Some((_, first)) = self.waiting.front_mut() {
            first.0 = None;
        }
    }

    fn leave(&mut self, number: u64) {
        self.waiting.retain(|(other, _)| *other != number);
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

    /// Whether there is a turn now.
    fn is_free(&self, now: Instant) -> bool;

    /// The turn that there is.
    fn begin(&mut self, now: Instant) -> Self::Turn;

    /// A turn, if there is one now.
    fn take(&mut self, now: Instant) -> Option<Self::Turn> {
        self.is_free(now).then(|| self.begin(now))
    }

    /// Calls whoever is next, if there is a turn: when one has ended, for example.
    fn call_next(&mut self) {
        if self.is_free(Instant::now()) {
            self.queue().call();
        }
    }
}

/// A turn; none after the deadline, or once `gives_up` says that it is not worth waiting any more.
pub async fn take<S: Shared>(shared: &Mutex<S>, deadline: Duration, gives_up: impl Fn() -> bool) -> Option<S::Turn> {
    let began = Instant::now();
    if let Some(turn) = lock(shared).take(began) {
        return Some(turn);
    }
    let waiting = Waiting { number: lock(shared).queue().join(), shared };
    loop {
        let now = Instant::now();
        let left = deadline.checked_sub(now.duration_since(began)).filter(|left| !left.is_zero() && !gives_up())?;
        let mut called = {
            let mut state = lock(shared);
            if let Some(turn) = state.take(now) {
                return Some(turn);
            }
            state.queue().listen(waiting.number)
        };
        within(left.min(LOOK), called.next()).await;
    }
}

/// A place in the queue, left when it is dropped. Whoever is next may have a turn that this one was called for, or one
/// that there is beside its own.
struct Waiting<'a, S: Shared> {
    shared: &'a Mutex<S>,
    number: u64,
}

impl<S: Shared> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        let mut state = lock(self.shared);
        state.queue().leave(self.number);
        state.call_next();
    }
}
