//! What movers say to each other: the first byte chooses what the rest is read as.
//!
//! A message that was understood is the same when it is said again, and so are the records in it.
#![no_main]

use std::fmt::Debug;

use fuzz::seeds;
use libfuzzer_sys::fuzz_target;
use mover::net::wire::{
    ArchiveInfo, EndInfo, FaultInfo, Greeting, LENGTHS_LENGTH, Lengths, MESSAGE_LENGTH_MAX,
    PAYLOAD_LENGTH_MAX, PlaceInfo, Reply, Request, SessionInfo, VolumeInfo, chunk_id, chunk_key,
    decode, encode, error_of,
};
use mover::net::{Address, Fingerprint, with_port};
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(init: seeds::write_if_asked(seeds::protocol::all), |input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    match choice % 6 {
        0 => drop(said_again::<Request>(bytes)),
        1 => reply(bytes, &[]),
        2 => archives(bytes),
        3 => greeting(bytes),
        4 => lengths(bytes),
        _ => texts(bytes),
    }
});

fn said_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let message = decode::<T>(bytes).ok()?;
    let again = encode(&message, 0).expect("it is no longer than it was");
    let (head, again) = again.split_first_chunk::<LENGTHS_LENGTH>().expect("lengths come first");
    let lengths = Lengths::decode(head).expect("they are within the limits");
    assert_eq!((lengths.message, lengths.payload), (again.len(), 0));
    assert_eq!(decode::<T>(again).expect("it was just said"), message);
    Some(message)
}

/// A reply, and what comes behind it.
fn reply(bytes: &[u8], behind: &[u8]) {
    let Some(reply) = said_again::<Reply>(bytes) else { return };
    match reply {
        Reply::Archives { archives, .. } => {
            let mut lists = behind;
            archives.into_iter().for_each(|info| archive(info, &mut lists));
        }
        Reply::Sessions { sessions, .. } => {
            for record in sessions.into_iter().filter_map(|info| info.record().ok()) {
                assert_eq!(SessionInfo::new(&record).record().ok(), Some(record));
            }
        }
        Reply::VolumeChunks { places, .. } => places.iter().for_each(place),
        Reply::Places { places } => places.iter().flatten().for_each(place),
        Reply::Chunk { place: info } => place(&info),
        Reply::Volumes { volumes } => {
            for record in volumes.into_iter().map(VolumeInfo::record) {
                assert_eq!(VolumeInfo::new(record.clone()).record(), record);
            }
        }
        Reply::Faults { faults } => {
            for fault in faults.iter().map(FaultInfo::fault) {
                assert_eq!(FaultInfo::new(&fault).fault(), fault);
                let _ = (fault.to_string(), fault.is_loss());
            }
        }
        Reply::Unfinished { ends: Some(ends) } | Reply::Begun { ends, .. } => {
            assert!(ends.iter().all(|end| EndInfo::new(&end.end()) == *end));
        }
        Reply::Blocks { blocks } => {
            let keys = blocks.iter().flatten().map(|(key, ..)| key);
            keys.for_each(|key| assert_eq!(chunk_key(&chunk_id(key)), *key));
        }
        Reply::Failed { kind, message, way_out } => {
            let error = error_of(kind, message, way_out);
            let said = [error.to_string(), error.hint().unwrap_or_default().to_owned()];
            assert!(!said.concat().contains(char::is_control), "{said:?}");
            let Reply::Failed { kind, message, way_out } = Reply::failed(&error) else {
                panic!("a failure is told as one");
            };
            assert_eq!(error_of(kind, message, way_out).kind(), error.kind());
        }
        _ => {}
    }
}

fn place(info: &PlaceInfo) {
    assert_eq!(PlaceInfo::new(&info.place()).place(), info.place());
    let _ = info.place().chunk.to_string();
}

fn archive(info: ArchiveInfo, lists: &mut &[u8]) {
    let before = *lists;
    let Ok(record) = info.record(lists) else { return };
    let taken = &before[..before.len() - lists.len()];
    let mut again = Vec::new();
    let info = ArchiveInfo::new(&record, &mut again);
    assert_eq!(again, taken);
    assert_eq!(info.record(&mut &again[..]).ok(), Some(record));
}

/// A reply behind two bytes of its length, and the lists that come with it.
fn archives(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length));
    let (message, behind) = rest.split_at(length.min(rest.len()));
    reply(message, behind);
}

fn greeting(bytes: &[u8]) {
    let Some(bytes) = bytes.first_chunk() else { return };
    let Ok(greeting) = Greeting::decode(bytes) else { return };
    assert_eq!(greeting.encode(), *bytes);
    let own = Greeting::own();
    assert_eq!(own.agree(&greeting).ok(), greeting.agree(&own).ok());
    if let Ok(version) = own.agree(&greeting) {
        assert!(version <= greeting.highest && version >= greeting.lowest);
    }
}

fn lengths(bytes: &[u8]) {
    let Some(Ok(lengths)) = bytes.first_chunk().map(Lengths::decode) else { return };
    assert!(lengths.message <= MESSAGE_LENGTH_MAX as usize);
    assert!(lengths.payload <= PAYLOAD_LENGTH_MAX as usize);
}

/// What people type and what stands in files: addresses and fingerprints.
fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(&address.to_string()).ok(), Some(address));
    }
    let _ = with_port(text);
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse::<Fingerprint>().ok(), Some(fingerprint));
    }
}
