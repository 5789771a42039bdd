//! Every input counts, and the vectors in SPEC.md hold.

use format::{Digest, SessionId, StoreId};

use super::super::epoch::EpochKey;
use super::super::secret::SecretBytes;
use super::*;

/// `N` bytes that count up from `first`.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| first.wrapping_add(u8::try_from(index).expect("small")))
}

#[derive(Clone)]
struct Inputs {
    key: [u8; 32],
    session: SessionId,
    epoch: u32,
    position: u16,
    component: Digest,
    config: Digest,
}

impl Inputs {
    fn vector() -> Inputs {
        Inputs {
            key: counting(0x00),
            session: SessionId(counting(0x20)),
            epoch: 0x0102_0304,
            position: 0x0506,
            component: Digest(counting(0x40)),
            config: Digest(counting(0x80)),
        }
    }

    fn derive(&self) -> [u8; 32] {
        let key = EpochKey(SecretBytes::new(self.key));
        let stage =
            stage_key(&key, self.session, self.epoch, self.position, self.component, self.config);
        *stage.bytes()
    }
}

#[test]
fn a_stage_key_depends_on_every_input() {
    let mut keys = vec![Inputs::vector().derive()];
    let changes: [fn(&mut Inputs); 6] = [
        |inputs| inputs.key[31] ^= 1,
        |inputs| inputs.session.0[0] ^= 1,
        |inputs| inputs.epoch += 1,
        |inputs| inputs.position += 1,
        |inputs| inputs.component.0[31] ^= 1,
        |inputs| inputs.config.0[0] ^= 1,
    ];
    for change in changes {
        let mut inputs = Inputs::vector();
        change(&mut inputs);
        keys.push(inputs.derive());
    }
    // Equal where they must not be confused: component and configuration are not exchangeable.
    let mut exchanged = Inputs::vector();
    std::mem::swap(&mut exchanged.component, &mut exchanged.config);
    keys.push(exchanged.derive());
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "change {index}");
    }
}

#[test]
fn a_domain_depends_on_group_store_machine_and_writer() {
    let (_, one) = group_of(&[Person::new().member("")]);
    let (_, two) = group_of(&[Person::new().member("")]);
    let domains = [
        DomainSecret::of_group(&one, "a"),
        DomainSecret::of_group(&one, "b"),
        DomainSecret::of_group(&one, ""),
        DomainSecret::of_group(&two, "a"),
        DomainSecret::of_open_store(StoreId([1; 16]), "a"),
        DomainSecret::of_open_store(StoreId([2; 16]), "a"),
        DomainSecret::of_open_store(StoreId([1; 16]), "b"),
        DomainSecret::of_machine(&[1; 32], "a"),
        DomainSecret::of_machine(&[2; 32], "a"),
        DomainSecret::of_machine(&[1; 32], "b"),
    ];
    let mut seen = Vec::new();
    for domain in &domains {
        // Three uses of one secret never meet either.
        for value in [domain.identity(b"x").0, domain.source_id(b"x"), domain.writer_id()] {
            assert!(!seen.contains(&value));
            seen.push(value);
        }
        assert_ne!(domain.identity(b"x"), domain.identity(b"y"));
        assert_ne!(domain.source_id(b"x"), domain.source_id(b"y"));
    }
    let again = DomainSecret::of_group(&one, "a");
    assert_eq!(again.identity(b"x"), domains[0].identity(b"x"));
    assert_eq!(again.writer_id(), domains[0].writer_id());
}

#[test]
fn the_vectors_in_the_specification_hold() {
    let secret = GroupSecret::from_plain(SECRET.as_bytes()).expect("an identity");
    let group = DomainSecret::of_group(&secret, "host");
    let local = DomainSecret::of_machine(&counting(0x00), "host");
    let open = DomainSecret::of_open_store(StoreId(counting(0x20)), "host");
    let values = [
        ("recipient", secret.recipient()),
        ("stage key", hex::encode(Inputs::vector().derive())),
        ("group: identity of \"mover\"", group.identity(b"mover").to_string()),
        ("group: identity of nothing", group.identity(b"").to_string()),
        ("group: source id of \"mover\"", hex::encode(group.source_id(b"mover"))),
        ("group: writer id", hex::encode(group.writer_id())),
        ("local: identity of \"mover\"", local.identity(b"mover").to_string()),
        ("local: writer id", hex::encode(local.writer_id())),
        ("open: identity of \"mover\"", open.identity(b"mover").to_string()),
        ("open: writer id", hex::encode(open.writer_id())),
    ];
    for (name, value) in &values {
        println!("{name}: {value}");
    }
    for ((name, value), known) in values.iter().zip(KNOWN) {
        assert_eq!(value, known, "{name}");
    }
}

/// The X25519 secret key is the bytes 00 to 1f.
const SECRET: &str = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWRYDWG";

const KNOWN: [&str; 10] = [
    "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh",
    "7e09d2ca04ed235a2120a600ae5d0f96b761bf7d75580b40c177ee61ca4b8bc9",
    "b97b5c264418ebd51a54c93e8af1020f5b81aa8dd84f45859dcfbf27fac2d3b8",
    "7fe6d7e3e19bd33ca58135fabbf9cc320c78183e9c944687fb5684b1bb9edd88",
    "881146e08994e3ab805608b39a8dd7e6842d786f9c383ab9e8e48cc565f84b68",
    "e78e93747285d93c28e523ad00f903e3055ce82ef3edf67e20fc9f4a4b75de04",
    "288ce3b2a504c2d2103f8e6bc8755cb8bf52a5a5a50c25e4d63a4cdfb85aa250",
    "aa31e7d501bb677cf19b47330f9ccb3beced36584b2980fe6e2ae087b1af3f7b",
    "2a33f23f61498f00d6e710ac36c50056b75807690ce1c4d6859f4b81edc0276a",
    "135fa27472377c9ffe46eb8b60b54fc40f475ee791c93850ee3e40e56776def5",
];

#[test]
fn nothing_secret_is_printed() {
    let person = Person::new();
    let (group, secret) = group_of(&[person.member("")]);
    let (_, key) = open_epoch(&SeededRandom::new(2), &group, 0).expect("an epoch");
    let key = key.expect("an encrypted group");
    let stage = stage_key(&key, SessionId([0; 16]), 0, 0, Digest([0; 32]), Digest([0; 32]));
    let domain = DomainSecret::of_group(&secret, "host");
    let access = person.access().with_passphrase(passphrase("open sesame"));
    let text = format!(
        "{secret:?} {key:?} {stage:?} {domain:?} {access:?} {:?}",
        with_passphrase("", "open sesame")
    );
    for hidden in ["AGE-SECRET", "open sesame", "[", &hex::encode(stage.bytes())] {
        assert!(!text.contains(hidden), "{text}");
    }
}
