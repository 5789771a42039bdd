//! Archives as `mover` would never write them: whatever entries, in every framing, without a stage.

use format::*;

/// How an archive is put on its volume.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub framing: Framing,
    pub has_index: bool,
    pub is_finished: bool,
    pub volume: u32,
    /// The archive's identity, and that of its session, is this byte many times.
    pub id: u8,
}

impl Default for Form {
    fn default() -> Form {
        Form { framing: Framing::Each, has_index: true, is_finished: true, volume: 1, id: 7 }
    }
}

const STORE: StoreId = StoreId([5; 16]);

/// An entry with the mode and time of an ordinary one.
pub fn entry(path: impl Into<Vec<u8>>, kind: EntryKind) -> Entry {
    let mut entry = Entry::new(path, kind);
    entry.mode = if kind == EntryKind::Directory { 0o755 } else { 0o644 };
    entry.mtime.seconds = 1_700_000_000;
    entry
}

/// A symbolic link.
pub fn link(path: &str, to: &str) -> Entry {
    Entry { link_target: to.into(), ..entry(path, EntryKind::Symlink) }
}

/// A volume with one archive of these entries and their contents.
pub fn volume(entries: &[(Entry, &[u8])], form: Form) -> Vec<u8> {
    let mut volume = Volume { bytes: Vec::new(), form };
    volume.begin();
    volume.archive(entries);
    volume.end();
    volume.bytes
}

struct Volume {
    bytes: Vec<u8>,
    form: Form,
}

impl Volume {
    fn session(&self) -> SessionId {
        SessionId([self.form.id; 16])
    }

    fn chunk(&self, stream: StreamNumber, number: u64) -> ChunkId {
        ChunkId { archive: ArchiveId([self.form.id; 16]), stream, number }
    }

    fn bare(&mut self, kind: FrameKind, encode: impl Fn(&mut Vec<u8>)) {
        let mut body = Vec::new();
        encode(&mut body);
        Frame::encode(kind, &body, &[], &mut self.bytes);
    }

    fn header(&self) -> SessionHeader {
        SessionHeader {
            session: self.session(),
            store: STORE,
            job: "fuzz".to_owned(),
            writer: [1; 32],
            software: "fuzz".to_owned(),
            started: Timestamp::default(),
            components: Vec::new(),
            epochs: vec![Epoch { number: 0, group: GroupId([9; 16]), envelope: Vec::new() }],
        }
    }

    fn group() -> KeyGroup {
        KeyGroup {
            group: GroupId([9; 16]),
            revision: 1,
            created: Timestamp::default(),
            recipient: String::new(),
            members: Vec::new(),
        }
    }

    fn begin(&mut self) {
        let label = VolumeLabel {
            store: STORE,
            volume: self.form.volume,
            created: Timestamp::default(),
            pool: "default".to_owned(),
            name: String::new(),
        };
        self.bare(FrameKind::VolumeLabel, |out| label.encode(out));
        self.bare(FrameKind::KeyGroup, |out| Volume::group().encode(out));
        let header = self.header();
        self.bare(FrameKind::SessionHeader, |out| header.encode(out));
    }

    fn archive(&mut self, entries: &[(Entry, &[u8])]) {
        let header = ArchiveHeader {
            archive: self.chunk(StreamNumber(0), 0).archive,
            session: self.session(),
            name: "crafted".to_owned(),
            source: [0; 32],
            started: Timestamp::default(),
            parent: ArchiveId::default(),
            framing: self.form.framing,
        };
        self.bare(FrameKind::ArchiveHeader, |out| header.encode(out));
        let first = self.chunk(StreamNumber(0), 0);
        let (plain, records, blocks) = packed(entries, first);
        let run = RunHeader { first, session: self.session(), context: Context::default() };
        if self.form.framing == Framing::Run {
            self.bare(FrameKind::RunHeader, |out| run.encode(out));
        }
        self.put_chunk(ChunkKind::Data, first, &plain, blocks);
        if self.form.framing == Framing::Run {
            let chunk = RunChunk {
                number: 0,
                stored_length: plain.len() as u32,
                stored_crc: checksum(&plain),
            };
            let footer = RunFooter { header: run, chunks: vec![chunk] };
            self.bare(FrameKind::RunFooter, |out| footer.encode(out));
        }
        if self.form.has_index {
            self.index(&records);
        }
        if self.form.is_finished {
            self.footer(&records);
        }
    }

    fn index(&mut self, records: &[IndexEntry]) {
        let (mut page, mut plain, mut root) = (IndexPageWriter::default(), Vec::new(), Vec::new());
        records.iter().for_each(|record| page.push(record));
        page.finish(&mut plain).encode(&mut root);
        for (number, (kind, plain)) in
            (0..).zip([(ChunkKind::IndexPage, plain), (ChunkKind::IndexRoot, root)])
        {
            self.put_chunk(kind, self.chunk(StreamNumber::INDEX, number), &plain, Vec::new());
        }
    }

    fn put_chunk(
        &mut self,
        kind: ChunkKind,
        chunk: ChunkId,
        plain: &[u8],
        blocks: Vec<BlockEntry>,
    ) {
        let is_in_run = self.form.framing == Framing::Run && kind == ChunkKind::Data;
        let header = ChunkHeader {
            chunk,
            session: self.session(),
            kind,
            plain_length: plain.len() as u32,
            stages: Vec::new(),
            context: match is_in_run {
                true => ContextPlace::Run(0),
                false => ContextPlace::Here(Context::default()),
            },
        };
        let context = (self.form.framing == Framing::Both).then(Context::default);
        let footer = ChunkFooter { chunk, context, blocks, needs: Vec::new() };
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        header.encode(&mut body);
        Frame::encode(FrameKind::ChunkHeader, &body, plain, &mut self.bytes);
        body.clear();
        footer.encode(&mut body, &mut lists);
        Frame::encode(FrameKind::ChunkFooter, &body, &lists, &mut self.bytes);
    }

    fn footer(&mut self, records: &[IndexEntry]) {
        let pages = u64::from(self.form.has_index);
        let own = self.chunk(StreamNumber(0), 0);
        let footer = ArchiveFooter {
            archive: own.archive,
            session: self.session(),
            entry_count: records.len() as u64,
            index_page_count: pages,
            index_root_count: pages,
            needs: vec![ChunkRange {
                archive: own.archive,
                stream: own.stream,
                first: 0,
                count: 1,
            }],
            ..ArchiveFooter::default()
        };
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        Frame::encode(FrameKind::ArchiveFooter, &body, &lists, &mut self.bytes);
    }

    fn end(&mut self) {
        let footer = SessionFooter {
            ended: Timestamp::default(),
            status: SessionStatus::Complete,
            header: self.header(),
            groups: vec![Volume::group()],
        };
        self.bare(FrameKind::SessionFooter, |out| footer.encode(out));
        let footer = VolumeFooter {
            store: STORE,
            volume: self.form.volume,
            next_volume: 0,
            chunk_count: 1 + 2 * u64::from(self.form.has_index),
        };
        self.bare(FrameKind::VolumeFooter, |out| footer.encode(out));
    }
}

/// A chunk's plain bytes, and what index and block table say of them.
fn packed(
    entries: &[(Entry, &[u8])],
    chunk: ChunkId,
) -> (Vec<u8>, Vec<IndexEntry>, Vec<BlockEntry>) {
    let (mut plain, mut records, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (entry, content)) in (1..).zip(entries) {
        let length = content.len() as u32;
        let mut bytes = Vec::new();
        let entry = Entry { size: length.into(), ..entry.clone() };
        entry.encode(&mut bytes);
        put(TagKind::Entry, number, &bytes, &mut plain);
        let mut extents = Vec::new();
        if !content.is_empty() {
            put(TagKind::Data, number, content, &mut plain);
            let first = blocks.len() as u32;
            extents.push(Extent::Data(Run { chunk, first, count: 1, length: length.into() }));
            let identity = BlockIdentity([number as u8; 32]);
            blocks.push(BlockEntry { ordinal: first, length, identity });
        }
        bytes.clear();
        let (size, verdict, faulty) = (entry.size, Verdict::Pass, false);
        EntryEnd { size, verdict, faulty }.encode(&mut bytes);
        put(TagKind::End, number, &bytes, &mut plain);
        let (findings, options) = (Vec::new(), Options::default());
        records.push(IndexEntry { number, entry, extents, verdict, faulty, findings, options });
    }
    (plain, records, blocks)
}

fn put(kind: TagKind, entry: u64, block: &[u8], out: &mut Vec<u8>) {
    let (length, crc) = (block.len() as u32, checksum(block));
    let tag = TagHeader { kind, entry, offset: 0, block: 0, length, crc };
    tag.encode(&Options::default(), out);
    out.extend_from_slice(block);
}
