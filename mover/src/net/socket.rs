//! A socket whose reads end in time, however slowly bytes drip in: TLS reads on until it has a whole
//! record, or a whole handshake, so that a limit that is looked at between its reads binds nobody.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A socket, and when what is being read has to be there.
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    /// How long a single read may take.
    silence: Duration,
    deadline: Option<Instant>,
    /// The timeout that the system knows.
    wait: Duration,
}

impl Socket {
    /// A socket whose timeout for reading is `silence`.
    pub(super) fn new(stream: Arc<TcpStream>, silence: Duration) -> Socket {
        Socket { stream, silence, deadline: None, wait: silence }
    }

    /// What is read from here on has to be there by then; by no time where there is none.
    pub(super) fn until(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn left(&self) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.deadline.map_or(self.silence, left)
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "what it sends takes too long")
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.left();
        if left.is_zero() {
            return Err(late());
        }
        let wait = left.min(self.silence);
        if wait != self.wait {
            self.stream.set_read_timeout(Some(wait))?;
            self.wait = wait;
        }
        match (&*self.stream).read(bytes) {
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock && self.left().is_zero() => {
                Err(late())
            }
            read => read,
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.stream).write(bytes)
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        (&*self.stream).write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.stream).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn bytes_that_drip_end_with_the_deadline_and_not_with_the_silence() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut dripping = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        std::thread::spawn(move || {
            while dripping.write_all(&[7]).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let silence = Duration::from_secs(30);
        stream.set_read_timeout(Some(silence)).unwrap();
        let mut socket = Socket::new(Arc::new(stream), silence);
        let began = Instant::now();
        socket.until(Some(began + Duration::from_millis(300)));
        let error = socket.read_exact(&mut [0; 100_000]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        // What comes later has its own time.
        socket.until(None);
        socket.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(socket.stream.read_timeout().unwrap(), Some(silence));
    }
}
