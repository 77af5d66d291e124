//! Loading a component: compile it (or find it in the cache), check what it imports, and prepare its instances.

use std::path::Path;

use anyhow::Context;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::output::Output;
use crate::state::State;
use crate::world;

/// Compiles and checks the component called `name`.
pub(crate) fn load(
    engine: &Engine,
    linker: &Linker<State>,
    name: &str,
    path: &Path,
) -> anyhow::Result<ProxyPre<State>> {
    let component = compile(engine, path).with_context(|| format!("component `{name}`"))?;
    world::check(name, imports(engine, &component).iter().map(String::as_str))?;
    let pre = linker
        .instantiate_pre(&component)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("component `{name}` cannot be linked"))?;
    let pre = ServicePre::new(pre)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("component `{name}` does not export wasi:http/handler@0.3.0"))?;
    Ok(ProxyPre::P3(pre))
}

/// Compiles a component's file.
pub(crate) fn compile(engine: &Engine, path: &Path) -> anyhow::Result<Component> {
    anyhow::ensure!(path.is_file(), "there is no file {}: build it first (`cargo xtask build`)", path.display());
    Component::from_file(engine, path)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("{} is not a WebAssembly component", path.display()))
}

/// The names of what a component imports.
pub(crate) fn imports(engine: &Engine, component: &Component) -> Vec<String> {
    let component_type = component.component_type();
    component_type.imports(engine).map(|(name, _)| name.to_owned()).collect()
}

/// What the instances of a component get from WASI: their environment and where their output goes.
pub(crate) struct Guest {
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) output: Output,
}

impl Guest {
    /// No files, no sockets, no arguments, no input.
    pub(crate) fn wasi(&self) -> WasiCtx {
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&self.environment);
        self.output.connect(&mut wasi);
        wasi.build()
    }
}
