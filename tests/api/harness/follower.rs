//! A client that keeps a copy of a workspace by following its changes alone, in memory, as `/docs/sync` tells it to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{Answer, Client, Workspace};

/// Kind and id.
pub type Key = (String, String);

/// A copy of what a workspace holds, by kind and id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Follower {
    /// Everything that is there.
    pub copy: BTreeMap<Key, Value>,
    /// The versions that it was told of each.
    pub versions: BTreeMap<Key, i64>,
    /// What shows a tag, an employee or a department, by its id: to look through a large copy for each change takes
    /// hours.
    shown_by: HashMap<String, BTreeSet<Key>>,
    /// How far it has read.
    pub cursor: Option<String>,
}

impl Follower {
    /// One that has these things, and follows nothing.
    pub fn holding(copy: BTreeMap<Key, Value>) -> Self {
        Self { copy, ..Self::default() }
    }

    /// Asks once; with parameters beside the cursor.
    pub async fn ask(&self, client: &Client, query: &[(&str, &str)]) -> Result<Answer, reqwest::Error> {
        let mut pairs = query.to_vec();
        if let Some(cursor) = &self.cursor {
            pairs.push(("cursor", cursor));
        }
        client.get("/api/v2/changes").query(&pairs).try_send().await
    }

    /// Applies an answer; gives whether more is there already.
    pub fn apply(&mut self, changes: &Value) -> bool {
        for item in changes["items"].as_array().unwrap() {
            self.item(item);
        }
        self.cursor = Some(changes["next_cursor"].as_str().expect("next_cursor is never null").to_owned());
        changes["more"].as_bool().unwrap()
    }

    /// Reads on until nothing is left of what was written before. Gives all items but those of [`settle`].
    pub async fn catch_up(&mut self, client: &Client, query: &[(&str, &str)]) -> Vec<Value> {
        let mut items = Vec::new();
        self.read_on(client, query, |item| items.push(item.clone())).await;
        items
    }

    /// The same of more than one would hold at once.
    pub async fn read_on(&mut self, client: &Client, query: &[(&str, &str)], mut each: impl FnMut(&Value)) {
        settle(client).await;
        loop {
            let changes = self.ask(client, query).await.expect("the feed answers").ok();
            let told = changes["items"].as_array().unwrap().iter();
            told.filter(|item| !is_mark(&item["data"])).for_each(&mut each);
            if !self.apply(&changes) {
                return;
            }
        }
    }

    fn item(&mut self, item: &Value) {
        let text = |field: &str| item[field].as_str().unwrap().to_owned();
        let key = (text("type"), text("id"));
        assert_eq!(item["data"].is_null(), item["deleted"] == true, "{item}");
        let version = item["version"].as_i64().unwrap();
        let former = self.versions.insert(key.clone(), version);
        assert!(former.is_none_or(|former| former <= version), "told of version {former:?} before: {item}");
        let known = self.copy.contains_key(&key);
        match key.0.as_str() {
            "tag" => self.retag(item),
            "employee" if known && item["deleted"] == false => self.rename("assignee", item),
            "department" if known && item["deleted"] == false => self.rename("department", item),
            _ => {}
        }
        if item["deleted"] == true {
            self.remove(&key);
            return;
        }
        let mut data = item["data"].clone();
        if key.0 == "todo" {
            data["tag_ids"] = item["tag_ids"].clone();
        }
        self.insert(key, data);
    }

    fn insert(&mut self, key: Key, data: Value) {
        self.remove(&key);
        for id in shown(&data) {
            self.shown_by.entry(id).or_default().insert(key.clone());
        }
        self.copy.insert(key, data);
    }

    fn remove(&mut self, key: &Key) -> Option<Value> {
        let data = self.copy.remove(key)?;
        for id in shown(&data) {
            if let Some(keys) = self.shown_by.get_mut(&id) {
                keys.remove(key);
            }
        }
        Some(data)
    }

    /// Changes what shows this tag, employee or department.
    fn change(&mut self, item: &Value, how: impl Fn(&mut Value)) {
        for key in self.shown_by.get(item["id"].as_str().unwrap()).cloned().unwrap_or_default() {
            let mut data = self.remove(&key).unwrap();
            how(&mut data);
            self.insert(key, data);
        }
    }

    /// Todos show the names of their tags. Which is whose is known by the ids beside: another tag may have got the name
    /// meanwhile.
    fn retag(&mut self, item: &Value) {
        let successor = item["replaced_by"].as_str().map(|id| ("tag".to_owned(), id.to_owned()));
        // It may come later than this: until then its name is not known.
        let name = |key: &Key| self.copy.get(key).map_or(Value::Null, |tag| tag["name"].clone());
        let successor = successor.map(|key| (json!(key.1), name(&key)));
        let now =
            if item["deleted"] == true { successor } else { Some((item["id"].clone(), item["data"]["name"].clone())) };
        self.change(item, |todo| {
            let ids = todo["tag_ids"].as_array_mut().unwrap();
            let at = ids.iter().position(|id| *id == item["id"]).unwrap();
            let other = now.as_ref().is_some_and(|(id, _)| *id != item["id"] && ids.contains(id));
            match now.as_ref().filter(|_| !other) {
                Some((id, name)) => {
                    ids[at] = id.clone();
                    todo["tags"][at] = name.clone();
                }
                None => {
                    ids.remove(at);
                    todo["tags"].as_array_mut().unwrap().remove(at);
                }
            }
        });
    }

    /// Todos keep a copy of their assignee, and both of the department.
    fn rename(&mut self, field: &str, item: &Value) {
        self.change(item, |data| {
            let place = match field {
                "assignee" => &mut data["assignee"],
                _ if data.get("assignee").is_some_and(Value::is_object) => &mut data["assignee"]["department"],
                _ => &mut data["department"],
            };
            let kept: Vec<String> = place.as_object().unwrap().keys().cloned().collect();
            for name in kept {
                place[&name] = item["data"][&name].clone();
            }
        });
    }

    /// The copy without marks of moments, in a form that does not depend on the order of tags. What a todo counts of
    /// its subtasks is counted here: it changes with them.
    pub fn sorted(&self) -> BTreeMap<(String, String), Value> {
        let mut copy = self.copy.clone();
        copy.retain(|_, data| !is_mark(data));
        let mut below: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for todo in copy.values().filter(|data| data["parent_id"].is_string()) {
            let (total, completed) = below.entry(todo["parent_id"].as_str().unwrap().to_owned()).or_default();
            *total += 1;
            *completed += u64::from(todo["completed"] == true);
        }
        for data in copy.values_mut().filter(|data| data.get("tag_ids").is_some()) {
            data.as_object_mut().unwrap().remove("tag_ids");
            let (total, completed) = below.get(data["id"].as_str().unwrap()).copied().unwrap_or_default();
            data["subtasks"] = json!({ "total": total, "completed": completed });
        }
        copy.values_mut().for_each(sort_tags);
        copy
    }
}

/// The ids of the tags, employees and departments that something shows.
fn shown(data: &Value) -> BTreeSet<String> {
    let people = ["/assignee/id", "/assignee/department/id", "/department/id"].map(|place| data.pointer(place));
    let tags = data["tag_ids"].as_array().into_iter().flatten();
    let ids = people.into_iter().flatten().chain(tags);
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The order of tags does not matter.
pub(super) fn sort_tags(data: &mut Value) {
    if let Some(tags) = data.get_mut("tags").and_then(Value::as_array_mut) {
        tags.sort_by_key(|tag| tag.as_str().unwrap().to_lowercase());
    }
}

/// Begins the names of departments that only mark a moment.
const MARK: &str = "mark ";

fn is_mark(data: &Value) -> bool {
    data["name"].as_str().is_some_and(|name| name.starts_with(MARK))
}

/// Waits until the feed tells of everything that was written before: what is older than a department that comes now.
/// Others write to the same database, and the feed waits for whoever began earlier.
pub async fn settle(client: &Client) {
    let mut cursor = None::<String>;
    for round in 0..40 {
        let mut query = vec![("types", "department"), ("wait", "3")];
        if let Some(cursor) = &cursor {
            query.push(("cursor", cursor));
        } else {
            query.pop();
        }
        let changes = client.get("/api/v2/changes").query(&query).send().await.ok();
        cursor = Some(changes["next_cursor"].as_str().unwrap().to_owned());
        if round == 0 {
            let mark = json!({ "name": super::unique(MARK) });
            client.post("/api/v2/departments").json(mark).send().await.created();
        } else if changes["items"].to_string().contains(MARK) {
            return;
        }
    }
    panic!("the feed is held back for two minutes");
}

/// All that a workspace holds, read list by list, but marks of moments.
pub async fn state(ws: &Workspace) -> BTreeMap<(String, String), Value> {
    let mut state = BTreeMap::new();
    let lines = ws.get("/api/v2/todos/export?format=ndjson&archived=true").send().await.text();
    for line in lines.lines() {
        let mut todo: Value = serde_json::from_str(line).unwrap();
        sort_tags(&mut todo);
        state.insert(("todo".to_owned(), todo["id"].as_str().unwrap().to_owned()), todo);
    }
    for (kind, path) in [
        ("employee", "/api/v2/employees"),
        ("department", "/api/v2/departments"),
        ("tag", "/api/v2/tags"),
        ("list", "/api/v2/lists"),
    ] {
        for mut item in ws.all(path, &[]).await {
            if is_mark(&item) {
                continue;
            }
            match kind {
                "tag" => item = json!({ "id": item["id"], "name": item["name"] }),
                // The feed does not tell again of what is counted.
                "list" => drop(item.as_object_mut().unwrap().remove("count")),
                _ => {}
            }
            state.insert((kind.to_owned(), item["id"].as_str().unwrap().to_owned()), item);
        }
    }
    state
}
