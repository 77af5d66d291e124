//! The router, built from the route table, and the layers around the routes.
//!
//! axum boxes each layer and clones all of them, layer in layer, for every request. So what surrounds the routes is
//! plain functions that pass the request on, put together here into few layers. The outermost notes which path it
//! surrounds.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use tower_http::cors::CorsLayer;

use crate::address;
use crate::app::App;
use crate::config::Settings;
use crate::error;
use crate::handlers::todobackend;
use crate::instance;
use crate::middleware::access_log::RequestContext;
use crate::middleware::{
    access_log, cors, deprecation, errors, gate, limits, metrics, representation, request_id, security_headers,
};
use crate::route::{Group, Matched, Route};
use crate::routes;

static ROUTER: OnceLock<(Router, Arc<App>)> = OnceLock::new();

/// The instance's router, built with the first request, and the request as it is to get it.
///
/// Two first requests may both build one; the first to finish is kept, the other serves its own request and is dropped.
pub async fn route(request: Request) -> (Router, Request) {
    let (router, app) = match ROUTER.get() {
        Some(known) => known,
        None => {
            let app = Arc::new(App::new(Settings::from_variables().await));
            ROUTER.get_or_init(|| (build(Arc::clone(&app)), app))
        }
    };
    instance::keep(app);
    (router.clone(), address::normalise(request, app.settings.http.unversioned_routes))
}

/// The whole API.
fn build(app: Arc<App>) -> Router {
    let layers = Layers { cors: cors::allowed(&app.settings.http.cors_origins), app: Arc::clone(&app) };
    let mut router = Router::new();
    for path in routes::by_path() {
        if let Some(Route { path: pattern, group, .. }) = path.first() {
            router = router.route(pattern, layers.around(methods(path), Matched::path(*group, path)));
        }
    }
    let nothing = |group| layers.around(any(error::route_not_found), Matched::nothing(group));
    for pattern in routes::UNKNOWN_V1 {
        router = router.route(pattern, nothing(Group::V1));
    }
    router.fallback(nothing(Group::Unknown)).with_state(app)
}

/// The methods of a path.
fn methods(path: &[Route]) -> MethodRouter<Arc<App>> {
    let methods = path.iter().fold(MethodRouter::new(), |methods, route| route.add(methods));
    methods.fallback(error::method_not_allowed)
}

/// What surrounds routes.
struct Layers {
    app: Arc<App>,
    cors: Option<CorsLayer>,
}

impl Layers {
    /// The methods of a path with everything around them.
    fn around(&self, methods: MethodRouter<Arc<App>>, matched: Matched) -> MethodRouter<Arc<App>> {
        let guarded = |methods: MethodRouter<Arc<App>>| methods.layer(from_fn_with_state(Arc::clone(&self.app), guard));
        let mut methods = match matched.group {
            Group::V1 | Group::V2 | Group::Mcp | Group::Unknown => guarded(methods),
            // Whether there is a token or none.
            Group::Todobackend if self.app.settings.auth.required => any(error::route_not_found),
            Group::Todobackend => guarded(methods.layer(from_fn(todobackend::preflight))),
            Group::Operations => methods.layer(from_fn_with_state(Arc::clone(&self.app), operate)),
            Group::Immediate => methods,
        };
        let is_open = matched.group == Group::Todobackend && !self.app.settings.auth.required;
        if let Some(allowed) = self.cors.as_ref().filter(|_| !is_open) {
            methods = methods.layer(from_fn_with_state(allowed.clone(), cors::allow));
        }
        methods = methods.layer(from_fn_with_state((Arc::clone(&self.app), matched), surround));
        // Around everything: pages read refusals, too.
        if is_open { methods.layer(map_response(todobackend::open_to_all)) } else { methods }
    }
}

/// Around the routes that serve callers.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    gate::enter(&app, request, next).await
}

/// Around the routes that serve whoever runs the service and that have to wait for something.
async fn operate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let context = RequestContext::of(&app, &request);
    limits::end_slow(&app, &context, pin!(next.run(request))).await
}

/// Around everything that can answer, from the inside out.
async fn surround(State((app, matched)): State<(Arc<App>, Matched)>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(matched);
    let answer = async |request| next.run(request).await;
    let answer = async |request| deprecation::announce(&app, request, answer).await;
    let answer = async |request| errors::render(&app, request, answer).await;
    let answer = async |request| representation::choose(request, answer).await;
    let answer = async |request| metrics::count(&app, request, answer).await;
    let answer = async |request| access_log::record(&app, request, answer).await;
    let answer = async |request| security_headers::set(&app, request, answer).await;
    request_id::assign(request, answer).await
}
