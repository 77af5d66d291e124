//! How the drivers are led through a relay: Postgres by a connector of our own, Redis by a resolver of names.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use deadpool_postgres::Connect;
use redis::RedisFuture;
use redis::io::AsyncDNSResolver;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, NoTls};

use super::relay::Relay;

type Connected = Result<(Client, JoinHandle<()>), Error>;

/// Connects to the first host of a configuration through a relay.
pub(crate) struct PostgresRelay<T> {
    relay: Relay,
    tls: T,
}

impl<T> PostgresRelay<T> {
    pub(crate) fn new(relay: Relay, tls: T) -> Self {
        Self { relay, tls }
    }
}

impl<T> Connect for PostgresRelay<T>
where
    T: MakeTlsConnect<TcpStream> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<TcpStream>>::Future: Send,
{
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let (host, port) = first_host(&config);
            let stream = match self.relay.address(&host, port) {
                Ok(address) => TcpStream::connect(address).await,
                Err(error) => Err(error),
            };
            let tls = self.tls.clone().make_tls_connect(&host).ok();
            let (Ok(stream), Some(tls)) = (stream, tls) else {
                // Only the driver can make its errors: let it fail on a stream that is at its end.
                let (client, _) = config.connect_raw(tokio::io::empty(), NoTls).await?;
                return Ok((client, tokio::spawn(std::future::ready(()))));
            };
            let (client, connection) = config.connect_raw(stream, tls).await?;
            let driver = tokio::spawn(async move {
                // The client reports what broke to whoever waits for an answer.
                let _ = connection.await;
            });
            Ok((client, driver))
        })
    }
}

fn first_host(config: &Config) -> (String, u16) {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        _ => "localhost".to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

/// Resolves every name to a relay that leads there.
pub(crate) struct RedisResolver(pub(super) Relay);

impl AsyncDNSResolver for RedisResolver {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let address = self.0.address(host, port)?;
            Ok(Box::new(std::iter::once(address)) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}
