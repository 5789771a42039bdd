//! Every decoder of the crate `format`: the first byte chooses one, the rest is its input.
//!
//! No bytes make one panic; and an encoding has one form only, so that what decodes encodes to the
//! very bytes that were read.
#![no_main]

use std::fmt::Debug;

use format::*;
use fuzz::{mend, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write_if_asked(seeds::format::all),
    |input: &[u8]| {
        if let Some((choice, bytes)) = input.split_first() {
            DECODERS[usize::from(*choice) % DECODERS.len()](bytes);
        }
    }
);

/// New ones are added behind the last: the corpus knows them by their places.
const DECODERS: &[fn(&[u8])] = &[
    |bytes| one_form(bytes, VolumeLabel::decode, VolumeLabel::encode),
    |bytes| one_form(bytes, VolumeFooter::decode, VolumeFooter::encode),
    |bytes| one_form(bytes, KeyGroup::decode, KeyGroup::encode),
    |bytes| one_form(bytes, Component::decode, Component::encode),
    |bytes| one_form(bytes, SessionHeader::decode, SessionHeader::encode),
    |bytes| one_form(bytes, SessionFooter::decode, SessionFooter::encode),
    |bytes| one_form(bytes, ArchiveHeader::decode, ArchiveHeader::encode),
    archive_footer,
    |bytes| one_form(bytes, ArchiveDrop::decode, ArchiveDrop::encode),
    |bytes| one_form(bytes, RunHeader::decode, RunHeader::encode),
    |bytes| one_form(bytes, RunFooter::decode, RunFooter::encode),
    |bytes| one_form(bytes, ChunkHeader::decode, ChunkHeader::encode),
    chunk_footer,
    entry,
    |bytes| one_form(bytes, EntryEnd::decode, EntryEnd::encode),
    |bytes| one_form(bytes, Finding::decode, Finding::encode),
    |bytes| {
        one_form(bytes, Run::decode_all, |runs, out| runs.iter().for_each(|run| run.encode(out)));
    },
    |bytes| {
        one_form(bytes, PageEntry::decode_all, |pages, out| {
            pages.iter().for_each(|page| page.encode(out));
        });
    },
    index_page,
    |bytes| tagged_blocks(bytes, true),
    |bytes| tagged_blocks(bytes, false),
    one_frame,
    volume,
    filters,
    magic,
    paths,
    parity,
];

fn one_form<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T>,
    encode: impl Fn(&T, &mut Vec<u8>),
) {
    let Ok(value) = decode(bytes) else { return };
    let mut again = Vec::new();
    encode(&value, &mut again);
    assert_eq!(again, bytes, "{value:?}");
    assert_eq!(decode(&again), Ok(value));
}

/// Two bytes of length in front of the first part: a body, and behind it the payload.
fn parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else { return (bytes, &[]) };
    let length = usize::from(u16::from_le_bytes(*length));
    rest.split_at(length.min(rest.len()))
}

fn archive_footer(bytes: &[u8]) {
    let (body, payload) = parts(bytes);
    let Ok(footer) = ArchiveFooter::decode(body, payload) else { return };
    let (mut again, mut lists) = (Vec::new(), Vec::new());
    footer.encode(&mut again, &mut lists);
    assert_eq!((&again[..], &lists[..]), (body, payload));
}

fn chunk_footer(bytes: &[u8]) {
    let (body, payload) = parts(bytes);
    let Ok(footer) = ChunkFooter::decode(body, payload) else { return };
    let (mut again, mut lists) = (Vec::new(), Vec::new());
    footer.encode(&mut again, &mut lists);
    assert_eq!((&again[..], &lists[..]), (body, payload));
}

fn entry(bytes: &[u8]) {
    one_form(bytes, Entry::decode, Entry::encode);
    let Ok(entry) = Entry::decode(bytes) else { return };
    assert_eq!(entry.encoded_length(), bytes.len());
    if entry.path_is_safe() {
        let is_way_out = |name: &[u8]| name.is_empty() || name == b"." || name == b"..";
        let names = entry.path.split(|byte| *byte == b'/');
        assert!(entry.path.is_empty() || !names.into_iter().any(is_way_out));
        assert!(!entry.path.contains(&0));
    }
}

/// A page may name a chunk that no entry needs, or in another order: only values come again.
fn index_page(bytes: &[u8]) {
    let Ok(entries) = index_entries(bytes) else { return };
    let entries: Vec<IndexEntry> = entries.flatten().collect();
    let (mut page, mut plain) = (IndexPageWriter::default(), Vec::new());
    for entry in &entries {
        assert!(entry.extents.len() <= limits::EXTENT_COUNT_MAX);
        let total: u128 = entry.extents.iter().map(|it| u128::from(it.length())).sum();
        assert!(total <= u128::from(limits::CONTENT_LENGTH_MAX));
        page.push(entry);
    }
    let length = page.encoded_length();
    let of_page = page.finish(&mut plain);
    assert_eq!((plain.len(), of_page.entry_count as usize), (length, entries.len()));
    let again: Result<Vec<IndexEntry>> = index_entries(&plain).and_then(|again| again.collect());
    assert_eq!(again, Ok(entries));
}

fn tagged_blocks(bytes: &[u8], is_mended: bool) {
    let mut plain = bytes.to_vec();
    if is_mended {
        mend::blocks(&mut plain);
    }
    let mut again = Vec::new();
    for tagged in blocks(&plain) {
        let Ok(tagged) = tagged else { return };
        tagged.tag.encode(&tagged.options, &mut again);
        again.extend_from_slice(tagged.block);
        let _ = (tagged.options.require_known(&[FilterRecord::OPTION]), tagged.hole_length());
        let _ = FilterRecord::all(&tagged.options);
        match tagged.tag.kind {
            TagKind::Entry => entry(tagged.block),
            TagKind::Reference => drop(Run::decode_all(tagged.block)),
            TagKind::End => drop(EntryEnd::decode(tagged.block)),
            TagKind::Metadata => {
                let found = tagged.options.get(Finding::OPTION).map(Finding::decode);
                found.for_each(drop);
            }
            TagKind::Data | TagKind::Hole => {}
        }
    }
    assert_eq!(again, plain);
}

fn one_frame(bytes: &[u8]) {
    if let Ok(prefix) = Prefix::decode(bytes) {
        assert_eq!(prefix.encode(), bytes[..Prefix::LEN]);
        let _ = (prefix.check_body(bytes), prefix.check_payload(bytes));
    }
    let Ok((frame, rest)) = Frame::decode(bytes) else { return };
    assert_eq!(frame.prefix.frame_length(), (bytes.len() - rest.len()) as u64);
}

fn volume(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    mend::volume(&mut bytes);
    let mut rest = &bytes[..];
    while let Ok((frame, behind)) = Frame::decode(rest) {
        let mut again = Vec::new();
        Frame::encode(frame.prefix.kind, frame.body, frame.payload, &mut again);
        assert_eq!(again, rest[..rest.len() - behind.len()]);
        body(&frame);
        rest = behind;
    }
}

fn body(frame: &Frame<'_>) {
    let place = match frame.prefix.kind {
        FrameKind::VolumeLabel => 0,
        FrameKind::VolumeFooter => 1,
        FrameKind::KeyGroup => 2,
        FrameKind::Component => 3,
        FrameKind::SessionHeader => 4,
        FrameKind::SessionFooter => 5,
        FrameKind::ArchiveHeader => 6,
        FrameKind::ArchiveDrop => 8,
        FrameKind::RunHeader => 9,
        FrameKind::RunFooter => 10,
        FrameKind::ChunkHeader => {
            tagged_blocks(frame.payload, false);
            index_page(frame.payload);
            11
        }
        FrameKind::ArchiveFooter => {
            let _ = ArchiveFooter::decode(frame.body, frame.payload);
            return;
        }
        FrameKind::ChunkFooter => {
            let _ = ChunkFooter::decode(frame.body, frame.payload);
            return;
        }
        FrameKind::Padding => return,
    };
    DECODERS[place](frame.body);
}

/// The option's value decides: it is put where a reader finds it.
fn filters(bytes: &[u8]) {
    if bytes.len() > limits::OPTIONS_LENGTH_MAX / 2 {
        return;
    }
    let mut options = Options::default();
    options.push(FilterRecord::OPTION, bytes);
    let Ok(filters) = FilterRecord::all(&options) else { return };
    let mut again = Options::default();
    filters.iter().for_each(|filter| filter.push_to(&mut again));
    assert_eq!(again, options);
}

fn magic(bytes: &[u8]) {
    let whole = bytes.windows(MAGIC.len()).position(|window| window == MAGIC);
    let found = find_magic(bytes);
    assert!(found.is_none_or(|at| at < bytes.len()));
    assert!(whole.is_none_or(|whole| found == Some(whole)), "{found:?} {whole:?}");
}

fn paths(bytes: &[u8]) {
    let (left, right) = parts(bytes);
    let order = compare_paths(left, right);
    assert_eq!(compare_paths(right, left), order.reverse());
    assert_eq!(order.is_eq(), left == right);
    // A folder comes before what is in it.
    let below = [left, b"/", right].concat();
    assert!(compare_paths(left, &below).is_lt());
}

/// A body whose checksum is right, and behind it the table.
fn parity(bytes: &[u8]) {
    let (body, table) = parts(bytes);
    let mut header = PARITY_MAGIC.to_vec();
    header.extend_from_slice(&1u16.to_le_bytes());
    header.extend_from_slice(&u32::try_from(body.len()).expect("an input is short").to_le_bytes());
    header.extend_from_slice(&checksum(body).to_le_bytes());
    header.extend_from_slice(body);
    let Ok(decoded) = ParityHeader::decode(&header) else { return };
    let mut again = Vec::new();
    decoded.encode(&mut again);
    assert_eq!(again, header);
    assert_eq!(decoded.len(), header.len());
    assert!(decoded.file_length() > decoded.column_length());
    let _ = ParityTable::decode(&decoded, table);
}
