//! The black-box tests of the whole application, over HTTP, against real Postgres and Redis.
//!
//! One binary, so that the server starts once, and its own harness (libtest-mimic, same command line as usual), because
//! the suite ends with a check of itself: when everything else has run, `completeness` compares what was called with
//! what the OpenAPI documents promise. An ordinary test could not know when the others are done.
//!
//! `cargo xtask test` runs it against todo-host in this process. With `TODO_BASE_URL` and `TODO_ADMIN_TOKEN` it runs
//! against any server; tests that must break or count things there are then skipped and say so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]

mod harness;

mod addresses;
mod adopt;
mod adopt_compare;
mod adopt_rows;
mod adopt_safety;
mod auth;
mod batch;
mod bin;
mod bloat;
mod bodies;
mod cache;
mod cache_fire;
mod cache_hosts;
mod cache_outages;
mod cache_parents;
mod cache_table;
mod changes;
mod changes_chaos;
mod changes_kept;
mod chaos;
mod concurrency;
mod conditional;
mod connections;
mod counts;
mod errors;
mod event_lines;
mod events;
mod export;
mod export_calendars;
mod failover;
mod faults;
mod filters;
mod headers;
mod health;
mod idempotency;
mod installations;
mod jobs;
mod large_trees;
mod lists;
mod lists_archived;
mod lists_of_todos;
mod logs;
mod mcp;
mod mcp_access;
mod mcp_arguments;
mod mcp_changed;
mod mcp_idempotency;
mod mcp_reads;
mod mcp_tenancy;
mod mcp_tools;
mod mcp_writes;
mod me;
mod metrics;
mod migrations;
mod mirror;
mod mirror_trees;
mod network;
mod openapi;
mod order;
mod order_model;
mod order_positions;
mod overload;
mod pages;
mod people;
mod person;
mod person_me;
mod pooler;
mod rate_limit;
mod rate_limit_addresses;
mod readiness;
mod readme;
mod redis_users;
mod request_id;
mod restore;
mod scale;
mod settings;
mod setup;
mod statements;
mod stats;
mod subtasks;
mod subtasks_at_once;
mod subtasks_bin;
mod tags;
mod tags_of_many;
mod tenancy;
mod text;
mod todobackend;
mod todos_crud;
mod todos_list;
mod tree_model;
mod tree_races;
mod v1;
mod waiting;
mod workers;
mod workers_shared;

use std::process::ExitCode;

#[expect(clippy::too_many_lines, reason = "one list: every file of the suite")]
fn main() -> ExitCode {
    if let Some(code) = harness::targets::serve_if_asked() {
        return code;
    }
    harness::suite::run(vec![
        addresses::suite(),
        adopt::suite(),
        adopt_safety::suite(),
        adopt_compare::suite(),
        adopt_rows::suite(),
        auth::suite(),
        batch::suite(),
        bin::suite(),
        bloat::suite(),
        bodies::suite(),
        cache::suite(),
        cache_fire::suite(),
        cache_hosts::suite(),
        cache_outages::suite(),
        cache_parents::suite(),
        cache_table::suite(),
        changes::suite(),
        changes_kept::suite(),
        changes_chaos::suite(),
        concurrency::suite(),
        conditional::suite(),
        connections::suite(),
        errors::suite(),
        event_lines::suite(),
        events::suite(),
        counts::suite(),
        export::suite(),
        export_calendars::suite(),
        failover::suite(),
        faults::suite(),
        filters::suite(),
        headers::suite(),
        health::suite(),
        idempotency::suite(),
        installations::suite(),
        jobs::suite(),
        large_trees::suite(),
        lists::suite(),
        lists_archived::suite(),
        lists_of_todos::suite(),
        todobackend::suite(),
        order::suite(),
        order_positions::suite(),
        order_model::suite(),
        subtasks::suite(),
        subtasks_at_once::suite(),
        subtasks_bin::suite(),
        logs::suite(),
        mcp::suite(),
        mcp_access::suite(),
        mcp_writes::suite(),
        mcp_reads::suite(),
        mcp_arguments::suite(),
        mcp_changed::suite(),
        mcp_idempotency::suite(),
        mcp_tenancy::suite(),
        mcp_tools::suite(),
        me::suite(),
        metrics::suite(),
        migrations::suite(),
        chaos::suite(),
        mirror::suite(),
        mirror_trees::suite(),
        network::suite(),
        openapi::suite(),
        overload::suite(),
        pages::suite(),
        people::suite(),
        person::suite(),
        person_me::suite(),
        pooler::suite(),
        rate_limit::suite(),
        rate_limit_addresses::suite(),
        readiness::suite(),
        redis_users::suite(),
        readme::suite(),
        request_id::suite(),
        restore::suite(),
        scale::suite(),
        settings::suite(),
        setup::suite(),
        statements::suite(),
        stats::suite(),
        tags::suite(),
        tags_of_many::suite(),
        tenancy::suite(),
        text::suite(),
        todos_crud::suite(),
        todos_list::suite(),
        tree_model::suite(),
        tree_races::suite(),
        v1::suite(),
        waiting::suite(),
        workers::suite(),
        workers_shared::suite(),
    ])
}
