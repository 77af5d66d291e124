-- Reading the log of changes: the feed, and pages of events.

-- The kinds of subjects that the feed tells of, in the order of its first pass: what others refer to comes first.
CREATE FUNCTION feed_kinds_v1() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY['department', 'employee', 'tag', 'list', 'todo'];

-- How many rows a page of the feed or of events looks at, whether it tells of them or not.
CREATE FUNCTION feed_window_v1() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 5000;

CREATE FUNCTION feed_item_v1(p_kind text, p_uid uuid, p_version bigint, p_document text, p_replaced_by jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{"type":"' || p_kind || '","uid":"' || p_uid || '","version":' || p_version || ',"document":'
        || coalesce(p_document, 'null') || ',"replaced_by":' || coalesce((p_replaced_by -> 'id')::text, 'null') || '}';

-- A tag as the feed shows it: how often it is used changes without a line.
CREATE FUNCTION tag_document_v1(p_tag tags) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN json_build_object('id', p_tag.uid, 'name', p_tag.name)::text;

-- A list likewise.
CREATE FUNCTION list_document_v1(p_list lists) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('id', p_list.uid, 'name', p_list.name, 'color', p_list.color, 'position', p_list.position,
        'archived_at', rfc3339_v1(p_list.archived_at), 'created_at', rfc3339_v1(p_list.created_at),
        'updated_at', rfc3339_v1(p_list.updated_at), 'version', p_list.version)::text;

-- A subject as it is now; nulls if it is gone or in the bin.
CREATE FUNCTION feed_subject_v1(p_workspace bigint, p_kind text, p_uid uuid, OUT version bigint, OUT document text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE p_kind
    WHEN 'todo' THEN
        SELECT t.version, todo_document_v1(p_workspace, t.id) INTO version, document FROM todos t
        WHERE t.workspace_id = p_workspace AND t.uid = p_uid AND t.deleted_at IS NULL;
    WHEN 'tag' THEN
        SELECT g.version, tag_document_v1(g) INTO version, document FROM tags g
        WHERE g.workspace_id = p_workspace AND g.uid = p_uid;
    WHEN 'list' THEN
        SELECT i.version, list_document_v1(i) INTO version, document FROM lists i
        WHERE i.workspace_id = p_workspace AND i.uid = p_uid;
    WHEN 'employee' THEN
        SELECT e.version, d.document INTO version, document
        FROM employees e JOIN employee_documents_v1 d USING (workspace_id, id)
        WHERE e.workspace_id = p_workspace AND e.uid = p_uid;
    WHEN 'department' THEN
        SELECT e.version, d.document INTO version, document
        FROM departments e JOIN department_documents_v1 d USING (workspace_id, id)
        WHERE e.workspace_id = p_workspace AND e.uid = p_uid;
    END CASE;
END $$;

-- The next subjects of a kind by id, as they are now: at most p_limit of them, and of todos no more than those among the next
-- feed_window_v1 rows. last: where to go on, null if none is left.
CREATE FUNCTION feed_state_v1(
    p_workspace bigint, p_kind text, p_after bigint, p_limit bigint, OUT items text[], OUT last bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    looked_at bigint := 0;
BEGIN
    CASE p_kind
    WHEN 'todo' THEN
        WITH looked AS MATERIALIZED (
            SELECT id, uid, version, deleted_at FROM todos WHERE workspace_id = p_workspace AND id > p_after
            ORDER BY id LIMIT feed_window_v1()
        ), live AS MATERIALIZED (
            SELECT * FROM looked WHERE deleted_at IS NULL ORDER BY id LIMIT p_limit
        )
        SELECT array_agg(feed_item_v1(p_kind, uid, version, todo_document_v1(p_workspace, id), NULL) ORDER BY id),
            CASE
                WHEN count(*) = p_limit THEN max(id)
                WHEN (SELECT count(*) FROM looked) = feed_window_v1() THEN (SELECT max(id) FROM looked)
            END
        INTO items, last FROM live;
    WHEN 'tag' THEN
        SELECT array_agg(feed_item_v1(p_kind, g.uid, g.version, g.document, NULL) ORDER BY g.id), max(g.id), count(*)
        INTO items, last, looked_at
        FROM (
            SELECT g.id, g.uid, g.version, tag_document_v1(g) AS document FROM tags g
            WHERE g.workspace_id = p_workspace AND g.id > p_after ORDER BY g.id LIMIT p_limit
        ) g;
    WHEN 'list' THEN
        SELECT array_agg(feed_item_v1(p_kind, i.uid, i.version, i.document, NULL) ORDER BY i.id), max(i.id), count(*)
        INTO items, last, looked_at
        FROM (
            SELECT i.id, i.uid, i.version, list_document_v1(i) AS document FROM lists i
            WHERE i.workspace_id = p_workspace AND i.id > p_after ORDER BY i.id LIMIT p_limit
        ) i;
    WHEN 'employee' THEN
        SELECT array_agg(feed_item_v1(p_kind, e.uid, e.version, e.document, NULL) ORDER BY e.id), max(e.id), count(*)
        INTO items, last, looked_at
        FROM (
            SELECT e.id, e.uid, e.version, d.document
            FROM employees e JOIN employee_documents_v1 d USING (workspace_id, id)
            WHERE e.workspace_id = p_workspace AND e.id > p_after ORDER BY e.id LIMIT p_limit
        ) e;
    WHEN 'department' THEN
        SELECT array_agg(feed_item_v1(p_kind, e.uid, e.version, e.document, NULL) ORDER BY e.id), max(e.id), count(*)
        INTO items, last, looked_at
        FROM (
            SELECT e.id, e.uid, e.version, d.document
            FROM departments e JOIN department_documents_v1 d USING (workspace_id, id)
            WHERE e.workspace_id = p_workspace AND e.id > p_after ORDER BY e.id LIMIT p_limit
        ) e;
    END CASE;
    IF p_kind <> 'todo' AND looked_at < p_limit THEN
        last := NULL;
    END IF;
END $$;

-- A page of the feed: first the state of every kind (phase: a kind, after: an id), then what has changed since the first page
-- (phase 'changes', from the line with xid and id on). p_phase is null at first.
--
-- outcome: 'done'; 'resync' if the cursor is of another epoch or older than events_retention_v1; 'ahead' if the log has numbers of
-- transactions that this cluster has not reached, because it was restored from a dump (`xtask migrate` begins a new epoch).
-- complete_at: nothing that was committed before it is missing from what has been read so far, once phase is 'changes'.
-- pending: something is committed that is not settled yet. All of it sees one snapshot: the function is stable.
CREATE FUNCTION feed_page_v1(
    p_workspace bigint, p_epoch uuid, p_phase text, p_after bigint, p_xid text, p_id bigint, p_complete_at timestamptz,
    p_kinds text[], p_limit bigint,
    OUT outcome text, OUT items text, OUT epoch text, OUT phase text, OUT after bigint, OUT xid text, OUT id bigint,
    OUT complete_at text, OUT more boolean, OUT pending boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    horizon CONSTANT xid8 := pg_snapshot_xmin(pg_current_snapshot());
    -- Its last line, read from the end of the index.
    newest CONSTANT xid8 := (
        SELECT e.xid FROM events e WHERE e.workspace_id = p_workspace ORDER BY e.xid DESC, e.id DESC LIMIT 1
    );
    kinds CONSTANT text[] := feed_kinds_v1();
    room bigint := p_limit;
    told text[] := '{}';
    part record;
BEGIN
    SELECT f.epoch INTO epoch FROM feed f;
    outcome := CASE
        WHEN p_epoch::text <> epoch OR p_complete_at < now() - events_retention_v1() THEN 'resync'
        WHEN newest >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'ahead'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    phase := coalesce(p_phase, kinds[1]);
    after := coalesce(p_after, 0);
    -- Lines below the horizon are part of the state that this snapshot shows.
    xid := coalesce(p_xid, horizon::text);
    id := coalesce(p_id, 0);
    complete_at := rfc3339_v1(coalesce(p_complete_at, now()));
    more := false;
    WHILE phase <> 'changes' AND room > 0 LOOP
        IF phase = ANY (p_kinds) THEN
            part := feed_state_v1(p_workspace, phase, after, room);
            told := told || part.items;
            room := room - coalesce(cardinality(part.items), 0);
            IF part.last IS NOT NULL THEN
                after := part.last;
                more := true;
                EXIT;
            END IF;
        END IF;
        phase := coalesce(kinds[array_position(kinds, phase) + 1], 'changes');
        after := 0;
    END LOOP;
    IF phase = 'changes' AND room > 0 THEN
        part := feed_changes_v1(p_workspace, xid, id, horizon, p_kinds, room);
        told := told || part.items;
        IF part.last_xid IS NOT NULL THEN
            xid := part.last_xid;
            id := part.last_id;
        END IF;
    END IF;
    IF phase = 'changes' THEN
        -- In order, so that the planner does not look for any line that will do from end to end.
        more := coalesce((
            SELECT e.xid < horizon FROM events e
            WHERE e.workspace_id = p_workspace AND (e.xid, e.id) > (feed_page_v1.xid::xid8, feed_page_v1.id)
            ORDER BY e.xid, e.id LIMIT 1
        ), false);
        complete_at := rfc3339_v1(CASE WHEN NOT more THEN now() ELSE coalesce(part.last_at, complete_at::timestamptz) END);
    ELSE
        more := true;
    END IF;
    pending := coalesce(newest >= horizon, false);
    items := '[' || array_to_string(told, ',') || ']';
END $$;

-- What the next settled lines tell of, each subject once, as it is now, in the order of its last line. At most p_limit lines of these
-- kinds among the next feed_window_v1. last_…: the last line that was looked at; null if there was none.
CREATE FUNCTION feed_changes_v1(
    p_workspace bigint, p_xid text, p_id bigint, p_horizon xid8, p_kinds text[], p_limit bigint,
    OUT items text[], OUT last_xid text, OUT last_id bigint, OUT last_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    WITH looked AS MATERIALIZED (
        SELECT e.xid, e.id, split_part(e.type, '.', 1) AS kind, e.subject, e.version, e.at,
            e.changes -> 'replaced_by' AS replaced_by, row_number() OVER (ORDER BY e.xid, e.id) AS place
        FROM events e
        WHERE e.workspace_id = p_workspace AND (e.xid, e.id) > (p_xid::xid8, p_id) AND e.xid < p_horizon
        ORDER BY e.xid, e.id LIMIT feed_window_v1()
    ), wanted AS MATERIALIZED (
        SELECT * FROM looked WHERE kind = ANY (p_kinds) ORDER BY place LIMIT p_limit
    ), subjects AS MATERIALIZED (
        SELECT DISTINCT ON (subject) * FROM wanted ORDER BY subject, place DESC
    ), last AS MATERIALIZED (
        SELECT * FROM looked
        WHERE place = CASE
            WHEN (SELECT count(*) FROM wanted) = p_limit THEN (SELECT max(place) FROM wanted)
            ELSE (SELECT max(place) FROM looked)
        END
    )
    SELECT (
            SELECT array_agg(
                feed_item_v1(s.kind, s.subject, coalesce(f.version, s.version), f.document,
                    CASE WHEN f.document IS NULL THEN s.replaced_by END) ORDER BY s.place
            )
            FROM subjects s CROSS JOIN LATERAL feed_subject_v1(p_workspace, s.kind, s.subject) f
        ), l.xid::text, l.id, l.at
    INTO items, last_xid, last_id, last_at FROM last l;
END $$;

-- Events as JSON.
CREATE VIEW event_documents_v1 AS
SELECT e.workspace_id, e.xid, e.id, e.subject, (
    SELECT row_to_json(document)::text FROM (
        SELECT e.uid AS id, e.type, rfc3339_v1(e.at) AS at, e.version, e.subject, (
                SELECT CASE left(e.actor, 2)
                    WHEN 't:' THEN (
                        SELECT json_build_object('kind', 'token', 'id', t.uid, 'name', t.name,
                            'employee', employee_named_v1(t.workspace_id, t.employee_id))
                        FROM tokens t WHERE t.uid = substr(e.actor, 3)::uuid
                    )
                    WHEN 'j:' THEN json_build_object('kind', 'job', 'id', substr(e.actor, 3))
                    WHEN 's:' THEN json_build_object('kind', 'service', 'name', substr(e.actor, 3))
                END
            ) AS actor,
            e.request AS request_id, e.changes
    ) document
) AS document
FROM events e;

-- A page of events, the newest first, before the one with p_xid and p_id: of one subject, or of the workspace; of these types, after
-- p_since, by the token, the job or the employee p_actor, whichever is not null. next_…: after which event to go on, null if none is left; the page may be short, since
-- no more than feed_window_v1 events are looked at.
CREATE FUNCTION events_page_v1(
    p_workspace bigint, p_subject uuid, p_types text[], p_since timestamptz, p_actor uuid, p_xid text, p_id bigint,
    p_limit bigint, OUT items text, OUT next_xid text, OUT next_id bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    before_xid CONSTANT xid8 := coalesce(p_xid, '18446744073709551615')::xid8;
    before_id CONSTANT bigint := coalesce(p_id, 9223372036854775807);
    since CONSTANT timestamptz := greatest(p_since, now() - events_retention_v1());
    actors CONSTANT text[] := ARRAY['t:' || p_actor, 'j:' || p_actor] || ARRAY(
        SELECT 't:' || t.uid FROM employees e JOIN tokens t ON t.workspace_id = e.workspace_id AND t.employee_id = e.id
        WHERE e.workspace_id = p_workspace AND e.uid = p_actor
    );
BEGIN
    WITH looked AS MATERIALIZED (
        (
            SELECT e.xid, e.id, e.type, e.actor, e.at FROM events e
            WHERE p_subject IS NULL AND e.workspace_id = p_workspace AND (e.xid, e.id) < (before_xid, before_id)
            ORDER BY e.xid DESC, e.id DESC LIMIT feed_window_v1()
        )
        UNION ALL
        (
            SELECT e.xid, e.id, e.type, e.actor, e.at FROM events e
            WHERE e.workspace_id = p_workspace AND e.subject = p_subject AND (e.xid, e.id) < (before_xid, before_id)
            ORDER BY e.xid DESC, e.id DESC LIMIT feed_window_v1()
        )
    ), matching AS MATERIALIZED (
        SELECT l.*, row_number() OVER (ORDER BY l.xid DESC, l.id DESC) AS place FROM looked l
        WHERE l.at > since AND (p_types IS NULL OR l.type = ANY (p_types))
            AND (p_actor IS NULL OR l.actor = ANY (actors))
        ORDER BY l.xid DESC, l.id DESC LIMIT p_limit + 1
    ), last AS (
        SELECT m.xid, m.id FROM matching m
        WHERE m.place = p_limit AND (SELECT count(*) FROM matching) > p_limit
        UNION ALL
        (
            SELECT l.xid, l.id FROM looked l
            WHERE (SELECT count(*) FROM matching) <= p_limit AND (SELECT count(*) FROM looked) = feed_window_v1()
                AND (SELECT min(at) FROM looked) > since
            ORDER BY l.xid, l.id LIMIT 1
        )
    )
    SELECT coalesce('[' || (
            SELECT string_agg(d.document, ',' ORDER BY m.place)
            FROM matching m JOIN event_documents_v1 d
                ON d.workspace_id = p_workspace AND d.xid = m.xid AND d.id = m.id
            WHERE m.place <= p_limit
        ) || ']', '[]'), (SELECT l.xid::text FROM last l), (SELECT l.id FROM last l)
    INTO items, next_xid, next_id;
END $$;
