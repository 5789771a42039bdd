//! Snoops that lie, trap, or want more than they may have.

use mover::Error;
use mover::pipeline::{Inspector, Verdict};

use super::{assert_told, load, within};
use crate::kit::guest::Guest;

const ENDLESS: &str = "(loop $again (br $again))";

/// What is said of an entry of 10 bytes.
fn verdicts(guest: &Guest) -> Result<Vec<Verdict>, Error> {
    let mut snoop = load(&guest.build()).inspector("{}").expect("it opens");
    snoop.inspect(b"0123456789", &[10])
}

fn save(guest: &Guest) -> Result<Vec<u8>, Error> {
    load(&guest.build()).inspector("{}").expect("it opens").save()
}

/// Instructions that answer with one verdict with so many findings, all of which lie at 65536.
fn findings(count: u32) -> String {
    // A finding takes 32 bytes, and all of them 0, as new memory is, is one without a name.
    format!(
        "(call $grow_to (i32.const {memory}))
         (i32.store8 (i32.const 1024) (i32.const 1))
         (i32.store (i32.const 1028) (i32.const 65536))
         (i32.store (i32.const 1032) (i32.const {count}))
         (return (call $list (i32.const 1024) (i32.const 1)))",
        memory = 65536 + count * 32 + 65536,
    )
}

#[test]
fn an_endless_loop_is_stopped_in_inspect_and_in_save() {
    let error = verdicts(&Guest::snoop().with("inspect", ENDLESS)).unwrap_err();
    assert_told(&error, "inspect", "passed its time limit");
    let error = save(&Guest::snoop().with("save", ENDLESS)).unwrap_err();
    assert_told(&error, "save", "passed its time limit");
}

#[test]
fn of_many_findings_the_first_64_are_kept_and_a_million_is_refused() {
    let verdict = &verdicts(&Guest::snoop().with("inspect", &findings(1000))).unwrap()[0];
    assert_eq!(verdict.findings.len(), format::limits::FINDING_COUNT_MAX);
    // 700,000 are all that fits into the memory that it may have.
    within(|| {
        let error = verdicts(&Guest::snoop().with("inspect", &findings(1_000_000))).unwrap_err();
        assert_told(&error, "inspect", "too much data");
    });
}

#[test]
fn names_of_findings_are_short_and_cannot_steer_a_terminal() {
    // One finding whose name is 60,000 bytes of a control character, and whose detail is too.
    let long = format!(
        "(memory.fill (i32.const 4096) (i32.const 27) (i32.const 60000)) {}",
        findings(1).replace(
            "(return",
            "(i32.store (i32.const 65536) (i32.const 4096))
             (i32.store (i32.const 65540) (i32.const 60000))
             (i32.store (i32.const 65556) (i32.const 4096))
             (i32.store (i32.const 65560) (i32.const 60000))
             (return"
        )
    );
    let verdict = verdicts(&Guest::snoop().with("inspect", &long)).unwrap().remove(0);
    let finding = &verdict.findings[0];
    assert_eq!(finding.name, " ".repeat(256));
    assert!(finding.detail.len() <= 1024 && !finding.detail.contains(char::is_control));
}

#[test]
fn a_name_that_is_not_utf_8_is_a_trap() {
    let name = findings(1).replace(
        "(return",
        "(i32.store8 (i32.const 4096) (i32.const 255))
         (i32.store (i32.const 65536) (i32.const 4096))
         (i32.store (i32.const 65540) (i32.const 1))
         (return",
    );
    assert_told(&verdicts(&Guest::snoop().with("inspect", &name)).unwrap_err(), "inspect", "utf-8");
}

#[test]
fn lists_that_point_outside_of_memory_are_traps() {
    let lists = [
        // Verdicts, findings of a verdict.
        ("inspect", "(return (call $list (i32.const 131072) (i32.const 1)))".to_owned()),
        ("inspect", "(return (call $list (i32.const 1024) (i32.const -1)))".to_owned()),
        (
            "inspect",
            findings(1).replace(
                "(i32.store (i32.const 1032) (i32.const 1))",
                "(i32.store (i32.const 1032) (i32.const 0x10000000))",
            ),
        ),
        ("save", "(return (call $list (i32.const 131000) (i32.const 1000)))".to_owned()),
        ("save", "(return (call $list (i32.const -1) (i32.const -1)))".to_owned()),
    ];
    for (call, instructions) in lists {
        let guest = Guest::snoop().with(call, &instructions);
        let error = match call {
            "save" => save(&guest).map(drop).unwrap_err(),
            _ => verdicts(&guest).map(drop).unwrap_err(),
        };
        assert_told(&error, call, "out of bounds");
    }
}

#[test]
fn an_action_that_is_none_is_a_trap() {
    let fifth = findings(0)
        .replace("store8 (i32.const 1024) (i32.const 1)", "store8 (i32.const 1024) (i32.const 9)");
    let error = verdicts(&Guest::snoop().with("inspect", &fifth)).unwrap_err();
    assert_told(&error, "inspect", "trapped");
}

#[test]
fn more_or_fewer_verdicts_than_entries_are_refused() {
    for count in [0, 2] {
        let answer = format!("(return (call $list (i32.const 4096) (i32.const {count})))");
        let error = verdicts(&Guest::snoop().with("inspect", &answer)).unwrap_err();
        assert_told(&error, "inspect", &format!("it gave {count} verdicts on 1 entries"));
    }
}

#[test]
fn a_state_that_is_too_long_is_refused_before_it_is_held() {
    let state = |length: u32| {
        let text = format!(
            "(call $grow_to (i32.const {}))
             (return (call $list (i32.const 0) (i32.const {length})))",
            length + 65536
        );
        Guest::snoop().with("save", &text)
    };
    assert_eq!(save(&state(1 << 20)).unwrap().len(), 1 << 20, "the limit itself is allowed");
    let error = save(&state((1 << 20) + 1)).unwrap_err();
    assert_told(&error, "save", "a state of 1048577 bytes is too long");
    // 100 MiB, with the memory that a mover gives.
    within(|| {
        let (engine, _) = super::engine_with(mover::plugin::Limits::default(), None);
        let guest = state(100 << 20).build();
        let plugin = engine.load(&guest, mover::plugin::Trust::Operator).unwrap();
        let error = plugin.inspector("{}").unwrap().save().unwrap_err();
        assert_told(&error, "save", "too much data");
    });
}

#[test]
fn a_resume_that_traps_is_told_as_such() {
    let guest = Guest::snoop().with("resume", "unreachable");
    let error = load(&guest.build()).resume_inspector("{}", vec![1, 2, 3]).err().unwrap();
    assert_told(&error, "resume", "unreachable");
}

#[test]
fn after_a_trap_an_inspector_begins_afresh_and_not_where_an_old_state_stood() {
    // It can be resumed once; after the trap it has to be opened.
    let guest = Guest::snoop()
        .with("open", "(global.set $count (i32.const 7))")
        .with("inspect", "(if (i32.ne (global.get $count) (i32.const 7)) (then unreachable))");
    let mut snoop = load(&guest.build()).resume_inspector("{}", vec![1]).unwrap();
    snoop.inspect(b"x", &[1]).unwrap_err();
    snoop.inspect(b"x", &[1]).expect("it was opened, and not resumed");
}
