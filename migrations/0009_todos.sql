-- Lists, todos, and which of them has which tag.

-- What has no list is in the inbox, which is not a row.
CREATE TABLE lists (
    workspace_id bigint NOT NULL CONSTRAINT lists_workspace_fkey REFERENCES workspaces (id),
    id           bigserial,
    uid          uuid NOT NULL,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- What identifies it beside its ids: the name with its case folded by the application.
    folded       text COLLATE "C" NOT NULL,
    color        text CHECK (color ~ '^#[0-9a-f]{6}$'),
    position     double precision NOT NULL CHECK (position BETWEEN -1e15 AND 1e15),
    archived_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    version      bigint NOT NULL DEFAULT 1,
    CONSTRAINT lists_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT lists_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT lists_folded_key UNIQUE (workspace_id, folded)
);
-- Which lists are archived, which every list of todos asks (archived_lists_v1).
CREATE INDEX lists_archived ON lists (workspace_id, id) WHERE archived_at IS NOT NULL;

-- Lists and statistics are bounded because they read indexes alone, which takes pages known to be visible to all:
-- vacuuming makes that known. By default it waits until a fifth of the table has changed, so half a million of todos
-- are few. The statistics of the planner grow old with them. The same holds for todo_tags.
CREATE TABLE todos (
    workspace_id bigint NOT NULL CONSTRAINT todos_workspace_fkey REFERENCES workspaces (id),
    id           bigserial,
    uid          uuid NOT NULL,
    title        text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description  text CHECK (char_length(description) <= 10000),
    status       text COLLATE "C" NOT NULL DEFAULT 'pending'
                 CHECK (status IN ('pending', 'in_progress', 'completed', 'cancelled')),
    -- A number, because priorities are an order: priority_names_v1.
    priority     smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 4),
    due_date     timestamptz,
    assignee_id  bigint,
    -- No reference: todos in the bin keep the number of a list that was deleted since, and are in none then. To delete
    -- a list would else have to look for all of them. Writers that put a todo into a list hold it (list_enter_v1).
    list_id      bigint,
    parent_id    bigint,
    -- Where it stands among its siblings. A new todo is last without anybody asking for the last one.
    position     double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())::double precision
                 CHECK (position BETWEEN -1e15 AND 1e15),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    -- In the bin since.
    deleted_at   timestamptz,
    -- The todo with which it went into the bin: itself, or one above it.
    deleted_with bigint,
    version      bigint NOT NULL DEFAULT 1,
    -- 'simple' and not 'english': titles are written in any language, and a search for "it" or "to do" must find
    -- them. Word stems would serve one language and drop such words for all. The default parser skips the markup of
    -- descriptions.
    search       tsvector NOT NULL GENERATED ALWAYS AS (
                     setweight(to_tsvector('simple', title), 'A') ||
                     setweight(to_tsvector('simple', coalesce(description, '')), 'B')
                 ) STORED,
    CONSTRAINT todos_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT todos_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT todos_assignee_fkey FOREIGN KEY (workspace_id, assignee_id) REFERENCES employees (workspace_id, id),
    CONSTRAINT todos_parent_fkey FOREIGN KEY (workspace_id, parent_id) REFERENCES todos (workspace_id, id)
        ON DELETE SET NULL (parent_id),
    CONSTRAINT todos_completed_at_check CHECK ((status = 'completed') = (completed_at IS NOT NULL))
) WITH (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_limit = 1000
);

-- Orders: one index for each `sort` of the list. Each carries what conditions compare, so that a row which a list
-- passes over need not be fetched. Todos without a due date are a second run of the same index (store/todos/query.rs).
CREATE INDEX todos_created_order ON todos (workspace_id, created_at, id)
    INCLUDE (updated_at, due_date, assignee_id, priority, status, list_id, parent_id) WHERE deleted_at IS NULL;
CREATE INDEX todos_updated_order ON todos (workspace_id, updated_at, id)
    INCLUDE (created_at, due_date, assignee_id, priority, status, list_id, parent_id) WHERE deleted_at IS NULL;
CREATE INDEX todos_due_order ON todos (workspace_id, due_date, id)
    INCLUDE (created_at, updated_at, assignee_id, priority, status, list_id, parent_id) WHERE deleted_at IS NULL;
CREATE INDEX todos_priority_order ON todos (workspace_id, priority, id)
    INCLUDE (created_at, updated_at, due_date, assignee_id, status, list_id, parent_id) WHERE deleted_at IS NULL;
CREATE INDEX todos_title_order ON todos (workspace_id, (lower(title COLLATE "und-x-icu") COLLATE "C"), id)
    WHERE deleted_at IS NULL;
CREATE INDEX todos_position_order ON todos (workspace_id, position, id)
    INCLUDE (created_at, updated_at, due_date, assignee_id, priority, status, list_id, parent_id)
    WHERE deleted_at IS NULL;
-- `sort=due_date` of open todos, which people look at most, `overdue=true`, and the statistics `overdue` and
-- `due_today`.
CREATE INDEX todos_open_due_order ON todos (workspace_id, due_date, id)
    INCLUDE (created_at, updated_at, assignee_id, priority, status, list_id, parent_id)
    WHERE deleted_at IS NULL AND status IN ('pending', 'in_progress');

-- `list`, in the order in which a list is shown.
CREATE INDEX todos_by_list ON todos (workspace_id, list_id, position, id)
    INCLUDE (created_at, updated_at, due_date, assignee_id, priority, status, parent_id) WHERE deleted_at IS NULL;
-- The neighbours of a todo without a parent that is moved, between which any number of subtasks may stand.
CREATE INDEX todos_by_list_without_parent ON todos (workspace_id, list_id, position, id)
    WHERE deleted_at IS NULL AND parent_id IS NULL;
-- `parent`, what moves with a todo, the counts of subtasks, and the neighbours of one that is moved. Most todos have no
-- parent and are not here.
CREATE INDEX todos_by_parent ON todos (workspace_id, parent_id, position, id) INCLUDE (status)
    WHERE deleted_at IS NULL AND parent_id IS NOT NULL;
-- `root`, the foreign key when a todo is purged, and what comes out of the bin together.
CREATE INDEX todos_of_parent ON todos (workspace_id, parent_id, id) WHERE parent_id IS NOT NULL;

-- Filters: `status`, `completed`, and `priority` with them, where they leave few todos.
CREATE INDEX todos_by_status ON todos (workspace_id, status, priority, created_at, id) INCLUDE (due_date)
    WHERE deleted_at IS NULL;
-- `assignee` and `department`, and the foreign key when an employee is deleted: hence with the bin.
CREATE INDEX todos_by_assignee ON todos (workspace_id, assignee_id, created_at, id);
-- The statistic `completed_last_7_days`, counted without a look at the table.
CREATE INDEX todos_by_completion ON todos (workspace_id, completed_at)
    WHERE deleted_at IS NULL AND completed_at IS NOT NULL;
-- `q`. New words go into the index at once. Else they wait in a list that each search reads from end to end, until
-- one writer, whose turn it happens to be, sorts up to 4 MB of them in.
CREATE INDEX todos_search ON todos USING gin (workspace_id, search) WITH (fastupdate = off) WHERE deleted_at IS NULL;

-- The bin: the first for the purge and for whether it holds few, the others for the list with `deleted=true` in each
-- order. After a bulk delete it can be large, and its pages must cost no more than others. Only todos that go there
-- are written here.
CREATE INDEX todos_in_bin ON todos (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX todos_in_bin_by_created ON todos (workspace_id, created_at, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX todos_in_bin_by_updated ON todos (workspace_id, updated_at, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX todos_in_bin_by_due ON todos (workspace_id, due_date, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX todos_in_bin_by_priority ON todos (workspace_id, priority, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX todos_in_bin_by_position ON todos (workspace_id, position, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX todos_in_bin_by_title ON todos (workspace_id, (lower(title COLLATE "und-x-icu") COLLATE "C"), id)
    INCLUDE (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE todo_tags (
    workspace_id bigint NOT NULL,
    todo_id      bigint NOT NULL,
    -- No reference: to delete a tag would else have to look for all its todos. One that is gone is not shown, since
    -- readers join tags, and a job removes it (drop_tag_v1). Writers that put tags on todos hold them (lock_tags_v1).
    tag_id       bigint NOT NULL,
    CONSTRAINT todo_tags_pkey PRIMARY KEY (workspace_id, todo_id, tag_id),
    CONSTRAINT todo_tags_todo_fkey FOREIGN KEY (workspace_id, todo_id)
        REFERENCES todos (workspace_id, id) ON DELETE CASCADE
) WITH (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_limit = 1000
);
-- `tag` where it leaves few todos, and the todos of a tag that is merged or deleted.
CREATE INDEX todo_tags_by_tag ON todo_tags (workspace_id, tag_id, todo_id);

-- Few tags are on most todos and most tags are on few: the planner must know which.
ALTER TABLE todo_tags ALTER COLUMN tag_id SET STATISTICS 1000;
-- Rare words must be known to be rare: else a search would walk the list until it has found enough.
ALTER TABLE todos ALTER COLUMN search SET STATISTICS 1000;
ALTER TABLE todos ALTER COLUMN workspace_id SET STATISTICS 1000;
ALTER TABLE todos ALTER COLUMN assignee_id SET STATISTICS 1000;
-- A tag belongs to one workspace, and so does an employee. Without being told, the planner multiplies the shares of
-- both and takes what is common in a small workspace for rare: it fetches and sorts all of it where the first page is
-- near.
CREATE STATISTICS todo_tags_of_workspace (dependencies) ON workspace_id, tag_id FROM todo_tags;
CREATE STATISTICS todos_of_workspace (dependencies) ON workspace_id, assignee_id FROM todos;

-- How long a todo stays in the bin. Then it is gone, also where the purge has not come by yet.
CREATE FUNCTION bin_retention_v1() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '30 days';

-- How many levels a tree of todos has at most, the root included.
CREATE FUNCTION tree_levels_v1() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 5;

-- Whether a todo is still to be done.
CREATE FUNCTION is_open_v1(p_status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_status IN ('pending', 'in_progress');

-- The priorities from 1 on.
CREATE FUNCTION priority_names_v1() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY['low', 'medium', 'high', 'urgent'];

CREATE FUNCTION priority_name_v1(smallint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (priority_names_v1())[$1];

CREATE FUNCTION priority_number_v1(text) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(priority_names_v1(), $1)::smallint;
