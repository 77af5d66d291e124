//! A TCP relay that can misbehave.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the relay treats its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Pass,
    Refuse,
    Delay(Duration),
    Hang,
}

#[derive(Clone, Copy)]
struct State {
    mode: Mode,
    /// Connections opened under another number are cut.
    cuts: u64,
}

/// One relay, with a listener for each address that was asked for.
#[derive(Clone)]
pub(crate) struct Relay {
    state: Arc<watch::Sender<State>>,
    listeners: Arc<Mutex<HashMap<(String, u16), SocketAddr>>>,
}

impl Relay {
    pub(super) fn new() -> Self {
        let state = State { mode: Mode::Pass, cuts: 0 };
        Self { state: Arc::new(watch::Sender::new(state)), listeners: Arc::default() }
    }

    pub(super) fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }

    pub(super) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// The local address that leads to `host:port`.
    pub(super) fn address(&self, host: &str, port: u16) -> io::Result<SocketAddr> {
        let key = (host.to_owned(), port);
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = listeners.get(&key) {
            return Ok(*address);
        }
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(TcpListener::from_std(listener)?, key.clone(), self.state.subscribe()));
        listeners.insert(key, address);
        Ok(address)
    }
}

/// Accepts until the host is gone.
async fn serve(listener: TcpListener, target: (String, u16), mut state: watch::Receiver<State>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            gone = state.wait_for(|_| false) => {
                debug_assert!(gone.is_err());
                return;
            }
        };
        if let Ok((client, _)) = accepted {
            tokio::spawn(connection(client, target.clone(), state.clone()));
        }
    }
}

async fn connection(client: TcpStream, (host, port): (String, u16), mut state: watch::Receiver<State>) {
    let State { mode, cuts } = *state.borrow();
    // Dropping a socket that does not linger resets the connection, which is what a refusal or a cut should look like.
    let _ = client.set_zero_linger();
    if mode == Mode::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect((host.as_str(), port)).await else {
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let up = pump(client_read, server_write, state.clone(), false);
    let down = pump(server_read, client_write, state.clone(), true);
    tokio::select! {
        _ = up => {}
        _ = down => {}
        _ = state.wait_for(|now| now.cuts != cuts) => {}
    }
}

/// Copies one direction until it ends.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    answers: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        // An error means that the host is gone; the connection may as well live on.
        let _ = state.wait_for(|now| now.mode != Mode::Hang).await;
        let mode = state.borrow().mode;
        if let (Mode::Delay(by), true) = (mode, answers) {
            tokio::time::sleep(by).await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}
