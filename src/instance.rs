//! How long the instance stays. The host drops one that has nothing to do for a second, and to start another costs what
//! ten cached reads do; where requests are rare, each would pay that. A task that sleeps counts as something to do, so
//! one is kept asleep for a while after the last request.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use todo_core::lock;

/// How long the instance stays after its last request.
const KEPT: Duration = Duration::from_secs(30);

/// How often the task looks whether that is over.
const LOOK: Duration = Duration::from_secs(1);

/// After so many requests the instance is left to the host, which gives it 128 unless it is told otherwise: one that
/// gets no further request would only keep its memory.
const NEARLY_USED_UP: u32 = 96;

static TAKEN: AtomicU32 = AtomicU32::new(0);
static LAST: Mutex<Option<Instant>> = Mutex::new(None);
static ASLEEP: AtomicBool = AtomicBool::new(false);

/// Notes a request, and keeps the instance for those to come.
pub fn keep() {
    *lock(&LAST) = Some(Instant::now());
    if TAKEN.fetch_add(1, Ordering::Relaxed) < NEARLY_USED_UP && !ASLEEP.swap(true, Ordering::Relaxed) {
        spin_sdk::wasip3::spawn(async {
            while is_wanted(Instant::now()) {
                spin_sdk::time::sleep(LOOK).await;
            }
            ASLEEP.store(false, Ordering::Relaxed);
        });
    }
}

fn is_wanted(now: Instant) -> bool {
    TAKEN.load(Ordering::Relaxed) < NEARLY_USED_UP && lock(&LAST).is_some_and(|last| now.duration_since(last) < KEPT)
}
