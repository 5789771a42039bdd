//! What becomes of encoded bytes on their way.

use crate::kit::dice::Dice;

/// Changed bytes, and what was done to them. All differ from what they were made of.
pub(super) fn all(sound: &[u8], dice: &mut Dice) -> Vec<(&'static str, Vec<u8>)> {
    let length = sound.len();
    let mut damaged = vec![
        ("emptied", Vec::new()),
        ("cut in half", sound[..length / 2].to_vec()),
        ("cut by a byte", sound[..length.saturating_sub(1)].to_vec()),
        ("extended by a byte", [sound, &[0]].concat()),
        ("extended by noise", [sound, &dice.noise(100)].concat()),
        ("doubled", [sound, sound].concat()),
        ("replaced by noise", dice.noise(length)),
        ("replaced by ones", vec![0xff; length]),
    ];
    if length > 0 {
        // Headers are at the beginning, checksums at the end.
        let places = [0, 1, 4, 8, length / 2, length - 1, dice.below(length), dice.below(length)];
        for place in places {
            let mut flipped = sound.to_vec();
            flipped[place.min(length - 1)] ^= 1 << dice.below(8);
            damaged.push(("changed by a bit", flipped));
        }
        let mut turned = sound.to_vec();
        turned.rotate_left(length / 2);
        damaged.push(("turned around", turned));
    }
    damaged.retain(|(_, bytes)| bytes != sound);
    damaged
}
