//! Deadlines. A timer of the host costs a request what a fifth of a statement's call does, and a request waits up to
//! five times for something that has a deadline, which is hardly ever reached. So one timer, for the earliest deadline,
//! wakes a watched request, and what waits in it looks at the clock.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use spin_sdk::time::sleep;

thread_local! {
    /// What the watch knows whose work is being polled.
    static WATCH: RefCell<Option<Watched>> = const { RefCell::new(None) };
}

/// Whom the timer wakes, and the earliest deadline of what the work waits for.
struct Watched {
    waker: Waker,
    earliest: Option<Instant>,
}

/// The future's output, or none after `time`.
pub async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let deadline = Instant::now() + time;
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        if register(deadline, context.waker()) {
            timer = None;
            return if Instant::now() < deadline { Poll::Pending } else { Poll::Ready(None) };
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(deadline.saturating_duration_since(Instant::now()))));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Registers a deadline with the watch, if it polls the future that has this waker again by then; whether it does. It
/// does not in a task beside the request, nor where something in between polls only what was woken.
fn register(deadline: Instant, waker: &Waker) -> bool {
    WATCH.with_borrow_mut(|watch| {
        let Some(watch) = watch.as_mut().filter(|watch| watch.waker.will_wake(waker)) else { return false };
        watch.earliest = Some(watch.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        true
    })
}

/// The output of the work of a request, or none after `time`. Until then it is polled at each deadline within it.
pub async fn watch<F: Future>(time: Duration, work: Pin<&mut F>) -> Option<F::Output> {
    watch_by(sleep, time, work).await
}

async fn watch_by<F: Future, S: Future<Output = ()>>(
    sleep: impl Fn(Duration) -> S,
    time: Duration,
    mut work: Pin<&mut F>,
) -> Option<F::Output> {
    let deadline = Instant::now() + time;
    let mut timer: Option<(Instant, Pin<Box<S>>)> = None;
    poll_fn(|context| {
        loop {
            let (polled, earliest) = poll_watched(work.as_mut(), context);
            if let Poll::Ready(output) = polled {
                return Poll::Ready(Some(output));
            }
            let now = Instant::now();
            if now >= deadline {
                return Poll::Ready(None);
            }
            let next = earliest.map_or(deadline, |earliest| earliest.min(deadline));
            // One that wakes too early costs less than another one.
            let (_, alarm) = match timer.take() {
                Some(early) if early.0 <= next => timer.insert(early),
                _ => timer.insert((next, Box::pin(sleep(next.saturating_duration_since(now))))),
            };
            ready!(alarm.as_mut().poll(context));
            timer = None;
        }
    })
    .await
}

fn poll_watched<F: Future>(work: Pin<&mut F>, context: &mut Context<'_>) -> (Poll<F::Output>, Option<Instant>) {
    let outer = WATCH.replace(Some(Watched { waker: context.waker().clone(), earliest: None }));
    let polled = work.poll(context);
    let watch = WATCH.replace(outer);
    (polled, watch.and_then(|watch| watch.earliest))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::rc::Rc;

    use futures::FutureExt;
    use futures::stream::{FuturesUnordered, StreamExt};

    use super::*;

    /// A timer that has come when the clock says so, whoever asks, and the times that were asked for.
    #[derive(Default)]
    struct Timers(Rc<RefCell<Vec<Duration>>>);

    impl Timers {
        fn sleep(&self, time: Duration) -> impl Future<Output = ()> + use<> {
            self.0.borrow_mut().push(time);
            let end = Instant::now() + time;
            poll_fn(move |context| {
                context.waker().wake_by_ref();
                if Instant::now() < end { Poll::Pending } else { Poll::Ready(()) }
            })
        }

        fn watch<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
            let work = pin!(work);
            let mut watched = pin!(watch_by(|time| self.sleep(time), time, work));
            loop {
                if let Some(outcome) = watched.as_mut().now_or_never() {
                    return outcome;
                }
            }
        }

        fn asked(&self) -> Vec<u128> {
            self.0.borrow().iter().map(Duration::as_millis).collect()
        }
    }

    const LONG: Duration = Duration::from_secs(100);

    async fn next_turn() {
        let turns = Cell::new(0);
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if turns.replace(turns.get() + 1) < 3 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    #[test]
    fn one_timer_serves_waits_in_turn() {
        let timers = Timers::default();
        let outcome = timers.watch(LONG, async {
            for seconds in [5, 30, 7] {
                within(Duration::from_secs(seconds), next_turn()).await.unwrap();
            }
            "done"
        });
        assert_eq!((outcome, timers.asked().len()), (Some("done"), 1));
    }

    #[test]
    fn deadlines_are_kept_in_any_order() {
        let timers = Timers::default();
        let (short, long) = (Duration::from_millis(5), Duration::from_millis(20));
        let began = Instant::now();
        let outcome = timers.watch(LONG, async {
            let first = within(long, async { within(short, pending::<()>()).await }).await;
            (first, began.elapsed() >= short, within(long, pending::<()>()).await)
        });
        assert_eq!(outcome, Some((Some(None), true, None)));
        assert!(began.elapsed() >= short + long);
        assert_eq!(timers.watch(long, pending::<()>()), None);
    }

    #[test]
    fn only_what_is_polled_with_the_request_register() {
        let timers = Timers::default();
        let watched = |deadline| poll_fn(move |context| Poll::Ready(register(deadline, context.waker())));
        let deadline = Instant::now() + LONG;
        let seen = timers.watch(LONG, async {
            let apart: Vec<bool> = FuturesUnordered::from_iter([watched(deadline)]).collect().await;
            (watched(deadline).await, apart)
        });
        assert_eq!(seen, Some((true, vec![false])));
        assert_eq!(watched(deadline).now_or_never(), Some(false));
        assert_eq!(timers.watch(LONG, ready(1)), Some(1));
    }
}
