//! What a session asks of a store, wherever the store is: in a folder here, or with another mover.

use std::collections::BTreeSet;
use std::sync::Arc;

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, BlockIdentity, ChunkFooter, ChunkHeader, ChunkId,
    ChunkRange, Component, Digest, KeyGroup, RunFooter, RunHeader, SessionFooter, SessionHeader,
    SessionId, StoreId, Timestamp,
};

use super::find;
use super::open::Store;
use super::parity::ParityFault;
use super::record::{
    ArchiveRecord, BlockPlace, ChunkPlace, Fault, SessionRecord, StoredChunk, StreamEnd,
    VolumeRecord,
};
use super::shelf::FailedDrive;
use super::writer::{Protected, Step, StoreWriter};
use crate::pipeline::Meter;
use crate::{Error, ErrorKind, Result};

/// A store that is read, by any number of threads.
pub trait ReadStore: Send + Sync {
    /// The store's identity.
    fn id(&self) -> StoreId;
    /// How the operator calls it: its folder or its address.
    fn name(&self) -> String;
    /// Its key groups, each in its latest revision, in order of first appearance.
    fn groups(&self) -> Result<Vec<KeyGroup>>;
    /// All archives in order of first appearance, unfinished and dropped ones too.
    fn archives(&self) -> Result<Vec<ArchiveRecord>>;
    /// A session's header.
    fn session(&self, session: &SessionId) -> Result<SessionHeader>;
    /// All sessions in order of appearance.
    fn sessions(&self) -> Result<Vec<SessionRecord>>;
    /// A component's bytes.
    fn component(&self, digest: &Digest) -> Result<Vec<u8>>;
    /// Where chunks lie, in the order of the question; none for one that is not known.
    fn chunk_places(&self, chunks: &[ChunkId]) -> Result<Vec<Option<ChunkPlace>>>;
    /// The pools that have chunks of these ranges, or copies of them, by name.
    fn pools_of(&self, ranges: &[ChunkRange]) -> Result<BTreeSet<String>>;
    /// Reads a chunk; its footer is not looked at.
    fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk>;
    /// Checks every checksum of a chunk, and that header and footer are its own.
    fn verify_chunk(&self, chunk: &ChunkId) -> Result<ChunkFooter>;
    /// Where blocks lie, in the order of the question: those alone that lie in every one of
    /// `pools`; none is the home pool.
    fn lookup_blocks(
        &self,
        identities: &[BlockIdentity],
        pools: &[String],
    ) -> Result<Vec<Option<BlockPlace>>>;
    /// All volumes.
    fn volumes(&self) -> Result<Vec<VolumeRecord>>;
    /// The chunks of a volume, in order of their places.
    fn volume_chunks(&self, volume: u32) -> Result<Vec<ChunkPlace>>;
    /// Reads all of a volume that the catalog knows, and gives what is damaged in it.
    fn check_volume(&self, volume: &VolumeRecord) -> Result<Vec<Fault>>;
    /// All that is known to be wrong with the volumes.
    fn faults(&self) -> Result<Vec<Fault>>;
    /// Reads all parity, where it is at hand: another mover looks after its own.
    fn check_parity(&self) -> Result<Vec<ParityFault>> {
        Ok(Vec::new())
    }

    /// Connections that had to be made anew; none are needed for a folder.
    fn retries(&self) -> u64 {
        0
    }

    /// Whether a question failed since nobody could be reached, for as long as that is tried: all
    /// others would wait as long, and fail too. A folder is never away.
    fn is_away(&self, _error: &Error) -> bool {
        false
    }

    /// Passes over each tape that was read; see [`Store::passes`].
    fn passes(&self) -> Vec<(u32, u64)> {
        Vec::new()
    }

    /// The drives that failed since their pools were opened, and are left alone; those of another
    /// mover are its operator's matter.
    fn failed_drives(&self) -> Vec<FailedDrive> {
        Vec::new()
    }

    /// Whether this machine may read chunks at all; where not, it keeps its own records.
    fn is_readable(&self) -> bool {
        true
    }

    /// The key group to write under.
    fn current_group(&self) -> Result<KeyGroup> {
        self.groups()?.pop().ok_or_else(|| {
            let message = format!("store {} has no readable key group", self.name());
            Error::new(ErrorKind::Damaged, message)
        })
    }

    /// The newest finished archive of a name, or one by the beginning of its identity, or
    /// `latest`: the newest finished one of all. Dropped ones are found by identity only.
    fn find_archive(&self, name: &str) -> Result<ArchiveRecord> {
        find::find(name, &self.name(), self.archives()?)
    }
}

/// A secret that only the writer of an archive has: whoever continues the archive shows it.
///
/// An archive's identity is the beginning of its digest, so that a server needs no memory of who
/// began what, and no writer can continue what another one began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ArchiveProof(pub [u8; 32]);

impl ArchiveProof {
    /// The identity of the archive that this is the proof of.
    pub fn archive(&self) -> ArchiveId {
        let mut hasher = blake3::Hasher::new_derive_key("mover 2026-11 archive identity");
        hasher.update(&self.0);
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        ArchiveId(id)
    }
}

impl std::fmt::Debug for ArchiveProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArchiveProof(of {})", self.archive())
    }
}

/// A store that one session writes to.
pub trait WriteStore: Send {
    /// The store, for lookups and reads on other threads.
    fn store(&self) -> Arc<dyn ReadStore>;
    /// Where the streams of an archive end that was begun and not finished; none where there is no
    /// such archive. Nobody else writes to it any more when this returns.
    fn unfinished(&mut self, proof: &ArchiveProof) -> Result<Option<Vec<StreamEnd>>>;
    /// Begins a session. `components` are all that its table names, with their bytes.
    fn begin_session(
        &mut self,
        header: &SessionHeader,
        components: &[(Component, &[u8])],
    ) -> Result<()>;
    /// Begins an archive, or continues an unfinished one: then the header names the new session.
    fn begin_archive(&mut self, header: &ArchiveHeader, proof: &ArchiveProof) -> Result<()>;
    /// Appends a chunk. Gives how many of the chunks that were given to this writer the data index
    /// answers for; over a network this may be behind by what is on its way.
    fn append_chunk(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        footer: &ChunkFooter,
    ) -> Result<u64>;
    /// Opens a run of chunks that share a context.
    fn append_run_header(&mut self, header: &RunHeader) -> Result<()>;
    /// Closes a run.
    fn append_run_footer(&mut self, footer: &RunFooter) -> Result<()>;
    /// Closes an archive.
    fn end_archive(&mut self, footer: &ArchiveFooter) -> Result<()>;
    /// Closes a session; when this returns, all of it is durable.
    fn end_session(&mut self, footer: &SessionFooter) -> Result<()>;
    /// Makes what was appended durable, where the session ends without a footer.
    fn settle(&mut self) -> Result<()>;
    /// Chunks that were given to this writer and are durable.
    fn durable_chunks(&self) -> u64;
    /// Bytes of the store, or at least what this writer made it grow by since it was opened.
    fn stored_length(&self) -> Result<u64>;
    /// What carries appends to where the store is, if that is not this thread.
    fn meter(&self) -> Option<Arc<Meter>> {
        None
    }
    /// The pools that were left behind, each with the reason: copies in them are not complete.
    fn behind(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// The same store, opened anew without the drives that failed since this writer was opened;
    /// none where none did.
    fn without_failed_drives(self: Box<Self>) -> Result<Option<Box<dyn WriteStore>>> {
        Ok(None)
    }
    /// What only a network has to tell.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
    /// Drops an archive: it is no longer shown.
    fn drop_archive(&mut self, archive: &ArchiveId, now: Timestamp) -> Result<()>;
    /// Puts a key group, or a later revision of one.
    fn put_group(&mut self, group: &KeyGroup) -> Result<()>;
    /// Makes parity of what has none yet; see [`StoreWriter::protect`]. Another mover does so by
    /// itself, when nobody writes to the store.
    fn protect(&mut self, _void: &BTreeSet<String>, _step: Step<'_>) -> Result<Protected> {
        Ok(Protected::default())
    }
}

/// What went over a network on behalf of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of chunks that were sent, those that were sent again included.
    pub sent: u64,
    /// Bytes of chunks that were sent before and had not arrived.
    pub sent_again: u64,
    /// Connections that were made anew.
    pub retries: u64,
}

impl ReadStore for Store {
    fn id(&self) -> StoreId {
        Store::id(self)
    }

    fn name(&self) -> String {
        self.path().display().to_string()
    }

    fn groups(&self) -> Result<Vec<KeyGroup>> {
        Store::groups(self)
    }

    fn archives(&self) -> Result<Vec<ArchiveRecord>> {
        Store::archives(self)
    }

    fn session(&self, session: &SessionId) -> Result<SessionHeader> {
        Store::session(self, session)
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>> {
        Store::sessions(self)
    }

    fn component(&self, digest: &Digest) -> Result<Vec<u8>> {
        Store::component(self, digest)
    }

    fn chunk_places(&self, chunks: &[ChunkId]) -> Result<Vec<Option<ChunkPlace>>> {
        chunks.iter().map(|chunk| self.chunk_place(chunk)).collect()
    }

    fn pools_of(&self, ranges: &[ChunkRange]) -> Result<BTreeSet<String>> {
        Store::pools_of(self, ranges)
    }

    fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk> {
        Store::read_chunk(self, chunk)
    }

    fn verify_chunk(&self, chunk: &ChunkId) -> Result<ChunkFooter> {
        Store::verify_chunk(self, chunk)
    }

    fn lookup_blocks(
        &self,
        identities: &[BlockIdentity],
        pools: &[String],
    ) -> Result<Vec<Option<BlockPlace>>> {
        Store::lookup_blocks(self, identities, pools)
    }

    fn volumes(&self) -> Result<Vec<VolumeRecord>> {
        Store::volumes(self)
    }

    fn volume_chunks(&self, volume: u32) -> Result<Vec<ChunkPlace>> {
        Store::volume_chunks(self, volume)
    }

    fn check_volume(&self, volume: &VolumeRecord) -> Result<Vec<Fault>> {
        Store::check_volume(self, volume)
    }

    fn faults(&self) -> Result<Vec<Fault>> {
        Store::faults(self)
    }

    fn check_parity(&self) -> Result<Vec<ParityFault>> {
        Store::check_parity(self)
    }

    fn passes(&self) -> Vec<(u32, u64)> {
        Store::passes(self)
    }

    fn failed_drives(&self) -> Vec<FailedDrive> {
        Store::failed_drives(self)
    }
}

impl WriteStore for StoreWriter {
    fn store(&self) -> Arc<dyn ReadStore> {
        StoreWriter::store(self)
    }

    fn unfinished(&mut self, proof: &ArchiveProof) -> Result<Option<Vec<StreamEnd>>> {
        let archive = proof.archive();
        let known = self.archives()?.into_iter().find(|known| known.header.archive == archive);
        match known.filter(|known| known.footer.is_none() && known.dropped.is_none()) {
            Some(_) => self.stream_ends(&archive).map(Some),
            None => Ok(None),
        }
    }

    fn begin_session(
        &mut self,
        header: &SessionHeader,
        components: &[(Component, &[u8])],
    ) -> Result<()> {
        StoreWriter::begin_session(self, header, components)
    }

    /// Whoever can write to the folder needs no proof.
    fn begin_archive(&mut self, header: &ArchiveHeader, _proof: &ArchiveProof) -> Result<()> {
        StoreWriter::begin_archive(self, header)
    }

    fn append_chunk(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        footer: &ChunkFooter,
    ) -> Result<u64> {
        StoreWriter::append_chunk(self, header, payload, footer)
    }

    fn append_run_header(&mut self, header: &RunHeader) -> Result<()> {
        StoreWriter::append_run_header(self, header)
    }

    fn append_run_footer(&mut self, footer: &RunFooter) -> Result<()> {
        StoreWriter::append_run_footer(self, footer)
    }

    fn end_archive(&mut self, footer: &ArchiveFooter) -> Result<()> {
        StoreWriter::end_archive(self, footer)
    }

    fn end_session(&mut self, footer: &SessionFooter) -> Result<()> {
        StoreWriter::end_session(self, footer)
    }

    fn settle(&mut self) -> Result<()> {
        self.commit().map(drop)
    }

    fn durable_chunks(&self) -> u64 {
        self.acknowledged().chunks
    }

    fn stored_length(&self) -> Result<u64> {
        Ok(self.volumes()?.iter().map(|volume| volume.length).sum())
    }

    fn behind(&self) -> Vec<(String, String)> {
        StoreWriter::behind(self)
    }

    fn without_failed_drives(self: Box<Self>) -> Result<Option<Box<dyn WriteStore>>> {
        let anew = StoreWriter::without_failed_drives(*self)?;
        Ok(anew.map(|writer| Box::new(writer) as Box<dyn WriteStore>))
    }

    fn drop_archive(&mut self, archive: &ArchiveId, now: Timestamp) -> Result<()> {
        StoreWriter::drop_archive(self, archive, now)
    }

    fn put_group(&mut self, group: &KeyGroup) -> Result<()> {
        StoreWriter::put_group(self, group)
    }

    fn protect(&mut self, void: &BTreeSet<String>, step: Step<'_>) -> Result<Protected> {
        StoreWriter::protect(self, void, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_proven_by_its_own_proof_alone() {
        let (one, other) = (ArchiveProof([1; 32]), ArchiveProof([2; 32]));
        assert_eq!(one.archive(), ArchiveProof([1; 32]).archive());
        assert_ne!(one.archive(), other.archive());
        assert!(!format!("{one:?}").contains("0101"));
    }
}
