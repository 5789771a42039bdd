//! What a device says about a command that did not simply succeed.

use std::fmt;

use super::bytes;
use crate::ErrorKind;

/// Sense data of either format, decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sense {
    /// The kind of failure, 0 to 15.
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier.
    pub ascq: u8,
    /// What the command defines; for tapes the difference between what was asked and what was done.
    pub information: Option<i64>,
    /// A filemark was met.
    pub filemark: bool,
    /// The tape is near its end or at it.
    pub end_of_medium: bool,
    /// A record has another length than was asked for.
    pub incorrect_length: bool,
    /// Not this command failed but one before it, which had been answered as done.
    pub deferred: bool,
}

/// Sense keys, as the standard numbers them.
pub(super) mod key {
    pub(in crate::media::scsi) const NO_SENSE: u8 = 0x0;
    pub(in crate::media::scsi) const RECOVERED: u8 = 0x1;
    pub(in crate::media::scsi) const NOT_READY: u8 = 0x2;
    pub(in crate::media::scsi) const MEDIUM_ERROR: u8 = 0x3;
    pub(in crate::media::scsi) const HARDWARE_ERROR: u8 = 0x4;
    pub(in crate::media::scsi) const ILLEGAL_REQUEST: u8 = 0x5;
    pub(in crate::media::scsi) const UNIT_ATTENTION: u8 = 0x6;
    pub(in crate::media::scsi) const DATA_PROTECT: u8 = 0x7;
    pub(in crate::media::scsi) const BLANK_CHECK: u8 = 0x8;
    pub(in crate::media::scsi) const ABORTED: u8 = 0xb;
    pub(in crate::media::scsi) const VOLUME_OVERFLOW: u8 = 0xd;
}

impl Sense {
    /// Decodes sense data; none where these bytes are none.
    pub fn parse(data: &[u8]) -> Option<Sense> {
        let code = data.first()? & 0x7f;
        let sense = match code {
            0x70 | 0x71 => fixed(data),
            0x72 | 0x73 => descriptors(data),
            _ => return None,
        };
        Some(Sense { deferred: code & 1 == 1, ..sense })
    }

    /// Key, code and qualifier, to compare with.
    pub fn code(&self) -> (u8, u8, u8) {
        (self.key, self.asc, self.ascq)
    }

    /// Whether the cartridge or disc is simply not there.
    pub fn is_no_medium(&self) -> bool {
        self.key == key::NOT_READY && self.asc == 0x3a
    }

    /// Whether waiting helps: the device loads, turns a disc up or writes its buffer.
    pub fn is_becoming_ready(&self) -> bool {
        self.key == key::NOT_READY && self.asc == 0x04 && matches!(self.ascq, 0x01 | 0x07 | 0x08)
    }

    /// What to tell the rest of the program.
    pub fn error_kind(&self) -> ErrorKind {
        match self.code() {
            (key::NOT_READY, 0x3a, _) => ErrorKind::Missing,
            (key::NOT_READY, ..) => ErrorKind::Busy,
            (key::MEDIUM_ERROR, ..) => ErrorKind::Damaged,
            (key::ILLEGAL_REQUEST, 0x25, _) => ErrorKind::Missing,
            (key::ILLEGAL_REQUEST, 0x3b, 0x0e) => ErrorKind::Missing,
            (key::ILLEGAL_REQUEST, 0x3b, 0x0d) => ErrorKind::Exists,
            (key::ILLEGAL_REQUEST, 0x30 | 0x53, _) => ErrorKind::Refused,
            (key::ILLEGAL_REQUEST, ..) => ErrorKind::Unsupported,
            (key::DATA_PROTECT, ..) => ErrorKind::Refused,
            (key::BLANK_CHECK, ..) => ErrorKind::Missing,
            (key::VOLUME_OVERFLOW, ..) => ErrorKind::Full,
            _ => ErrorKind::Io,
        }
    }

    /// What an operator can do about it.
    pub fn way_out(&self) -> &'static str {
        match self.code() {
            (key::NOT_READY, 0x3a, _) => "load a cartridge or a disc",
            (key::NOT_READY, 0x04, 0x12) => "put the drive online",
            (key::NOT_READY, ..) => "wait until the device is ready, or look at its display",
            (key::MEDIUM_ERROR, ..) => "clean the drive; if it comes again, replace the medium",
            (key::HARDWARE_ERROR, ..) => {
                "switch the device off and on; if it comes again, have it repaired"
            }
            (key::ILLEGAL_REQUEST, 0x25, _) => "check the number at the end of the address",
            (key::ILLEGAL_REQUEST, 0x3b, 0x0e | 0x0d) => "take the inventory of the library again",
            (key::ILLEGAL_REQUEST, 0x53, _) => {
                "another program locked the medium in: end it, or unload the drive first"
            }
            (key::ILLEGAL_REQUEST, 0x30, _) => "use a medium that this drive can write",
            (key::ILLEGAL_REQUEST, ..) => "use another device, or one with newer firmware",
            (key::UNIT_ATTENTION, ..) => {
                "see whether somebody else uses the device, then try again"
            }
            (key::DATA_PROTECT, 0x27, _) => {
                "slide the write-protect tab of the cartridge, or use another one"
            }
            (key::DATA_PROTECT, ..) => "use another medium",
            (key::VOLUME_OVERFLOW, ..) => "go on with another medium",
            _ => "try again",
        }
    }

    fn words(&self) -> &'static str {
        match self.code() {
            (_, 0x0c, _) => "the medium could not be written",
            (_, 0x11, _) => "the medium cannot be read here",
            (_, 0x14, _) => "a place on the medium was not found",
            (_, 0x27, _) => "the medium is write protected",
            (key::NOT_READY, 0x3a, _) => "no medium in the drive",
            (key::NOT_READY, 0x04, 0x01) => "the drive is getting ready",
            (key::NOT_READY, 0x04, 0x02) => "the medium is not loaded",
            (key::NOT_READY, 0x04, 0x03) => "the device waits for somebody to look after it",
            (key::NOT_READY, 0x04, 0x08) => "the drive is still writing",
            (key::NOT_READY, 0x30, 0x03) => "a cleaning cartridge is in the drive",
            (key::ILLEGAL_REQUEST, 0x20, _) => "the device does not know this command",
            (key::ILLEGAL_REQUEST, 0x21, _) => "there is no such place on the device",
            (key::ILLEGAL_REQUEST, 0x24 | 0x26, _) => {
                "the device does not take this form of the command"
            }
            (key::ILLEGAL_REQUEST, 0x25, _) => "there is no such logical unit",
            (_, 0x30, _) => "the drive cannot do this with this medium",
            (_, 0x3b, 0x0d) => "there is a cartridge at the destination already",
            (_, 0x3b, 0x0e) => "there is no cartridge at the source",
            (_, 0x3b, 0x11 | 0x12) => "the magazine is not there",
            (_, 0x53, 0x02) => "the medium is locked in the drive",
            (_, 0x53, _) => "the medium could not be loaded or ejected",
            (key::UNIT_ATTENTION, 0x28, _) => "the medium was changed",
            (key::UNIT_ATTENTION, 0x29, _) => "the device was reset or switched on",
            (key::UNIT_ATTENTION, 0x2a, _) => "the settings of the device were changed",
            (_, 0x00, 0x02) => "the end of the medium",
            (_, 0x00, 0x05) => "the end of the data",
            (_, 0x00, 0x01) => "a filemark",
            (key::NO_SENSE, ..) if self.end_of_medium => "near the end of the medium",
            (key::NO_SENSE, ..) if self.filemark => "a filemark",
            (key::NO_SENSE, ..) if self.incorrect_length => "a record of another length",
            (key::NO_SENSE, ..) => "nothing to report",
            (key::RECOVERED, ..) => "done after a corrected error",
            (key::NOT_READY, ..) => "the device is not ready",
            (key::MEDIUM_ERROR, ..) => "the medium is damaged",
            (key::HARDWARE_ERROR, ..) => "the device has a hardware error",
            (key::ILLEGAL_REQUEST, ..) => "the device refuses the command",
            (key::UNIT_ATTENTION, ..) => "the state of the device changed",
            (key::DATA_PROTECT, ..) => "the medium is protected",
            (key::BLANK_CHECK, ..) => "nothing is written here",
            (key::ABORTED, ..) => "the device gave the command up",
            (key::VOLUME_OVERFLOW, ..) => "the medium is full",
            _ => "an unknown failure",
        }
    }
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deferred {
            f.write_str("a command before this one failed after it was answered: ")?;
        }
        let (key, asc, ascq) = self.code();
        write!(f, "{} (sense {key:x}/{asc:02x}{ascq:02x})", self.words())
    }
}

fn fixed(data: &[u8]) -> Sense {
    let flags = data.get(2).copied().unwrap_or(0);
    let length = 8 + usize::from(data.get(7).copied().unwrap_or(0));
    let data = &data[..data.len().min(length)];
    let is_valid = data[0] & 0x80 != 0;
    Sense {
        key: flags & 0x0f,
        asc: bytes::get(data, 12, 1) as u8,
        ascq: bytes::get(data, 13, 1) as u8,
        // Negative where a record is longer than was asked for.
        information: is_valid.then(|| i64::from(bytes::get32(data, 3) as i32)),
        filemark: flags & 0x80 != 0,
        end_of_medium: flags & 0x40 != 0,
        incorrect_length: flags & 0x20 != 0,
        deferred: false,
    }
}

fn descriptors(data: &[u8]) -> Sense {
    let mut sense = Sense {
        key: bytes::get(data, 1, 1) as u8 & 0x0f,
        asc: bytes::get(data, 2, 1) as u8,
        ascq: bytes::get(data, 3, 1) as u8,
        ..Sense::default()
    };
    let end = 8 + bytes::get(data, 7, 1) as usize;
    let mut rest = data.get(8..end.min(data.len())).unwrap_or_default();
    while let [kind, length, ..] = *rest {
        let whole = (2 + usize::from(length)).min(rest.len());
        let (one, behind) = rest.split_at(whole);
        match kind {
            0x00 if one.get(2).is_some_and(|flags| flags & 0x80 != 0) => {
                sense.information = Some(bytes::get(one, 4, 8) as i64);
            }
            0x04 => {
                let flags = bytes::get(one, 3, 1);
                sense.filemark = flags & 0x80 != 0;
                sense.end_of_medium = flags & 0x40 != 0;
                sense.incorrect_length = flags & 0x20 != 0;
            }
            _ => {}
        }
        rest = behind;
    }
    sense
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_format_as_tgt_sends_it() {
        let mut data = [0u8; 18];
        data[0] = 0xf0;
        data[2] = 0x20;
        data[6] = 24;
        data[7] = 10;
        let sense = Sense::parse(&data).unwrap();
        assert_eq!(sense.information, Some(24));
        assert!(sense.incorrect_length && !sense.filemark && !sense.deferred);
        data[3..7].copy_from_slice(&[0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(Sense::parse(&data).unwrap().information, Some(-2));
    }

    #[test]
    fn descriptor_format() {
        let mut data = vec![0x73, 0x07, 0x27, 0x00, 0, 0, 0, 16];
        data.extend([0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        data.extend([0x04, 0x02, 0, 0xe0]);
        let sense = Sense::parse(&data).unwrap();
        assert_eq!(sense.code(), (7, 0x27, 0));
        assert_eq!(sense.information, Some(256));
        assert!(sense.filemark && sense.end_of_medium && sense.incorrect_length && sense.deferred);
        assert_eq!(
            sense.to_string(),
            "a command before this one failed after it was answered: \
             the medium is write protected (sense 7/2700)"
        );
    }

    #[test]
    fn any_cut_is_survived() {
        let mut data = vec![0x72, 3, 0x11, 0, 0, 0, 0, 255, 0, 0, 4, 255, 0, 12, 0x80];
        while !data.is_empty() {
            let _ = Sense::parse(&data);
            data[0] = 0x70;
            let _ = Sense::parse(&data);
            data[0] = 0x72;
            data.pop();
        }
        assert_eq!(Sense::parse(&[]), None);
        assert_eq!(Sense::parse(&[0x7f, 1, 2]), None);
    }
}
