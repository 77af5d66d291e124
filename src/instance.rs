//! How long the instance stays. The host drops one that has nothing to do for a second, and to start another costs what
//! ten cached reads do; where requests are rare, each would pay that. A task that sleeps counts as something to do, so
//! one is kept asleep for a while after the last request.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use todo_core::lock;

/// How long the instance stays after its last request.
const KEPT: Duration = Duration::from_secs(30);

/// How often the task looks whether that is over: while requests come, and while none do. A host keeps an instance that
/// is used up for as long as a task of it sleeps, and under load one is used up in a part of a second.
const LOOK: Duration = Duration::from_millis(100);
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// After so many requests the instance is left to the host: one that gets no further request would only keep its
/// memory.
const NEARLY_USED_UP: u32 = 96;
/// As many as a host gives to an instance unless it is told otherwise.
const USED_UP: u32 = 128;

static TAKEN: AtomicU32 = AtomicU32::new(0);
static LAST: Mutex<Option<Instant>> = Mutex::new(None);
static ASLEEP: AtomicBool = AtomicBool::new(false);

/// Notes a request, and keeps the instance for those to come.
pub fn keep() {
    *lock(&LAST) = Some(Instant::now());
    if TAKEN.fetch_add(1, Ordering::Relaxed) < NEARLY_USED_UP && !ASLEEP.swap(true, Ordering::Relaxed) {
        spin_sdk::wasip3::spawn(async {
            let mut seen = 0;
            while is_wanted(Instant::now()) {
                let taken = TAKEN.load(Ordering::Relaxed);
                spin_sdk::time::sleep(if taken == seen { IDLE_LOOK } else { LOOK }).await;
                seen = taken;
            }
            ASLEEP.store(false, Ordering::Relaxed);
        });
    }
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

fn is_wanted(now: Instant) -> bool {
    TAKEN.load(Ordering::Relaxed) < NEARLY_USED_UP && lock(&LAST).is_some_and(|last| now.duration_since(last) < KEPT)
}
