//! Accepting connections and speaking HTTP/1 and HTTP/2 (cleartext) on them.
//!
//! As in Spin, sockets keep Nagle's algorithm unless the options say otherwise. A small write that follows another one
//! waits for the client's delayed acknowledgement, up to 40 ms. So do the end of a response without `content-length`
//! (components should say how long their answers are) and a body that the component hands over a moment after its head.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use wasmtime_wasi_http::Error;

use super::dispatch::App;

/// How long to wait before accepting again when the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` changes; then connections break, as with Spin, which ends abruptly.
pub(crate) async fn serve(listener: TcpListener, nodelay: bool, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, client)) => {
                if nodelay {
                    // It fails only if the client is gone already.
                    let _ = stream.set_nodelay(true);
                }
                tokio::spawn(connection(stream, client, Arc::clone(&app), stop.clone()));
            }
            Err(error) => {
                eprintln!("todo-host: cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, client: SocketAddr, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = Arc::clone(&app);
        async move {
            let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
            let answer = app.handle(request, client).await;
            answer.inspect_err(|error| eprintln!("todo-host: bad request: {error:#}"))
        }
    });
    let builder = Builder::new(TokioExecutor::new());
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that goes away, or an answer that broke off, is no news.
        _ = served => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}
