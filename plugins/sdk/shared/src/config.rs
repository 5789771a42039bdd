//! What a configuration is, before it is read as JSON.

/// A configuration that is no object. Whoever derives a reader takes a list, too, for the fields
/// in their order: then the order would be a part of what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnObject;

impl core::fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the configuration is not an object of JSON")
    }
}

/// Gives the text of the object. Nothing at all is an empty one: the defaults.
pub fn object(config: &str) -> Result<&str, NotAnObject> {
    match config.trim_ascii_start().as_bytes().first() {
        None => Ok("{}"),
        Some(b'{') => Ok(config),
        Some(_) => Err(NotAnObject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_pass_as_they_are_and_nothing_is_an_empty_one() {
        assert_eq!((object(""), object(" \n")), (Ok("{}"), Ok("{}")));
        assert_eq!(object(" {\"a\": 1}"), Ok(" {\"a\": 1}"));
        for text in ["[]", "7", "null", "\"{}\"", "x{}"] {
            assert_eq!(object(text), Err(NotAnObject), "{text}");
        }
    }
}
