//! A TCP proxy on loopback: counts what passes, and breaks connections in every way that networks
//! do. What it counts is the tests' own measure of what was sent, and not mover's.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// By a reset, as when a machine is gone.
    Reset,
    /// By a goodbye in both directions.
    Close,
    /// It stays open, and nothing passes any more.
    Stall,
    /// Towards the server it is closed, and towards the client open.
    HalfClose,
}

struct Shared {
    to: Mutex<SocketAddr>,
    up: AtomicU64,
    down: AtomicU64,
    down_max: u64,
    accepted: AtomicU64,
    is_over: AtomicBool,
    pairs: Mutex<Vec<Arc<Pair>>>,
}

struct Pair {
    client: TcpStream,
    server: TcpStream,
    is_stalled: AtomicBool,
}

/// A running proxy.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// A proxy to a server's address.
    pub(crate) fn to(server: SocketAddr) -> Proxy {
        Proxy::that_ends(server, u64::MAX)
    }

    /// One behind which the server is gone for good when it has sent so many bytes.
    pub(crate) fn that_ends(server: SocketAddr, down_max: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("a listener can poll");
        let shared = Arc::new(Shared {
            to: Mutex::new(server),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            down_max,
            accepted: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            pairs: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || accept(&own, &listener));
        Proxy { shared, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that clients sent.
    pub(crate) fn up(&self) -> u64 {
        self.shared.up.load(Ordering::Relaxed)
    }

    /// Bytes that the server sent.
    pub(crate) fn down(&self) -> u64 {
        self.shared.down.load(Ordering::Relaxed)
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Breaks every connection that is open now; new ones are not touched.
    pub(crate) fn break_all(&self, how: Break) {
        let pairs: Vec<_> = self.shared.pairs.lock().expect("no holder panics").drain(..).collect();
        for pair in pairs {
            match how {
                Break::Reset => {
                    for socket in [&pair.client, &pair.server] {
                        // Closing with a linger time of 0 sends a reset.
                        let zero = Some(Duration::ZERO);
                        let _ = rustix::net::sockopt::set_socket_linger(socket, zero);
                        let _ = socket.shutdown(Shutdown::Both);
                    }
                }
                Break::Close => {
                    for socket in [&pair.client, &pair.server] {
                        let _ = socket.shutdown(Shutdown::Both);
                    }
                }
                Break::Stall => pair.is_stalled.store(true, Ordering::Relaxed),
                Break::HalfClose => {
                    let _ = pair.server.shutdown(Shutdown::Write);
                }
            }
        }
    }

    /// Waits until clients have sent so many bytes; false when that takes too long.
    pub(crate) fn wait_for_up(&self, bytes: u64, time: Duration) -> bool {
        let begin = Instant::now();
        while self.up() < bytes {
            if begin.elapsed() > time {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.break_all(Break::Close);
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while !shared.is_over.load(Ordering::Relaxed) {
        let Ok((client, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        let to = *shared.to.lock().expect("no holder panics");
        // Without a server the client finds its connection closed, as by a port that is.
        let Ok(server) = TcpStream::connect(to) else { continue };
        let _ = client.set_nonblocking(false);
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let pair = Arc::new(Pair { client, server, is_stalled: AtomicBool::new(false) });
        shared.pairs.lock().expect("no holder panics").push(Arc::clone(&pair));
        for is_up in [true, false] {
            let (shared, pair) = (Arc::clone(shared), Arc::clone(&pair));
            std::thread::spawn(move || pass(&shared, &pair, is_up));
        }
    }
}

fn pass(shared: &Shared, pair: &Pair, is_up: bool) {
    let (mut from, mut to) =
        if is_up { (&pair.client, &pair.server) } else { (&pair.server, &pair.client) };
    let counter = if is_up { &shared.up } else { &shared.down };
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let before = counter.fetch_add(count as u64, Ordering::Relaxed);
        if !is_up && before + count as u64 > shared.down_max {
            break;
        }
        while pair.is_stalled.load(Ordering::Relaxed) {
            if shared.is_over.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo on loopback.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut other = socket.try_clone().unwrap();
                    std::io::copy(&mut socket, &mut other)
                });
            }
        });
        address
    }

    fn ping(socket: &mut TcpStream) -> std::io::Result<()> {
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        socket.write_all(b"ping")?;
        socket.read_exact(&mut [0; 4])
    }

    #[test]
    fn a_proxy_counts_and_breaks() {
        for how in [Break::Reset, Break::Close, Break::Stall, Break::HalfClose] {
            let proxy = Proxy::to(echo());
            let mut socket = TcpStream::connect(proxy.address()).unwrap();
            ping(&mut socket).unwrap();
            assert_eq!((proxy.up(), proxy.down(), proxy.accepted()), (4, 4, 1));
            proxy.break_all(how);
            assert!(ping(&mut socket).is_err(), "{how:?}");
            let mut fresh = TcpStream::connect(proxy.address()).unwrap();
            ping(&mut fresh).unwrap();
        }
    }
}
