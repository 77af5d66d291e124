//! A Redis as an instance sees it.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A connection as an instance holds one, with a name space of its own.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) prefix: String,
    pub(crate) epoch: String,
}

impl Server {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("REDIS_URL").unwrap();
        let connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("scripts-test:{}:{number}:", std::process::id());
        let mut server = Self { connection, prefix, epoch: String::new() };
        server.handshake().await;
        // Whatever else the server has been through, this name space begins with no write in flight.
        server.command::<()>(&["HDEL", &server.key("epoch"), "mlost", "next"]).await;
        server.command::<()>(&["HSET", &server.workspace(), "g", "1", "a", "1"]).await;
        server
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut self.connection.clone()).await.unwrap()
    }

    pub(crate) async fn evaluate(&self, script: &Script, args: Args) -> Vec<Reply> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.digest()).arg(0).arg(&args.0);
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

    pub(crate) async fn handshake(&mut self) {
        let args = Args::new().with(self.prefix.as_str()).with("handshake").number(FENCE.as_micros());
        let reply = ReplyReader::new(self.evaluate(&HANDSHAKE, args).await).unwrap();
        self.epoch = reply.handshake().unwrap().epoch.clone();
    }

    /// `None`: the server says that this connection has had no handshake.
    pub(crate) async fn try_run(&self, script: &Script, args: Args) -> Option<ReplyReader> {
        self.try_run_with(FENCE, script, args).await
    }

    /// The same of a component whose fences have this life.
    pub(crate) async fn try_run_with(&self, fence: Duration, script: &Script, args: Args) -> Option<ReplyReader> {
        let common = Args::new().with(self.prefix.as_str()).with(self.epoch.as_str()).number(fence.as_micros());
        ReplyReader::new(self.evaluate(script, Args([common.0, args.0].concat())).await)
    }

    pub(crate) async fn run(&self, script: &Script, args: Args) -> ReplyReader {
        self.try_run(script, args).await.expect("another epoch")
    }

    pub(crate) async fn enter(&self, asked: &GateRequest<'_>) -> GateReply {
        read_gate_reply(self.run(&ENTER, gate_args(asked, None)).await, asked, None).unwrap()
    }

    /// Comes in with a copy at hand.
    pub(crate) async fn enter_with(&self, asked: &GateRequest<'_>, copy: &Copy) -> GateReply {
        let args = gate_args(asked, Some(&copy.hit.name));
        read_gate_reply(self.run(&ENTER, args).await, asked, Some(copy)).unwrap()
    }

    /// The keys of all entries.
    pub(crate) async fn entries(&self) -> Vec<Vec<u8>> {
        redis::cmd("KEYS").arg(self.key("e:*")).query_async(&mut self.connection.clone()).await.unwrap()
    }

    /// The hash of the workspace.
    pub(crate) fn workspace(&self) -> String {
        self.key(&format!("w:{}:7", self.epoch))
    }

    pub(crate) async fn authenticated(
        &self,
        asked: &GateRequest<'_>,
        gate_reply: &GateReply,
        pending: Option<&Pending>,
    ) -> AuthenticatedReply {
        self.authenticated_late(asked, gate_reply, pending, Duration::ZERO).await
    }

    /// The same where the statement has waited for its connection.
    pub(crate) async fn authenticated_late(
        &self,
        asked: &GateRequest<'_>,
        gate_reply: &GateReply,
        pending: Option<&Pending>,
        waited: Duration,
    ) -> AuthenticatedReply {
        let authenticated = Authenticated {
            workspace: WORKSPACE,
            principal: b"a: principal\0",
            life: LIFE,
            noted: Duration::from_secs(59),
            waited,
            pending,
        };
        let stamp = &gate_reply.stamp;
        let args = authenticated_args(asked, stamp.came().unwrap(), stamp.address_charged(), &authenticated);
        read_authenticated_reply(self.run(&AUTHENTICATED, args).await, asked).unwrap()
    }

    /// Comes in and is authenticated if need be.
    pub(crate) async fn look_up(&self) -> Lookup {
        let gate_reply = self.enter(&read()).await;
        match gate_reply.principal {
            Some(_) => gate_reply.lookup,
            None => self.authenticated(&read(), &gate_reply, None).await.lookup,
        }
    }

    pub(crate) async fn lead(&self) -> Ticket {
        match self.look_up().await {
            Lookup::Lead(ticket) => ticket,
            other => panic!("no ticket but {other:?}"),
        }
    }

    pub(crate) async fn store(&self, ticket: &Ticket, body: &[u8], gzip: Option<&[u8]>) -> bool {
        let fresh = Fresh { status: 200, etag: ETAG, headers: &HEADERS, body, gzip };
        let packed = entry::pack(&fresh, ticket.generation()).unwrap();
        let mut reply = self.run(&STORE, store_args(ticket, packed, "", LIFE)).await;
        reply.number().unwrap() == 1
    }

    /// Stores what is there already under this entity tag.
    pub(crate) async fn keep(&self, ticket: &Ticket, etag: &str) -> i64 {
        self.run(&STORE, store_args(ticket, Vec::new(), etag, LIFE)).await.number().unwrap()
    }

    pub(crate) async fn intent(&self, id: &str, scope: InvalidationScope) {
        self.run(&INTENT, intent_args(WORKSPACE, id, &scope.fields())).await;
    }

    pub(crate) async fn publish(&self, id: &str, scope: InvalidationScope) {
        self.run(&PUBLISH, publish_args(WORKSPACE, id, scope)).await;
    }

    /// A write from beginning to end.
    pub(crate) async fn write(&self, scope: InvalidationScope) {
        self.intent("w", scope).await;
        self.publish("w", scope).await;
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
