//! The statements by which a job begins and goes on, made of its filter.

use std::time::Duration;

use serde_json::json;

use super::{COUNTED, Claim, LOOKED_AT, milliseconds};
use crate::caller::Actor;
use crate::domain::bulk::BulkChange;
use crate::domain::todo::Draft;
use crate::store::pg::{Param, Statement};
use crate::store::todos::fields::tag_list;
use crate::store::todos::query::TodoQuery;

/// The statement of [`begin`]. The last id is read from the primary key. Todos are counted only in a workspace of at
/// most [`COUNTED`], the bin included, so that the beginning costs as little in a large one. The lease begins with the
/// statement: on Citus, whose coordinator has the jobs, an `UPDATE` that reads todos has no later instant.
pub fn begin_sql(claim: &Claim, length: Duration) -> Statement {
    let mut query = TodoQuery::new(claim.workspace);
    let conditions = query.conditions(&claim.filter);
    let job = query.bind(Param::Int(claim.job));
    let lease = query.bind(Param::Text(claim.lease.to_string()));
    let length = query.bind(milliseconds(length));
    let counted = query.bind(Param::Int(COUNTED));
    let sql = format!(
        "WITH counted AS MATERIALIZED (SELECT \
         coalesce((SELECT w.id FROM todos w WHERE w.workspace_id = $1 ORDER BY w.id DESC LIMIT 1), 0) AS ceiling, \
         CASE WHEN (SELECT w.id FROM todos w WHERE w.workspace_id = $1 ORDER BY w.id OFFSET {counted} LIMIT 1) IS NULL \
         THEN (SELECT count(*) FROM todos t WHERE {conditions}) END AS total) \
         UPDATE jobs j SET ceiling = counted.ceiling, total = counted.total, \
         due_at = now() + {length}::bigint * interval '1 millisecond' FROM counted \
         WHERE j.workspace_id = $1 AND j.id = {job} AND j.status = 'running' AND j.lease = {lease}::text::uuid \
         RETURNING j.ceiling"
    );
    Statement { sql: sql.into(), params: query.params }
}

/// The statement of [`chunk`]. It locks the todos in the order of their ids, as every statement does that locks
/// several, and a todo that changed while it waited is looked at again. `installation`, of one row, is on the
/// coordinator of Citus, where the function must run: without it the whole statement would be sent to the worker that
/// has the todos.
pub fn chunk_sql(claim: &Claim, limit: i64, may_end: bool, length: Duration, record_invalidation: bool) -> Statement {
    let mut query = TodoQuery::new(claim.workspace);
    let page = match &claim.change {
        BulkChange::ReplaceTag(tag) => tagged_page(&mut query, claim, *tag, limit),
        _ => matching_page(&mut query, claim, limit),
    };
    let position = query.bind(Param::Int(claim.position));
    let limit = query.bind(Param::Int(limit));
    let job = query.bind(Param::Int(claim.job));
    let lease = query.bind(Param::Text(claim.lease.to_string()));
    let change = query.bind(Param::json(&json!(claim.change)));
    let tag = query.bind(match &claim.change {
        BulkChange::AddTag(tag) | BulkChange::RemoveTag(tag) => Param::json(&tag_list(std::slice::from_ref(tag))),
        _ => Param::Null,
    });
    let max_tags = query.bind(Param::Int(i64::try_from(Draft::MAX_TAGS).unwrap_or(i64::MAX)));
    let length = query.bind(milliseconds(length));
    let record_invalidation = query.bind(Param::Bool(record_invalidation));
    let may_end = query.bind(Param::Bool(may_end));
    let actor = query.bind(Param::Text(Actor::Job(claim.uid).to_string()));
    let anywhere = query.bind(Param::Bool(claim.filter.archived));
    let sql = format!(
        "WITH {page} SELECT done.outcome, done.processed, done.new_position, done.cache_wait \
         FROM installation CROSS JOIN (SELECT p.ids, CASE WHEN cardinality(p.ids) < {limit}::bigint THEN l.last \
         ELSE p.ids[cardinality(p.ids)] END AS last \
         FROM (SELECT coalesce(array_agg(id ORDER BY id), '{{}}') AS ids FROM page) p CROSS JOIN looked_at l) chunk \
         CROSS JOIN LATERAL job_chunk_v1(as_actor_v1($1, {actor}, NULL), {job}, {lease}::text::uuid, {position}, \
         chunk.ids, chunk.last, \
         {change}::text::jsonb, {tag}::text::jsonb, {max_tags}, {anywhere}, \
         {length}::bigint * interval '1 millisecond', {record_invalidation}) done \
         WHERE {may_end} OR chunk.last IS NOT NULL"
    );
    Statement { sql: sql.into(), params: query.params }
}

/// The queries `page`, the next todos of a chunk, and `looked_at`, the last that it looks at: [`LOOKED_AT`] ids for
/// each todo of `limit`, whether they match or not.
pub(super) fn matching_page(query: &mut TodoQuery, claim: &Claim, limit: i64) -> String {
    query.within(claim.position, "(SELECT last FROM looked_at)");
    let conditions = query.conditions(&claim.filter);
    let position = query.bind(Param::Int(claim.position));
    let ceiling = query.bind(Param::Int(claim.ceiling.unwrap_or(0)));
    let looked_at = query.bind(Param::Int(limit.saturating_mul(LOOKED_AT)));
    let limit = query.bind(Param::Int(limit));
    // What changes the shape of trees holds them before it locks any todo.
    let (tree, held) = match &claim.change {
        BulkChange::Delete | BulkChange::Move(_) => (
            "tree AS MATERIALIZED (SELECT lock_tree_v1($1, true) IS NULL AS is_held), ",
            " AND EXISTS (SELECT FROM tree)",
        ),
        _ => ("", ""),
    };
    format!(
        "{tree}looked_at AS MATERIALIZED (SELECT max(w.id) AS last FROM (SELECT id FROM todos WHERE workspace_id = $1 \
         AND id > {position} AND id <= {ceiling} ORDER BY id LIMIT {looked_at}) w), \
         page AS MATERIALIZED (SELECT t.id FROM todos t WHERE {conditions}{held} \
         ORDER BY t.id LIMIT {limit} FOR NO KEY UPDATE OF t)"
    )
}

/// The same of the todos, those in the bin included, that have a tag which is gone. No tag is merged or deleted
/// meanwhile.
pub(super) fn tagged_page(query: &mut TodoQuery, claim: &Claim, tag: i64, limit: i64) -> String {
    let [tag, position, limit] = [tag, claim.position, limit].map(|number| query.bind(Param::Int(number)));
    format!(
        "held AS MATERIALIZED (SELECT lock_tags_v1($1, false) IS NULL AS is_held), \
         tagged AS MATERIALIZED (SELECT todo_id FROM todo_tags WHERE workspace_id = $1 AND tag_id = {tag} \
         AND todo_id > {position} ORDER BY todo_id LIMIT {limit}), \
         looked_at AS MATERIALIZED (SELECT max(todo_id) AS last FROM tagged), \
         page AS MATERIALIZED (SELECT t.id FROM todos t WHERE t.workspace_id = $1 AND t.id = ANY (ARRAY(SELECT todo_id \
         FROM tagged)) \
         AND EXISTS (SELECT FROM held) ORDER BY t.id FOR NO KEY UPDATE OF t)"
    )
}
