//! The commands that set the service up fail with the remedy.

use std::process::Command;

use crate::harness::server::authority;
use crate::harness::{changed, suite};

suite![
    #[database]
    migrate_names_the_remedy,
    #[database]
    an_address_that_is_taken_is_told,
];

/// What `cargo xtask` says when it fails.
fn fails(arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::var_os("TODO_XTASK").expect("run the tests with `cargo xtask test`"));
    let output = command.args(arguments).env_remove("DATABASE_URL").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    said
}

async fn migrate_names_the_remedy() {
    let given = std::env::var("DATABASE_URL").unwrap();
    let (host, port) = authority(&given, "5432");
    for (url, told, remedy) in [
        (
            changed(&given, |url| url.set_password(Some("tell-nobody")).unwrap()),
            format!("no connection to Postgres at {host}:{port}"),
            "the role or the password of DATABASE_URL is wrong",
        ),
        (
            changed(&given, |url| url.set_path("no_such")),
            "\"no_such\" does not exist".to_owned(),
            "create the database first",
        ),
        (changed(&given, |url| url.set_port(Some(1)).unwrap()), format!("{host}:1"), "is a server up at this address?"),
        // A database of another owner.
        (
            changed(&given, |url| url.set_path("postgres")),
            "permission denied".to_owned(),
            "a superuser runs CREATE EXTENSION btree_gin first",
        ),
    ] {
        let said = fails(&["migrate", "--database-url", &url]);
        assert!(said.contains(&told) && said.contains(remedy), "{told}, {remedy}: {said}");
        assert!(!said.contains("tell-nobody"), "{said}");
    }
}

async fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = fails(&["up", "--listen", &address]);
    let remedy = format!("cannot listen on {address}: stop who does, or choose another address with --listen");
    assert!(said.contains(&remedy), "{said}");
}
