//! A look into the server's database, for what no answer shows.

use tokio_postgres::{Client, NoTls};

/// A connection to the database of `DATABASE_URL`.
pub async fn connect() -> Client {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set: run the tests with `cargo xtask test`");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("the database does not answer");
    tokio::spawn(connection);
    client
}

/// Waits until this many others wait for locks that `holder` holds.
pub async fn until_blocked(holder: &Client, count: usize) {
    // Not pg_stat_activity, which inside a transaction always shows its first snapshot.
    let waiting = "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))";
    for _ in 0..200 {
        if holder.query(waiting, &[]).await.unwrap().len() >= count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("fewer than {count} wait for the lock");
}
