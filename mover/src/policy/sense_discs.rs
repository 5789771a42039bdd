//! Pools of discs: either images, or a recorder with what brings discs to it.

use super::check::Sense;
use crate::media::PoolSpec;

/// Characters that a disc's name has room for in its file system.
const NAME_LENGTH: usize = 32;

pub(super) fn check(sense: &mut Sense<'_>, name: &str, pool: &PoolSpec) {
    let PoolSpec::Optical { folder, recorder, library, barcodes, discs, session_size, .. } = pool
    else {
        return;
    };
    let at = |key| ["pools", name, key];
    match (folder, recorder) {
        (None, None) => sense.error(
            &["pools", name],
            format!("pool {name} has no medium"),
            "write folder = \"...\" for images, or recorder = \"...\"",
        ),
        (Some(_), Some(_)) => sense.error(
            &at("recorder"),
            format!("pool {name} has both a folder and a recorder"),
            "leave one of them out",
        ),
        (None, Some(_)) if library.is_none() && discs.is_empty() => sense.error(
            &at("recorder"),
            format!("pool {name} has a recorder, and neither a library nor discs"),
            "name the discs that there are: discs = [\"...\"]; a person is asked for them",
        ),
        (Some(_), None) if discs.is_empty() => {
            let keys = ["pools", name, "discs"];
            let message = format!("pool {name} has no medium");
            sense.error(&keys, message, "name its discs, in the order in which they are used");
        }
        _ => {}
    }
    let of_other = match (folder, library) {
        (Some(_), _) => [("library", library.is_some()), ("barcodes", !barcodes.is_empty())],
        (None, Some(_)) => [("discs", !discs.is_empty()), ("session-size", session_size.is_some())],
        (None, None) => {
            [("barcodes", !barcodes.is_empty()), ("session-size", session_size.is_some())]
        }
    };
    for (key, _) in of_other.iter().filter(|(_, is_given)| *is_given) {
        let (has, not) = match (folder, *key, library) {
            (Some(_), ..) => ("a folder", "a recorder with a jukebox"),
            (None, "session-size", _) => ("a recorder, which burns a disc at once", "a folder"),
            (None, _, Some(_)) => ("a library, which reads the labels", "a folder or a person"),
            (None, _, None) => ("a recorder without a library", "a jukebox"),
        };
        let message = format!("{key} says nothing of {has}");
        sense.warn(&at(key), message, format!("leave it out; it is for {not}"));
    }
    for disc in discs.iter().filter(|disc| disc.chars().count() > NAME_LENGTH) {
        let message = format!("the name {disc} is too long for a disc");
        sense.error(&at("discs"), message, format!("use at most {NAME_LENGTH} characters"));
    }
}
