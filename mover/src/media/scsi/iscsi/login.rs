//! The first two steps of a session: being let in, and agreeing upon limits.

use super::limits;
use super::pdu::{self, Message, Stage};
use super::session::{CONNECT_TIMEOUT, Session};
use crate::{Error, ErrorKind, Result};

/// A login that takes more rounds gets nowhere.
const ROUNDS: usize = 16;

impl Session {
    pub(super) fn log_in(&mut self, target: &str) -> Result<()> {
        let mut random = [0; 3];
        getrandom::fill(&mut random).map_err(|cause| {
            Error::new(ErrorKind::Io, "getting random bytes").because(cause.to_string())
        })?;
        // The first bits say that the number is random. It keeps two sessions of one initiator
        // apart: with the same one the later session would end the earlier.
        let session = [0x80, random[0], random[1], random[2], 0, 0];
        self.wire.begin(CONNECT_TIMEOUT, CONNECT_TIMEOUT).map_err(|cause| self.lost(cause))?;
        let texts = limits::security(&limits::initiator_name(), target);
        self.log_in_stage(Stage::Security, Stage::Operational, session, &texts)?;
        self.log_in_stage(Stage::Operational, Stage::Full, session, &limits::operational())
    }

    fn log_in_stage(
        &mut self,
        stage: Stage,
        next: Stage,
        session: [u8; 6],
        texts: &[u8],
    ) -> Result<()> {
        let mut texts = texts;
        let mut answer = Vec::new();
        for _ in 0..ROUNDS {
            let header = pdu::login(stage, next, session, texts.len(), self.numbers);
            self.send(&header, texts)?;
            texts = &[];
            let incoming = self.receive()?;
            let Message::Login { is_last, goes_on, next_stage, class, detail } = incoming.message
            else {
                return Err(self.senseless(&incoming));
            };
            answer.extend(self.read_answer(&incoming)?);
            if class != 0 {
                return Err(self.refused(class, detail));
            }
            if goes_on {
                continue;
            }
            self.limits.take(&answer)?;
            answer.clear();
            if is_last && next_stage == next as u8 {
                return Ok(());
            }
        }
        Err(self.broken_rules("the login comes to no end"))
    }

    fn refused(&self, class: u8, detail: u8) -> Error {
        let kind = match (class, detail) {
            (2, 0x03 | 0x04) => ErrorKind::Missing,
            (2, _) => ErrorKind::Refused,
            (3, _) => ErrorKind::Busy,
            _ => ErrorKind::Unsupported,
        };
        let words = pdu::login_words(class, detail);
        let message = format!("logging in to {}: {words} ({class:02x}{detail:02x})", self.name);
        let way_out = match class {
            1 => "use the address that the target has now".to_owned(),
            2 if detail == 0x03 || detail == 0x04 => "check the target's name".to_owned(),
            2 => format!("let the initiator {} in, without a password", limits::initiator_name()),
            _ => "look at the target's log".to_owned(),
        };
        Error::new(kind, message).way_out(way_out)
    }
}
