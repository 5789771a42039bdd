//! Encoding and decoding undo one another, for values of every type.

use std::cmp::Ordering;

use format::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fixture::put_block;
use crate::strategy;

macro_rules! round_trips {
    ($($name:ident: $value:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig {
                failure_persistence: None,
                ..ProptestConfig::with_cases(128)
            })]
            $(
                #[test]
                fn $name(value in $value) {
                    let mut bytes = Vec::new();
                    value.encode(&mut bytes);
                    check(&value, &bytes, |bytes| Decode::decode(bytes))?;
                }
            )*
        }
    };
}

/// What has one body and nothing else.
trait Decode: Sized {
    fn decode(bytes: &[u8]) -> Result<Self>;
}

macro_rules! decodes {
    ($($name:ident)*) => {
        $(
            impl Decode for $name {
                fn decode(bytes: &[u8]) -> Result<$name> {
                    $name::decode(bytes)
                }
            }
        )*
    };
}

decodes! {
    VolumeLabel VolumeFooter KeyGroup Component SessionHeader SessionFooter ArchiveHeader
    ArchiveDrop RunHeader RunFooter ChunkHeader EntryEnd Entry Finding
}

/// The value comes back; no shorter bytes and no longer ones are taken for it.
fn check<T: PartialEq + std::fmt::Debug>(
    value: &T,
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T>,
) -> std::result::Result<(), TestCaseError> {
    let decoded = decode(bytes);
    prop_assert_eq!(decoded.as_ref(), Ok(value));
    for length in [0, bytes.len() / 2, bytes.len() - 1] {
        prop_assert!(decode(&bytes[..length]).is_err());
    }
    prop_assert!(decode(&[bytes, &[0]].concat()).is_err());
    Ok(())
}

round_trips! {
    volume_labels_round_trip: strategy::label();
    volume_footers_round_trip: strategy::volume_footer();
    key_groups_round_trip: strategy::key_group();
    components_round_trip: strategy::component();
    session_headers_round_trip: strategy::session_header();
    session_footers_round_trip: strategy::session_footer();
    archive_headers_round_trip: strategy::archive_header();
    archive_drops_round_trip: strategy::archive_drop();
    run_headers_round_trip: strategy::run_header();
    run_footers_round_trip: strategy::run_footer();
    chunk_headers_round_trip: strategy::chunk_header();
    ends_of_entries_round_trip: strategy::entry_end();
    entries_round_trip: strategy::entry();
    findings_round_trip: strategy::finding();
}

/// The order that `compare_paths` promises, said another way.
fn by_component(left: &[u8], right: &[u8]) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.len().min(1).cmp(&right.len().min(1));
    }
    left.split(|byte| *byte == b'/').cmp(right.split(|byte| *byte == b'/'))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(128)
    })]

    #[test]
    fn archive_footers_round_trip(footer in strategy::archive_footer()) {
        let (mut body, mut payload) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut payload);
        check(&footer, &body, |body| ArchiveFooter::decode(body, &payload))?;
        check(&footer, &payload, |payload| ArchiveFooter::decode(&body, payload))?;
    }

    #[test]
    fn chunk_footers_round_trip(footer in strategy::chunk_footer()) {
        let (mut body, mut payload) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut payload);
        check(&footer, &body, |body| ChunkFooter::decode(body, &payload))?;
        check(&footer, &payload, |payload| ChunkFooter::decode(&body, payload))?;
    }

    #[test]
    fn reference_blocks_round_trip(runs in vec(strategy::run(), 1..5)) {
        let mut bytes = Vec::new();
        runs.iter().for_each(|run| run.encode(&mut bytes));
        prop_assert_eq!(bytes.len(), runs.len() * Run::LEN);
        prop_assert_eq!(Run::decode_all(&bytes), Ok(runs));
        prop_assert!(Run::decode_all(&bytes[1..]).is_err());
    }

    #[test]
    fn index_pages_round_trip(entries in vec(strategy::index_entry(), 0..6)) {
        let mut page = IndexPageWriter::default();
        entries.iter().for_each(|entry| page.push(entry));
        let (length, mut plain) = (page.encoded_length(), Vec::new());
        let of_page = page.finish(&mut plain);
        prop_assert!(page.is_empty());
        prop_assert_eq!(plain.len(), length);
        prop_assert_eq!(of_page.entry_count as usize, entries.len());
        let first = entries.first().map(|entry| entry.entry.path.clone()).unwrap_or_default();
        prop_assert_eq!(&of_page.first_path, &first);
        let read = index_entries(&plain).and_then(|entries| entries.collect::<Result<Vec<_>>>());
        prop_assert_eq!(read, Ok(entries));
        let mut root = Vec::new();
        of_page.encode(&mut root);
        of_page.encode(&mut root);
        prop_assert_eq!(PageEntry::decode_all(&root), Ok(vec![of_page.clone(), of_page]));
    }

    #[test]
    fn tagged_blocks_round_trip(
        written in vec(
            (any::<u64>(), any::<u32>(), vec(any::<u8>(), 1..40), strategy::options()),
            0..6,
        )
    ) {
        let mut plain = Vec::new();
        for (entry, block, bytes, options) in &written {
            let place = (entry | 1, *block, entry >> 1);
            put_block(TagKind::Data, place, bytes, options, &mut plain);
        }
        let read: Vec<_> = blocks(&plain).collect::<Result<_>>().expect("what was written");
        prop_assert_eq!(read.len(), written.len());
        for (tagged, (entry, block, bytes, options)) in read.iter().zip(&written) {
            prop_assert_eq!((tagged.tag.entry, tagged.tag.offset), (entry | 1, entry >> 1));
            prop_assert_eq!((tagged.tag.block, tagged.block), (*block, bytes.as_slice()));
            prop_assert_eq!(&tagged.options, options);
        }
    }

    #[test]
    fn frames_round_trip(
        body in vec(any::<u8>(), 0..60),
        payload in vec(any::<u8>(), 0..60),
        behind in vec(any::<u8>(), 0..9),
    ) {
        let mut bytes = vec![];
        Frame::encode(FrameKind::Component, &body, &payload, &mut bytes);
        let length = bytes.len();
        bytes.extend_from_slice(&behind);
        let (frame, rest) = Frame::decode(&bytes).expect("what was written");
        prop_assert_eq!((frame.body, frame.payload, rest), (&body[..], &payload[..], &behind[..]));
        prop_assert_eq!(frame.prefix.frame_length(), length as u64);
        for short in 0..length {
            let truncated = matches!(Frame::decode(&bytes[..short]), Err(Error::Truncated { .. }));
            prop_assert!(truncated);
        }
        for at in 0..length {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            prop_assert!(Frame::decode(&damaged).is_err());
        }
    }

    #[test]
    fn paths_are_compared_by_component(left in strategy::path(), right in strategy::path()) {
        prop_assert_eq!(compare_paths(&left, &right), by_component(&left, &right));
        prop_assert_eq!(compare_paths(&right, &left), by_component(&left, &right).reverse());
    }

    #[test]
    fn the_first_magic_is_found(noise in vec(prop::sample::select(&MAGIC[..]), 0..40)) {
        let bytes = [&noise[..], &MAGIC, &noise].concat();
        let whole = bytes.windows(MAGIC.len()).position(|window| window == MAGIC);
        prop_assert_eq!(find_magic(&bytes), whole);
        // Without a whole one, what is given is where one may begin at the end.
        let found = find_magic(&noise);
        let begins = (0..noise.len()).find(|at| {
            MAGIC.starts_with(&noise[*at..]) || noise[*at..].starts_with(&MAGIC)
        });
        prop_assert_eq!(found, begins);
    }
}
