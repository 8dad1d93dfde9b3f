//! A port that can be closed and opened again at once, from any thread, and that nobody takes away meanwhile.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

pub(super) struct Port {
    address: SocketAddr,
    slot: Mutex<Slot>,
    /// Counts how often the port was closed; connections of before end.
    closed: watch::Sender<u64>,
}

struct Slot {
    listening: Listening,
    /// The task that accepts.
    waiting: Option<Waker>,
}

enum Listening {
    /// Just opened, not yet known to the task that accepts.
    New(std::net::TcpListener),
    Yes(TcpListener),
    /// Connections are refused. A socket that is bound but does not listen keeps others from taking the port.
    No(#[expect(dead_code, reason = "held for the port it is bound to")] Option<TcpSocket>),
}

impl Port {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = listen(address)?;
        Ok(Self {
            address: listener.local_addr()?,
            slot: Mutex::new(Slot {
                listening: Listening::New(listener),
                waiting: None,
            }),
            closed: watch::Sender::default(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Told when the connections that were accepted before have to end.
    pub(super) fn closed(&self) -> watch::Receiver<u64> {
        self.closed.subscribe()
    }

    /// Closes or opens the port, with effect before this returns.
    ///
    /// # Panics
    ///
    /// If the port cannot be opened again because another process has it.
    pub(super) fn set_open(&self, open: bool) {
        let mut slot = self.slot();
        match (&slot.listening, open) {
            (Listening::No(_), true) => {
                let listener = listen(self.address).or_else(|_| {
                    // Not every system lets two sockets be bound, even if only one listens.
                    slot.listening = Listening::No(None);
                    listen(self.address)
                });
                let listener = listener.expect("the port was kept for us");
                slot.listening = Listening::New(listener);
            }
            (Listening::New(_) | Listening::Yes(_), false) => {
                slot.listening = Listening::No(None);
                slot.listening = Listening::No(keep(self.address).ok());
                self.closed.send_modify(|times| *times += 1);
            }
            _ => {}
        }
        if let Some(waiting) = slot.waiting.take() {
            waiting.wake();
        }
    }

    /// Closes the port for good.
    pub(super) fn give_up(&self) {
        self.slot().listening = Listening::No(None);
    }

    /// The next connection; waits through the times when the port is closed.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let mut slot = self.slot();
        slot.waiting = Some(cx.waker().clone());
        if let Listening::New(listener) = &slot.listening {
            let listener = TcpListener::from_std(listener.try_clone()?)?;
            slot.listening = Listening::Yes(listener);
        }
        match &slot.listening {
            Listening::Yes(listener) => listener
                .poll_accept(cx)
                .map(|accepted| accepted.map(|(stream, _)| stream)),
            Listening::New(_) | Listening::No(_) => Poll::Pending,
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn keep(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of before linger in TIME_WAIT; on Windows the option would let others in instead.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    Ok(socket)
}
