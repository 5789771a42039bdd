//! Which sets are to be made, and which may go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use format::{ParityColumn, ParityHeader, ParityKind, limits};

use super::files::ParitySet;
use crate::media::Parity;

/// A volume of the pool: what of it is acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lying {
    pub(crate) number: u32,
    pub(crate) length: u64,
    pub(crate) closed: bool,
}

/// A set that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: ParityKind,
    pub(crate) columns: Vec<ParityColumn>,
    pub(crate) parity_count: u8,
    pub(crate) shard_length: u32,
    pub(crate) row_count: u32,
}

/// What brings the parity of a pool into step with its volumes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) make: Vec<Wanted>,
    /// Sets that may go as soon as the others are made.
    pub(crate) drop: Vec<[u8; 16]>,
    /// Volumes whose loss nothing heals yet.
    pub(crate) waiting: u64,
}

/// Decides. `sets` are those that may be relied on; of the others, `void`, each is replaced by what
/// is made. Without a `parity` nothing is made, and only what names removed volumes goes.
pub(crate) fn plan(
    volumes: &[Lying],
    sets: &[&ParitySet],
    void: &[&ParitySet],
    removed: &BTreeSet<u32>,
    parity: Option<Parity>,
) -> Plan {
    let mut plan = Plan::default();
    let (leaving, kept): (Vec<&ParitySet>, Vec<&ParitySet>) =
        sets.iter().partition(|set| !set.volumes().is_disjoint(removed));
    plan.drop.extend(leaving.iter().map(|set| set.header.set));
    let Some(parity) = parity else { return plan };
    plan.drop.extend(void.iter().map(|set| set.header.set));

    let is = |set: &&&ParitySet, kind: ParityKind| set.header.kind == kind;
    let across = kept.iter().filter(|set| is(set, ParityKind::Across));
    let mut together: BTreeSet<u32> = across.flat_map(|set| set.volumes()).collect();
    let apart = |it: &&Lying| {
        it.closed && !together.contains(&it.number) && it.length <= column_length_max(parity)
    };
    let mut waiting: Vec<&Lying> = volumes.iter().filter(apart).collect();
    // A set's files are as long as its longest volume: those of about one length go together.
    waiting.sort_by_key(|it| Reverse(it.length.next_power_of_two()));
    for group in waiting.chunks_exact_mut(usize::from(parity.data)) {
        group.sort_by_key(|it| it.number);
        let whole = |it: &&Lying| ParityColumn { volume: it.number, offset: 0, length: it.length };
        plan.make.push(Wanted::new(ParityKind::Across, group.iter().map(whole).collect(), parity));
        together.extend(group.iter().map(|it| it.number));
    }

    let within = || kept.iter().filter(|set| is(set, ParityKind::Within));
    let mut ranges: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
    for set in within() {
        // All its columns are parts of one volume, one behind the other.
        let (first, last) = (set.header.columns[0], set.header.columns.last().copied());
        let end = last.map_or(0, |last| last.end());
        ranges.entry(first.volume).or_default().push((first.offset, end));
    }
    for volume in volumes.iter().filter(|it| !together.contains(&it.number)) {
        plan.waiting += 1;
        let mut covered = ranges.get_mut(&volume.number).map_or(0, |ranges| {
            ranges.sort_unstable();
            ranges.iter().fold(0, |to, (from, end)| if *from <= to { to.max(*end) } else { to })
        });
        while covered < volume.length {
            let most = u64::from(parity.data) * column_length_max(parity);
            let end = volume.length.min(covered + most);
            plan.make.push(Wanted::within(volume.number, covered, end, parity));
            covered = end;
        }
    }
    let superseded = within().filter(|set| together.contains(&set.header.columns[0].volume));
    plan.drop.extend(superseded.map(|set| set.header.set));
    plan
}

impl Wanted {
    fn new(kind: ParityKind, columns: Vec<ParityColumn>, parity: Parity) -> Wanted {
        let longest = columns.iter().map(|column| column.length).max().unwrap_or(1).max(1);
        let shard_length = shard_length(longest);
        let row_count = longest.div_ceil(u64::from(shard_length));
        let row_count = u32::try_from(row_count).expect("shards are as long as that takes");
        Wanted { kind, columns, parity_count: parity.parity, shard_length, row_count }
    }

    /// A range of a volume in as many columns as the pool has, or fewer where it is short.
    fn within(volume: u32, from: u64, to: u64, parity: Parity) -> Wanted {
        let share = (to - from).div_ceil(u64::from(parity.data));
        let length = share.next_multiple_of(u64::from(shard_length(share)));
        let mut columns = Vec::new();
        let mut offset = from;
        while offset < to {
            columns.push(ParityColumn { volume, offset, length: length.min(to - offset) });
            offset += length;
        }
        Wanted::new(ParityKind::Within, columns, parity)
    }

    /// Bytes that are read to make it.
    pub(crate) fn length(&self) -> u64 {
        self.columns.iter().map(|column| column.length).sum()
    }
}

/// Bytes of a column, at most: whoever heals holds a row of a set at once, and the more columns a
/// row has, the shorter are its shards.
fn column_length_max(parity: Parity) -> u64 {
    let columns = u64::from(parity.data) + u64::from(parity.parity);
    let share = limits::PARITY_ROW_LENGTH_MAX / columns;
    let shard_length = u64::from(limits::PARITY_SHARD_LENGTH_MAX).min(1 << share.ilog2());
    shard_length * u64::from(limits::PARITY_ROW_COUNT_MAX)
}

/// The shortest shards of which a column of this length has not too many.
fn shard_length(longest: u64) -> u32 {
    let mut length = ParityHeader::SHARD_LENGTH_MIN;
    while longest.div_ceil(u64::from(length)) > u64::from(limits::PARITY_ROW_COUNT_MAX)
        && length < limits::PARITY_SHARD_LENGTH_MAX
    {
        length *= 2;
    }
    length
}

#[cfg(test)]
mod tests {
    use format::{StoreId, Timestamp};

    use super::*;

    const PARITY: Parity = Parity { data: 3, parity: 1 };

    fn lying(number: u32, length: u64, closed: bool) -> Lying {
        Lying { number, length, closed }
    }

    fn set(name: u8, wanted: &Wanted) -> ParitySet {
        let header = ParityHeader {
            kind: wanted.kind,
            store: StoreId([0; 16]),
            set: [name; 16],
            created: Timestamp::default(),
            number: 0,
            parity_count: wanted.parity_count,
            shard_length: wanted.shard_length,
            row_count: wanted.row_count,
            columns: wanted.columns.clone(),
        };
        ParitySet { header, files: vec![Some(String::new())] }
    }

    fn made(volumes: &[Lying], sets: &[&ParitySet]) -> Plan {
        plan(volumes, sets, &[], &BTreeSet::new(), Some(PARITY))
    }

    #[test]
    fn what_is_new_in_a_volume_is_protected_within_it() {
        let first = made(&[lying(1, 40_000, false)], &[]);
        let columns: Vec<_> =
            first.make[0].columns.iter().map(|it| (it.offset, it.length)).collect();
        assert_eq!(columns, [(0, 16_384), (16_384, 16_384), (32_768, 7_232)]);
        assert_eq!((first.make.len(), first.make[0].row_count, first.waiting), (1, 4, 1));
        let set = set(1, &first.make[0]);
        let later = made(&[lying(1, 40_100, true)], &[&set]);
        assert_eq!(
            later.make[0].columns,
            [ParityColumn { volume: 1, offset: 40_000, length: 100 }]
        );
        assert!(later.drop.is_empty());
        assert!(made(&[lying(1, 40_000, true)], &[&set]).make.is_empty());
    }

    #[test]
    fn closed_volumes_are_protected_together_and_what_was_within_them_goes() {
        let within = set(1, &Wanted::within(2, 0, 500, PARITY));
        let volumes = [
            lying(1, 9_000, true),
            lying(2, 500, true),
            lying(3, 70, false),
            lying(4, 800, true),
            lying(5, 400, true),
        ];
        let plan = made(&volumes, &[&within]);
        let numbers: Vec<u32> = plan.make[0].columns.iter().map(|it| it.volume).collect();
        assert_eq!((plan.make[0].kind, numbers), (ParityKind::Across, vec![1, 2, 4]));
        assert_eq!((plan.make[0].shard_length, plan.make[0].row_count), (4096, 3));
        assert_eq!(plan.make.len(), 3, "and one within each of the others: {plan:?}");
        assert_eq!((plan.drop, plan.waiting), (vec![[1; 16]], 2));
    }

    #[test]
    fn a_set_goes_when_a_volume_of_it_is_taken_out_and_the_others_are_protected_anew() {
        let volumes = [lying(1, 50, true), lying(3, 50, true), lying(4, 50, true)];
        let of = |number| ParityColumn { volume: number, offset: 0, length: 50 };
        let old = set(1, &Wanted::new(ParityKind::Across, vec![of(1), of(2), of(3)], PARITY));
        let removed = BTreeSet::from([2]);
        let anew = plan(&volumes, &[&old], &[], &removed, Some(PARITY));
        assert_eq!(anew.make, [Wanted::new(ParityKind::Across, vec![of(1), of(3), of(4)], PARITY)]);
        assert_eq!(anew.drop, [[1; 16]]);
        // One that is lost is none that was taken out: its set is what heals it.
        let kept = plan(&volumes, &[&old], &[], &BTreeSet::new(), Some(PARITY));
        assert!(kept.drop.is_empty());
        assert_eq!(kept.make.len(), 1, "within volume 4");
        let without = plan(&volumes, &[&old], &[], &removed, None);
        assert_eq!((without.make.len(), without.drop.len()), (0, 1));
    }

    #[test]
    fn a_set_that_lost_a_file_is_made_anew() {
        let volumes = [lying(1, 50, true)];
        let void = set(1, &Wanted::within(1, 0, 50, PARITY));
        let plan = plan(&volumes, &[], &[&void], &BTreeSet::new(), Some(PARITY));
        assert_eq!(plan.make, [Wanted::within(1, 0, 50, PARITY)]);
        assert_eq!(plan.drop, [[1; 16]]);
    }

    /// Every set can be read by those that keep to the limits, however long volumes are.
    #[test]
    fn volumes_that_are_too_long_for_so_many_stay_by_themselves_in_as_many_sets_as_it_takes() {
        for (parity, length, sets) in [
            (Parity { data: 100, parity: 5 }, 1 << 40, 1),
            (Parity { data: 10, parity: 2 }, 5 << 40, 1),
            (Parity { data: 1, parity: 254 }, 600 << 30, 3),
            (Parity { data: 254, parity: 1 }, (254 << 38) + 1, 2),
        ] {
            let count = u32::from(parity.data);
            let volumes: Vec<Lying> = (1..=count).map(|it| lying(it, length, true)).collect();
            let plan = plan(&volumes, &[], &[], &BTreeSet::new(), Some(parity));
            assert_eq!(plan.make.len(), usize::from(parity.data) * sets, "{parity}");
            for wanted in &plan.make {
                assert_eq!(wanted.kind, ParityKind::Within);
                assert!(wanted.columns.len() <= usize::from(parity.data), "{parity}");
                let columns = wanted.columns.len() as u64 + u64::from(parity.parity);
                let row = columns * u64::from(wanted.shard_length);
                assert!(row <= limits::PARITY_ROW_LENGTH_MAX, "{parity}: {row}");
                assert!(wanted.row_count <= limits::PARITY_ROW_COUNT_MAX, "{parity}");
            }
            let of_first = plan.make.iter().filter(|it| it.columns[0].volume == 1);
            assert_eq!(of_first.map(Wanted::length).sum::<u64>(), length, "{parity}");
        }
        let parity = Parity { data: 10, parity: 2 };
        let volumes: Vec<Lying> = (1..=10).map(|it| lying(it, 4 << 40, true)).collect();
        let plan = plan(&volumes, &[], &[], &BTreeSet::new(), Some(parity));
        assert_eq!((plan.make.len(), plan.make[0].kind), (1, ParityKind::Across));
    }

    #[test]
    fn volumes_of_about_one_length_go_together() {
        let lengths = [900, 70, 800, 60, 50, 1_000];
        let volumes: Vec<Lying> =
            lengths.into_iter().zip(1..).map(|(length, it)| lying(it, length, true)).collect();
        let plan = made(&volumes, &[]);
        let numbers = |wanted: &Wanted| -> Vec<u32> {
            wanted.columns.iter().map(|column| column.volume).collect()
        };
        assert_eq!(numbers(&plan.make[0]), [1, 3, 6]);
        assert_eq!(numbers(&plan.make[1]), [2, 4, 5]);
        assert_eq!(plan.make.len(), 2);
    }

    #[test]
    fn long_columns_have_long_shards() {
        assert_eq!(shard_length(1), 4096);
        assert_eq!(shard_length(1 << 30), 4096);
        assert_eq!(shard_length((1 << 30) + 1), 8192);
        assert_eq!(shard_length(4 << 40), 16 << 20);
    }
}
