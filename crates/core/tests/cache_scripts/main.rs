//! The Lua scripts of the cache against a real Redis, given by `REDIS_URL`; ignored without. Each test has a prefix of
//! its own, so the server may be shared and nothing of others is touched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]

/// The tests of a file.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn tests() -> Vec<$crate::Test> {
            vec![$((concat!(module_path!(), "::", stringify!($name)), || Box::pin($name()))),*]
        }
    };
}

mod checks;
mod entries;
mod rates;
mod server;
mod writes;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Trial};
use redis::aio::MultiplexedConnection;
use todo_core::WorkspaceId;
use todo_core::cache::copies::Copy;
use todo_core::cache::reads::{authenticated_args, gate_args, read_authenticated_reply, read_gate_reply, store_args};
use todo_core::cache::script::{
    AUTHENTICATED, Args, CHARGE, COUNT, ENTER, HANDSHAKE, INTENT, PUBLISH, Reply, ReplyReader, STORE, Script,
};
use todo_core::cache::writes::{intent_args, publish_args};
use todo_core::cache::{
    After, Authenticated, AuthenticatedReply, Bypass, Credential, Dependency, Fresh, GateReply, GateRequest, Hit,
    InvalidationScope, Lookup, Pending, RateClass, RateLimits, Ticket, entry,
};

use server::Server;

const WORKSPACE: WorkspaceId = WorkspaceId(7);
const TOKEN: [u8; 32] = [0xab; 32];
const REQUEST: [u8; 32] = [0xcd; 32];
const LIMITS: RateLimits =
    RateLimits { per_address: 5, per_token: 8, writes_per_address: 2, writes_per_token: 3, auth_failures: 2 };
const FENCE: Duration = Duration::from_millis(400);
/// How long a token is good for.
const LIFE: Duration = Duration::from_secs(60);
const ETAG: &str = "3-abc";
const HEADERS: [(&str, &str); 2] = [("content-type", "application/json"), ("link", "</next>; rel=\"next\"")];
/// Pending invalidations of the workspace.
fn pending() -> Pending {
    Pending { workspaces: vec![WORKSPACE.0], ..Pending::default() }
}

tests![
    another_life_of_the_server_is_another_epoch,
    a_handshake_is_part_of_the_first_call,
    redis_knows_scripts_by_their_digests,
    counters_add_up
];

/// A test: its name and its body.
type Test = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

fn main() -> ExitCode {
    let trial = |(name, body): Test| {
        Trial::ignorable_test(name, move || {
            if std::env::var_os("REDIS_URL").is_none() {
                return Ok(Completion::ignored_with("needs REDIS_URL"));
            }
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(body());
            Ok(Completion::Completed)
        })
    };
    let trials = [tests(), checks::tests(), entries::tests(), rates::tests(), writes::tests()]
        .concat()
        .into_iter()
        .map(trial)
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A token whose statement was sent at once.
const NOBODY: Authenticated<'static> = Authenticated {
    workspace: WORKSPACE,
    principal: b"",
    life: Duration::ZERO,
    noted: Duration::ZERO,
    waited: Duration::ZERO,
    pending: None,
};

fn asked(credential: Credential<'_>) -> GateRequest<'_> {
    GateRequest {
        credential,
        address: "192.0.2.1",
        limits: RateLimits::OFF,
        write: false,
        request: Some(&REQUEST),
        dependency: Dependency::Lists,
        announce: None,
        gzip: false,
    }
}

fn read() -> GateRequest<'static> {
    asked(Credential::Token(&TOKEN))
}

fn hit(lookup: Lookup) -> Hit {
    match lookup {
        Lookup::Hit(hit) => hit,
        other => panic!("no hit but {other:?}"),
    }
}

async fn another_life_of_the_server_is_another_epoch() {
    let mut server = Server::new().await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    let first = server.epoch.clone();
    server.handshake().await;
    assert_eq!(server.epoch, first, "the same life");

    // As after a restart with old data: the last handshake was of another run.
    server.command::<()>(&["HSET", &server.key("epoch"), "run", "0123456789"]).await;
    server.handshake().await;
    assert_ne!(server.epoch, first);
    assert_eq!(server.enter(&read()).await.principal, None, "tokens of the old epoch are forgotten");
    let next = server.lead().await;
    assert!(server.store(&next, b"new", None).await, "entries of the old life are gone");
    tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
    assert_eq!(server.enter(&read()).await.principal, None, "a token may have been revoked in the old life");
    assert!(matches!(server.look_up().await, Lookup::Lead(_)), "a writer may have announced to the old life and died");

    // As after a flush: there was no handshake.
    let second = server.epoch.clone();
    server.command::<()>(&["DEL", &server.key("epoch")]).await;
    assert!(server.try_run(&ENTER, gate_args(&read(), None)).await.is_none());
    server.handshake().await;
    assert_ne!(server.epoch, second);
    server.epoch = first;
    assert!(server.try_run(&STORE, store_args(&ticket, b"old".to_vec(), "", FENCE)).await.is_none());
}

async fn a_handshake_is_part_of_the_first_call() {
    let server = Server::new().await;
    let (start, memory) = server.prefix.split_at(server.prefix.len() - 2);
    let (id, memory) = (memory.trim_end_matches(':'), format!("{start}memory"));
    let call = async |prefix: &str, words: String| {
        let common = Args::new().with(prefix).with(words).number(FENCE.as_micros());
        server.evaluate(&ENTER, Args([common.0, gate_args(&read(), None).0].concat())).await
    };
    // An instance that does not know its installation, where no other one has been before it.
    assert_eq!(call(start, format!("handshake {memory}")).await, [Reply::Bytes(b"unknown installation".to_vec())]);
    // One that knows it leaves it for those to come, and is answered.
    let reply = ReplyReader::new(call(&server.prefix, format!("handshake {memory} {id}")).await).unwrap();
    assert_eq!(reply.handshake().map(|told| told.epoch.as_str()), Some(server.epoch.as_str()));
    assert_eq!(server.command::<String>(&["GET", &memory]).await, id);
    assert!(read_gate_reply(reply, &read(), None).is_some());
    let reply = ReplyReader::new(call(start, format!("handshake {memory}")).await).unwrap();
    let told = reply.handshake().unwrap();
    assert_eq!((told.epoch.as_str(), told.installation.as_str()), (server.epoch.as_str(), id));
    // Where the handshake finds another life of the server, the call is one of that.
    server.command::<()>(&["HSET", &server.key("epoch"), "run", "0123456789"]).await;
    let reply = ReplyReader::new(call(&server.prefix, "handshake".to_owned()).await).unwrap();
    assert_ne!(reply.handshake().unwrap().epoch, server.epoch);
    assert!(server.try_run(&ENTER, gate_args(&read(), None)).await.is_none(), "the old epoch is over");
}

async fn redis_knows_scripts_by_their_digests() {
    let server = Server::new().await;
    server.enter(&read()).await;
    for script in [&HANDSHAKE, &ENTER] {
        assert_eq!(
            server.command::<Vec<bool>>(&["SCRIPT", "EXISTS", script.digest()]).await,
            [true],
            "{}",
            script.name
        );
    }
}

async fn counters_add_up() {
    let server = Server::new().await;
    let add = || Args::new().with("a").number(1).with("b").number(1_000_000_000_000_i64);
    server.run(&COUNT, add()).await;
    server.run(&COUNT, add()).await;
    let counts: Vec<String> = server.command(&["HGETALL", &server.key("counters")]).await;
    assert_eq!(counts, ["a", "2", "b", "2000000000000"]);
}
