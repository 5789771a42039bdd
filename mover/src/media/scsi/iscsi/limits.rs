//! What the two sides agree upon before the first command.

use crate::{Error, ErrorKind, Result};

/// What this initiator takes in one message. Large, since every message costs a system call.
pub(super) const RECEIVE: usize = 1 << 20;

/// What both sides agreed upon; before that, what the standard says where nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes that the target takes in one message.
    pub(super) send: usize,
    /// Bytes that may be sent for one transfer that the target asked for.
    pub(super) burst: usize,
    /// Bytes that may be sent before the target asked for any.
    pub(super) first_burst: usize,
    /// Data may come with the command.
    pub(super) immediate: bool,
    /// Data may follow the command before the target asked.
    pub(super) unsolicited: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            send: 8192,
            burst: 256 << 10,
            first_burst: 64 << 10,
            immediate: true,
            unsolicited: false,
        }
    }
}

/// The texts of the first stage, in which nothing is asked for but to be let in.
pub(super) fn security(initiator: &str, target: &str) -> Vec<u8> {
    text(&[
        ("InitiatorName", initiator),
        ("SessionType", "Normal"),
        ("TargetName", target),
        ("AuthMethod", "None"),
    ])
}

/// The texts of the second stage.
pub(super) fn operational() -> Vec<u8> {
    let receive = RECEIVE.to_string();
    text(&[
        ("HeaderDigest", "None"),
        ("DataDigest", "None"),
        ("MaxConnections", "1"),
        ("InitialR2T", "No"),
        ("ImmediateData", "Yes"),
        ("MaxRecvDataSegmentLength", &receive),
        ("MaxBurstLength", "16776192"),
        ("FirstBurstLength", "1048576"),
        // No connection is ever taken up again.
        ("DefaultTime2Wait", "0"),
        ("DefaultTime2Retain", "0"),
        ("MaxOutstandingR2T", "1"),
        ("DataPDUInOrder", "Yes"),
        ("DataSequenceInOrder", "Yes"),
        ("ErrorRecoveryLevel", "0"),
    ])
}

fn text(pairs: &[(&str, &str)]) -> Vec<u8> {
    pairs.iter().flat_map(|(key, value)| format!("{key}={value}\0").into_bytes()).collect()
}

impl Limits {
    /// Takes the target's answer to what was offered. What is not understood changes nothing.
    pub(super) fn take(&mut self, answer: &[u8]) -> Result<()> {
        for pair in answer.split(|byte| *byte == 0) {
            let pair = String::from_utf8_lossy(pair);
            let Some((key, value)) = pair.split_once('=') else { continue };
            let length = |least: usize| {
                value.parse::<usize>().ok().filter(|length| (least..1 << 24).contains(length))
            };
            match key {
                "MaxRecvDataSegmentLength" => self.send = length(512).unwrap_or(self.send),
                "MaxBurstLength" => self.burst = length(512).unwrap_or(self.burst),
                "FirstBurstLength" => self.first_burst = length(512).unwrap_or(self.first_burst),
                "ImmediateData" => self.immediate = value == "Yes",
                "InitialR2T" => self.unsolicited = value == "No",
                "AuthMethod" | "HeaderDigest" | "DataDigest" if value != "None" => {
                    let said = value.escape_debug();
                    let message = format!("the target wants `{key}={said}`");
                    return Err(Error::new(ErrorKind::Unsupported, message)
                        .way_out("let the target take `None`, and protect the network instead"));
                }
                _ => {}
            }
        }
        self.first_burst = self.first_burst.min(self.burst);
        Ok(())
    }
}

/// A name for this host among initiators, which access lists of targets can hold.
pub(super) fn initiator_name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().to_ascii_lowercase();
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let host: String = host.chars().filter(is_allowed).take(100).collect();
    format!("iqn.2026-01.org.mover:{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken() {
        let mut limits = Limits::default();
        limits
            .take(b"InitialR2T=No\0ImmediateData=No\0MaxRecvDataSegmentLength=65536\0Odd\0X=Y\0FirstBurstLength=16000000\0MaxBurstLength=131072\0\0\0")
            .unwrap();
        let expected = Limits {
            send: 65536,
            burst: 131_072,
            first_burst: 131_072,
            immediate: false,
            unsolicited: true,
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn senseless_lengths_change_nothing() {
        let mut limits = Limits::default();
        limits.take(b"MaxRecvDataSegmentLength=0\0MaxBurstLength=99999999999999999999\0FirstBurstLength=-1\0MaxBurstLength=Reject\0").unwrap();
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn digests_are_refused() {
        let error = Limits::default().take(b"HeaderDigest=CRC32C\0").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(Limits::default().take(b"HeaderDigest=None\0").is_ok());
    }

    #[test]
    fn the_initiator_has_a_name() {
        let name = initiator_name();
        assert!(name.starts_with("iqn.") && name.len() < 224 && name.is_ascii());
    }
}
