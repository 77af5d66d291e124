//! Runs the tests: those on the shared server at once, then those with a server of their own one after the other;
//! meanwhile those on a million todos, which have a Postgres of their own; the check of completeness last.
//!
//! Each file names its tests in one `suite![…]`. A test that is forgotten there is dead code, which the compiler
//! reports.

mod run;

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Trial};
use todo_core::lock;
use tokio::runtime::Runtime;

use super::server;
use run::caught;
pub use run::run;

/// A test that takes at least so long is listed after the run.
const SLOW: Duration = Duration::from_secs(10);

/// What a test needs beyond any server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Server,
    /// A todo-host of its own, in this process, to count and to break things.
    Embedded,
    /// A connection to the server's database.
    Database,
    /// A server with Redis.
    Redis,
    /// A server with the usual variables of the tests: no rate limits.
    Usual,
    /// Python.
    Python,
    /// A todo-host of its own, in this process, and curl, jq and bash on the path.
    Shell,
    /// A todo-host of its own whose Postgres stands behind a PgBouncer.
    Pooler,
    /// The same, and a PgBouncer that keeps prepared statements in transaction mode.
    TransactionPooler,
    /// A todo-host of its own on a database of a million todos, whose Postgres tells the plans it runs.
    Large,
    /// A second, empty database beside the server's, and pg_dump and psql that are not older than it.
    Restore,
    /// The database of the server, and the application that this service replaces.
    Replaced,
}

impl Needs {
    fn own_server(self) -> bool {
        use Needs::{Embedded, Large, Pooler, Replaced, Restore, Shell, TransactionPooler};
        matches!(self, Embedded | Shell | Pooler | TransactionPooler | Large | Restore | Replaced)
    }

    /// How long a test may take. `TODO_TEST_MINUTES` gives those with a server of their own more, where they are told
    /// to do more.
    fn limit(self) -> Duration {
        let more = std::env::var("TODO_TEST_MINUTES").ok().and_then(|minutes| minutes.parse::<u64>().ok());
        match (self, more) {
            (Self::Embedded | Self::Pooler, Some(minutes)) => Duration::from_secs(60 * minutes),
            (Self::Embedded | Self::Pooler, None) => Duration::from_secs(240),
            // The first one fills the database, beside all other tests; the old application takes its time.
            (Self::Large, _) => Duration::from_secs(1200),
            (Self::Replaced, _) => Duration::from_secs(600),
            _ => Duration::from_secs(90),
        }
    }
}

/// A test: its name, its needs, its body.
pub struct Test {
    name: String,
    needs: Needs,
    body: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

impl Test {
    /// The test `name` of the file `module`.
    pub fn new(module: &str, name: &str, needs: Needs, body: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Self {
        let file = module.rsplit("::").next().unwrap_or(module);
        Self { name: format!("{file}::{name}"), needs, body }
    }

    fn missing(&self) -> Option<&'static str> {
        match self.needs {
            Needs::Embedded | Needs::Shell | Needs::Pooler | Needs::TransactionPooler | Needs::Large | Needs::Usual
                if server::is_remote() =>
            {
                Some("needs a server in this process, and TODO_BASE_URL is set")
            }
            Needs::Embedded | Needs::Shell | Needs::Pooler | Needs::TransactionPooler | Needs::Database
                if std::env::var_os("DATABASE_URL").is_none() =>
            {
                Some("needs DATABASE_URL")
            }
            Needs::Redis if std::env::var_os("REDIS_URL").is_none_or(|url| url.is_empty()) => Some("needs REDIS_URL"),
            Needs::Python if !runs("python3") => Some("needs python3"),
            Needs::Shell if !["bash", "curl", "jq"].into_iter().all(runs) => Some("needs bash, curl and jq"),
            Needs::Pooler | Needs::TransactionPooler if !runs("pgbouncer") => {
                Some("needs PgBouncer on PATH (Debian: pgbouncer)")
            }
            Needs::TransactionPooler if pgbouncer().is_none_or(|version| version < (1, 21)) => {
                Some("needs PgBouncer 1.21 or newer: older ones lose named prepared statements between transactions")
            }
            Needs::Large if std::env::var_os("TODO_LARGE_DATABASE_URL").is_none() => {
                Some("needs the private Postgres of `cargo xtask test`, with auto_explain")
            }
            Needs::Restore if std::env::var_os("TODO_RESTORE_DATABASE_URL").is_none() => {
                Some("needs the private Postgres of `cargo xtask test`, and pg_dump and psql that are not older")
            }
            Needs::Replaced if std::env::var_os("TODO_OLD_DATABASE_URL").is_none() => {
                Some("needs the application that this service replaces: `cargo xtask test --anchors FOLDER`")
            }
            _ => None,
        }
    }

    fn trial(self) -> Trial {
        Trial::ignorable_test(self.name.clone(), move || {
            if let Some(reason) = self.missing() {
                return Ok(Completion::ignored_with(reason));
            }
            let (limit, began) = (self.needs.limit(), Instant::now());
            IGNORED.set(None);
            let outcome = caught(|| runtime().block_on(async { tokio::time::timeout(limit, (self.body)()).await }))
                .and_then(|ended| ended.map_err(|_| format!("still running after {limit:?}").into()))
                .map(|()| IGNORED.take().map_or(Completion::Completed, Completion::ignored_with));
            lock(&TIMES).push((began.elapsed(), self.name));
            outcome
        })
    }
}

/// The duration and the name of each test that has ended.
static TIMES: Mutex<Vec<(Duration, String)>> = Mutex::new(Vec::new());

thread_local! {
    /// Why the test that this thread runs cannot do what it is for.
    static IGNORED: RefCell<Option<&'static str>> = const { RefCell::new(None) };
}

/// Makes the runner say that the test was ignored, for a test that finds something missing only when it has begun and
/// then ends.
pub fn ignored<T>(reason: &'static str) -> Option<T> {
    IGNORED.set(Some(reason));
    None
}

/// Whether there is such a program.
fn runs(program: &str) -> bool {
    use std::process::{Command, Stdio};
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Major and minor version of the installed PgBouncer.
pub fn pgbouncer() -> Option<(u32, u32)> {
    let output = std::process::Command::new("pgbouncer").arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = said.split_whitespace().nth(1)?.split('.').map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// The tests of a file. `#[embedded]` marks those that start a server of their own, `#[pooler]` those that put a pooler
/// before Postgres, `#[database]` those that look into the database, `#[redis]` those that need Redis, `#[usual]` those
/// that need the tests' usual settings, `#[python]` those that run Python, `#[shell]` those that run shell commands on
/// a server of their own, `#[large]` those that need a large database, `#[restore]` those that restore a backup,
/// `#[replaced]` those that run the application that this service replaces.
macro_rules! suite {
    ($($(#[$needs:ident])? $name:ident),* $(,)?) => {
        pub fn suite() -> Vec<$crate::harness::suite::Test> {
            vec![$($crate::harness::suite::Test::new(
                module_path!(),
                stringify!($name),
                $crate::harness::suite::needs!($($needs)?),
                || Box::pin($name()),
            )),*]
        }
    };
}
pub(crate) use suite;

macro_rules! needs {
    () => {
        $crate::harness::suite::Needs::Server
    };
    (embedded) => {
        $crate::harness::suite::Needs::Embedded
    };
    (pooler) => {
        $crate::harness::suite::Needs::Pooler
    };
    (transaction_pooler) => {
        $crate::harness::suite::Needs::TransactionPooler
    };
    (database) => {
        $crate::harness::suite::Needs::Database
    };
    (redis) => {
        $crate::harness::suite::Needs::Redis
    };
    (usual) => {
        $crate::harness::suite::Needs::Usual
    };
    (python) => {
        $crate::harness::suite::Needs::Python
    };
    (shell) => {
        $crate::harness::suite::Needs::Shell
    };
    (large) => {
        $crate::harness::suite::Needs::Large
    };
    (restore) => {
        $crate::harness::suite::Needs::Restore
    };
    (replaced) => {
        $crate::harness::suite::Needs::Replaced
    };
}
pub(crate) use needs;

/// The one runtime of the process. It outlives every test, so the shared server may live on it.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap())
}

thread_local! {
    static PANIC: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}
