//! One connection: envelopes in and out, with a limit on how long anything may take.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ServerConnection, StreamOwned};

use super::identity::{Fingerprint, Identity};
use super::socket::Socket;
use super::tls;
use super::wire::{self, GREETING_LENGTH, Greeting, LENGTHS_LENGTH, Lengths};
use crate::error::{Error, ErrorKind, Result};

/// Without a byte for this long, a peer is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// An envelope that has begun is whole after this, however slowly it drips.
const ENVELOPE_TIME_MAX: Duration = Duration::from_secs(600);

/// How long a peer may be silent: 30 s, or what `MOVER_NET_TIMEOUT_SECONDS` says.
pub(super) fn silence_max() -> Duration {
    let text = std::env::var("MOVER_NET_TIMEOUT_SECONDS").ok();
    let seconds = text.and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    seconds.map_or(SILENCE_MAX, Duration::from_secs)
}

/// What carries bytes: TLS over TCP, from either end.
trait Carrier: Read + Write + Send {
    /// What is below TLS.
    fn socket(&mut self) -> &mut Socket;
}

impl Carrier for StreamOwned<ClientConnection, Socket> {
    fn socket(&mut self) -> &mut Socket {
        &mut self.sock
    }
}

impl Carrier for StreamOwned<ServerConnection, Socket> {
    fn socket(&mut self) -> &mut Socket {
        &mut self.sock
    }
}

/// Ends a connection from another thread.
#[derive(Clone, Debug)]
pub struct Cutter(Arc<TcpStream>);

impl Cutter {
    /// Cuts it.
    pub fn cut(&self) {
        // It may be closed already, which is as good.
        let _ = self.0.shutdown(Shutdown::Both);
    }

    /// Whether both cut the same connection.
    pub(super) fn is(&self, other: &Cutter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A connection to a mover.
pub struct Link {
    carrier: Box<dyn Carrier>,
    socket: Arc<TcpStream>,
    peer: Fingerprint,
    /// How the peer is called in messages.
    name: String,
    /// Bytes of envelopes' lengths.
    received: u64,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.name)
    }
}

fn lost(name: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Io, format!("the connection to {name} was lost")).because(cause)
}

impl Link {
    /// Connects to a server whose fingerprint is known.
    pub fn connect(address: &str, identity: &Identity, pinned: Fingerprint) -> Result<Link> {
        let failed = |cause: io::Error| {
            Error::new(ErrorKind::Io, format!("connecting to {address}"))
                .because(cause)
                .way_out("check that `mover serve` runs there, and that the port is open")
        };
        let socket = Arc::new(dial(address).map_err(failed)?);
        let config = tls::client_config(identity, pinned)?;
        let name = rustls::pki_types::ServerName::try_from("mover").expect("a fixed name is right");
        let connection = ClientConnection::new(config, name)
            .map_err(|cause| Error::new(ErrorKind::Io, "setting up TLS").because(cause))?;
        let own = Socket::new(Arc::clone(&socket), silence_max()).patient();
        let mut stream = StreamOwned::new(connection, own);
        stream.sock.until(Some(Instant::now() + ENVELOPE_TIME_MAX));
        while stream.conn.is_handshaking() {
            if let Err(cause) = stream.conn.complete_io(&mut stream.sock) {
                return Err(handshake_failed(address, cause));
            }
        }
        let mut link = Link {
            carrier: Box::new(stream),
            socket,
            peer: pinned,
            name: address.to_owned(),
            received: 0,
        };
        link.greet_as_client()?;
        Ok(link)
    }

    /// Takes a connection from a client, who proves to have the key of a fingerprint.
    pub fn accept(socket: TcpStream, config: Arc<rustls::ServerConfig>) -> Result<Link> {
        let address =
            socket.peer_addr().map_or_else(|_| "unknown".into(), |address| address.to_string());
        let failed = |cause: io::Error| lost(&address, cause);
        prepare(&socket).map_err(failed)?;
        let socket = Arc::new(socket);
        let connection = ServerConnection::new(config)
            .map_err(|cause| Error::new(ErrorKind::Io, "setting up TLS").because(cause))?;
        let own = Socket::new(Arc::clone(&socket), silence_max());
        let mut stream = StreamOwned::new(connection, own);
        // A place is held for whoever has not proven who it is: not longer than that.
        let deadline = Instant::now() + silence_max();
        stream.sock.until(Some(deadline));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(failed)?;
        }
        let peer = tls::peer_fingerprint(stream.conn.peer_certificates())?;
        let mut link = Link {
            carrier: Box::new(stream),
            socket,
            peer,
            name: format!("{address} ({peer})"),
            received: 0,
        };
        link.greet_as_server(deadline)?;
        Ok(link)
    }

    fn greet_as_client(&mut self) -> Result<()> {
        self.write_all(&Greeting::own().encode())?;
        let mut bytes = [0; GREETING_LENGTH];
        self.read_exact(&mut bytes)?;
        Greeting::own().agree(&Greeting::decode(&bytes)?).map(drop)
    }

    fn greet_as_server(&mut self, deadline: Instant) -> Result<()> {
        let mut bytes = [0; GREETING_LENGTH];
        self.read_until(&mut bytes, deadline)?;
        let greeting = Greeting::decode(&bytes)?;
        // Said in any case: the client then tells its operator which version is missing.
        self.write_all(&Greeting::own().encode())?;
        Greeting::own().agree(&greeting).map(drop)
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Fingerprint {
        self.peer
    }

    /// How it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the peer has said anything since it was greeted.
    pub(super) fn has_heard(&self) -> bool {
        self.received > 0
    }

    /// What ends the connection from another thread.
    pub fn cutter(&self) -> Cutter {
        Cutter(Arc::clone(&self.socket))
    }

    /// Sends a message, and bytes that belong to it.
    pub fn send(&mut self, message: &impl serde::Serialize, payload: &[&[u8]]) -> Result<()> {
        let length = payload.iter().map(|part| part.len()).sum();
        self.send_encoded(&wire::encode(message, length)?, payload)
    }

    /// Sends an encoded message, and bytes that belong to it.
    pub(super) fn send_encoded(&mut self, message: &[u8], payload: &[&[u8]]) -> Result<()> {
        self.write_all(message)?;
        for part in payload {
            self.write_all(part)?;
        }
        self.carrier.flush().map_err(|cause| lost(&self.name, cause))
    }

    /// Waits for the lengths of the next question; none where the peer has ended the connection
    /// between two of them, or says nothing any more: nobody waits for an answer then.
    pub(super) fn next_lengths(&mut self) -> Result<Option<Lengths>> {
        let before = self.received;
        match self.lengths() {
            Err(_) if self.received == before => Ok(None),
            lengths => lengths,
        }
    }

    /// Waits for the lengths of the next envelope; none where the peer has ended the connection
    /// between two of them.
    pub fn lengths(&mut self) -> Result<Option<Lengths>> {
        self.carrier.socket().until(Some(Instant::now() + ENVELOPE_TIME_MAX));
        let lengths = self.read_lengths();
        self.carrier.socket().until(None);
        lengths
    }

    fn read_lengths(&mut self) -> Result<Option<Lengths>> {
        let mut bytes = [0; LENGTHS_LENGTH];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.carrier.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(lost(&self.name, "it ended inside an envelope")),
                Ok(count) => {
                    filled += count;
                    self.received += count as u64;
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // A peer that does not say goodbye has ended it all the same.
                Err(cause) if filled == 0 && cause.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(None);
                }
                Err(cause) => return Err(self.silent_or_lost(cause)),
            }
        }
        Lengths::decode(&bytes).map(Some)
    }

    /// Reads the message of an envelope.
    pub fn message<T: serde::de::DeserializeOwned>(&mut self, lengths: Lengths) -> Result<T> {
        let mut bytes = vec![0; lengths.message];
        self.read_exact(&mut bytes)?;
        wire::decode(&bytes)
    }

    /// Reads the bytes that come with it; not held before they come.
    pub fn payload(&mut self, lengths: Lengths) -> Result<Vec<u8>> {
        let mut bytes = vec![0; lengths.payload];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes that come with a message, and holds none of them.
    pub(super) fn skip_payload(&mut self, lengths: Lengths) -> Result<()> {
        const PIECE: usize = 64 << 10;
        let deadline = Instant::now() + ENVELOPE_TIME_MAX;
        let (mut left, mut piece) = (lengths.payload, vec![0; PIECE.min(lengths.payload)]);
        while left > 0 {
            let length = left.min(PIECE);
            self.read_until(&mut piece[..length], deadline)?;
            left -= length;
        }
        Ok(())
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.read_until(bytes, Instant::now() + ENVELOPE_TIME_MAX)
    }

    fn read_until(&mut self, bytes: &mut [u8], deadline: Instant) -> Result<()> {
        self.carrier.socket().until(Some(deadline));
        let read = self.fill(bytes);
        self.carrier.socket().until(None);
        read
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.carrier.read(&mut bytes[filled..]) {
                Ok(0) => return Err(lost(&self.name, "it ended inside an envelope")),
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(self.silent_or_lost(cause)),
            }
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.carrier.write_vectored(&[IoSlice::new(rest)]) {
                Ok(0) => return Err(lost(&self.name, "it takes no more bytes")),
                Ok(count) => rest = &rest[count..],
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(self.silent_or_lost(cause)),
            }
        }
        Ok(())
    }

    fn silent_or_lost(&self, cause: io::Error) -> Error {
        match cause.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if cause.get_ref().is_none() => {
                let seconds = silence_max().as_secs();
                lost(&self.name, format!("nothing moved for {seconds} seconds"))
            }
            _ => lost(&self.name, cause),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cutter().cut();
    }
}

/// Bytes in the kernel that a peer has not taken: they are what a cut connection loses, together
/// with what is on the way.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(silence_max()))?;
    socket.set_write_timeout(Some(silence_max()))?;
    rustix::net::sockopt::set_socket_keepalive(socket, true)?;
    Ok(())
}

pub(super) fn dial(address: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, silence_max().min(Duration::from_secs(10))) {
            Ok(socket) => {
                prepare(&socket)?;
                return Ok(socket);
            }
            Err(cause) => failure = cause,
        }
    }
    Err(failure)
}

fn handshake_failed(address: &str, cause: io::Error) -> Error {
    let inner = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(wrong)) = inner {
        let why = match wrong {
            // Else it would be shown as programmers want to see it.
            rustls::CertificateError::Other(wrong) => wrong.0.to_string(),
            wrong => wrong.to_string(),
        };
        let message = format!("{address} is not the server that this machine trusts: {why}");
        return Error::new(ErrorKind::Refused, message).way_out(format!(
            "ask its operator for the output of `mover identity`; if it is right, \
             mover trust remove {address} and mover trust add {address} FINGERPRINT"
        ));
    }
    lost(address, cause)
}
