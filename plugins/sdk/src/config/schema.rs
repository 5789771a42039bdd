//! What may stand in a configuration, as a tree that is made at compile time.

/// The part of JSON Schema that a configuration needs.
#[derive(Clone, Copy, Debug)]
pub enum Schema {
    /// `true` or `false`.
    Boolean,
    /// A whole number, both bounds included.
    Integer {
        /// The least.
        minimum: i128,
        /// The greatest.
        maximum: i128,
    },
    /// Any number, both bounds included, as JSON writes them.
    Number {
        /// The least.
        minimum: Option<&'static str>,
        /// The greatest.
        maximum: Option<&'static str>,
    },
    /// Text.
    String,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list.
    Array(&'static Schema),
    /// Any keys, and one kind of value.
    Map(&'static Schema),
    /// These keys, and no others.
    Object(&'static [Property]),
}

/// One key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The key.
    pub name: &'static str,
    /// What it is for; may be empty.
    pub description: &'static str,
    /// What may stand there.
    pub schema: Schema,
    /// What stands where it is left out, as JSON.
    pub default: Option<&'static str>,
    /// It has no default and may not be left out.
    pub is_required: bool,
}

/// A bound that the derive found in an attribute.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The bound, where it is a whole number.
    pub integer: Option<i128>,
    /// The bound as JSON writes it.
    pub text: &'static str,
}

impl Schema {
    /// The same with a greater minimum. The derive calls it at compile time.
    ///
    /// # Panics
    ///
    /// When it is no number, or the bound does not lie within those of its type.
    pub const fn minimum(self, bound: Bound) -> Self {
        match (self, bound.integer) {
            (Self::Integer { minimum, maximum }, Some(bound)) => {
                assert!(minimum <= bound && bound <= maximum, "the type's bounds are narrower");
                Self::Integer { minimum: bound, maximum }
            }
            (Self::Number { maximum, .. }, _) => {
                Self::Number { minimum: Some(bound.text), maximum }
            }
            _ => panic!("`minimum` is for numbers, a whole one for whole ones"),
        }
    }

    /// The same with a smaller maximum. The derive calls it at compile time.
    ///
    /// # Panics
    ///
    /// When it is no number, or the bound does not lie within those of its type.
    pub const fn maximum(self, bound: Bound) -> Self {
        match (self, bound.integer) {
            (Self::Integer { minimum, maximum }, Some(bound)) => {
                assert!(minimum <= bound && bound <= maximum, "the bounds leave no number");
                Self::Integer { minimum, maximum: bound }
            }
            (Self::Number { minimum, .. }, _) => {
                Self::Number { minimum, maximum: Some(bound.text) }
            }
            _ => panic!("`maximum` is for numbers, a whole one for whole ones"),
        }
    }
}
