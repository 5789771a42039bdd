//! The state folder and the seal on the local record.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use format::StoreId;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

#[test]
fn keys_are_made_once_and_are_the_owners_alone() {
    let base = tempfile::tempdir().expect("a folder");
    let store = StoreId([0xab; 16]);
    let state = StateFolder::open(Some(base.path()), store).expect("a state folder");
    assert_eq!(state.path(), base.path().join("mover/stores").join("ab".repeat(16)));
    assert_eq!(mode(state.path()), 0o700);
    let first = state.domain_secret(&SeededRandom::new(1), "host").expect("a secret");
    let again = StateFolder::open(Some(base.path()), store).expect("the same folder");
    let second = again.domain_secret(&SeededRandom::new(2), "host").expect("the same secret");
    assert_eq!(first.writer_id(), second.writer_id());
    let other = StateFolder::open(Some(base.path()), StoreId([1; 16])).expect("another folder");
    let third = other.domain_secret(&SeededRandom::new(3), "host").expect("another secret");
    assert_ne!(first.writer_id(), third.writer_id());
    state.record_key().expect("a key");
    let names: Vec<_> = fs::read_dir(state.path()).expect("there").flatten().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        assert_eq!(mode(&name.path()), 0o600);
    }
}

#[test]
fn all_who_come_at_once_get_the_same_key() {
    let base = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(Some(base.path()), StoreId([1; 16])).expect("a state folder");
    let ids: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|seed| {
                let state = &state;
                scope.spawn(move || {
                    let domain = state.domain_secret(&SeededRandom::new(seed), "host");
                    domain.expect("a secret").writer_id()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn what_others_can_read_or_damage_did_is_refused() {
    let base = tempfile::tempdir().expect("a folder");
    let store = StoreId([1; 16]);
    let state = StateFolder::open(Some(base.path()), store).expect("a state folder");
    let random = SeededRandom::new(1);
    state.domain_secret(&random, "host").expect("a secret");
    state.record_key().expect("a key");
    for name in ["domain.key", "record.key"] {
        let path = state.path().join(name);
        let open = || match name {
            "domain.key" => state.domain_secret(&random, "host").map(drop),
            _ => state.record_key().map(drop),
        };
        for loose in [0o640, 0o604, 0o620, 0o660] {
            set_mode(&path, loose);
            check_error(open().expect_err("loose"), ErrorKind::Refused, name, "chmod 600");
        }
        set_mode(&path, 0o600);
        open().expect("tight again");
        let whole = fs::read(&path).expect("ours");
        fs::write(&path, &whole[..20]).expect("ours");
        check_error(open().expect_err("cut"), ErrorKind::Damaged, name, "remove it");
        fs::remove_file(&path).expect("ours");
        fs::create_dir(&path).expect("ours");
        check_error(open().expect_err("a folder"), ErrorKind::Refused, "plain file", "move");
        fs::remove_dir(&path).expect("ours");
        symlink("/dev/null", &path).expect("ours");
        check_error(open().expect_err("a link"), ErrorKind::Io, name, "");
        fs::remove_file(&path).expect("ours");
        open().expect("made anew");
    }
    set_mode(state.path(), 0o750);
    let error = StateFolder::open(Some(base.path()), store).expect_err("loose");
    check_error(error, ErrorKind::Refused, "open to others (mode 750)", "chmod 700");
}

#[test]
fn a_store_cannot_change_its_recipient_unseen() {
    let base = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(Some(base.path()), StoreId([1; 16])).expect("a state folder");
    let person = Person::new();
    let (first, _) = group_of(&[person.member("")]);
    let (second, _) = group_of(&[person.member("")]);
    let open = unencrypted_group(&SeededRandom::new(1), &SteppingClock::default());
    state.check_recipient(&first).expect("at first sight");
    state.check_recipient(&first).expect("known");
    for group in [&second, &open] {
        let error = state.check_recipient(group).expect_err("never seen");
        check_error(error, ErrorKind::Refused, "never seen", "/recipients");
    }
    state.trust_recipient(&second).expect("told so");
    state.trust_recipient(&second).expect("told so twice");
    state.check_recipient(&second).expect("known now");
    let error = state.check_recipient(&first).expect_err("an old state of the store");
    check_error(error, ErrorKind::Refused, "knows a later key group", "the last line");
    state.check_recipient(&open).expect_err("still not");

    // A power loss cut the line of a third: the second still counts, and the third can be added.
    let path = state.path().join("recipients");
    let mut bytes = fs::read(&path).expect("ours");
    bytes.extend(b"\nage1qqq");
    fs::write(&path, bytes).expect("ours");
    state.check_recipient(&second).expect("the last whole line");
    state.trust_recipient(&open).expect("told so");
    state.check_recipient(&open).expect("known now");
}

#[test]
fn a_record_is_opened_by_its_key_alone_and_whole() {
    let base = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(Some(base.path()), StoreId([1; 16])).expect("a state folder");
    let other = StateFolder::open(Some(base.path()), StoreId([2; 16])).expect("a state folder");
    let key = state.record_key().expect("a key");
    // More than one of age's chunks of 64 KiB.
    let record = vec![7; 150_000];
    let mut sealer = key.seal(Vec::new()).expect("a sealer");
    sealer.write_all(&record).expect("memory");
    let sealed = sealer.finish().expect("memory");

    let read = |bytes: &[u8]| {
        let mut plain = Vec::new();
        let mut opener = state.record_key().expect("the key").open(bytes).expect("a header");
        opener.read_to_end(&mut plain).map(|_| plain)
    };
    assert_eq!(read(&sealed).expect("whole"), record);
    for cut in [sealed.len() - 1, sealed.len() - 70_000, 400] {
        assert!(read(&sealed[..cut]).is_err(), "cut at {cut}");
    }
    let mut changed = sealed.clone();
    changed[100_000] ^= 1;
    assert!(read(&changed).is_err());
    let other = other.record_key().expect("a key");
    let error = other.open(sealed.as_slice()).expect_err("another key");
    check_error(error, ErrorKind::Key, "sealed with another key", "read again");
    let error = key.open(&sealed[..30]).expect_err("no header");
    check_error(error, ErrorKind::Damaged, "the local record", "read again");
    let error = key.open(b"nothing of the kind".as_slice()).expect_err("no header");
    check_error(error, ErrorKind::Damaged, "the local record", "read again");
}
