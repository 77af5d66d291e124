//! Servers of a test's own, which it may kill as it likes: with SIGKILL, as a machine that runs out of memory does.

mod certificates;
mod host;
mod pooler;
mod postgres;
mod redis;
mod tls_redis;

pub use host::{Files, Host, hosts, serve_if_asked};
pub use pooler::Pooler;
pub use postgres::Postgres;
pub use redis::Redis;
pub use tls_redis::TlsRedis;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A port that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program of the Redis that this run tests with.
fn redis_program() -> std::ffi::OsString {
    std::env::var_os("TODO_REDIS_PROGRAM").unwrap_or_else(|| "redis-server".into())
}

/// A new folder for the files of a server.
fn folder(of: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(super::unique(&format!("todo-{of}")).replace(' ', "-"));
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// Whether this process may do everything, so that servers that refuse that need another user.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// A port that leads to the server at `target` now, as a name or a load balancer does.
pub async fn leading_to(target: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let port = target.load(SeqCst);
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    port
}
