//! The damage matrix: each kind of damage to each frame. What is hit is never taken for content,
//! and all else comes back from the media alone.

use std::ops::Range;

use format::{
    ArchiveFooter, ArchiveId, ChunkHeader, ChunkId, FrameKind, Prefix, RunFooter, RunHeader,
};

use super::{Log, Rig, check, group};
use crate::ErrorKind;
use crate::ambient::{SeededRandom, random_bytes};
use crate::media::{FakeStorage, MediumTraits, Payloads, Scan, Scanned, VolumeReader};
use crate::store::{Store, rebuild};

const SECTOR: usize = 512;

/// What is done to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// Its bytes are gone, and what was behind them has moved up.
    Deleted,
    /// The volume ends in its middle.
    Truncated,
    /// A bit turned.
    Flipped,
    /// It and the next one have changed places.
    Swapped,
    /// It is there twice.
    Duplicated,
    /// It stands at the volume's end.
    Moved,
    /// The sector in which it begins reads as zeros.
    Zeroed,
}

const ALL: [Damage; 7] = [
    Damage::Deleted,
    Damage::Truncated,
    Damage::Flipped,
    Damage::Swapped,
    Damage::Duplicated,
    Damage::Moved,
    Damage::Zeroed,
];

/// A frame, where it lies, and what hangs on it.
#[derive(Clone, Debug)]
struct Place {
    file: String,
    range: Range<usize>,
    kind: FrameKind,
    /// The chunk that it is.
    chunk: Option<ChunkId>,
    /// The run whose context it gives: of these chunks.
    run: Vec<ChunkId>,
    /// The archive that it ends.
    ends: Option<ArchiveId>,
}

fn places(storage: &FakeStorage) -> Vec<Place> {
    let mut places = Vec::new();
    for (file, _) in storage.files() {
        let reader = VolumeReader::open(storage, &file).unwrap();
        let mut scan = Scan::new(reader, 0, Payloads::Check).unwrap();
        while let Some(step) = scan.next().unwrap() {
            let Scanned::Frame { offset, frame } = step else { panic!("{step:?}") };
            let length = Prefix::LEN + frame.body.len() + frame.payload.len();
            let start = offset as usize;
            let kind = frame.prefix.kind;
            let mut place = Place {
                file: file.clone(),
                range: start..start + length,
                kind,
                chunk: None,
                run: Vec::new(),
                ends: None,
            };
            match kind {
                FrameKind::ChunkHeader => {
                    place.chunk = Some(ChunkHeader::decode(frame.body).unwrap().chunk);
                }
                FrameKind::ArchiveFooter => {
                    let footer = ArchiveFooter::decode(frame.body, frame.payload).unwrap();
                    place.ends = Some(footer.archive);
                }
                FrameKind::RunHeader => {
                    place.run = vec![RunHeader::decode(frame.body).unwrap().first];
                }
                FrameKind::RunFooter => {
                    place.run = vec![RunFooter::decode(frame.body).unwrap().header.first];
                }
                _ => {}
            }
            places.push(place);
        }
    }
    places
}

/// The volume's bytes after the damage, and which bytes of what it was are lost.
fn damaged(
    bytes: &[u8],
    at: &Range<usize>,
    next: Option<&Range<usize>>,
    damage: Damage,
) -> Option<(Vec<u8>, Range<usize>)> {
    let (before, frame, behind) = (&bytes[..at.start], &bytes[at.clone()], &bytes[at.end..]);
    let nothing = 0..0;
    Some(match damage {
        Damage::Deleted => ([before, behind].concat(), at.clone()),
        Damage::Truncated => {
            let middle = at.start + frame.len() / 2;
            (bytes[..middle].to_vec(), at.start..bytes.len())
        }
        Damage::Flipped => {
            let mut bytes = bytes.to_vec();
            bytes[at.start + frame.len() / 2] ^= 16;
            (bytes, at.clone())
        }
        Damage::Swapped => {
            let next = next?;
            let other = &bytes[next.clone()];
            ([before, other, frame, &bytes[next.end..]].concat(), nothing)
        }
        Damage::Duplicated => ([before, frame, frame, behind].concat(), nothing),
        Damage::Moved => ([before, behind, frame].concat(), nothing),
        Damage::Zeroed => {
            let start = at.start / SECTOR * SECTOR;
            let end = bytes.len().min(start + SECTOR);
            let mut bytes = bytes.to_vec();
            bytes[start..end].fill(0);
            (bytes, start..end)
        }
    })
}

/// The chunks that cannot be read; every one that can is as it was.
fn lost(store: &Store, log: &Log, what: &str) -> Vec<ChunkId> {
    let mut lost = Vec::new();
    for (chunk, payload) in &log.appended {
        match store.read_chunk(chunk) {
            Ok(read) => assert_eq!(read.payload, *payload, "{what}: {chunk}"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing),
                    "{what}: {text}"
                );
                assert!(text.contains(&chunk.to_string()), "{what}: {text}");
                lost.push(*chunk);
            }
        }
    }
    lost
}

#[test]
fn every_damage_to_every_frame_is_detected_and_costs_what_it_hits_alone() {
    let media = [MediumTraits::DISK, super::pools::TAPE, super::pools::DISC];
    let cells = media.map(cells);
    println!("{cells:?} cells");
    assert!(cells.iter().all(|cells| *cells > 300));
}

/// Each damage to each frame of a store on a medium; gives how many there were.
fn cells(traits: MediumTraits) -> usize {
    let rig = Rig::on(FakeStorage::like(traits));
    Store::create(&rig.config, &group(1)).unwrap();
    let log = rig.archive(1);
    let places = places(&rig.storage);
    let overlaps = |place: &Place, file: &str, hit: &Range<usize>| {
        place.file == file && place.range.start < hit.end && hit.start < place.range.end
    };
    let mut cells = 0;
    for (number, place) in places.iter().enumerate() {
        let next = places.get(number + 1).filter(|next| next.file == place.file);
        for damage in ALL {
            let bytes = rig.storage.bytes(&place.file);
            let next = next.map(|next| &next.range);
            let Some((bytes, hit)) = damaged(&bytes, &place.range, next, damage) else { continue };
            let what =
                format!("{damage:?} {:?} at {:?} of {}", place.kind, place.range, place.file);
            let what = format!("{what} on {:?}", traits.kind);
            let hurt = rig.with_volumes(rig.storage.kill());
            hurt.storage.replace(&place.file, bytes);
            // With the catalog as it was, what is no longer in its place may be missed.
            lost(&hurt.store(), &log, &what);
            let rebuilt = rebuild(&hurt.config);
            rebuilt.unwrap_or_else(|error| panic!("{what}: {error}"));
            let store = hurt.store();
            let is_left = |other: &&Place| !overlaps(other, &place.file, &hit);
            let left: Vec<&Place> = places.iter().filter(is_left).collect();
            for chunk in lost(&store, &log, &what) {
                let is_there = left.iter().any(|place| place.chunk == Some(chunk));
                let of_run =
                    |place: &&Place| place.run.iter().any(|first| first.archive == chunk.archive);
                let in_run = places.iter().any(|place| of_run(&place));
                let has_context = !in_run || left.iter().any(of_run);
                assert!(!is_there || !has_context, "{what}: {chunk} is not there");
            }
            let archives = store.archives().unwrap();
            for finished in &log.finished {
                let shown = archives
                    .iter()
                    .any(|record| record.header.archive == *finished && record.footer.is_some());
                let has_end = left.iter().any(|place| place.ends == Some(*finished));
                assert_eq!(shown, has_end, "{what}: {finished}");
            }
            assert!(archives.len() <= log.finished.len(), "{what}: {archives:?}");
            // Whatever is left can be gone on with.
            check(&store, &hurt.archive(2));
            cells += 1;
        }
    }
    cells
}

#[test]
fn a_bit_that_turns_in_any_byte_is_found() {
    let rig = Rig::new();
    rig.archive(1);
    let store = rig.store();
    let volumes = store.volumes().unwrap();
    let mut turned = 0;
    for place in places(&rig.storage) {
        let volume = volumes.iter().find(|it| it.file == place.file).unwrap();
        for at in place.range {
            let bit = (at % 8) as u8;
            rig.storage.flip(&place.file, at as u64, bit);
            let faults = store.check_volume(volume).unwrap();
            assert!(!faults.is_empty(), "bit {bit} of byte {at} of {:?}", place.kind);
            rig.storage.flip(&place.file, at as u64, bit);
            turned += 1;
        }
    }
    println!("{turned} bits");
    assert!(turned > 10_000);
    assert!(volumes.iter().all(|volume| store.check_volume(volume).unwrap().is_empty()));
}

#[test]
fn bits_that_turn_at_random_in_a_large_store_are_found() {
    let rig = Rig::new();
    let logs: Vec<Log> = (1..40).map(|seed| rig.archive(seed)).collect();
    let store = rig.store();
    let volumes = store.volumes().unwrap();
    let random = SeededRandom::new(1);
    let count = if std::env::var_os("MOVER_LONG").is_some() { 20_000 } else { 2_000 };
    for number in 0..count {
        let volume = &volumes[u16::from_le_bytes(random_bytes(&random)) as usize % volumes.len()];
        let at = u64::from_le_bytes(random_bytes(&random)) % volume.length;
        let bit = random_bytes::<1>(&random)[0] % 8;
        rig.storage.flip(&volume.file, at, bit);
        let faults = store.check_volume(volume).unwrap();
        assert!(!faults.is_empty(), "bit {bit} of byte {at} of {}", volume.file);
        // Nor is it restored as good; reading everything each time would take hours.
        if number % 50 == 0 {
            logs.iter().for_each(|log| drop(lost(&store, log, "a bit")));
        }
        rig.storage.flip(&volume.file, at, bit);
    }
    println!("{count} bits in {} volumes", volumes.len());
}
