//! A running application.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::allowed_hosts::AllowedHosts;
use crate::component::{self, Guest};
use crate::counters::{Counters, Live};
use crate::engine;
use crate::faults::FaultInjection;
use crate::http::dispatch::App;
use crate::http::instance::{Instances, Reuse};
use crate::http::server;
use crate::manifest::{Component, Manifest};
use crate::output::Output;
use crate::postgres::{ConnectionLimit, Pools};
use crate::router::Router;
use crate::state::Shared;
use crate::variables::{Sources, Values};

/// How to run an application.
#[derive(Clone, Debug)]
pub struct Options {
    /// The manifest, usually `spin.toml`.
    pub manifest: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Values of variables, as given with `--variable`.
    pub variables: Vec<(String, String)>,
    /// A runtime-config file with `[[variables_provider]]` entries.
    pub runtime_config: Option<PathBuf>,
    /// Connections to Postgres that all components together may hold, as Spin's `[outbound_pg] max_connections`, which
    /// counts where this is `None`.
    pub postgres_connections: Option<usize>,
    /// Where the components' output goes.
    pub output: Output,
    /// How instances are reused.
    pub reuse: Reuse,
    /// Send each piece of an answer at once. Spin does not, and then a body that is ready a moment after its head waits
    /// for the client's acknowledgement, up to 40 ms.
    pub tcp_nodelay: bool,
    /// Whether guests can be told apart in profiles of this process. Only the first host of a process decides.
    pub perf_map: bool,
    /// Whether [`Host::faults`] works. It costs a local hop per message to Postgres and Redis.
    pub faults: bool,
}

impl Default for Options {
    /// `spin.toml` on a free port of 127.0.0.1, with faults, because the library is there for tests.
    fn default() -> Self {
        Self {
            manifest: "spin.toml".into(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            variables: Vec::new(),
            runtime_config: None,
            postgres_connections: None,
            output: Output::default(),
            reuse: Reuse::default(),
            tcp_nodelay: false,
            perf_map: false,
            faults: true,
        }
    }
}

/// An application that is being served. Dropping it ends it as abruptly as [`Host::shutdown`].
pub struct Host {
    address: SocketAddr,
    name: String,
    app: Arc<App>,
    faults: Arc<FaultInjection>,
    limit: ConnectionLimit,
    kill: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Host {
    /// Reads the manifest, settles variables, loads the components, and serves.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with any of them, with the place in the manifest where there is one.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let manifest = Manifest::load(&options.manifest)?;
        let sources = Sources::load(
            &options.variables,
            options.runtime_config.as_deref(),
            |name| std::env::var(name).ok(),
            Path::new(""),
        )?;
        let values = Values::resolve(&manifest, &sources)?;
        let (kill, killed) = watch::channel(0);
        let counters = Arc::new(Live::default());
        let faults = Arc::new(FaultInjection::new(options.faults));
        let limit = ConnectionLimit::new(options.postgres_connections.or(sources.postgres_connections()));
        let app = Arc::new(OnceLock::new());
        let prepared = Prepared {
            options: &options,
            values,
            app: Arc::clone(&app),
            killed,
            counters: Arc::clone(&counters),
            faults: Arc::clone(&faults),
            limit: limit.clone(),
        };
        let components = prepared.components(&manifest)?;
        let routes = manifest
            .triggers
            .iter()
            .filter_map(|trigger| Some((trigger.route.as_deref()?, trigger.component.as_str())));
        let built = Arc::new(App { router: Router::new(routes), components, counters });
        // The lock was empty until here.
        let _ = app.set(Arc::downgrade(&built));
        let listener =
            TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(listener, options.tcp_nodelay, Arc::clone(&built), stopped));
        Ok(Self { address, name: manifest.name, app: built, faults, limit, kill, stop, server })
    }

    /// Where it is served, for example `http://127.0.0.1:3000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The application's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The routes and their components, most specific first.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str)> {
        let routes = self.app.router.routes().iter();
        routes.map(|route| (route.raw.as_str(), route.component.as_str()))
    }

    /// What has been done so far.
    pub fn counters(&self) -> Counters {
        self.app.counters.snapshot()
    }

    /// Connections to Postgres that instances hold now.
    pub fn postgres_held(&self) -> usize {
        self.limit.held()
    }

    /// The switches that make Postgres and Redis misbehave.
    pub fn faults(&self) -> &FaultInjection {
        &self.faults
    }

    /// Drops every instance, with the requests and tasks in it, as a crash of each would.
    pub fn kill_instances(&self) {
        self.kill.send_modify(|generation| *generation += 1);
    }

    /// Stops serving; requests under way are broken off.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.kill_instances();
        // It only ends; there is nothing to learn.
        let _ = (&mut self.server).await;
    }

    /// Serves until the process ends.
    pub async fn wait(mut self) {
        let _ = (&mut self.server).await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.kill_instances();
    }
}

/// What is settled before the components are loaded.
struct Prepared<'a> {
    options: &'a Options,
    values: Values,
    app: Arc<OnceLock<std::sync::Weak<App>>>,
    killed: watch::Receiver<u64>,
    counters: Arc<Live>,
    faults: Arc<FaultInjection>,
    limit: ConnectionLimit,
}

impl Prepared<'_> {
    /// Loads each component that a trigger names, once.
    fn components(&self, manifest: &Manifest) -> anyhow::Result<BTreeMap<String, ProxyHandler<Instances>>> {
        let engine = engine::engine(self.options.perf_map)?;
        let linker = engine::linker(&engine)?;
        let mut loaded = BTreeMap::new();
        for trigger in &manifest.triggers {
            let name = &trigger.component;
            let Some(component) = manifest.components.get(name).filter(|_| !loaded.contains_key(name)) else {
                continue;
            };
            let instances = Instances {
                engine: engine.clone(),
                pre: component::load(&engine, &linker, name, &component.source)?,
                guest: Guest {
                    environment: component.environment.clone().into_iter().collect(),
                    output: self.options.output.clone(),
                },
                shared: self.shared(name, component)?,
                reuse: self.options.reuse,
                app: Arc::clone(&self.app),
                kill: self.killed.clone(),
            };
            loaded.insert(name.clone(), ProxyHandler::new(instances));
        }
        Ok(loaded)
    }

    fn shared(&self, name: &str, component: &Component) -> anyhow::Result<Arc<Shared>> {
        let mut hosts = Vec::new();
        for host in &component.allowed_outbound_hosts {
            let filled = self.values.fill(&host.template)?;
            // Checked one by one, so that the message can name the place.
            AllowedHosts::parse(std::slice::from_ref(&filled)).with_context(|| host.place.clone())?;
            hosts.push(filled);
        }
        Ok(Arc::new(Shared {
            component: name.to_owned(),
            allowed_hosts: AllowedHosts::parse(&hosts)?,
            variables: self.values.component(&component.variables)?,
            pools: Pools::new(Arc::clone(&self.faults), self.limit.clone()),
            counters: Arc::clone(&self.counters),
            faults: Arc::clone(&self.faults),
        }))
    }
}
