//! What is found of parity in a folder, and told.

use super::*;

#[test]
fn damaged_parity_is_told_and_made_anew() {
    let (rig, _) = rig(3, 1);
    for name in parity_files(&rig) {
        let length = rig.storage.bytes(&name).len() as u64;
        for at in [0, 20, 300, length - 100, length - 1, u64::MAX] {
            let hurt = again(&rig, true);
            match at {
                u64::MAX => hurt.storage.lose(&name),
                at => hurt.storage.flip(&name, at, 1),
            }
            let void: BTreeSet<String> = hurt
                .store()
                .check_parity()
                .unwrap()
                .iter()
                .map(|fault| {
                    let ParityFault::File { file, .. } = fault else { panic!("{fault}") };
                    file.clone()
                })
                .collect();
            // The only file of its set: without it nobody knows of the set.
            assert_eq!(void.contains(&name), at != u64::MAX, "{name} at {at}: {void:?}");
            let mut writer = hurt.writer().unwrap();
            let done = writer.protect(&void, &mut |_| Ok(())).unwrap();
            assert_eq!((done.sets, done.troubles.len()), (1, 0), "{name} at {at}");
            drop(writer);
            assert!(hurt.store().check_parity().unwrap().is_empty());
            let number = *across(&hurt).first().unwrap();
            hurt.storage.lose(&volume_file(number));
            assert_eq!(heal(&hurt, &[]).unwrap().volumes, [number]);
        }
    }
}

#[test]
fn what_else_lies_in_the_folder_is_left_alone() {
    let (rig, _) = rig(3, 1);
    let foreign =
        ["notes.new", "x.parity", "00ff-0.parity", "0123456789ABCDEF-0.parity", "1.removed"];
    foreign.iter().for_each(|name| rig.storage.replace(name, vec![7; 9]));
    assert!(rig.store().check_parity().unwrap().is_empty());
    protect(&rig).unwrap();
    rig.writer().unwrap().unprotect("default").unwrap();
    let left = rig.storage.list().unwrap();
    assert!(foreign.iter().all(|name| left.iter().any(|it| it == name)), "{left:?}");
    assert!(left.iter().all(|name| volume_number(name).is_some() || foreign.contains(&&**name)));
}

#[test]
fn a_pool_that_is_to_have_no_parity_any_more_is_tidied_all_the_same() {
    // A file that was being made, and what is said of a volume that no set names.
    for left in ["0123456789abcdef-0.parity.new", "00000002.volume.removed"] {
        let rig = Rig::new();
        assert_eq!(rig.config.parity, None);
        rig.storage.replace(left, Vec::new());
        protect(&rig).unwrap();
        assert_eq!(rig.storage.list().unwrap(), ["00000001.volume"]);
    }
}

/// A folder in which other files are listed than are there, as beside a writer.
struct Listed<F>(FakeStorage, F);

impl<F> std::fmt::Debug for Listed<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").finish_non_exhaustive()
    }
}

impl<F: Fn(&mut Vec<String>) + Send + Sync> Storage for Listed<F> {
    fn list(&self) -> Result<Vec<String>> {
        let mut names = self.0.list()?;
        (self.1)(&mut names);
        Ok(names)
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.0.create(name)
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.0.append(name)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        self.0.open(name)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(name)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path(name)
    }
}

#[test]
fn a_file_of_parity_that_goes_while_it_is_looked_at_is_no_fault() {
    let (mut rig, _) = rig(3, 1);
    let gone = |names: &mut Vec<String>| names.push("0123456789abcdef-0.parity".to_owned());
    rig.config.storage = Some(Arc::new(Listed(rig.storage.clone(), gone)));
    assert_eq!(rig.store().check_parity().unwrap(), []);
}

#[test]
fn a_fault_of_parity_that_a_second_look_does_not_find_is_none() {
    let (mut rig, _) = rig(3, 1);
    let strange = "0123456789abcdef-0.parity";
    rig.storage.replace(strange, vec![7; 9]);
    assert_eq!(rig.store().check_parity().unwrap().len(), 1);
    // Listed at the next look, and never again.
    let looks = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let once = move |names: &mut Vec<String>| {
        if counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 {
            names.retain(|name| name != strange);
        }
    };
    rig.config.storage = Some(Arc::new(Listed(rig.storage.clone(), once)));
    let store = rig.store();
    looks.store(0, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(store.check_parity().unwrap(), []);
}

#[test]
fn each_file_of_a_set_that_is_not_what_it_was_is_told_once() {
    let (rig, _) = rig(3, 2);
    let name = parity_files(&rig).remove(0);
    let faults = |hurt: fn(&FakeStorage, &str)| {
        let again = again(&rig, true);
        hurt(&again.storage, &name);
        let faults = again.store().check_parity().unwrap();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = format!("parity of pool default: {name}: ");
    assert_eq!(faults(|storage, name| storage.lose(name)), [format!("{told}it is missing")]);
    let shard = faults(|storage, name| storage.flip(name, 5_000, 0));
    assert_eq!(shard, [format!("{told}1 of its 2 shards are not what they were")]);
    let header = faults(|storage, name| storage.flip(name, 30, 0));
    assert!(header.len() == 1 && header[0].starts_with(&told), "{header:?}");
}

#[test]
fn what_parity_says_of_volumes_is_told_with_their_lengths() {
    let (rig, _) = rig(3, 1);
    let [one, other] = across(&rig)[..2] else { panic!("it has three") };
    let known = rig.storage.bytes(&volume_file(other)).len();
    rig.storage.lose(&volume_file(one));
    rig.storage.cut(&volume_file(other), 1_000);
    let faults: Vec<String> =
        rig.store().check_parity().unwrap().iter().map(ToString::to_string).collect();
    let (one, other) = (volume_file(one), volume_file(other));
    let wanted = [
        format!("{one}: the file is missing, and parity knows it"),
        format!("{other}: it has 1000 bytes, and parity knows {known}"),
    ];
    assert_eq!(faults, wanted);
}

#[test]
fn a_volume_that_goes_while_it_is_looked_at_is_missing_and_a_disk_that_goes_is_told() {
    let (rig, _) = rig(3, 1);
    let number = across(&rig)[0];
    let found = look(&rig.storage, rig.store().id()).unwrap();
    rig.storage.lose(&volume_file(number));
    let lacking = found.lacking(&rig.storage).unwrap();
    assert_eq!(lacking.keys().collect::<Vec<_>>(), [&number]);
    assert_eq!(lacking[&number].length, None);
    rig.storage.stop_at(0);
    assert_eq!(found.lacking(&rig.storage).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn parity_of_another_store_or_of_a_later_format_is_refused_as_such() {
    let (rig, _) = rig(3, 1);
    let name = parity_files(&rig).remove(0);
    let bytes = rig.storage.bytes(&name);
    let mut header = ParityHeader::decode(&bytes).unwrap();
    header.store = format::StoreId([7; 16]);
    let mut foreign = Vec::new();
    header.encode(&mut foreign);
    let mut later = bytes;
    later[8] += 1;
    for (bytes, kind) in [(foreign, ErrorKind::Refused), (later, ErrorKind::Unsupported)] {
        let strange = again(&rig, true);
        strange.storage.replace(&name, bytes);
        assert_eq!(strange.store().check_parity().unwrap_err().kind(), kind);
        assert_eq!(protect(&strange).unwrap_err().kind(), kind);
    }
}

#[test]
fn a_file_of_parity_that_is_longer_than_it_was_is_told() {
    let (rig, _) = rig(3, 1);
    let name = parity_files(&rig).remove(0);
    let length = rig.storage.bytes(&name).len();
    rig.storage.append(&name).unwrap().write(&[0]).unwrap();
    let faults = rig.store().check_parity().unwrap();
    let (pool, why) = ("default".into(), format!("it has {} bytes of {length}", length + 1));
    assert_eq!(faults, [ParityFault::File { pool, file: name, why }]);
}

/// What is marked as removed was removed while parity knew it: nothing else has to be said.
#[test]
fn only_a_volume_that_parity_knows_is_marked_and_only_once() {
    let mut rig = Rig::new();
    rig.archive(1);
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let is_marked = || rig.storage.list().unwrap().iter().any(|it| it.ends_with(".removed"));
    let mut writer = rig.writer().unwrap();
    writer.forget_faults(2).unwrap();
    assert!(!is_marked());
    writer.protect(&BTreeSet::new(), &mut |_| Ok(())).unwrap();
    for _ in 0..2 {
        writer.forget_faults(2).unwrap();
        assert!(is_marked());
    }
}

#[test]
fn what_parity_protects_is_told_by_volume() {
    let (rig, _) = rig(3, 1);
    let mut across = across(&rig);
    across.sort_unstable();
    let all: Vec<u32> = volumes(&rig.storage).into_keys().collect();
    let within: Vec<u32> = all.into_iter().filter(|number| !across.contains(number)).collect();
    assert!(!within.is_empty());
    let state = rig.store().parity().unwrap().remove(0);
    assert_eq!((state.pool.as_str(), state.parity.as_deref()), ("default", Some("3+1")));
    assert_eq!((state.volumes_across, state.volumes_within), (across, within));
}

#[test]
fn a_pool_that_is_to_have_parity_or_has_some_is_told_of() {
    let (mut rig, _) = rig(3, 1);
    rig.config.parity = None;
    let has = rig.store().parity().unwrap().remove(0);
    assert!(has.parity.is_none() && has.length > 0, "{has:?}");
    rig.writer().unwrap().unprotect("default").unwrap();
    assert_eq!(rig.store().parity().unwrap(), []);
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let is_to_have = rig.store().parity().unwrap().remove(0);
    assert!(is_to_have.parity.is_some() && is_to_have.length == 0, "{is_to_have:?}");
}
