//! Who opens what, before and after changes.

use format::{Epoch, MemberKind};

use super::*;

fn epoch_of(group: &KeyGroup, seed: u64) -> (Epoch, EpochKey) {
    let (epoch, key) = open_epoch(&SeededRandom::new(seed), group, 7).expect("an epoch");
    (epoch, key.expect("an encrypted group"))
}

fn same(one: &EpochKey, two: &EpochKey) -> bool {
    one.0.bytes() == two.0.bytes()
}

#[test]
fn every_member_opens_the_group_and_its_epochs() {
    let person = Person::new();
    let (group, secret) = group_of(&[with_passphrase("", "open sesame"), person.member("laptop")]);
    assert_eq!(group.revision, 1);
    assert_eq!(group.recipient, secret.recipient());
    assert_eq!(member_label(&group.members[0]), "passphrase");
    assert_eq!(member_recipient(&group.members[0]), None);
    assert_eq!(member_label(&group.members[1]), "laptop");
    assert_eq!(member_recipient(&group.members[1]), Some(person.recipient.as_str()));
    assert_eq!(group.members[1].kind, MemberKind::Recipient);

    let mut body = Vec::new();
    group.encode(&mut body);
    let group = KeyGroup::decode(&body).expect("what was encoded");
    let (epoch, key) = epoch_of(&group, 2);
    assert_eq!((epoch.number, epoch.group), (7, group.group));
    let by_passphrase = Access::nothing().with_passphrase(passphrase("open sesame"));
    // What is exported opens the group directly, though it is no member.
    let exported = secret.export(&group, "/srv/a\nb");
    let by_export = Access::nothing().with_identity_text("export", &exported).expect("a file");
    for access in [by_passphrase, person.access(), by_export] {
        let secret = unlock(&group, &access, "/srv/store").expect("a member");
        assert!(same(&read_epoch(&epoch, &secret).expect("its epoch"), &key));
    }
}

#[test]
fn who_knows_only_the_recipient_writes_and_does_not_read() {
    let (mut group, secret) = group_of(&[Person::new().member("")]);
    group.members.clear();
    let (epoch, key) = epoch_of(&group, 2);
    let error = Keyring::empty().epoch_key(&epoch).expect_err("it has no secret");
    check_error(error, ErrorKind::Key, "is not open", "MOVER_PASSPHRASE");
    let (_, other) = group_of(&[Person::new().member("")]);
    let error = read_epoch(&epoch, &other).expect_err("another secret");
    check_error(error, ErrorKind::Key, "wrapped for another group", "");
    assert!(same(&read_epoch(&epoch, &secret).expect("the right secret"), &key));
}

#[test]
fn epochs_are_fresh_and_follow_from_the_seed() {
    let (group, _) = group_of(&[Person::new().member("")]);
    let (one, first) = epoch_of(&group, 2);
    let (two, again) = epoch_of(&group, 2);
    assert!(same(&first, &again) && one.envelope != two.envelope);
    assert!(!same(&first, &epoch_of(&group, 3).1));
}

#[test]
fn an_unencrypted_group_has_epochs_without_a_key() {
    let group = unencrypted_group(&SeededRandom::new(1), &SteppingClock::default());
    let (epoch, key) = open_epoch(&SeededRandom::new(2), &group, 0).expect("an epoch");
    assert!(key.is_none() && epoch.envelope.is_empty());
    let groups = std::slice::from_ref(&group);
    let keyring = Keyring::open(groups, &Access::nothing(), "s").expect("no key needed");
    assert!(keyring.epoch_key(&epoch).expect("no key needed").is_none());
    let error = unlock(&group, &Access::nothing(), "s").expect_err("nothing to unlock");
    check_error(error, ErrorKind::Usage, "not encrypted", "");
}

#[test]
fn a_passphrase_is_changed_by_adding_and_removing() {
    let (random, clock) = (SeededRandom::new(4), SteppingClock::default());
    let (old, secret) = group_of(&[with_passphrase("old", "open sesame")]);
    let (epoch, key) = epoch_of(&old, 2);
    let both = add_member(&clock, &old, &secret, &with_passphrase("new", "abracadabra"))
        .expect("another passphrase");
    assert_eq!((both.group, both.revision, both.members.len()), (old.group, 2, 2));
    assert_eq!(both.recipient, old.recipient);

    let new = [passphrase("abracadabra")];
    let removal = remove_member(&random, &clock, &both, &secret, "old", &new, Unproven::Refuse)
        .expect("the other stays");
    assert!(removal.dropped.is_empty());
    assert!(removal.note.contains("\"old\" can still read"), "{}", removal.note);
    assert_ne!(removal.group.group, old.group);
    assert_ne!(removal.group.recipient, old.recipient);
    assert_eq!((removal.group.revision, removal.previous.revision), (1, 3));

    // The new passphrase opens both groups, in whatever order their frames were found.
    let (later, later_key) = epoch_of(&removal.group, 3);
    let groups = [removal.group.clone(), old.clone(), removal.previous.clone(), both];
    assert_eq!(current_group(&groups), Some(&removal.group));
    assert_eq!(current_group(&groups[1..]).map(|group| group.revision), Some(3));
    assert_eq!(current_group(&[]), None);
    let access = Access::nothing().with_passphrase(new[0].clone());
    let keyring = Keyring::open(&groups, &access, "s").expect("a member");
    assert!(same(&keyring.epoch_key(&epoch).expect("open").expect("a key"), &key));
    assert!(same(&keyring.epoch_key(&later).expect("open").expect("a key"), &later_key));

    // The old one opens what it could open before, and nothing new.
    let access = Access::nothing().with_passphrase(passphrase("open sesame"));
    let error = Keyring::open(&groups, &access, "s").expect_err("removed from both");
    check_error(error, ErrorKind::Key, "the passphrase opens no key of store s", "\"new\"");
    assert!(unlock(&old, &access, "s").is_ok());
}

#[test]
fn recipients_are_carried_over_and_later_members_read_what_is_older() {
    let (random, clock) = (SeededRandom::new(5), SteppingClock::default());
    let [stays, goes, comes] = [Person::new(), Person::new(), Person::new()];
    let (old, secret) = group_of(&[stays.member("desk"), goes.member("")]);
    let (epoch, key) = epoch_of(&old, 2);
    let name = goes.recipient.as_str();
    let removal = remove_member(&random, &clock, &old, &secret, name, &[], Unproven::Refuse)
        .expect("one stays");
    assert_eq!(member_label(&removal.group.members[0]), "desk");
    let added = add_member(&clock, &removal.group, &removal.secret, &comes.member("new"))
        .expect("a new one");

    // The clock went back: the older group is opened through the newer one all the same.
    let mut previous = removal.previous.clone();
    previous.created.seconds += 1_000_000;
    for groups in [[added.clone(), removal.previous.clone()], [previous, added]] {
        assert_eq!(current_group(&groups).map(|group| group.group), Some(removal.group.group));
        for person in [&stays, &comes] {
            let keyring = Keyring::open(&groups, &person.access(), "s").expect("a member");
            assert!(same(&keyring.epoch_key(&epoch).expect("open").expect("a key"), &key));
            assert!(keyring.secret(removal.group.group).is_some());
        }
        assert!(Keyring::open(&groups, &goes.access(), "s").is_err());
    }
    let error =
        remove_member(&random, &clock, &removal.previous, &secret, "desk", &[], Unproven::Drop)
            .expect_err("it was replaced");
    check_error(error, ErrorKind::Usage, "was replaced already", "the later group");
}

#[test]
fn a_passphrase_that_is_not_given_is_named_and_dropped_only_when_told() {
    let (random, clock) = (SeededRandom::new(6), SteppingClock::default());
    let (stays, goes) = (Person::new(), Person::new());
    let (old, secret) =
        group_of(&[stays.member("desk"), goes.member("gone"), with_passphrase("safe", "x")]);
    let remove =
        |name: &str, unproven| remove_member(&random, &clock, &old, &secret, name, &[], unproven);
    let error = remove("gone", Unproven::Refuse).expect_err("the passphrase is not given");
    check_error(error, ErrorKind::Refused, "also loses \"safe\"", "give those passphrases");
    let removal = remove("gone", Unproven::Drop).expect("told so");
    assert_eq!(removal.dropped, ["safe"]);
    assert!(removal.note.starts_with("\"gone\", \"safe\" can still read"), "{}", removal.note);
    assert_eq!(removal.group.members.len(), 1);
    let error = remove("nobody", Unproven::Drop).expect_err("no such member");
    check_error(error, ErrorKind::Missing, "no key \"nobody\"", "\"desk\", \"gone\", \"safe\"");

    let (alone, secret) = group_of(&[stays.member("desk")]);
    let error = remove_member(&random, &clock, &alone, &secret, "desk", &[], Unproven::Drop)
        .expect_err("nobody left");
    check_error(error, ErrorKind::Refused, "leave nobody", "add another");
}
