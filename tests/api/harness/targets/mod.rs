//! Servers of a test's own, which it may kill as it likes: with SIGKILL, as a machine that runs out of memory does.

mod host;
mod pooler;
mod postgres;
mod redis;
mod tls_redis;

pub use host::{Host, serve_if_asked};
pub use pooler::Pooler;
pub use postgres::Postgres;
pub use redis::Redis;
pub use tls_redis::TlsRedis;

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
