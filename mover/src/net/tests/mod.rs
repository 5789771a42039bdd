//! Peers that may come in and mean harm: a writer that was stolen, a client that sends nonsense, a
//! server that answers what was never asked. Over real sockets on loopback.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, BlockIdentity, ChunkFooter, ChunkHeader, ChunkId,
    ChunkKind, Component, ComponentEntry, Context, ContextPlace, Digest, Frame, FrameKind, Framing,
    KeyGroup, Role, RunFooter, RunHeader, SessionFooter, SessionHeader, SessionId, SessionStatus,
    StoreId, StreamNumber, Timestamp, Withheld,
};

use super::identity::{Fingerprint, Identity};
use super::link::Link;
use super::remote::{Dial, Direct, RemoteConfig, RemoteStore, exchange};
use super::remote_writer::RemoteWriter;
use super::server::{Gate, Server, ServerConfig, StoreGrant};
use super::wire::{AgentJob, Reply, Request, Rights, chunk_key};
use super::{Address, tls};
use crate::ambient::{SystemClock, SystemRandom};
use crate::error::{ErrorKind, Result};
use crate::key::unencrypted_group;
use crate::pipeline::Cancel;
use crate::store::{ArchiveProof, ReadStore, Store, StoreConfig, StoreWriter, WriteStore};

mod restart;

/// Lets everybody write and read in one store, and have jobs done.
struct Open(std::path::PathBuf);

impl Gate for Open {
    fn store(&self, name: &str, _peer: &Fingerprint) -> Option<StoreGrant> {
        let rights = Rights { write: true, read: true, ..Rights::default() };
        (name == "main").then(|| StoreGrant { path: self.0.clone(), rights })
    }

    fn may_run(&self, _source: &str, _job: &AgentJob, _peer: &Fingerprint) -> bool {
        true
    }

    fn run(&self, source: &str, _job: AgentJob, _store: Arc<dyn Dial>) -> Result<String> {
        assert_ne!(source, "trap", "a job that panics, as its test wants it");
        // A job that lasts until its test is over.
        while !self.0.with_file_name("over").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok("{}".to_owned())
    }
}

struct Rig {
    folder: tempfile::TempDir,
    address: SocketAddr,
    server_identity: Identity,
    group: KeyGroup,
    store: StoreId,
    cancel: Cancel,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.cancel.cancel();
        let ended = self.thread.take().expect("it runs").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn quiet() -> Arc<dyn Fn(&str) + Send + Sync> {
    Arc::new(|_| {})
}

impl Rig {
    fn new() -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let group = unencrypted_group(&SystemRandom, &SystemClock::start());
        let store = Store::create(&StoreConfig::new(&path), &group).unwrap();
        let config = ServerConfig {
            listen: vec!["127.0.0.1:0".into()],
            memory: 8 << 20,
            sessions_max: 8,
            channels_max: 4,
            full_patience: Duration::from_secs(1),
        };
        let server = Server::new(config, Arc::new(Open(path)), quiet());
        let listeners = server.listen().unwrap();
        let address = listeners[0].1;
        let server_identity = Identity::open(Some(&folder.path().join("server"))).unwrap();
        let (identity, cancel) = (server_identity.clone(), Cancel::default());
        let own = cancel.clone();
        let run = move || server.run(listeners, &identity, &own, &mut || ()).unwrap();
        let thread = Some(std::thread::spawn(run));
        Rig { folder, address, server_identity, group, store, cancel, thread }
    }

    fn link(&self, who: &str) -> Link {
        let identity = Identity::open(Some(&self.folder.path().join(who))).unwrap();
        let pinned = self.server_identity.fingerprint();
        let mut link = Link::connect(&self.address.to_string(), &identity, pinned).unwrap();
        ask(&mut link, Request::Open { store: "main".into() }, &[]).unwrap();
        link
    }

    /// The store, as a client knows it.
    fn remote(&self, who: &str) -> RemoteStore {
        remote(self.address, &self.folder.path().join(who), self.server_identity.fingerprint())
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    /// Writes the header of a session to the store itself, with configurations of so many bytes.
    fn write_session(&self, number: u8, configurations: &[usize]) {
        let bytes = b"a component";
        let digest = Digest(*blake3::hash(bytes).as_bytes());
        let (name, version) = ("a-component".to_owned(), "1".to_owned());
        let entry = |length: &usize| ComponentEntry {
            role: Role::Snoop,
            name: name.clone(),
            version: version.clone(),
            digest,
            config: "x".repeat(*length),
            config_digest: Digest([0; 32]),
            keyed: false,
        };
        let components = configurations.iter().map(entry).collect();
        let session = SessionHeader { components, ..self.session(number) };
        let mut writer = StoreWriter::open(&StoreConfig::new(self.path()), "a test").unwrap();
        let component = Component { digest, name, version };
        writer.begin_session(&session, &[(component, bytes)]).unwrap();
        writer.commit().unwrap();
    }

    fn session(&self, number: u8) -> SessionHeader {
        SessionHeader {
            session: SessionId([number; 16]),
            store: self.store,
            job: "job".into(),
            writer: [0; 32],
            software: "a test".into(),
            started: Timestamp::default(),
            components: Vec::new(),
            epochs: vec![format::Epoch {
                number: 0,
                group: self.group.group,
                envelope: Vec::new(),
            }],
        }
    }

    fn begin(&self, link: &mut Link, number: u8) -> Result<(SessionHeader, ArchiveHeader)> {
        let session = self.session(number);
        let archive = archive(&session, ArchiveProof([number; 32]).archive());
        begin(link, [number; 32], &session, &archive)?;
        Ok((session, archive))
    }
}

fn ask(link: &mut Link, request: Request, payload: &[u8]) -> Result<Reply> {
    exchange(link, &request, &[payload], &quiet()).map(|(reply, _)| reply)
}

/// The store `main` of a server; what is lost is not tried again.
fn remote(address: SocketAddr, identity: &std::path::Path, pinned: Fingerprint) -> RemoteStore {
    let identity = Arc::new(Identity::open(Some(identity)).unwrap());
    let host = address.to_string();
    let config = RemoteConfig {
        address: Address { host: host.clone(), name: "main".into() },
        dial: Arc::new(Direct { host, identity, pinned }),
        retry_for: Duration::ZERO,
        channels: 1,
        notes: quiet(),
        cancel: Cancel::default(),
    };
    RemoteStore::open(config).unwrap()
}

fn archive(session: &SessionHeader, archive: ArchiveId) -> ArchiveHeader {
    ArchiveHeader {
        archive,
        session: session.session,
        name: "name".into(),
        source: [0; 32],
        started: Timestamp::default(),
        parent: ArchiveId::default(),
        framing: Framing::Each,
    }
}

fn put(kind: FrameKind, body: Vec<u8>, payload: &[u8], out: &mut Vec<u8>) {
    Frame::encode(kind, &body, payload, out);
}

fn body(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    encode(&mut body);
    body
}

fn begin(
    link: &mut Link,
    proof: [u8; 32],
    session: &SessionHeader,
    archive: &ArchiveHeader,
) -> Result<[u8; 16]> {
    let mut frames = Vec::new();
    put(FrameKind::SessionHeader, body(|out| session.encode(out)), &[], &mut frames);
    put(FrameKind::ArchiveHeader, body(|out| archive.encode(out)), &[], &mut frames);
    match ask(link, Request::Begin { proof, outstanding: Vec::new(), next: 0 }, &frames)? {
        Reply::Begun { attachment, .. } => Ok(attachment),
        reply => panic!("{reply:?}"),
    }
}

fn chunk(session: SessionId, archive: ArchiveId, number: u64) -> Vec<u8> {
    chunk_in(session, archive, number, ContextPlace::Here(Context::default()))
}

fn chunk_in(session: SessionId, archive: ArchiveId, number: u64, context: ContextPlace) -> Vec<u8> {
    let chunk = ChunkId { archive, stream: StreamNumber(0), number };
    let header = ChunkHeader {
        chunk,
        session,
        kind: ChunkKind::Data,
        plain_length: 5,
        stages: Vec::new(),
        context,
    };
    let footer = ChunkFooter { chunk, context: None, blocks: Vec::new(), needs: Vec::new() };
    let (mut frames, mut lists) = (Vec::new(), Vec::new());
    put(FrameKind::ChunkHeader, body(|out| header.encode(out)), b"bytes", &mut frames);
    let footer = body(|out| footer.encode(out, &mut lists));
    put(FrameKind::ChunkFooter, footer, &lists, &mut frames);
    frames
}

fn attach(rig: &Rig, who: &str, attachment: [u8; 16]) -> Link {
    let mut link = rig.link(who);
    ask(&mut link, Request::Attach { attachment }, &[]).unwrap();
    link
}

#[test]
fn a_writer_goes_on_with_nothing_but_its_own() {
    let rig = Rig::new();
    let mut one = rig.link("one");
    let (session, mine) = rig.begin(&mut one, 1).unwrap();
    let mut thief = rig.link("thief");
    // Without the proof the archive's identity is of no use.
    let other = rig.session(2);
    let stolen = archive(&other, mine.archive);
    let error = begin(&mut thief, [2; 32], &other, &stolen).unwrap_err();
    assert!(error.to_string().contains("somebody else"), "{error}");
    // A session that is played again, with another header.
    let replayed = SessionHeader { job: "another".into(), ..session.clone() };
    let own = archive(&replayed, ArchiveProof([2; 32]).archive());
    let error = begin(&mut thief, [2; 32], &replayed, &own).unwrap_err();
    assert!(error.to_string().contains("another header"), "{error}");
    // A session for another store.
    let elsewhere = SessionHeader { store: StoreId([9; 16]), ..other.clone() };
    let own = archive(&elsewhere, ArchiveProof([2; 32]).archive());
    assert!(begin(&mut thief, [2; 32], &elsewhere, &own).is_err());
    // And the one whose archive it is goes on as if nothing had been.
    let attachment = begin(&mut one, [1; 32], &session, &mine).unwrap();
    let mut data = attach(&rig, "one", attachment);
    let frames = chunk(session.session, mine.archive, 0);
    let reply = ask(&mut data, Request::Append { number: 0 }, &frames).unwrap();
    assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
    // Nobody else may carry its appends.
    let mut foreign = rig.link("thief");
    assert!(ask(&mut foreign, Request::Attach { attachment }, &[]).is_err());
}

#[test]
fn a_stolen_writer_appends_nothing_that_is_not_its_own() {
    let rig = Rig::new();
    let mut one = rig.link("one");
    let (victim, victims) = rig.begin(&mut one, 1).unwrap();
    let mut thief = rig.link("thief");
    let session = rig.session(2);
    let mine = archive(&session, ArchiveProof([2; 32]).archive());
    let attachment = begin(&mut thief, [2; 32], &session, &mine).unwrap();
    let mut data = attach(&rig, "thief", attachment);
    let refused = |link: &mut Link, request: Request, frames: &[u8], why: &str| {
        let error = ask(link, request, frames).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    };
    let append = |number| Request::Append { number };
    let foreign = "does not belong";
    refused(&mut data, append(0), &chunk(session.session, victims.archive, 0), foreign);
    refused(&mut data, append(0), &chunk(victim.session, mine.archive, 0), foreign);
    let mut label = Vec::new();
    put(FrameKind::KeyGroup, body(|out| rig.group.encode(out)), &[], &mut label);
    refused(&mut data, append(0), &label, foreign);
    refused(&mut data, append(0), b"no frame at all, but long enough to be one", "cannot be read");
    let mut flipped = chunk(session.session, mine.archive, 0);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    refused(&mut data, append(0), &flipped, "cannot be read");
    // The append that is right goes through all the same, once.
    let frames = chunk(session.session, mine.archive, 0);
    ask(&mut data, append(0), &frames).unwrap();
    refused(&mut data, append(0), &frames, "answered already");
    // A footer that would take others' blocks out of the index, or bring keys.
    let withheld = Withheld {
        chunk: ChunkId { archive: victims.archive, stream: StreamNumber(0), number: 0 },
        ordinal: 0,
    };
    let footer = ArchiveFooter {
        archive: mine.archive,
        session: session.session,
        withheld: vec![withheld],
        ..ArchiveFooter::default()
    };
    let (mut frames, mut lists) = (Vec::new(), Vec::new());
    let encoded = body(|out| footer.encode(out, &mut lists));
    put(FrameKind::ArchiveFooter, encoded, &lists, &mut frames);
    refused(&mut thief, Request::EndArchive, &frames, foreign);
    // One that claims to need what is not there.
    let needs =
        format::ChunkRange { archive: mine.archive, stream: StreamNumber(0), first: 0, count: 9 };
    let footer = ArchiveFooter { withheld: Vec::new(), needs: vec![needs], ..footer };
    let (mut frames, mut lists) = (Vec::new(), Vec::new());
    let encoded = body(|out| footer.encode(out, &mut lists));
    put(FrameKind::ArchiveFooter, encoded, &lists, &mut frames);
    let error = ask(&mut thief, Request::EndArchive, &frames).unwrap_err();
    assert!(error.to_string().contains("needs 8 chunks"), "{error}");
    let keys = unencrypted_group(&SystemRandom, &SystemClock::start());
    let end = SessionFooter {
        ended: Timestamp::default(),
        status: SessionStatus::Complete,
        header: session.clone(),
        groups: vec![keys],
    };
    let mut frames = Vec::new();
    put(FrameKind::SessionFooter, body(|out| end.encode(out)), &[], &mut frames);
    refused(&mut thief, Request::EndSession, &frames, foreign);
    for request in [
        Request::Drop { archive: victims.archive.0, seconds: 0, nanoseconds: 0 },
        Request::PutGroup,
        Request::Init,
    ] {
        refused(&mut thief, request, &label, "may not");
    }
    drop((thief, data, one));
    let store = Store::open(&StoreConfig::new(rig.folder.path().join("store"))).unwrap();
    assert_eq!(store.groups().unwrap().len(), 1);
    let of_victim = ChunkId { archive: victims.archive, ..ChunkId::default() };
    assert!(store.chunk_place(&of_victim).unwrap().is_none());
}

#[test]
fn appends_that_come_in_any_order_are_put_in_order() {
    let rig = Rig::new();
    let mut control = rig.link("one");
    let session = rig.session(1);
    let mine = archive(&session, ArchiveProof([1; 32]).archive());
    let attachment = begin(&mut control, [1; 32], &session, &mine).unwrap();
    let threads: Vec<_> = [2u64, 1, 3, 0]
        .into_iter()
        .map(|number| {
            let mut link = attach(&rig, "one", attachment);
            let frames = chunk(session.session, mine.archive, number);
            let thread = std::thread::spawn(move || {
                ask(&mut link, Request::Append { number }, &frames).unwrap();
            });
            std::thread::sleep(Duration::from_millis(50));
            thread
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let id = |number| ChunkId { archive: mine.archive, stream: StreamNumber(0), number };
    let chunks = (0..4).map(|number| chunk_key(&id(number))).collect();
    ask(&mut control, Request::Settle, &[]).unwrap();
    let Reply::Places { places } = ask(&mut control, Request::ChunkPlaces { chunks }, &[]).unwrap()
    else {
        panic!("no places");
    };
    let offsets: Vec<u64> = places.iter().map(|place| place.unwrap().place().offset).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
}

#[test]
fn what_passes_one_message_goes_in_several() {
    let rig = Rig::new();
    for number in 1..=64 {
        rig.write_session(number, &[20 << 10]);
    }
    let (remote, local) = (rig.remote("one"), Store::open(&StoreConfig::new(rig.path())).unwrap());
    let sessions = remote.sessions().unwrap();
    assert_eq!(sessions.len(), 64);
    assert_eq!(sessions, local.sessions().unwrap());
    let volumes = remote.volumes().unwrap();
    assert!(!volumes.is_empty());
    assert_eq!(volumes, local.volumes().unwrap());
    let mut control = rig.link("two");
    let session = rig.session(100);
    let mine = archive(&session, ArchiveProof([100; 32]).archive());
    let attachment = begin(&mut control, [100; 32], &session, &mine).unwrap();
    let mut data = attach(&rig, "two", attachment);
    let frames = chunk(session.session, mine.archive, 0);
    ask(&mut data, Request::Append { number: 0 }, &frames).unwrap();
    ask(&mut control, Request::Settle, &[]).unwrap();
    // The one that is there comes last.
    let asked: Vec<ChunkId> = (0..60_000)
        .rev()
        .map(|number| ChunkId { archive: mine.archive, stream: StreamNumber(0), number })
        .collect();
    let places = remote.chunk_places(&asked).unwrap();
    let there: Vec<usize> = (0..places.len()).filter(|place| places[*place].is_some()).collect();
    assert_eq!((places.len(), there), (60_000, vec![59_999]));
    let identities: Vec<BlockIdentity> = (0..60_000u32)
        .map(|number| BlockIdentity(*blake3::hash(&number.to_le_bytes()).as_bytes()))
        .collect();
    assert_eq!(remote.lookup_blocks(&identities, &[]).unwrap(), vec![None; 60_000]);
}

#[test]
fn an_answer_that_fits_no_message_is_said_and_the_connection_goes_on() {
    let rig = Rig::new();
    rig.write_session(1, &[600 << 10, 600 << 10]);
    let mut link = rig.link("one");
    let error = ask(&mut link, Request::Sessions { after: 0 }, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("passes the limits"), "{error}");
    ask(&mut link, Request::Ping, &[]).unwrap();
}

#[test]
fn a_channel_that_begins_another_session_leaves_none_behind() {
    let rig = Rig::new();
    let mut control = rig.link("one");
    rig.begin(&mut control, 1).unwrap();
    rig.begin(&mut control, 2).unwrap();
    drop(control);
    let mut other = rig.link("one");
    let began = Instant::now();
    loop {
        let Reply::Status { json } = ask(&mut other, Request::Status, &[]).unwrap() else {
            panic!("no status");
        };
        let status: serde_json::Value = serde_json::from_str(&json).unwrap();
        let is_idle = status["sessions"].as_array().unwrap().is_empty();
        // Nobody writes: whoever is on the server can.
        if is_idle && StoreWriter::open(&StoreConfig::new(rig.path()), "a test").is_ok() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{json}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_session_has_no_more_channels_and_a_server_no_more_sessions_than_they_may() {
    let rig = Rig::new();
    let mut control = rig.link("one");
    let session = rig.session(1);
    let mine = archive(&session, ArchiveProof([1; 32]).archive());
    let attachment = begin(&mut control, [1; 32], &session, &mine).unwrap();
    // Twice as many as are granted, since some of them may have been lost unnoticed.
    let mut channels: Vec<Link> = (0..8).map(|_| attach(&rig, "one", attachment)).collect();
    let mut more = rig.link("one");
    let error = ask(&mut more, Request::Attach { attachment }, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    // One that is attached once more is still one; one that has ended is none.
    ask(&mut channels[0], Request::Attach { attachment }, &[]).unwrap();
    channels.pop();
    let began = Instant::now();
    while ask(&mut more, Request::Attach { attachment }, &[]).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "a channel that ended counts");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut controls: Vec<Link> = (0..8).map(|_| rig.link("one")).collect();
    for (number, control) in (2..).zip(&mut controls[..7]) {
        rig.begin(control, number).unwrap();
    }
    let error = rig.begin(&mut controls[7], 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    ask(&mut controls[7], Request::Ping, &[]).unwrap();
}

#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let rig = Rig::new();
    let mut good = rig.link("good");
    // A message that makes no sense, lengths beyond the limits, a payload that never comes.
    let mut one = rig.link("bad");
    one.send(&(250u8, 250u8, u64::MAX), &[]).unwrap();
    assert!(ask(&mut one, Request::Ping, &[]).is_err());
    let big = vec![0; (9 << 20) as usize];
    let mut two = rig.link("bad");
    // More than the server's whole budget.
    assert!(ask(&mut two, Request::Append { number: 0 }, &big).is_err());
    let mut three = rig.link("bad");
    assert!(ask(&mut three, Request::Append { number: 0 }, b"unattached").is_err());
    assert!(ask(&mut three, Request::EndArchive, &[]).is_err());
    assert!(ask(&mut three, Request::Ping, &[]).is_ok());
    assert!(ask(&mut good, Request::Ping, &[]).is_ok());
}

#[test]
fn bytes_of_a_peer_that_may_not_send_them_are_not_held() {
    let rig = Rig::new();
    let identity = Identity::open(Some(&rig.folder.path().join("stranger"))).unwrap();
    let pinned = rig.server_identity.fingerprint();
    let mut link = Link::connect(&rig.address.to_string(), &identity, pinned).unwrap();
    // More than all memory for payloads: were it asked for, that would be the error.
    let big = vec![0; 9 << 20];
    let error = ask(&mut link, Request::Ping, &big).unwrap_err();
    assert!(error.to_string().contains("a question that has none"), "{error}");
    let error = ask(&mut link, Request::Append { number: 0 }, &big).unwrap_err();
    assert!(error.to_string().contains("no store was named"), "{error}");
    let other = Request::Open { store: "other".into() };
    assert!(ask(&mut link, other, &[]).is_err());
    let error = ask(&mut link, Request::PutGroup, &big).unwrap_err();
    assert!(error.to_string().contains("no store was named"), "{error}");
    // Nor where rights lack one thing alone.
    ask(&mut link, Request::Open { store: "main".into() }, &[]).unwrap();
    let error = ask(&mut link, Request::PutGroup, &big).unwrap_err();
    assert!(error.to_string().contains("may not"), "{error}");
    ask(&mut link, Request::Ping, &[]).unwrap();
}

fn run(ticket: u8, source: &str) -> Request {
    let job = AgentJob::Archive { name: "name".into(), reread: false };
    Request::Run { ticket: [ticket; 16], source: source.into(), job }
}

#[test]
fn connections_that_a_job_does_not_take_are_not_kept_without_end() {
    let rig = Rig::new();
    let mut caller = rig.link("one");
    let running = std::thread::spawn(move || ask(&mut caller, run(1, "slow"), &[]));
    let lend = || {
        let mut link = rig.link("one");
        ask(&mut link, Request::Lend { ticket: [1; 16] }, &[]).map(|_| link)
    };
    let began = Instant::now();
    let mut first = loop {
        match lend() {
            Ok(link) => break link,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(20), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let kept: Vec<Link> = (0..64).map(|_| lend().unwrap()).collect();
    // The oldest one had to go.
    assert!(!matches!(first.lengths(), Ok(Some(_))));
    assert!(began.elapsed() < Duration::from_secs(20), "it was silence that ended it");
    std::fs::write(rig.path().with_file_name("over"), "").unwrap();
    let report = running.join().unwrap().unwrap();
    assert_eq!(report, Reply::Report { json: "{}".into() });
    drop(kept);
}

#[test]
fn a_job_that_panics_is_told_to_all_who_wait_for_it() {
    let rig = Rig::new();
    let mut caller = rig.link("one");
    // Once more with the same ticket, as after a lost connection.
    for _ in 0..2 {
        let error = ask(&mut caller, run(1, "trap"), &[]).unwrap_err();
        assert!(error.to_string().contains("without a report"), "{error}");
    }
    assert!(ask(&mut caller, Request::Lend { ticket: [1; 16] }, &[]).is_err());
}

/// A server that answers every question with one reply, whatever was asked.
fn liar(reply: Reply) -> (SocketAddr, Fingerprint, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::open(Some(folder.path())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (config, fingerprint) = (tls::server_config(&identity).unwrap(), identity.fingerprint());
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let Ok(mut link) = Link::accept(socket, Arc::clone(&config)) else { continue };
            let opened = Reply::Opened { id: [3; 16], rights: Rights::default() };
            let mut is_first = true;
            while let Ok(Some(lengths)) = link.lengths() {
                if link.message::<Request>(lengths).is_err() || link.payload(lengths).is_err() {
                    break;
                }
                let answer = if is_first { &opened } else { &reply };
                is_first = false;
                if link.send(answer, &[b"bytes that nobody asked for"]).is_err() {
                    break;
                }
            }
        }
    });
    (address, fingerprint, folder)
}

#[test]
fn a_server_that_lies_is_an_error_and_no_more() {
    let lies = [
        Reply::Written { durable: 7 },
        Reply::Done,
        Reply::Bytes,
        Reply::Archives { archives: Vec::new(), more: true },
        Reply::Blocks { blocks: vec![None; 3] },
        Reply::Places { places: Vec::new() },
        Reply::VolumeChunks { places: Vec::new(), more: true },
    ];
    for lie in lies {
        let (address, pinned, folder) = liar(lie.clone());
        let store = remote(address, &folder.path().join("client"), pinned);
        let chunk = ChunkId::default();
        let outcomes = [
            store.groups().is_err(),
            store.archives().is_err(),
            store.session(&SessionId::default()).is_err(),
            store.component(&Digest([0; 32])).is_err(),
            store.chunk_places(&[chunk]).is_err(),
            store.read_chunk(&chunk).is_err(),
            store.lookup_blocks(&[BlockIdentity([0; 32])], &[]).is_err(),
            store.volumes().is_err(),
            store.volume_chunks(1).is_err(),
            store.faults().is_err(),
        ];
        assert_eq!(outcomes, [true; 10], "{lie:?}");
    }
}
