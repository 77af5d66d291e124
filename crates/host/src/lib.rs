//! todo-host runs a Spin application like ours on wasmtime: for machines without Spin, and for the tests.
//!
//! It is a stand-in for the parts of Spin that we use, and faithful in what a component can notice: the interfaces,
//! their errors, pooling, the reuse of instances, request headers. What it does not support it refuses. Production runs
//! Spin.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let host = todo_host::Host::start(todo_host::Options {
//!     manifest: "spin.toml".into(),
//!     variables: vec![("redis_url".into(), "redis://127.0.0.1:6379".into())],
//!     ..Default::default()
//! })
//! .await?;
//! println!("{}", host.url());
//! host.faults().redis().refuse();
//! # Ok(())
//! # }
//! ```

mod allowed_hosts;
mod bindings;
mod component;
mod counters;
mod engine;
mod faults;
mod host;
mod http;
mod manifest;
mod output;
mod postgres;
mod redis;
mod router;
mod state;
mod template;
mod variables;
mod world;

use std::path::Path;

pub use counters::Counters;
pub use faults::{FaultInjection, ServerFaults};
pub use host::{Host, Options};
pub use http::instance::Reuse;
pub use output::{Captured, Output};
pub use variables::parse_argument as parse_variable;

/// The interfaces that a component's file imports.
///
/// # Errors
///
/// If it is not a component.
pub fn imports(path: &Path) -> anyhow::Result<Vec<String>> {
    let engine = engine::engine(false)?;
    let component = component::compile(&engine, path)?;
    Ok(component::imports(&engine, &component))
}
