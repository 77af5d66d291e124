//! A workspace of one's own: nothing that another test does is visible in it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::server::MADE_TOKENS;
use super::{Answer, Client, Server};

/// A fresh workspace and a client with a token of it that may read and write.
pub struct Workspace {
    /// The workspace's UUID.
    pub id: String,
    /// The id of the client's token.
    pub token_id: String,
    client: Client,
}

impl Deref for Workspace {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Workspace {
    /// A workspace on the shared server.
    pub async fn new() -> Self {
        Self::on(&Server::shared().await).await
    }

    /// A workspace on this server.
    pub async fn on(server: &Arc<Server>) -> Self {
        let made = server.admin().post("/api/v2/admin/workspaces").json(json!({ "name": unique("test") })).send().await;
        let id = made.created()["id"].as_str().expect("a workspace has an id").to_owned();
        Self::with_id(server, id).await
    }

    /// A workspace that is on this server already.
    pub async fn named(server: &Arc<Server>, name: &str) -> Self {
        let sql = super::database::connect().await;
        let row = sql.query_one("select uid::text from workspaces where name = $1", &[&name]).await.unwrap();
        Self::with_id(server, row.get(0)).await
    }

    async fn with_id(server: &Arc<Server>, id: String) -> Self {
        let draft = json!({ "workspace_id": id, "name": "test", "scopes": ["todos:read", "todos:write"] });
        let token = make_token(server, draft).await;
        let client = server.bearer(token["token"].as_str().expect("a new token is shown"));
        Self { id, token_id: token["id"].as_str().expect("a token has an id").to_owned(), client }
    }

    /// A client with another token of this workspace.
    pub async fn with_scopes(&self, scopes: &[&str]) -> Client {
        let token = self.token(json!(scopes), Value::Null).await;
        self.server.bearer(token["token"].as_str().unwrap())
    }

    /// Makes a token and returns it as the server shows it.
    pub async fn token(&self, scopes: Value, expires_at: Value) -> Value {
        let id = &self.id;
        let draft = json!({ "workspace_id": id, "name": "test", "scopes": scopes, "expires_at": expires_at });
        make_token(&self.server, draft).await
    }

    /// Makes a token that names this employee and returns it as the server shows it.
    pub async fn token_of(&self, employee: &Value) -> Value {
        let scopes = ["todos:read", "todos:write"];
        let draft = json!({ "workspace_id": self.id, "name": "test", "scopes": scopes, "employee_id": employee["id"] });
        make_token(&self.server, draft).await
    }

    /// Creates a todo from this body and returns it.
    pub async fn todo(&self, body: Value) -> Value {
        self.post("/api/v2/todos").json(body).send().await.created()
    }

    /// Creates a todo with this title and returns its id.
    pub async fn titled(&self, title: &str) -> String {
        self.todo(json!({ "title": title })).await["id"].as_str().unwrap().to_owned()
    }

    /// Creates an employee and returns it.
    pub async fn employee(&self, name: &str) -> Value {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
        self.post("/api/v2/employees").json(json!({ "name": name, "email": email })).send().await.created()
    }

    /// Creates a department and returns it.
    pub async fn department(&self, name: &str) -> Value {
        self.post("/api/v2/departments").json(json!({ "name": name })).send().await.created()
    }

    /// The answer from the cache, as soon as it comes from there: a busy Redis may be left alone for a moment.
    pub async fn cached(&self, path: &str) -> Answer {
        for _ in 0..250 {
            let answer = self.get(path).send().await;
            if answer.header("x-cache") == "HIT" {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} is never answered from the cache");
    }

    /// The titles of the todos that this query finds, page by page, in order.
    pub async fn titles(&self, query: &[(&str, &str)]) -> Vec<String> {
        self.all("/api/v2/todos", query).await.iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
    }

    /// All items of a list, page by page.
    pub async fn all(&self, path: &str, query: &[(&str, &str)]) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..1000 {
            let mut pairs = query.to_vec();
            if let Some(cursor) = &cursor {
                pairs.push(("cursor", cursor));
            }
            let page = self.get(path).query(&pairs).send().await.ok();
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            match &page["next_cursor"] {
                Value::String(next) => cursor = Some(next.clone()),
                Value::Null => return items,
                other => panic!("next_cursor is neither text nor null: {other}"),
            }
        }
        panic!("{path} never ends");
    }
}

async fn make_token(server: &Arc<Server>, draft: Value) -> Value {
    let token = server.admin().post("/api/v2/admin/tokens").json(draft).send().await.created();
    if server.is_shared() {
        MADE_TOKENS.lock().unwrap().extend(token["id"].as_str().map(str::to_owned));
    }
    token
}

/// A name that no other test and no earlier run has used.
pub fn unique(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix} {nanos:x}-{:x}-{:x}", std::process::id(), COUNTER.fetch_add(1, Relaxed))
}

/// The id of what the service has shown.
pub fn id(shown: &Value) -> &str {
    shown["id"].as_str().unwrap_or_else(|| panic!("there is no id in {shown}"))
}

/// A random UUID of version 4 that no other test uses (its randomness is that of [`unique`]).
pub fn uuid() -> String {
    use sha2::{Digest, Sha256};
    let digest: String = Sha256::digest(unique("uuid")).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-a{}-{}", &digest[..8], &digest[8..12], &digest[13..16], &digest[17..20], &digest[20..32])
}
