//! Values of every type, generated within the limits.

use format::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn bytes(length_max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=length_max)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\PC{1,12}", Just("n".repeat(limits::NAME_LENGTH_MAX))]
}

pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    (any::<i64>(), 0..=limits::NANOSECONDS_MAX)
        .prop_map(|(seconds, nanoseconds)| Timestamp { seconds, nanoseconds })
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..9, 0..=limits::CHUNK_NUMBER_MAX, Just(limits::CHUNK_NUMBER_MAX)]
}

pub(crate) fn chunk_id() -> impl Strategy<Value = ChunkId> {
    let stream = prop_oneof![0_u32..3, any::<u32>(), Just(u32::MAX)];
    (any::<[u8; 16]>(), stream, number()).prop_map(|(archive, stream, number)| ChunkId {
        archive: ArchiveId(archive),
        stream: StreamNumber(stream),
        number,
    })
}

pub(crate) fn label() -> impl Strategy<Value = VolumeLabel> {
    (any::<[u8; 16]>(), 1..=u32::MAX, timestamp(), name(), name()).prop_map(
        |(store, volume, created, pool, name)| VolumeLabel {
            store: StoreId(store),
            volume,
            created,
            pool,
            name,
        },
    )
}

pub(crate) fn volume_footer() -> impl Strategy<Value = VolumeFooter> {
    (any::<[u8; 16]>(), any::<u32>(), any::<u32>(), any::<u64>()).prop_map(
        |(store, volume, next_volume, chunk_count)| VolumeFooter {
            store: StoreId(store),
            volume,
            next_volume,
            chunk_count,
        },
    )
}

fn member() -> impl Strategy<Value = Member> {
    let kind = prop_oneof![Just(MemberKind::Passphrase), Just(MemberKind::Recipient)];
    (kind, name(), bytes(40)).prop_map(|(kind, name, envelope)| Member { kind, name, envelope })
}

pub(crate) fn key_group() -> impl Strategy<Value = KeyGroup> {
    (any::<[u8; 16]>(), 1..=u32::MAX, timestamp(), name(), vec(member(), 0..4)).prop_map(
        |(group, revision, created, recipient, members)| KeyGroup {
            group: GroupId(group),
            revision,
            created,
            recipient,
            members,
        },
    )
}

pub(crate) fn component() -> impl Strategy<Value = Component> {
    (any::<[u8; 32]>(), name(), name()).prop_map(|(digest, name, version)| Component {
        digest: Digest(digest),
        name,
        version,
    })
}

fn component_entry() -> impl Strategy<Value = ComponentEntry> {
    let roles = [Role::Filter, Role::Snoop, Role::Dedupe, Role::Transform];
    let digests = (any::<[u8; 32]>(), any::<[u8; 32]>());
    (prop::sample::select(roles.to_vec()), name(), name(), digests, "\\PC{0,30}", any::<bool>())
        .prop_map(|(role, name, version, (digest, config_digest), config, keyed)| ComponentEntry {
            role,
            name,
            version,
            digest: Digest(digest),
            config,
            config_digest: Digest(config_digest),
            keyed,
        })
}

fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    let epochs = prop::collection::btree_map(any::<u32>(), (any::<[u8; 16]>(), bytes(20)), 0..4);
    epochs.prop_map(|epochs| {
        let epoch = |(number, (group, envelope))| Epoch { number, group: GroupId(group), envelope };
        epochs.into_iter().map(epoch).collect()
    })
}

pub(crate) fn session_header() -> impl Strategy<Value = SessionHeader> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[u8; 32]>());
    (ids, name(), name(), timestamp(), vec(component_entry(), 0..4), epochs()).prop_map(
        |((session, store, writer), job, software, started, components, epochs)| SessionHeader {
            session: SessionId(session),
            store: StoreId(store),
            job,
            writer,
            software,
            started,
            components,
            epochs,
        },
    )
}

pub(crate) fn session_footer() -> impl Strategy<Value = SessionFooter> {
    let statuses =
        [SessionStatus::Complete, SessionStatus::CompleteWithFaults, SessionStatus::Failed];
    let status = prop::sample::select(statuses.to_vec());
    (timestamp(), status, session_header(), vec(key_group(), 0..3))
        .prop_map(|(ended, status, header, groups)| SessionFooter { ended, status, header, groups })
}

pub(crate) fn archive_header() -> impl Strategy<Value = ArchiveHeader> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[u8; 32]>());
    let framing = prop::sample::select(&[Framing::Each, Framing::Run, Framing::Both][..]);
    (ids, name(), timestamp(), framing).prop_map(
        |((archive, session, parent, source), name, started, framing)| ArchiveHeader {
            archive: ArchiveId(archive),
            session: SessionId(session),
            name,
            source,
            started,
            parent: ArchiveId(parent),
            framing,
        },
    )
}

/// One range for each stream, so that they cannot overlap; two neighbours for some.
fn needs() -> impl Strategy<Value = Vec<ChunkRange>> {
    let stream = (any::<[u8; 16]>(), any::<u32>());
    let ranges = (0_u64..1 << 61, 1_u64..1 << 40, any::<bool>());
    prop::collection::btree_map(stream, ranges, 0..4).prop_map(|streams| {
        let mut needs = Vec::new();
        for ((archive, stream), (first, count, twice)) in streams {
            let (archive, stream) = (ArchiveId(archive), StreamNumber(stream));
            needs.push(ChunkRange { archive, stream, first, count });
            if twice {
                needs.push(ChunkRange { archive, stream, first: first + count, count });
            }
        }
        needs
    })
}

pub(crate) fn archive_footer() -> impl Strategy<Value = ArchiveFooter> {
    let withheld = prop::collection::btree_set((chunk_id(), any::<u32>()), 0..4);
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>());
    (ids, timestamp(), any::<[u64; 5]>(), needs(), withheld).prop_map(
        |((archive, session), finished, counts, needs, withheld)| ArchiveFooter {
            archive: ArchiveId(archive),
            session: SessionId(session),
            finished,
            entry_count: counts[0],
            content_length: counts[1],
            fault_count: counts[2],
            index_page_count: counts[3],
            index_root_count: counts[4],
            needs,
            withheld: withheld
                .into_iter()
                .map(|(chunk, ordinal)| Withheld { chunk, ordinal })
                .collect(),
        },
    )
}

pub(crate) fn archive_drop() -> impl Strategy<Value = ArchiveDrop> {
    (any::<[u8; 16]>(), timestamp())
        .prop_map(|(archive, dropped)| ArchiveDrop { archive: ArchiveId(archive), dropped })
}

pub(crate) fn options() -> impl Strategy<Value = Options> {
    vec((any::<u16>(), bytes(20)), 0..5).prop_map(|items| {
        let mut options = Options::default();
        items.into_iter().for_each(|(key, value)| options.push(key, value));
        options
    })
}

fn context(chain_length: usize) -> impl Strategy<Value = Context> {
    (any::<u32>(), vec(any::<u16>(), chain_length), options())
        .prop_map(|(epoch, chain, options)| Context { epoch, chain, options })
}

pub(crate) fn run_header() -> impl Strategy<Value = RunHeader> {
    (chunk_id(), any::<[u8; 16]>(), (0..=limits::CHAIN_LENGTH_MAX).prop_flat_map(context)).prop_map(
        |(first, session, context)| RunHeader { first, session: SessionId(session), context },
    )
}

pub(crate) fn run_footer() -> impl Strategy<Value = RunFooter> {
    let chunk = (0..=limits::FRAME_PAYLOAD_LENGTH_MAX, any::<u32>());
    let chunks = prop::collection::btree_map(0_u64..100, chunk, 0..5);
    (run_header(), chunks).prop_map(|(mut header, chunks)| {
        header.first.number %= 1 << 40;
        let first = header.first.number;
        let chunk = |(number, (stored_length, stored_crc))| RunChunk {
            number: first + number,
            stored_length,
            stored_crc,
        };
        RunFooter { header, chunks: chunks.into_iter().map(chunk).collect() }
    })
}

fn stages(count: usize) -> impl Strategy<Value = Vec<StageRecord>> {
    let stage = (0..=limits::FRAME_PAYLOAD_LENGTH_MAX, bytes(limits::NONCE_LENGTH_MAX));
    let stage = stage.prop_map(|(plain_length, nonce)| StageRecord { plain_length, nonce });
    vec(stage, count)
}

pub(crate) fn chunk_header() -> impl Strategy<Value = ChunkHeader> {
    let chain = (0..=limits::CHAIN_LENGTH_MAX).prop_flat_map(|count| {
        let place = prop_oneof![
            context(count).prop_map(ContextPlace::Here),
            any::<u64>().prop_map(ContextPlace::Run),
        ];
        (stages(count), place)
    });
    let kind =
        prop::sample::select(&[ChunkKind::Data, ChunkKind::IndexPage, ChunkKind::IndexRoot][..]);
    (chunk_id(), any::<[u8; 16]>(), kind, 0..=limits::CHUNK_PLAIN_LENGTH_MAX, chain).prop_map(
        |(mut chunk, session, kind, plain_length, (mut stages, context))| {
            if kind != ChunkKind::Data {
                chunk.stream = StreamNumber::INDEX;
            } else if chunk.stream == StreamNumber::INDEX {
                chunk.stream = StreamNumber(0);
            }
            if let Some(first) = stages.first_mut() {
                first.plain_length = plain_length;
            }
            let session = SessionId(session);
            ChunkHeader { chunk, session, kind, plain_length, stages, context }
        },
    )
}

pub(crate) fn chunk_footer() -> impl Strategy<Value = ChunkFooter> {
    let block = (0..=limits::BLOCK_LENGTH_MAX, any::<[u8; 32]>());
    let blocks = prop::collection::btree_map(any::<u32>(), block, 0..5);
    let needs = prop::collection::btree_set(chunk_id(), 0..4);
    (chunk_id(), option::of(context(2)), blocks, needs).prop_map(
        |(chunk, context, blocks, needs)| ChunkFooter {
            chunk,
            context,
            blocks: blocks
                .into_iter()
                .map(|(ordinal, (length, identity))| BlockEntry {
                    ordinal,
                    length,
                    identity: BlockIdentity(identity),
                })
                .collect(),
            needs: needs.into_iter().collect(),
        },
    )
}

pub(crate) fn run() -> impl Strategy<Value = Run> {
    (chunk_id(), 0..1_u32 << 31, 1..1_u32 << 31, 0..=u64::from(limits::CHUNK_PLAIN_LENGTH_MAX))
        .prop_map(|(chunk, first, count, length)| Run { chunk, first, count, length })
}

pub(crate) fn entry_end() -> impl Strategy<Value = EntryEnd> {
    let verdicts = [Verdict::Pass, Verdict::Tag, Verdict::Hold, Verdict::Stop];
    (0..=limits::CONTENT_LENGTH_MAX, prop::sample::select(verdicts.to_vec()), any::<bool>())
        .prop_map(|(size, verdict, faulty)| EntryEnd { size, verdict, faulty })
}

pub(crate) fn path() -> impl Strategy<Value = Vec<u8>> {
    // Few bytes, of which `/` and its neighbours matter for order.
    vec(prop::sample::select(&b"a/b.-0\xff\x01"[..]), 0..12)
}

pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    let kinds = [
        EntryKind::File,
        EntryKind::Directory,
        EntryKind::Symlink,
        EntryKind::Fifo,
        EntryKind::CharDevice,
        EntryKind::BlockDevice,
        EntryKind::Socket,
    ];
    let xattrs = prop::collection::btree_map(bytes(9), bytes(30), 0..4);
    let numbers = (any::<[u32; 4]>(), any::<[u64; 3]>(), 0..=limits::CONTENT_LENGTH_MAX);
    let times = (timestamp(), timestamp());
    let kind = prop::sample::select(kinds.to_vec());
    (kind, 0_u32..0o10000, numbers, times, (path(), path()), xattrs).prop_map(
        |(kind, mode, (small, large, size), (mtime, ctime), (path, link_target), xattrs)| Entry {
            path,
            kind,
            mode,
            uid: small[0],
            gid: small[1],
            mtime,
            ctime,
            size,
            device: large[0],
            inode: large[1],
            device_node: (small[2], small[3]),
            link_group: large[2],
            link_target,
            xattrs: xattrs.into_iter().map(|(name, value)| Xattr { name, value }).collect(),
        },
    )
}

pub(crate) fn finding() -> impl Strategy<Value = Finding> {
    (name(), name(), any::<u64>(), any::<u32>(), name()).prop_map(
        |(component, name, offset, length, detail)| Finding {
            component,
            name,
            offset,
            length,
            detail,
        },
    )
}

pub(crate) fn index_entry() -> impl Strategy<Value = IndexEntry> {
    let extent =
        prop_oneof![run().prop_map(Extent::Data), (0_u64..1 << 40).prop_map(Extent::Hole),];
    let verdict = prop::sample::select(&[Verdict::Pass, Verdict::Tag, Verdict::Hold][..]);
    let rest = (vec(finding(), 0..3), options());
    (1..=u64::MAX, entry(), vec(extent, 0..6), verdict, any::<bool>(), rest).prop_map(
        |(number, entry, extents, verdict, faulty, (findings, options))| IndexEntry {
            number,
            entry,
            extents,
            verdict,
            faulty,
            findings,
            options,
        },
    )
}
