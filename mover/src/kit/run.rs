//! One input through one component, as an archive would bring it.

use format::Role;

use super::subject::{Subject, WINDOW_LENGTH, cut, look, rewrite};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Cut, Transform, Verdict};
use crate::plugin::{Direction, Usage, role_name};

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// While archiving.
    Forth,
    /// While restoring; a transform has to be told how many bytes come out.
    Back {
        /// The length of the chunk before it was encoded.
        plain_length: Option<u32>,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// The other form of the input.
    Bytes(Vec<u8>),
    /// What a snoop says of it.
    Verdict(Verdict),
    /// Where it was cut.
    Cuts(Vec<Cut>),
}

/// Runs a component on an input, which is one chunk to a transform and one entry to all others.
/// A keyed component gets a key and a nonce that are the same in every run.
pub fn run(subject: &Subject, input: &[u8], way: Way) -> Result<(Outcome, Usage)> {
    let refuse = |message: String, way_out: &str| {
        Err(Error::new(ErrorKind::Usage, message).way_out(way_out))
    };
    match (subject.role(), way) {
        (Role::Transform, Way::Forth) => {
            let most = format::limits::CHUNK_PLAIN_LENGTH_MAX as usize;
            if input.len() > most {
                let message =
                    format!("the input has {} bytes, a chunk {most} at most", input.len());
                return refuse(
                    message,
                    "give a part of it: head -c 16M INPUT | mover plugin run ...",
                );
            }
            let (mut transform, mut output) = (subject.transform()?, Vec::new());
            transform.encode(&subject.chunk(input.len()), input, &mut output)?;
            Ok((Outcome::Bytes(output), transform.usage()))
        }
        (Role::Transform, Way::Back { plain_length: None }) => refuse(
            "a chunk is decoded to the length that it had, and nobody said which".to_owned(),
            "give --plain-length, which `mover plugin run` printed when it encoded",
        ),
        (Role::Transform, Way::Back { plain_length: Some(length) }) => {
            let (mut transform, mut output) = (subject.transform()?, Vec::new());
            transform.decode(&subject.chunk(length as usize), input, &mut output)?;
            Ok((Outcome::Bytes(output), transform.usage()))
        }
        (Role::Filter, way) => {
            let direction = if way == Way::Forth { Direction::Apply } else { Direction::Undo };
            let mut filter = subject.filter(direction)?;
            let output = rewrite(&mut filter, input, &[])?;
            Ok((Outcome::Bytes(output), filter.usage()))
        }
        (role, Way::Back { .. }) => {
            refuse(format!("a {} has no way back", role_name(role)), "run it without --decode")
        }
        (Role::Snoop, Way::Forth) => {
            let mut inspector = subject.inspector()?;
            let verdict = look(&mut inspector, input, &[])?;
            Ok((Outcome::Verdict(verdict), inspector.usage()))
        }
        (Role::Dedupe, Way::Forth) => {
            let mut cutter = subject.cutter()?;
            let cuts = cut(&mut cutter, input, WINDOW_LENGTH)?;
            Ok((Outcome::Cuts(cuts), cutter.usage()))
        }
    }
}
