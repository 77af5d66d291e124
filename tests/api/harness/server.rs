//! The server under test: one for all, or one of a test's own.

use futures::StreamExt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use reqwest::Client as Http;
use tokio::sync::OnceCell;

use super::Client;

/// Where requests go.
pub struct Server {
    /// Scheme, host and port, without a slash at the end.
    pub url: String,
    /// Other replicas of the same installation, which take turns with it.
    replicas: Vec<String>,
    turn: AtomicUsize,
    /// A token of scope `admin`.
    pub admin_token: String,
    pub(super) http: Http,
    host: Option<todo_host::Host>,
    shared: bool,
}

/// What makes a private server differ from the shared one.
#[derive(Default, Clone)]
pub struct Options {
    /// Spin variables, on top of [`usual_variables`].
    pub variables: Vec<(String, String)>,
    /// A runtime-config file in place of the usual variables; only where Postgres and Redis are is told beside it.
    pub file: Option<PathBuf>,
    /// Where its log goes; to ours, unless a test wants to read it.
    pub output: todo_host::Output,
    /// Connections to Postgres that the host may hold in all; 64 a component by default.
    pub postgres_connections: Option<usize>,
}

impl Options {
    /// The same options with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// How a host runs with them, on a free port.
    pub(super) fn of_host(self) -> todo_host::Options {
        let mut variables = if self.file.is_some() { servers() } else { usual_variables() };
        for (name, value) in self.variables {
            variables.retain(|(known, _)| *known != name);
            variables.push((name, value));
        }
        let said = |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        if let (Some(url), Some(timeout)) = (said("database_url"), said("database_timeout_ms")) {
            variables.retain(|(name, _)| name != "database_url");
            variables.push(("database_url".to_owned(), with_statement_timeout(&url, &timeout)));
        }
        todo_host::Options {
            manifest: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("spin.toml"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            variables,
            runtime_config: self.file,
            postgres_connections: self.postgres_connections,
            output: self.output,
            ..todo_host::Options::default()
        }
    }
}

/// Is the server someone else's?
pub fn is_remote() -> bool {
    std::env::var_os("TODO_BASE_URL").is_some()
}

impl Server {
    /// The server of the whole run, without rate limits.
    pub async fn shared() -> Arc<Self> {
        static SHARED: OnceCell<Arc<Server>> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                let urls = std::env::var("TODO_BASE_URL").ok();
                Arc::new(match urls {
                    Some(urls) => {
                        let mut urls = urls.split(' ').map(|url| url.trim_end_matches('/').to_owned());
                        let url = urls.next().unwrap_or_default();
                        Self { replicas: urls.collect(), ..Self::new(url, None, true) }
                    }
                    None => Self::embedded(Options::default(), true).await,
                })
            })
            .await
            .clone()
    }

    /// A server of one's own, on the same database and Redis unless `options` say otherwise.
    pub async fn private(options: Options) -> Arc<Self> {
        Arc::new(Self::embedded(options, false).await)
    }

    /// The host's counters and faults.
    pub fn host(&self) -> &todo_host::Host {
        self.host.as_ref().expect("only a server in this process has a host to look into")
    }

    /// A client without a token.
    pub fn anonymous(self: &Arc<Self>) -> Client {
        Client::new(self.clone(), None)
    }

    /// A client with the administrator's token.
    pub fn admin(self: &Arc<Self>) -> Client {
        Client::new(self.clone(), Some(self.admin_token.clone()))
    }

    /// A client with this token.
    pub fn bearer(self: &Arc<Self>, token: &str) -> Client {
        Client::new(self.clone(), Some(token.to_owned()))
    }

    /// A server that runs elsewhere, a test's own.
    pub(super) fn at(url: String) -> Self {
        Self::new(url, None, false)
    }

    async fn embedded(options: Options, shared: bool) -> Self {
        let options = todo_host::Options { faults: !shared, ..options.of_host() };
        let host = todo_host::Host::start(options).await;
        let host = host.unwrap_or_else(|error| panic!("the server does not start: {error:?}"));
        let url = host.url().trim_end_matches('/').to_owned();
        Self::new(url, Some(host), shared)
    }

    fn new(url: String, host: Option<todo_host::Host>, shared: bool) -> Self {
        let admin_token = std::env::var("TODO_ADMIN_TOKEN")
            .expect("TODO_ADMIN_TOKEN is not set: run the tests with `cargo xtask test`");
        let http = Http::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(60))
            .build()
            .unwrap();
        Self { url, replicas: Vec::new(), turn: AtomicUsize::new(0), admin_token, http, host, shared }
    }

    /// Where the next request goes.
    pub(super) fn next_url(&self) -> &str {
        let turn = self.turn.fetch_add(1, Relaxed) % (1 + self.replicas.len());
        if turn == 0 { &self.url } else { &self.replicas[turn - 1] }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }
}

/// The variables of the servers in this process: real Postgres and Redis from the environment, tokens, no rate limits.
pub fn usual_variables() -> Vec<(String, String)> {
    let usual = [
        ("environment", "development"),
        ("auth", "token"),
        ("rate_limit_default", "0"),
        ("rate_limit_authenticated", "0"),
        ("rate_limit_writes", "0"),
        ("rate_limit_authenticated_writes", "0"),
        ("rate_limit_auth_failures", "0"),
        // A busy machine must not look like a broken Redis.
        ("redis_timeout_ms", "500"),
        // Nor like a Postgres without connections.
        ("database_wait_ms", "5000"),
        ("log_level", "error"),
    ];
    servers().into_iter().chain(usual.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// The variables that say where Postgres and Redis are.
fn servers() -> Vec<(String, String)> {
    let database =
        std::env::var("DATABASE_URL").expect("DATABASE_URL is not set: run the tests with `cargo xtask test`");
    let redis = std::env::var("REDIS_URL").unwrap_or_default();
    let (database_host, database_port) = authority(&database, "5432");
    let (redis_host, redis_port) = authority(&redis, "6379");
    [
        ("database_url", &database),
        ("database_host", &database_host),
        ("database_port", &database_port),
        ("redis_url", &redis),
        ("redis_host", &redis_host),
        ("redis_port", &redis_port),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The URL of a database with another part.
pub fn changed(url: &str, change: impl FnOnce(&mut url::Url)) -> String {
    let mut url = url::Url::parse(url).unwrap();
    change(&mut url);
    url.to_string()
}

/// The URL with one more parameter.
pub fn with_parameter(url: &str, parameter: &str) -> String {
    format!("{url}{}{parameter}", if url.contains('?') { '&' } else { '?' })
}

/// The URL with another timeout of statements than the one that the migrations set on the database.
fn with_statement_timeout(url: &str, milliseconds: &str) -> String {
    let option = format!("options=-c%20statement_timeout%3D{milliseconds}");
    match url.split_once("options=") {
        Some((before, others)) => format!("{before}{option}%20{others}"),
        None => with_parameter(url, &option),
    }
}

/// Host and port of a URL.
pub fn authority(url: &str, port: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((host, port)) => (host.to_owned(), port.to_owned()),
        None if host.is_empty() => ("127.0.0.1".to_owned(), port.to_owned()),
        None => (host.to_owned(), port.to_owned()),
    }
}

/// Tokens that tests made on the shared server, to be revoked at the end.
pub(super) static MADE_TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Revokes every token that the tests made: nothing that could be used stays behind.
pub(super) async fn clear_up() {
    let made = std::mem::take(&mut *MADE_TOKENS.lock().unwrap());
    let admin = Server::shared().await.admin();
    let revoke = |id| admin.delete(&format!("/api/v2/admin/tokens/{id}")).send();
    futures::stream::iter(made).map(revoke).buffer_unordered(16).for_each(async |_| ()).await;
}
