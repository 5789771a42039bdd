//! One session with a target: login, one command at a time, logout.
//!
//! A connection is never taken up again once it failed, because nobody could say what became of the
//! command in hand: all that follows fails, and whoever uses the device opens it anew and finds out
//! where it stands.

use std::io::IoSlice;
use std::time::Duration;

use super::address::Address;
use super::limits::{Limits, RECEIVE};
use super::pdu::{self, HEADER, Incoming, Message, NO_TAG, Numbers};
use super::wire::{Arrival, Wire};
use crate::media::scsi::{Data, Outcome};
use crate::{Error, ErrorKind, Result};

/// For connecting, logging in, and whatever the target has to say in between.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(1);
/// A target that is busy with a command still answers questions; one that does not is gone.
const SILENT_ROUNDS: u32 = 6;
/// Bytes of an answer that is no data of a command; texts and sense data are far shorter.
const ANSWER_LENGTH: usize = 64 << 10;

/// The state of a session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) wire: Wire,
    /// What people call it.
    pub(super) name: String,
    pub(super) limits: Limits,
    pub(super) numbers: Numbers,
    /// The last command that the target takes.
    pub(super) last_command: u32,
    /// After so long a silence the target is asked whether it is there.
    pub(super) patience: Duration,
    /// The tag of a question that was not answered yet, and the silent rounds since.
    pub(super) asked: Option<(u32, u32)>,
    /// Why nothing works any more.
    broken: Option<String>,
}

impl Session {
    pub(super) fn open(address: &Address, name: &str, patience: Duration) -> Result<Session> {
        let wire =
            Wire::connect(&address.host, address.port, CONNECT_TIMEOUT).map_err(|cause| {
                Error::new(ErrorKind::Io, format!("connecting to {name}"))
                    .because(cause)
                    .way_out("see whether the target runs, and whether the address is right")
            })?;
        let numbers = Numbers { tag: 0, command: 1, expected: 0 };
        let mut session = Session {
            wire,
            name: name.to_owned(),
            limits: Limits::default(),
            numbers,
            last_command: 1,
            patience,
            asked: None,
            broken: None,
        };
        // Until the login is through there is nothing to log out of.
        session.broken = Some("the login failed".to_owned());
        session.log_in(&address.target)?;
        session.broken = None;
        Ok(session)
    }

    /// Runs one command; see [`crate::media::scsi::Transport::execute`].
    pub(super) fn execute(
        &mut self,
        lun: u64,
        block: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> Result<Outcome> {
        if let Some(why) = &self.broken {
            let message = format!("the connection to {} was lost before: {why}", self.name);
            return Err(Error::new(ErrorKind::Io, message).way_out("open the device again"));
        }
        if block.len() > 16 {
            let message = format!("{}: commands of over 16 bytes are not supported", self.name);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let outcome = self.exchange(lun, block, data, timeout);
        if let Err(error) = &outcome {
            self.give_up(error);
        }
        outcome
    }

    /// Answers what the target asked while no command was running.
    pub(super) fn tend(&mut self) {
        // A target has little to say to an idle initiator.
        for _ in 0..64 {
            if self.broken.is_some() {
                return;
            }
            let tended = match self.wire.has_arrived() {
                Ok(false) => return,
                Ok(true) => self.tend_one(),
                Err(cause) => Err(self.lost(cause)),
            };
            if let Err(error) = tended {
                self.give_up(&error);
            }
        }
    }

    fn tend_one(&mut self) -> Result<()> {
        self.wire.begin(CONNECT_TIMEOUT, self.patience).map_err(|cause| self.lost(cause))?;
        match self.receive_one()? {
            None => Ok(()),
            Some(incoming) => Err(self.senseless(&incoming)),
        }
    }

    fn give_up(&mut self, error: &Error) {
        self.broken = Some(error.to_string());
        // The target takes this as the end of the session, and of the command if it still runs.
        self.wire.close();
    }

    pub(super) fn send(&mut self, header: &pdu::Header, data: &[u8]) -> Result<()> {
        let mut slices = [IoSlice::new(header), IoSlice::new(data), padding(data.len())];
        self.wire.write(&mut slices).map_err(|cause| self.lost(cause))
    }

    /// The next message that belongs to what is running.
    pub(super) fn receive(&mut self) -> Result<Incoming> {
        loop {
            if let Some(incoming) = self.receive_one()? {
                return Ok(incoming);
            }
        }
    }

    /// The next message; none where it concerned the session only, or where nothing came for long.
    pub(super) fn receive_one(&mut self) -> Result<Option<Incoming>> {
        let mut header = [0; HEADER];
        match self.wire.read_first(&mut header).map_err(|cause| self.lost(cause))? {
            Arrival::Nothing => return self.ask().map(|()| None),
            Arrival::Read => {}
        }
        let incoming = pdu::decode(&header);
        if incoming.data_length > RECEIVE {
            return Err(self.senseless(&incoming));
        }
        self.wire.skip(incoming.extra_length).map_err(|cause| self.lost(cause))?;
        if let Some(answer) = incoming.answer {
            self.numbers.expected = answer.wrapping_add(1);
        }
        let (first, last) = incoming.window;
        // A message that was overtaken by a later one says less than is known.
        if last.wrapping_sub(first).wrapping_add(1) < 1 << 31
            && last.wrapping_sub(self.last_command) < 1 << 31
        {
            self.last_command = last;
        }
        self.asked = self.asked.map(|(tag, _)| (tag, 0));
        match incoming.message {
            Message::NopIn { lun_field, target_tag } => {
                self.read_answer(&incoming)?;
                if self.asked.is_some_and(|(tag, _)| tag == incoming.tag) {
                    self.asked = None;
                }
                if target_tag != NO_TAG {
                    let numbers = Numbers { tag: NO_TAG, ..self.numbers };
                    self.send(&pdu::nop_out(lun_field, target_tag, numbers), &[])?;
                }
                Ok(None)
            }
            Message::Async { event } => {
                self.read_answer(&incoming)?;
                match event {
                    // Sense data without a command, and what vendors think up.
                    0 | 0xf8.. => Ok(None),
                    _ => Err(self.broken_rules("the target ends the session")),
                }
            }
            Message::Reject { reason } => {
                let words = pdu::reject_words(reason);
                Err(self.broken_rules(&format!("the target rejects a request: {words}")))
            }
            _ => Ok(Some(incoming)),
        }
    }

    /// Asks a silent target whether it is there.
    fn ask(&mut self) -> Result<()> {
        match &mut self.asked {
            Some((_, rounds)) => {
                *rounds += 1;
                if *rounds >= SILENT_ROUNDS {
                    return Err(self.broken_rules("the target does not answer any more"));
                }
                Ok(())
            }
            None => {
                let numbers = Numbers { tag: self.numbers.tag ^ 0x8000_0000, ..self.numbers };
                self.asked = Some((numbers.tag, 0));
                self.send(&pdu::nop_out(0, NO_TAG, numbers), &[])
            }
        }
    }

    /// The data of a message that is not the data of a command.
    pub(super) fn read_answer(&mut self, incoming: &Incoming) -> Result<Vec<u8>> {
        if incoming.data_length > ANSWER_LENGTH {
            return Err(self.senseless(incoming));
        }
        let mut answer = vec![0; incoming.data_length];
        self.read_data(&mut answer)?;
        Ok(answer)
    }

    pub(super) fn read_data(&mut self, bytes: &mut [u8]) -> Result<()> {
        let pad = padding(bytes.len()).len();
        let read = self.wire.read(bytes).and_then(|()| self.wire.skip(pad));
        read.map_err(|cause| self.lost(cause))
    }

    pub(super) fn next_tag(&mut self) {
        // The upper half is for questions.
        self.numbers.tag = (self.numbers.tag + 1) & 0x7fff_ffff;
    }

    pub(super) fn lost(&self, cause: std::io::Error) -> Error {
        Error::new(ErrorKind::Io, format!("talking to {}", self.name)).because(cause).way_out(
            "see whether the target runs and the network works, then open the device again",
        )
    }

    pub(super) fn senseless(&self, incoming: &Incoming) -> Error {
        self.broken_rules(&format!("the target sent what makes no sense here: {incoming:?}"))
    }

    pub(super) fn broken_rules(&self, what: &str) -> Error {
        Error::new(ErrorKind::Io, format!("{}: {what}", self.name))
            .way_out("look at the target's log, then open the device again")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.broken.is_some() || self.wire.begin(LOGOUT_TIMEOUT, LOGOUT_TIMEOUT).is_err() {
            return;
        }
        self.next_tag();
        if self.send(&pdu::logout(self.numbers), &[]).is_ok() {
            // The answer tells that the target let go of the device.
            let _ = self.receive();
        }
    }
}

/// Fills a data segment up to whole words.
pub(super) fn padding(length: usize) -> IoSlice<'static> {
    IoSlice::new(&[0; 3][..length.next_multiple_of(4) - length])
}
