//! What fails does so in bounded time, with what to do about it, and harms nothing.

use std::time::{Duration, Instant};

use super::super::{ObjectConfig, ObjectCredentials, ObjectStorage};
use super::servers::{BUCKET, SECRET, Server, config};
use crate::media::conformance::bytes;
use crate::media::{AppendFile, Storage};
use crate::{Error, ErrorKind};

const NAME: &str = "00000001.volume";
const PART: usize = 128 << 10;

fn part(offset: usize) -> String {
    format!("/{BUCKET}/pools/one/{NAME}/{offset:020}")
}

fn says(error: &Error, kind: ErrorKind, word: &str) {
    let hint = error.hint().unwrap_or_default();
    assert_eq!(error.kind(), kind, "{error} ({hint})");
    let all = format!("{error} ({hint}) {error:?}");
    assert!(all.contains(word), "{all}");
    assert!(!all.contains(SECRET), "{all}");
}

fn written(storage: &ObjectStorage, all: &[u8]) -> Box<dyn AppendFile> {
    let mut file = storage.create(NAME).unwrap();
    let _ = file.write(all).unwrap();
    file.sync().unwrap();
    file
}

/// Two writers at the same place: the second is refused, and nothing of the first is replaced.
fn second_writer_is_refused(server: &Server) {
    let storage = server.storage();
    let mut first = storage.create(NAME).unwrap();
    let mut second = server.storage().append(NAME).unwrap();
    let (ours, theirs) = (bytes(1, 1000), bytes(2, 1000));
    let _ = first.write(&ours).unwrap();
    first.sync().unwrap();
    let _ = second.write(&theirs).unwrap();
    says(&second.sync().unwrap_err(), ErrorKind::Exists, "another writer");
    let _ = second.write(&theirs).unwrap();
    says(&second.sync().unwrap_err(), ErrorKind::Io, "not written on");
    let mut read = vec![0; 2000];
    assert_eq!(storage.open(NAME).unwrap().read_at(0, &mut read).unwrap(), 1000);
    assert!(read[..1000] == ours);
    let _ = first.write(&ours).unwrap();
    first.sync().unwrap();
    assert_eq!(storage.length(NAME).unwrap(), 2000);
}

#[test]
fn a_second_writer_is_refused_by_the_server() {
    second_writer_is_refused(&Server::moto());
}

#[test]
fn a_second_writer_is_refused_where_the_server_ignores_conditions() {
    second_writer_is_refused(&Server::rclone());
}

#[test]
fn a_put_whose_answer_got_lost_is_no_conflict() {
    for server in [Server::moto(), Server::rclone()] {
        let storage = server.storage();
        drop(storage.create(NAME).unwrap());
        let client = &storage.client;
        let path = client.part(&client.volume(NAME), 0);
        let put = |bytes: Vec<u8>| client.engine.wait(client.put_new(&path, bytes.into()));
        put(bytes(1, 3 * PART)).unwrap();
        put(bytes(1, 3 * PART)).unwrap();
        says(&put(bytes(2, 3 * PART)).unwrap_err(), ErrorKind::Exists, "another writer");
        says(&put(bytes(1, 3 * PART - 1)).unwrap_err(), ErrorKind::Exists, "another writer");
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_any_request() {
    let config = config("http", 9);
    let with = |change: &dyn Fn(&mut ObjectConfig)| {
        let mut config = config.clone();
        change(&mut config);
        ObjectStorage::new(&config).unwrap_err()
    };
    let endpoint = |url: &str| with(&|config| config.endpoint = Some(url.into()));
    says(&endpoint("http://192.0.2.1"), ErrorKind::Refused, "without TLS");
    says(&endpoint(&format!("https://me:{SECRET}@host")), ErrorKind::Usage, "credentials");
    says(&endpoint("https://host/bucket"), ErrorKind::Usage, "https://host:port");
    says(&endpoint("host:9000"), ErrorKind::Usage, "https://host:port");
    says(&with(&|config| config.part_length = 5), ErrorKind::Usage, "64 KiB");
    says(&with(&|config| config.bucket = "a/b".into()), ErrorKind::Usage, "bucket");
    says(&with(&|config| config.prefix = "/a".into()), ErrorKind::Usage, "prefix");
    let storage = ObjectStorage::new(&config).unwrap();
    for name in ["", "a/b", "..", "a b"] {
        says(&storage.create(name).err().unwrap(), ErrorKind::Usage, "no name");
    }
}

#[test]
fn at_most_one_of_many_writers_gets_a_place() {
    let server = Server::moto();
    drop(server.storage().create(NAME).unwrap());
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|seed| {
                let storage = server.storage();
                scope.spawn(move || {
                    let mut file = storage.append(NAME).ok().filter(|file| file.length() == 0)?;
                    let _ = file.write(&bytes(seed, 5000)).unwrap();
                    file.sync().ok()
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).count()
    });
    assert_eq!(won, 1);
    assert_eq!(server.storage().length(NAME).unwrap(), 5000);
}

#[test]
fn a_server_that_dies_is_an_error_and_no_wait() {
    let mut server = Server::rclone();
    let storage = server.storage();
    let all = bytes(1, 3 * PART);
    let mut file = written(&storage, &all);
    let reader = storage.open(NAME).unwrap();
    server.kill();
    let begun = Instant::now();
    let failed = file.write(&bytes(2, 10 * PART)).map(drop).and_then(|()| file.sync());
    says(&failed.unwrap_err(), ErrorKind::Io, "refused");
    let failed = reader.read_at(0, &mut [0; 10]).unwrap_err();
    says(&failed, ErrorKind::Io, "see that the server runs");
    says(&storage.list().unwrap_err(), ErrorKind::Io, "refused");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    // The writer stays failed, though the server is back; a new one goes on.
    let server = server.restart_rclone();
    assert!(file.write(&all).is_err() || file.sync().is_err());
    assert!(file.sync().is_err());
    let mut file = server.storage().append(NAME).unwrap();
    assert_eq!(file.length(), 3 * PART as u64);
    let _ = file.write(b"more").unwrap();
    file.sync().unwrap();
}

#[test]
fn a_server_that_is_back_soon_is_not_noticed() {
    let server = Server::rclone();
    let config = ObjectConfig { patience: Duration::from_secs(20), ..server.config() };
    let storage = ObjectStorage::new(&config).unwrap();
    let mut file = storage.create(NAME).unwrap();
    let all = bytes(1, 10 * PART);
    std::thread::scope(|scope| {
        let restarted = scope.spawn(move || server.restart_rclone());
        for piece in all.chunks(10_000) {
            let _ = file.write(piece).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        file.sync().unwrap();
        let _server = restarted.join().unwrap();
        let mut read = vec![0; all.len()];
        assert_eq!(storage.open(NAME).unwrap().read_at(0, &mut read).unwrap(), all.len());
        assert!(read == all);
    });
}

#[test]
fn a_server_that_hangs_is_an_error_too() {
    let server = Server::rclone();
    let storage = server.storage();
    let mut file = written(&storage, b"something");
    server.freeze();
    let begun = Instant::now();
    let _ = file.write(b"more").unwrap();
    says(&file.sync().unwrap_err(), ErrorKind::Io, "server");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn nobody_listens_or_no_such_host() {
    // Port 9 of loopback: nobody is there.
    let storage = ObjectStorage::new(&config("http", 9)).unwrap();
    says(&storage.list().unwrap_err(), ErrorKind::Io, "refused");
    says(&storage.create(NAME).err().unwrap(), ErrorKind::Io, "see that the server runs");
}

#[test]
fn wrong_credentials_are_refused() {
    let server = Server::rclone();
    let with = |id: &str, secret: &str| {
        let credentials = ObjectCredentials {
            access_key_id: id.into(),
            secret_access_key: secret.into(),
            session_token: None,
        };
        let config = ObjectConfig { credentials: Some(credentials), ..server.config() };
        assert!(!format!("{config:?}").contains(secret));
        ObjectStorage::new(&config).unwrap()
    };
    let begun = Instant::now();
    let id = super::servers::KEY;
    for storage in [with(id, "not the secret at all"), with("AKIDTEST99999999", SECRET)] {
        says(&storage.list().unwrap_err(), ErrorKind::Refused, "AWS_SECRET_ACCESS_KEY");
        says(&storage.create(NAME).err().unwrap(), ErrorKind::Refused, "AWS_SECRET_ACCESS_KEY");
        says(&storage.open(NAME).err().unwrap(), ErrorKind::Refused, "AWS_SECRET_ACCESS_KEY");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "no use in trying again");
}

#[test]
fn a_bucket_that_is_missing_is_said_to_be() {
    for server in [Server::moto(), Server::rclone()] {
        let config = ObjectConfig { bucket: "nowhere".into(), ..server.config() };
        let storage = ObjectStorage::new(&config).unwrap();
        says(&storage.list().unwrap_err(), ErrorKind::Missing, "make the bucket");
        says(&storage.create(NAME).err().unwrap(), ErrorKind::Missing, "make the bucket");
        says(&storage.open(NAME).err().unwrap(), ErrorKind::Missing, "make the bucket");
    }
}

#[test]
fn a_missing_part_is_damage_and_the_others_are_read() {
    let server = Server::moto();
    let storage = server.storage();
    let all = bytes(1, 4 * PART);
    drop(written(&storage, &all));
    let early = storage.open(NAME).unwrap();
    assert_eq!(server.http("DELETE", &part(PART), &[], b"").0, 204);
    let name = format!("{PART:020}");
    let reader = storage.open(NAME).unwrap();
    assert_eq!(reader.length().unwrap(), 4 * PART as u64);
    let mut read = vec![0; 4 * PART];
    says(&reader.read_at(0, &mut read).unwrap_err(), ErrorKind::Damaged, &name);
    says(&reader.read_at(PART as u64, &mut read[..1]).unwrap_err(), ErrorKind::Damaged, &name);
    assert_eq!(reader.read_at(2 * PART as u64, &mut read).unwrap(), 2 * PART);
    assert!(read[..2 * PART] == all[2 * PART..]);
    // One that had listed it before.
    says(&early.read_at(PART as u64, &mut read[..1]).unwrap_err(), ErrorKind::Damaged, &name);
    says(&storage.append(NAME).err().unwrap(), ErrorKind::Damaged, &name);
    // The first one, too.
    assert_eq!(server.http("DELETE", &part(0), &[], b"").0, 204);
    let reader = storage.open(NAME).unwrap();
    let name = format!("{:020}", 0);
    says(&reader.read_at(0, &mut read[..1]).unwrap_err(), ErrorKind::Damaged, &name);
}

#[test]
fn a_part_of_another_length_is_damage() {
    let server = Server::moto();
    let storage = server.storage();
    let all = bytes(1, 3 * PART);
    drop(written(&storage, &all));
    let early = storage.open(NAME).unwrap();
    let mut read = vec![0; 3 * PART];
    let gap = format!("from {} to {} are missing", 2 * PART - 1, 2 * PART);
    let overlap = format!("part {PART:020} has {} bytes and reaches into", PART + 1);
    for (length, word) in [(PART - 1, gap), (PART + 1, overlap)] {
        assert_eq!(server.http("PUT", &part(PART), &[], &bytes(2, length)).0, 200);
        let reader = storage.open(NAME).unwrap();
        let failed = reader.read_at(0, &mut read).unwrap_err();
        says(&failed, ErrorKind::Damaged, &word);
        says(&storage.append(NAME).err().unwrap(), ErrorKind::Damaged, &word);
    }
    assert_eq!(server.http("PUT", &part(PART), &[], b"short").0, 200);
    says(&early.read_at(PART as u64, &mut read[..PART]).unwrap_err(), ErrorKind::Damaged, "length");
}

#[test]
fn a_cold_object_has_to_be_restored_first() {
    let server = Server::moto();
    let storage = server.storage();
    let all = bytes(1, 2 * PART);
    drop(written(&storage, &all));
    let cold = ["x-amz-storage-class: GLACIER"];
    assert_eq!(server.http("PUT", &part(PART), &cold, &all[PART..]).0, 200);
    let reader = storage.open(NAME).unwrap();
    let mut read = vec![0; 2 * PART];
    assert_eq!(reader.read_at(0, &mut read[..PART]).unwrap(), PART);
    let failed = reader.read_at(PART as u64, &mut read[..10]).unwrap_err();
    says(&failed, ErrorKind::Refused, "restore it first");
}

#[test]
fn a_locked_volume_is_not_removed() {
    let server = Server::moto();
    let lock = ["x-amz-bucket-object-lock-enabled: true"];
    assert_eq!(server.http("PUT", "/locked", &lock, b"").0, 200);
    let rule = b"<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>3</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    assert_eq!(server.http("PUT", "/locked?object-lock", &[], rule).0, 200);
    // Put by hand: moto wants a header of the SDKs, where S3 takes the checksum that we send.
    let sdk = ["x-amz-sdk-checksum-algorithm: SHA256"];
    for name in ["volume", &format!("{:020}", 0), &format!("{:020}", 5)] {
        let path = format!("/locked/pools/one/{NAME}/{name}");
        assert_eq!(server.http("PUT", &path, &sdk, b"bytes").0, 200);
    }
    let config = ObjectConfig { bucket: "locked".into(), ..server.config() };
    let storage = ObjectStorage::new(&config).unwrap();
    says(&storage.remove(NAME).unwrap_err(), ErrorKind::Refused, "locked (COMPLIANCE) until 20");
    assert_eq!(storage.length(NAME).unwrap(), 10);
    // In a bucket that can lock, what is not locked goes.
    assert_eq!(server.http("PUT", "/free", &lock, b"").0, 200);
    let config = ObjectConfig { bucket: "free".into(), ..server.config() };
    let storage = ObjectStorage::new(&config).unwrap();
    drop(storage.create(NAME).unwrap());
    storage.remove(NAME).unwrap();
    assert_eq!(storage.open(NAME).err().unwrap().kind(), ErrorKind::Missing);
}
