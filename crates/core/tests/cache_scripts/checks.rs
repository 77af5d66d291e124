//! The scripts' part of checks and of what is remembered of tokens.

use super::*;

tests![
    a_check_is_good_for_one_second_and_a_token_for_longer,
    what_a_check_waits_is_not_taken_from_its_second_and_makes_the_next_begin_sooner,
    the_use_of_a_token_is_noted_once_a_minute,
    a_token_ends_when_it_expires,
    a_revoked_token_is_not_remembered_and_no_check_from_before_brings_it_back,
    a_slow_check_is_worthless,
    pending_invalidations_are_settled_and_keep_their_workspace_from_the_cache_for_a_second,
    a_check_that_found_too_much_is_worthless,
    a_pending_revocation_forgets_every_token,
    without_authentication_a_workspace_is_admitted_like_a_token,
];

async fn a_check_is_good_for_one_second_and_a_token_for_longer() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    assert_eq!((gate_reply.principal.as_ref(), gate_reply.after), (None, After::default()));
    server.authenticated(&read(), &gate_reply, None).await;
    let known = server.enter(&read()).await;
    assert_eq!(known.principal.as_deref(), Some(b"a: principal\0".as_slice()));
    assert!(!known.after.renew);
    tokio::time::sleep(Duration::from_millis(780)).await;
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

async fn what_a_check_waits_is_not_taken_from_its_second_and_makes_the_next_begin_sooner() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    let waited = Duration::from_millis(500);
    tokio::time::sleep(waited).await;
    server.authenticated_late(&read(), &gate_reply, None, waited).await;
    assert!(!server.enter(&read()).await.after.renew);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let renewals = [server.enter(&read()).await, server.enter(&read()).await].map(|gate_reply| gate_reply.after.renew);
    assert_eq!(renewals, [true, false], "700 ms before its end, since the last one took 500");
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert!(server.enter(&read()).await.principal.is_some(), "a second after the store was asked");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(server.enter(&read()).await.principal.is_none());
}

async fn the_use_of_a_token_is_noted_once_a_minute() {
    let server = Server::new().await;
    server.look_up().await;
    let other = asked(Credential::Token(&[1; 32]));
    let (minute, now) = (Duration::from_secs(60), Duration::ZERO);
    // Of a check that follows, who used a token since the last one.
    let check = async |who: &GateRequest<'_>, noted| {
        let gate_reply = server.enter(who).await;
        let checked = Authenticated { life: LIFE, noted, ..NOBODY };
        let args = authenticated_args(who, gate_reply.stamp.came().unwrap(), false, &checked);
        read_authenticated_reply(server.run(&AUTHENTICATED, args).await, who).unwrap().used
    };
    assert_eq!(check(&read(), now).await, [[0; 32]; 0]);
    assert_eq!(check(&other, minute).await, [[1; 32]]);
    assert_eq!(check(&other, minute - Duration::from_millis(200)).await, [[0; 32]; 0]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    // A request finds that it is a minute since, and the next check notes it, once.
    for _ in 0..2 {
        assert!(server.enter(&other).await.principal.is_some());
    }
    assert_eq!(check(&read(), now).await, [[1; 32]]);
    assert_eq!(check(&read(), now).await, [[0; 32]; 0]);
}

async fn a_token_ends_when_it_expires() {
    let server = Server::new().await;
    let gate_reply = server.enter(&read()).await;
    let life = Duration::from_millis(300);
    let brief = Authenticated { life, ..NOBODY };
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
