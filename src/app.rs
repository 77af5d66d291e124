//! The state of an instance, built once: settings, store, cache.

pub mod health;
pub mod metrics;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spin_sdk::http::body::IncomingBodyExt;
use todo_core::usecases::Service;
use todo_core::usecases::authentication::FollowUp;
use todo_core::{Actor, Caller, Meter};

use crate::config::Settings;
use crate::instance::Kept;
use health::RememberedHealth;
use metrics::MetricsBuffer;

/// Everything a handler needs. Cheap to share; lives as long as the instance.
pub struct App {
    /// Typed settings and what is wrong with them.
    pub settings: Settings,
    /// What can be done.
    pub service: Service,
    /// What has been counted and not sent.
    pub metrics_buffer: MetricsBuffer,
    /// Who waits for something to change, once for each request.
    pub waiting: Mutex<Vec<Option<Actor>>>,
    swept: Mutex<Option<Instant>>,
    /// What `/health` said last.
    pub health: RememberedHealth,
}

impl App {
    /// Puts the parts together. Opens no connection: that happens with the first use.
    pub fn new(settings: Settings) -> Self {
        let service = Service::new(settings.database.clone(), settings.redis.clone());
        Self {
            settings,
            service,
            metrics_buffer: MetricsBuffer::default(),
            waiting: Mutex::default(),
            swept: Mutex::default(),
            health: RememberedHealth::default(),
        }
    }

    /// Does what is to be done beside the request and beyond its end.
    pub fn follow_up(self: &Arc<Self>, FollowUp { work_due, used, renewal }: FollowUp) {
        if work_due {
            self.sweep();
        }
        if let Some(renewal) = renewal {
            // A renewal finds no further one.
            self.beside(async move |app, meter| app.follow_up(app.service.renew(meter, renewal).await));
        }
        if !used.is_empty() {
            // A use that could not be noted is found due again by a later check.
            self.beside(async move |app, meter| drop(app.service.note_uses(meter, &used).await));
        }
    }

    /// Does something beside the request and beyond its end. What it costs is none of the request's.
    pub fn beside(self: &Arc<Self>, work: impl AsyncFnOnce(&Arc<Self>, &Arc<Meter>) + 'static) {
        let app = Arc::clone(self);
        spin_sdk::wasip3::spawn(async move {
            let meter = Arc::default();
            work(&app, &meter).await;
            app.metrics_buffer.add_statements(&meter);
        });
    }

    /// Withdraws, beside the request, the announcement of a write that was none.
    pub fn withdraw(self: &Arc<Self>, caller: Caller) {
        if caller.announced.is_taken() {
            return;
        }
        self.beside(async move |app, _| app.service.withdraw(&caller).await);
    }

    /// Tells the worker, beside the request and beyond its end, that there may be work, until it says that there is no
    /// more. Only a hint: jobs are committed, and if it is lost the next one finds them.
    pub fn hint_worker(&self) {
        spin_sdk::wasip3::spawn(async {
            while let Ok(response) = spin_sdk::http::post("http://worker.spin.internal/run", Vec::new()).await {
                let more = response.status().is_success()
                    && response.into_body().bytes().await.is_ok_and(|body| says_more(&body));
                if !more {
                    break;
                }
            }
        });
    }

    /// The same at most once a second and instance, for requests that find work due which may have been dropped.
    pub fn sweep(&self) {
        let now = Instant::now();
        let due = self.swept.lock().is_ok_and(|mut swept| match *swept {
            Some(last) if now.duration_since(last) < SWEEP_INTERVAL => false,
            _ => {
                *swept = Some(now);
                true
            }
        });
        if due {
            self.hint_worker();
        }
    }
}

impl Kept for App {
    async fn keep_check(self: &Arc<Self>) {
        let meter = Arc::default();
        let follow_up = self.service.keep_check(&meter).await;
        self.metrics_buffer.add_statements(&meter);
        self.follow_up(follow_up);
    }

    fn is_overloaded(&self) -> bool {
        self.service.is_overloaded()
    }
}

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

fn says_more(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|answer| answer.get("more") == Some(&true.into()))
}
