//! The `age` program opens our envelopes, and we read its key files: the media outlive us.

use std::fs;
use std::io::ErrorKind as IoKind;
use std::path::Path;
use std::process::Command;

use super::*;

/// What a program prints, or `None` where it is not installed.
fn run(program: &str, arguments: &[&Path]) -> Option<Vec<u8>> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program}: {errors}");
            Some(output.stdout)
        }
        Err(error) if error.kind() == IoKind::NotFound => {
            println!("skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn the_age_program_opens_members_and_epochs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let Some(keys) = run("age-keygen", &[]) else { return };
    fs::write(path("person"), keys).expect("written");
    let Some(recipient) = run("age-keygen", &[Path::new("-y"), &path("person")]) else { return };
    let recipient = String::from_utf8(recipient).expect("text").trim().to_owned();
    let member = NewMember::Recipient { name: "desk".to_owned(), recipient };
    let (group, secret) = group_of(&[member]);
    let access = Access::nothing().with_identity_file(&path("person")).expect("an identity file");
    assert_eq!(unlock(&group, &access, "s").expect("a member").recipient(), group.recipient);

    let (epoch, key) = open_epoch(&SeededRandom::new(2), &group, 0).expect("an epoch");
    fs::write(path("export"), secret.export(&group, "/srv/store").as_bytes()).expect("written");
    fs::write(path("member"), &group.members[0].envelope).expect("written");
    fs::write(path("epoch"), &epoch.envelope).expect("written");
    let open = |identity: &str, envelope: &str| {
        let [decrypt, with] = [Path::new("-d"), Path::new("-i")];
        run("age", &[decrypt, with, &path(identity), &path(envelope)])
    };
    let Some(plain) = open("person", "member") else { return };
    assert_eq!(plain, secret.plain().as_bytes());
    assert_eq!(open("export", "epoch").expect("installed"), key.expect("a key").0.bytes());
    let public = run("age-keygen", &[Path::new("-y"), &path("export")]).expect("installed");
    assert_eq!(String::from_utf8_lossy(&public).trim(), group.recipient);
}
