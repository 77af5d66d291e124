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
    InvalidationScope, Lookup, Pending, RateClass, RateLimits, Reach, Ticket, entry,
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
    a_check_is_good_for_one_second_and_a_token_for_longer,
    the_use_of_a_token_is_noted_once_a_minute,
    a_token_ends_when_it_expires,
    a_revoked_token_is_not_remembered_and_no_check_from_before_brings_it_back,
    a_slow_check_is_worthless,
    pending_invalidations_are_settled_and_keep_their_workspace_from_the_cache_for_a_second,
    a_check_that_found_too_much_is_worthless,
    a_pending_revocation_forgets_every_token,
    without_authentication_a_workspace_is_admitted_like_a_token,
    another_life_of_the_server_is_another_epoch,
    counters_add_up,
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
    let trials = [tests(), entries::tests(), rates::tests(), writes::tests()].concat().into_iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

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

async fn a_check_is_good_for_one_second_and_a_token_for_longer() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    assert_eq!((gate_reply.principal.as_ref(), gate_reply.after), (None, After::default()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.authenticated(&read(), &gate_reply, None).await;
    let known = server.enter(&read()).await;
    assert_eq!(known.principal.as_deref(), Some(b"a: principal\0".as_slice()));
    assert!(!known.after.renew);
    tokio::time::sleep(Duration::from_millis(480)).await;
    let renewals = [server.enter(&read()).await, server.enter(&read()).await].map(|gate_reply| gate_reply.after.renew);
    assert_eq!(renewals, [true, false], "one caller is asked to check again in time");
    tokio::time::sleep(Duration::from_millis(260)).await;
    let late = [server.enter(&read()).await, server.enter(&read()).await];
    assert_eq!(
        late.each_ref().map(|gate_reply| gate_reply.principal.is_some()),
        [false; 2],
        "the check is out of date"
    );
    assert_eq!(
        late.each_ref().map(|gate_reply| gate_reply.after.wait),
        [false, true],
        "one checks, the others wait for it"
    );
    // Another token's check is good for this one, too.
    let other = asked(Credential::Token(&[1; 32]));
    let gate_reply = server.enter(&other).await;
    server.authenticated(&other, &gate_reply, None).await;
    assert!(server.enter(&read()).await.principal.is_some(), "the token is still remembered");
}

async fn the_use_of_a_token_is_noted_once_a_minute() {
    let server = Server::new().await;
    server.look_up().await;
    assert!(!server.enter(&read()).await.after.note_use);
    tokio::time::sleep(Duration::from_millis(990)).await;
    let gate_reply = server.enter(&read()).await;
    let noted = Authenticated { workspace: WORKSPACE, principal: b"", life: LIFE, noted: LIFE, pending: None };
    let args = authenticated_args(&read(), gate_reply.stamp.came().unwrap(), false, &noted);
    server.run(&AUTHENTICATED, args).await;
    let uses = [server.enter(&read()).await, server.enter(&read()).await].map(|gate_reply| gate_reply.after.note_use);
    assert_eq!(uses, [true, false]);
}

async fn a_token_ends_when_it_expires() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    let life = Duration::from_millis(300);
    let brief = Authenticated { workspace: WORKSPACE, principal: b"", life, noted: Duration::ZERO, pending: None };
    server.run(&AUTHENTICATED, authenticated_args(&read(), gate_reply.stamp.came().unwrap(), false, &brief)).await;
    assert!(server.enter(&read()).await.principal.is_some());
    tokio::time::sleep(life).await;
    assert!(server.enter(&read()).await.principal.is_none());
}

async fn a_revoked_token_is_not_remembered_and_no_check_from_before_brings_it_back() {
    let server = Server::new().await;
    let before = server.enter(&read()).await;
    server.look_up().await;
    assert!(server.enter(&read()).await.principal.is_some());
    server.intent("w", InvalidationScope::Access).await;
    assert!(server.enter(&read()).await.principal.is_some(), "nobody was told of it yet");
    server.publish("w", InvalidationScope::Access).await;
    assert!(server.enter(&read()).await.principal.is_none());
    server.authenticated(&read(), &before, None).await;
    assert!(server.enter(&read()).await.principal.is_none(), "checked before it was revoked");
    server.look_up().await;
    assert!(server.enter(&read()).await.principal.is_some(), "another one is checked again and remembered");
    // Whoever revoked it died.
    server.intent("dead", InvalidationScope::Access).await;
    tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
    assert!(server.enter(&read()).await.principal.is_none());
}

async fn a_slow_check_is_worthless() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert!(matches!(server.authenticated(&read(), &gate_reply, None).await.lookup, Lookup::Bypass(Bypass::Unchecked)));
    assert_eq!(server.enter(&read()).await.principal, None);
}

async fn pending_invalidations_are_settled_and_keep_their_workspace_from_the_cache_for_a_second() {
    let server = Server::new().await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    let gate_reply = server.enter(&read()).await;
    assert!(matches!(
        server.authenticated(&read(), &gate_reply, Some(&pending())).await.lookup,
        Lookup::Bypass(Bypass::Pending)
    ));
    let during = server.enter(&read()).await;
    assert!(
        during.principal.is_some() && matches!(during.lookup, Lookup::Bypass(Bypass::Pending)),
        "callers are known, answers not trusted"
    );
    let other = Pending { workspaces: vec![8], ..Pending::default() };
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let gate_reply = server.enter(&read()).await;
    let lookup = server.authenticated(&read(), &gate_reply, Some(&other)).await.lookup;
    assert!(
        matches!(lookup, Lookup::Lead(_)),
        "other workspaces are not concerned, and what was there is gone: {lookup:?}"
    );
}

async fn a_check_that_found_too_much_is_worthless() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    let many = Pending { workspaces: vec![8], more: true, ..Pending::default() };
    assert!(matches!(
        server.authenticated(&read(), &gate_reply, Some(&many)).await.lookup,
        Lookup::Bypass(Bypass::Unchecked)
    ));
    assert_eq!(server.enter(&read()).await.principal, None);
}

async fn a_pending_revocation_forgets_every_token() {
    let server = Server::new().await;
    server.look_up().await;
    let other = asked(Credential::Token(&[1; 32]));
    let gate_reply = server.enter(&other).await;
    let revoked = Pending { access: true, workspaces: vec![8], ..Pending::default() };
    server.authenticated(&other, &gate_reply, Some(&revoked)).await;
    assert_eq!(server.enter(&read()).await.principal, None);
}

async fn without_authentication_a_workspace_is_admitted_like_a_token() {
    let server = Server::new().await;
    let off = asked(Credential::Workspace(WORKSPACE));
    let gate_reply = server.enter(&off).await;
    assert_eq!(gate_reply.principal, None);
    assert!(matches!(server.authenticated(&off, &gate_reply, None).await.lookup, Lookup::Lead(_)));
    assert!(server.enter(&off).await.principal.is_some());
    let nobody = server.enter(&asked(Credential::Nobody)).await;
    assert!(nobody.principal.is_none() && matches!(nobody.lookup, Lookup::Bypass(Bypass::Unchecked)));
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

async fn counters_add_up() {
    let server = Server::new().await;
    let add = || Args::new().with("a").number(1).with("b").number(1_000_000_000_000_i64);
    server.run(&COUNT, add()).await;
    server.run(&COUNT, add()).await;
    let counts: Vec<String> = server.command(&["HGETALL", &server.key("counters")]).await;
    assert_eq!(counts, ["a", "2", "b", "2000000000000"]);
}
