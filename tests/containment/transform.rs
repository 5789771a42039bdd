//! Transforms that lie, trap, or give too much.

use mover::pipeline::Transform;
use mover::{Error, ErrorKind};

use super::{assert_told, engine, info, limits, load, within};
use crate::kit::guest::Guest;

const ENDLESS: &str = "(loop $again (br $again))";
const PLAIN: &[u8] = b"some bytes of a chunk";

fn open_error(guest: &Guest) -> Error {
    load(&guest.build()).transform("{}", &[]).err().expect("it cannot be opened")
}

fn encode_error(guest: &Guest) -> Error {
    let mut codec = load(&guest.build()).transform("{}", &[]).expect("it opens");
    codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).expect_err("it must not come through")
}

fn decode_error(guest: &Guest) -> Error {
    let mut codec = load(&guest.build()).transform("{}", &[]).expect("it opens");
    codec.decode(&info(PLAIN), PLAIN, &mut Vec::new()).expect_err("it must not come through")
}

#[test]
fn the_honest_one_gives_back_what_it_was_given() {
    let mut codec = load(&Guest::transform().build()).transform("{}", &[]).unwrap();
    let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
    codec.encode(&info(PLAIN), PLAIN, &mut encoded).unwrap();
    codec.decode(&info(PLAIN), &encoded, &mut decoded).unwrap();
    assert_eq!(decoded, PLAIN);
}

#[test]
fn an_endless_loop_is_stopped_in_open_encode_and_decode() {
    let guest = || Guest::transform();
    assert_told(&open_error(&guest().with("open", ENDLESS)), "open", "passed its time limit");
    let error = encode_error(&guest().with("encode", ENDLESS));
    assert_told(&error, "encode", "passed its time limit");
    let error = decode_error(&guest().with("decode", ENDLESS));
    assert_told(&error, "decode", "passed its time limit");
}

#[test]
fn a_loop_around_bulk_operations_is_bounded_by_the_bytes_that_they_touch() {
    let fill = "(call $grow_to (i32.const 16777216))
        (loop $again
          (memory.fill (i32.const 65536) (i32.const 7) (i32.const 16000000))
          (br $again))";
    let began = std::time::Instant::now();
    let error = encode_error(&Guest::transform().with("encode", fill));
    assert_told(&error, "encode", "passed its time limit");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn endless_recursion_ends_at_the_stack_limit() {
    let guest = Guest::transform()
        .with("module", "(func $deep (param i64 i64 i64 i64) (result i64)
            (i64.add (i64.const 1) (call $deep (local.get 0) (local.get 1) (local.get 2) (local.get 3))))")
        .with("encode", "(drop (call $deep (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))");
    assert_told(&encode_error(&guest), "encode", "passed its stack limit");
}

#[test]
fn memory_that_is_too_large_from_the_start_is_refused() {
    // 64 MiB, where 32 are allowed.
    let error = open_error(&Guest::transform().with("memory", "1024"));
    assert_told(&error, "open", "passed its memory limit of 32 MiB");
}

#[test]
fn memories_that_are_too_large_together_are_refused() {
    // 20 MiB and 20 MiB, where 32 are allowed.
    let second = Guest::transform().with("module", "(memory $second 320)");
    load(&second.build()).transform("{}", &[]).expect("one of them alone is allowed");
    let error = open_error(&second.with("memory", "320"));
    assert_told(&error, "open", "passed its memory limit of 32 MiB");
}

#[test]
fn memory_grows_to_the_limit_and_no_further() {
    // 512 pages are 32 MiB.
    let to_limit = "(if (i32.eq (memory.grow (i32.const 510)) (i32.const -1)) (then unreachable))
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 20000000))";
    let plugin = load(&Guest::transform().with("open", to_limit).build());
    plugin.transform("{}", &[]).expect("the limit itself is allowed");
    within(|| {
        let beyond =
            "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))";
        let error = encode_error(&Guest::transform().with("encode", beyond));
        assert_told(&error, "encode", "passed its memory limit of 32 MiB");
    });
}

#[test]
fn tables_stay_small_whether_they_begin_large_or_grow() {
    let begins = Guest::transform().with("module", "(table 200000 funcref)");
    assert_told(&open_error(&begins), "open", "");
    // Growing fails, and the component is told: 100,000 elements are the most.
    let grows = Guest::transform().with("module", "(table $t 1 funcref)").with(
        "encode",
        "(loop $again (br_if $again (i32.ne
            (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
         (if (i32.gt_u (table.size $t) (i32.const 100000)) (then unreachable))",
    );
    let mut codec = load(&grows.build()).transform("{}", &[]).unwrap();
    codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).expect("it has what it may have");
}

#[test]
fn a_flood_is_stopped_at_the_output_limit_in_one_write_and_in_many() {
    let once = "(call $grow_to (i32.const 16777216))
        (call $write (local.get $output) (i32.const 0) (i32.const 16777216))";
    let many = "(loop $again
        (call $write (local.get $output) (i32.const 0) (i32.const 100)) (br $again))";
    within(|| {
        for flood in [once, many] {
            let error = encode_error(&Guest::transform().with("encode", flood));
            assert_told(&error, "encode", "passed its output limit of 1047 bytes");
            let error = decode_error(&Guest::transform().with("decode", flood));
            assert_told(&error, "decode", "passed its output limit of 21 bytes");
        }
    });
}

#[test]
fn writes_of_nothing_cost_time_too() {
    let none = "(loop $again
        (call $write (local.get $output) (i32.const 0) (i32.const 0)) (br $again))";
    let mut codec =
        load(&Guest::transform().with("encode", none).build()).transform("{}", &[]).unwrap();
    let error = codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).unwrap_err();
    assert_told(&error, "encode", "passed its time limit");
    // 500 instructions for each call of the host, and a handful around it: far fewer than there
    // is fuel, twice, since the call was tried twice.
    assert_eq!(codec.usage().traps, 2);
}

#[test]
fn what_is_decoded_to_another_length_is_refused() {
    let shorter = Guest::transform()
        .with("decoded", "(local.get $input) (i32.sub (local.get $length) (i32.const 1))");
    assert_told(&decode_error(&shorter), "decode", "it gave 20 bytes of 21");
    let longer = Guest::transform()
        .with("decoded", "(local.get $input) (i32.add (local.get $length) (i32.const 1))");
    assert_told(&decode_error(&longer), "decode", "passed its output limit of 21 bytes");
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let guest = Guest::transform().saying("spam").with(
        "encode",
        "(global.set $count (i32.const 10000))
         (loop $again
           (call $log (i32.const 2) (i32.const 2048) (i32.const 4))
           (global.set $count (i32.sub (global.get $count) (i32.const 1)))
           (br_if $again (global.get $count)))",
    );
    let (engine, lines) = engine();
    let plugin = engine.load(&guest.build(), mover::plugin::Trust::Operator).unwrap();
    let mut codec = plugin.transform("{}", &[]).unwrap();
    codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).unwrap();
    assert_eq!(lines.lock().unwrap().len(), limits().log_lines_max as usize);
    assert_eq!(codec.usage().log_lines_dropped, 10_000 - u64::from(limits().log_lines_max));
}

#[test]
fn a_trap_at_every_call_gives_no_further_log_lines() {
    let guest = Guest::transform().saying("spam").with(
        "encode",
        "(global.set $count (i32.const 40))
         (loop $again
           (call $log (i32.const 2) (i32.const 2048) (i32.const 4))
           (global.set $count (i32.sub (global.get $count) (i32.const 1)))
           (br_if $again (global.get $count)))
         (unreachable)",
    );
    let (engine, lines) = engine();
    let plugin = engine.load(&guest.build(), mover::plugin::Trust::Operator).unwrap();
    let mut codec = plugin.transform("{}", &[]).unwrap();
    for _ in 0..5 {
        codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).unwrap_err();
    }
    assert_eq!(lines.lock().unwrap().len(), limits().log_lines_max as usize);
    let (traps, seen) = (codec.usage().traps, u64::from(limits().log_lines_max));
    assert_eq!(codec.usage().log_lines_dropped, traps * 40 - seen);
}

#[test]
fn an_endless_flood_of_log_lines_passes_the_time_limit() {
    let endless =
        "(loop $again (call $log (i32.const 0) (i32.const 0) (i32.const 65536)) (br $again))";
    let began = std::time::Instant::now();
    let error = encode_error(&Guest::transform().with("encode", endless));
    assert_told(&error, "encode", "passed its time limit");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn lines_of_the_log_are_short_and_cannot_steer_a_terminal() {
    let guest = Guest::transform().saying("\u{1b}[2Jred\r\nline\u{202e}turned\u{7}").with(
        "encode",
        "(call $log (i32.const 1) (i32.const 2048) (i32.const 23))
         (call $grow_to (i32.const 2097152))
         (memory.fill (i32.const 65536) (i32.const 120) (i32.const 1048576))
         (call $log (i32.const 1) (i32.const 65536) (i32.const 1048576))",
    );
    let (engine, lines) = engine();
    let plugin = engine.load(&guest.build(), mover::plugin::Trust::Operator).unwrap();
    let mut codec = plugin.transform("{}", &[]).unwrap();
    codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).unwrap();
    let lines = lines.lock().unwrap();
    assert_eq!(lines[0], ("guest".to_owned(), " [2Jred  line turned ".to_owned()));
    assert_eq!(lines[1].1.len(), 1024, "of a megabyte");
}

#[test]
fn messages_of_errors_are_short_and_cannot_steer_a_terminal() {
    let fail =
        |at: &str| format!("(call $drop_sink (local.get $output)) (return (call $fail {at}))");
    let said = Guest::transform()
        .saying("\u{1b}[31mlies\n")
        .with("encode", &fail("(i32.const 2048) (i32.const 10)"));
    assert_told(&encode_error(&said), "encode", " [31mlies");
    let long = "(call $grow_to (i32.const 2097152))
        (memory.fill (i32.const 65536) (i32.const 120) (i32.const 1048576))";
    let long = Guest::transform()
        .with("encode", long)
        .with("encode", &fail("(i32.const 65536) (i32.const 1048576)"));
    assert_told(&encode_error(&long), "encode", &"x".repeat(1024));
}

#[test]
fn a_message_outside_of_memory_is_a_trap() {
    let outside = Guest::transform().with(
        "encode",
        "(call $drop_sink (local.get $output))
         (return (call $fail (i32.const 131000) (i32.const 1000)))",
    );
    assert_told(&encode_error(&outside), "encode", "out of bounds of memory");
}

#[test]
fn a_log_line_that_is_not_utf_8_is_a_trap() {
    let guest = Guest::transform()
        .with("module", r#"(data (i32.const 2048) "\ff\fe\80")"#)
        .with("encode", "(call $log (i32.const 1) (i32.const 2048) (i32.const 3))");
    assert_told(&encode_error(&guest), "encode", "utf-8");
}

#[test]
fn a_sink_that_is_kept_is_missed_at_the_end_of_its_call() {
    let keeps = "(call $write (local.get $output) (local.get $input) (local.get $length))
        (return (call $done))";
    let error = encode_error(&Guest::transform().with("encode", keeps));
    assert_told(&error, "encode", "borrow handles still remain");
}

#[test]
fn a_sink_of_an_earlier_call_cannot_be_used() {
    // `open` has no sink: whatever number it tries is not one.
    for handle in ["1", "2", "-1"] {
        let uses = format!("(call $write (i32.const {handle}) (i32.const 0) (i32.const 1))");
        let error = open_error(&Guest::transform().with("open", &uses));
        assert_told(&error, "open", "trapped");
    }
    let dropped = "(call $drop_sink (local.get $output))";
    let error = encode_error(&Guest::transform().with("encode", dropped));
    assert_told(&error, "encode", "trapped");
}

#[test]
fn nothing_can_be_called_while_its_arguments_are_put_into_it() {
    let reenters = "(call $log (i32.const 1) (i32.const 0) (i32.const 1))";
    let error = open_error(&Guest::transform().with("realloc", reenters));
    assert_told(&error, "open", "cannot leave");
}

#[test]
fn an_allocator_that_points_outside_of_memory_is_a_trap() {
    let outside = "(return (i32.const 0x7fff0000))";
    let error = open_error(&Guest::transform().with("realloc", outside));
    assert_told(&error, "open", "trapped");
}

#[test]
fn a_start_function_that_traps_or_loops_is_told_as_open() {
    for (body, cause) in [("unreachable", "unreachable"), (ENDLESS, "passed its time limit")] {
        let start = format!("(func $begin {body}) (start $begin)");
        assert_told(&open_error(&Guest::transform().with("module", &start)), "open", cause);
    }
}

#[test]
fn handles_without_end_are_refused() {
    let hoards = "(loop $again (drop (call $new (i32.const 1))) (br $again))";
    within(|| {
        let error = encode_error(&Guest::transform().with("encode", hoards));
        assert_told(&error, "encode", "");
    });
}

#[test]
fn one_that_traps_at_its_second_chunk_is_made_anew_and_nothing_is_lost() {
    let second = "(global.set $count (i32.add (global.get $count) (i32.const 1)))
        (if (i32.eq (global.get $count) (i32.const 2)) (then unreachable))";
    let plugin = load(&Guest::transform().with("encode", second).build());
    let mut codec = plugin.transform("{}", &[]).unwrap();
    for _ in 0..5 {
        let mut encoded = Vec::new();
        codec.encode(&info(PLAIN), PLAIN, &mut encoded).expect("the second try is the first call");
        assert_eq!(encoded, PLAIN);
    }
    assert_eq!(codec.usage().traps, 4, "at every call but the first, once");
}

#[test]
fn one_that_traps_at_a_chunk_serves_the_next_one() {
    let at_length = "(if (i32.eq (local.get $length) (i32.const 3)) (then unreachable))";
    let plugin = load(&Guest::transform().with("encode", at_length).build());
    let mut codec = plugin.transform("{}", &[]).unwrap();
    let mut encoded = Vec::new();
    codec.encode(&info(PLAIN), PLAIN, &mut encoded).unwrap();
    let error = codec.encode(&info(b"abc"), b"abc", &mut encoded).unwrap_err();
    assert_told(&error, "encode", "unreachable");
    assert_eq!(error.kind(), ErrorKind::Plugin);
    codec.encode(&info(PLAIN), PLAIN, &mut encoded).unwrap();
    assert_eq!(encoded, PLAIN);
}

#[test]
fn another_instance_in_another_thread_never_notices() {
    let plugin = load(&Guest::transform().build());
    let hostile = load(&Guest::transform().with("encode", ENDLESS).build());
    let bomb =
        load(&Guest::transform().with("encode", "(drop (memory.grow (i32.const 60000)))").build());
    std::thread::scope(|scope| {
        let calm = scope.spawn(|| {
            let mut codec = plugin.transform("{}", &[]).unwrap();
            for _ in 0..2000 {
                let mut encoded = Vec::new();
                codec.encode(&info(PLAIN), PLAIN, &mut encoded).unwrap();
                assert_eq!(encoded, PLAIN);
            }
            codec.usage().traps
        });
        for plugin in [&hostile, &bomb] {
            let mut codec = plugin.transform("{}", &[]).unwrap();
            codec.encode(&info(PLAIN), PLAIN, &mut Vec::new()).unwrap_err();
        }
        assert_eq!(calm.join().unwrap(), 0);
    });
}
