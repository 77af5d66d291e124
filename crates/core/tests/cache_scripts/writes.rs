//! Writes: what they announce and publish, and what is read meanwhile.

use std::time::Duration;

use todo_core::cache::script::INTENT;
use todo_core::cache::writes::intent_args;
use todo_core::cache::{AffectedLists, AffectedTodos, Condition, Dependency, GateRequest, InvalidationScope, Lookup};
use todo_core::domain::todo::Priority;
use uuid::Uuid;

use crate::{FENCE, Server, WORKSPACE, hit, read};

tests![
    a_write_in_flight_hinders_nobody_and_its_publish_kills_what_was_read_before,
    a_write_of_a_known_caller_is_announced_when_it_comes_in,
    a_write_that_changed_nothing_kills_nothing,
    the_fence_of_a_dead_writer_ends_as_a_publish,
    an_early_fence_that_was_removed_does_not_hide_a_later_one,
    a_fence_that_lives_longer_does_not_hide_one_that_ends_before,
    a_write_raises_what_it_changes_and_nothing_else,
    generations_of_single_todos_are_forgotten_before_they_are_many,
    a_background_write_makes_stale_at_its_publish_and_nobody_waits,
    a_lost_generation_never_comes_back,
];

async fn a_write_in_flight_hinders_nobody_and_its_publish_kills_what_was_read_before() {
    let server = Server::new().await;
    let ticket = server.lead().await;
    server.intent("one", InvalidationScope::Everything).await;
    assert!(server.store(&ticket, b"old", None).await, "nobody was told of the write yet");
    assert_eq!(hit(server.look_up().await).body, "old");
    server.write(InvalidationScope::Everything).await;
    let ticket = server.lead().await;
    server.publish("one", InvalidationScope::Everything).await;
    assert!(!server.store(&ticket, b"old", None).await, "read before the publish");
    assert!(matches!(server.look_up().await, Lookup::Lead(_)));
}

async fn a_write_of_a_known_caller_is_announced_when_it_comes_in() {
    let server = Server::new().await;
    let write = GateRequest { write: true, request: None, announce: Some("w1"), ..read() };
    assert!(!server.enter(&write).await.after.announced, "nobody knows yet whose write it is");
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    assert!(server.enter(&write).await.after.announced);
    assert_eq!(hit(server.look_up().await).body, "old", "it hinders nobody");
    tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)), "its writer is dead");
}

async fn a_write_that_changed_nothing_kills_nothing() {
    let server = Server::new().await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    server.intent("none", InvalidationScope::Everything).await;
    server.publish("none", InvalidationScope::Nothing).await;
    tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
    assert_eq!(hit(server.look_up().await).body, "old");
}

async fn the_fence_of_a_dead_writer_ends_as_a_publish() {
    let server = Server::new().await;
    for scope in [
        InvalidationScope::Everything,
        InvalidationScope::TodosInBackground,
        InvalidationScope::todos(AffectedTodos::New),
    ] {
        let ticket = server.lead().await;
        assert!(server.store(&ticket, b"old", None).await);
        server.intent("dead", scope).await;
        assert_eq!(hit(server.look_up().await).body, "old");
        tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
        assert!(matches!(server.look_up().await, Lookup::Lead(_)), "{scope:?}");
        assert!(matches!(server.look_up().await, Lookup::Wait(_)), "what it may have changed is not served: {scope:?}");
        let fence: Option<String> = server.command(&["HGET", &server.workspace(), "mdead"]).await;
        assert_eq!(fence, None);
        server.write(InvalidationScope::Everything).await;
    }
}

async fn an_early_fence_that_was_removed_does_not_hide_a_later_one() {
    let server = Server::new().await;
    server.look_up().await;
    server.write(InvalidationScope::Everything).await;
    tokio::time::sleep(FENCE / 2).await;
    server.intent("dead", InvalidationScope::Everything).await;
    tokio::time::sleep(FENCE / 2 + Duration::from_millis(5)).await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    tokio::time::sleep(FENCE / 2).await;
    assert!(!matches!(server.look_up().await, Lookup::Hit(_)));
}

async fn a_fence_that_lives_longer_does_not_hide_one_that_ends_before() {
    let server = Server::new().await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    let args = intent_args(WORKSPACE, "longer", &InvalidationScope::Everything.fields());
    server.try_run_with(FENCE * 10, &INTENT, args).await.unwrap();
    server.intent("dead", InvalidationScope::Everything).await;
    tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)));
}

const TODOS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

/// What answers can depend on.
const DEPENDENCIES: [Dependency; 15] = [
    Dependency::Todo(TODOS[0]),
    Dependency::Todo(TODOS[1]),
    Dependency::Lists,
    Dependency::Stats,
    Dependency::Tags,
    Dependency::People,
    Dependency::NamedLists,
    Dependency::ListsWhere(Condition::InBin),
    Dependency::ListsWhere(Condition::Open),
    Dependency::ListsWhere(Condition::OpenOf(Priority::High)),
    Dependency::ListsWhere(Condition::OpenOf(Priority::Low)),
    Dependency::ListsWhere(Condition::Closed),
    Dependency::ListsWhere(Condition::InList(TODOS[0])),
    Dependency::ListsWhere(Condition::AssignedTo(TODOS[0])),
    Dependency::ListsWhere(Condition::AssignedTo(TODOS[1])),
];

async fn a_write_raises_what_it_changes_and_nothing_else() {
    let server = Server::new().await;
    server.look_up().await;
    assert_eq!(fetched_anew(&server, &DEPENDENCIES).await, DEPENDENCIES);
    assert_eq!(fetched_anew(&server, &DEPENDENCIES).await, []);
    let [one, two, lists, stats, tags, people, named, bin, open, high, low, closed, listed, mine, other] = DEPENDENCIES;
    let all = [lists, bin, open, high, low, closed, listed, mine, other];
    let showing = |todos, (open, priority), list, assignee| {
        let lists = AffectedLists::Showing { open, priority, list, assignee };
        InvalidationScope::Todos { todos, lists, stats: false, tags: false, named_lists: false }
    };
    let in_order = |mut changed: Vec<Dependency>| {
        changed.sort_by_key(|one| DEPENDENCIES.iter().position(|other| one == other));
        changed
    };
    let with_all = |others: &[Dependency]| in_order([others, &all].concat());
    for (scope, changed) in [
        (
            showing(AffectedTodos::One(TODOS[0]), (Some(true), Some(Priority::High)), None, None),
            vec![one, lists, open, high],
        ),
        (showing(AffectedTodos::New, (Some(true), None), None, None), vec![lists, open, high, low]),
        (showing(AffectedTodos::New, (Some(false), None), Some(TODOS[0]), None), vec![lists, closed, listed]),
        (
            showing(AffectedTodos::New, (None, Some(Priority::Low)), Some(TODOS[1]), Some(TODOS[1])),
            vec![lists, open, low, closed, other],
        ),
        (InvalidationScope::todos(AffectedTodos::One(TODOS[1])), with_all(&[two, stats, tags, named])),
        (InvalidationScope::todos(AffectedTodos::Two(TODOS[0], TODOS[1])), with_all(&[one, two, stats, tags, named])),
        (InvalidationScope::NamedLists { todos: false }, vec![named]),
        (InvalidationScope::NamedLists { todos: true }, with_all(&[named])),
        (InvalidationScope::todos(AffectedTodos::All), with_all(&[one, two, stats, tags, named])),
        (InvalidationScope::TodosInBackground, with_all(&[one, two, stats, tags, named])),
        (InvalidationScope::People, vec![people]),
        (InvalidationScope::Access, vec![]),
        (InvalidationScope::Everything, DEPENDENCIES.to_vec()),
    ] {
        server.write(scope).await;
        if scope == InvalidationScope::Access {
            server.look_up().await;
        }
        assert_eq!(fetched_anew(&server, &DEPENDENCIES).await, changed, "{scope:?}");
        assert_eq!(fetched_anew(&server, &DEPENDENCIES).await, [], "{scope:?}");
    }
}

/// Asks for an answer that depends on each of these, and stores it where there is none. Gives those where there was
/// none.
async fn fetched_anew(server: &Server, dependencies: &[Dependency]) -> Vec<Dependency> {
    let mut fetched = Vec::new();
    for (dependency, number) in dependencies.iter().zip(1..) {
        let asked = GateRequest { request: Some(&[number; 32]), dependency: *dependency, ..read() };
        match server.enter(&asked).await.lookup {
            Lookup::Lead(ticket) | Lookup::Stale(_, ticket) => {
                assert!(server.store(&ticket, b"new", None).await);
                fetched.push(*dependency);
            }
            Lookup::Hit(_) => {}
            other => panic!("{other:?}"),
        }
    }
    fetched
}

async fn generations_of_single_todos_are_forgotten_before_they_are_many() {
    let server = Server::new().await;
    let (todo, list) = (Uuid::from_u128(1), Condition::InList(Uuid::from_u128(2)));
    server.look_up().await;
    let mut tickets = Vec::new();
    for (number, dependency) in [(1, Dependency::Todo(todo)), (2, Dependency::ListsWhere(list))] {
        let asked = GateRequest { dependency, request: Some(&[number; 32]), ..read() };
        let Lookup::Lead(ticket) = server.enter(&asked).await.lookup else { panic!("no ticket") };
        tickets.push(ticket);
    }
    let lists = AffectedLists::Showing { open: Some(true), priority: None, list: None, assignee: None };
    for number in 0..5100_u128 {
        let todos = AffectedTodos::One(Uuid::from_u128(number + 2));
        let scope = InvalidationScope::Todos { todos, lists, stats: false, tags: false, named_lists: false };
        server.publish("w", scope).await;
    }
    let fields: usize = server.command(&["HLEN", &server.workspace()]).await;
    assert!(fields < 5100, "{fields}");
    for ticket in tickets {
        assert!(!server.store(&ticket, b"old", None).await, "in doubt every todo and every list has changed");
    }
}

async fn a_background_write_makes_stale_at_its_publish_and_nobody_waits() {
    let server = Server::new().await;
    let (todo, requests) = (Uuid::from_u128(1), [[1; 32], [2; 32]]);
    let one = GateRequest { request: Some(&requests[0]), dependency: Dependency::Todo(todo), ..read() };
    let list = GateRequest { request: Some(&requests[1]), ..read() };
    let fill = async |asked: &GateRequest<'_>, body: &[u8]| {
        let Lookup::Lead(ticket) = server.enter(asked).await.lookup else { panic!("no ticket") };
        assert!(server.store(&ticket, body, None).await);
    };
    server.look_up().await;
    for asked in [&one, &list] {
        fill(asked, b"before").await;
        server.intent("b", InvalidationScope::TodosInBackground).await;
        assert_eq!(hit(server.enter(asked).await.lookup).body, "before", "until the publish");
        server.publish("b", InvalidationScope::TodosInBackground).await;
        let Lookup::Stale(former, ticket) = server.enter(asked).await.lookup else { panic!("nobody fetches anew") };
        assert_eq!(former.body, "before", "nor does whoever fetches anew wait");
        assert_eq!(hit(server.enter(asked).await.lookup).body, "before", "nobody waits");
        assert!(server.store(&ticket, b"after", None).await);
        assert_eq!(hit(server.enter(asked).await.lookup).body, "after");

        server.write(InvalidationScope::TodosInBackground).await;
        server.write(InvalidationScope::todos(AffectedTodos::One(todo))).await;
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Lead(_)));
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Wait(_)), "another write has made it stale, too");
        server.write(InvalidationScope::TodosInBackground).await;
        assert!(matches!(server.enter(asked).await.lookup, Lookup::Lead(_)));
        assert!(
            matches!(server.enter(asked).await.lookup, Lookup::Wait(_)),
            "nor is what was older than that write served"
        );
        server.write(InvalidationScope::Everything).await;
    }
}

async fn a_lost_generation_never_comes_back() {
    let server = Server::new().await;
    let ticket = server.lead().await;
    assert!(server.store(&ticket, b"old", None).await);
    server.command::<()>(&["DEL", &server.workspace()]).await;
    let next = server.lead().await;
    assert!(!server.store(&ticket, b"old", None).await);
    assert!(server.store(&next, b"new", None).await);
    assert_eq!(hit(server.look_up().await).body, "new");
    // The fence of a writer that died may have gone with it.
    tokio::time::sleep(FENCE + Duration::from_millis(5)).await;
    assert!(matches!(server.look_up().await, Lookup::Lead(_)));
}
