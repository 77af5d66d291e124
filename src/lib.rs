//! The API component: HTTP in, HTTP out. It holds no SQL and no Redis command; `todo-core` does the work.
//!
//! One instance serves many requests (ARCHITECTURE.md, *The platform*), so everything that can be built once is: see
//! [`app::App`]. The router and the order of its layers are in [`router`].

pub mod address;
pub mod app;
pub mod config;
pub mod document;
pub mod error;
pub mod extract;
pub mod handlers;
pub mod identity;
pub mod instance;
pub mod middleware;
pub mod route;
pub mod router;
pub mod routes;
pub mod types;

/// The export of the component. Only for wasm: its symbol is a name that native linkers refuse.
#[cfg(target_family = "wasm")]
mod export {
    use axum::body::Body;
    use http::{Request, Response};
    use spin_sdk::http_service;
    use tower::ServiceExt;

    #[http_service]
    async fn serve(request: spin_sdk::http::Request) -> Response<Body> {
        let _under_way = crate::instance::RequestUnderWay::begin();
        let request: Request<Body> = request.map(Body::new);
        let (router, request) = crate::router::route(request).await;
        match router.oneshot(request).await {
            Ok(response) => crate::middleware::representation::without_false_length(response),
            Err(never) => match never {},
        }
    }
}
