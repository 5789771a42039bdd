//! Each refusal: its kind, what it names, and its way out.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;

use super::super::{envelope, passphrase as passphrases};
use super::*;

#[test]
fn unlocking_says_what_was_brought_and_what_would_open() {
    let (person, stranger) = (Person::new(), Person::new());
    let (both, _) = group_of(&[with_passphrase("safe", "open sesame"), person.member("desk")]);
    let wrong = Access::nothing().with_passphrase(passphrase("open says me"));
    let cases = [
        (Access::nothing(), "neither passphrase nor identity", person.recipient.as_str()),
        (Access::nothing(), "store /srv/s is encrypted", "MOVER_PASSPHRASE"),
        (Access::nothing(), "store /srv/s", "--passphrase-file"),
        (wrong.clone(), "the passphrase opens no key of store /srv/s", "\"safe\""),
        (wrong, "the passphrase opens no key", "another passphrase (the store's keys:"),
        (stranger.access(), stranger.recipient.as_str(), person.recipient.as_str()),
        (stranger.access(), "the identity opens no key of store /srv/s", "--identity"),
    ];
    for (access, message, way_out) in cases {
        let error = unlock(&both, &access, "/srv/s").expect_err("it does not open");
        check_error(error, ErrorKind::Key, message, way_out);
    }
    let (recipients, _) = group_of(&[person.member("desk")]);
    let error = unlock(&recipients, &Access::nothing(), "s").expect_err("nothing brought");
    assert!(!error.hint().expect("a way out").contains("MOVER_PASSPHRASE"));
    let (_, other) = group_of(&[person.member("")]);
    let clock = SteppingClock::default();
    let error = add_member(&clock, &both, &other, &stranger.member("")).expect_err("not its own");
    check_error(error, ErrorKind::Key, "belongs to another group", "");
}

#[test]
fn a_damaged_key_is_told_from_a_wrong_one_and_hides_no_whole_one() {
    let (one, two) = (Person::new(), Person::new());
    let (group, _) = group_of(&[one.member("one"), two.member("two")]);
    let mut damaged = group.clone();
    damaged.members[0].envelope.truncate(40);
    assert!(unlock(&damaged, &two.access(), "s").is_ok());
    let error = unlock(&damaged, &one.access(), "s").expect_err("its key is damaged");
    check_error(error, ErrorKind::Key, "key \"one\"", "");
    // Every byte matters, and none panics.
    for index in 0..group.members[0].envelope.len() {
        let mut damaged = group.clone();
        damaged.members[0].envelope[index] ^= 0x04;
        assert!(unlock(&damaged, &one.access(), "s").is_err(), "byte {index}");
    }
    damaged.members.truncate(1);
    let error = unlock(&damaged, &one.access(), "s").expect_err("nothing is whole");
    check_error(error, ErrorKind::Damaged, "no key of store s", "another one");
}

#[test]
fn a_forged_group_is_refused() {
    let person = Person::new();
    let (group, _) = group_of(&[person.member("desk")]);
    let (mut forged, _) = group_of(&[person.member("desk")]);
    forged.recipient = group.recipient;
    let error = unlock(&forged, &person.access(), "s").expect_err("two secrets");
    check_error(error, ErrorKind::Refused, "damaged or forged", "another volume");
    forged.members[0].envelope =
        envelope::wrap(&person.recipient.parse().expect("a recipient"), b"short").expect("wrapped");
    let error = unlock(&forged, &person.access(), "s").expect_err("no secret");
    check_error(error, ErrorKind::Damaged, "no key of a group", "");
    forged.recipient = "age1nonsense".to_owned();
    let error = open_epoch(&SeededRandom::new(1), &forged, 0).expect_err("no recipient");
    check_error(error, ErrorKind::Damaged, "the recipient of key group", "");
}

#[test]
fn an_envelope_cannot_ask_for_hours() {
    // A scrypt envelope that asks for 2^40; its other fields are never looked at before that.
    let mut envelope = b"age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 40\n".to_vec();
    envelope.extend(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- ");
    envelope.extend(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    envelope.extend([0; 16 + 16]);
    let error = envelope::unwrap_with(&passphrase("x"), &envelope).expect_err("too much");
    check_error(error, ErrorKind::Refused, "work factor of 40", "");
}

#[test]
fn new_members_are_checked() {
    let person = Person::new();
    let named = |name: &str| person.member(name);
    let recipient =
        |text: &str| NewMember::Recipient { name: String::new(), recipient: text.to_owned() };
    let cases = [
        (vec![], ErrorKind::Usage, "needs one who can open it", "a passphrase or a recipient"),
        (vec![named("a"), named("b")], ErrorKind::Exists, "has a key \"a\"", "another name"),
        (vec![named("a "), named("b")], ErrorKind::Usage, "blanks at its ends", "another name"),
        (vec![named("key group x")], ErrorKind::Usage, "replaced another", "another name"),
        (vec![named(&"n".repeat(1000))], ErrorKind::Usage, "1024 fit", ""),
        (vec![recipient("age1qqqq")], ErrorKind::Usage, "no age recipient", "age-keygen"),
        (vec![recipient("ssh-ed25519 AAAA")], ErrorKind::Usage, "ssh-ed25519", "SSH"),
        (vec![recipient(&person.identity)], ErrorKind::Usage, "a secret key", "age-keygen -y"),
    ];
    for (members, kind, message, way_out) in cases {
        let error = create_group(&SeededRandom::new(1), &SteppingClock::default(), &members)
            .expect_err(message);
        assert!(!error.to_string().contains(&person.identity[..24]));
        check_error(error, kind, message, way_out);
    }
    let names = [Person::new().member("a"), Person::new().member("a")];
    assert!(create_group(&SeededRandom::new(1), &SteppingClock::default(), &names).is_err());
}

#[test]
fn identity_files_are_read_as_age_keygen_writes_them_and_others_explained() {
    let (one, two) = (Person::new(), Person::new());
    let text = format!(
        "# created: 2026-01-01T00:00:00Z\r\n# public key: {}\r\n{}\r\n\n  {}\n",
        one.recipient, one.identity, two.identity
    );
    let access = Access::nothing().with_identity_text("f", &text).expect("two identities");
    assert_eq!(access.identities.len(), 2);
    assert!(!access.is_nothing() && Access::nothing().is_nothing());

    let mut slip = one.identity.clone();
    slip.replace_range(20..21, if &slip[20..21] == "Q" { "P" } else { "Q" });
    let cases = [
        ("", "there is none in it", "age-keygen"),
        ("# only a comment\n", "there is none in it", "age-keygen"),
        (one.recipient.as_str(), "line 1 is a recipient", "age-keygen"),
        ("#\nAGE-PLUGIN-YUBIKEY-1QQ", "line 2 is an identity of an age plugin", ""),
        ("AGE-SECRET-KEY-PQ-1QQ", "post-quantum", ""),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "SSH or PEM", ""),
        ("age-encryption.org/v1\n-> scrypt", "it is encrypted itself", "age -d"),
        ("-----BEGIN AGE ENCRYPTED FILE-----", "it is encrypted itself", "age -d"),
        ("open sesame", "line 1 is no age identity", "age-keygen"),
        (slip.as_str(), "line 1 is a secret key with a slip", "age-keygen"),
    ];
    for (text, message, way_out) in cases {
        let error = Access::nothing().with_identity_text("k.txt", text).expect_err(message);
        assert!(!error.to_string().contains(&one.identity[..24]));
        check_error(error, ErrorKind::Key, message, way_out);
    }

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("k.txt");
    let error = Access::nothing().with_identity_file(&path).expect_err("not there");
    check_error(error, ErrorKind::Missing, "k.txt", "");
    fs::write(&path, [0xff; 70_000]).expect("written");
    let error = Access::nothing().with_identity_file(&path).expect_err("too long");
    check_error(error, ErrorKind::Key, "too long", "");
    fs::write(&path, b"age-encryption.org/v1\n\xff").expect("written");
    let error = Access::nothing().with_identity_file(&path).expect_err("encrypted");
    check_error(error, ErrorKind::Key, "encrypted itself", "age -d");
    fs::write(&path, text).expect("written");
    assert_eq!(Access::nothing().with_identity_file(&path).expect("two").identities.len(), 2);
}

#[test]
fn passphrases_come_from_variable_file_and_terminal() {
    let variable =
        |bytes: &[u8]| passphrases::from_variable(Some(OsString::from_vec(bytes.into())));
    let found = variable(b" open ").expect("text").expect("one");
    assert_eq!((found.text(), &*found.name()), (" open ", "the passphrase in MOVER_PASSPHRASE"));
    assert!(passphrases::from_variable(None).expect("unset").is_none());
    check_error(variable(b"").expect_err("empty"), ErrorKind::Usage, "set, and empty", "unset");
    check_error(variable(b"\xff").expect_err("bytes"), ErrorKind::Usage, "not UTF-8", "");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    let files: [(&[u8], Result<&str, &str>); 7] = [
        (b"pass word \n", Ok("pass word ")),
        (b"no end", Ok("no end")),
        (b"windows\r\nsecond line\n", Ok("windows")),
        (b"", Err("the first line is empty")),
        (b"\nsecond", Err("the first line is empty")),
        (b"\xff\n", Err("not UTF-8")),
        (&[b'x'; 70_000], Err("too long")),
    ];
    for (bytes, expected) in files {
        fs::write(&path, bytes).expect("written");
        match (passphrases::find(Some(&path)), expected) {
            (Ok(found), Ok(text)) => assert_eq!(found.expect("one").text(), text),
            (Err(error), Err(message)) => {
                check_error(error, ErrorKind::Usage, message, "first line");
            }
            (found, _) => panic!("{found:?} and not {expected:?}"),
        }
    }

    let mut answers = vec!["b", "a", "a", "a"];
    let mut ask = |_: &str| Ok(answers.pop().expect("asked too often").to_owned());
    assert_eq!(passphrases::ask_twice("s", &mut ask).expect("the same").text(), "a");
    let error = passphrases::ask_twice("s", &mut ask).expect_err("a, then b");
    check_error(error, ErrorKind::Usage, "differ", "try again");
    let mut silent = |_: &str| Err(io::Error::from_raw_os_error(6));
    let error = passphrases::ask_once("s", &mut silent).expect_err("no terminal");
    check_error(error, ErrorKind::Key, "no terminal", "--passphrase-file");
    let error = passphrases::ask_once("s", &mut |_: &str| Ok(String::new())).expect_err("empty");
    check_error(error, ErrorKind::Usage, "empty", "");
}
