//! The options header: typed keys and values after a tag header or in a context. SPEC 6.2.

use crate::error::{Error, Result};
use crate::limits;
use crate::wire::{Put, Take};

/// Set in the key of an option that a reader must understand or stop at.
pub const MANDATORY: u16 = 0x8000;

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is; with [`MANDATORY`] where a reader must understand it.
    pub key: u16,
    /// Its value, whose form the key decides.
    pub value: Vec<u8>,
}

/// Keys and values, in ascending order of keys; a key may stand several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    items: Vec<Item>,
}

impl Options {
    /// Adds a value behind those of the same key.
    pub fn push(&mut self, key: u16, value: impl Into<Vec<u8>>) {
        let at = self.items.partition_point(|item| item.key <= key);
        self.items.insert(at, Item { key, value: value.into() });
    }

    /// All values of a key.
    pub fn get(&self, key: u16) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter(move |item| item.key == key).map(|item| item.value.as_slice())
    }

    /// All of them.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether there are none: then a tag has no options header at all.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Refuses mandatory options that are not in `known`.
    pub fn require_known(&self, known: &[u16]) -> Result<()> {
        let unknown = |item: &&Item| item.key & MANDATORY != 0 && !known.contains(&item.key);
        match self.items.iter().find(unknown) {
            Some(item) => Err(Error::Unknown { what: "mandatory option", value: item.key.into() }),
            None => Ok(()),
        }
    }

    /// Bytes on the medium, with the length in front.
    pub fn encoded_length(&self) -> usize {
        4 + self.items.iter().map(|item| 6 + item.value.len()).sum::<usize>()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let length = self.encoded_length() - 4;
        out.put_count(length, limits::OPTIONS_LENGTH_MAX);
        for item in &self.items {
            out.put_u16(item.key);
            out.put_bytes(&item.value, limits::OPTIONS_LENGTH_MAX);
        }
    }

    pub(crate) fn decode(take: &mut Take<'_>) -> Result<Options> {
        let what = "options header";
        let mut take = Take::new(what, take.bytes(limits::OPTIONS_LENGTH_MAX)?);
        let mut items: Vec<Item> = Vec::new();
        while !take.rest().is_empty() {
            let key = take.u16()?;
            let value = take.bytes(limits::OPTIONS_LENGTH_MAX)?.to_vec();
            if items.last().is_some_and(|last| last.key > key) {
                return Err(Error::Invalid { what, rule: "keys ascend" });
            }
            items.push(Item { key, value });
        }
        Ok(Options { items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Options> {
        Options::decode(&mut Take::new("anything", bytes))
    }

    #[test]
    fn values_of_a_key_keep_their_order() {
        let mut options = Options::default();
        for (key, value) in [(7, "b"), (1, "x"), (7, "a"), (0x8001, "m")] {
            options.push(key, value);
        }
        assert_eq!(options.get(7).collect::<Vec<_>>(), [b"b", b"a"]);
        let keys: Vec<u16> = options.items().iter().map(|item| item.key).collect();
        assert_eq!(keys, [1, 7, 7, 0x8001]);
        let mut bytes = Vec::new();
        options.encode(&mut bytes);
        assert_eq!(bytes.len(), options.encoded_length());
        assert_eq!(decode(&bytes), Ok(options));
    }

    #[test]
    fn keys_ascend_and_items_are_whole() {
        let item = |key: u8| [key, 0, 0, 0, 0, 0];
        let of =
            |items: &[u8]| [&[u8::try_from(items.len()).expect("few"), 0, 0, 0], items].concat();
        assert!(decode(&of(&[item(1), item(1), item(2)].concat())).is_ok());
        let wrong = decode(&of(&[item(2), item(1)].concat()));
        assert_eq!(wrong, Err(Error::Invalid { what: "options header", rule: "keys ascend" }));
        assert!(matches!(decode(&of(&item(1)[..5])), Err(Error::Truncated { .. })));
        assert!(matches!(decode(&[1, 0, 1, 0]), Err(Error::Limit { found: 65_537, .. })));
    }

    #[test]
    fn unknown_mandatory_options_are_refused_and_others_are_not() {
        let mut options = Options::default();
        options.push(5, *b"");
        assert_eq!(options.require_known(&[]), Ok(()));
        options.push(5 | MANDATORY, *b"");
        let unknown = Error::Unknown { what: "mandatory option", value: 0x8005 };
        assert_eq!(options.require_known(&[5]), Err(unknown));
        assert_eq!(options.require_known(&[5 | MANDATORY]), Ok(()));
    }

    #[test]
    fn too_many_options_are_not_written() {
        let mut options = Options::default();
        options.push(1, vec![0; limits::OPTIONS_LENGTH_MAX - 6]);
        options.encode(&mut Vec::new());
        options.push(1, *b"");
        assert!(std::panic::catch_unwind(|| options.encode(&mut Vec::new())).is_err());
    }
}
