//! What one component instance owns: the `T` of its `Store<T>`, and what it shares with its siblings.

use std::sync::Arc;

use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::counters::Live;
use crate::faults::FaultInjection;
use crate::http::outbound::Outbound;
use crate::postgres::Pools;
use crate::variables::ComponentVariables;

/// What every instance of one component shares.
pub(crate) struct Shared {
    /// The component's name in the manifest.
    pub(crate) component: String,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) variables: ComponentVariables,
    pub(crate) pools: Pools,
    pub(crate) counters: Arc<Live>,
    pub(crate) faults: Arc<FaultInjection>,
}

/// The store data of one instance.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) shared: Arc<Shared>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
}

impl State {
    pub(crate) fn new(shared: Arc<Shared>, wasi: WasiCtx, outbound: Outbound) -> Self {
        Self { table: ResourceTable::new(), shared, wasi, http: WasiHttpCtx::new(), outbound }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Tells the generated bindings that the `spin:*` interfaces are implemented by [`State`] itself.
pub(crate) struct Spin;

impl HasData for Spin {
    type Data<'a> = &'a mut State;
}
