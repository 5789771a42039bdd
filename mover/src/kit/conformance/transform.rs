//! What a transform has to do.

use super::{Broken, Check, Held, Scale, damage, difference, no_trap, of_input};
use crate::error::ErrorKind;
use crate::kit::dice::Dice;
use crate::kit::subject::{BINDING, KEY, NONCE, Subject};
use crate::pipeline::{ChunkInfo, Transform, encoded_length_max};
use crate::plugin::ComponentTransform;

pub(super) const CHECKS: &[Check] = &[
    of_input("a chunk comes back as it was", "round-trip", Scale::Any, comes_back),
    of_input("the same chunk is encoded the same", "deterministic", Scale::Small, deterministic),
    of_input("chunks do not depend on their order", "order", Scale::Small, order),
    of_input("damaged chunks do no harm", "damage", Scale::Small, damaged),
    of_input("only the length that was said comes out", "length", Scale::Small, wrong_length),
    of_input(
        "what authenticates notices every change",
        "authentic",
        Scale::Small,
        notices_every_change,
    ),
];

fn encode(
    subject: &Subject,
    transform: &mut ComponentTransform,
    input: &[u8],
) -> Result<Vec<u8>, Broken> {
    let mut encoded = Vec::new();
    transform.encode(&subject.chunk(input.len()), input, &mut encoded).map_err(|error| {
        let most = encoded_length_max(input.len());
        let message = format!("{error} (of {} bytes it may make {most})", input.len());
        Broken::new(message).shown(input, &[])
    })?;
    Ok(encoded)
}

fn comes_back(subject: &Subject, input: &[u8], _: Dice) -> Held {
    let mut transform = subject.transform()?;
    let encoded = encode(subject, &mut transform, input)?;
    let mut decoded = Vec::new();
    let length = input.len().to_string();
    // Another instance, as in a restore; and the one that encoded, as in the check of an archive.
    let mut other = subject.transform()?;
    for transform in [&mut other, &mut transform] {
        transform.decode(&subject.chunk(input.len()), &encoded, &mut decoded).map_err(|error| {
            Broken::new(format!("what it encoded it does not decode: {error}"))
                .shown(&encoded, &["--decode", "--plain-length", &length])
        })?;
        if let Some(difference) = difference(input, &decoded) {
            return Err(Broken::new(format!("other bytes come back: {difference}")));
        }
    }
    no_trap(transform.usage())?;
    no_trap(other.usage())
}

fn deterministic(subject: &Subject, input: &[u8], _: Dice) -> Held {
    let mut one = subject.transform()?;
    let first = encode(subject, &mut one, input)?;
    let again = encode(subject, &mut one, input)?;
    if let Some(difference) = difference(&first, &again) {
        return Err(Broken::new(format!("the second time it makes {difference}")));
    }
    let fresh = encode(subject, &mut subject.transform()?, input)?;
    if let Some(difference) = difference(&first, &fresh) {
        return Err(Broken::new(format!("a fresh instance makes {difference}")));
    }
    Ok(())
}

/// A few chunks, forwards by one instance and backwards by another.
fn order(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let cut = input.len() / 3 + dice.below(input.len() / 3 + 1);
    let (head, tail) = input.split_at(cut);
    let chunks = [head, tail, &[], tail, input, head];
    let (mut forwards, mut backwards) = (subject.transform()?, subject.transform()?);
    let mut encoded = Vec::new();
    for chunk in chunks {
        encoded.push(encode(subject, &mut forwards, chunk)?);
    }
    for (place, chunk) in chunks.iter().enumerate().rev() {
        let other = encode(subject, &mut backwards, chunk)?;
        if let Some(difference) = difference(&encoded[place], &other) {
            let message = format!("a chunk encoded behind other ones gives {difference}");
            return Err(Broken::new(message));
        }
        let mut decoded = Vec::new();
        let info = subject.chunk(chunk.len());
        backwards.decode(&info, &encoded[place], &mut decoded).map_err(|error| {
            Broken::new(format!("a chunk is not decoded behind other ones: {error}"))
        })?;
        if let Some(difference) = difference(chunk, &decoded) {
            return Err(Broken::new(format!("decoded behind other ones it gives {difference}")));
        }
    }
    no_trap(backwards.usage())
}

/// Decodes what may be damaged: an error and other bytes are fine, a trap is not.
fn survives(
    subject: &Subject,
    transform: &mut ComponentTransform,
    what: &str,
    bytes: &[u8],
    length: usize,
) -> Held {
    let traps = transform.usage().traps;
    let result = transform.decode(&subject.chunk(length), bytes, &mut Vec::new());
    match result {
        Err(error) if transform.usage().traps > traps => {
            let length = length.to_string();
            let message = format!("{what}: it should give an error, and not a trap: {error}");
            Err(Broken::new(message).shown(bytes, &["--decode", "--plain-length", &length]))
        }
        _ => Ok(()),
    }
}

fn damaged(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let mut transform = subject.transform()?;
    let encoded = encode(subject, &mut transform, input)?;
    for (what, bytes) in damage::all(&encoded, &mut dice) {
        survives(subject, &mut transform, &format!("a chunk {what}"), &bytes, input.len())?;
    }
    // After all that it still works.
    let mut decoded = Vec::new();
    transform.decode(&subject.chunk(input.len()), &encoded, &mut decoded)?;
    match difference(input, &decoded) {
        Some(difference) => {
            Err(Broken::new(format!("after damaged chunks a sound one gives {difference}")))
        }
        None => Ok(()),
    }
}

fn wrong_length(subject: &Subject, input: &[u8], _: Dice) -> Held {
    let mut transform = subject.transform()?;
    let encoded = encode(subject, &mut transform, input)?;
    let most = format::limits::CHUNK_PLAIN_LENGTH_MAX as usize;
    for length in [0, input.len().saturating_sub(1), input.len() + 1, input.len() / 2, most] {
        let what = format!("a chunk of {} bytes, decoded as one of {length}", input.len());
        survives(subject, &mut transform, &what, &encoded, length)?;
    }
    Ok(())
}

fn notices_every_change(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    if !subject.plugin.manifest().authenticates {
        return Ok(());
    }
    let mut transform = subject.transform()?;
    let encoded = encode(subject, &mut transform, input)?;
    let sound = subject.chunk(input.len());
    let other_nonce: Vec<u8> = NONCE.iter().map(|byte| byte ^ 1).collect();
    let other_binding = [BINDING, b"!"].concat();
    let mut tries: Vec<(&str, ChunkInfo<'_>, Vec<u8>)> = damage::all(&encoded, &mut dice)
        .into_iter()
        .map(|(what, bytes)| (what, sound, bytes))
        .collect();
    tries.push(("with another nonce", ChunkInfo { nonce: &other_nonce, ..sound }, encoded.clone()));
    let bound = ChunkInfo { binding: &other_binding, ..sound };
    tries.push(("with another binding", bound, encoded.clone()));
    for (what, info, bytes) in tries {
        must_notice(&mut transform, what, &info, &bytes)?;
    }
    let other_key: Vec<u8> = KEY.iter().map(|byte| byte ^ 1).collect();
    let mut other = subject.transform_with_key(&other_key)?;
    must_notice(&mut other, "with another key", &sound, &encoded)
}

fn must_notice(
    transform: &mut ComponentTransform,
    what: &str,
    info: &ChunkInfo<'_>,
    bytes: &[u8],
) -> Held {
    match transform.decode(info, bytes, &mut Vec::new()) {
        Err(error) if error.kind() == ErrorKind::Damaged => Ok(()),
        Err(error) => {
            Err(Broken::new(format!("a chunk {what} should fail to authenticate: {error}")))
        }
        Ok(()) => Err(Broken::new(format!("it takes a chunk {what} for its own"))),
    }
}
