//! What the tools of assistants take and give. The todos in it are those of version 2.

mod answer;
mod changed;

use std::collections::HashSet;

use serde_json::Value;
use todo_core::domain::filter::{Filter, Limit, Sort};
use todo_core::domain::id::Id;
use todo_core::domain::list::Move;
use todo_core::domain::todo::{Draft, Operation, Patch};
use todo_core::error::Fault;
use uuid::Uuid;

pub use changed::{LoggedEvent, Since, ToldChange, WhatChanged};

use super::v2::batch;
use super::v2::filter::filter_with_lists;
use super::v2::list::Completion;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::extract::idempotency;
use crate::extract::page::PageQuery;
use crate::extract::query::SORTS;
pub use answer::{DeletedTodos, FoundTodos, Overview, Todos};

/// The most todos that one call writes.
pub const MOST_WRITTEN: usize = 50;
/// The most whole todos that one call reads.
pub const MOST_READ: usize = 20;

/// The arguments of `overview`.
#[derive(Debug)]
pub struct Zone(pub String);

impl FromJson for Zone {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let tz = fields.optional("tz", fields::string)?;
        Some(Self(tz.unwrap_or_else(|| "UTC".to_owned())))
    }
}

/// The arguments of `find_todos`.
#[derive(Debug)]
pub struct Find {
    /// Which.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Which page.
    pub page: PageQuery,
}

impl FromJson for Find {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let sort = fields.optional("sort", fields::word(Sort::parse, SORTS));
        let page = page(fields);
        let filter = filter_with_lists(fields, "text");
        Some(Self { filter: filter?, sort: sort?.unwrap_or_default(), page: page? })
    }
}

/// `limit` and `cursor`.
fn page(fields: &mut Fields) -> Option<PageQuery> {
    let limit = fields.optional("limit", |value, pointer| {
        let limit = fields::integer(value, pointer)?;
        let detail = format!("must be a whole number from 1 to {}", Limit::MAX);
        u64::try_from(limit).ok().and_then(Limit::new).ok_or_else(|| Fault::at(pointer, "out_of_range", detail))
    });
    let cursor = fields.optional("cursor", fields::string);
    Some(PageQuery { limit: limit?.unwrap_or_default(), cursor: cursor? })
}

/// At most `MOST` ids, each with the pointer at which it stands; equal ones are one, at the first.
#[derive(Debug)]
pub struct Ids<const MOST: usize>(pub Vec<(String, Uuid)>);

impl<const MOST: usize> FromJson for Ids<MOST> {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let placed = |value, pointer: &str| Ok((pointer.to_owned(), uuid(value, pointer)?));
        let ids = fields.set("ids", 1..=MOST, placed, |mut ids| {
            let mut known = HashSet::new();
            ids.retain(|(_, id)| known.insert(*id));
            ids
        })?;
        if ids.is_none() {
            fields.fault(Fault::at(fields.pointer_to("ids"), "required", "is required"));
        }
        ids.map(Self)
    }
}

fn uuid(value: Value, pointer: &str) -> Result<Uuid, Fault> {
    fields::uuid(value, pointer)?.uuid().ok_or_else(|| Fault::at(pointer, "invalid_format", "must be a UUID"))
}

/// The arguments of a tool that writes.
#[derive(Debug)]
pub struct Keyed<T> {
    /// The key that makes it safe to repeat the call.
    pub key: Option<String>,
    /// What is to be written.
    pub value: T,
}

impl<T: FromJson> FromJson for Keyed<T> {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let key = fields.optional("idempotency_key", idempotency::key);
        let value = T::from_json(fields);
        Some(Self { key: key?, value: value? })
    }
}

/// The arguments of `add_todos`: each todo before its subtasks.
#[derive(Debug)]
pub struct Additions(pub Vec<Addition>);

/// A todo that is added.
#[derive(Debug)]
pub struct Addition {
    /// Where it stands in the arguments.
    pub pointer: String,
    /// Its id, by which its subtasks name it.
    pub uid: Uuid,
    /// What it is to be.
    pub draft: Draft,
}

impl FromJson for Additions {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let mut count = 0;
        let added = fields.objects("todos", MOST_WRITTEN, |fields| addition(fields, None, 1, &mut count));
        if count > MOST_WRITTEN {
            let detail = format!("must have at most {MOST_WRITTEN} items, subtasks included");
            fields.fault(Fault::at(fields.pointer_to("todos"), "too_many", detail));
            return None;
        }
        Some(Self(added?.into_iter().flatten().collect()))
    }
}

/// A todo with its subtasks; those of a `parent` have no other. Once `count` is beyond what a call writes, nothing more
/// is read.
fn addition(fields: &mut Fields, parent: Option<Uuid>, level: usize, count: &mut usize) -> Option<Vec<Addition>> {
    *count += 1;
    if *count > MOST_WRITTEN {
        fields.leave();
        return None;
    }
    let (pointer, uid) = (fields.pointer().to_owned(), Uuid::now_v7());
    let below = if !fields.has("subtasks") {
        Some(Vec::new())
    } else if level == Draft::MAX_LEVELS {
        fields.optional("subtasks", |_, pointer| Err(Draft::too_deep(format!("{pointer}/0/parent_id")))).flatten()
    } else {
        fields.objects("subtasks", MOST_WRITTEN, |fields| addition(fields, Some(uid), level + 1, count))
    };
    if parent.is_some() && fields.has("parent_id") {
        let detail = "a subtask is below the todo in which it stands";
        fields.fault(Fault::at(fields.pointer_to("parent_id"), "invalid_value", detail));
    }
    let mut draft = Draft::from_json(fields)?;
    if let Some(parent) = parent {
        draft.later.parent = Some(Some(Id::Uuid(parent)));
    }
    let own = Addition { pointer, uid, draft };
    Some(std::iter::once(own).chain(below?.into_iter().flatten()).collect())
}

/// The arguments of `update_todos`.
#[derive(Debug)]
pub struct Updates(pub Vec<Operation>);

impl FromJson for Updates {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let changes = fields.objects("todos", MOST_WRITTEN, |fields| {
            let target = batch::target(fields);
            let patch = Patch::from_json(fields);
            let (id, if_version) = target?;
            Some(Operation::Update { id, if_version, patch: patch? })
        })?;
        batch::once_each(fields, "todos", &changes);
        Some(Self(changes))
    }
}

/// The arguments of `move_todos`.
#[derive(Debug)]
pub struct Moves(pub Vec<Operation>);

impl FromJson for Moves {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let moves = fields.objects("todos", MOST_WRITTEN, |fields| {
            let target = batch::target(fields);
            let to = Move::from_json(fields);
            let (id, if_version) = target?;
            Some(Operation::Move { id, if_version, to: to? })
        })?;
        batch::once_each(fields, "todos", &moves);
        Some(Self(moves))
    }
}

/// The arguments of `complete_todos`.
#[derive(Debug)]
pub struct Completions {
    /// Which.
    pub ids: Ids<MOST_WRITTEN>,
    /// Whether the open todos below them are completed, too.
    pub subtasks: bool,
}

impl FromJson for Completions {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        let completion = Completion::from_json(fields);
        let ids = Ids::from_json(fields);
        Some(Self { ids: ids?, subtasks: completion?.subtasks })
    }
}
