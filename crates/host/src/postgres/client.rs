//! Pools and statements: everything that talks to the driver.
//!
//! As in Spin, a component has one pool of 64 connections per address, a connection is reset when it is given out
//! again, and whoever asks for number 65 waits. Statements are prepared anew each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures::Stream;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::query_failed;
use super::limit::{ConnectionLimit, Permit};
use super::types;
use crate::bindings::pg::{Error, ParameterValue};
use crate::faults::{FaultInjection, PostgresRelay};

/// Connections per component and address.
const POOL_SIZE: usize = 64;

/// A connection of a pool, given back when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct PooledClient(Arc<(Object, Permit)>);

/// The pools of one component.
pub(crate) struct Pools {
    pools: Mutex<HashMap<(String, Option<String>), Pool>>,
    faults: Arc<FaultInjection>,
    limit: ConnectionLimit,
}

impl Pools {
    pub(crate) fn new(faults: Arc<FaultInjection>, limit: ConnectionLimit) -> Self {
        Self { pools: Mutex::default(), faults, limit }
    }

    /// Acquires a connection to `address`, trusting `ca_root` (PEM) besides the public authorities.
    ///
    /// Waits for ever when all 64 are in use, or as many as the limit allows.
    pub(crate) async fn get(&self, address: &str, ca_root: Option<&str>) -> anyhow::Result<PooledClient> {
        let pool = self.pool(address, ca_root)?;
        let permit = self.limit.acquire().await?;
        Ok(PooledClient(Arc::new((pool.get().await?, permit))))
    }

    fn pool(&self, address: &str, ca_root: Option<&str>) -> anyhow::Result<Pool> {
        let key = (address.to_owned(), ca_root.map(str::to_owned));
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&key) {
            return Ok(pool.clone());
        }
        let pool = self.create(address, ca_root).context("establishing PostgreSQL connection pool")?;
        pools.insert(key, pool.clone());
        Ok(pool)
    }

    fn create(&self, address: &str, ca_root: Option<&str>) -> anyhow::Result<Pool> {
        let config: Config = address.parse().context("parsing Postgres connection string")?;
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Clean };
        let plain = config.get_ssl_mode() == SslMode::Disable;
        let manager = match (self.faults.postgres_relay(), plain) {
            (None, true) => Manager::from_config(config, NoTls, settings),
            (None, false) => Manager::from_config(config, tls(ca_root)?, settings),
            (Some(relay), true) => Manager::from_connect(config, PostgresRelay::new(relay, NoTls), settings),
            (Some(relay), false) => Manager::from_connect(config, PostgresRelay::new(relay, tls(ca_root)?), settings),
        };
        Pool::builder(manager).max_size(POOL_SIZE).build().context("building Postgres connection pool")
    }
}

impl PooledClient {
    /// Runs a statement; returns the number of rows it touched.
    pub(crate) async fn execute(&self, statement: &str, params: &[ParameterValue]) -> Result<u64, Error> {
        // Spin names this failure differently for `execute` and `query`.
        let params = types::parameters(params).map_err(|error| match error {
            Error::BadParameter(text) => Error::ValueConversionFailed(text),
            other => other,
        })?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p.as_ref() as &(dyn ToSql + Sync)).collect();
        self.0.0.execute(statement, &params).await.map_err(query_failed)
    }

    /// Runs a query; failures of its execution come out of the stream.
    pub(crate) async fn query(
        &self,
        statement: &str,
        params: &[ParameterValue],
    ) -> Result<impl Stream<Item = Result<Row, tokio_postgres::Error>> + Send + use<>, Error> {
        let params = types::parameters(params)?;
        let rows = self.0.0.query_raw(statement, params).await.map_err(query_failed)?;
        Ok(rows)
    }
}

/// Verifies chain and host name against the public authorities and `ca_root`.
fn tls(ca_root: Option<&str>) -> anyhow::Result<MakeRustlsConnect> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    for certificate in ca_root.map(certificates).transpose()?.unwrap_or_default() {
        roots.add(certificate).context("invalid root certificate")?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Reads the certificates of a PEM text; none at all is an error.
pub(crate) fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().context("invalid root certificate")?;
    anyhow::ensure!(!certificates.is_empty(), "invalid root certificate");
    Ok(certificates)
}
