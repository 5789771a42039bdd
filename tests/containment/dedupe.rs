//! Dedupes that cut wrongly: what the host takes, and what it calls a lie.

use mover::Error;
use mover::pipeline::{Cut, Cutter};

use super::{assert_told, load};
use crate::kit::guest::Guest;

const WINDOW: &[u8] = &[7; 200_000];
const ENDS: &[u32] = &[10, 10, 100_000];

fn cuts(guest: &Guest) -> Result<Vec<Cut>, Error> {
    let mut cuts = Vec::new();
    load(&guest.build()).cutter("{}")?.cut(WINDOW, ENDS, &mut cuts)?;
    Ok(cuts)
}

fn error_with(place: &'static str, instructions: &str) -> Error {
    cuts(&Guest::dedupe().with(place, instructions)).expect_err("it must not come through")
}

#[test]
fn the_honest_one_cuts_at_ends_and_at_64_kib() {
    let lengths: Vec<u32> = cuts(&Guest::dedupe()).unwrap().iter().map(|cut| cut.length).collect();
    assert_eq!(lengths, [10, 65_536, 34_454, 65_536]);
}

#[test]
fn an_endless_loop_is_stopped_in_cut_and_in_open() {
    let endless = "(loop $again (br $again))";
    assert_told(&error_with("cut", endless), "cut", "passed its time limit");
    assert_told(&error_with("open", endless), "open", "passed its time limit");
}

#[test]
fn cuts_that_are_empty_or_too_long_or_beyond_an_end_are_refused() {
    let length = |to: &str| format!("(local.set $length {to})");
    let error = error_with("cut-made", &length("(i32.const 0)"));
    assert_told(&error, "cut", "a block is empty or too long");
    let error = error_with("cut-made", &length("(i32.const -1)"));
    assert_told(&error, "cut", "a block is empty or too long");
    let longer = length("(i32.add (local.get $length) (i32.const 1))");
    assert_told(&error_with("cut-made", &longer), "cut", "beyond the end of its entry");
}

#[test]
fn cuts_that_leave_an_entry_open_or_too_much_behind_are_refused() {
    let none = "(return (call $list (i32.const 64) (i32.const 0)))";
    assert_told(&error_with("cut", none), "cut", "an entry was not cut to its end");
    let stops = "(br_if $over (i32.ge_u (local.get $count) (i32.const 3)))";
    assert_told(&error_with("cut-made", stops), "cut", "more was left uncut than a block can hold");
}

#[test]
fn a_wrong_crc_is_found_before_it_is_written() {
    let flipped =
        "(local.set $crc (i32.xor (local.get $crc) (i32.eq (local.get $count) (i32.const 2))))";
    assert_told(&error_with("cut-made", flipped), "cut", "the CRC of a block is wrong");
}

#[test]
fn a_list_of_cuts_that_points_outside_of_memory_is_a_trap() {
    for list in ["(i32.const 0x1000000) (i32.const 5)", "(i32.const 0) (i32.const -1)"] {
        let error = error_with("cut", &format!("(return (call $list {list}))"));
        assert_told(&error, "cut", "out of bounds");
    }
}

#[test]
fn a_block_length_that_cannot_be_is_refused() {
    for length in ["0", "-1", "1048577"] {
        let error = error_with("longest", &format!("(i32.const {length})"));
        assert_told(&error, "block-length-max", "are not allowed");
    }
}

#[test]
fn one_that_cuts_otherwise_each_time_harms_nobody() {
    // Every second call makes its first block shorter: blocks are found again less often, and each
    // is as right as any other.
    let moody =
        "(if (i32.and (i32.eqz (local.get $count)) (i32.and (global.get $count) (i32.const 1)))
        (then
          (local.set $at (i32.sub (local.get $at) (i32.const 1)))
          (local.set $length (i32.sub (local.get $length) (i32.const 1)))
          (local.set $crc (call $crc (local.get $input) (local.get $length)))))";
    let guest = Guest::dedupe()
        .with("cut", "(global.set $count (i32.add (global.get $count) (i32.const 1)))")
        .with("cut-made", moody);
    let mut cutter = load(&guest.build()).cutter("{}").unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    cutter.cut(WINDOW, ENDS, &mut first).unwrap();
    cutter.cut(WINDOW, ENDS, &mut second).unwrap();
    assert_ne!(first, second);
}
