//! How long the instance stays. The host drops one that has nothing to do for a second, and to start another costs what
//! ten cached reads do; where requests are rare, each would pay that. A task that sleeps counts as something to do, so
//! one is kept asleep for a while after the last request. For the first part of it the check is kept good, too.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use todo_core::lock;

/// How long the instance stays after its last request.
const KEPT: Duration = Duration::from_secs(30);

/// How often the task looks whether that is over: while requests come, and while none do. A host keeps an instance that
/// is used up for as long as a task of it sleeps, and under load one is used up in a part of a second.
const LOOK: Duration = Duration::from_millis(100);
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// How long the check is kept good after the last request, and how often it is asked whether that needs anything. The
/// longer, the more an installation that is left alone asks of Postgres.
const CHECKED: Duration = Duration::from_secs(10);
const CHECK: Duration = Duration::from_millis(200);

/// After so many requests the instance is left to the host: one that gets no further request would only keep its
/// memory.
const NEARLY_USED_UP: u32 = 96;
/// As many as a host gives to an instance unless it is told otherwise.
const USED_UP: u32 = 128;

static TAKEN: AtomicU32 = AtomicU32::new(0);
static LAST: Mutex<Option<Instant>> = Mutex::new(None);
static ASLEEP: AtomicBool = AtomicBool::new(false);
/// Whether the last request is one that waits.
static WAITS: AtomicBool = AtomicBool::new(false);

/// Notes a request, and keeps the instance for those to come; `check` keeps the check good, if it needs anything.
pub fn keep<A: 'static>(app: &Arc<A>, check: impl AsyncFn(&Arc<A>) + 'static) {
    *lock(&LAST) = Some(Instant::now());
    WAITS.store(false, Ordering::Relaxed);
    if TAKEN.fetch_add(1, Ordering::Relaxed) < NEARLY_USED_UP && !ASLEEP.swap(true, Ordering::Relaxed) {
        let app = Arc::clone(app);
        spin_sdk::wasip3::spawn(async move {
            let mut seen = 0;
            while let Some(idle) = idle(Instant::now()).filter(|idle| *idle < KEPT) {
                let taken = TAKEN.load(Ordering::Relaxed);
                let pause = if taken != seen {
                    LOOK
                } else if idle < CHECKED && !WAITS.load(Ordering::Relaxed) {
                    check(&app).await;
                    CHECK
                } else {
                    IDLE_LOOK
                };
                spin_sdk::time::sleep(pause).await;
                seen = taken;
            }
            ASLEEP.store(false, Ordering::Relaxed);
        });
    }
}

/// The last request waits for something to change: no other one will follow soon, so the check need not be kept good.
pub fn rest() {
    WAITS.store(true, Ordering::Relaxed);
}

/// Sleeps while something is gathered: for so long, or less if the instance may be used up.
pub async fn gather(time: Duration) {
    let until = Instant::now() + time;
    while !(NEARLY_USED_UP..=USED_UP).contains(&TAKEN.load(Ordering::Relaxed))
        && let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        spin_sdk::time::sleep(left.min(LOOK)).await;
    }
}

/// How long ago the last request came; `None` for an instance that is left to the host.
fn idle(now: Instant) -> Option<Duration> {
    let last = lock(&LAST).filter(|_| TAKEN.load(Ordering::Relaxed) < NEARLY_USED_UP)?;
    Some(now.saturating_duration_since(last))
}
