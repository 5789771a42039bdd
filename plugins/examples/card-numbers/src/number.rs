//! Whether digits are the number of a payment card.

/// Digits of a card's number, at least and at most.
pub(crate) const LENGTH_MIN: u32 = 13;
pub(crate) const LENGTH_MAX: u32 = 19;

/// Whether the last `length` decimal digits of `number` are a card's.
pub(crate) fn is_card_number(number: u64, length: u32) -> bool {
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        return false;
    }
    // Cards of banks begin with 3 to 6, or since 2017 with 2.
    let first = number / 10_u64.pow(length - 1);
    (2..=6).contains(&first) && has_right_check_digit(number)
}

/// Luhn: every other digit doubled, from the right, the sum of all digits is a multiple of 10.
fn has_right_check_digit(mut number: u64) -> bool {
    let mut sum = 0;
    let mut is_doubled = false;
    while number > 0 {
        let digit = number % 10;
        sum += match (is_doubled, 2 * digit) {
            (false, _) => digit,
            (true, doubled @ 0..10) => doubled,
            (true, doubled) => doubled - 9,
        };
        is_doubled = !is_doubled;
        number /= 10;
    }
    sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_testing_are_cards_and_each_changed_digit_makes_them_none() {
        for number in [4_111_111_111_111_111_u64, 5_500_000_000_000_004, 6_011_111_111_111_117] {
            assert!(is_card_number(number, 16));
            assert!(!is_card_number(number, 20));
            for place in 0..16 {
                let digit = number / 10_u64.pow(place) % 10;
                let other =
                    number - digit * 10_u64.pow(place) + (digit + 1) % 10 * 10_u64.pow(place);
                assert!(!is_card_number(other, 16), "{other}");
            }
        }
        assert!(is_card_number(378_282_246_310_005, 15));
    }
}
