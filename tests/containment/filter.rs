//! Filters that lie about what they give back, or take too much.

use mover::Error;
use mover::plugin::Direction;

use super::{assert_told, load};
use crate::kit::guest::Guest;

fn next_error(instructions: &str) -> Error {
    let guest = Guest::filter().with("next", instructions).build();
    let mut filter = load(&guest).filter("{}", Direction::Apply).expect("it opens");
    filter.next(b"some bytes", &mut Vec::new()).expect_err("it must not come through")
}

fn finish_error(instructions: &str) -> Error {
    let guest = Guest::filter().with("finish", instructions).build();
    let mut filter = load(&guest).filter("{}", Direction::Undo).expect("it opens");
    filter.finish(&mut Vec::new()).expect_err("it must not come through")
}

const FLOOD: &str = "(loop $again
    (call $write (local.get $output) (i32.const 0) (i32.const 65536)) (br $again))";

#[test]
fn the_honest_one_gives_what_it_takes() {
    let plugin = load(&Guest::filter().build());
    let mut filter = plugin.filter("{}", Direction::Apply).unwrap();
    let mut output = Vec::new();
    filter.next(b"some bytes", &mut output).unwrap();
    assert_eq!(output, b"some bytes");
    filter.finish(&mut output).unwrap();
    assert!(output.is_empty());
}

#[test]
fn an_endless_loop_is_stopped_in_next_and_in_finish() {
    let endless = "(loop $again (br $again))";
    assert_told(&next_error(endless), "next", "passed its time limit");
    assert_told(&finish_error(endless), "finish", "passed its time limit");
}

#[test]
fn a_flood_is_stopped_in_next_and_in_finish() {
    assert_told(&next_error(FLOOD), "next", "passed its output limit of 1048736 bytes");
    assert_told(&finish_error(FLOOD), "finish", "passed its output limit of 1048576 bytes");
}
