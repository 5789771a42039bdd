//! Any bytes are decoded to something or refused; nothing panics, nothing is held beyond limits.

use proptest::prelude::*;

use super::*;

#[test]
fn movers_agree_on_the_highest_version_of_both() {
    let greeting = |lowest, highest| Greeting { lowest, highest };
    assert_eq!(greeting(0, 3).agree(&greeting(1, 2)).unwrap(), 2);
    assert_eq!(greeting(0, 0).agree(&greeting(0, 9)).unwrap(), 0);
    let error = greeting(0, 0).agree(&greeting(1, 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("versions 1 to 2"), "{error}");
    let own = Greeting::own();
    assert_eq!(Greeting::decode(&own.encode()).unwrap(), own);
    assert!(Greeting::decode(b"GET / HTTP/1").is_err());
}

#[test]
fn lengths_beyond_the_limits_are_refused_before_anything_is_read() {
    let lengths = |message: u32, payload: u32| {
        let mut bytes = [0; LENGTHS_LENGTH];
        bytes[..4].copy_from_slice(&message.to_le_bytes());
        bytes[4..].copy_from_slice(&payload.to_le_bytes());
        Lengths::decode(&bytes)
    };
    assert!(lengths(MESSAGE_LENGTH_MAX, PAYLOAD_LENGTH_MAX).is_ok());
    assert!(lengths(MESSAGE_LENGTH_MAX + 1, 0).is_err());
    assert!(lengths(0, PAYLOAD_LENGTH_MAX + 1).is_err());
    assert!(lengths(u32::MAX, u32::MAX).is_err());
}

#[test]
fn a_list_that_claims_to_be_longer_than_its_bytes_costs_nothing() {
    // LookupBlocks with 2^60 identities, and none of them there.
    let mut bytes =
        encode(&Request::LookupBlocks { identities: Vec::new(), pools: Vec::new() }, 0).unwrap();
    bytes.truncate(LENGTHS_LENGTH + 1);
    bytes.extend_from_slice(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    assert!(decode::<Request>(&bytes[LENGTHS_LENGTH..]).is_err());
}

#[test]
fn a_page_is_as_long_as_a_message_may_be() {
    let ends = |count: u64| (0..count).map(|next| vec![next; 100]);
    let all = page(ends(10));
    assert_eq!(all.len(), 10);
    let many = page(ends(100_000));
    assert!((1000..100_000).contains(&many.len()), "{}", many.len());
    let length = encode(&(7u8, &many, true), 0).unwrap().len();
    assert!(length > MESSAGE_LENGTH_MAX as usize / 2, "{length}");
    // One that is too long alone is told where it is encoded.
    let long = page([vec![1u8; 2 << 20], vec![2]].into_iter());
    assert_eq!(long.len(), 1);
    let error = encode(&long, 0).unwrap_err().to_string();
    assert!(error.contains("passes the limits"), "{error}");
}

/// The number of a variant, which is its first byte.
fn number(message: &impl serde::Serialize) -> u8 {
    encode(message, 0).unwrap()[LENGTHS_LENGTH]
}

#[test]
fn the_document_has_the_numbers_and_the_bytes_that_are_sent() {
    let document = include_str!("../../../../docs/protocol.md");
    let key = ([0; 16], 0, 0);
    let job = AgentJob::Archive { name: String::new(), reread: false };
    let requests = [
        Request::Ping,
        Request::Open { store: String::new() },
        Request::Groups,
        Request::ReadChunk { chunk: key },
        Request::LookupBlocks { identities: Vec::new(), pools: Vec::new() },
        Request::Unfinished { proof: [0; 32] },
        Request::Begin { proof: [0; 32], outstanding: Vec::new(), next: 0 },
        Request::Append { number: 0 },
        Request::EndSession,
        Request::Status,
        Request::Run { ticket: [0; 16], source: String::new(), job },
        Request::Lend { ticket: [0; 16] },
        Request::PoolsOf { ranges: Vec::new() },
        Request::VolumesBehind { after: 0 },
    ];
    for request in &requests {
        let text = format!("{request:?}");
        let name = text.split([' ', '{']).next().unwrap();
        let row = format!("| {} | `{name}` |", number(request));
        assert!(document.contains(&row), "no {row}");
    }
    let replies = [
        Reply::Done,
        Reply::Working { why: None },
        Reply::Bytes,
        Reply::Faults { faults: Vec::new() },
        Reply::Written { durable: 0 },
        Reply::Report { json: String::new() },
        Reply::Pools { pools: Vec::new() },
    ];
    for reply in &replies {
        let text = format!("{reply:?}");
        let name = text.split([' ', '{']).next().unwrap();
        let row = format!("| {} | `{name}` |", number(reply));
        assert!(document.contains(&row), "no {row}");
    }
    let hex = |request| {
        let bytes = encode(&request, 0).unwrap();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
    };
    for example in [hex(Request::Ping), hex(Request::Open { store: "main".to_owned() })] {
        assert!(document.contains(&format!("`{example}`")), "no {example}");
    }
}

/// How often, in a long run: `MOVER_FUZZ_ITERATIONS=1000000`.
fn cases() -> u32 {
    std::env::var("MOVER_FUZZ_ITERATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_message_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(request) = decode::<Request>(&bytes) {
            let again = encode(&request, 0).unwrap();
            prop_assert_eq!(decode::<Request>(&again[LENGTHS_LENGTH..]).unwrap(), request);
        }
        if let Ok(reply) = decode::<Reply>(&bytes) {
            if let Reply::Archives { archives, .. } = reply {
                let mut lists = &bytes[..];
                for archive in archives {
                    let _ = archive.record(&mut lists);
                }
            } else {
                let again = encode(&reply, 0).unwrap();
                prop_assert_eq!(decode::<Reply>(&again[LENGTHS_LENGTH..]).unwrap(), reply);
            }
        }
    }
}
