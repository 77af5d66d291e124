//! Whether a request may be answered from the cache, and under which key.

use std::time::Duration;

use axum::extract::Request;
use http::Method;
use sha2::{Digest, Sha256};
use todo_core::cache::{Condition, Dependency};
use todo_core::domain::filter::Filter;
use todo_core::domain::id::Id;

use crate::app::App;
use crate::extract::person::CallerPerson;
use crate::extract::query::{self, FromQuery, Parameters};
use crate::middleware::auth::Authorization;
use crate::route::{Lifetime, Matched};

/// How a cacheable request is found in the cache, and for how long.
pub(super) struct CachePlan {
    pub(super) key: [u8; 32],
    pub(super) dependency: Dependency,
    pub(super) ttl: Duration,
}

impl CachePlan {
    /// By the policy of the route; `None` where there is none.
    pub(super) fn of(app: &App, request: &Request, credential: &Authorization) -> Option<Self> {
        if !app.settings.cache.on || request.method() != Method::GET {
            return None;
        }
        let policy = Matched::of(request.extensions()).route(request.method())?.cache?;
        let ttl = match policy.lifetime {
            Lifetime::Answers => app.settings.cache.answers,
            Lifetime::Stats => app.settings.cache.stats,
        };
        let mut key = Sha256::new();
        // Releases that run side by side, as during a rollout, may answer differently.
        key.update(env!("CARGO_PKG_VERSION"));
        // One entry for every spelling of a query, as the answer to each is the same to the byte, its headers included.
        // What cannot be decoded is refused.
        let query = request.uri().query().unwrap_or_default();
        key.update(request.uri().path());
        key.update("?");
        key.update(query::rewritten(query, |_| true)?);
        if policy.by_person.iter().any(|name| query::says(query, name, CallerPerson::WORD)) {
            // Whom that means is known with the principal, which the same Redis call finds. The token tells it, too:
            // its employee never changes.
            let Authorization::Token(token) = credential else { return None };
            key.update("\n");
            key.update(token);
        }
        if policy.by_minute.iter().any(|name| query::has(query, name)) {
            let minute = chrono::Utc::now().timestamp() / 60;
            key.update(minute.to_be_bytes());
        }
        let mut dependency = policy.dependency;
        if policy.of_one_todo
            && let Some((_, id)) = request.uri().path().rsplit_once('/')
            && let Some(todo) = Id::parse_uuid(id).and_then(Id::uuid)
        {
            dependency = Dependency::Todo(todo);
        }
        if policy.by_filter && !query.is_empty() {
            let filter = Filter::from_query(&mut Parameters::parse(query));
            dependency = Condition::of(&filter).map_or(dependency, Dependency::ListsWhere);
        }
        Some(Self { key: key.finalize().into(), dependency, ttl })
    }
}
