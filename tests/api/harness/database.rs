//! A look into the server's database, for what no answer shows.

use tokio_postgres::{Client, NoTls};

/// A connection to the database of `DATABASE_URL`.
pub async fn connect() -> Client {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set: run the tests with `cargo xtask test`");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("the database does not answer");
    tokio::spawn(connection);
    client
}
