//! Seeds of the target `protocol`: messages as movers say them.

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, ChunkId, Frame, FrameKind, SessionHeader,
    SessionStatus, StreamNumber, Timestamp,
};
use mover::media::MediumKind;
use mover::net::Fingerprint;
use mover::net::wire::{
    AgentJob, ArchiveInfo, EndInfo, FailureKind, FaultInfo, Greeting, LENGTHS_LENGTH, PlaceInfo,
    Reply, Request, Rights, SessionInfo, Steering, VolumeInfo, encode,
};
use mover::store::{
    ArchiveRecord, ChunkPlace, Fault, FaultKind, SessionRecord, StreamEnd, VolumeRecord,
};

use super::{Seed, golden, seed};

// What the first byte chooses.
const REQUEST: u8 = 0;
const REPLY: u8 = 1;
const ARCHIVES: u8 = 2;
const GREETING: u8 = 3;
const LENGTHS: u8 = 4;
const TEXT: u8 = 5;

pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (number, request) in requests().iter().enumerate() {
        seeds.push(seed(format!("request-{number:02}"), &[&[REQUEST], &message(request)]));
    }
    for (number, reply) in replies().iter().enumerate() {
        seeds.push(seed(format!("reply-{number:02}"), &[&[REPLY], &message(reply)]));
    }
    let (archives, lists) = archives();
    let length = u16::try_from(archives.len()).expect("it is short").to_le_bytes();
    seeds.push(seed("archives", &[&[ARCHIVES], &length, &archives, &lists]));
    seeds.push(seed("greeting", &[&[GREETING], &Greeting::own().encode()]));
    seeds.push(seed("lengths", &[&[LENGTHS], &[1, 0, 0, 0, 0, 0, 1, 0]]));
    for (number, text) in
        ["mover://nas/main", "mover://[::1]:8/a", "nas:7373", "[fe80::1]"].iter().enumerate()
    {
        seeds.push(seed(format!("address-{number}"), &[&[TEXT], text.as_bytes()]));
    }
    let fingerprint = Fingerprint([7; 20]).to_string();
    seeds.push(seed("fingerprint", &[&[TEXT], fingerprint.as_bytes()]));
    seeds
}

fn message(message: &impl serde::Serialize) -> Vec<u8> {
    encode(message, 0).expect("it is short").split_off(LENGTHS_LENGTH)
}

fn requests() -> Vec<Request> {
    let (chunk, id, digest) = (([3; 16], 0, 9), [3; 16], [4; 32]);
    let archive = AgentJob::Archive { name: "home".to_owned(), reread: true };
    let keys = vec![([1; 32], [2; 32])];
    let restore = AgentJob::Restore { archive: id, overwrite: true, keys };
    let run = |job| Request::Run { ticket: id, source: "home".to_owned(), job };
    vec![
        Request::Ping,
        Request::Open { store: "main".to_owned() },
        Request::Init,
        Request::Groups,
        Request::Archives { after: 1 },
        Request::Session { session: id },
        Request::Sessions { after: 300 },
        Request::Component { digest },
        Request::ChunkPlaces { chunks: vec![chunk, chunk] },
        Request::ReadChunk { chunk },
        Request::VerifyChunk { chunk },
        Request::LookupBlocks { identities: vec![digest], pools: vec!["tape".to_owned()] },
        Request::Volumes,
        Request::VolumeChunks { volume: 1, after: 2 },
        Request::CheckVolume { volume: 1 },
        Request::Faults,
        Request::Unfinished { proof: digest },
        Request::LackingComponents { digests: vec![digest] },
        Request::PutComponent { digest, name: "zstd".to_owned(), version: "0.1.0".to_owned() },
        Request::Begin { proof: digest, outstanding: vec![(1, Some(chunk)), (2, None)], next: 3 },
        Request::Attach { attachment: id },
        Request::Append { number: 7 },
        Request::EndArchive,
        Request::EndSession,
        Request::Settle,
        Request::Drop { archive: id, seconds: -1, nanoseconds: 5 },
        Request::PutGroup,
        Request::Status,
        Request::Steer { session: id, kind: Steering::Pause },
        run(archive),
        run(restore),
        Request::Lend { ticket: id },
    ]
}

fn replies() -> Vec<Reply> {
    let id = [3; 16];
    let chunk = ChunkId { archive: ArchiveId(id), stream: StreamNumber(0), number: 9 };
    let place = PlaceInfo::new(&ChunkPlace {
        chunk,
        kind: format::ChunkKind::IndexRoot,
        session: format::SessionId(id),
        volume: 1,
        offset: 4096,
        length: 1 << 20,
        footer_length: 300,
    });
    let end = EndInfo::new(&StreamEnd { stream: StreamNumber(0), complete: 4, next: 5 });
    let volume = VolumeInfo::new(VolumeRecord {
        number: 1,
        pool: "default".to_owned(),
        kind: MediumKind::Tape,
        file: "00000001.volume".to_owned(),
        label: "A00042L8".to_owned(),
        length: 9,
        indexed_length: 9,
        closed: true,
        chunk_count: 2,
        drive_count: 1,
    });
    let fault = FaultInfo::new(&Fault { volume: 1, offset: 2, length: 3, kind: FaultKind::Cut });
    let text = |text: &str| Some(text.to_owned());
    vec![
        Reply::Done,
        Reply::Working { why: text("the disk is full") },
        Reply::Failed {
            kind: FailureKind::Refused,
            message: "no".to_owned(),
            way_out: text("ask\u{1b}[1m"),
        },
        Reply::Opened { id, rights: Rights { write: true, ..Rights::default() } },
        Reply::Bytes,
        Reply::Sessions { sessions: vec![session()], more: false },
        Reply::Places { places: vec![Some(place), None] },
        Reply::VolumeChunks { places: vec![place], more: true },
        Reply::Chunk { place },
        Reply::Blocks { blocks: vec![Some(((id, 0, 9), 1, 4096)), None] },
        Reply::Volumes { volumes: vec![volume] },
        Reply::Faults { faults: vec![fault] },
        Reply::Unfinished { ends: Some(vec![end]) },
        Reply::Lacking { digests: vec![[4; 32]] },
        Reply::Begun { attachment: id, there: vec![1], ends: vec![end], channels: 4, window: 1 },
        Reply::Written { durable: 9 },
        Reply::Status { json: "{}".to_owned() },
        Reply::Report { json: "{}".to_owned() },
    ]
}

/// The body and the payload of a golden frame.
fn of_golden(wanted: FrameKind) -> (Vec<u8>, Vec<u8>) {
    for (_, bytes) in golden() {
        let (frame, _) = Frame::decode(&bytes).expect("golden files are sound");
        if frame.prefix.kind == wanted {
            return (frame.body.to_vec(), frame.payload.to_vec());
        }
    }
    panic!("the tree has a frame of every kind");
}

fn session() -> SessionInfo {
    let (body, _) = of_golden(FrameKind::SessionHeader);
    let header = SessionHeader::decode(&body).expect("golden files are sound");
    let ended = Some((Timestamp { seconds: 9, nanoseconds: 1 }, SessionStatus::Complete));
    SessionInfo::new(&SessionRecord { header, ended })
}

/// A message, and the lists that come with it.
fn archives() -> (Vec<u8>, Vec<u8>) {
    let (body, _) = of_golden(FrameKind::ArchiveHeader);
    let header = ArchiveHeader::decode(&body).expect("golden files are sound");
    let (body, payload) = of_golden(FrameKind::ArchiveFooter);
    let footer = ArchiveFooter::decode(&body, &payload).expect("golden files are sound");
    let record = ArchiveRecord {
        sessions: vec![header.session],
        header,
        header_lost: false,
        footer: Some(footer),
        dropped: Some(Timestamp { seconds: 1, nanoseconds: 2 }),
        stored_length: 9,
        chunk_count: 2,
    };
    let mut lists = Vec::new();
    let info = ArchiveInfo::new(&record, &mut lists);
    let unfinished = ArchiveInfo::new(&ArchiveRecord { footer: None, ..record }, &mut lists);
    (message(&Reply::Archives { archives: vec![info, unfinished], more: true }), lists)
}
