//! Writes JSON at compile time.

use super::schema::{Property, Schema};

/// Collects text in `N` bytes; what is beyond is counted only, so that one with none measures.
#[derive(Debug)]
pub(crate) struct JsonWriter<const N: usize> {
    pub(crate) bytes: [u8; N],
    pub(crate) length: usize,
}

impl<const N: usize> JsonWriter<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    const fn byte(&mut self, byte: u8) {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    /// Text as it is.
    pub(crate) const fn raw(&mut self, text: &str) {
        let mut index = 0;
        while index < text.len() {
            self.byte(text.as_bytes()[index]);
            index += 1;
        }
    }

    /// Text in quotes.
    pub(crate) const fn string(&mut self, text: &str) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.byte(b'"');
        let mut index = 0;
        while index < text.len() {
            match text.as_bytes()[index] {
                b'\n' => self.raw("\\n"),
                byte @ (b'"' | b'\\') => {
                    self.byte(b'\\');
                    self.byte(byte);
                }
                byte @ 0..0x20 => {
                    self.raw("\\u00");
                    self.byte(DIGITS[byte as usize >> 4]);
                    self.byte(DIGITS[byte as usize & 15]);
                }
                byte => self.byte(byte),
            }
            index += 1;
        }
        self.byte(b'"');
    }

    pub(crate) const fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    pub(crate) const fn integer(&mut self, value: i128) {
        if value < 0 {
            self.byte(b'-');
        }
        let value = value.unsigned_abs();
        let mut power = 1;
        while value / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            self.byte(b'0' + (value / power % 10) as u8);
            power /= 10;
        }
    }

    /// A schema in braces.
    pub(crate) const fn schema(&mut self, schema: &Schema) {
        self.byte(b'{');
        self.members(schema);
        self.byte(b'}');
    }

    const fn members(&mut self, schema: &Schema) {
        match schema {
            Schema::Boolean => self.raw("\"type\":\"boolean\""),
            Schema::String => self.raw("\"type\":\"string\""),
            Schema::Integer { minimum, maximum } => {
                self.raw("\"type\":\"integer\",\"minimum\":");
                self.integer(*minimum);
                self.raw(",\"maximum\":");
                self.integer(*maximum);
            }
            Schema::Number { minimum, maximum } => {
                self.raw("\"type\":\"number\"");
                if let Some(minimum) = minimum {
                    self.raw(",\"minimum\":");
                    self.raw(minimum);
                }
                if let Some(maximum) = maximum {
                    self.raw(",\"maximum\":");
                    self.raw(maximum);
                }
            }
            Schema::Choice(words) => {
                self.raw("\"type\":\"string\",\"enum\":[");
                let mut index = 0;
                while index < words.len() {
                    self.comma(index);
                    self.string(words[index]);
                    index += 1;
                }
                self.byte(b']');
            }
            Schema::Array(items) => {
                self.raw("\"type\":\"array\",\"items\":");
                self.schema(items);
            }
            Schema::Map(items) => {
                self.raw("\"type\":\"object\",\"additionalProperties\":");
                self.schema(items);
            }
            Schema::Object(properties) => self.object(properties),
        }
    }

    const fn object(&mut self, properties: &[Property]) {
        self.raw("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
        let mut required = 0;
        let mut index = 0;
        while index < properties.len() {
            self.comma(index);
            self.property(&properties[index]);
            required += properties[index].is_required as usize;
            index += 1;
        }
        self.byte(b'}');
        if required == 0 {
            return;
        }
        self.raw(",\"required\":[");
        let mut written = 0;
        let mut index = 0;
        while index < properties.len() {
            if properties[index].is_required {
                self.comma(written);
                self.string(properties[index].name);
                written += 1;
            }
            index += 1;
        }
        self.byte(b']');
    }

    const fn property(&mut self, property: &Property) {
        self.string(property.name);
        self.raw(":{");
        self.members(&property.schema);
        if let Some(default) = property.default {
            self.raw(",\"default\":");
            self.raw(default);
        }
        if !property.description.is_empty() {
            self.raw(",\"description\":");
            self.string(property.description);
        }
        self.byte(b'}');
    }

    const fn comma(&mut self, before: usize) {
        if before > 0 {
            self.byte(b',');
        }
    }
}
