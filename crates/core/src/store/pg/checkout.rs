//! Checkouts of connections from the host's pool.
//!
//! The queue of the pool is fair and shared by all instances, but a checkout cannot leave it: given up in the middle of
//! its reset it would cost the pool its connection, so one that nobody waits for any more is completed in the
//! background. Were each statement to queue there, the pool would be busy with checkouts of refused statements as soon
//! as more statements come than it can serve. So an instance has few checkouts under way, and one alone while the pool
//! is slow; its other statements queue in the instance, where leaving costs nothing.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use spin_sdk::pg::{Certificate, Connection, Error, OpenOptions};

use crate::deadline::within;
use crate::lock;
use crate::queue::{self, Queue, Shared, UnderWay};

/// Checkouts that an instance has under way at most.
const MOST: usize = 4;
/// A checkout that takes longer found no idle connection: until it has come no other one begins.
const SLOW: Duration = Duration::from_millis(10);
/// A checkout under way for so long will not come any more, and holds up no other.
const LOST: Duration = Duration::from_secs(10);

/// When a statement may begin its checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// After those of this instance that came before.
    InTurn,
    /// At once, since others wait for what it finds.
    First,
}

/// The checkouts of one instance, and the statements that wait to begin one.
#[derive(Debug, Default)]
pub struct Checkouts(Mutex<CheckoutState>);

#[derive(Debug, Default)]
struct CheckoutState {
    under_way: UnderWay,
    queue: Queue,
}

impl Shared for CheckoutState {
    type Turn = u64;

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn is_free(&self, now: Instant) -> bool {
        let slow = self.under_way.ages(now, LOST).any(|age| age > SLOW);
        !slow && self.under_way.ages(now, LOST).count() < MOST
    }

    fn begin(&mut self, now: Instant) -> u64 {
        self.under_way.begin(now)
    }
}

impl Checkouts {
    /// A connection, unless none comes within `deadline`.
    pub async fn acquire(
        self: &Arc<Self>,
        address: &str,
        authority: Option<&str>,
        urgency: Urgency,
        deadline: Duration,
    ) -> Option<Result<Connection, Error>> {
        let asked = Instant::now();
        let number = match urgency {
            Urgency::First => lock(&self.0).under_way.begin(asked),
            Urgency::InTurn => queue::take(&self.0, deadline, || false).await?,
        };
        let slot = Slot { checkouts: Arc::clone(self), number };
        let checkout = Checkout(Some((open(address.to_owned(), authority.map(str::to_owned)), slot)));
        within(deadline.saturating_sub(asked.elapsed()), checkout).await
    }
}

/// Asks the host for a connection. Options are one call of the host more.
fn open(address: String, authority: Option<String>) -> PendingConnection {
    match authority {
        None => Box::pin(Connection::open(address)),
        Some(authority) => {
            let options = OpenOptions { ca_root: Some(Certificate::Text(authority)) };
            Box::pin(Connection::open_with_options(address, options))
        }
    }
}

/// A checkout under way, until it is dropped.
struct Slot {
    checkouts: Arc<Checkouts>,
    number: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = lock(&self.checkouts.0);
        state.under_way.end(self.number);
        state.call_next();
    }
}

type PendingConnection = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

/// A connection that was asked of the host. Dropped before it has come, it is completed by a task of the instance.
struct Checkout(Option<(PendingConnection, Slot)>);

impl Future for Checkout {
    type Output = Result<Connection, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((opening, _)) = &mut self.0 else { return Poll::Pending };
        let opened = ready!(opening.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(opened)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if let Some((opening, slot)) = self.0.take() {
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
        let (mut state, now) = (CheckoutState::default(), Instant::now());
        let numbers: Vec<u64> = (0..MOST).map(|_| state.take(now).unwrap()).collect();
        assert!(state.take(now).is_none());
        numbers.iter().skip(1).for_each(|number| state.under_way.end(*number));
        assert!(state.take(now + SLOW * 2).is_none());
        state.under_way.end(numbers[0]);
        assert!(state.take(now + SLOW * 2).is_some());
    }

    #[test]
    fn a_lost_checkout_holds_up_no_other() {
        let (mut state, now) = (CheckoutState::default(), Instant::now());
        assert!(state.take(now).is_some());
        assert!(state.take(now + LOST).is_some());
    }
}
