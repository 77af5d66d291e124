//! Instances of a component: created on demand, reused with Spin's numbers, ended by age, idleness, a trap or a test.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wasmtime::component::GuestTaskId;
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

use super::dispatch::App;
use super::outbound::Outbound;
use crate::component::Guest;
use crate::counters::bump;
use crate::state::{Shared, State};

/// How long and how much instances serve. The defaults are Spin's.
#[derive(Clone, Copy, Debug)]
pub struct Reuse {
    /// Requests that one instance serves in all.
    pub max_requests: usize,
    /// Requests that one instance serves at once.
    pub max_concurrent: usize,
    /// An instance without work is dropped after this time.
    pub idle_timeout: Duration,
    /// A request is given up after this time.
    pub request_timeout: Option<Duration>,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { max_requests: 128, max_concurrent: 16, idle_timeout: Duration::from_secs(1), request_timeout: None }
    }
}

/// Creates the instances of one component.
pub(crate) struct Instances {
    pub(crate) engine: Engine,
    pub(crate) pre: ProxyPre<State>,
    pub(crate) guest: Guest,
    pub(crate) shared: Arc<Shared>,
    pub(crate) reuse: Reuse,
    /// Set once the application is complete; weak, because the application owns us.
    pub(crate) app: Arc<OnceLock<Weak<App>>>,
    /// Changes when all instances are to die.
    pub(crate) kill: watch::Receiver<u64>,
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let outbound = Outbound::new(Arc::clone(&self.shared), Arc::clone(&self.app));
        let state = State::new(Arc::clone(&self.shared), self.guest.wasi(), outbound);
        let mut store = Store::new(&self.engine, state);
        let proxy = self.pre.instantiate_async(&mut store).await?;
        bump(&self.shared.counters.instantiations);
        // Earlier killings are not meant for this one.
        let mut kill = self.kill.clone();
        kill.mark_unchanged();
        Ok(Instance {
            store,
            proxy,
            view: WasiHttpView::http,
            expiration: Expiration::new(self.reuse, kill.clone()),
            state: Worker { reuse: self.reuse, shared: Arc::clone(&self.shared), kill },
        })
    }
}

/// Decides which requests an instance takes.
pub(crate) struct Worker {
    reuse: Reuse,
    shared: Arc<Shared>,
    /// Has changed if the instance was told to die.
    kill: watch::Receiver<u64>,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse.max_requests {
            ShouldAccept::Never
        } else if concurrent >= self.reuse.max_concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        match self.reuse.request_timeout {
            Some(timeout) => Box::pin(tokio::time::sleep(timeout)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        drop(store);
        bump(&self.shared.counters.ends);
        if let Err(error) = result {
            bump(&self.shared.counters.traps);
            // wasmtime calls every instance "timed out" that we end while it has work. Whoever ended it knows.
            if !self.kill.has_changed().unwrap_or(true) {
                eprintln!("todo-host: {}: an instance died: {error:#}", self.shared.component);
            }
        }
    }
}

/// Decides when an instance ends.
pub(crate) struct Expiration {
    reuse: Reuse,
    sleep: Pin<Box<tokio::time::Sleep>>,
    killed: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
}

impl Expiration {
    fn new(reuse: Reuse, mut kill: watch::Receiver<u64>) -> Self {
        Self {
            reuse,
            sleep: Box::pin(tokio::time::sleep(Duration::MAX)),
            killed: Box::pin(async move {
                // A host that is gone kills too.
                let _ = kill.changed().await;
            }),
        }
    }
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        if self.killed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let timeout = match status {
            WorkerStatus::Idle => Some(self.reuse.idle_timeout),
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.reuse.request_timeout,
        };
        let Some(deadline) = timeout.and_then(|timeout| start.checked_add(timeout)) else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != deadline.into() {
            self.sleep.as_mut().reset(deadline.into());
        }
        self.sleep.as_mut().poll(cx)
    }
}
