//! The scripts' part of the rate limit.

use super::*;

tests![
    of_a_thousand_requests_at_once_exactly_the_quota_passes,
    quotas_come_back_at_their_rate,
    a_refused_write_is_charged_nowhere,
    an_invented_token_shares_the_bucket_of_its_address,
    a_valid_token_has_its_own_bucket_and_its_address_gets_the_request_back,
    failures_stop_unknown_tokens_and_nobody_else,
];

async fn of_a_thousand_requests_at_once_exactly_the_quota_passes() {
    let server = Server::new().await;
    let limits = RateLimits { per_address: 30, ..RateLimits::OFF };
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let server = server.clone();
        calls.spawn(async move {
            let asked = GateRequest { limits, request: None, ..asked(Credential::Nobody) };
            server.enter(&asked).await.refusal().is_none()
        });
    }
    let begin = Instant::now();
    let passed = calls.join_all().await.into_iter().filter(|passed| *passed).count();
    let returned = usize::try_from(begin.elapsed().as_secs() / 2).unwrap();
    assert!((30..=30 + returned).contains(&passed), "{passed} passed");
}

async fn quotas_come_back_at_their_rate() {
    let server = Server::new().await;
    let limits = RateLimits { per_address: 120, ..RateLimits::OFF };
    let asked = GateRequest { limits, request: None, ..asked(Credential::Nobody) };
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

async fn a_refused_write_is_charged_nowhere() {
    let server = Server::new().await;
    let write = GateRequest { limits: LIMITS, write: true, request: None, ..asked(Credential::Nobody) };
    for _ in 0..2 {
        assert!(server.enter(&write).await.refusal().is_none());
    }
    let refused = server.enter(&write).await;
    assert_eq!(refused.refusal().map(|rate| (rate.class, rate.retry_after)), Some((RateClass::Writes, 30)));
    let read = server.enter(&GateRequest { write: false, ..write }).await;
    assert_eq!(
        read.rates.iter().map(|rate| (rate.class, rate.remaining)).collect::<Vec<_>>(),
        [(RateClass::Default, 2)]
    );
}

async fn an_invented_token_shares_the_bucket_of_its_address() {
    let server = Server::new().await;
    for number in 0..5 {
        let token = [number; 32];
        let gate_reply = server.enter(&GateRequest { limits: LIMITS, ..asked(Credential::Token(&token)) }).await;
        assert!(gate_reply.refusal().is_none() && gate_reply.stamp.address_charged());
    }
    assert!(
        server.enter(&GateRequest { limits: LIMITS, ..asked(Credential::Token(&[9; 32])) }).await.refusal().is_some()
    );
}

async fn a_valid_token_has_its_own_bucket_and_its_address_gets_the_request_back() {
    let server = Server::new().await;
    let asked = GateRequest { limits: LIMITS, ..read() };
    let gate_reply = server.enter(&asked).await;
    let authenticated = server.authenticated(&asked, &gate_reply, None).await;
    let of = |rates: &[todo_core::cache::RateVerdict]| rates.iter().map(|r| (r.limit, r.remaining)).collect::<Vec<_>>();
    assert_eq!(of(&authenticated.rates), [(8, 7)]);
    let known = server.enter(&asked).await;
    assert_eq!(of(&known.rates), [(8, 6)]);
    let nobody = server.enter(&GateRequest { credential: Credential::Nobody, ..asked }).await;
    assert_eq!(of(&nobody.rates), [(5, 4)], "only this one");
    tokio::time::sleep(Duration::from_millis(1001)).await;
    let gate_reply = server.enter(&asked).await;
    assert!(gate_reply.principal.is_none() && !gate_reply.stamp.address_charged(), "known to have been valid");
    assert!(server.authenticated(&asked, &gate_reply, None).await.rates.is_empty());
}

async fn failures_stop_unknown_tokens_and_nobody_else() {
    let server = Server::new().await;
    let (valid, unknown) = (GateRequest { limits: LIMITS, ..read() }, [1; 32]);
    let gate_reply = server.enter(&valid).await;
    server.authenticated(&valid, &gate_reply, None).await;
    let guess = GateRequest { limits: LIMITS, request: None, ..asked(Credential::Token(&unknown)) };
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
