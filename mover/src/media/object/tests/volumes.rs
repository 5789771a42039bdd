//! What is written is read, whatever the server and however often everything is opened anew.

use std::sync::Arc;

use super::super::{ObjectConfig, ObjectStorage};
use super::servers::Server;
use crate::ErrorKind;
use crate::media::conformance::{bytes, check};
use crate::media::{ReadFile, Storage};

const NAME: &str = "00000001.volume";

fn conforms(config: ObjectConfig) {
    let open = move || Arc::new(ObjectStorage::new(&config).unwrap()) as Arc<dyn Storage>;
    check(open(), &open);
}

#[test]
fn moto_conforms() {
    let server = Server::moto();
    conforms(server.config());
    // With parts that are never full, and with no prefix.
    conforms(ObjectConfig {
        part_length: ObjectConfig::PART_LENGTH,
        prefix: "other".into(),
        ..server.config()
    });
    let empty = Server::moto();
    conforms(ObjectConfig { prefix: String::new(), ..empty.config() });
}

#[test]
fn rclone_conforms() {
    let server = Server::rclone();
    conforms(server.config());
    conforms(ObjectConfig {
        part_length: ObjectConfig::PART_LENGTH,
        prefix: "other".into(),
        ..server.config()
    });
}

#[test]
fn tls_needs_a_trusted_certificate() {
    let (server, certificate) = Server::rclone_with_tls();
    let refused = server.storage().list().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Io);
    assert!(refused.to_string().contains("certificate"), "{refused}");
    conforms(ObjectConfig { certificates: Some(certificate), ..server.config() });
}

#[test]
fn only_what_was_synced_is_there_after_a_kill() {
    let server = Server::rclone();
    let part = 128 << 10;
    let all = bytes(1, 5 * part);
    let storage = server.storage();
    let mut file = storage.create(NAME).unwrap();
    let _ = file.write(&all[..2 * part + 100]).unwrap();
    file.sync().unwrap();
    let _ = file.write(&all[2 * part + 100..2 * part + 5000]).unwrap();
    // As a killed process: nothing of it is said to the server.
    std::mem::forget(file);
    let server = server.restart_rclone();
    let storage = server.storage();
    assert_eq!(storage.length(NAME).unwrap(), 2 * part as u64 + 100);
    let mut file = storage.append(NAME).unwrap();
    assert_eq!(file.length(), 2 * part as u64 + 100);
    let _ = file.write(&all[2 * part + 100..]).unwrap();
    file.sync().unwrap();
    let mut read = vec![0; all.len()];
    assert_eq!(storage.open(NAME).unwrap().read_at(0, &mut read).unwrap(), all.len());
    assert!(read == all);
}

#[test]
fn an_empty_volume_exists_and_is_made_once() {
    for server in [Server::moto(), Server::rclone()] {
        let storage = server.storage();
        drop(storage.create(NAME).unwrap());
        assert_eq!(storage.list().unwrap(), [NAME]);
        assert_eq!(storage.length(NAME).unwrap(), 0);
        assert_eq!(storage.create(NAME).err().unwrap().kind(), ErrorKind::Exists);
        assert_eq!(storage.append(NAME).unwrap().length(), 0);
        assert_eq!(storage.append("2.volume").err().unwrap().kind(), ErrorKind::Missing);
    }
}

#[test]
fn a_removed_volume_is_gone() {
    for server in [Server::moto(), Server::rclone()] {
        let storage = server.storage();
        for name in [NAME, "00000002.volume"] {
            let mut file = storage.create(name).unwrap();
            // More than one request removes.
            let _ = file.write(&bytes(7, 1_000_000)).unwrap();
            file.sync().unwrap();
        }
        storage.remove(NAME).unwrap();
        assert_eq!(storage.list().unwrap(), ["00000002.volume"]);
        assert_eq!(storage.open(NAME).err().unwrap().kind(), ErrorKind::Missing);
        assert_eq!(storage.remove(NAME).unwrap_err().kind(), ErrorKind::Missing);
        assert_eq!(storage.length("00000002.volume").unwrap(), 1_000_000);
        // The name is free again.
        drop(storage.create(NAME).unwrap());
        assert_eq!(storage.length(NAME).unwrap(), 0);
    }
}

#[test]
fn more_parts_than_a_page_of_a_listing() {
    let server = Server::rclone();
    let storage = server.storage();
    let mut file = storage.create(NAME).unwrap();
    // As of a writer that syncs all the time, put by hand: this is about the listing.
    file.sync().unwrap();
    let folder = server.folder.path().join("data/bucket/pools/one").join(NAME);
    for offset in 0..2500 {
        std::fs::write(folder.join(format!("{offset:020}")), [offset as u8]).unwrap();
    }
    // It would go on with what it remembers of the folder.
    let _server = server.restart_rclone();
    let reader = storage.open(NAME).unwrap();
    assert_eq!(reader.length().unwrap(), 2500);
    let mut some = [0; 5];
    assert_eq!(reader.read_at(2497, &mut some).unwrap(), 3);
    assert_eq!(some[..3], [2497, 2498, 2499].map(|offset: i32| offset as u8));
    let mut file = storage.append(NAME).unwrap();
    let _ = file.write(b"end").unwrap();
    file.sync().unwrap();
    assert_eq!(reader.length().unwrap(), 2503);
    storage.remove(NAME).unwrap();
    assert_eq!(storage.list().unwrap(), [] as [&str; 0]);
}

#[test]
fn small_reads_in_a_row_and_many_threads() {
    let server = Server::rclone();
    let storage = server.storage();
    let all = bytes(3, 3_000_000);
    let mut file = storage.create(NAME).unwrap();
    let _ = file.write(&all).unwrap();
    file.sync().unwrap();
    let reader: Arc<dyn ReadFile> = storage.open(NAME).unwrap();
    let read = |from: usize, to: usize, step: usize| {
        for at in (from..to).step_by(step) {
            let mut some = vec![0; step.min(to - at)];
            assert_eq!(reader.read_at(at as u64, &mut some).unwrap(), some.len());
            assert!(some == all[at..at + some.len()], "at {at}");
        }
    };
    read(0, all.len(), 10_007);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || read(thread * 700_000, thread * 700_000 + 900_000, 33_333));
        }
    });
}

#[test]
fn a_writer_holds_two_parts() {
    let server = Server::rclone();
    let part = 16 << 20;
    let config = ObjectConfig { part_length: part, ..server.config() };
    let storage = ObjectStorage::new(&config).unwrap();
    let piece = bytes(4, 1 << 20);
    let mut file = storage.create(NAME).unwrap();
    let (before, mut most) = (Server::resident(), 0);
    for _ in 0..160 {
        let _ = file.write(&piece).unwrap();
        most = most.max(Server::resident().saturating_sub(before));
    }
    file.sync().unwrap();
    // Other tests run in this process too: the bound is loose, but 160 MiB would not pass.
    assert!(most < 5 * part / 2 + (32 << 20), "{most} bytes");
    assert_eq!(storage.length(NAME).unwrap(), 160 << 20);
}
