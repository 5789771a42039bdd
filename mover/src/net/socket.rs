//! A socket whose reads end in time, however slowly bytes drip in: TLS reads on until it has a whole
//! record, or a whole handshake, so that a limit that is looked at between its reads binds nobody.
//! Its writes end when the peer neither takes nor says anything.

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
    /// Bytes that have arrived and were not read, when it was looked for them last.
    unread: u64,
    is_patient: bool,
}

impl Socket {
    /// A socket whose timeout for reading is `silence`.
    pub(super) fn new(stream: Arc<TcpStream>, silence: Duration) -> Socket {
        Socket { stream, silence, deadline: None, wait: silence, unread: 0, is_patient: false }
    }

    /// One that writes for as long as the peer says something. A server's is not: whoever takes
    /// nothing and sends on could keep it, and the pulses of all others, for ever.
    pub(super) fn patient(self) -> Socket {
        Socket { is_patient: true, ..self }
    }

    /// What is read from here on has to be there by then; by no time where there is none.
    pub(super) fn until(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn left(&self) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.deadline.map_or(self.silence, left)
    }

    /// Writes for as long as the peer takes bytes or says something: one that has no room for them
    /// now says that it lives, and who sends does not read that before all is sent.
    fn send(&mut self, write: impl Fn(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match write(&self.stream) {
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock && self.hears() => {}
                written => return written,
            }
        }
    }

    /// Whether something has arrived since this was asked last.
    fn hears(&mut self) -> bool {
        if !self.is_patient {
            return false;
        }
        let unread = rustix::io::ioctl_fionread(&*self.stream).unwrap_or(0);
        unread > std::mem::replace(&mut self.unread, unread)
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "what it sends takes too long")
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.unread = 0;
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
        self.send(|mut stream| stream.write(bytes))
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.send(|mut stream| stream.write_vectored(parts))
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

    #[test]
    fn a_peer_that_takes_nothing_and_says_something_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let silence = Duration::from_millis(200);
        stream.set_write_timeout(Some(silence)).unwrap();
        // Until it takes no byte for so long: what is written behind that times out.
        while (&stream).write(&[0; 1 << 16]).is_ok() {}
        peer.write_all(&[7]).unwrap();
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
        let mut socket = Socket::new(Arc::new(stream), silence).patient();
        let mut tried = |times: u32| {
            let began = Instant::now();
            let error = socket.write(&[0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            assert!(began.elapsed() >= silence * times, "{:?}", began.elapsed());
        };
        tried(2);
        // Nothing new has come since.
        tried(1);
        assert_eq!(socket.unread, 1);
    }
}
