//! What changed, as assistants ask for it and are told.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use todo_core::domain::event::{EventFilter, types_of_todos};
use todo_core::domain::id::Id;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::extract::page::PageQuery;
use crate::types::scalar;

/// The arguments of `what_changed`.
#[derive(Debug)]
pub struct Since {
    /// Which events.
    pub filter: EventFilter,
    /// Which page.
    pub page: PageQuery,
}

impl FromJson for Since {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let since = fields.optional("since", fields::instant);
        let by = fields.optional("by", fields.employee());
        let page = page(fields);
        let actor = by?.and_then(Id::uuid);
        let types = types_of_todos().map(str::to_owned).collect();
        Some(Self { filter: EventFilter { types, since: since?, actor, subject: None }, page: page? })
    }
}

/// What the log says of a change (`event_documents_v1` of the migrations).
#[derive(Debug, Deserialize)]
pub struct LoggedEvent {
    r#type: String,
    at: String,
    subject: Uuid,
    actor: Option<LoggedActor>,
    changes: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
struct LoggedActor {
    kind: String,
    name: Option<String>,
    employee: Option<LoggedEmployee>,
}

#[derive(Debug, Deserialize)]
struct LoggedEmployee {
    name: String,
}

impl LoggedEvent {
    /// The same for a model.
    pub fn told(self, titles: &HashMap<Uuid, String>) -> ToldChange {
        let Self { r#type, at, subject, actor, changes } = self;
        let by = actor.map(|LoggedActor { kind, name, employee }| {
            employee.map(|employee| employee.name).or(name).unwrap_or(kind)
        });
        ToldChange { at, r#type, todo_id: subject, title: titles.get(&subject).cloned(), by, changes }
    }
}

/// What happened to todos, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatChanged {
    /// The changes.
    #[schema(max_items = 100)]
    pub changes: Vec<ToldChange>,
    #[doc = " From when on this and the pages after it are complete: the latest of `since`, 30 days ago, and a \
             restore that emptied the log."]
    #[schema(value_type = scalar::Instant)]
    pub complete_since: String,
    /// Where earlier changes begin; null on the last page and only there.
    #[schema(min_length = 1, max_length = 4096)]
    pub next_cursor: Option<String>,
}

/// A change of a todo.
#[derive(Debug, Serialize, ToSchema)]
pub struct ToldChange {
    /// When.
    #[schema(value_type = scalar::Instant)]
    at: String,
    /// What happened.
    #[schema(value_type = scalar::TodoEventType)]
    r#type: String,
    /// The todo.
    todo_id: Uuid,
    /// Its title now; null if it was purged.
    #[schema(value_type = Option<scalar::Title>)]
    title: Option<String>,
    /// Who did it: the person whom the token names, else the token's name, or `job`; null where authentication is off.
    #[schema(min_length = 1, max_length = 100)]
    by: Option<String>,
    /// The fields that changed, with `from` and `to`.
    #[schema(value_type = scalar::FieldChanges)]
    changes: Box<RawValue>,
}
