//! The host's side of the `spin:*` interfaces, generated from `wit/worlds.wit`.
//!
//! The options repeat Spin's: every function may wait, and none of ours traps: errors are values that the guest sees.

#![allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "todo:worlds/spin",
    imports: { default: async | trappable },
    with: {
        "spin:postgres/postgres.connection": crate::postgres::Connection,
        "spin:postgres/postgres.connection-builder": crate::postgres::ConnectionBuilder,
        "spin:redis/redis.connection": crate::redis::Connection,
    },
    trappable_error_type: {
        "spin:postgres/postgres.error" => crate::bindings::spin::postgres::postgres::Error,
        "spin:redis/redis.error" => crate::bindings::spin::redis::redis::Error,
        "spin:variables/variables.error" => crate::bindings::spin::variables::variables::Error,
    },
});

pub(crate) use spin::postgres::postgres as pg;
pub(crate) use spin::redis::redis;
pub(crate) use spin::variables::variables;
