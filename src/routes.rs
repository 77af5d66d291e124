//! The route table: every method of every path, with its handler and with everything else that is decided by the route.
//!
//! The router is built from it (`router.rs`). Layers and extractors read the entry of a request from
//! [`Matched`](crate::route::Matched) in its extensions, and the OpenAPI generator reads it by the name of the
//! operation. The names of handlers are those of the operations. Nothing decides by the text of a path, and a property
//! of a route stands here alone. One table rather than annotations on the handlers: what is cached, and what version 1
//! is followed by, is read best side by side.
//!
//! The methods of a path stand together, in the order of its `Allow`.

mod needs;

use axum::routing::MethodFilter;
use http::Method;

#[cfg(feature = "assistants")]
use crate::handlers::mcp::endpoint;
use crate::handlers::{
    admin, batch, bulk, changes, departments, employees, events, export, health, jobs, lists, me, metrics, openapi,
    root, stats, tags, todobackend, todos, v1 as old,
};
use crate::route::{Access, CachePolicy, Group, Media, Route, Successor};
use needs::access_of;

/// An entry: group, method, path, access, handler. The access must be that of the handler's extractors, or it does not
/// compile.
macro_rules! route {
    ($group:ident, $method:ident, $path:literal, $access:ident, $module:ident::$handler:ident) => {
        Route::new(Group::$group, Method::$method, $path, stringify!($handler), |router| {
            router.on(MethodFilter::$method, $module::$handler)
        })
        .needs(Access::$access, access_of(&$module::$handler))
    };
}

/// All routes.
pub static ROUTES: &[Route] = &[
    // Version 1: deprecated and frozen.
    route!(V1, GET, "/api/v1/todos", Read, old::list_todos)
        .cached(CachePolicy::TODOS_V1)
        .followed_by(Successor::Path("/api/v2/todos")),
    route!(V1, POST, "/api/v1/todos", Write, old::create_todo).followed_by(Successor::Path("/api/v2/todos")),
    route!(V1, POST, "/api/v1/todos/bulk-process", Write, old::bulk_process_todos)
        .followed_by(Successor::Path("/api/v2/todos/bulk-process")),
    route!(V1, GET, "/api/v1/todos/stats", Read, stats::todo_stats)
        .cached(CachePolicy::STATS)
        .followed_by(Successor::Path("/api/v2/todos/stats")),
    route!(V1, GET, "/api/v1/todos/{id}", Read, old::get_todo)
        .cached(CachePolicy::TODOS_V1)
        .followed_by(Successor::Todo),
    route!(V1, PUT, "/api/v1/todos/{id}", Write, old::put_todo).followed_by(Successor::Todo),
    route!(V1, PATCH, "/api/v1/todos/{id}", Write, old::patch_todo).followed_by(Successor::Todo),
    route!(V1, DELETE, "/api/v1/todos/{id}", Write, old::delete_todo).followed_by(Successor::Todo),
    route!(V1, GET, "/api/v1/employees", Read, old::list_employees)
        .cached(CachePolicy::PEOPLE)
        .followed_by(Successor::Path("/api/v2/employees")),
    route!(V1, GET, "/api/v1/departments", Read, old::list_departments)
        .cached(CachePolicy::PEOPLE)
        .followed_by(Successor::Path("/api/v2/departments")),
    route!(V1, GET, "/api/v1/openapi.json", Public, openapi::v1)
        .named("openapi")
        .followed_by(Successor::Path("/api/v2/openapi.json")),
    // Version 2: todos.
    route!(V2, GET, "/api/v2/todos", Read, todos::list_todos).cached(CachePolicy::TODOS),
    route!(V2, POST, "/api/v2/todos", Write, todos::create_todo),
    route!(V2, POST, "/api/v2/todos/batch", Write, batch::batch_todos),
    route!(V2, POST, "/api/v2/todos/bulk-process", Write, bulk::bulk_process_todos),
    route!(V2, GET, "/api/v2/todos/stats", Read, stats::todo_stats).cached(CachePolicy::STATS),
    route!(V2, GET, "/api/v2/todos/export", Read, export::export_todos).serves(Media::Chosen(&export::MEDIA_TYPES)),
    route!(V2, GET, "/api/v2/todos/{id}", Read, todos::get_todo).cached(CachePolicy::TODO),
    route!(V2, PUT, "/api/v2/todos/{id}", Write, todos::put_todo),
    route!(V2, PATCH, "/api/v2/todos/{id}", Write, todos::patch_todo),
    route!(V2, DELETE, "/api/v2/todos/{id}", Write, todos::delete_todo),
    route!(V2, POST, "/api/v2/todos/{id}/move", Write, todos::move_todo),
    route!(V2, POST, "/api/v2/todos/{id}/complete", Write, todos::complete_todo),
    route!(V2, POST, "/api/v2/todos/{id}/restore", Write, todos::restore_todo),
    route!(V2, GET, "/api/v2/todos/{id}/history", Read, events::todo_history),
    // Version 2: what changed.
    route!(V2, GET, "/api/v2/changes", Read, changes::list_changes),
    route!(V2, GET, "/api/v2/events", Admin, events::list_events),
    // Version 2: what todos are in, and what they have.
    route!(V2, GET, "/api/v2/lists", Read, lists::list_lists).cached(CachePolicy::LISTS),
    route!(V2, POST, "/api/v2/lists", Write, lists::create_list),
    route!(V2, GET, "/api/v2/lists/{id}", Read, lists::get_list).cached(CachePolicy::LISTS),
    route!(V2, PUT, "/api/v2/lists/{id}", Write, lists::put_list),
    route!(V2, PATCH, "/api/v2/lists/{id}", Write, lists::patch_list),
    route!(V2, DELETE, "/api/v2/lists/{id}", Write, lists::delete_list),
    route!(V2, GET, "/api/v2/jobs", Read, jobs::list_jobs),
    route!(V2, GET, "/api/v2/jobs/{id}", Read, jobs::get_job),
    route!(V2, DELETE, "/api/v2/jobs/{id}", Write, jobs::cancel_job),
    route!(V2, GET, "/api/v2/tags", Read, tags::list_tags).cached(CachePolicy::TAGS),
    route!(V2, DELETE, "/api/v2/tags/{id}", Write, tags::delete_tag),
    route!(V2, PATCH, "/api/v2/tags/{id}", Write, tags::rename_tag),
    // Version 2: people.
    route!(V2, GET, "/api/v2/employees", Read, employees::list_employees).cached(CachePolicy::PEOPLE),
    route!(V2, POST, "/api/v2/employees", Write, employees::create_employee),
    route!(V2, GET, "/api/v2/employees/{id}", Read, employees::get_employee).cached(CachePolicy::PEOPLE),
    route!(V2, PATCH, "/api/v2/employees/{id}", Write, employees::patch_employee),
    route!(V2, DELETE, "/api/v2/employees/{id}", Write, employees::delete_employee),
    route!(V2, GET, "/api/v2/departments", Read, departments::list_departments).cached(CachePolicy::PEOPLE),
    route!(V2, POST, "/api/v2/departments", Write, departments::create_department),
    route!(V2, GET, "/api/v2/departments/{id}", Read, departments::get_department).cached(CachePolicy::PEOPLE),
    route!(V2, PATCH, "/api/v2/departments/{id}", Write, departments::patch_department),
    route!(V2, DELETE, "/api/v2/departments/{id}", Write, departments::delete_department),
    route!(V2, GET, "/api/v2/me", Token, me::get_me),
    // Version 2: administration.
    route!(V2, GET, "/api/v2/admin/workspaces", Admin, admin::list_workspaces),
    route!(V2, POST, "/api/v2/admin/workspaces", Admin, admin::create_workspace),
    route!(V2, GET, "/api/v2/admin/tokens", Admin, admin::list_tokens),
    route!(V2, POST, "/api/v2/admin/tokens", Admin, admin::create_token),
    route!(V2, DELETE, "/api/v2/admin/tokens/{id}", Admin, admin::revoke_token),
    route!(V2, GET, "/api/v2/openapi.json", Public, openapi::v2).named("openapi"),
    // Clients without credentials.
    route!(Todobackend, GET, "/todobackend", Read, todobackend::list_todos),
    route!(Todobackend, POST, "/todobackend", Write, todobackend::create_todo),
    route!(Todobackend, DELETE, "/todobackend", Write, todobackend::delete_todos),
    route!(Todobackend, GET, "/todobackend/{id}", Read, todobackend::get_todo),
    route!(Todobackend, PATCH, "/todobackend/{id}", Write, todobackend::patch_todo),
    route!(Todobackend, DELETE, "/todobackend/{id}", Write, todobackend::delete_todo),
    // Assistants.
    #[cfg(feature = "assistants")]
    route!(Mcp, POST, "/mcp", ByHandler, endpoint::answer).named("mcp").serves(Media::JsonWithoutStream),
    // Whoever runs the service.
    route!(Operations, GET, "/health", Public, health::health),
    route!(Operations, GET, "/health/ready", Public, health::ready),
    route!(Operations, GET, "/metrics", ByHandler, metrics::metrics).serves(Media::Chosen(&["text/plain"])),
    route!(Immediate, GET, "/health/live", Public, health::live),
    route!(Immediate, GET, "/", Public, root::root).serves(Media::Chosen(&["text/html"])),
];

/// The paths below version 1 at which there is nothing: even they answer in its shape and tell its end.
pub const UNKNOWN_V1: [&str; 2] = ["/api/v1", "/api/v1/{*rest}"];

/// The routes of each path.
pub fn by_path() -> impl Iterator<Item = &'static [Route]> {
    ROUTES.chunk_by(|one, other| one.path == other.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{REPLACED, REPLACING};
    use std::collections::BTreeSet;

    #[test]
    fn the_methods_of_a_path_stand_together_and_once() {
        let mut paths = BTreeSet::new();
        for routes in by_path() {
            let methods: BTreeSet<&str> = routes.iter().map(|route| route.method.as_str()).collect();
            assert_eq!(methods.len(), routes.len(), "{}", routes[0].path);
            assert!(paths.insert(routes[0].path), "{} is there twice", routes[0].path);
            assert!(routes.iter().all(|route| route.group == routes[0].group), "{}", routes[0].path);
        }
    }

    #[test]
    fn the_replaced_addresses_are_of_version_1_and_of_nobody_else() {
        assert!(ROUTES.iter().any(|route| route.path == REPLACING && route.group == Group::V1));
        assert!(ROUTES.iter().all(|route| !route.path.starts_with(REPLACED)));
    }

    #[test]
    fn only_reads_are_cached_and_only_for_who_may_read() {
        for route in ROUTES.iter().filter(|route| route.cache.is_some()) {
            assert_eq!((&route.method, route.access), (&Method::GET, Access::Read), "{}", route.path);
        }
    }

    #[test]
    fn every_route_of_version_1_is_followed_by_one_of_version_2() {
        for route in ROUTES {
            match (route.group, route.successor) {
                (Group::V1, Some(Successor::Path(path))) => {
                    let known = |other: &Route| other.group == Group::V2 && other.path == path;
                    assert!(ROUTES.iter().any(|other| known(other) && other.method == route.method), "{path}");
                }
                (Group::V1, successor) => assert_eq!(successor, Some(Successor::Todo), "{}", route.path),
                (_, successor) => assert_eq!(successor, None, "{}", route.path),
            }
        }
    }
}
