//! What one instance of the component builds once: settings, store, cache, router.

use std::sync::{Arc, OnceLock};

use axum::Router;
use todo_core::cache::Cache;
use todo_core::store::pg::Pg;
use todo_core::usecases::Service;

use crate::config::Settings;

/// Everything a handler needs. Cheap to share; lives as long as the instance.
pub struct App {
    /// Typed settings and what is wrong with them.
    pub settings: Settings,
    /// What can be done.
    pub service: Service,
}

impl App {
    /// Puts the parts together. Opens no connection: that happens with the first use.
    pub fn new(settings: Settings) -> Self {
        let pg = Pg::new(settings.database.clone());
        let cache = Cache::new(settings.redis.clone());
        Self { settings, service: Service::new(pg, cache) }
    }

    /// Tells the worker, after the response, that there is work. Only a hint: the job is committed, and if the hint is lost
    /// the next one or the sweep finds it.
    pub fn hint_worker(&self) {
        spin_sdk::wasip3::spawn(async {
            let _ = spin_sdk::http::post("http://worker.spin.internal/run", Vec::new()).await;
        });
    }
}

static ROUTER: OnceLock<Router> = OnceLock::new();

/// The instance's router, built with the first request.
///
/// Two first requests may both build one; the first to finish is kept, the other serves its own request and is dropped.
pub async fn router() -> Router {
    if let Some(router) = ROUTER.get() {
        return router.clone();
    }
    let app = Arc::new(App::new(Settings::from_variables().await));
    ROUTER.get_or_init(|| crate::router::build(app)).clone()
}
