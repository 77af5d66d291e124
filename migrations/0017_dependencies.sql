-- A tag belongs to one workspace, and so does an employee. Without being told, the planner multiplies the shares of both and
-- takes what is common in a small workspace for rare: it fetches and sorts all of it where the first page is near. Known after
-- the next ANALYZE.
CREATE STATISTICS todo_tags_of_workspace (dependencies) ON workspace_id, tag_id FROM todo_tags;
CREATE STATISTICS todos_of_workspace (dependencies) ON workspace_id, assignee_id FROM todos;
