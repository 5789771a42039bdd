//! The known word that was meant, perhaps.

/// The word that is nearest to a text, if one is near.
pub(super) fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let text = plain(text);
    let distance = |word: &'a str| {
        let word_plain = plain(word);
        let by = strsim::damerau_levenshtein(&text, &word_plain);
        // What begins the same is meant more often than what only is as long.
        let begins = text.len().min(word_plain.len()) >= 3
            && (text.starts_with(&word_plain) || word_plain.starts_with(&text));
        let near = text.chars().count().max(word.len()).div_ceil(3);
        (by <= near || begins).then_some((by, word))
    };
    words.filter_map(distance).min_by_key(|(by, _)| *by).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_and_what_is_far_is_not() {
        let words = ["path", "pools", "chunk-size", "one-file-system", "zstd"];
        for (text, expect) in [
            ("paht", Some("path")),
            ("paths", Some("path")),
            ("pool", Some("pools")),
            ("chunk_size", Some("chunk-size")),
            ("chunksize", Some("chunk-size")),
            ("one-file", Some("one-file-system")),
            ("Zstd", Some("zstd")),
            ("retention", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, words.into_iter()), expect, "{text}");
        }
    }
}
