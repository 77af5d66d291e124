//! A Redis that speaks TLS alone, under a certificate of an authority of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::super::Options;
use super::super::suite::ignored;
use super::certificates::certify;

/// A running server.
pub struct TlsRedis {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl TlsRedis {
    /// `None`, and the test ignored, where openssl is missing, or a redis-server that was built with TLS.
    pub async fn start() -> Option<Self> {
        let (folder, port) = (super::folder("redis-tls"), super::free_port());
        if !certify(&folder) {
            return ignored("needs openssl on PATH, to make certificates");
        }
        let mut command = Command::new(super::redis_program());
        command.current_dir(&folder).args(["--port", "0", "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no", "--tls-ca-cert-file", "ca.pem"]);
        command.args(["--tls-cert-file", "server.pem", "--tls-key-file", "server.key"]);
        let Ok(process) = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            return ignored("needs redis-server on PATH");
        };
        let mut redis = Self { process, folder, port };
        if redis.answers().await { Some(redis) } else { ignored("needs a redis-server that speaks TLS") }
    }

    /// The certificate of its authority, to be trusted.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The same options with this Redis.
    pub fn used_by(&self, options: Options) -> Options {
        self.used_at(options, "127.0.0.1")
    }

    /// The same options with this Redis behind a port at which opening a connection takes this much longer.
    pub async fn used_slowly_by(&self, options: Options, longer: Duration) -> Options {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (port, at) = (self.port, listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    tokio::time::sleep(longer).await;
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
        self.used_by(options).with("redis_url", format!("rediss://127.0.0.1:{at}")).with("redis_port", at)
    }

    /// The same options with this Redis under this host.
    pub fn used_at(&self, options: Options, host: &str) -> Options {
        let url = format!("rediss://{host}:{}", self.port);
        options.with("redis_url", url).with("redis_port", self.port).with("redis_host", host)
    }

    async fn answers(&mut self) -> bool {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }
}

impl Drop for TlsRedis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
