//! The Lua scripts of the cache against a real Redis, given by `REDIS_URL`; skipped without. Each test has a prefix of
//! its own, so the server may be shared and nothing of others is touched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]
#![allow(clippy::print_stderr, reason = "a skipped test has to say so")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use todo_core::WorkspaceId;
use todo_core::cache::copies::{Copies, Copy};
use todo_core::cache::reads::{admit_args, door, peek_args, read_admitted, read_entrance, store_args};
use todo_core::cache::script::{
    ADMIT, Args, CHARGE, COUNT, ENTER, GREET, INTENT, PEEK, PUBLISH, Reader, Reply, STORE, Script,
};
use todo_core::cache::writes::intent_args;
use todo_core::cache::{
    Admission, Admitted, Entrance, Entry, Fresh, Hit, Lookup, RateClass, RateLimits, Ticket, Touched, Who, entry,
};
use uuid::Uuid;

const WORKSPACE: WorkspaceId = WorkspaceId(7);
const TOKEN: [u8; 32] = [0xab; 32];
const REQUEST: [u8; 32] = [0xcd; 32];
const LIMITS: RateLimits =
    RateLimits { per_address: 5, per_token: 8, writes_per_address: 2, writes_per_token: 3, auth_failures: 2 };
const MARK: Duration = Duration::from_millis(400);

/// A connection as an instance holds one, with a name space of its own.
#[derive(Clone)]
struct Server {
    connection: MultiplexedConnection,
    prefix: String,
    epoch: String,
}

impl Server {
    async fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(url) = std::env::var("REDIS_URL") else {
            eprintln!("skipped: REDIS_URL is not set");
            return None;
        };
        let connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("scripts-test:{}:{number}:", std::process::id());
        let mut server = Self { connection, prefix, epoch: String::new() };
        server.greet().await;
        // Whatever else the server has been through, this name space begins with no write in flight.
        server.command::<()>(&["HSET", &server.key("epoch"), "quiet", "0"]).await;
        Some(server)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut self.connection.clone()).await.unwrap()
    }

    async fn evaluate(&self, script: &Script, args: Args) -> Vec<Reply> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.digest).arg(0).arg(&args.0);
        let outcome: redis::RedisResult<Vec<redis::Value>> = command.query_async(&mut self.connection.clone()).await;
        let values = match outcome {
            Ok(values) => values,
            Err(error) if error.to_string().to_ascii_lowercase().contains("no matching script") => {
                let mut command = redis::cmd("EVAL");
                command.arg(script.source).arg(0).arg(&args.0);
                command.query_async(&mut self.connection.clone()).await.unwrap()
            }
            Err(error) => panic!("{}: {error}", script.name),
        };
        values.into_iter().map(reply).collect()
    }

    async fn greet(&mut self) {
        let args = Args::new().with(self.prefix.as_str()).number(MARK.as_micros());
        let epoch = Reader::new(self.evaluate(&GREET, args).await).unwrap().bytes().unwrap().unwrap();
        self.epoch = String::from_utf8(epoch).unwrap();
    }

    /// `None`: the server says that this connection has not been greeted.
    async fn try_run(&self, script: &Script, args: Args) -> Option<Reader> {
        let common = Args::new().with(self.prefix.as_str()).with(self.epoch.as_str()).number(MARK.as_micros());
        Reader::new(self.evaluate(script, Args([common.0, args.0].concat())).await)
    }

    async fn run(&self, script: &Script, args: Args) -> Reader {
        self.try_run(script, args).await.expect("a stranger")
    }

    async fn enter(&self, asked: &Entry<'_>) -> Entrance {
        read_entrance(self.run(&ENTER, door(asked, None)).await, asked, None).unwrap()
    }

    /// Comes in with a copy at hand.
    async fn enter_with(&self, asked: &Entry<'_>, copy: &Copy) -> Entrance {
        let args = door(asked, Some(&copy.hit.name));
        read_entrance(self.run(&ENTER, args).await, asked, Some(copy)).unwrap()
    }

    async fn admit(&self, asked: &Entry<'_>, entrance: &Entrance, settled: bool) -> Admitted {
        let admission = Admission { workspace: WORKSPACE, principal: b"a: principal\0", settled };
        let pass = &entrance.pass;
        let args = admit_args(asked, pass.came().unwrap(), pass.address_charged(), &admission);
        let (lookup, rates) = read_admitted(self.run(&ADMIT, args).await, asked).unwrap();
        Admitted { rates, lookup }
    }

    /// Comes in and is admitted if need be.
    async fn look_up(&self) -> Lookup {
        let entrance = self.enter(&read()).await;
        match entrance.principal {
            Some(_) => entrance.lookup,
            None => self.admit(&read(), &entrance, true).await.lookup,
        }
    }

    async fn lead(&self) -> Ticket {
        match self.look_up().await {
            Lookup::Lead(ticket) => ticket,
            other => panic!("no ticket but {other:?}"),
        }
    }

    async fn store(&self, ticket: &Ticket, body: &[u8], gzip: Option<&[u8]>) -> bool {
        let headers = [("content-type", "application/json"), ("link", "</next>; rel=\"next\"")];
        let packed = entry::pack(&Fresh { status: 200, etag: "3-abc", headers: &headers, body, gzip }).unwrap();
        let mut reply = self.run(&STORE, store_args(ticket, packed, Duration::from_secs(60))).await;
        reply.number().unwrap() == 1
    }

    async fn intent(&self, id: &str) {
        self.run(&INTENT, intent_args(WORKSPACE, id, Touched::Everything)).await;
    }

    async fn publish(&self, id: &str) {
        self.run(&PUBLISH, intent_args(WORKSPACE, id, Touched::Everything)).await;
    }
}

fn reply(value: redis::Value) -> Reply {
    match value {
        redis::Value::Nil => Reply::Nil,
        redis::Value::Int(number) => Reply::Int(number),
        redis::Value::BulkString(bytes) => Reply::Bytes(bytes),
        redis::Value::SimpleString(text) => Reply::Bytes(text.into_bytes()),
        other => panic!("{other:?}"),
    }
}

fn asked(who: Who<'_>) -> Entry<'_> {
    Entry {
        who,
        address: "192.0.2.1",
        limits: RateLimits::OFF,
        write: false,
        request: Some(&REQUEST),
        todo: None,
        gzip: false,
    }
}

fn read() -> Entry<'static> {
    asked(Who::Token(&TOKEN))
}

fn hit(lookup: Lookup) -> Hit {
    match lookup {
        Lookup::Hit(hit) => hit,
        other => panic!("no hit but {other:?}"),
    }
}

#[tokio::test]
async fn what_was_stored_comes_back_in_the_form_that_is_wanted() {
    let Some(server) = Server::new().await else { return };
    for (body, gzip) in
        [(b"{}".to_vec(), None), (vec![b'x'; 3000], Some(vec![b'z'; 5])), (vec![0; 70_000], Some(vec![1; 9000]))]
    {
        let ticket = server.lead().await;
        assert!(server.store(&ticket, &body, gzip.as_deref()).await);
        let plain = hit(server.look_up().await);
        assert_eq!((plain.status, plain.etag.as_str(), plain.gzipped), (200, "3-abc", false));
        assert_eq!(plain.headers[1], ("link".to_owned(), "</next>; rel=\"next\"".to_owned()));
        assert_eq!(plain.body, body);
        let small = hit(server.enter(&Entry { gzip: true, ..read() }).await.lookup);
        assert_eq!(small.gzipped, gzip.is_some());
        assert_eq!(small.body, gzip.unwrap_or(body));
        server.publish("").await;
    }
}

#[tokio::test]
async fn a_copy_is_good_while_its_name_is_current() {
    let Some(mut server) = Server::new().await else { return };
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"one", None).await);
    let mut copies = Copies::default();
    let now = Instant::now();
    copies.keep(now, &read(), &hit(server.look_up().await));
    let copy = copies.find(now, &read()).unwrap();
    assert_eq!(hit(server.enter_with(&read(), &copy).await.lookup).body, "one");
    let background = intent_args(WORKSPACE, "b", Touched::EverythingInBackground);
    server.run(&PUBLISH, background).await;
    let outdated = server.enter_with(&read(), &copy).await.lookup;
    assert!(matches!(outdated, Lookup::Outdated(former, _) if former.body == "one"), "nobody waits for such a write");
    assert_eq!(hit(server.enter_with(&read(), &copy).await.lookup).body, "one");
    server.intent("w").await;
    assert!(matches!(server.enter_with(&read(), &copy).await.lookup, Lookup::Bypass), "a write is in flight");
    server.publish("w").await;
    assert!(matches!(server.enter_with(&read(), &copy).await.lookup, Lookup::Lead(_)), "a write has been published");
    // Another life of the server may have come to the same generation.
    let generation: String = server.command(&["HGET", &server.key("w:7"), "g"]).await;
    assert!(copy.hit.name.starts_with(&server.epoch) && !copy.hit.name.ends_with(&generation));
    server.command::<()>(&["DEL", &server.key("epoch")]).await;
    server.greet().await;
    server.command::<()>(&["HSET", &server.key("epoch"), "quiet", "0"]).await;
    server.command::<()>(&["HSET", &server.key("w:7"), "g", copy.hit.name.rsplit(':').next().unwrap()]).await;
    let entrance = server.enter_with(&read(), &copy).await;
    let admitted = server.admit(&read(), &entrance, true).await;
    assert!(matches!(admitted.lookup, Lookup::Lead(_)), "the epoch is part of the name");
    assert!(!matches!(server.enter_with(&read(), &copy).await.lookup, Lookup::Hit(_)), "the epoch is part of the name");
}

#[tokio::test]
async fn an_entry_costs_little_more_than_its_bytes() {
    let Some(server) = Server::new().await else { return };
    for length in [300, 12_000] {
        let ticket = server.lead().await;
        assert!(server.store(&ticket, &vec![b'x'; length], None).await);
        let mut connection = server.connection.clone();
        let pattern = server.key("e:*");
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        let mut memory = redis::cmd("MEMORY");
        let memory: usize = memory.arg("USAGE").arg(&keys[0]).query_async(&mut connection).await.unwrap();
        eprintln!("a body of {length} bytes takes {memory} bytes of Redis");
        // Its key, entity tag and fields are about 150; the allocator rounds up by a quarter at most.
        assert!(memory < length * 5 / 4 + 400, "{memory} for {length}");
        redis::cmd("DEL").arg(&keys).exec_async(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn an_admission_lasts_one_second_from_before_its_check() {
    let Some(server) = Server::new().await else { return };
    let entrance = server.enter(&read()).await;
    assert_eq!(entrance.principal, None);
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.admit(&read(), &entrance, true).await;
    let known = server.enter(&read()).await;
    assert_eq!(known.principal.as_deref(), Some(b"a: principal\0".as_slice()));
    assert!(!known.renew);
    tokio::time::sleep(Duration::from_millis(480)).await;
    let renewals = [server.enter(&read()).await, server.enter(&read()).await].map(|entrance| entrance.renew);
    assert_eq!(renewals, [true, false], "one caller is asked to check again in time");
    tokio::time::sleep(Duration::from_millis(230)).await;
    assert_eq!(server.enter(&read()).await.principal, None);
}

#[tokio::test]
async fn nobody_is_remembered_after_a_slow_check_or_with_invalidations_pending() {
    let Some(server) = Server::new().await else { return };
    let entrance = server.enter(&read()).await;
    assert!(matches!(server.admit(&read(), &entrance, false).await.lookup, Lookup::Bypass));
    assert_eq!(server.enter(&read()).await.principal, None);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert!(matches!(server.admit(&read(), &entrance, true).await.lookup, Lookup::Bypass));
    assert_eq!(server.enter(&read()).await.principal, None);
}

#[tokio::test]
async fn without_authentication_a_workspace_is_admitted_like_a_token() {
    let Some(server) = Server::new().await else { return };
    let off = asked(Who::Workspace(WORKSPACE));
    let entrance = server.enter(&off).await;
    assert_eq!(entrance.principal, None);
    assert!(matches!(server.admit(&off, &entrance, true).await.lookup, Lookup::Lead(_)));
    assert!(server.enter(&off).await.principal.is_some());
    let nobody = server.enter(&asked(Who::Nobody)).await;
    assert!(nobody.principal.is_none() && matches!(nobody.lookup, Lookup::Bypass));
}

#[tokio::test]
async fn nothing_is_stored_or_found_while_a_write_is_in_flight() {
    let Some(server) = Server::new().await else { return };
    let ticket = server.lead().await;
    server.intent("one").await;
    assert!(!server.store(&ticket, b"old", None).await, "read before the announcement");
    assert!(matches!(server.look_up().await, Lookup::Bypass));
    server.intent("two").await;
    server.publish("one").await;
    assert!(matches!(server.look_up().await, Lookup::Bypass), "the second is still in flight");
    server.publish("two").await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"new", None).await);
    assert_eq!(hit(server.look_up().await).body, "new");
    server.intent("three").await;
    assert!(matches!(server.look_up().await, Lookup::Bypass), "the announcement kills what was there");
}

#[tokio::test]
async fn the_mark_of_a_dead_writer_expires() {
    let Some(server) = Server::new().await else { return };
    server.intent("dead").await;
    assert!(matches!(server.look_up().await, Lookup::Bypass));
    tokio::time::sleep(MARK + Duration::from_millis(5)).await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"new", None).await);
    server.intent("next").await;
    let marks: String = server.command(&["HGET", &server.key("w:7"), "m"]).await;
    assert!(marks.starts_with("* next ") && !marks.contains("dead"), "the dead one is swept: {marks}");
}

#[tokio::test]
async fn a_write_to_one_todo_leaves_the_others_alone() {
    let Some(server) = Server::new().await else { return };
    let todos = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let requests = [[1; 32], [2; 32], [3; 32]];
    let [first, second, list] = [
        Entry { request: Some(&requests[0]), todo: Some(todos[0]), ..read() },
        Entry { request: Some(&requests[1]), todo: Some(todos[1]), ..read() },
        Entry { request: Some(&requests[2]), ..read() },
    ];
    server.look_up().await;
    let state = async |asked: &Entry<'_>| match server.enter(asked).await.lookup {
        Lookup::Lead(ticket) => {
            assert!(server.store(&ticket, b"new", None).await);
            "stored"
        }
        Lookup::Hit(_) => "hit",
        Lookup::Bypass => "bypass",
        Lookup::Wait(_) => "wait",
        Lookup::Outdated(..) => "outdated",
    };
    let states = async || [state(&first).await, state(&second).await, state(&list).await];
    let write = async |script, touched| drop(server.run(script, intent_args(WORKSPACE, "w", touched)).await);
    assert_eq!(states().await, ["stored"; 3]);
    assert_eq!(states().await, ["hit"; 3]);
    for (touched, during, after) in [
        (Touched::Todo(todos[0]), ["bypass", "hit", "bypass"], ["stored", "hit", "stored"]),
        (Touched::Lists, ["hit", "hit", "bypass"], ["hit", "hit", "stored"]),
        (Touched::Everything, ["bypass"; 3], ["stored"; 3]),
        (Touched::Todo(todos[1]), ["hit", "bypass", "bypass"], ["hit", "stored", "stored"]),
        (Touched::Everything, ["bypass"; 3], ["stored"; 3]),
    ] {
        write(&INTENT, touched).await;
        assert_eq!(states().await, during, "{touched:?}");
        write(&PUBLISH, touched).await;
        assert_eq!(states().await, after, "{touched:?}");
        assert_eq!(states().await, ["hit"; 3], "{touched:?}");
    }
}

#[tokio::test]
async fn a_background_write_outdates_at_its_publish_and_makes_nobody_wait() {
    let Some(server) = Server::new().await else { return };
    let (todo, requests) = (Uuid::from_u128(1), [[1; 32], [2; 32]]);
    let one = Entry { request: Some(&requests[0]), todo: Some(todo), ..read() };
    let list = Entry { request: Some(&requests[1]), ..read() };
    let write = async |script, touched| drop(server.run(script, intent_args(WORKSPACE, "w", touched)).await);
    let fill = async |asked: &Entry<'_>, body: &[u8]| {
        let Lookup::Lead(ticket) = server.enter(asked).await.lookup else { panic!("no ticket") };
        assert!(server.store(&ticket, body, None).await);
    };
    server.look_up().await;
    for asked in [&one, &list] {
        fill(asked, b"before").await;
        write(&INTENT, Touched::EverythingInBackground).await;
        assert_eq!(hit(server.enter(asked).await.lookup).body, "before", "until the publish");
        write(&PUBLISH, Touched::EverythingInBackground).await;
        let Lookup::Outdated(former, ticket) = server.enter(asked).await.lookup else { panic!("nobody fetches anew") };
        assert_eq!(former.body, "before", "nor does whoever fetches anew wait");
        assert_eq!(hit(server.enter(asked).await.lookup).body, "before", "nobody waits");
        assert!(server.store(&ticket, b"after", None).await);
        assert_eq!(hit(server.enter(asked).await.lookup).body, "after");

        write(&INTENT, Touched::EverythingInBackground).await;
        write(&PUBLISH, Touched::EverythingInBackground).await;
        write(&INTENT, Touched::Todo(todo)).await;
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Bypass));
        write(&PUBLISH, Touched::Todo(todo)).await;
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Lead(_)));
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Wait(_)), "another write has outdated it, too");
        write(&INTENT, Touched::EverythingInBackground).await;
        write(&PUBLISH, Touched::EverythingInBackground).await;
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Lead(_)));
        assert!(
            matches!(server.enter(asked).await.lookup, Lookup::Wait(_)),
            "nor is what was older than that write served"
        );
        write(&INTENT, Touched::Everything).await;
        write(&PUBLISH, Touched::Everything).await;
    }
}

#[tokio::test]
async fn the_mark_of_a_dead_background_write_ends_as_a_publish() {
    let Some(server) = Server::new().await else { return };
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"before", None).await);
    server.run(&INTENT, intent_args(WORKSPACE, "dead", Touched::EverythingInBackground)).await;
    assert_eq!(hit(server.look_up().await).body, "before");
    tokio::time::sleep(MARK + Duration::from_millis(5)).await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)));
    assert!(matches!(server.look_up().await, Lookup::Wait(_)), "what it may have outdated is not served any more");
    let marks: String = server.command(&["HGET", &server.key("w:7"), "m"]).await;
    assert_eq!(marks, "");
}

#[tokio::test]
async fn settling_kills_entries_and_tickets() {
    let Some(server) = Server::new().await else { return };
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    server.publish("").await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)));
    assert!(!server.store(&ticket, b"old", None).await);
}

#[tokio::test]
async fn a_lost_generation_never_comes_back() {
    let Some(server) = Server::new().await else { return };
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    server.command::<()>(&["DEL", &server.key("w:7")]).await;
    assert!(!matches!(server.look_up().await, Lookup::Hit(_)));
    assert!(!server.store(&ticket, b"old", None).await);
}

#[tokio::test]
async fn one_caller_fetches_and_the_others_see_what_it_stored() {
    let Some(server) = Server::new().await else { return };
    let lead = server.lead().await;
    let Lookup::Wait(late) = server.look_up().await else { panic!("not asked to wait") };
    let state = async |ticket| server.run(&PEEK, peek_args(ticket)).await.bytes().unwrap().unwrap();
    assert_eq!(state(&late).await, b"w");
    assert!(server.store(&lead, b"new", None).await);
    assert_eq!(state(&late).await, b"h");
    server.intent("one").await;
    assert_eq!(state(&late).await, b"g");
    server.publish("one").await;
    let lead = server.lead().await;
    server.run(&STORE, store_args(&lead, Vec::new(), Duration::from_millis(1))).await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)), "given back");
}

#[tokio::test]
async fn another_life_of_the_server_is_another_epoch() {
    let Some(mut server) = Server::new().await else { return };
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    let first = server.epoch.clone();
    server.greet().await;
    assert_eq!(server.epoch, first, "the same life");

    // As after a restart with old data: another run has greeted last.
    server.command::<()>(&["HSET", &server.key("epoch"), "run", "0123456789"]).await;
    server.greet().await;
    assert_ne!(server.epoch, first);
    assert_eq!(server.enter(&read()).await.principal, None, "admissions of the old life are gone");
    assert!(matches!(server.look_up().await, Lookup::Bypass), "writes announced to the old life may be running");
    tokio::time::sleep(MARK + Duration::from_millis(5)).await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)), "entries of the old life are gone");

    // As after a flush: nobody has greeted.
    let second = server.epoch.clone();
    server.command::<()>(&["DEL", &server.key("epoch")]).await;
    assert!(server.try_run(&ENTER, door(&read(), None)).await.is_none());
    server.greet().await;
    assert_ne!(server.epoch, second);
    server.epoch = first;
    assert!(server.try_run(&STORE, store_args(&ticket, b"old".to_vec(), MARK)).await.is_none());
}

#[tokio::test]
async fn of_a_thousand_requests_at_once_exactly_the_quota_passes() {
    let Some(server) = Server::new().await else { return };
    let limits = RateLimits { per_address: 30, ..RateLimits::OFF };
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let server = server.clone();
        calls.spawn(async move {
            let asked = Entry { limits, request: None, ..asked(Who::Nobody) };
            server.enter(&asked).await.refusal().is_none()
        });
    }
    let begin = Instant::now();
    let passed = calls.join_all().await.into_iter().filter(|passed| *passed).count();
    let returned = usize::try_from(begin.elapsed().as_secs() / 2).unwrap();
    assert!((30..=30 + returned).contains(&passed), "{passed} passed");
}

#[tokio::test]
async fn quotas_come_back_at_their_rate() {
    let Some(server) = Server::new().await else { return };
    let limits = RateLimits { per_address: 120, ..RateLimits::OFF };
    let asked = Entry { limits, request: None, ..asked(Who::Nobody) };
    let mut last = server.enter(&asked).await.rates.remove(0);
    assert_eq!((last.class, last.limit, last.remaining, last.reset), (RateClass::Default, 120, 119, 1));
    while last.allowed {
        last = server.enter(&asked).await.rates.remove(0);
    }
    assert_eq!((last.remaining, last.reset, last.retry_after), (0, 60, 1));
    tokio::time::sleep(Duration::from_millis(510)).await;
    assert!(server.enter(&asked).await.refusal().is_none());
    assert!(server.enter(&asked).await.refusal().is_some());
    let life: i64 = server.command(&["PTTL", &server.key("r:d:a:192.0.2.1")]).await;
    assert!((1..=60_000).contains(&life), "an unused bucket goes away: {life}");
}

#[tokio::test]
async fn a_refused_write_is_charged_nowhere() {
    let Some(server) = Server::new().await else { return };
    let write = Entry { limits: LIMITS, write: true, request: None, ..asked(Who::Nobody) };
    for _ in 0..2 {
        assert!(server.enter(&write).await.refusal().is_none());
    }
    let refused = server.enter(&write).await;
    assert_eq!(refused.refusal().map(|rate| (rate.class, rate.retry_after)), Some((RateClass::Writes, 30)));
    let read = server.enter(&Entry { write: false, ..write }).await;
    assert_eq!(
        read.rates.iter().map(|rate| (rate.class, rate.remaining)).collect::<Vec<_>>(),
        [(RateClass::Default, 2)]
    );
}

#[tokio::test]
async fn an_invented_token_shares_the_bucket_of_its_address() {
    let Some(server) = Server::new().await else { return };
    for number in 0..5 {
        let token = [number; 32];
        let entrance = server.enter(&Entry { limits: LIMITS, ..asked(Who::Token(&token)) }).await;
        assert!(entrance.refusal().is_none() && entrance.pass.address_charged());
    }
    assert!(server.enter(&Entry { limits: LIMITS, ..asked(Who::Token(&[9; 32])) }).await.refusal().is_some());
}

#[tokio::test]
async fn a_valid_token_has_its_own_bucket_and_its_address_gets_the_request_back() {
    let Some(server) = Server::new().await else { return };
    let asked = Entry { limits: LIMITS, ..read() };
    let entrance = server.enter(&asked).await;
    let admitted = server.admit(&asked, &entrance, true).await;
    let of = |rates: &[todo_core::cache::RateVerdict]| rates.iter().map(|r| (r.limit, r.remaining)).collect::<Vec<_>>();
    assert_eq!(of(&admitted.rates), [(8, 7)]);
    let known = server.enter(&asked).await;
    assert_eq!(of(&known.rates), [(8, 6)]);
    let nobody = server.enter(&Entry { who: Who::Nobody, ..asked }).await;
    assert_eq!(of(&nobody.rates), [(5, 4)], "only this one");
    tokio::time::sleep(Duration::from_millis(1001)).await;
    let entrance = server.enter(&asked).await;
    assert!(entrance.principal.is_none() && !entrance.pass.address_charged(), "known to have been valid");
    assert!(server.admit(&asked, &entrance, true).await.rates.is_empty());
}

#[tokio::test]
async fn failures_stop_unknown_tokens_and_nobody_else() {
    let Some(server) = Server::new().await else { return };
    let (valid, unknown) = (Entry { limits: LIMITS, ..read() }, [1; 32]);
    let entrance = server.enter(&valid).await;
    server.admit(&valid, &entrance, true).await;
    let guess = Entry { limits: LIMITS, request: None, ..asked(Who::Token(&unknown)) };
    for _ in 0..2 {
        assert!(server.enter(&guess).await.refusal().is_none());
        server.run(&CHARGE, Args::new().with("192.0.2.1").number(LIMITS.auth_failures)).await;
    }
    assert_eq!(server.enter(&guess).await.refusal().map(|rate| rate.class), Some(RateClass::AuthFailures));
    for _ in 0..20 {
        server.run(&CHARGE, Args::new().with("192.0.2.1").number(LIMITS.auth_failures)).await;
    }
    assert_eq!(server.enter(&guess).await.refusal().map(|rate| rate.retry_after), Some(30), "failures do not pile up");
    assert!(server.enter(&valid).await.refusal().is_none());
}

#[tokio::test]
async fn counters_add_up() {
    let Some(server) = Server::new().await else { return };
    let add = || Args::new().with("a").number(1).with("b").number(1_000_000_000_000_i64);
    server.run(&COUNT, add()).await;
    server.run(&COUNT, add()).await;
    let counts: Vec<String> = server.command(&["HGETALL", &server.key("counters")]).await;
    assert_eq!(counts, ["a", "2", "b", "2000000000000"]);
}
