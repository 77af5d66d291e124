-- The log of changes: one line per subject and statement, written by the functions that write, in their statement. The
-- feed (GET /changes), the history of a todo and the list of events read it.
--
-- Order. A line keeps the number of its transaction, and readers take only lines of transactions below the oldest that
-- still runs. So whoever has read up to a line has read all that will ever stand before it, however late others commit,
-- and writers never wait for each other. A transaction that stays open delays the feed and loses nothing.

CREATE TABLE events (
    -- No reference: the rows that it tells of have theirs.
    workspace_id bigint NOT NULL,
    xid          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id           bigserial,
    -- The public id.
    uid          uuid NOT NULL DEFAULT gen_random_uuid(),
    -- The kind of the subject and what happened to it: todo.completed, tag.updated …
    type         text COLLATE "C" NOT NULL,
    -- The public id of what changed, and its version after it; 0 of a job, which has none.
    subject      uuid NOT NULL,
    version      bigint NOT NULL DEFAULT 0,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Who did it (as_actor_v1): t:<public id of a token>, j:<public id of a job>, s:<name>. Null where authentication is
    -- off.
    actor        text COLLATE "C" DEFAULT nullif(current_setting('todo.actor', true), ''),
    -- The id of the request, for the access log.
    request      text DEFAULT nullif(current_setting('todo.request', true), ''),
    -- {"field": {"from", "to"}, "tags": {"added", "removed"}, "description": {"changed"}}.
    changes      jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT events_pkey PRIMARY KEY (workspace_id, xid, id)
) WITH (
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05
);
-- The history of one subject, and its last line. By version, not by transaction: a transaction may have its number long
-- before it locks the subject.
CREATE INDEX events_by_subject ON events (workspace_id, subject, version, id);

-- One row. Cursors of another epoch are worthless: the numbers of transactions began anew, as after a logical restore
-- into another cluster. `seen`: a number that the cluster has reached. `began`: when the log was emptied, for with its
-- lines the way to tell what had happened before is gone.
CREATE TABLE feed (
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    seen  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    began timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO feed DEFAULT VALUES;

-- Whether `seen` or a line has a number that this cluster has not reached, as after a restore from a dump of another one:
-- what can be seen is below the end of the snapshot. The newest line of each workspace is read from the end of
-- events_pkey, or of p_most workspaces: for whoever asks often. `seen` is at most an hour old (purge_chunk_v1), and the
-- feed of each workspace looks at its own newest line.
CREATE FUNCTION feed_is_ahead_v1(p_most bigint DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    reached CONSTANT xid8 := pg_snapshot_xmax(pg_current_snapshot());
BEGIN
    RETURN (SELECT seen >= reached FROM feed) OR EXISTS (
        SELECT FROM (SELECT id FROM workspaces ORDER BY id DESC LIMIT p_most) w CROSS JOIN LATERAL (
            SELECT xid FROM events WHERE workspace_id = w.id ORDER BY xid DESC, id DESC LIMIT 1
        ) newest WHERE newest.xid >= reached
    );
END $$;

-- Begins a new epoch if the log is ahead of the cluster: nothing can be told from the order of its lines any more, so
-- they go. p_anyway: in any case, as in a database that was restored. Whether it did.
CREATE FUNCTION feed_renew_v1(p_anyway boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF feed_is_ahead_v1() THEN
        DELETE FROM events;
        UPDATE feed SET began = clock_timestamp();
    ELSIF NOT p_anyway THEN
        RETURN false;
    END IF;
    UPDATE feed SET epoch = gen_random_uuid(), seen = pg_current_xact_id();
    RETURN true;
END $$;

-- How long the feed and histories go back.
CREATE FUNCTION events_retention_v1() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '30 days';

-- Tells for whom the rest of the statement writes; gives the workspace, so that an argument of the writing function can
-- be made of it and is evaluated first. Holds until the statement ends, whatever a pooler does after it.
CREATE FUNCTION as_actor_v1(p_workspace bigint, p_actor text, p_request text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('todo.actor', coalesce(p_actor, ''), true),
        set_config('todo.request', coalesce(p_request, ''), true);
    RETURN p_workspace;
END $$;

-- Tells of new subjects of one kind. Whatever writes them by other means than the functions that write calls it in the
-- same transaction, as it calls count_todos_v1.
CREATE FUNCTION log_created_v1(p_workspace bigint, p_actor text, p_kind text, p_uids uuid[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO events (workspace_id, type, subject, version, actor)
    SELECT p_workspace, p_kind || '.created', uid, 1, p_actor FROM unnest(p_uids) AS uid;
$$;

-- A change for the column `changes`; empty if it is none. The second is of a text.
CREATE FUNCTION value_change_v1(p_field text, p_from jsonb, p_to jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_from IS NOT DISTINCT FROM p_to THEN '{}'::jsonb
        ELSE jsonb_build_object(p_field, jsonb_build_object('from', p_from, 'to', p_to))
    END;

CREATE FUNCTION field_change_v1(p_field text, p_from text, p_to text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value_change_v1(p_field, to_jsonb(p_from), to_jsonb(p_to));

-- How much a type of event says. Where a statement did several things to one subject, the one that says most is told.
CREATE FUNCTION event_weight_v1(p_type text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE split_part(p_type, '.', 2)
        WHEN 'created' THEN 5 WHEN 'deleted' THEN 4 WHEN 'restored' THEN 4 WHEN 'completed' THEN 3 WHEN 'reopened' THEN 3
        WHEN 'updated' THEN 2 ELSE 1
    END;

-- Makes one line of several that the statement has written about one subject: from what it was before the first to what
-- it is after the last. For functions that may come to a subject twice; the others write one line each.
CREATE FUNCTION fold_events_v1(p_workspace bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    own CONSTANT xid8 := pg_current_xact_id();
    line record;
    folded jsonb;
BEGIN
    FOR line IN
        SELECT subject, array_agg(id) AS ids, max(id) AS last, max(version) AS version,
            (array_agg(type ORDER BY event_weight_v1(type) DESC, id DESC))[1] AS type
        FROM events WHERE workspace_id = p_workspace AND xid = own
        GROUP BY subject HAVING count(*) > 1
    LOOP
        folded := '{}';
        IF line.type NOT LIKE '%.created' THEN
            SELECT coalesce(jsonb_object_agg(key, CASE
                WHEN first ? 'from' THEN jsonb_build_object('from', first -> 'from', 'to', last -> 'to') ELSE last
            END), '{}') INTO folded
            FROM (
                SELECT c.key, (array_agg(c.value ORDER BY e.id))[1] AS first,
                    (array_agg(c.value ORDER BY e.id DESC))[1] AS last
                FROM events e CROSS JOIN jsonb_each(e.changes) c
                WHERE e.workspace_id = p_workspace AND e.xid = own AND e.id = ANY (line.ids)
                GROUP BY c.key
            ) fields
            WHERE first -> 'from' IS DISTINCT FROM last -> 'to' OR NOT first ? 'from';
        END IF;
        DELETE FROM events
        WHERE workspace_id = p_workspace AND xid = own AND id = ANY (line.ids) AND id < line.last;
        UPDATE events SET type = line.type, version = line.version, changes = folded
        WHERE workspace_id = p_workspace AND xid = own AND id = line.last;
    END LOOP;
END $$;

-- What a change names, as it names it.
CREATE FUNCTION employee_named_v1(p_workspace bigint, p_employee bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('id', uid, 'name', name) FROM employees
        WHERE workspace_id = p_workspace AND id = p_employee
    );
END $$;

CREATE FUNCTION department_named_v1(p_workspace bigint, p_department bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('id', uid, 'name', name) FROM departments
        WHERE workspace_id = p_workspace AND id = p_department
    );
END $$;

CREATE FUNCTION list_named_v1(p_workspace bigint, p_list bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('id', uid, 'name', name) FROM lists WHERE workspace_id = p_workspace AND id = p_list
    );
END $$;

CREATE FUNCTION todo_named_v1(p_workspace bigint, p_todo bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('id', uid, 'title', title) FROM todos
        WHERE workspace_id = p_workspace AND id = p_todo
    );
END $$;

-- What a change of status is called.
CREATE FUNCTION todo_event_v1(p_from text, p_to text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_from = p_to THEN 'todo.updated'
        WHEN p_to = 'completed' THEN 'todo.completed'
        WHEN p_from = 'completed' THEN 'todo.reopened'
        ELSE 'todo.updated'
    END;

-- The same of a change of any fields; p_tags as set_tags_v1 gives them.
CREATE FUNCTION todo_event_v1(p_from todos, p_to todos, p_tags jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_tags IS NULL AND (
            p_from.title, p_from.description, p_from.status, p_from.priority, p_from.due_date, p_from.assignee_id
        ) IS NOT DISTINCT FROM (
            p_to.title, p_to.description, p_to.status, p_to.priority, p_to.due_date, p_to.assignee_id
        ) THEN 'todo.moved'
        ELSE todo_event_v1(p_from.status, p_to.status)
    END;

-- The changes from one place to another.
CREATE FUNCTION moved_changes_v1(
    p_workspace bigint, p_from_list bigint, p_to_list bigint, p_from_parent bigint, p_to_parent bigint
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    changes jsonb := '{}';
BEGIN
    IF p_from_list IS DISTINCT FROM p_to_list THEN
        changes := value_change_v1('list', list_named_v1(p_workspace, p_from_list),
            list_named_v1(p_workspace, p_to_list));
    END IF;
    IF p_from_parent IS DISTINCT FROM p_to_parent THEN
        changes := changes || value_change_v1('parent', todo_named_v1(p_workspace, p_from_parent),
            todo_named_v1(p_workspace, p_to_parent));
    END IF;
    RETURN changes;
END $$;

-- The changes from one state of a todo to another; p_tags as set_tags_v1 gives them.
CREATE FUNCTION todo_changes_v1(p_from todos, p_to todos, p_tags jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    changes jsonb := '{}';
BEGIN
    IF p_from.title <> p_to.title THEN
        changes := field_change_v1('title', p_from.title, p_to.title);
    END IF;
    IF p_from.description IS DISTINCT FROM p_to.description THEN
        changes := changes || '{"description": {"changed": true}}';
    END IF;
    IF p_from.status <> p_to.status THEN
        changes := changes || field_change_v1('status', p_from.status, p_to.status);
    END IF;
    IF p_from.priority <> p_to.priority THEN
        changes := changes
            || field_change_v1('priority', priority_name_v1(p_from.priority), priority_name_v1(p_to.priority));
    END IF;
    IF p_from.due_date IS DISTINCT FROM p_to.due_date THEN
        changes := changes || field_change_v1('due_date', rfc3339_v1(p_from.due_date), rfc3339_v1(p_to.due_date));
    END IF;
    IF p_from.assignee_id IS DISTINCT FROM p_to.assignee_id THEN
        changes := changes || value_change_v1('assignee',
            employee_named_v1(p_from.workspace_id, p_from.assignee_id),
            employee_named_v1(p_to.workspace_id, p_to.assignee_id));
    END IF;
    IF (p_from.list_id, p_from.parent_id) IS DISTINCT FROM (p_to.list_id, p_to.parent_id) THEN
        changes := changes || moved_changes_v1(
            p_from.workspace_id, p_from.list_id, p_to.list_id, p_from.parent_id, p_to.parent_id
        );
    END IF;
    IF p_from.position <> p_to.position THEN
        changes := changes || value_change_v1('position', to_jsonb(p_from.position), to_jsonb(p_to.position));
    END IF;
    IF p_tags IS NOT NULL THEN
        changes := changes || jsonb_build_object('tags', p_tags);
    END IF;
    RETURN changes;
END $$;
