//! Tags that more todos have than one statement may change: what everybody sees while a job does the rest, and after
//! it.

use serde_json::{Value, json};

use crate::harness::database::{self, number};
use crate::harness::follower::{Follower, state};
use crate::harness::{Workspace, suite};
use crate::jobs::{done, ended};

suite![
    #[database]
    a_merged_tag_is_the_other_one_at_once,
    #[database]
    todos_are_written_while_a_merge_goes_on,
    #[database]
    a_deleted_tag_is_gone_at_once,
    #[database]
    a_merged_tag_is_renamed_merged_and_deleted_while_todos_have_it,
];

/// How many todos have the tag `a`, besides those of [`Many::make`]: more than one statement changes.
const MANY: i64 = 2_100;

/// A workspace in which todos with these tags are called by them: `a`, `b`, `ab`, `abcde`; and many more have `a`.
struct Many {
    ws: Workspace,
    id: i64,
    database: tokio_postgres::Client,
}

impl Many {
    async fn make() -> Self {
        let database = database::connect().await;
        let ws = Workspace::new().await;
        let id = database::workspace(&database, &ws).await;
        for tags in ["a", "b", "ab", "abcde"] {
            let names: Vec<String> = tags.chars().map(String::from).collect();
            ws.todo(json!({ "title": tags, "tags": names })).await;
        }
        let fill = format!(
            "do $$ declare made bigint[]; begin
                 with new as (insert into todos (workspace_id, uid, title)
                     select {id}, gen_random_uuid(), 'x' from generate_series(1, {MANY}) returning id)
                 select array_agg(id) into made from new;
                 insert into todo_tags (workspace_id, todo_id, tag_id)
                 select {id}, todo, g.id from unnest(made) todo join tags g on g.workspace_id = {id} and g.name = 'a';
                 perform count_todos_v1({id}, made, 1);
             end $$"
        );
        database.batch_execute(&fill).await.unwrap();
        Self { ws, id, database }
    }

    /// Merges or deletes the tag `a`; the worker that takes up the job dies at its first chunk, and nobody takes it up
    /// again.
    async fn left_to_a_dead_worker(&self, change: crate::harness::client::Call) -> crate::harness::Answer {
        let mut holder = database::connect().await;
        let held = holder.transaction().await.unwrap();
        held.execute("select from todos where workspace_id = $1 and title = 'a' for update", &[&self.id])
            .await
            .unwrap();
        let answer = change.send().await;
        let die = "update jobs set status = 'running', lease = gen_random_uuid(), due_at = now() + interval '1 hour' \
            where workspace_id = $1 and status in ('queued', 'running')";
        assert_eq!(self.database.execute(die, &[&self.id]).await.unwrap(), 1, "{answer}");
        held.rollback().await.unwrap();
        answer
    }

    async fn tag(&self, name: &str) -> Value {
        let tags = self.ws.all("/api/v2/tags", &[]).await;
        tags.iter().find(|tag| tag["name"] == name).unwrap_or_else(|| panic!("no tag {name} in {tags:?}")).clone()
    }

    async fn path(&self, name: &str) -> String {
        format!("/api/v2/tags/{}", self.tag(name).await["id"].as_str().unwrap())
    }

    /// Name and count of every tag.
    async fn counts(&self) -> Value {
        let tags = self.ws.all("/api/v2/tags", &[]).await;
        tags.iter().map(|tag| (tag["name"].as_str().unwrap().to_owned(), tag["count"].clone())).collect()
    }

    async fn named(&self, title: &str) -> Value {
        let todos = self.ws.all("/api/v2/todos", &[("q", title)]).await;
        let path = format!("/api/v2/todos/{}", todos[0]["id"].as_str().unwrap());
        let whole = self.ws.get(&path).send().await.ok();
        assert_eq!(whole["tags"], todos[0]["tags"], "a list and the todo itself show the same");
        whole
    }

    async fn tags_of(&self, title: &str) -> Value {
        self.named(title).await["tags"].clone()
    }

    async fn found(&self, tags: &[&str]) -> usize {
        let query: Vec<(&str, &str)> = tags.iter().map(|tag| ("tag", *tag)).chain([("limit", "100")]).collect();
        self.ws.all("/api/v2/todos", &query).await.len()
    }

    /// Lets workers have the jobs again, waits until they have ended, and sees that nothing is left of a tag that is
    /// gone.
    async fn resumed(&self) -> Vec<Value> {
        let due = "update jobs set due_at = now() where workspace_id = $1 and status = 'running'";
        self.database.execute(due, &[&self.id]).await.unwrap();
        let mut jobs = Vec::new();
        for job in self.ws.all("/api/v2/jobs", &[]).await {
            jobs.push(ended(&self.ws, &format!("/api/v2/jobs/{}", job["id"].as_str().unwrap())).await);
        }
        let left = "select count(*) from todo_tags l left join tags g on g.workspace_id = l.workspace_id \
                    and g.id = l.tag_id \
            where l.workspace_id = $1 and (g.id is null or g.merged_into is not null)";
        assert_eq!(number(&self.database, left, &[&self.id]).await, 0);
        let rows = "select count(*) from tags where workspace_id = $1 and merged_into is not null";
        assert_eq!(number(&self.database, rows, &[&self.id]).await, 0);
        let counted = "select count(*) from (select tag_id from tag_counts where workspace_id = $1 group by 1 \
            having sum(todos) <> 0) c where not exists (select from tags g where g.workspace_id = $1 \
            and g.id = c.tag_id)";
        assert_eq!(number(&self.database, counted, &[&self.id]).await, 0);
        jobs
    }
}

async fn a_merged_tag_is_the_other_one_at_once() {
    let many = Many::make().await;
    let ws = &many.ws;
    let mut follower = Follower::default();
    follower.catch_up(ws, &[("limit", "200")]).await;
    let (gone, other) = (many.tag("a").await, many.tag("b").await);
    assert_eq!((&gone["count"], &other["count"]), (&json!(MANY + 3), &json!(3)));
    let path = many.path("a").await;
    let answer = many.left_to_a_dead_worker(ws.patch(&path).json(json!({ "name": "B" }))).await.ok();
    // Those that had both are not known yet.
    let mut expected = other.clone();
    expected["count"] = json!(MANY + 6);
    assert_eq!(answer, expected);
    assert_eq!(many.counts().await, json!({ "b": MANY + 6, "c": 1, "d": 1, "e": 1 }));
    for (title, tags) in [("a", json!(["b"])), ("ab", json!(["b"])), ("abcde", json!(["b", "c", "d", "e"]))] {
        assert_eq!(many.tags_of(title).await, tags, "{title}");
    }
    let found = usize::try_from(MANY + 4).unwrap();
    assert_eq!((many.found(&["b"]).await, many.found(&["a"]).await), (found, 0));
    for query in
        ["tag=b&sort=title&limit=1", "tag=b&tag=c", "tag=b&tag=c&tag=d&tag=e", "q=abcde&tag=b&tag=c&sort=title"]
    {
        let items = ws.get(&format!("/api/v2/todos?{query}")).send().await.ok()["items"].clone();
        assert_eq!(items.as_array().unwrap().len(), 1, "{query}");
        assert_eq!(items[0]["tags"][0], "b", "{query}");
    }
    let old = ws.get("/api/v1/todos?tag=c").send().await.ok();
    let other_id = ws.get("/api/v1/todos?tag=b&limit=2").send().await.ok()[1]["tags"][0]["id"].clone();
    assert_eq!(old[0]["tags"][0], json!({ "id": other_id, "name": "b" }));
    assert_eq!(old[0]["tags"].as_array().unwrap().len(), 4);
    let exported = ws.get("/api/v2/todos/export?format=csv&tag=c").send().await;
    assert!(exported.text().contains(",b;c;d;e,"), "{exported}");
    follower.catch_up(ws, &[("limit", "200")]).await;
    assert_eq!(follower.sorted(), state(ws).await, "a copy is what the service shows");
    let mut fresh = Follower::default();
    fresh.catch_up(ws, &[("limit", "200")]).await;
    assert_eq!(fresh.sorted(), follower.sorted(), "a new copy, too");
    ws.patch(&path).json(json!({ "name": "x" })).send().await.problem(404, "tag_not_found");
    let job = ws.get("/api/v2/jobs").send().await.ok()["items"][0].clone();
    assert_eq!((&job["kind"], &job["total"]), (&json!("tags.merge"), &Value::Null), "{job}");
    ws.delete(&format!("/api/v2/jobs/{}", job["id"].as_str().unwrap())).send().await.problem(409, "job_required");

    let jobs = many.resumed().await;
    let told = [&jobs[0]["status"], &jobs[0]["total"], &jobs[0]["processed"], &jobs[0]["error"]];
    assert_eq!(told, [&json!("succeeded"), &json!(MANY + 3), &json!(MANY + 3), &Value::Null], "{jobs:?}");
    assert_eq!(many.counts().await, json!({ "b": MANY + 4, "c": 1, "d": 1, "e": 1 }));
    assert_eq!((many.found(&["b"]).await, many.named("a").await["version"].clone()), (found, json!(1)));
    assert_eq!(follower.catch_up(ws, &[]).await, [Value::Null; 0], "nobody is told of what nobody sees");
    assert_eq!(many.tags_of("abcde").await, json!(["b", "c", "d", "e"]));
    database::empty(&many.database, many.id).await;
}

async fn todos_are_written_while_a_merge_goes_on() {
    let many = Many::make().await;
    let ws = &many.ws;
    let path = many.path("a").await;
    many.left_to_a_dead_worker(ws.patch(&path).json(json!({ "name": "b" }))).await.ok();
    let todo = |todo: &Value| format!("/api/v2/todos/{}", todo["id"].as_str().unwrap());
    // A name that is free again is another tag's.
    let again = ws.todo(json!({ "title": "again", "tags": ["a"] })).await;
    assert_eq!((again["tags"].clone(), many.found(&["a"]).await), (json!(["a"]), 1));
    assert_eq!(many.counts().await, json!({ "a": 1, "b": MANY + 6, "c": 1, "d": 1, "e": 1 }));
    // What a todo shows is no change.
    let both = many.named("ab").await;
    assert_eq!(ws.patch(&todo(&both)).json(json!({ "tags": ["b"] })).send().await.ok()["version"], 1);
    assert_eq!(many.counts().await["b"], MANY + 5, "it has been found");
    let one = many.named("a").await;
    let changed = ws.patch(&todo(&one)).json(json!({ "tags": ["c"] })).send().await.ok();
    assert_eq!((&changed["tags"], &changed["version"]), (&json!(["c"]), &json!(2)));
    let history = ws.get(&format!("{}/history", todo(&one))).send().await.ok();
    assert_eq!(history["items"][0]["changes"], json!({ "tags": { "added": ["c"], "removed": ["b"] } }), "{history}");
    assert_eq!(many.counts().await, json!({ "a": 1, "b": MANY + 4, "c": 2, "d": 1, "e": 1 }));
    let several = many.named("abcde").await;
    ws.delete(&todo(&several)).send().await.no_content();
    assert_eq!(many.counts().await["b"], MANY + 2);
    ws.post(&format!("{}/restore", todo(&several))).send().await.ok();
    assert_eq!(many.counts().await["b"], MANY + 4);
    let job = done(ws, json!({ "filter": { "tag": ["e"] }, "action": "add_tag", "tag": "b" })).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(many.named("abcde").await["version"], 3, "it has the tag");
    let job = done(ws, json!({ "filter": { "tag": ["b", "c", "d", "e"] }, "action": "remove_tag", "tag": "b" })).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(1)), "{job}");
    assert_eq!(many.tags_of("abcde").await, json!(["c", "d", "e"]));
    assert_eq!(many.counts().await["b"], MANY + 2);
    let job = done(ws, json!({ "filter": { "tag": ["b"] }, "action": "set_priority", "priority": "low" })).await;
    assert_eq!(job["processed"], MANY + 2, "{job}");
    many.resumed().await;
    assert_eq!(many.counts().await, json!({ "a": 1, "b": MANY + 2, "c": 2, "d": 1, "e": 1 }));
    assert_eq!(many.tags_of("again").await, json!(["a"]));
    database::empty(&many.database, many.id).await;
}

async fn a_deleted_tag_is_gone_at_once() {
    let many = Many::make().await;
    let ws = &many.ws;
    let full: Vec<String> = ["a".to_owned()].into_iter().chain((1..20).map(|number| format!("t{number}"))).collect();
    ws.todo(json!({ "title": "full", "tags": full })).await;
    let path = many.path("a").await;
    many.left_to_a_dead_worker(ws.delete(&path)).await.no_content();
    ws.delete(&path).send().await.problem(404, "tag_not_found");
    assert_eq!(many.counts().await["a"], Value::Null);
    for (title, tags) in [("a", json!([])), ("ab", json!(["b"])), ("abcde", json!(["b", "c", "d", "e"]))] {
        assert_eq!(many.tags_of(title).await, tags, "{title}");
    }
    assert_eq!((many.found(&["a"]).await, many.found(&["a", "b"]).await, many.found(&["b"]).await), (0, 0, 3));
    // There is room for another tag, which may have the same name.
    let job = done(ws, json!({ "filter": { "tag": ["t1"] }, "action": "add_tag", "tag": "A" })).await;
    assert_eq!((&job["status"], &job["error"]), (&json!("succeeded"), &Value::Null), "{job}");
    assert_eq!((many.found(&["a"]).await, many.counts().await["A"].clone()), (1, json!(1)));
    let gone = many.named("ab").await;
    let gone = format!("/api/v2/todos/{}", gone["id"].as_str().unwrap());
    ws.delete(&gone).send().await.no_content();
    let jobs = many.resumed().await;
    let job = jobs.iter().find(|job| job["kind"] == "tags.delete").unwrap();
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(MANY + 3)), "{job}");
    assert_eq!(ws.post(&format!("{gone}/restore")).send().await.ok()["tags"], json!(["b"]));
    assert_eq!((many.counts().await["A"].clone(), many.counts().await["b"].clone()), (json!(1), json!(3)));
    database::empty(&many.database, many.id).await;
}

async fn a_merged_tag_is_renamed_merged_and_deleted_while_todos_have_it() {
    let many = Many::make().await;
    let ws = &many.ws;
    let path = many.path("a").await;
    many.left_to_a_dead_worker(ws.patch(&path).json(json!({ "name": "b" }))).await.ok();
    let path = many.path("b").await;
    assert_eq!(ws.patch(&path).json(json!({ "name": "z" })).send().await.ok()["name"], "z");
    assert_eq!(many.tags_of("abcde").await, json!(["c", "d", "e", "z"]), "in the order of the new name");
    assert_eq!((many.tags_of("a").await, many.found(&["b"]).await), (json!(["z"]), 0));
    let merged = ws.patch(&path).json(json!({ "name": "c" })).send().await.ok();
    assert_eq!(
        (&merged["name"], &merged["count"]),
        (&json!("c"), &json!(MANY + 4)),
        "all that had several had been few"
    );
    assert_eq!((many.tags_of("abcde").await, many.tags_of("b").await), (json!(["c", "d", "e"]), json!(["c"])));
    assert_eq!(many.found(&["c"]).await, usize::try_from(MANY + 4).unwrap());
    ws.delete(&many.path("c").await).send().await.no_content();
    assert_eq!((many.tags_of("abcde").await, many.tags_of("a").await), (json!(["d", "e"]), json!([])));
    many.resumed().await;
    assert_eq!(many.counts().await, json!({ "d": 1, "e": 1 }));
    database::empty(&many.database, many.id).await;
}
