//! The interface itself: checks, resources, and calls into the driver.

use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::client::{PooledClient, certificates};
use super::{Connection, ConnectionBuilder, stream};
use crate::bindings::pg::{self, Column, Error, ParameterValue, Row, RowSet};
use crate::counters::bump;
use crate::state::{Shared, Spin, State};

type Rows = StreamReader<Row>;
type End = FutureReader<Result<(), Error>>;

impl pg::Host for State {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl pg::HostConnectionBuilder for State {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        let builder = ConnectionBuilder { address, ca_root: None };
        Ok(self.table.push(builder)?)
    }

    async fn set_ca_root(&mut self, builder: Resource<ConnectionBuilder>, certificate: String) -> Result<(), Error> {
        certificates(&certificate).map_err(|error| Error::Other(format!("{error:#}")))?;
        let builder = self.table.get_mut(&builder).map_err(no_builder)?;
        builder.ca_root = Some(certificate);
        Ok(())
    }

    async fn build(&mut self, builder: Resource<ConnectionBuilder>) -> Result<Resource<Connection>, Error> {
        let builder = self.table.get(&builder).map_err(no_builder)?.clone();
        let pooled = open(&self.shared, &builder.address, builder.ca_root.as_deref()).await?;
        self.table.push(Connection(pooled)).map_err(too_many)
    }

    async fn drop(&mut self, builder: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl<T: Send> pg::HostConnectionBuilderWithStore<T> for Spin {
    async fn build_async(
        accessor: &Accessor<T, Self>,
        builder: Resource<ConnectionBuilder>,
    ) -> Result<Resource<Connection>, Error> {
        let (shared, builder) = accessor.with(|mut access| {
            let state = access.get();
            let builder = state.table.get(&builder).map_err(no_builder)?.clone();
            Ok::<_, Error>((Arc::clone(&state.shared), builder))
        })?;
        let pooled = open(&shared, &builder.address, builder.ca_root.as_deref()).await?;
        accessor.with(|mut access| access.get().table.push(Connection(pooled)).map_err(too_many))
    }
}

impl pg::HostConnection for State {
    async fn open(&mut self, address: String) -> Result<Resource<Connection>, Error> {
        let pooled = open(&self.shared, &address, None).await?;
        self.table.push(Connection(pooled)).map_err(too_many)
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> Result<RowSet, Error> {
        let pooled = pooled(self, &connection)?;
        stream::collect(pooled.query(&statement, &params).await?).await
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        pooled(self, &connection)?.execute(&statement, &params).await
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send + 'static> pg::HostConnectionWithStore<T> for Spin {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Result<Resource<Connection>, Error> {
        let shared = accessor.with(|mut access| Arc::clone(&access.get().shared));
        let pooled = open(&shared, &address, None).await?;
        accessor.with(|mut access| access.get().table.push(Connection(pooled)).map_err(too_many))
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> Result<(Vec<Column>, Rows, End), Error> {
        let pooled = accessor.with(|mut access| pooled(access.get(), &connection))?;
        let streamed = stream::start(pooled.query(&statement, &params).await?).await;
        let (rows, end) = accessor
            .with(|mut access| {
                let rows = StreamReader::new(&mut access, streamed.rows)?;
                let end = FutureReader::new(&mut access, streamed.end)?;
                wasmtime::error::Ok((rows, end))
            })
            .map_err(|error| Error::Other(error.to_string()))?;
        Ok((streamed.columns, rows, end))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        let pooled = accessor.with(|mut access| pooled(access.get(), &connection))?;
        pooled.execute(&statement, &params).await
    }
}

/// Checks the address against the manifest, then asks the pool.
async fn open(shared: &Shared, address: &str, ca_root: Option<&str>) -> Result<PooledClient, Error> {
    ensure_allowed(shared, address)?;
    bump(&shared.counters.postgres_opens);
    let pooled = shared.pools.get(address, ca_root).await;
    // In several lines, as Spin says it.
    pooled.map_err(|error| Error::ConnectionFailed(format!("{error:?}")))
}

/// Finds the connection for a statement, which is thereby counted.
fn pooled(state: &State, connection: &Resource<Connection>) -> Result<PooledClient, Error> {
    let connection = state.table.get(connection).map_err(|_| Error::ConnectionFailed("no connection found".into()))?;
    bump(&state.shared.counters.statements);
    Ok(connection.0.clone())
}

/// Every host of the address must be allowed, each with its own port or the only one given.
fn ensure_allowed(shared: &Shared, address: &str) -> Result<(), Error> {
    let config: Config =
        address.parse().map_err(|error: tokio_postgres::Error| Error::ConnectionFailed(error.to_string()))?;
    // It would lead elsewhere than the host that is checked.
    if !config.get_hostaddrs().is_empty() {
        return Err(Error::ConnectionFailed("hostaddr is not supported".into()));
    }
    let ports = config.get_ports();
    for (index, host) in config.get_hosts().iter().enumerate() {
        let Host::Tcp(host) = host else {
            return Err(Error::ConnectionFailed("Unix sockets are not supported on WebAssembly".into()));
        };
        let port = match ports {
            [only] => Some(only),
            several => several.get(index),
        };
        let url = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        if !shared.allowed_hosts.allow(&url, "postgres") {
            return Err(Error::ConnectionFailed(format!("address postgres://{url} is not permitted")));
        }
    }
    Ok(())
}

fn no_builder(_: wasmtime::component::ResourceTableError) -> Error {
    Error::ConnectionFailed("no builder found".into())
}

fn too_many(_: wasmtime::component::ResourceTableError) -> Error {
    Error::ConnectionFailed("too many connections".into())
}
