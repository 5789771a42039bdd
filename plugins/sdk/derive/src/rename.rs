//! serde's rules for the names of all fields or variants.

/// How the words of a name are joined.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    first: Case,
    others: Case,
    between: &'static str,
}

#[derive(Clone, Copy)]
enum Case {
    Lower,
    Upper,
    Capital,
}

impl Rule {
    /// By the name that serde gives it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        use Case::{Capital, Lower, Upper};
        let (first, others, between) = match name {
            "lowercase" => (Lower, Lower, ""),
            "UPPERCASE" => (Upper, Upper, ""),
            "PascalCase" => (Capital, Capital, ""),
            "camelCase" => (Lower, Capital, ""),
            "snake_case" => (Lower, Lower, "_"),
            "SCREAMING_SNAKE_CASE" => (Upper, Upper, "_"),
            "kebab-case" => (Lower, Lower, "-"),
            "SCREAMING-KEBAB-CASE" => (Upper, Upper, "-"),
            _ => return None,
        };
        Some(Self { first, others, between })
    }

    /// The new name of a field, `like_this`; case alone leaves its underscores.
    pub(crate) fn field(self, name: &str) -> String {
        if matches!(
            (self.first, self.others),
            (Case::Lower, Case::Lower) | (Case::Upper, Case::Upper)
        ) && self.between.is_empty()
        {
            return case(name, self.first);
        }
        self.join(name.split('_').filter(|word| !word.is_empty()))
    }

    /// The new name of a variant, `LikeThis`.
    pub(crate) fn variant(self, name: &str) -> String {
        let starts = name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(index, _)| index);
        let mut starts: Vec<_> = starts.filter(|index| *index > 0).collect();
        starts.insert(0, 0);
        starts.push(name.len());
        self.join(starts.windows(2).map(|pair| &name[pair[0]..pair[1]]))
    }

    fn join<'a>(self, words: impl Iterator<Item = &'a str>) -> String {
        let word = |(index, word)| case(word, if index == 0 { self.first } else { self.others });
        words.enumerate().map(word).collect::<Vec<_>>().join(self.between)
    }
}

fn case(word: &str, case: Case) -> String {
    match case {
        Case::Lower => word.to_lowercase(),
        Case::Upper => word.to_uppercase(),
        Case::Capital => {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string());
            first.unwrap_or_default() + letters.as_str()
        }
    }
}
