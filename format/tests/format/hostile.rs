//! No bytes make a decoder panic, reserve what is not there, or read what cannot be written again.
//!
//! Method: any bytes at all (proptest), and valid bytes damaged by a seeded generator, whose
//! checksums are made right again so that the damage gets past them. `MOVER_FUZZ_ITERATIONS`
//! makes the loop longer, `MOVER_FUZZ_SEED` another one; a failure names its iteration.

use format::*;
use proptest::prelude::*;

use crate::fixture;

type Parts = (Vec<u8>, Vec<u8>);

/// Decodes a frame's body and payload by its kind, and encodes them again.
pub(crate) fn decode_frame(frame: &Frame<'_>) -> Result<Parts> {
    let (mut body, mut payload) = (Vec::new(), Vec::new());
    match frame.prefix.kind {
        FrameKind::Padding if frame.body.is_empty() => payload.extend_from_slice(frame.payload),
        FrameKind::Padding => {
            return Err(Error::Invalid { what: "padding", rule: "it has no body" });
        }
        FrameKind::VolumeLabel => VolumeLabel::decode(frame.body)?.encode(&mut body),
        FrameKind::VolumeFooter => VolumeFooter::decode(frame.body)?.encode(&mut body),
        FrameKind::KeyGroup => KeyGroup::decode(frame.body)?.encode(&mut body),
        FrameKind::Component => {
            Component::decode(frame.body)?.encode(&mut body);
            payload = frame.payload.to_vec();
        }
        FrameKind::SessionHeader => SessionHeader::decode(frame.body)?.encode(&mut body),
        FrameKind::SessionFooter => SessionFooter::decode(frame.body)?.encode(&mut body),
        FrameKind::ArchiveHeader => ArchiveHeader::decode(frame.body)?.encode(&mut body),
        FrameKind::ArchiveFooter => {
            ArchiveFooter::decode(frame.body, frame.payload)?.encode(&mut body, &mut payload);
        }
        FrameKind::ArchiveDrop => ArchiveDrop::decode(frame.body)?.encode(&mut body),
        FrameKind::RunHeader => RunHeader::decode(frame.body)?.encode(&mut body),
        FrameKind::RunFooter => RunFooter::decode(frame.body)?.encode(&mut body),
        FrameKind::ChunkHeader => {
            ChunkHeader::decode(frame.body)?.encode(&mut body);
            payload = frame.payload.to_vec();
        }
        FrameKind::ChunkFooter => {
            ChunkFooter::decode(frame.body, frame.payload)?.encode(&mut body, &mut payload);
        }
    }
    Ok((body, payload))
}

const KINDS: [FrameKind; 13] = [
    FrameKind::VolumeLabel,
    FrameKind::VolumeFooter,
    FrameKind::KeyGroup,
    FrameKind::Component,
    FrameKind::SessionHeader,
    FrameKind::SessionFooter,
    FrameKind::ArchiveHeader,
    FrameKind::ArchiveFooter,
    FrameKind::ArchiveDrop,
    FrameKind::RunHeader,
    FrameKind::RunFooter,
    FrameKind::ChunkHeader,
    FrameKind::ChunkFooter,
];

/// What decodes has one form only: that which was read. A body of another kind has no payload.
fn check_frame(kind: FrameKind, body: &[u8], payload: &[u8]) {
    let frame = Frame { prefix: Prefix::new(kind, body, payload), body, payload };
    if let Ok((body_again, payload_again)) = decode_frame(&frame) {
        assert_eq!(body_again, body, "{kind:?}");
        assert!(payload_again == payload || payload_again.is_empty(), "{kind:?}");
    }
}

/// Every decoder that takes bytes.
fn decode_everything(bytes: &[u8]) {
    KINDS.into_iter().for_each(|kind| {
        check_frame(kind, bytes, bytes);
        check_frame(kind, bytes, &[]);
    });
    // The lists of footers come in payloads: a sound body lets them be reached.
    for (_, frame) in fixture::frames() {
        let (frame, _) = Frame::decode(&frame).expect("whole");
        check_frame(frame.prefix.kind, frame.body, bytes);
    }
    if let Ok((frame, rest)) = Frame::decode(bytes) {
        assert_eq!(frame.prefix.frame_length() as usize + rest.len(), bytes.len());
    }
    if let Ok(prefix) = Prefix::decode(bytes) {
        assert_eq!(prefix.encode(), bytes[..Prefix::LEN]);
        let _ = (prefix.check_body(bytes), prefix.check_payload(bytes));
    }
    decode_parity(bytes);
    decode_plain(bytes);
    if let Some(at) = find_magic(bytes) {
        assert!(at < bytes.len());
    }
}

/// Any bytes at all, and as a body whose checksum is right.
fn decode_parity(bytes: &[u8]) {
    let mut wrapped = PARITY_MAGIC.to_vec();
    wrapped.extend_from_slice(&1u16.to_le_bytes());
    wrapped.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_le_bytes());
    wrapped.extend_from_slice(&checksum(bytes).to_le_bytes());
    wrapped.extend_from_slice(bytes);
    for bytes in [bytes, &wrapped] {
        if let Ok(header) = ParityHeader::decode(bytes) {
            let mut again = Vec::new();
            header.encode(&mut again);
            assert_eq!(again, bytes[..header.len()]);
            let _ = ParityTable::decode(&header, bytes);
        }
    }
}

/// The decoders of what lies inside a chunk.
fn decode_plain(bytes: &[u8]) {
    let mut again = Vec::new();
    let mut whole = true;
    for tagged in blocks(bytes) {
        let Ok(tagged) = tagged else {
            whole = false;
            break;
        };
        tagged.tag.encode(&tagged.options, &mut again);
        again.extend_from_slice(tagged.block);
        let _ = tagged.options.require_known(&[]);
        let _ = tagged.hole_length();
        decode_block(tagged.block);
    }
    assert!(!whole || again == bytes);
    decode_block(bytes);
    let _ = index_entries(bytes).map(|entries| {
        for entry in entries.flatten() {
            assert!(entry.extents.len() <= limits::EXTENT_COUNT_MAX);
            assert!(entry.extents.iter().map(Extent::length).sum::<u64>() <= 1 << 63);
            let mut again = IndexPageWriter::default();
            again.push(&entry);
            let _ = (again.encoded_length(), entry.entry.path_is_safe());
        }
    });
}

fn decode_block(bytes: &[u8]) {
    let check = |again: Vec<u8>| assert_eq!(again, bytes);
    if let Ok(entry) = Entry::decode(bytes) {
        let mut again = Vec::new();
        entry.encode(&mut again);
        assert_eq!(again.len(), entry.encoded_length());
        check(again);
    }
    if let Ok(end) = EntryEnd::decode(bytes) {
        let mut again = Vec::new();
        end.encode(&mut again);
        check(again);
    }
    if let Ok(finding) = Finding::decode(bytes) {
        let mut again = Vec::new();
        finding.encode(&mut again);
        check(again);
    }
    if let Ok(runs) = Run::decode_all(bytes) {
        let mut again = Vec::new();
        runs.iter().for_each(|run| run.encode(&mut again));
        check(again);
    }
    if let Ok(pages) = PageEntry::decode_all(bytes) {
        let mut again = Vec::new();
        pages.iter().for_each(|page| page.encode(&mut again));
        check(again);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_make_no_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_everything(&bytes);
    }

    #[test]
    fn small_numbers_make_no_decoder_panic(bytes in prop::collection::vec(0_u8..4, 0..600)) {
        // Lengths and counts that are nearly right get further than any bytes do.
        decode_everything(&bytes);
    }
}

/// SplitMix64: a seed replays a run.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One to three changes of the kinds that break readers.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[at] = self.next() as u8,
                2 => bytes.truncate(at),
                3 => bytes.insert(at, self.next() as u8),
                4 => drop(bytes.drain(at..(at + self.below(9)).min(bytes.len()))),
                5 if bytes.len() >= at + 4 => {
                    let extremes = [0, 1, u32::MAX, u32::MAX - 1, 1 << 31, 1 << 24, 1 << 16];
                    let value: u32 = extremes[self.below(extremes.len())];
                    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
                }
                _ => {
                    let copy = bytes[at..(at + self.below(40)).min(bytes.len())].to_vec();
                    bytes.extend_from_slice(&copy);
                }
            }
        }
    }
}

fn variable(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Makes the checksums of tagged blocks right again, as far as their lengths can be followed.
fn mend_blocks(plain: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = plain.get(at..at + TagHeader::LEN) {
        let u32_at = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("4 bytes")) as usize;
        let (flags, length) = (header[1], u32_at(&header[24..28]));
        let mut start = at + TagHeader::LEN;
        if flags & 1 != 0 {
            let Some(options) = plain.get(start..start + 4) else { return };
            start += 4 + u32_at(options);
        }
        let Some(block) = plain.get(start..start + length) else { return };
        let crc = checksum(block);
        plain[at + 28..at + 32].copy_from_slice(&crc.to_le_bytes());
        at = start + length;
    }
}

#[test]
fn damaged_frames_make_no_decoder_panic() {
    let iterations = variable("MOVER_FUZZ_ITERATIONS", 20_000);
    let seed = variable("MOVER_FUZZ_SEED", 0x6d6f_7665_7200);
    let frames = fixture::frames();
    let tiny = fixture::tiny().volume;
    let mut plains: Vec<Vec<u8>> = Vec::new();
    let mut rest = tiny.as_slice();
    while !rest.is_empty() {
        let (frame, behind) = Frame::decode(rest).expect("whole");
        if frame.prefix.kind == FrameKind::ChunkHeader {
            plains.push(frame.payload.to_vec());
        }
        rest = behind;
    }
    for iteration in 0..iterations {
        let mut generator = Generator(seed ^ iteration.wrapping_mul(0xd134_2543_de82_ef95));
        let choice = generator.below(usize::MAX);
        let (frames, plains) = (&frames, &plains);
        // So that a failure says which iteration it was.
        let outcome = std::panic::catch_unwind(move || {
            let (_, frame) = &frames[choice % frames.len()];
            let (whole, _) = Frame::decode(frame).expect("whole");
            let (mut body, mut payload) = (whole.body.to_vec(), whole.payload.to_vec());
            generator.damage(&mut body);
            generator.damage(&mut payload);
            check_frame(whole.prefix.kind, &body, whole.payload);
            check_frame(whole.prefix.kind, whole.body, &payload);
            let mut bytes = frame.clone();
            generator.damage(&mut bytes);
            if let Ok((frame, _)) = Frame::decode(&bytes) {
                let _ = decode_frame(&frame);
            }
            let mut plain = plains[choice % plains.len()].clone();
            generator.damage(&mut plain);
            decode_plain(&plain);
            mend_blocks(&mut plain);
            decode_plain(&plain);
        });
        assert!(outcome.is_ok(), "iteration {iteration} of seed {seed:#x}");
    }
}
