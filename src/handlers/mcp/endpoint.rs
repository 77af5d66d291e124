//! The endpoint: one message in, one answer out.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::call::{self, ToolCall};
use super::era::Era;
use super::message::{self, Message, RpcError};
use super::result;
use super::tool::Tool;
use crate::app::App;
use crate::config::CorsOrigins;
use crate::document::Document;
use crate::error::Problem;
use crate::extract::body;
use crate::extract::idempotency::Key;
use crate::identity::Identity;
use crate::identity::unauthenticated;
use crate::middleware::access_log::RequestContext;
use crate::middleware::errors::{self, Logged};
use crate::middleware::request_id::{Origin, RequestId};

/// The methods that the log names.
const METHODS: [&str; 7] = [
    "initialize",
    "notifications/cancelled",
    "notifications/initialized",
    "ping",
    "server/discover",
    "tools/call",
    "tools/list",
];

/// What a message is answered with besides itself.
struct IncomingMessage<'a> {
    app: &'a App,
    context: &'a RequestContext,
    identity: Identity,
    key: Key,
    origin: Origin<'a>,
    request_id: RequestId,
}

/// Answers a message of an assistant's client.
pub async fn answer(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    check_origin(&app.settings.http.cors_origins, request.headers())?;
    let Some(identity) = request.extensions().get::<Identity>().cloned() else {
        return Err(unauthenticated("a bearer token is required", false));
    };
    body::check_media_type(request.headers(), false)?;
    let context = RequestContext::of(&app, &request);
    let origin = Origin::of(&app, &request);
    let request_id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let (mut parts, body) = request.into_parts();
    let key = Key::from_request_parts(&mut parts, &()).await?;
    let bytes = body::read(body).await?;
    let incoming = IncomingMessage { app: &app, context: &context, identity, key, origin, request_id };
    match message::parse(&bytes) {
        Ok(message) => dispatch(incoming, &parts.headers, message).await,
        Err((id, error)) => Ok(refuse(&id, &error)),
    }
}

/// A page of another site must not make its visitor's browser use the service: pages of unknown origins are refused,
/// whatever they prove themselves with.
fn check_origin(allowed: &CorsOrigins, headers: &HeaderMap) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let known = origins.all(|origin| match allowed {
        CorsOrigins::None => false,
        CorsOrigins::Any => true,
        CorsOrigins::List(list) => list.contains(origin),
    });
    if known {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", "pages of this origin may not call the service"))
}

async fn dispatch(incoming: IncomingMessage<'_>, headers: &HeaderMap, message: Message) -> Result<Response, Problem> {
    let method = METHODS.into_iter().find(|known| *known == message.method);
    incoming.context.with(|notes| notes.mcp_method = Some(method.unwrap_or("other")));
    let era = match Era::of(headers, &message) {
        Ok(era) => era,
        Err(error) => return Ok(refuse(&message.id.unwrap_or_default(), &error)),
    };
    let Message { id: Some(id), method, params } = message else {
        // Nothing here outlives its request, so there is nothing that a notification could tell.
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let document = match (era, method.as_str()) {
        (Era::Modern, "server/discover") => result::answer(&id, result::discovery()),
        (Era::Legacy, "initialize") => {
            let wanted = params.get("protocolVersion").and_then(Value::as_str);
            result::answer(&id, result::handshake(wanted))
        }
        (Era::Legacy, "ping") => result::answer(&id, result::nothing()),
        (_, "tools/list") => {
            let scopes = &incoming.identity.principal.scopes;
            result::answer(&id, result::tools(era, |tool| scopes.contains(&tool.scope())))
        }
        (_, "tools/call") => return call(incoming, era, &id, params).await,
        _ => return Ok(refuse_in(era, &id, RpcError::method_not_found())),
    };
    Ok(document.into_response())
}

async fn call(
    incoming: IncomingMessage<'_>,
    era: Era,
    id: &Value,
    mut params: Map<String, Value>,
) -> Result<Response, Problem> {
    let name = params.remove("name");
    let Some(tool) = name.as_ref().and_then(Value::as_str).and_then(Tool::parse) else {
        return Ok(refuse_in(era, id, RpcError::invalid_params("there is no tool of this name")));
    };
    let arguments = match params.remove("arguments") {
        None => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Ok(refuse_in(era, id, RpcError::invalid_params("the arguments must be an object"))),
    };
    let IncomingMessage { app, context, identity, key, origin, request_id } = incoming;
    context.with(|notes| notes.tool = Some(tool.name()));
    let outcome = match identity.with_scope(tool.scope()) {
        Ok(caller) => call::run(tool, ToolCall { app, caller, key, arguments }).await,
        Err(problem) => Err(problem),
    };
    // A refusal is mostly a result, and its status 200.
    let (told, answer) = match outcome {
        Ok(output) => {
            let document = result::answer(id, result::success(era, &output.content, output.replayed));
            ("done", Ok(document.replayed(output.replayed).into_response()))
        }
        // What is wrong on our side is told as everywhere, so that proxies, clients and alerts see it.
        Err(problem) if problem.status.is_server_error() => ("failed", Err(problem)),
        Err(problem) => {
            let details = errors::problem_details(&problem, &origin, request_id.as_str()).to_string();
            let document = result::answer(id, result::refusal(era, &details));
            ("refused", Ok(logged(document, Logged { code: Some(problem.code), cause: problem.cause })))
        }
    };
    context.with(|notes| notes.tool_outcome = Some(told));
    answer
}

/// A client of the older era takes 404 for the end of its session, and 400 for a broken connection.
fn refuse_in(era: Era, id: &Value, error: RpcError) -> Response {
    refuse(id, &if era.is_modern() { error } else { error.with_status(StatusCode::OK) })
}

fn refuse(id: &Value, error: &RpcError) -> Response {
    logged(error.document(id), Logged { code: Some(error.code.into()), cause: None })
}

fn logged(document: Document, logged: Logged) -> Response {
    let mut response = document.into_response();
    response.extensions_mut().insert(logged);
    response
}
