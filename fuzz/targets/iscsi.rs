//! A target over iSCSI that lies: a login and answers to commands, as the bytes say.
//!
//! Apart from `tape`, since a connection takes longer than all that is tried there.
#![no_main]

use std::time::Duration;

use fuzz::device::iscsi_target;
use fuzz::seeds;
use libfuzzer_sys::fuzz_target;
use mover::media::scsi::{Data, IscsiTransport, Transport};

fuzz_target!(init: seeds::write_if_asked(seeds::tape::iscsi), |input: &[u8]| talk(input));

/// Sent in one go, so that nothing is waited for: a login, as the bytes say, and an answer.
fn talk(bytes: &[u8]) {
    let patience = Duration::from_secs(5);
    let opened = IscsiTransport::open_with_patience(iscsi_target(bytes), patience);
    let Ok((mut transport, lun)) = opened else { return };
    let mut buffer = [0; 4096];
    let data = match bytes.last().map_or(0, |byte| byte % 3) {
        0 => Data::In(&mut buffer),
        1 => Data::Out(&[7; 100_000]),
        _ => Data::None,
    };
    if let Ok(outcome) = transport.execute(lun, &[0x12, 0, 0, 0, 0, 0], data, patience) {
        assert!(outcome.transferred <= 100_000);
    }
    let _ = transport.execute(lun, &[0; 6], Data::None, patience);
}
