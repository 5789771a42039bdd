//! The harnesses notice broken promises.

use super::*;
use crate::{
    Chunk, Dedupe, Direction, Filter, NoConfig, Output, Snoop, StateError, StateReader,
    StateWriter, Transform, Verdict,
};

/// Breaks a promise of each role; which one is a matter of the number.
struct Broken<const PROMISE: u32> {
    calls: u32,
}

impl<const PROMISE: u32> Transform for Broken<PROMISE> {
    type Config = NoConfig;

    fn open(_: NoConfig, _: &[u8]) -> Result<Self> {
        Ok(Self { calls: 0 })
    }

    fn encode(&mut self, _: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()> {
        self.calls += 1;
        output.put(&input);
        match PROMISE {
            1 => output.put(&self.calls.to_le_bytes()),
            2 => output.put(&vec![0; input.len() + 2000]),
            _ => {}
        }
        Ok(())
    }

    fn decode(&mut self, chunk: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()> {
        let length = if PROMISE == 3 { input.len() - 1 } else { chunk.plain_length };
        output.put(&input[..length]);
        Ok(())
    }
}

#[test]
#[should_panic(expected = "encode gives other bytes each time")]
fn an_encoder_that_remembers_is_noticed() {
    TransformTest::<Broken<1>>::new("").round_trip(b"chunk");
}

#[test]
#[should_panic(expected = "encode wrote 2010 bytes, 1029 may be")]
fn a_flood_is_noticed() {
    TransformTest::<Broken<2>>::new("").round_trip(b"chunk");
}

#[test]
#[should_panic(expected = "decode left out the end")]
fn a_decoder_that_leaves_something_out_is_noticed() {
    TransformTest::<Broken<3>>::new("").round_trip(b"chunk");
}

impl<const PROMISE: u32> Filter for Broken<PROMISE> {
    type Config = NoConfig;

    fn open(_: NoConfig, _: Direction) -> Result<Self> {
        Ok(Self { calls: 0 })
    }

    fn next(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<()> {
        output.put(input);
        output.put(b"|");
        Ok(())
    }

    fn finish(&mut self, _: &mut Output<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
#[should_panic(expected = "the output depends on the pieces")]
fn a_filter_that_sees_pieces_is_noticed() {
    let _ = FilterTest::<Broken<1>>::new("").apply(&[7; 1000]);
}

impl<const PROMISE: u32> Snoop for Broken<PROMISE> {
    type Config = NoConfig;

    fn open(_: NoConfig) -> Result<Self> {
        Ok(Self { calls: 0 })
    }

    fn look(&mut self, bytes: &[u8]) {
        self.calls += if PROMISE == 1 { 1 } else { bytes.len() as u32 };
    }

    fn verdict(&mut self) -> Verdict {
        let seen = self.calls;
        if PROMISE != 2 {
            self.calls = 0;
        }
        Verdict::tag(vec![crate::Finding::new(seen.to_string())])
    }

    fn save(&self, state: &mut StateWriter) {
        state.integer(self.calls.into());
    }

    fn resume(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        let calls = state.integer()? as u32;
        self.calls = if PROMISE == 3 { 0 } else { calls };
        Ok(())
    }
}

#[test]
#[should_panic(expected = "the verdict depends on the windows")]
fn a_snoop_that_sees_windows_is_noticed() {
    SnoopTest::<Broken<1>>::new("").verdict(&[7; 1000]);
}

#[test]
#[should_panic(expected = "an entry changes the next one")]
fn a_snoop_that_forgets_nothing_is_noticed() {
    SnoopTest::<Broken<2>>::new("").verdict(&[7; 1000]);
}

#[test]
#[should_panic(expected = "saved and resumed")]
fn a_snoop_that_forgets_its_state_is_noticed() {
    SnoopTest::<Broken<3>>::new("").verdict(&[7; 1000]);
}

impl<const PROMISE: u32> Dedupe for Broken<PROMISE> {
    type Config = NoConfig;

    fn open(_: NoConfig) -> Result<Self> {
        Ok(Self { calls: 0 })
    }

    fn block_length_max(&self) -> usize {
        100
    }

    fn cut(&self, bytes: &[u8], _last: bool) -> Option<usize> {
        match PROMISE {
            // Half of what it is shown, so that more of it gives other cuts.
            1 => Some(bytes.len().div_ceil(2).min(100)),
            _ => Some(bytes.len()),
        }
    }
}

#[test]
#[should_panic(expected = "the cuts depend on the windows")]
fn a_dedupe_that_sees_windows_is_noticed() {
    DedupeTest::<Broken<1>>::new("").cut(&[7; 1000]);
}

#[test]
#[should_panic(expected = "a block of 1000 bytes was cut from 1000, and at most 100 may be")]
fn a_block_that_is_too_long_is_noticed() {
    DedupeTest::<Broken<2>>::new("").cut(&[7; 1000]);
}
