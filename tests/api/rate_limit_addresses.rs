//! By which address the rate limit counts a caller, and wrong credentials.

use std::time::Instant;

use crate::harness::{Options, Server, Workspace, suite};
use crate::rate_limit::{left, own_address};

suite![
    #[embedded]
    wrong_credentials_are_limited,
    #[embedded]
    spoofed_addresses_change_nothing,
    #[embedded]
    a_trusted_proxy_tells_the_address,
    #[embedded]
    proxies_are_named_by_network_and_several_hops_are_walked,
    #[embedded]
    a_client_of_ipv6_is_counted_by_its_network,
];

async fn spoofed_addresses_change_nothing() {
    let server = Server::private(Options::default().with("rate_limit_default", 20)).await;
    let client = server.anonymous();
    let first = client.get("/api/v2/openapi.json").send().await;
    // Others ask from this address, too.
    let more = left(&first, "default").0;
    let began = Instant::now();
    let mut passed = 0;
    for number in 0..60 {
        let call = client
            .get("/api/v2/openapi.json")
            .header("x-forwarded-for", format!("203.0.113.{number}"))
            .header("spin-client-addr", format!("198.51.100.{number}:1"))
            .header("forwarded", format!("for=192.0.2.{number}"))
            .header("x-real-ip", format!("192.0.2.{number}"));
        passed += u64::from(call.send().await.status == 200);
    }
    let most = more + 1 + began.elapsed().as_secs() / 3;
    assert!((more..=most).contains(&passed), "{passed} passed, and {more} to {most} may: one address stays one");
}

async fn a_trusted_proxy_tells_the_address() {
    let options = Options::default().with("rate_limit_default", 5).with("trusted_proxies", "127.0.0.1");
    let server = Server::private(options).await;
    let ask = async |address: &str| {
        server.anonymous().get("/api/v2/openapi.json").header("x-forwarded-for", address).send().await.status
    };
    for _ in 0..5 {
        assert_eq!(ask(&own_address(113)).await, 200);
    }
    assert_eq!(ask(&own_address(113)).await, 429);
    assert_eq!(ask(&own_address(114)).await, 200, "another client behind the same proxy");
    // What the client wrote in front of the proxy's own entry does not count.
    assert_eq!(ask(&format!("198.51.100.1, {}", own_address(113))).await, 429);
}

async fn proxies_are_named_by_network_and_several_hops_are_walked() {
    let options = Options::default().with("rate_limit_default", 5).with("trusted_proxies", "127.0.0.0/8, 10.0.0.0/8");
    let server = Server::private(options).await;
    let ask = async |hops: String| {
        server.anonymous().get("/api/v2/openapi.json").header("x-forwarded-for", hops).send().await
    };
    for inner in 1..6 {
        ask(format!("198.51.100.{inner}, {}, 10.1.2.{inner}", own_address(120))).await.has_status(200);
    }
    ask(format!("{}, 10.7.7.7, 10.1.2.3", own_address(120))).await.problem(429, "rate_limited");
    ask(format!("{}, 10.1.2.3", own_address(121))).await.has_status(200);
}

async fn a_client_of_ipv6_is_counted_by_its_network() {
    let options = Options::default().with("rate_limit_default", 5).with("trusted_proxies", "127.0.0.1");
    let server = Server::private(options).await;
    let net = std::process::id() % 0xffff;
    let ask = async |subnet: u32, host: u32| {
        let address = format!("2001:db8:{net:x}:{subnet:x}::{host:x}");
        server.anonymous().get("/api/v2/openapi.json").header("x-forwarded-for", address).send().await
    };
    for host in 1..6 {
        ask(1, host).await.has_status(200);
    }
    ask(1, 6).await.problem(429, "rate_limited");
    ask(2, 1).await.has_status(200);
}

async fn wrong_credentials_are_limited() {
    let options = Options::default().with("rate_limit_auth_failures", 5).with("trusted_proxies", "127.0.0.1");
    let server = Server::private(options).await;
    let ws = Workspace::on(&server).await;
    for (net, credential) in [(115, "Bearer tdo_wrong"), (118, "Basic dG9kbzp0b2Rv"), (119, "tdo_without_a_scheme")] {
        let ask = async |number: usize| {
            let call = server.anonymous().get("/api/v2/todos").header("x-forwarded-for", own_address(net));
            call.header("authorization", format!("{credential}{number}")).send().await
        };
        for number in 0..5 {
            ask(number).await.problem(401, "unauthenticated");
        }
        let refused = ask(5).await;
        refused.problem(429, "rate_limited");
        assert_eq!(left(&refused, "auth_failures").0, 0, "{refused}");
        // Elsewhere a good token is not harmed.
        ws.get("/api/v2/todos").send().await.ok();
    }
}
