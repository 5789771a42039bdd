//! A store's life: what is done to it, and what that promises.

use std::collections::BTreeSet;
use std::sync::Arc;

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, ChunkId, ChunkRange, Context, ContextPlace, Framing,
    RunChunk, RunFooter, RunHeader, SessionFooter, SessionStatus, StreamNumber, Timestamp,
};

use super::cut::Cuts;
use super::model::{Archive, Drop};
use crate::ambient::{SeededRandom, SteppingClock, random_bytes};
use crate::media::{FakeStorage, Parity};
use crate::pipeline::Cancel;
use crate::session::{
    Ambient, CopyConfig, CopySource, Keep, Observer, Progress, PruneConfig, Watch, copy, prune,
};
use crate::store::tests::{
    Rig, VOLUME_SIZE, archive_header, chunk, component, context, group, session_header,
};
use crate::store::{HOME_POOL, PoolConfig, Store, StoreWriter};
use crate::{Error, Result};

/// The second pool.
const VAULT: &str = "vault";

/// One thing that is done to a store. Archives are counted from the first that was made.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// So many chunks, that refer to chunks of `needs` too; and its end, or else it is cut short.
    Archive {
        chunks: u64,
        pools: &'static [&'static str],
        in_runs: bool,
        needs: Vec<u64>,
        ends: bool,
    },
    Drop(u64),
    /// Gives back the room of what nobody needs.
    Prune,
    /// All of an archive to a pool.
    Copy(u64, &'static str),
    /// Everything on a pool's volumes to the other pool; the volumes go.
    Migrate(&'static str, &'static str),
    /// The writer is let go of as a killed one is, and another one opens the store.
    Reopen,
}

/// Each step once or twice, in an order in which each has something to do.
pub(super) fn everything() -> Vec<Step> {
    let archive = |chunks, pools, in_runs, needs: &[u64], ends| {
        let needs = needs.to_vec();
        Step::Archive { chunks, pools, in_runs, needs, ends }
    };
    vec![
        archive(6, &[HOME_POOL], false, &[], true),
        archive(5, &[HOME_POOL, VAULT], false, &[0], true),
        archive(4, &[HOME_POOL], true, &[0, 1], true),
        Step::Copy(2, VAULT),
        archive(5, &[VAULT], false, &[], false),
        Step::Reopen,
        Step::Drop(0),
        Step::Prune,
        archive(3, &[HOME_POOL], false, &[1, 2], true),
        Step::Drop(1),
        Step::Drop(2),
        Step::Prune,
        Step::Migrate(VAULT, HOME_POOL),
        Step::Reopen,
        Step::Copy(4, VAULT),
        Step::Migrate(HOME_POOL, VAULT),
    ]
}

/// So many steps, as a seed says.
pub(super) fn random(seed: u64, steps: usize) -> Vec<Step> {
    const WAYS: [&[&str]; 4] = [&[HOME_POOL], &[HOME_POOL], &[HOME_POOL, VAULT], &[VAULT]];
    let random = SeededRandom::new(seed ^ 0x5ce9);
    let mut made = 0;
    let step = |_| {
        let [what, which, more, how, needs] = random_bytes::<5>(&random);
        let some = |made: u64| u64::from(which) % made.max(1);
        match what {
            _ if made == 0 || what < 100 => {
                let needs = (0..made).filter(|at| needs >> (at % 8) & 1 == 1).take(3).collect();
                made += 1;
                Step::Archive {
                    chunks: 1 + u64::from(more % 12),
                    pools: WAYS[usize::from(which % 4)],
                    in_runs: how & 3 == 0,
                    needs,
                    ends: how & 28 != 0,
                }
            }
            ..140 => Step::Drop(some(made)),
            140..175 => Step::Prune,
            175..205 => Step::Copy(some(made), if how & 3 == 0 { HOME_POOL } else { VAULT }),
            205..220 => Step::Migrate(VAULT, HOME_POOL),
            220..230 => Step::Migrate(HOME_POOL, VAULT),
            230.. => Step::Reopen,
        }
    };
    (0..steps).map(step).collect()
}

/// A folder without a catalog beside these media: the home pool and the vault.
pub(super) fn rig_on([home, vault]: &[FakeStorage; 2]) -> Rig {
    let mut rig = Rig::on(home.clone());
    rig.config.pools = vec![PoolConfig {
        name: VAULT.to_owned(),
        storage: Arc::new(vault.clone()),
        volume_size: VOLUME_SIZE,
        streams: 1,
        parity: Some(Parity { data: 2, parity: 1 }),
    }];
    rig
}

/// A store, and the hand that does what is written.
pub(super) struct Scenario<'c> {
    seed: u64,
    cuts: &'c Arc<Cuts>,
    rig: Rig,
    writer: Option<StoreWriter>,
    /// In the order in which they were begun.
    made: Vec<ArchiveId>,
    ambient: Ambient,
}

/// Watches a session without a word.
#[derive(Default)]
struct Silent {
    progress: Progress,
    cancel: Cancel,
}

impl Silent {
    fn watch(&self) -> Watch<'_> {
        Watch { observer: self, progress: &self.progress, cancel: &self.cancel }
    }
}

impl Observer for Silent {
    fn fault(&self, _path: &[u8], error: &Error) {
        panic!("nothing is damaged: {error}");
    }
    fn found(&self, _path: &[u8], _verdict: format::Verdict, _finding: &format::Finding) {}
    fn note(&self, _text: &str) {}
}

impl<'c> Scenario<'c> {
    pub(super) fn new(seed: u64, cuts: &'c Arc<Cuts>) -> Scenario<'c> {
        let media = [FakeStorage::new(), FakeStorage::new()];
        let rig = rig_on(&media);
        Store::create(&rig.config, &group(1)).expect("nothing is in the way");
        cuts.watch(rig.folder.path(), media);
        let random = Arc::new(SeededRandom::new(seed));
        let ambient = Ambient { clock: Arc::new(SteppingClock::default()), random };
        Scenario { seed, cuts, rig, writer: None, made: Vec::new(), ambient }
    }

    pub(super) fn play(&mut self, script: &[Step]) {
        for (at, step) in script.iter().enumerate() {
            if let Err(error) = self.step(step) {
                panic!("seed {}, step {at}, {step:?}: {error}", self.seed);
            }
            let store = Store::open(&self.rig.config).expect("nothing has happened to it");
            let model = self.cuts.model().clone();
            if let Err(broken) = model.broken_by(&store) {
                panic!("seed {}, behind step {at}, {step:?}: {broken}", self.seed);
            }
        }
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        if self.writer.is_none() {
            self.writer = Some(self.rig.writer()?);
        }
        self.done(step)?;
        // As every command ends.
        if let Some(writer) = &mut self.writer {
            let done = writer.protect(&BTreeSet::new(), &mut |_| Ok(()))?;
            assert!(done.troubles.is_empty(), "nothing is damaged: {done:?}");
        }
        Ok(())
    }

    fn done(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Archive { chunks, pools, in_runs, needs, ends } => {
                self.archive(*chunks, pools, *in_runs && *pools == [HOME_POOL], needs, *ends)
            }
            Step::Drop(at) => self.drop(*at),
            Step::Prune => self.prune(),
            Step::Copy(at, pool) => self.copy(*at, pool),
            Step::Migrate(from, to) => self.migrate(from, to),
            Step::Reopen => {
                self.writer = None;
                Ok(())
            }
        }
    }

    fn writer(&mut self) -> &mut StoreWriter {
        self.writer.as_mut().expect("it was opened before the step")
    }

    fn promise(&self, id: ArchiveId, what: impl FnOnce(&mut Archive)) {
        what(self.cuts.model().archives.entry(id).or_default());
    }

    /// An archive by its number, if it can be seen.
    fn shown(&self, at: u64) -> Option<ArchiveId> {
        let id = *self.made.get(usize::try_from(at).ok()?)?;
        let model = self.cuts.model();
        let archive = &model.archives[&id];
        (archive.finished && archive.drop == Drop::NotAsked).then_some(id)
    }

    fn archive(
        &mut self,
        chunks: u64,
        pools: &[&'static str],
        in_runs: bool,
        needs: &[u64],
        ends: bool,
    ) -> Result<()> {
        let needs: Vec<ArchiveId> = needs.iter().filter_map(|at| self.shown(*at)).collect();
        // A reference never leaves the pools of its route.
        let pools_of = |id: &ArchiveId| self.cuts.model().archives[id].pools.clone();
        let holds = |id: &ArchiveId| pools.iter().all(|pool| pools_of(id).contains(*pool));
        let needs: Vec<ArchiveId> = needs.into_iter().filter(holds).collect();
        let number = self.made.len() as u64;
        let seed = self.seed << 16 | number;
        let writer = self.writer.as_mut().expect("it was opened before the step");
        let session = session_header(&writer.store(), seed);
        let (component, bytes) = component();
        let framing = if in_runs { Framing::Run } else { Framing::Each };
        let header =
            ArchiveHeader { framing, ..archive_header(session.session, seed, "simulated") };
        let id = header.archive;
        self.made.push(id);
        self.promise(id, |_| {});
        let writer = self.writer();
        writer.begin_session(&session, &[(component, &bytes[..])])?;
        writer.begin_archive(&header)?;
        let before = writer.acknowledged().chunks;
        let mut context = context();
        for pool in pools {
            context.options.push(Context::POOL, pool.as_bytes());
        }
        let first = ChunkId { archive: id, stream: StreamNumber(0), number: 0 };
        let run = RunHeader { first, session: session.session, context: context.clone() };
        let here = ContextPlace::Here(context);
        let place = if in_runs { ContextPlace::Run(0) } else { here.clone() };
        if in_runs {
            self.writer().append_run_header(&run)?;
        }
        let mut in_run = Vec::new();
        for number in 0..chunks {
            let chunk_id = ChunkId { number, ..first };
            let stored_length =
                self.append(id, chunk_id, session.session, place.clone(), before)?;
            in_run.push(RunChunk { number, stored_length, stored_crc: 0 });
        }
        if in_runs {
            self.writer().append_run_footer(&RunFooter { header: run, chunks: in_run })?;
        }
        if !ends {
            // As a killed session leaves it: written, and not all of it synced.
            self.writer().write_out()?;
            self.writer = None;
            return Ok(());
        }
        let index = ChunkId { stream: StreamNumber::INDEX, ..first };
        self.append(id, index, session.session, here, before)?;
        let mut ranges = vec![range(first, chunks)];
        for other in needs {
            let chunks = self.cuts.model().archives[&other].chunks.clone();
            let of_data = |chunk: &&ChunkId| chunk.stream == StreamNumber(0);
            let data: Vec<ChunkId> = chunks.iter().filter(of_data).copied().collect();
            ranges.push(range(ChunkId { number: 0, ..data[0] }, data.len() as u64));
            self.promise(id, |archive| archive.needs.extend(data));
        }
        ranges.sort_unstable_by_key(|range| (range.archive, range.stream, range.first));
        let footer = ArchiveFooter {
            archive: id,
            session: session.session,
            index_page_count: 1,
            needs: ranges,
            ..ArchiveFooter::default()
        };
        self.promise(id, |archive| archive.ended = true);
        self.writer().end_archive(&footer)?;
        let ended = Timestamp { seconds: 9, nanoseconds: 10 };
        let (status, groups) = (SessionStatus::Complete, vec![group(1)]);
        self.writer().end_session(&SessionFooter { ended, status, header: session, groups })?;
        let promised: BTreeSet<String> = pools.iter().map(|pool| (*pool).to_owned()).collect();
        self.promise(id, |archive| {
            archive.finished = true;
            archive.acknowledged = archive.chunks.len();
            archive.pools = promised;
        });
        Ok(())
    }

    fn append(
        &mut self,
        archive: ArchiveId,
        id: ChunkId,
        session: format::SessionId,
        place: ContextPlace,
        before: u64,
    ) -> Result<u32> {
        let (header, payload, footer) = chunk(id, session, place);
        self.promise(archive, |archive| archive.chunks.push(id));
        let writer = self.writer();
        writer.append_chunk(&header, &payload, &footer)?;
        let acknowledged = writer.acknowledged().chunks.saturating_sub(before);
        let acknowledged = usize::try_from(acknowledged).expect("a scenario is short");
        self.promise(archive, |archive| archive.acknowledged = acknowledged);
        Ok(u32::try_from(payload.len()).expect("a payload is short"))
    }

    fn drop(&mut self, at: u64) -> Result<()> {
        let Some(id) = self.shown(at) else { return Ok(()) };
        self.promise(id, |archive| archive.drop = Drop::Asked);
        let now = self.ambient.clock.now();
        self.writer().drop_archive(&id, now)?;
        self.promise(id, |archive| archive.drop = Drop::Done);
        Ok(())
    }

    fn prune(&mut self) -> Result<()> {
        let config = PruneConfig {
            keep: Keep { last: u32::MAX, ..Keep::default() },
            pools: Default::default(),
            locked_for: Default::default(),
            used_max: 0.7,
            dry_run: false,
        };
        let writer = self.writer.as_mut().expect("it was opened before the step");
        prune(&self.ambient, writer, &config, &Silent::default().watch()).map(drop)
    }

    fn copy(&mut self, at: u64, pool: &str) -> Result<()> {
        let Some(id) = self.shown(at) else { return Ok(()) };
        let record = self.writer().store().archive(&id)?;
        self.copied(&CopySource::Archives(vec![record]), pool)?;
        self.promise(id, |archive| archive.pools.extend([pool.to_owned()]));
        Ok(())
    }

    fn migrate(&mut self, from: &str, to: &str) -> Result<()> {
        // What is open is closed first, so that all of it goes.
        self.writer().close(from)?;
        let volumes = self.writer().store().volumes()?;
        let volumes: Vec<u32> =
            volumes.iter().filter(|it| it.pool == from).map(|it| it.number).collect();
        for archive in self.cuts.model().archives.values_mut() {
            archive.pools.remove(from);
        }
        self.copied(&CopySource::Volumes { volumes, keep: false }, to)
    }

    fn copied(&mut self, source: &CopySource, pool: &str) -> Result<()> {
        let config = CopyConfig { pool: pool.to_owned(), verify: true };
        let writer = self.writer.as_mut().expect("it was opened before the step");
        copy(&self.ambient, writer, group(1), source, &config, &Silent::default().watch()).map(drop)
    }
}

fn range(first: ChunkId, count: u64) -> ChunkRange {
    ChunkRange { archive: first.archive, stream: first.stream, first: first.number, count }
}
