//! The documentation component: an interactive page for both versions of the API, every error explained, and the way
//! from v1 to v2.
//!
//! It reaches nothing. The pages are rendered and compressed when it is built; at run time the browser, not the
//! component, asks the API of the same origin for its OpenAPI documents, so what the reference shows is what the API
//! says of itself.

pub mod assets;
pub mod problems;
pub mod respond;
pub mod settings;

/// The export of the component. Only for wasm: its symbol is a name that native linkers refuse.
#[cfg(target_family = "wasm")]
mod export {
    use crate::{respond::respond, settings::DocsSettings};
    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use spin_sdk::{http::Request, http_service};

    #[http_service]
    async fn serve(request: Request) -> Response<Full<Bytes>> {
        let (head, _body) = request.into_parts();
        respond(&head.method, head.uri.path(), &head.headers, DocsSettings::get().await)
    }
}
