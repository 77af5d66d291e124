//! How long the instance stays. The host drops one that has nothing to do for a second, and to start another costs what
//! ten cached reads do; where requests are rare, each would pay that. A task that sleeps counts as something to do, so
//! one is kept asleep for a while after the last request. For the first part of it the check is kept good, too.
//!
//! An instance that takes no further request is dropped as soon as those under way have ended. So one that is too many
//! ends before its time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spin_sdk::wasip3::wit_bindgen::backpressure_inc;
use todo_core::lock;
use uuid::Uuid;

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

/// Requests a second. A host may be told to give an instance more than [`USED_UP`], and does not say how many. One that
/// has had more may be used up whenever no request comes, and is left to the host then, unless they came as rarely as
/// this.
const RARE: f64 = 20.0;

/// Requests at once. An instance that serves fewer is one too many while requests have to wait: a burst makes the host
/// begin one for nearly each request, all are given requests in turn from then on, and share the processors. The host
/// gives up to 16 to each.
const TOO_FEW: f32 = 4.0;

static TAKEN: AtomicU32 = AtomicU32::new(0);
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);
static LAST: Mutex<Option<Instant>> = Mutex::new(None);
static ASLEEP: AtomicBool = AtomicBool::new(false);
/// Whether the last request is one that waits.
static WAITS: AtomicBool = AtomicBool::new(false);

/// What the instance is kept for.
pub trait Kept: 'static {
    /// Keeps the check good, if it needs anything.
    fn keep_check(self: &Arc<Self>) -> impl Future<Output = ()>;

    /// Whether requests wait long for what they need.
    fn is_overloaded(&self) -> bool;
}

/// A request under way, until it is dropped.
pub struct RequestUnderWay;

impl RequestUnderWay {
    /// One more.
    pub fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Notes a request, and keeps the instance for those to come.
pub fn keep(app: &Arc<impl Kept>) {
    *lock(&LAST) = Some(Instant::now());
    WAITS.store(false, Ordering::Relaxed);
    TAKEN.fetch_add(1, Ordering::Relaxed);
    if !may_be_used_up() && !ASLEEP.swap(true, Ordering::Relaxed) {
        let app = Arc::clone(app);
        spin_sdk::wasip3::spawn(async move {
            stay(&app).await;
            ASLEEP.store(false, Ordering::Relaxed);
        });
    }
}

/// Sleeps until the instance has been idle for long enough or is one too many.
async fn stay(app: &Arc<impl Kept>) {
    let (mut seen, mut at_once) = (0, 2.0 * TOO_FEW);
    let (began, before) = (Instant::now(), TAKEN.load(Ordering::Relaxed));
    while let Some(idle) = idle(Instant::now()).filter(|idle| *idle < KEPT) {
        let taken = TAKEN.load(Ordering::Relaxed);
        let pause = if taken != seen {
            let under_way = u16::try_from(UNDER_WAY.load(Ordering::Relaxed)).unwrap_or(u16::MAX);
            at_once = 0.75 * at_once + 0.25 * f32::from(under_way);
            // Not all at once, or the next request would make the host begin another one.
            if at_once < TOO_FEW && app.is_overloaded() && is_drawn() {
                backpressure_inc();
                return;
            }
            LOOK
        } else if taken > USED_UP && f64::from(taken - before) > RARE * began.elapsed().as_secs_f64() {
            return;
        } else if idle < CHECKED && !WAITS.load(Ordering::Relaxed) {
            app.keep_check().await;
            CHECK
        } else {
            IDLE_LOOK
        };
        spin_sdk::time::sleep(pause).await;
        seen = taken;
    }
}

/// One in eight.
fn is_drawn() -> bool {
    Uuid::new_v4().as_bytes()[0] < 32
}

/// The last request waits for something to change: no other one will follow soon, so the check need not be kept good.
pub fn rest() {
    WAITS.store(true, Ordering::Relaxed);
}

/// Sleeps while something is gathered: for so long, or less if the instance may be used up.
pub async fn gather(time: Duration) {
    let until = Instant::now() + time;
    while !may_be_used_up()
        && let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        spin_sdk::time::sleep(left.min(LOOK)).await;
    }
}

/// How long ago the last request came; `None` for an instance that is left to the host.
fn idle(now: Instant) -> Option<Duration> {
    let last = lock(&LAST).filter(|_| !may_be_used_up())?;
    Some(now.saturating_duration_since(last))
}

fn may_be_used_up() -> bool {
    (NEARLY_USED_UP..=USED_UP).contains(&TAKEN.load(Ordering::Relaxed))
}
