//! The way of a request: the host's own paths, the route, the component.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{ProxyHandler, TrapOrPanicError};

use super::instance::Instances;
use super::{empty, headers};
use crate::counters::{Live, bump};
use crate::router::{Match, Route, Router};

/// Paths that the host answers itself.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// The client of a request that one component makes to another.
const INTERNAL_CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// An application that is being served.
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) components: BTreeMap<String, ProxyHandler<Instances>>,
    pub(crate) counters: Arc<Live>,
}

impl App {
    /// Answers a request from outside.
    ///
    /// # Errors
    /// When the request does not say for which host it is. Spin then breaks the connection, without an answer.
    pub(crate) async fn handle(
        &self,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> anyhow::Result<Response<WasiBody>> {
        headers::strip(request.headers_mut());
        let path = request.uri().path().to_owned();
        if let Some(own) = path.strip_prefix(WELL_KNOWN) {
            return Ok(well_known(own));
        }
        let Some(matched) = self.router.route(&path) else {
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        headers::absolute_uri(&mut request, Scheme::HTTP)?;
        Ok(self.run(request, &matched, client).await)
    }

    /// Answers a request of one component to another. `None` if there is no such component.
    pub(crate) async fn handle_internal(
        &self,
        component: &str,
        mut request: Request<WasiBody>,
    ) -> Option<Response<WasiBody>> {
        if !self.components.contains_key(component) {
            return None;
        }
        bump(&self.counters.internal_requests);
        headers::strip(request.headers_mut());
        let everything = Route::everything(component);
        let matched = Match { route: &everything, named: Vec::new(), trailing: request.uri().path().to_owned() };
        Some(self.run(request, &matched, INTERNAL_CLIENT).await)
    }

    async fn run(&self, mut request: Request<WasiBody>, matched: &Match<'_>, client: SocketAddr) -> Response<WasiBody> {
        bump(&self.counters.requests);
        let component = &matched.route.component;
        let Some(handler) = self.components.get(component) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let answer = match headers::append(&mut request, matched, client) {
            Ok(()) => match handler.handle((), request).await {
                // The instance has died, and has said so itself if there is anything to say.
                Err(error) if error.is::<TrapOrPanicError>() => return empty(StatusCode::INTERNAL_SERVER_ERROR),
                answer => answer.map_err(anyhow::Error::from),
            },
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| {
            eprintln!("todo-host: {component}: the request failed: {error:#}");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        })
    }
}

/// Says that the host is there, and nothing about the application.
fn well_known(path: &str) -> Response<WasiBody> {
    if path != "health" {
        return empty(StatusCode::NOT_FOUND);
    }
    let body = Full::from("OK").map_err(|never| match never {}).boxed_unsync();
    Response::new(body)
}
