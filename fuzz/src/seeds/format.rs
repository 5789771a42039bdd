//! Seeds of the target `format`: the bodies of all golden frames, and what lies in their chunks.

use format::{
    ChunkHeader, ChunkKind, FilterRecord, Finding, Frame, FrameKind, Options, ParityColumn,
    ParityHeader, ParityKind, ParityTable, StoreId, TagKind, Timestamp, blocks,
};

use super::{Seed, golden, seed};

// The places of decoders in the target.
const ENTRY: u8 = 13;
const ENTRY_END: u8 = 14;
const FINDING: u8 = 15;
const RUNS: u8 = 16;
const PAGES: u8 = 17;
const INDEX_PAGE: u8 = 18;
const BLOCKS: u8 = 20;
const FRAME: u8 = 21;
const VOLUME: u8 = 22;
const FILTERS: u8 = 23;
const MAGIC: u8 = 24;
const PATHS: u8 = 25;
const PARITY: u8 = 26;

pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, bytes) in golden() {
        if name == "volume" {
            seeds.push(seed("volume", &[&[VOLUME], &bytes]));
            seeds.push(seed("magic", &[&[MAGIC], &bytes[60..100]]));
            chunks(&bytes, &mut seeds);
            continue;
        }
        let (frame, _) = Frame::decode(&bytes).expect("golden files are sound");
        seeds.push(seed(format!("{name}-frame"), &[&[FRAME], &bytes]));
        if let Some(place) = decoder(frame.prefix.kind) {
            seeds.push(seed(name, &[&[place], &body(&frame)]));
        }
    }
    let filter = FilterRecord { component: format::Digest([7; 32]), config: "{}".to_owned() };
    let mut options = Options::default();
    filter.push_to(&mut options);
    let value = options.get(FilterRecord::OPTION).next().expect("it was put there").to_vec();
    seeds.push(seed("filter", &[&[FILTERS], &value]));
    seeds.push(seed("paths", &[&[PATHS, 3, 0], b"a/ba/b-"]));
    seeds.push(seed("parity", &[&[PARITY], &parity()]));
    seeds
}

/// A header's body, with its length in front, and a table.
fn parity() -> Vec<u8> {
    let header = ParityHeader {
        kind: ParityKind::Across,
        store: StoreId([1; 16]),
        set: [2; 16],
        created: Timestamp::default(),
        number: 1,
        parity_count: 2,
        shard_length: 4096,
        row_count: 2,
        columns: vec![ParityColumn { volume: 1, offset: 0, length: 5000 }],
    };
    let (mut file, mut table) = (Vec::new(), Vec::new());
    header.encode(&mut file);
    ParityTable { columns: vec![vec![1, 2]], own: vec![3, 4] }.encode(&mut table);
    let body = &file[ParityHeader::PREFIX_LEN..];
    let length = u16::try_from(body.len()).expect("it is short");
    [&length.to_le_bytes()[..], body, &table].concat()
}

fn decoder(kind: FrameKind) -> Option<u8> {
    let number = kind as u8;
    // In the order of kinds, as the target has them.
    (kind != FrameKind::Padding).then_some(number - 1)
}

/// As the target reads it: with a length in front where there is a payload to decode, too.
fn body(frame: &Frame<'_>) -> Vec<u8> {
    match frame.prefix.kind {
        FrameKind::ArchiveFooter | FrameKind::ChunkFooter => {
            let length = u16::try_from(frame.body.len()).expect("golden bodies are short");
            [&length.to_le_bytes()[..], frame.body, frame.payload].concat()
        }
        _ => frame.body.to_vec(),
    }
}

/// What lies in the chunks of a volume.
fn chunks(volume: &[u8], seeds: &mut Vec<Seed>) {
    let mut rest = volume;
    let mut number = 0;
    while let Ok((frame, behind)) = Frame::decode(rest) {
        rest = behind;
        if frame.prefix.kind != FrameKind::ChunkHeader {
            continue;
        }
        number += 1;
        let header = ChunkHeader::decode(frame.body).expect("golden files are sound");
        let (name, place) = match header.kind {
            ChunkKind::Data => ("blocks", BLOCKS),
            ChunkKind::IndexPage => ("index-page", INDEX_PAGE),
            ChunkKind::IndexRoot => ("index-root", PAGES),
        };
        seeds.push(seed(format!("{name}-{number}"), &[&[place], frame.payload]));
        if header.kind == ChunkKind::Data {
            in_blocks(frame.payload, number, seeds);
        }
    }
}

fn in_blocks(plain: &[u8], chunk: usize, seeds: &mut Vec<Seed>) {
    for (number, tagged) in blocks(plain).flatten().enumerate() {
        let place = match tagged.tag.kind {
            TagKind::Entry => ENTRY,
            TagKind::End => ENTRY_END,
            TagKind::Reference => RUNS,
            _ => {
                for finding in tagged.options.get(Finding::OPTION) {
                    seeds.push(seed("finding", &[&[FINDING], finding]));
                }
                continue;
            }
        };
        seeds.push(seed(format!("block-{chunk}-{number}"), &[&[place], tagged.block]));
    }
}
