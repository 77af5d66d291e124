-- What Citus asks of statements (deploy/citus), and plain Postgres does as well. There the rows of a workspace are on a
-- worker, and the coordinator has jobs and the row of the feed. A statement of the components that names a distributed
-- table goes to a worker with the functions that it calls. Those find neither jobs nor the feed there, and advisory
-- locks that they take keep out nobody who takes them on the coordinator. So such a function stands in a statement of
-- its own, and is in PL/pgSQL, where Citus sees each statement.

-- Writes the line of a job if it has ended as failed; whether it has. Apart from the UPDATE of the job: Citus plans one
-- that writes a line as well, and refuses it, since it computes instants.
CREATE FUNCTION log_failed_job_v1(p_workspace bigint, p_job uuid, p_status text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF p_status <> 'failed' THEN
        RETURN false;
    END IF;
    INSERT INTO events (workspace_id, type, subject, actor)
    VALUES (p_workspace, 'job.failed', p_job, 'j:' || p_job);
    RETURN true;
END $$;

-- Deletes a tag; its todos show p_successor instead, or nothing. That is done when this returns, however many have it:
-- where they are more than 2,000, those in the bin included, the job p_job does what nobody sees. The counts of both
-- are one at once; todos that have both are taken from it as they are found. Needs lock_tags_v1 alone. Before, the
-- ceiling was looked up within the INSERT, which Citus refuses.
CREATE OR REPLACE FUNCTION drop_tag_v1(p_tag tags, p_successor tags, p_job uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    few CONSTANT integer := 2000;
    ids CONSTANT bigint[] := ARRAY(
        SELECT todo_id FROM todo_tags WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id
        ORDER BY todo_id LIMIT few + 1
    );
    ceiling bigint;
BEGIN
    IF p_successor.id IS NULL THEN
        DELETE FROM tags WHERE workspace_id = p_tag.workspace_id AND (id = p_tag.id OR merged_into = p_tag.id);
    ELSE
        UPDATE tags SET merged_into = p_successor.id, uid = p_successor.uid, name = p_successor.name,
            folded = p_successor.folded
        WHERE workspace_id = p_tag.workspace_id AND (id = p_tag.id OR merged_into = p_tag.id);
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT workspace_id, p_successor.id, shard, todos FROM tag_counts
        WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
    DELETE FROM tag_counts WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id;
    IF cardinality(ids) <= few THEN
        PERFORM replace_tags_v1(p_tag.workspace_id, ids);
        DELETE FROM tags WHERE workspace_id = p_tag.workspace_id AND id = p_tag.id;
    ELSE
        ceiling := (
            SELECT todo_id FROM todo_tags WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id
            ORDER BY todo_id DESC LIMIT 1
        );
        INSERT INTO jobs (workspace_id, uid, kind, filter, change, ceiling)
        VALUES (p_tag.workspace_id, p_job, CASE WHEN p_successor.id IS NULL THEN 'tags.delete' ELSE 'tags.merge' END,
            '{}', jsonb_build_object('replace_tag', p_tag.id), ceiling);
    END IF;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_tag.workspace_id, 'tag.deleted', p_tag.uid, p_tag.version + 1,
        field_change_v1('name', p_tag.name, NULL) || CASE
            WHEN p_successor.id IS NULL THEN '{}'
            ELSE jsonb_build_object('replaced_by', jsonb_build_object('id', p_successor.uid, 'name', p_successor.name))
        END);
END $$;

-- Tells of new subjects of one kind. Whatever writes them by other means than the functions that write calls it in the
-- same transaction, as it calls count_todos_v1.
CREATE OR REPLACE FUNCTION log_created_v1(p_workspace bigint, p_actor text, p_kind text, p_uids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (workspace_id, type, subject, version, actor)
    SELECT p_workspace, p_kind || '.created', uid, 1, p_actor FROM unnest(p_uids) AS uid;
END $$;

-- A page of the events of a todo that is live or in the bin; no row if there is none. Not of a list that has got the
-- same id.
CREATE FUNCTION todo_history_v1(
    p_workspace bigint, p_todo uuid, p_types text[], p_rank text, p_id bigint, p_limit bigint
) RETURNS TABLE (items text, next_rank text, next_id bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM todos
    WHERE workspace_id = p_workspace AND uid = p_todo
        AND (deleted_at IS NULL OR deleted_at > now() - bin_retention_v1());
    IF FOUND THEN
        RETURN QUERY SELECT p.items, p.next_rank, p.next_id
        FROM events_page_v1(p_workspace, p_todo, p_types, NULL, NULL, p_rank, p_id, p_limit) p;
    END IF;
END $$;

-- The titles of the todos of which a page of events tells, by their public ids.
CREATE FUNCTION event_titles_v1(p_workspace bigint, p_items text) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_object_agg(uid, title), '{}') FROM todos
        WHERE workspace_id = p_workspace
            AND uid IN (SELECT (event ->> 'subject')::uuid FROM json_array_elements(p_items::json) AS event)
    );
END $$;

-- Without those that are in an archived list, in which nothing is changed: which may be so since they were looked for.
CREATE OR REPLACE FUNCTION todos_of_open_lists_v1(p_workspace bigint, p_todos bigint[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    held CONSTANT bigint[] := ARRAY(
        SELECT DISTINCT list_id FROM todos
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND list_id IS NOT NULL ORDER BY list_id
    );
BEGIN
    PERFORM lock_list_v1(list, false) FROM unnest(held) AS list;
    RETURN ARRAY(
        SELECT t.id FROM todos t
        WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos) AND NOT EXISTS (
            SELECT FROM lists i
            WHERE i.workspace_id = p_workspace AND i.id = t.list_id AND i.archived_at IS NOT NULL
        )
    );
END $$;

-- Deletes a list in which no live todo is ('list_not_empty'); those in the bin are in none from then on.
CREATE OR REPLACE FUNCTION list_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    list lists;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    list.id := (SELECT id FROM lists WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid));
    PERFORM lock_list_v1(list.id, true);
    SELECT * INTO list FROM lists WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR UPDATE;
    outcome := precondition_v1(list.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM todos WHERE workspace_id = p_workspace AND list_id = list.id AND deleted_at IS NULL) THEN
        outcome := 'list_not_empty';
        RETURN;
    END IF;
    DELETE FROM lists WHERE workspace_id = p_workspace AND id = list.id;
    DELETE FROM list_counts WHERE workspace_id = p_workspace AND list_id = list.id;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_workspace, 'list.deleted', list.uid, list.version + 1, field_change_v1('name', list.name, NULL));
    body := 'null';
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
