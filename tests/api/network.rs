//! Postgres and Redis under addresses of IPv6, and under names that stand for one or for several addresses.

use serde_json::json;

use crate::harness::targets::{Files, Host, Postgres, Redis, hosts};
use crate::harness::{Options, Server, suite};

suite![
    #[embedded]
    a_name_may_stand_for_an_address_of_ipv6_or_for_several,
    #[embedded]
    redis_may_have_an_address_of_ipv6_and_postgres_is_told_to_have_a_name,
];

const HOSTS: &str = "127.0.0.1 localhost several.test\n::1 six.test several.test\n";

/// A Postgres and a Redis that listen on this address alone.
async fn servers_at(address: &'static str) -> Option<(Postgres, Redis)> {
    if std::net::TcpListener::bind((address.trim_matches(['[', ']']), 0)).is_err() {
        return suite::ignored("needs IPv6");
    }
    Some((Postgres::start_at(address).await?, Redis::start_at(address).await?))
}

async fn a_name_may_stand_for_an_address_of_ipv6_or_for_several() {
    let Some(hosts) = hosts(HOSTS) else { return };
    // Of several addresses that of IPv6 comes first, where the second server does not listen.
    for (address, name) in [("[::1]", "six.test"), ("127.0.0.1", "several.test")] {
        let Some((postgres, redis)) = servers_at(address).await else { return };
        let options = redis.used_by_url(postgres.used_at(Options::default(), name), "", name);
        let host = Host::reading(Files { hosts: Some(hosts.clone()), ..Files::default() }, options).await;
        let health = host.server.anonymous().get("/health").send().await.ok();
        assert_eq!(
            (&health["database"], &health["checks"]["cache"]["status"]),
            (&json!("up"), &json!("up")),
            "{health}"
        );
    }
    std::fs::remove_dir_all(hosts.parent().unwrap()).unwrap();
}

async fn redis_may_have_an_address_of_ipv6_and_postgres_is_told_to_have_a_name() {
    let Some((postgres, redis)) = servers_at("[::1]").await else { return };
    let server = Server::private(redis.used_by(postgres.used_by(Options::default()))).await;
    let health = server.anonymous().get("/health").send().await.ok();
    assert_eq!(health["checks"]["cache"]["status"], "up", "{health}");
    // Spin compares the address without its brackets with what is permitted, and so does the embedded host
    // (docs/upstream.md).
    assert_eq!(health["checks"]["database"]["reason"], "not_permitted", "{health}");
    assert!(health["problems"].to_string().contains("a name that stands for one"), "{health}");
}
