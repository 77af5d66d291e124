//! Entries: what is stored, found, kept and replaced.

use std::time::{Duration, Instant};

use todo_core::cache::copies::Copies;
use todo_core::cache::reads::{peek_args, store_args};
use todo_core::cache::script::{PEEK, STORE};
use todo_core::cache::{GateRequest, InvalidationScope, Lookup};

use crate::{ETAG, HEADERS, Server, hit, read};

tests![
    one_caller_fetches_and_the_others_see_what_it_stored,
    what_was_stored_comes_back_in_the_form_that_is_wanted,
    a_copy_is_good_while_its_name_is_current,
    a_response_that_has_not_changed_keeps_its_entry,
    an_entry_never_gives_its_place_to_an_earlier_one,
    an_entry_costs_little_more_than_its_bytes,
];

async fn what_was_stored_comes_back_in_the_form_that_is_wanted() {
    let server = Server::new().await;
    for (body, gzip) in
        [(b"{}".to_vec(), None), (vec![b'x'; 3000], Some(vec![b'z'; 5])), (vec![0; 70_000], Some(vec![1; 9000]))]
    {
        let ticket = server.lead().await;
        assert!(server.store(&ticket, &body, gzip.as_deref()).await);
        let plain = hit(server.look_up().await);
        assert_eq!((plain.status, plain.etag.as_str(), plain.gzipped), (200, "3-abc", false));
        assert_eq!(plain.headers[1], ("link".to_owned(), "</next>; rel=\"next\"".to_owned()));
        assert_eq!(plain.body, body);
        let small = hit(server.enter(&GateRequest { gzip: true, ..read() }).await.lookup);
        assert_eq!(small.gzipped, gzip.is_some());
        assert_eq!(small.body, gzip.unwrap_or(body));
        server.write(InvalidationScope::Everything).await;
    }
}

async fn a_copy_is_good_while_its_name_is_current() {
    let mut server = Server::new().await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"one", None).await);
    let mut copies = Copies::default();
    let now = Instant::now();
    copies.keep(now, &read(), &hit(server.look_up().await));
    let copy = copies.find(now, &read()).unwrap();
    assert_eq!(hit(server.enter_with(&read(), &copy).await.lookup).body, "one");
    server.publish("b", InvalidationScope::TodosInBackground).await;
    let stale = server.enter_with(&read(), &copy).await.lookup;
    assert!(matches!(stale, Lookup::Stale(former, _) if former.body == "one"), "nobody waits for such a write");
    assert_eq!(hit(server.enter_with(&read(), &copy).await.lookup).body, "one");
    server.intent("w", InvalidationScope::Everything).await;
    assert_eq!(hit(server.enter_with(&read(), &copy).await.lookup).body, "one", "a write in flight hinders nobody");
    server.publish("w", InvalidationScope::Everything).await;
    assert!(matches!(server.enter_with(&read(), &copy).await.lookup, Lookup::Lead(_)), "a write has been published");
    // Another life of the server may have come to the same generation.
    let generation: String = server.command(&["HGET", &server.workspace(), "g"]).await;
    assert!(copy.hit.name.starts_with(&server.epoch) && !copy.hit.name.ends_with(&generation));
    server.command::<()>(&["DEL", &server.key("epoch")]).await;
    server.handshake().await;
    let generation = copy.hit.name.rsplit(':').next().unwrap();
    server.command::<()>(&["HSET", &server.workspace(), "g", generation, "a", generation]).await;
    let gate_reply = server.enter_with(&read(), &copy).await;
    let authenticated = server.authenticated(&read(), &gate_reply, None).await;
    assert!(matches!(authenticated.lookup, Lookup::Lead(_)), "the epoch is part of the name");
    assert!(!matches!(server.enter_with(&read(), &copy).await.lookup, Lookup::Hit(_)), "the epoch is part of the name");
}

async fn a_response_that_has_not_changed_keeps_its_entry() {
    let server = Server::new().await;
    let ticket = server.lead().await;
    assert!(!ticket.holds(ETAG, &HEADERS, false), "there is nothing yet");
    assert_eq!(server.keep(&ticket, ETAG).await, 2);
    assert!(server.store(&ticket, b"one", Some(b"zip")).await);
    server.write(InvalidationScope::Everything).await;
    let ticket = server.lead().await;
    assert!(ticket.holds(ETAG, &HEADERS, true) && ticket.holds(ETAG, &HEADERS, false));
    assert!(
        !ticket.holds("4-abc", &HEADERS, false)
            && !ticket.holds(ETAG, &[], false)
            && !ticket.holds("", &HEADERS, false)
    );
    assert_eq!(server.keep(&ticket, "4-abc").await, 2, "another response is there");
    assert!(matches!(server.look_up().await, Lookup::Wait(_)), "it is still being fetched");
    assert_eq!(server.keep(&ticket, ETAG).await, 1);
    assert_eq!(hit(server.look_up().await).body, "one");
    assert_eq!(hit(server.enter(&GateRequest { gzip: true, ..read() }).await.lookup).body, "zip");
    let mut life = redis::cmd("PTTL");
    let life: i64 = life.arg(&server.entries().await[0]).query_async(&mut server.connection.clone()).await.unwrap();
    assert!(life > 55_000, "{life}");
    server.write(InvalidationScope::Everything).await;
    let ticket = server.lead().await;
    server.write(InvalidationScope::Everything).await;
    assert_eq!(server.keep(&ticket, ETAG).await, 0, "read before the publish");
    assert!(matches!(server.look_up().await, Lookup::Lead(_)));
}

async fn an_entry_never_gives_its_place_to_an_earlier_one() {
    let server = Server::new().await;
    let earlier = server.lead().await;
    let Lookup::Wait(late) = server.look_up().await else { panic!("not asked to wait") };
    server.write(InvalidationScope::Everything).await;
    let later = server.lead().await;
    assert!(server.store(&later, b"later", None).await);
    assert!(!server.store(&earlier, b"earlier", None).await);
    assert_eq!(server.keep(&earlier, ETAG).await, 0);
    assert_eq!(hit(server.look_up().await).body, "later");
    let mut reply = server.run(&PEEK, peek_args(&late)).await;
    let [state, _, body] = [0; 3].map(|_| reply.bytes().flatten().unwrap());
    assert_eq!((state, body), (b"h".to_vec(), b"later".to_vec()), "as good for who asked before");
    assert_eq!(server.entries().await.len(), 1, "one for each request");
}

async fn an_entry_costs_little_more_than_its_bytes() {
    let server = Server::new().await;
    for length in [300, 12_000] {
        let ticket = server.lead().await;
        assert!(server.store(&ticket, &vec![b'x'; length], None).await);
        let mut connection = server.connection.clone();
        let keys = server.entries().await;
        let mut memory = redis::cmd("MEMORY");
        let memory: usize = memory.arg("USAGE").arg(&keys[0]).query_async(&mut connection).await.unwrap();
        eprintln!("a body of {length} bytes takes {memory} bytes of Redis");
        // Its key, entity tag and fields are about 150; the allocator rounds up by a quarter at most.
        assert!(memory < length * 5 / 4 + 400, "{memory} for {length}");
        redis::cmd("DEL").arg(&keys).exec_async(&mut connection).await.unwrap();
    }
}

async fn one_caller_fetches_and_the_others_see_what_it_stored() {
    let server = Server::new().await;
    let lead = server.lead().await;
    let Lookup::Wait(late) = server.look_up().await else { panic!("not asked to wait") };
    let state = async |ticket| server.run(&PEEK, peek_args(ticket)).await.bytes().unwrap().unwrap();
    assert_eq!(state(&late).await, b"w");
    server.write(InvalidationScope::Everything).await;
    assert_eq!(state(&late).await, b"w", "it is waited for, whatever was written since");
    let Lookup::Lead(later) = server.look_up().await else {
        panic!("what is asked for after the write is fetched anew")
    };
    assert!(!server.store(&lead, b"new", None).await, "not for those who ask now");
    assert_eq!(state(&late).await, b"h", "but for those who asked before");
    server.run(&STORE, store_args(&later, Vec::new(), "", Duration::from_millis(1))).await;
    let states = [state(&later).await, state(&later).await];
    assert_eq!(states, [b"g", b"w"], "given back: one of those who wait takes its place");
}
