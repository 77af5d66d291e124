//! Requests that a component makes: to a sibling (`http://<component>.spin.internal`) without the network, else to a
//! host that the manifest allows.

use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};

use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

use super::dispatch::App;
use super::headers::internal_target;
use crate::counters::bump;
use crate::state::Shared;

type Sending = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(Response<WasiBody>, Sending), Error>;

/// The hooks of one instance.
pub(crate) struct Outbound {
    shared: Arc<Shared>,
    app: Arc<OnceLock<Weak<App>>>,
}

impl Outbound {
    pub(super) fn new(shared: Arc<Shared>, app: Arc<OnceLock<Weak<App>>>) -> Self {
        Self { shared, app }
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Sending,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let shared = Arc::clone(&self.shared);
        let app = self.app.get().and_then(Weak::upgrade);
        Box::new(async move {
            let uri = request.uri();
            let scheme = uri.scheme_str().unwrap_or("https");
            if !shared.allowed_hosts.allow(&uri.to_string(), scheme) {
                eprintln!(
                    "todo-host: {}: a request to {scheme}://{} is not allowed: see allowed_outbound_hosts",
                    shared.component,
                    uri.authority().map_or("", |authority| authority.as_str()),
                );
                return Err(Error::HttpRequestDenied);
            }
            let target = uri.authority().and_then(|authority| internal_target(authority.as_str()));
            if let Some(target) = target.map(str::to_owned) {
                let app = app.ok_or(Error::DestinationUnavailable)?;
                let response = app.handle_internal(&target, request).await;
                let response = response.ok_or(Error::DestinationNotFound)?;
                return Ok((response, Box::new(std::future::ready(Ok(()))) as Sending));
            }
            bump(&shared.counters.outbound_requests);
            let (response, sending) = default_send_request(request, options).await?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(sending) as Sending))
        })
    }
}
