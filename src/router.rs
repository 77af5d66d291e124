//! The routes of both versions, and the layers around them.
//!
//! axum boxes each layer and clones all of them, layer in layer, for every request. So what surrounds the routes is plain
//! functions that pass the request on, put together here into few layers.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, delete, get, post};

use crate::app::App;
use crate::error;
use crate::handlers::{
    admin, batch, bulk, changes, departments, employees, events, export, health, jobs, lists, mcp, me,
    metrics as metrics_page, openapi, root, stats, tags, todobackend, todos, v1 as old,
};
use crate::middleware::access_log::RequestContext;
use crate::middleware::{
    access_log, cors, deprecation, gate, limits, metrics, representation, request_id, security_headers,
};

/// The whole API.
pub fn build(app: Arc<App>) -> Router {
    let mut versions = v1().merge(v2());
    if !app.settings.auth.required {
        versions = versions.merge(todobackend());
    }
    let guarded = versions
        .route("/mcp", post(mcp::endpoint::answer))
        .fallback(error::route_not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), guard));
    // Not counted, and open where the settings say so.
    let operations = Router::new()
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics_page::metrics))
        .layer(from_fn_with_state(Arc::clone(&app), operate))
        .route("/health/live", get(health::live))
        .route("/", get(root::root))
        .method_not_allowed_fallback(error::method_not_allowed);
    let mut routes = operations.merge(guarded);
    if app.settings.auth.required {
        // Whether there is a token or none.
        let nothing = || any(error::route_not_found);
        routes = routes.route("/todobackend", nothing()).route("/todobackend/{id}", nothing());
    }
    if let Some(allowed) = cors::allowed(&app.settings.http.cors_origins) {
        routes = routes.layer(from_fn_with_state(allowed, cors::allow));
    }
    routes.layer(from_fn_with_state(Arc::clone(&app), surround)).with_state(app)
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
async fn surround(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answer = async |request| next.run(request).await;
    let answer = async |request| deprecation::announce(&app, request, answer).await;
    let answer = async |request| error::render(&app, request, answer).await;
    let answer = async |request| representation::choose(request, answer).await;
    let answer = async |request| metrics::count(&app, request, answer).await;
    let answer = async |request| access_log::record(&app, request, answer).await;
    let answer = async |request| security_headers::set(&app, request, answer).await;
    request_id::assign(request, answer).await
}

/// Deprecated and frozen.
fn v1() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/todos", get(old::list_todos).post(old::create_todo))
        .route("/api/v1/todos/bulk-process", post(old::bulk_process_todos))
        .route("/api/v1/todos/stats", get(stats::todo_stats))
        .route(
            "/api/v1/todos/{id}",
            get(old::get_todo).put(old::put_todo).patch(old::patch_todo).delete(old::delete_todo),
        )
        .route("/api/v1/employees", get(old::list_employees))
        .route("/api/v1/departments", get(old::list_departments))
        .route("/api/v1/openapi.json", get(openapi::v1))
}

/// For clients without credentials.
fn todobackend() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/todobackend",
            get(todobackend::list_todos).post(todobackend::create_todo).delete(todobackend::delete_todos),
        )
        .route(
            "/todobackend/{id}",
            get(todobackend::get_todo).patch(todobackend::patch_todo).delete(todobackend::delete_todo),
        )
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn(todobackend::open_to_all))
}

fn v2() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v2/todos", get(todos::list_todos).post(todos::create_todo))
        .route("/api/v2/todos/batch", post(batch::batch_todos))
        .route("/api/v2/todos/bulk-process", post(bulk::bulk_process_todos))
        .route("/api/v2/todos/stats", get(stats::todo_stats))
        .route("/api/v2/todos/export", get(export::export_todos))
        .route(
            "/api/v2/todos/{id}",
            get(todos::get_todo).put(todos::put_todo).patch(todos::patch_todo).delete(todos::delete_todo),
        )
        .route("/api/v2/todos/{id}/move", post(todos::move_todo))
        .route("/api/v2/todos/{id}/complete", post(todos::complete_todo))
        .route("/api/v2/todos/{id}/restore", post(todos::restore_todo))
        .route("/api/v2/todos/{id}/history", get(events::todo_history))
        .route("/api/v2/changes", get(changes::list_changes))
        .route("/api/v2/events", get(events::list_events))
        .route("/api/v2/lists", get(lists::list_lists).post(lists::create_list))
        .route(
            "/api/v2/lists/{id}",
            get(lists::get_list).put(lists::put_list).patch(lists::patch_list).delete(lists::delete_list),
        )
        .route("/api/v2/jobs", get(jobs::list_jobs))
        .route("/api/v2/jobs/{id}", get(jobs::get_job).delete(jobs::cancel_job))
        .route("/api/v2/tags", get(tags::list_tags))
        .route("/api/v2/tags/{id}", delete(tags::delete_tag).patch(tags::rename_tag))
        .route("/api/v2/employees", get(employees::list_employees).post(employees::create_employee))
        .route(
            "/api/v2/employees/{id}",
            get(employees::get_employee).patch(employees::patch_employee).delete(employees::delete_employee),
        )
        .route("/api/v2/departments", get(departments::list_departments).post(departments::create_department))
        .route(
            "/api/v2/departments/{id}",
            get(departments::get_department)
                .patch(departments::patch_department)
                .delete(departments::delete_department),
        )
        .route("/api/v2/me", get(me::get_me))
        .route("/api/v2/admin/workspaces", get(admin::list_workspaces).post(admin::create_workspace))
        .route("/api/v2/admin/tokens", get(admin::list_tokens).post(admin::create_token))
        .route("/api/v2/admin/tokens/{id}", delete(admin::revoke_token))
        .route("/api/v2/openapi.json", get(openapi::v2))
}
