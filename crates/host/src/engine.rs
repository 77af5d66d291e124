//! The engine: one per process, for its pool of memories is a large part of the address space.

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use wasmtime::component::Linker;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ProfilingStrategy,
};

use crate::bindings;
use crate::state::{Spin, State};

/// Instances alive at once in the process, as in Spin.
const INSTANCES: u32 = 1000;

/// Core instances in a component: the module, the adapter and the glue between them.
const CORE_INSTANCES_EACH: u32 = 4;

/// What an instance's memory may keep when it goes back to the pool, in bytes.
const KEEP_RESIDENT: usize = 2 << 20;

/// The engine of this process; the first caller says whether it tells `perf` the names of compiled functions.
pub(crate) fn engine(perf_map: bool) -> anyhow::Result<Engine> {
    static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = &*engine {
        return Ok(engine.clone());
    }
    let created = create(perf_map).context("cannot create the WebAssembly engine")?;
    *engine = Some(created.clone());
    Ok(created)
}

fn create(perf_map: bool) -> anyhow::Result<Engine> {
    let mut config = Config::new();
    if perf_map {
        config.profiler(ProfilingStrategy::PerfMap);
    }
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    config.memory_init_cow(true);
    // Without a home for the cache, compiling each time is merely slower.
    if let Ok(cache) = Cache::new(CacheConfig::new()) {
        config.cache(Some(cache));
    }
    let mut pooled = config.clone();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    // A machine with a small address space has no room for the pool.
    Engine::new(&pooled).or_else(|_| Engine::new(&config)).map_err(Into::into)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(CORE_INSTANCES_EACH * INSTANCES)
        .total_memories(INSTANCES)
        .total_tables(2 * INSTANCES)
        // Spin has one for each instance. Here all hosts of a test's process share them, and an instance that starts
        // while it is already called needs two.
        .total_stacks(4 * INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT / 4);
    pool
}

/// Everything a component may be given; which of it it may ask for is `world`'s business.
pub(crate) fn linker(engine: &Engine) -> anyhow::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::pg::add_to_linker::<_, Spin>(&mut linker, |state| state)?;
    bindings::redis::add_to_linker::<_, Spin>(&mut linker, |state| state)?;
    bindings::variables::add_to_linker::<_, Spin>(&mut linker, |state| state)?;
    Ok(linker)
}
