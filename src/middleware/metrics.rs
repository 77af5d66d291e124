//! Counts requests for `/metrics`, over all instances, after the response, so that the caller pays nothing.
//!
//! An instance gathers what its requests count (`app/metrics.rs`) and sends it together.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;

use super::access_log::RequestContext;
use crate::app::App;
use crate::app::metrics::CountedRequest;
use crate::instance;
use crate::route::Matched;

/// How long counts are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(200);

/// Counts the request that passes.
pub async fn count(app: &Arc<App>, request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    if !app.settings.observability.metrics {
        return answer(request).await;
    }
    let method = method(request.method().as_str());
    // Unknown paths count as one route, so that clients cannot create series.
    let route = Matched::of(request.extensions()).pattern().unwrap_or("other");
    let context = RequestContext::of(app, &request);
    let response = answer(request).await;
    let counted = context.with(|notes| CountedRequest {
        route,
        method,
        class: response.status().as_u16() / 100,
        elapsed: context.started.elapsed(),
        cache: notes.cache,
        bypass: notes.bypass,
        limited: notes.limited,
        tool_call: notes.tool_outcome,
    });
    if app.metrics_buffer.add(counted, &context.meter) {
        let sender = Sender(Arc::clone(app));
        spin_sdk::wasip3::spawn(async move {
            instance::gather(GATHER).await;
            let app = Arc::clone(&sender.0);
            drop(sender);
            send(&app).await;
        });
    }
    response
}

/// Sends what this instance has counted.
pub async fn send(app: &App) {
    app.service.count(app.metrics_buffer.take()).await;
}

/// The task that sends the buffer. Dropped at any moment, it lets the next request begin one.
struct Sender(Arc<App>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.metrics_buffer.end_gathering();
    }
}

/// A known method; the rest are one, for the same reason as unknown paths.
fn method(name: &str) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| *known == name).unwrap_or("other")
}
