//! The 48-byte headers of iSCSI (RFC 7143, section 11): those that an initiator sends, as
//! functions, and those that it gets, decoded. Whatever a target sends decodes to something.

use crate::media::scsi::bytes::{get, get16, get32, put};

/// Bytes of a header.
pub(super) const HEADER: usize = 48;
/// A header, as it goes over the wire.
pub(super) type Header = [u8; HEADER];

/// Stands for "none" in tags.
pub(super) const NO_TAG: u32 = 0xffff_ffff;

const IMMEDIATE: u8 = 0x40;
const FINAL: u8 = 0x80;

/// What every request carries of the state of the session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// The initiator's tag of the task.
    pub(super) tag: u32,
    /// Of the next command.
    pub(super) command: u32,
    /// The next answer that is expected.
    pub(super) expected: u32,
}

/// Which way the data of a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    None,
    In,
    Out,
}

fn request(opcode: u8, flags: u8, data_length: usize, numbers: Numbers) -> Header {
    let mut header = [0; HEADER];
    header[0] = opcode;
    header[1] = flags;
    put(&mut header, 5, 3, data_length as u64);
    put(&mut header, 16, 4, numbers.tag.into());
    put(&mut header, 24, 4, numbers.command.into());
    put(&mut header, 28, 4, numbers.expected.into());
    header
}

/// The stages of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Security = 0,
    Operational = 1,
    Full = 3,
}

pub(super) fn login(
    stage: Stage,
    next: Stage,
    session: [u8; 6],
    data_length: usize,
    numbers: Numbers,
) -> Header {
    let flags = FINAL | (stage as u8) << 2 | next as u8;
    let mut header = request(0x03 | IMMEDIATE, flags, data_length, numbers);
    header[8..14].copy_from_slice(&session);
    header
}

pub(super) fn command(
    lun: u64,
    block: &[u8],
    direction: Direction,
    expected_length: usize,
    immediate_length: usize,
    is_final: bool,
    numbers: Numbers,
) -> Header {
    const SIMPLE_TASK: u8 = 1;
    let way = match direction {
        Direction::None => 0,
        Direction::In => 0x40,
        Direction::Out => 0x20,
    };
    let flags = if is_final { FINAL } else { 0 } | way | SIMPLE_TASK;
    let mut header = request(0x01, flags, immediate_length, numbers);
    put(&mut header, 8, 8, lun_field(lun));
    put(&mut header, 20, 4, expected_length as u64);
    header[32..32 + block.len()].copy_from_slice(block);
    header
}

/// One piece of the data of a command that writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataOut {
    pub(super) lun: u64,
    /// The transfer that the target asked for; [`NO_TAG`] where it did not ask.
    pub(super) transfer: u32,
    /// Counts within a transfer.
    pub(super) number: u32,
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) is_final: bool,
}

pub(super) fn data_out(piece: DataOut, numbers: Numbers) -> Header {
    let flags = if piece.is_final { FINAL } else { 0 };
    // There is no command number in this header.
    let mut header = request(0x05, flags, piece.length, Numbers { command: 0, ..numbers });
    put(&mut header, 8, 8, lun_field(piece.lun));
    put(&mut header, 20, 4, piece.transfer.into());
    put(&mut header, 36, 4, piece.number.into());
    put(&mut header, 40, 4, piece.offset as u64);
    header
}

/// A question whether the target is there, or the answer to its own.
pub(super) fn nop_out(lun_field: u64, target_tag: u32, numbers: Numbers) -> Header {
    let mut header = request(IMMEDIATE, FINAL, 0, numbers);
    put(&mut header, 8, 8, lun_field);
    put(&mut header, 20, 4, target_tag.into());
    header
}

/// Closes the session.
pub(super) fn logout(numbers: Numbers) -> Header {
    request(0x06 | IMMEDIATE, FINAL, 0, numbers)
}

/// A logical unit's number in the form that goes over the wire.
fn lun_field(lun: u64) -> u64 {
    match lun {
        0..=0xff => lun << 48,
        0x100..=0x3fff => (0x4000 | lun) << 48,
        // Of more than one level; it is what the target's own tools print.
        _ => lun,
    }
}

/// What came in, but for its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) message: Message,
    /// The initiator's tag of the task that this belongs to.
    pub(super) tag: u32,
    /// The number of this answer, where it has one.
    pub(super) answer: Option<u32>,
    /// Commands that the target takes: the next that it expects and the last.
    pub(super) window: (u32, u32),
    /// Bytes of additional headers, which nothing here uses.
    pub(super) extra_length: usize,
    /// Bytes of data that follow.
    pub(super) data_length: usize,
}

/// The messages of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    NopIn {
        lun_field: u64,
        target_tag: u32,
    },
    /// Ends a command.
    Response {
        response: u8,
        status: u8,
        residual: Residual,
    },
    Login {
        is_last: bool,
        goes_on: bool,
        next_stage: u8,
        class: u8,
        detail: u8,
    },
    /// Data of a command that reads; the last piece may carry the status.
    DataIn {
        offset: usize,
        status: Option<(u8, Residual)>,
    },
    /// Asks for data of a command that writes.
    ReadyToTransfer {
        transfer: u32,
        offset: usize,
        length: usize,
    },
    Logout {
        response: u8,
    },
    Async {
        event: u8,
    },
    Reject {
        reason: u8,
    },
    Other {
        opcode: u8,
    },
}

/// What was not transferred of what the command asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Residual {
    None,
    /// So many bytes fewer.
    Under(u32),
    /// The device had so many bytes more.
    Over(u32),
}

fn residual(header: &Header) -> Residual {
    let count = get32(header, 44);
    match header[1] & 0x06 {
        0x02 => Residual::Under(count),
        0x04 => Residual::Over(count),
        _ => Residual::None,
    }
}

pub(super) fn decode(header: &Header) -> Incoming {
    let flags = header[1];
    let message = match header[0] & 0x3f {
        0x20 => Message::NopIn { lun_field: get(header, 8, 8), target_tag: get32(header, 20) },
        0x21 => {
            Message::Response { response: header[2], status: header[3], residual: residual(header) }
        }
        0x23 => Message::Login {
            is_last: flags & 0x80 != 0,
            goes_on: flags & 0x40 != 0,
            next_stage: flags & 0x03,
            class: header[36],
            detail: header[37],
        },
        0x25 => Message::DataIn {
            offset: get(header, 40, 4) as usize,
            status: (flags & 0x01 != 0).then(|| (header[3], residual(header))),
        },
        0x26 => Message::Logout { response: header[2] },
        0x31 => Message::ReadyToTransfer {
            transfer: get32(header, 20),
            offset: get(header, 40, 4) as usize,
            length: get(header, 44, 4) as usize,
        },
        0x32 => Message::Async { event: header[36] },
        0x3f => Message::Reject { reason: header[2] },
        opcode => Message::Other { opcode },
    };
    let is_numbered = match message {
        Message::DataIn { status, .. } => status.is_some(),
        Message::ReadyToTransfer { .. } | Message::Other { .. } => false,
        // A question of the target does not use up a number.
        Message::NopIn { .. } => get32(header, 16) != NO_TAG,
        _ => true,
    };
    Incoming {
        message,
        tag: get32(header, 16),
        answer: is_numbered.then(|| get32(header, 24)),
        window: (get32(header, 28), get32(header, 32)),
        extra_length: usize::from(header[4]) * 4,
        data_length: get(header, 5, 3) as usize,
    }
}

/// Why a request was rejected.
pub(super) fn reject_words(reason: u8) -> &'static str {
    match reason {
        0x02 => "data digest error",
        0x04 => "protocol error",
        0x05 => "command not supported",
        0x06 => "too many immediate commands",
        0x07 => "task in progress",
        0x09 => "invalid field",
        0x0a => "out of resources",
        0x0b => "negotiation reset",
        0x0c => "waiting for logout",
        _ => "no reason that is known",
    }
}

/// Why a login was refused.
pub(super) fn login_words(class: u8, detail: u8) -> &'static str {
    match (class, detail) {
        (1, _) => "the target has moved to another address",
        (2, 0x01) => "the target wants another authentication",
        (2, 0x02) => "the target does not let this initiator in",
        (2, 0x03) => "there is no such target",
        (2, 0x04) => "the target was removed",
        (2, 0x06) => "too many connections",
        (2, 0x09) => "the target does not offer sessions of this type",
        (2, _) => "the target refuses the login",
        (3, 0x01) => "the target is out of service",
        (3, 0x02) => "the target is out of resources",
        (3, _) => "the target has an error",
        _ => "an answer that is not known",
    }
}

/// The length of sense data at the beginning of the data of a response.
pub(super) fn sense_of(data: &[u8]) -> &[u8] {
    let length = usize::from(get16(data, 0));
    let rest = data.get(2..).unwrap_or_default();
    &rest[..length.min(rest.len())]
}
