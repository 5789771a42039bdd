//! Devices that answer what the fuzzer's bytes say.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use mover::media::scsi::{Data, Outcome, Sense, Transport};
use mover::{Error, ErrorKind};

/// Commands that a device answers before it is gone: no loop goes on for ever.
const COMMANDS_MAX: usize = 300;

/// A device whose answers stand one behind the other in the fuzzer's bytes.
///
/// An answer: a byte that says how it ends, where that byte says so sense data behind their
/// length, and for a command that reads two bytes of length and the data.
#[derive(Debug)]
pub struct Liar {
    answers: Vec<u8>,
    at: usize,
    left: usize,
    /// Whoever opens it waits while it says that it is getting ready, and that is minutes.
    says_wait: bool,
}

impl Liar {
    /// `says_wait` is only for those who were told to wait for no time at all.
    pub fn new(answers: &[u8], says_wait: bool) -> Liar {
        Liar { answers: answers.to_vec(), at: 0, left: COMMANDS_MAX, says_wait }
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let start = self.at;
        self.at = (start + count).min(self.answers.len());
        &self.answers[start..self.at]
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn number(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    fn sense(&mut self) -> Option<Sense> {
        let length = usize::from(self.byte());
        let sense = Sense::parse(self.take(length))?;
        let waits = sense.is_becoming_ready() && !self.says_wait;
        Some(Sense { ascq: if waits { 0xff } else { sense.ascq }, ..sense })
    }
}

impl Transport for Liar {
    fn execute(
        &mut self,
        _lun: u64,
        _command: &[u8],
        data: Data<'_>,
        _timeout: Duration,
    ) -> mover::Result<Outcome> {
        let is_gone = self.left == 0 || self.at >= self.answers.len();
        self.left = self.left.saturating_sub(1);
        if is_gone {
            return Err(Error::new(ErrorKind::Io, "the device is gone"));
        }
        let head = self.byte();
        let (status, sense) = match head >> 4 {
            0..8 => (0, None),
            8..14 => (0x02, self.sense()),
            14 => (self.byte(), None),
            _ => return Err(Error::new(ErrorKind::Io, "the way to the device is lost")),
        };
        // Never more than was asked for: that is what a transport promises.
        let transferred = match data {
            Data::None => 0,
            Data::Out(bytes) if head & 1 == 0 => bytes.len(),
            Data::Out(bytes) => self.number().min(bytes.len()),
            Data::In(buffer) => {
                let asked = self.number().min(buffer.len());
                let came = self.take(asked);
                buffer[..came.len()].copy_from_slice(came);
                came.len()
            }
        };
        Ok(Outcome { status, sense, transferred })
    }
}

/// A target that sends these bytes to whoever connects, and nothing more.
struct Peer {
    address: String,
    bytes: Mutex<Sender<Vec<u8>>>,
}

static PEER: LazyLock<Peer> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let (sender, receiver) = channel::<Vec<u8>>();
    std::thread::spawn(move || {
        for (stream, bytes) in listener.incoming().zip(receiver) {
            let _ = stream.and_then(|stream| serve(stream, &bytes));
        }
    });
    Peer { address: format!("iscsi://127.0.0.1:{port}/iqn.x/0"), bytes: Mutex::new(sender) }
});

fn serve(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    // What is sent to a client that is gone is of no interest.
    let _ = stream.write_all(bytes);
    stream.shutdown(Shutdown::Write)?;
    std::io::copy(&mut stream, &mut std::io::sink())?;
    Ok(())
}

/// The address of a target that sends these bytes to the next connection, and then no more.
pub fn iscsi_target(bytes: &[u8]) -> &'static str {
    let peer = &*PEER;
    let sender = peer.bytes.lock().expect("no holder panics");
    sender.send(bytes.to_vec()).expect("the target runs as long as the process");
    &peer.address
}
