-- Reading the log of changes: the feed, and pages of events.

-- How many rows a page of the feed or of events looks at, whether it tells of them or not.
CREATE FUNCTION feed_window_v1() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 5000;

-- A subject as it is now, as JSON. What changes without a line of its own is left out: how often a tag is used, how many
-- todos are in a list. Of one that is gone or in the bin: the version of its last line, and the tag that replaced it.
CREATE FUNCTION feed_item_v1(p_workspace bigint, p_kind text, p_uid uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    version bigint;
    document text;
    replaced_by jsonb;
BEGIN
    CASE p_kind
    WHEN 'todo' THEN
        SELECT t.version, d.document INTO version, document
        FROM todos t JOIN todo_documents_v1 d USING (workspace_id, id)
        WHERE t.workspace_id = p_workspace AND t.uid = p_uid AND t.deleted_at IS NULL;
    WHEN 'tag' THEN
        SELECT g.version, json_build_object('id', g.uid, 'name', g.name) INTO version, document FROM tags g
        WHERE g.workspace_id = p_workspace AND g.uid = p_uid AND g.merged_into IS NULL;
    WHEN 'list' THEN
        SELECT i.version, json_build_object('id', i.uid, 'name', i.name, 'color', i.color, 'position', i.position,
            'archived_at', rfc3339_v1(i.archived_at), 'created_at', rfc3339_v1(i.created_at),
            'updated_at', rfc3339_v1(i.updated_at), 'version', i.version)
        INTO version, document FROM lists i WHERE i.workspace_id = p_workspace AND i.uid = p_uid;
    WHEN 'employee' THEN
        SELECT e.version, d.document INTO version, document
        FROM employees e JOIN employee_documents_v1 d USING (workspace_id, id)
        WHERE e.workspace_id = p_workspace AND e.uid = p_uid;
    WHEN 'department' THEN
        SELECT e.version, d.document INTO version, document
        FROM departments e JOIN department_documents_v1 d USING (workspace_id, id)
        WHERE e.workspace_id = p_workspace AND e.uid = p_uid;
    END CASE;
    IF document IS NULL THEN
        SELECT e.version, e.changes -> 'replaced_by' -> 'id' INTO version, replaced_by FROM events e
        WHERE e.workspace_id = p_workspace AND e.subject = p_uid AND split_part(e.type, '.', 1) = p_kind
        ORDER BY e.version DESC LIMIT 1;
    END IF;
    RETURN format('{"type":"%s","uid":"%s","version":%s,"document":%s,"replaced_by":%s}',
        p_kind, p_uid, version, coalesce(document, 'null'), coalesce(replaced_by, 'null'));
END $$;

-- How many bytes of todos a page has before it ends with the next item: it is in memory several times, as are those of
-- others.
CREATE FUNCTION feed_bytes_v1() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1048576;

-- About how many bytes an item has. Only of a todo they matter; lengths are read without the texts.
CREATE FUNCTION feed_item_bytes_v1(p_title text, p_description text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1000 + coalesce(octet_length(p_title) + octet_length(p_description), 0);

-- The next subjects of a kind by id: at most p_limit, and of todos no more than live among the next feed_window_v1 rows
-- and begin within feed_bytes_v1. last: where to go on, null if none is left.
CREATE FUNCTION feed_state_v1(
    p_workspace bigint, p_kind text, p_after bigint, p_limit bigint, OUT items text[], OUT last bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    uids uuid[];
BEGIN
    CASE p_kind
    WHEN 'todo' THEN
        WITH looked AS MATERIALIZED (
            SELECT id, uid, deleted_at FROM todos WHERE workspace_id = p_workspace AND id > p_after
            ORDER BY id LIMIT feed_window_v1()
        ), live AS MATERIALIZED (
            SELECT l.id, l.uid, coalesce(sum(feed_item_bytes_v1(t.title, t.description)) OVER (
                ORDER BY l.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) < feed_bytes_v1() AS fits
            FROM (SELECT id, uid FROM looked WHERE deleted_at IS NULL ORDER BY id LIMIT p_limit) l
            JOIN todos t ON t.workspace_id = p_workspace AND t.id = l.id
        )
        SELECT array_agg(uid ORDER BY id) FILTER (WHERE fits),
            CASE
                WHEN count(*) = p_limit OR NOT bool_and(fits) THEN max(id) FILTER (WHERE fits)
                WHEN (SELECT count(*) FROM looked) = feed_window_v1() THEN (SELECT max(id) FROM looked)
            END
        INTO uids, last FROM live;
    WHEN 'tag' THEN
        SELECT array_agg(uid ORDER BY id), CASE WHEN count(*) = p_limit THEN max(id) END INTO uids, last
        FROM (
            SELECT id, uid FROM tags WHERE workspace_id = p_workspace AND id > p_after AND merged_into IS NULL
            ORDER BY id LIMIT p_limit
        ) g;
    WHEN 'list' THEN
        SELECT array_agg(uid ORDER BY id), CASE WHEN count(*) = p_limit THEN max(id) END INTO uids, last
        FROM (SELECT id, uid FROM lists WHERE workspace_id = p_workspace AND id > p_after ORDER BY id LIMIT p_limit) i;
    WHEN 'employee' THEN
        SELECT array_agg(uid ORDER BY id), CASE WHEN count(*) = p_limit THEN max(id) END INTO uids, last
        FROM (
            SELECT id, uid FROM employees WHERE workspace_id = p_workspace AND id > p_after ORDER BY id LIMIT p_limit
        ) e;
    WHEN 'department' THEN
        SELECT array_agg(uid ORDER BY id), CASE WHEN count(*) = p_limit THEN max(id) END INTO uids, last
        FROM (
            SELECT id, uid FROM departments WHERE workspace_id = p_workspace AND id > p_after ORDER BY id LIMIT p_limit
        ) d;
    END CASE;
    items := ARRAY(
        SELECT feed_item_v1(p_workspace, p_kind, uid)
        FROM unnest(uids) WITH ORDINALITY AS u (uid, place) ORDER BY place
    );
END $$;

-- The subjects of the next settled lines, each once, in the order of its last line: of at most p_limit lines of these
-- kinds among the next feed_window_v1, as far as they begin within feed_bytes_v1. last_…: the last line that was looked
-- at, null if there was none.
CREATE FUNCTION feed_changes_v1(
    p_workspace bigint, p_xid text, p_id bigint, p_horizon xid8, p_kinds text[], p_limit bigint,
    OUT items text[], OUT last_xid text, OUT last_id bigint, OUT last_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    kinds text[];
    uids uuid[];
BEGIN
    WITH looked AS MATERIALIZED (
        SELECT e.xid, e.id, split_part(e.type, '.', 1) AS kind, e.subject, e.at,
            row_number() OVER (ORDER BY e.xid, e.id) AS place
        FROM events e
        WHERE e.workspace_id = p_workspace AND (e.xid, e.id) > (p_xid::xid8, p_id) AND e.xid < p_horizon
        ORDER BY e.xid, e.id LIMIT feed_window_v1()
    ), wanted AS MATERIALIZED (
        SELECT kind, subject, place FROM looked WHERE kind = ANY (p_kinds) ORDER BY place LIMIT p_limit
    ), subjects AS MATERIALIZED (
        SELECT w.kind, w.subject, w.place, coalesce(sum(feed_item_bytes_v1(t.title, t.description)) OVER (
            ORDER BY w.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) < feed_bytes_v1() AS fits
        FROM (SELECT kind, subject, max(place) AS place FROM wanted GROUP BY kind, subject) w
        LEFT JOIN todos t ON t.workspace_id = p_workspace AND t.uid = w.subject AND t.deleted_at IS NULL
    ), last AS MATERIALIZED (
        SELECT * FROM looked
        WHERE place = CASE
            WHEN EXISTS (SELECT FROM subjects WHERE NOT fits) THEN (SELECT max(place) FROM subjects WHERE fits)
            WHEN (SELECT count(*) FROM wanted) = p_limit THEN (SELECT max(place) FROM wanted)
            ELSE (SELECT max(place) FROM looked)
        END
    )
    SELECT ARRAY(SELECT kind FROM subjects WHERE fits ORDER BY place),
        ARRAY(SELECT subject FROM subjects WHERE fits ORDER BY place), l.xid::text, l.id, l.at
    INTO kinds, uids, last_xid, last_id, last_at FROM last l;
    items := ARRAY(
        SELECT feed_item_v1(p_workspace, kind, uid)
        FROM unnest(kinds, uids) WITH ORDINALITY AS u (kind, uid, place) ORDER BY place
    );
END $$;

-- A page of the feed: first the state of every kind, in the order of p_kinds (phase: a kind, after: an id), then what has
-- changed since the first page (phase 'changes', after the line with xid and id). p_phase is null at first.
--
-- outcome: 'done'; 'resync' if the cursor is of another epoch, older than events_retention_v1, or of a line that this
-- cluster has lost, as in a failover to a standby that had not got everything; 'behind' if the cluster is a standby that
-- may get that line yet; 'ahead' if the log has numbers of transactions that the cluster has not reached, because it was
-- restored from a dump (`xtask migrate` begins a new epoch).
-- complete_at: nothing that was committed before it is missing from what has been read so far, once phase is 'changes'.
-- It goes no further than the last line while others are left or held back.
-- pending: something is committed that is not settled yet. All of it sees one snapshot: the functions are stable.
CREATE FUNCTION feed_page_v1(
    p_workspace bigint, p_epoch uuid, p_phase text, p_after bigint, p_xid text, p_id bigint, p_complete_at timestamptz,
    p_kinds text[], p_limit bigint,
    OUT outcome text, OUT items text, OUT epoch text, OUT phase text, OUT after bigint, OUT xid text, OUT id bigint,
    OUT complete_at text, OUT more boolean, OUT pending boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    horizon CONSTANT xid8 := pg_snapshot_xmin(pg_current_snapshot());
    -- Whatever this cluster has ever told of has a number below it.
    reached CONSTANT xid8 := pg_snapshot_xmax(pg_current_snapshot());
    -- Of its last line, read from the end of the index.
    newest CONSTANT xid8 := (
        SELECT e.xid FROM events e WHERE e.workspace_id = p_workspace ORDER BY e.xid DESC, e.id DESC LIMIT 1
    );
    phases CONSTANT text[] := p_kinds || 'changes'::text;
    told text[] := '{}';
    seen xid8;
    part record;
BEGIN
    SELECT f.epoch, f.seen INTO epoch, seen FROM feed f;
    outcome := CASE
        WHEN p_epoch::text <> epoch OR p_complete_at < now() - events_retention_v1() THEN 'resync'
        -- feed_is_ahead_v1, as far as it concerns this workspace.
        WHEN greatest(seen, newest) >= reached THEN 'ahead'
        WHEN p_xid::xid8 >= reached THEN CASE WHEN pg_is_in_recovery() THEN 'behind' ELSE 'resync' END
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    pending := coalesce(newest >= horizon, false);
    phase := coalesce(p_phase, phases[1]);
    after := coalesce(p_after, 0);
    xid := p_xid;
    id := p_id;
    IF p_xid IS NULL THEN
        -- The last settled line: this snapshot shows what it tells. Not the horizon: Postgres may give the number of a
        -- transaction that wrote nothing once more after a crash.
        SELECT e.xid::text, e.id INTO xid, id FROM events e
        WHERE e.workspace_id = p_workspace AND e.xid < horizon ORDER BY e.xid DESC, e.id DESC LIMIT 1;
        xid := coalesce(xid, '0');
        id := coalesce(id, 0);
    END IF;
    more := false;
    WHILE phase <> 'changes' AND NOT more LOOP
        part := feed_state_v1(p_workspace, phase, after, p_limit - cardinality(told));
        told := told || part.items;
        more := part.last IS NOT NULL;
        IF NOT more THEN
            phase := phases[array_position(phases, phase) + 1];
        END IF;
        after := coalesce(part.last, 0);
    END LOOP;
    complete_at := rfc3339_v1(coalesce(p_complete_at, now()));
    IF phase = 'changes' THEN
        part := feed_changes_v1(p_workspace, xid, id, horizon, p_kinds, p_limit - cardinality(told));
        told := told || part.items;
        xid := coalesce(part.last_xid, xid);
        id := coalesce(part.last_id, id);
        -- In order, so that the planner does not look for any line that will do from end to end.
        more := coalesce((
            SELECT e.xid < horizon FROM events e
            WHERE e.workspace_id = p_workspace AND (e.xid, e.id) > (feed_page_v1.xid::xid8, feed_page_v1.id)
            ORDER BY e.xid, e.id LIMIT 1
        ), false);
        complete_at := rfc3339_v1(CASE
            WHEN more OR pending THEN coalesce(part.last_at, p_complete_at, now()) ELSE now()
        END);
    END IF;
    items := '[' || array_to_string(told, ',') || ']';
END $$;

-- Events as JSON.
CREATE VIEW event_documents_v1 AS
SELECT e.workspace_id, e.xid, e.id, e.subject, json_build_object(
    'id', e.uid, 'type', e.type, 'at', rfc3339_v1(e.at), 'version', nullif(e.version, 0), 'subject', e.subject,
    'actor', CASE left(e.actor, 2)
        WHEN 't:' THEN json_build_object('kind', 'token', 'id', t.uid, 'name', t.name,
            'employee', CASE WHEN m.id IS NOT NULL THEN json_build_object('id', m.uid, 'name', m.name) END)
        WHEN 'j:' THEN json_build_object('kind', 'job', 'id', substr(e.actor, 3))
        WHEN 's:' THEN json_build_object('kind', 'service', 'name', substr(e.actor, 3))
    END, 'request_id', e.request, 'changes', e.changes
)::text AS document
FROM events e
LEFT JOIN tokens t ON t.uid = CASE WHEN e.actor LIKE 't:%' THEN substr(e.actor, 3)::uuid END
LEFT JOIN employees m ON m.workspace_id = e.workspace_id AND m.id = t.employee_id;

-- A page of events, the newest first, before the one with p_rank and p_id: of one subject, whose rank is the version, or
-- of the workspace, whose rank is the transaction, in the order in which they began to write; of these types, after
-- p_since, by the token, the job or the employee p_actor, whichever is not null. next_…: after which event to go on, null
-- if none is left; the page may be short, since no more than feed_window_v1 events are looked at.
-- complete_since: p_since, or from when on there are lines if that is later: nothing is told of what was before it.
CREATE FUNCTION events_page_v1(
    p_workspace bigint, p_subject uuid, p_types text[], p_since timestamptz, p_actor uuid, p_rank text, p_id bigint,
    p_limit bigint, OUT items text, OUT next_rank text, OUT next_id bigint, OUT complete_since text
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    before_rank CONSTANT bigint := coalesce(p_rank::bigint, 9223372036854775807);
    before_id CONSTANT bigint := coalesce(p_id, 9223372036854775807);
    since CONSTANT timestamptz := greatest(p_since, now() - events_retention_v1(), (SELECT f.began FROM feed f));
    actors CONSTANT text[] := ARRAY['t:' || p_actor, 'j:' || p_actor] || ARRAY(
        SELECT 't:' || t.uid FROM employees e JOIN tokens t ON t.workspace_id = e.workspace_id AND t.employee_id = e.id
        WHERE e.workspace_id = p_workspace AND e.uid = p_actor
    );
BEGIN
    WITH looked AS MATERIALIZED (
        (
            SELECT e.xid::text::bigint AS rank, e.xid, e.id, e.type, e.actor, e.at FROM events e
            WHERE p_subject IS NULL AND e.workspace_id = p_workspace
                AND (e.xid, e.id) < (before_rank::text::xid8, before_id)
            ORDER BY e.xid DESC, e.id DESC LIMIT feed_window_v1()
        )
        UNION ALL
        (
            SELECT e.version, e.xid, e.id, e.type, e.actor, e.at FROM events e
            WHERE e.workspace_id = p_workspace AND e.subject = p_subject
                AND (e.version, e.id) < (before_rank, before_id)
            ORDER BY e.version DESC, e.id DESC LIMIT feed_window_v1()
        )
    ), matching AS MATERIALIZED (
        SELECT l.*, row_number() OVER (ORDER BY l.rank DESC, l.id DESC) AS place FROM looked l
        WHERE l.at > since AND (p_types IS NULL OR l.type = ANY (p_types))
            AND (p_actor IS NULL OR l.actor = ANY (actors))
        ORDER BY l.rank DESC, l.id DESC LIMIT p_limit + 1
    ), last AS (
        SELECT m.rank, m.id FROM matching m
        WHERE m.place = p_limit AND (SELECT count(*) FROM matching) > p_limit
        UNION ALL
        (
            SELECT l.rank, l.id FROM looked l
            WHERE (SELECT count(*) FROM matching) <= p_limit AND (SELECT count(*) FROM looked) = feed_window_v1()
                AND (SELECT min(at) FROM looked) > since
            ORDER BY l.rank, l.id LIMIT 1
        )
    )
    SELECT coalesce('[' || (
            SELECT string_agg(d.document, ',' ORDER BY m.place)
            FROM matching m JOIN event_documents_v1 d
                ON d.workspace_id = p_workspace AND d.xid = m.xid AND d.id = m.id
            WHERE m.place <= p_limit
        ) || ']', '[]'), (SELECT l.rank::text FROM last l), (SELECT l.id FROM last l)
    INTO items, next_rank, next_id;
    complete_since := rfc3339_v1(since);
END $$;
