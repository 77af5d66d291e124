//! Authentication, rate limit and response cache of a request, which share one Redis call: the gate. Requests that no
//! handler could answer are refused here, too.
//!
//! This is the HTTP side; the decisions are in `todo_core::usecases::authentication`.

mod caller;
mod plan;
mod rates;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use todo_core::Meter;
use todo_core::cache::{Bypass, Dependency, Fresh, GateRequest, Hit, Lookup, RateLimits, Ticket};
use todo_core::domain::access::Scope;
use todo_core::usecases::Turn;
use todo_core::usecases::authentication::RequestAccess;

use super::access_log::RequestContext;
use super::auth::{Authorization, credential};
use super::{client, deprecation, limits, representation};
use crate::app::App;
use crate::document::Document;
use crate::error::Problem;
use crate::extract::negotiation::unacceptable;
use crate::identity::{Identity, insufficient_scope, unauthenticated};
use crate::route::{Group, Matched};
use caller::{Identified, identify};
use plan::CachePlan;
pub use rates::with_rates;
use rates::{rates, too_many};

static X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Authenticates, counts, and answers from the cache where it can, all within the request's time.
pub async fn enter(app: &Arc<App>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        // Asks about a route, not for anything on it: not counted, and open to everybody.
        return next.run(request).await;
    }
    if let Some(fault) = app.settings.faults.first() {
        return misconfigured(fault).into_response();
    }
    let context = RequestContext::of(app, &request);
    limits::end_slow(app, &context, pin!(serve(app, &context, request, next))).await
}

async fn serve(app: &Arc<App>, context: &RequestContext, request: Request, next: Next) -> Response {
    let meter = &context.meter;
    let writes = !is_read(&request);
    let (at_gate, _at_store) = match turns(app, meter, writes).await {
        Ok(turns) => turns,
        Err(error) => return Problem::from(error).into_response(),
    };
    let address = client::rate_key(context.client);
    let credential = credential(app, request.headers());
    // The refusal is answered after the rate limit has counted the request, and before a cached answer.
    let refusal = limits::oversized(&request).or_else(|| unacceptable(&request));
    let plan = if refusal.is_none() { CachePlan::of(app, &request, &credential) } else { None };
    // A message of an assistant may be a read: what it writes is announced when that is known.
    let may_read = Matched::of(request.extensions()).group == Group::Mcp;
    let write = (writes && !may_read && refusal.is_none() && app.service.announces_writes())
        .then(todo_core::usecases::gate::new_write_id);
    let gate_request = GateRequest {
        credential: credential.as_credential(),
        address: &address,
        limits: rates(app),
        write: writes,
        request: plan.as_ref().map(|plan| &plan.key),
        dependency: plan.as_ref().map_or(Dependency::Lists, |plan| plan.dependency),
        announce: write.as_deref(),
        gzip: representation::accepts_gzip(request.headers()),
    };
    let gate_reply = match app.service.enter_if_known(meter, &gate_request).await {
        Some(gate_reply) => gate_reply,
        None => Box::pin(app.service.enter(meter, &gate_request)).await,
    };
    let access = app.service.authenticate(meter, &gate_request, gate_reply).await;
    drop(at_gate);
    match access {
        Ok(access) => {
            let asked = Asked { credential: &credential, refusal, plan: plan.as_ref(), write: write.as_deref() };
            answer_access(app, context, asked, access, request, next).await
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// What a request waits for before anything is done for it: a write for its turn to go to Postgres, and then all for
/// theirs at the gate, which nobody keeps who waits for something else.
async fn turns(app: &App, meter: &Meter, writes: bool) -> todo_core::Result<(Turn, Option<Turn>)> {
    let at_store = if writes { Some(app.service.begin_at_store(meter).await?) } else { None };
    Ok((app.service.begin_at_gate(meter).await?, at_store))
}

fn is_read(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// What `X-Cache` says where the cache has a part in the answer.
const HIT: Result<&str, Bypass> = Ok("HIT");
const MISS: Result<&str, Bypass> = Ok("MISS");

/// What is known of a request before the Redis call.
struct Asked<'a> {
    credential: &'a Authorization,
    /// Why it cannot be answered, whoever asks.
    refusal: Option<Problem>,
    plan: Option<&'a CachePlan>,
    /// The id under which it was to be announced as a write.
    write: Option<&'a str>,
}

async fn answer_access(
    app: &Arc<App>,
    context: &RequestContext,
    Asked { credential, refusal, plan, write }: Asked<'_>,
    RequestAccess { principal, rates, lookup, refused, announced, follow_up }: RequestAccess,
    mut request: Request,
    next: Next,
) -> Response {
    let meter = &context.meter;
    context.with(|notes| notes.rates.clone_from(&rates));
    app.follow_up(follow_up);
    if let Some(refused) = refused {
        context.with(|notes| notes.limited = Some(refused.class.name()));
        return with_rates(too_many(&refused).into_response(), &rates);
    }
    let mut identified = Identified::default();
    if let Some(principal) = principal {
        identified = identify(context, &mut request, principal, write.filter(|_| announced));
    } else if let Some(refusal) = credential.refusal() {
        return with_rates(refusal.into_response(), &rates);
    }
    let Identified { may_use, old, writer } = identified;
    // Without the scope there is nothing to be had from the cache either: the handler refuses.
    let lookup = if may_use { lookup } else { Lookup::Bypass(Bypass::Refused) };
    let not_kept = if app.settings.cache.on { Bypass::NotKept } else { Bypass::Off };
    let (response, cache) = match (refusal, plan, lookup) {
        (Some(refusal), ..) => (refusal.into_response(), Err(Bypass::Refused)),
        (None, None, _) => (answer(app, meter, request, next).await, Err(not_kept)),
        (None, Some(_), Lookup::Bypass(why)) => (answer(app, meter, request, next).await, Err(why)),
        (None, Some(_), Lookup::Hit(hit)) => (document(hit).into_response(), HIT),
        (None, Some(plan), Lookup::Stale(hit, ticket)) => {
            revalidate(app, request, next, ticket, plan.ttl);
            (document(hit).into_response(), HIT)
        }
        (None, Some(plan), Lookup::Lead(ticket)) => {
            (Box::pin(fetch(app, meter, request, next, ticket, plan.ttl)).await, MISS)
        }
        (None, Some(plan), Lookup::Wait(ticket)) => match Box::pin(app.service.wait_for_answer(meter, &ticket)).await {
            Ok(Some(hit)) => (document(hit).into_response(), HIT),
            Ok(None) => (Box::pin(fetch(app, meter, request, next, ticket, plan.ttl)).await, MISS),
            Err(error) => (Problem::from(error).into_response(), Err(Bypass::Refused)),
        },
    };
    let bypass = cache.err();
    let cache = cache.unwrap_or("BYPASS");
    context.with(|notes| (notes.cache, notes.bypass) = (Some(cache), bypass));
    if let Some(writer) = writer {
        app.withdraw(writer);
    }
    let mut response = with_rates(response, &rates);
    if let Some((todo, caller)) = old {
        Box::pin(deprecation::name_successor(app, &caller, todo, &mut response)).await;
    }
    response.headers_mut().insert(X_CACHE.clone(), HeaderValue::from_static(cache));
    response
}

/// For routes outside the gate: demands the scope `admin`, without counting the request. Only refused credentials are
/// counted, as everywhere.
pub async fn require_admin(app: &Arc<App>, context: &RequestContext, headers: &HeaderMap) -> Result<(), Problem> {
    let meter = &context.meter;
    let credential = credential(app, headers);
    let address = client::rate_key(context.client);
    let gate_request = GateRequest {
        credential: credential.as_credential(),
        address: &address,
        limits: RateLimits { auth_failures: app.settings.rates.auth_failures, ..RateLimits::OFF },
        write: false,
        request: None,
        dependency: Dependency::Lists,
        announce: None,
        gzip: false,
    };
    let gate_reply = app.service.enter(meter, &gate_request).await;
    let RequestAccess { principal, refused, follow_up, .. } =
        app.service.authenticate(meter, &gate_request, gate_reply).await?;
    app.follow_up(follow_up);
    if let Some(refused) = refused {
        context.with(|notes| notes.limited = Some(refused.class.name()));
        return Err(too_many(&refused));
    }
    match principal {
        Some(principal) if principal.scopes.contains(&Scope::Admin) => Ok(()),
        Some(_) => Err(insufficient_scope(Scope::Admin)),
        None => Err(credential.refusal().unwrap_or_else(|| unauthenticated("a bearer token is required", false))),
    }
}

/// Lets the handler answer, a read when it is its turn. A write has had it.
async fn answer(app: &App, meter: &Meter, request: Request, next: Next) -> Response {
    if !is_read(&request) {
        return next.run(request).await;
    }
    match app.service.begin_at_store(meter).await {
        Ok(_turn) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Lets the handler answer and keeps a successful answer for the next caller, beside the response.
async fn fetch(
    app: &Arc<App>,
    meter: &Arc<Meter>,
    request: Request,
    next: Next,
    ticket: Ticket,
    ttl: Duration,
) -> Response {
    let gzip = representation::accepts_gzip(request.headers());
    let mut response = answer(app, meter, request, next).await;
    let links = response.headers().get_all(header::LINK).iter();
    let links: Vec<String> = links.filter_map(|link| Some(link.to_str().ok()?.to_owned())).collect();
    let fresh = response.extensions().get::<Document>().filter(|document| document.status == StatusCode::OK);
    let Some(document) = fresh else {
        app.service.abandon_answer(meter, ticket).await;
        return response;
    };
    let mut document = document.clone();
    let gzip = gzip && document.body.len() >= crate::document::GZIP_FROM;
    let headers: Vec<(&str, &str)> = links.iter().map(|link| ("link", link.as_str())).collect();
    let is_there = ticket.holds(document.etag.as_deref().unwrap_or_default(), &headers, gzip);
    // The form of the others is made when they ask: what is stored may be stale before. What is there already has it.
    if gzip && !is_there {
        document.gzip = representation::compress(&document.body);
    }
    response.extensions_mut().insert(document.clone());
    let (app, meter) = (Arc::clone(app), Arc::clone(meter));
    spin_sdk::wasip3::spawn(async move {
        let headers: Vec<(&str, &str)> = links.iter().map(|link| ("link", link.as_str())).collect();
        let stored = Fresh {
            status: document.status.as_u16(),
            etag: document.etag.as_deref().unwrap_or_default(),
            headers: &headers,
            body: &document.body,
            gzip: document.gzip.as_deref(),
        };
        app.service.store_answer(&meter, ticket, &stored, ttl).await;
    });
    response
}

/// The same beside the response and beyond its end, in the name of the same caller. If it is lost, the next caller
/// fetches.
fn revalidate(app: &Arc<App>, request: Request, next: Next, ticket: Ticket, ttl: Duration) {
    // A body is not kept beyond the response; no read has any.
    let mut request = request.map(|_| Body::empty());
    app.beside(async move |app, meter| {
        if let Some(identity) = request.extensions_mut().get_mut::<Identity>() {
            identity.caller.meter = Arc::clone(meter);
        }
        fetch(app, meter, request, next, ticket, ttl).await;
    });
}

/// A stored answer as a handler would have given it.
fn document(hit: Hit) -> Document {
    let Hit { status, etag, headers, body, gzipped, name: _ } = hit;
    let mut document = Document::untagged(Vec::new());
    document.status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    document.etag = Some(etag).filter(|etag| !etag.is_empty());
    document.links = headers.into_iter().map(|(_, link)| link).collect();
    if gzipped {
        document.gzip = Some(body);
    } else {
        document.body = body;
    }
    document
}

fn misconfigured(fault: &str) -> Problem {
    let mut problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "the service is not configured; see /health/ready",
    );
    problem.cause = Some(format!("bad setting: {fault}"));
    problem.retry_after(Duration::from_secs(30))
}
