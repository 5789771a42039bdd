//! A TCP connection on which nothing waits for ever.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustix::net::sockopt;

/// A peer that stops within a message is given up after so many rounds of the patience.
const STALLS: u32 = 3;
/// A host that is switched off is noticed after about so long, whatever the command may take.
const DEAD_HOST: Duration = Duration::from_secs(40);

/// Whether a message has begun to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The bytes that were asked for are there.
    Read,
    /// Nothing came for as long as the patience.
    Nothing,
}

/// A connection with a patience, after which a silent peer is asked whether it lives, and a
/// deadline, after which the command in hand has failed.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    /// Set on the socket; a system call for each command is saved where it stays the same.
    patience: Duration,
    deadline: Instant,
}

impl Wire {
    pub(super) fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<Wire> {
        let mut failure = None;
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => return Wire::new(stream, timeout),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::new(ErrorKind::NotFound, "no such host")))
    }

    fn new(stream: TcpStream, timeout: Duration) -> io::Result<Wire> {
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, DEAD_HOST / 4)?;
        sockopt::set_tcp_keepintvl(&stream, DEAD_HOST / 4)?;
        sockopt::set_tcp_keepcnt(&stream, 3)?;
        sockopt::set_tcp_user_timeout(&stream, DEAD_HOST.as_millis() as u32)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Wire { stream, patience: timeout, deadline: Instant::now() + timeout })
    }

    /// Begins something that has to be done in `timeout`.
    pub(super) fn begin(&mut self, timeout: Duration, patience: Duration) -> io::Result<()> {
        // Zero would mean "for ever" to the system.
        let patience = patience.min(timeout).max(Duration::from_millis(1));
        if patience != self.patience {
            self.stream.set_read_timeout(Some(patience))?;
            self.stream.set_write_timeout(Some(patience))?;
            self.patience = patience;
        }
        self.deadline = Instant::now() + timeout;
        Ok(())
    }

    /// Fails once the time is up.
    pub(super) fn check_deadline(&self) -> io::Result<()> {
        if Instant::now() >= self.deadline {
            return Err(io::Error::new(ErrorKind::TimedOut, "no answer in time"));
        }
        Ok(())
    }

    /// Fills `bytes`, which begin a message: that nothing comes is no error.
    pub(super) fn read_first(&mut self, bytes: &mut [u8]) -> io::Result<Arrival> {
        self.check_deadline()?;
        let count = loop {
            match self.stream.read(bytes) {
                Ok(0) => return Err(closed()),
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    self.check_deadline()?;
                    return Ok(Arrival::Nothing);
                }
                Err(error) => return Err(error),
            }
        };
        self.read(&mut bytes[count..])?;
        Ok(Arrival::Read)
    }

    /// Fills `bytes`, which go on with a message.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let (mut filled, mut stalls) = (0, 0);
        while filled < bytes.len() {
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) => return Err(closed()),
                Ok(count) => {
                    filled += count;
                    stalls = 0;
                    // A peer that sends byte by byte is none that anybody waits for.
                    if filled < bytes.len() {
                        self.check_deadline()?;
                    }
                }
                Err(error) => self.stalled(error, &mut stalls)?,
            }
        }
        Ok(())
    }

    /// Takes `count` bytes that nobody needs.
    pub(super) fn skip(&mut self, mut count: usize) -> io::Result<()> {
        let mut waste = [0; 1024];
        while count > 0 {
            let part = count.min(waste.len());
            self.read(&mut waste[..part])?;
            count -= part;
        }
        Ok(())
    }

    /// Sends all of it.
    pub(super) fn write(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut stalls = 0;
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            // More at once is refused by the system.
            let some = parts.len().min(1024);
            match self.stream.write_vectored(&parts[..some]) {
                Ok(0) => return Err(closed()),
                Ok(count) => {
                    stalls = 0;
                    IoSlice::advance_slices(&mut parts, count);
                    if !parts.is_empty() {
                        self.check_deadline()?;
                    }
                }
                Err(error) => self.stalled(error, &mut stalls)?,
            }
        }
        Ok(())
    }

    /// Whether something has come that was not asked for; the end of the connection counts.
    pub(super) fn has_arrived(&self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        match peeked {
            Ok(_) => Ok(true),
            Err(error) if is_timeout(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Nothing more goes either way.
    pub(super) fn close(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn stalled(&self, error: io::Error, stalls: &mut u32) -> io::Result<()> {
        if error.kind() == ErrorKind::Interrupted {
            return Ok(());
        }
        if !is_timeout(&error) {
            return Err(error);
        }
        *stalls += 1;
        self.check_deadline()?;
        if *stalls >= STALLS {
            return Err(io::Error::new(ErrorKind::TimedOut, "the rest of a message does not come"));
        }
        Ok(())
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the target closed the connection")
}
