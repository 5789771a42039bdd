//! Fixed values of every frame kind, and a whole tiny volume.

use format::*;

/// `N` bytes that count up from `first`.
pub(crate) fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| first.wrapping_add(u8::try_from(index).expect("small")))
}

pub(crate) const STORE: StoreId =
    StoreId(*b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f");
pub(crate) const HELLO: &[u8] = b"hello, world\n";

pub(crate) fn session_id() -> SessionId {
    SessionId(counting(0x20))
}

pub(crate) fn archive_id() -> ArchiveId {
    ArchiveId(counting(0x30))
}

pub(crate) fn group_id() -> GroupId {
    GroupId(counting(0xa0))
}

pub(crate) fn at(seconds: i64, nanoseconds: u32) -> Timestamp {
    Timestamp { seconds, nanoseconds }
}

pub(crate) fn chunk_id(stream: StreamNumber, number: u64) -> ChunkId {
    ChunkId { archive: archive_id(), stream, number }
}

pub(crate) fn data_chunk(number: u64) -> ChunkId {
    chunk_id(StreamNumber(0), number)
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// What a parity file says: its header and its table, without the column between.
pub(crate) fn parity() -> (ParityHeader, ParityTable) {
    let header = ParityHeader {
        kind: ParityKind::Across,
        store: STORE,
        set: counting(0x50),
        created: at(1_700_000_000, 5),
        number: 1,
        parity_count: 2,
        shard_length: 8192,
        row_count: 2,
        columns: vec![
            ParityColumn { volume: 1, offset: 0, length: 12_288 },
            ParityColumn { volume: 3, offset: 4096, length: 5 },
        ],
    };
    (header, ParityTable { columns: vec![vec![1, 2], vec![3, 4]], own: vec![5, 6] })
}

/// One frame of each kind and of each form that a kind has.
pub(crate) fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |kind, body: Vec<u8>, payload: Vec<u8>| {
        let mut out = Vec::new();
        Frame::encode(kind, &body, &payload, &mut out);
        out
    };
    let bare = |kind, encode: &dyn Fn(&mut Vec<u8>)| {
        let mut body = Vec::new();
        encode(&mut body);
        frame(kind, body, Vec::new())
    };
    let footer = |kind, encode: &dyn Fn(&mut Vec<u8>, &mut Vec<u8>)| {
        let (mut body, mut payload) = (Vec::new(), Vec::new());
        encode(&mut body, &mut payload);
        frame(kind, body, payload)
    };
    let mut component_body = Vec::new();
    component().encode(&mut component_body);
    let mut sealed_body = Vec::new();
    sealed_header().encode(&mut sealed_body);
    let mut run_body = Vec::new();
    run_chunk_header().encode(&mut run_body);
    vec![
        ("volume-label", bare(FrameKind::VolumeLabel, &|out| label().encode(out))),
        ("padding", frame(FrameKind::Padding, Vec::new(), vec![0; 7])),
        ("volume-footer", bare(FrameKind::VolumeFooter, &|out| volume_footer(9).encode(out))),
        ("key-group", bare(FrameKind::KeyGroup, &|out| key_group().encode(out))),
        ("component", frame(FrameKind::Component, component_body, WASM.to_vec())),
        ("session-header", bare(FrameKind::SessionHeader, &|out| session().encode(out))),
        ("session-footer", bare(FrameKind::SessionFooter, &|out| session_footer().encode(out))),
        ("archive-header", bare(FrameKind::ArchiveHeader, &|out| archive_header().encode(out))),
        (
            "archive-footer",
            footer(FrameKind::ArchiveFooter, &|body, lists| archive_footer().encode(body, lists)),
        ),
        ("archive-drop", bare(FrameKind::ArchiveDrop, &|out| archive_drop().encode(out))),
        ("run-header", bare(FrameKind::RunHeader, &|out| run_header().encode(out))),
        ("run-footer", bare(FrameKind::RunFooter, &|out| run_footer().encode(out))),
        ("chunk-header", frame(FrameKind::ChunkHeader, sealed_body, counting::<29>(1).to_vec())),
        (
            "chunk-header-in-run",
            frame(FrameKind::ChunkHeader, run_body, counting::<29>(1).to_vec()),
        ),
        (
            "chunk-footer",
            footer(FrameKind::ChunkFooter, &|body, lists| chunk_footer(None).encode(body, lists)),
        ),
        (
            "chunk-footer-with-context",
            footer(FrameKind::ChunkFooter, &|body, lists| {
                chunk_footer(Some(context())).encode(body, lists);
            }),
        ),
    ]
}

pub(crate) fn label() -> VolumeLabel {
    VolumeLabel {
        store: STORE,
        volume: 1,
        created: at(1_700_000_000, 0),
        pool: "main".to_owned(),
        name: "A00042L8".to_owned(),
    }
}

pub(crate) fn volume_footer(next_volume: u32) -> VolumeFooter {
    VolumeFooter { store: STORE, volume: 1, next_volume, chunk_count: 4 }
}

fn key_group() -> KeyGroup {
    let member = |kind, name: &str, first| Member {
        kind,
        name: name.to_owned(),
        envelope: counting::<40>(first).to_vec(),
    };
    KeyGroup {
        group: group_id(),
        revision: 2,
        created: at(1_700_000_001, 999_999_999),
        recipient: RECIPIENT.to_owned(),
        members: vec![
            member(MemberKind::Passphrase, "passphrase", 0),
            member(MemberKind::Recipient, &format!("vault {RECIPIENT}"), 1),
        ],
    }
}

const RECIPIENT: &str = "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh";
/// The preamble of a component, and nothing else.
pub(crate) const WASM: &[u8] = b"\0asm\x0d\0\x01\0";

pub(crate) fn component() -> Component {
    Component { digest: digest(WASM), name: "crc-dedupe".to_owned(), version: "0.1.0".to_owned() }
}

fn component_entry(role: Role, name: &str, config: &str, keyed: bool) -> ComponentEntry {
    ComponentEntry {
        role,
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        digest: digest(WASM),
        config: config.to_owned(),
        config_digest: digest(config.as_bytes()),
        keyed,
    }
}

fn session() -> SessionHeader {
    SessionHeader {
        session: session_id(),
        store: STORE,
        job: "nightly".to_owned(),
        writer: counting(0xc0),
        software: "mover 0.1.0".to_owned(),
        started: at(-1, 5),
        components: vec![
            component_entry(Role::Transform, "zstd", r#"{"level":3}"#, false),
            component_entry(Role::Transform, "chacha20poly1305", "{}", true),
            component_entry(Role::Dedupe, "crc-dedupe", "{}", false),
            component_entry(Role::Snoop, "snoop-type", "", false),
            component_entry(Role::Filter, "delta", "{}", false),
        ],
        epochs: vec![
            Epoch { number: 0, group: group_id(), envelope: counting::<20>(7).to_vec() },
            Epoch { number: 3, group: group_id(), envelope: Vec::new() },
        ],
    }
}

fn session_footer() -> SessionFooter {
    SessionFooter {
        ended: at(1_700_000_099, 1),
        status: SessionStatus::CompleteWithFaults,
        header: session(),
        groups: vec![key_group()],
    }
}

fn archive_header() -> ArchiveHeader {
    ArchiveHeader {
        archive: archive_id(),
        session: session_id(),
        name: "home \u{e9}".to_owned(),
        source: counting(0xd0),
        started: at(1_700_000_000, 0),
        parent: ArchiveId(counting(0xe0)),
        framing: Framing::Run,
    }
}

fn archive_footer() -> ArchiveFooter {
    let range =
        |archive, first, count| ChunkRange { archive, stream: StreamNumber(0), first, count };
    ArchiveFooter {
        archive: archive_id(),
        session: session_id(),
        finished: at(1_700_000_050, 0),
        entry_count: 3,
        content_length: 1 << 40,
        fault_count: 1,
        index_page_count: 2,
        index_root_count: 1,
        needs: vec![range(archive_id(), 0, 5), range(ArchiveId(counting(0xe0)), 17, 1)],
        withheld: vec![Withheld { chunk: data_chunk(2), ordinal: 9 }],
    }
}

pub(crate) fn archive_drop() -> ArchiveDrop {
    ArchiveDrop { archive: archive_id(), dropped: at(1_700_000_000, 5) }
}

fn context() -> Context {
    let mut options = Options::default();
    options.push(0x4001, *b"private");
    options.push(0x0007, *b"");
    Context { epoch: 3, chain: vec![0, 1], options }
}

fn run_header() -> RunHeader {
    RunHeader { first: data_chunk(4), session: session_id(), context: context() }
}

fn run_footer() -> RunFooter {
    let chunk = |number, stored_length| RunChunk { number, stored_length, stored_crc: 0xdead_beef };
    RunFooter { header: run_header(), chunks: vec![chunk(4, 29), chunk(5, 1 << 20)] }
}

fn stages() -> Vec<StageRecord> {
    vec![
        StageRecord { plain_length: 1000, nonce: Vec::new() },
        StageRecord { plain_length: 13, nonce: counting::<24>(0x60).to_vec() },
    ]
}

fn sealed_header() -> ChunkHeader {
    ChunkHeader {
        chunk: data_chunk(7),
        session: session_id(),
        kind: ChunkKind::Data,
        plain_length: 1000,
        stages: stages(),
        context: ContextPlace::Here(context()),
    }
}

fn run_chunk_header() -> ChunkHeader {
    ChunkHeader { chunk: data_chunk(5), context: ContextPlace::Run(4), ..sealed_header() }
}

fn chunk_footer(context: Option<Context>) -> ChunkFooter {
    ChunkFooter {
        chunk: data_chunk(7),
        context,
        blocks: vec![
            BlockEntry { ordinal: 0, length: 600, identity: BlockIdentity(counting(0x01)) },
            BlockEntry { ordinal: 2, length: 400, identity: BlockIdentity(counting(0x02)) },
        ],
        needs: vec![data_chunk(2), data_chunk(3)],
    }
}

/// `docs/a.txt` as SPEC 12.3 has it.
pub(crate) fn entry() -> Entry {
    Entry {
        mode: 0o644,
        uid: 1000,
        gid: 100,
        mtime: at(1_700_000_000, 123_456_789),
        ctime: at(-1, 999_999_999),
        size: 13,
        device: 2049,
        inode: 77,
        xattrs: vec![Xattr { name: b"user.note".to_vec(), value: b"x".to_vec() }],
        ..Entry::new("docs/a.txt", EntryKind::File)
    }
}

/// A block of an entry with its tag, appended.
pub(crate) fn put_block(
    kind: TagKind,
    (entry, block, offset): (u64, u32, u64),
    bytes: &[u8],
    options: &Options,
    out: &mut Vec<u8>,
) {
    let length = u32::try_from(bytes.len()).expect("small");
    let tag = TagHeader { kind, entry, offset, block, length, crc: checksum(bytes) };
    tag.encode(options, out);
    out.extend_from_slice(bytes);
}

pub(crate) fn finding() -> Finding {
    Finding {
        component: "snoop-type".to_owned(),
        name: "text".to_owned(),
        offset: 0,
        length: 0,
        detail: "ascii".to_owned(),
    }
}

/// The domain secret of an unencrypted store.
pub(crate) fn open_domain(store: &[u8; 16], writer: &str) -> [u8; 32] {
    let material = [store, writer.as_bytes()].concat();
    blake3::derive_key("mover 0 public dedupe domain", &material)
}

pub(crate) struct Tiny {
    pub(crate) volume: Vec<u8>,
    entries: Vec<IndexEntry>,
    domain: [u8; 32],
}

/// The volume of SPEC 12.8.
pub(crate) fn tiny() -> Tiny {
    let mut tiny =
        Tiny { volume: Vec::new(), entries: tiny_entries(), domain: open_domain(&STORE.0, "host") };
    let group =
        KeyGroup { revision: 1, recipient: String::new(), members: Vec::new(), ..key_group() };
    let header = SessionHeader {
        components: vec![component_entry(Role::Dedupe, "crc-dedupe", "{}", false)],
        epochs: vec![Epoch { number: 0, group: group.group, envelope: Vec::new() }],
        writer: blake3::derive_key("mover 0 writer id", &tiny.domain),
        started: at(1_700_000_001, 0),
        ..session()
    };
    tiny.bare(FrameKind::VolumeLabel, |out| label().encode(out));
    tiny.bare(FrameKind::KeyGroup, |out| group.encode(out));
    let mut body = Vec::new();
    component().encode(&mut body);
    Frame::encode(FrameKind::Component, &body, WASM, &mut tiny.volume);
    tiny.bare(FrameKind::SessionHeader, |out| header.encode(out));
    let archive = ArchiveHeader {
        name: "tiny".to_owned(),
        source: [0; 32],
        started: at(1_700_000_001, 0),
        parent: ArchiveId::default(),
        framing: Framing::Each,
        ..archive_header()
    };
    tiny.bare(FrameKind::ArchiveHeader, |out| archive.encode(out));
    tiny.data_chunks();
    tiny.index();
    let footer = tiny.archive_footer();
    let (mut body, mut lists) = (Vec::new(), Vec::new());
    footer.encode(&mut body, &mut lists);
    Frame::encode(FrameKind::ArchiveFooter, &body, &lists, &mut tiny.volume);
    let footer = SessionFooter {
        ended: at(1_700_000_003, 0),
        status: SessionStatus::Complete,
        header,
        groups: vec![group],
    };
    tiny.bare(FrameKind::SessionFooter, |out| footer.encode(out));
    tiny.bare(FrameKind::VolumeFooter, |out| volume_footer(0).encode(out));
    tiny
}

fn tiny_entries() -> Vec<IndexEntry> {
    let record = |number, entry: Entry, extents, verdict, findings| IndexEntry {
        number,
        entry,
        extents,
        verdict,
        faulty: false,
        findings,
        options: Options::default(),
    };
    let run = |chunk, length| Extent::Data(Run { chunk, first: 0, count: 1, length });
    let hello = run(data_chunk(0), 13);
    let folder = Entry { mode: 0o755, ..Entry::new("docs", EntryKind::Directory) };
    let sparse = Entry { mode: 0o600, size: 4112, ..Entry::new("docs/b.bin", EntryKind::File) };
    let link = Entry {
        mode: 0o777,
        link_target: b"docs/a.txt".to_vec(),
        ..Entry::new("link", EntryKind::Symlink)
    };
    let extents = vec![hello, Extent::Hole(4096), run(data_chunk(1), 3)];
    vec![
        record(1, folder, Vec::new(), Verdict::Pass, Vec::new()),
        record(2, entry(), vec![hello], Verdict::Tag, vec![finding()]),
        record(3, sparse, extents, Verdict::Pass, Vec::new()),
        record(4, link, Vec::new(), Verdict::Pass, Vec::new()),
    ]
}

impl Tiny {
    fn bare(&mut self, kind: FrameKind, encode: impl Fn(&mut Vec<u8>)) {
        let mut body = Vec::new();
        encode(&mut body);
        Frame::encode(kind, &body, &[], &mut self.volume);
    }

    fn chunk(&mut self, kind: ChunkKind, plain: &[u8], footer: &ChunkFooter) {
        let header = ChunkHeader {
            chunk: footer.chunk,
            session: session_id(),
            kind,
            plain_length: u32::try_from(plain.len()).expect("small"),
            stages: Vec::new(),
            context: ContextPlace::Here(Context::default()),
        };
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        header.encode(&mut body);
        Frame::encode(FrameKind::ChunkHeader, &body, plain, &mut self.volume);
        body.clear();
        footer.encode(&mut body, &mut lists);
        Frame::encode(FrameKind::ChunkFooter, &body, &lists, &mut self.volume);
    }

    fn block(&self, bytes: &[u8]) -> BlockEntry {
        let length = u32::try_from(bytes.len()).expect("small");
        let identity = BlockIdentity(*blake3::keyed_hash(&self.domain, bytes).as_bytes());
        BlockEntry { ordinal: 0, length, identity }
    }

    fn data_chunks(&mut self) {
        let none = Options::default();
        let entries = tiny_entries();
        let mut plain = Vec::new();
        let open = |record: &IndexEntry, plain: &mut Vec<u8>| {
            let mut bytes = Vec::new();
            record.entry.encode(&mut bytes);
            put_block(TagKind::Entry, (record.number, 0, 0), &bytes, &none, plain);
        };
        let close = |record: &IndexEntry, plain: &mut Vec<u8>| {
            let (size, verdict) = (record.entry.size, record.verdict);
            let mut bytes = Vec::new();
            EntryEnd { size, verdict, faulty: false }.encode(&mut bytes);
            put_block(TagKind::End, (record.number, 0, 0), &bytes, &none, plain);
        };
        let mut described = Options::default();
        described.push(16, *b"host");
        described.push(17, *b"/home");
        put_block(TagKind::Metadata, (0, 0, 0), b"", &described, &mut plain);
        open(&entries[0], &mut plain);
        close(&entries[0], &mut plain);
        open(&entries[1], &mut plain);
        put_block(TagKind::Data, (2, 0, 0), HELLO, &none, &mut plain);
        let (mut found, mut value) = (Options::default(), Vec::new());
        finding().encode(&mut value);
        found.push(Finding::OPTION, value);
        put_block(TagKind::Metadata, (2, 0, 0), b"", &found, &mut plain);
        close(&entries[1], &mut plain);
        open(&entries[2], &mut plain);
        let hello = self.block(HELLO);
        let footer = |number, blocks, needs| ChunkFooter {
            chunk: data_chunk(number),
            context: None,
            blocks,
            needs,
        };
        self.chunk(ChunkKind::Data, &plain, &footer(0, vec![hello], Vec::new()));
        plain.clear();
        let mut run = Vec::new();
        Run { chunk: data_chunk(0), first: 0, count: 1, length: 13 }.encode(&mut run);
        put_block(TagKind::Reference, (3, 0, 0), &run, &none, &mut plain);
        put_block(TagKind::Hole, (3, 1, 13), &4096_u64.to_le_bytes(), &none, &mut plain);
        put_block(TagKind::Data, (3, 2, 4109), b"end", &none, &mut plain);
        close(&entries[2], &mut plain);
        open(&entries[3], &mut plain);
        close(&entries[3], &mut plain);
        let end = self.block(b"end");
        self.chunk(ChunkKind::Data, &plain, &footer(1, vec![end], vec![data_chunk(0)]));
    }

    fn index(&mut self) {
        let footer = |number| ChunkFooter {
            chunk: chunk_id(StreamNumber::INDEX, number),
            context: None,
            blocks: Vec::new(),
            needs: Vec::new(),
        };
        let (mut page, mut plain, mut root) = (IndexPageWriter::default(), Vec::new(), Vec::new());
        self.entries.iter().for_each(|entry| page.push(entry));
        let length = page.encoded_length();
        page.finish(&mut plain).encode(&mut root);
        assert_eq!(plain.len(), length);
        self.chunk(ChunkKind::IndexPage, &plain, &footer(0));
        self.chunk(ChunkKind::IndexRoot, &root, &footer(1));
    }

    fn archive_footer(&self) -> ArchiveFooter {
        let lengths = self.entries.iter().flat_map(|entry| &entry.extents).map(Extent::length);
        let own = ChunkRange { archive: archive_id(), stream: StreamNumber(0), first: 0, count: 2 };
        ArchiveFooter {
            archive: archive_id(),
            session: session_id(),
            finished: at(1_700_000_002, 0),
            entry_count: 4,
            content_length: lengths.sum(),
            index_page_count: 1,
            index_root_count: 1,
            needs: vec![own],
            ..ArchiveFooter::default()
        }
    }
}
