//! What attributes and doc comments say of a type, a field or a variant.

use crate::rename::Rule;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Lit, LitStr, Meta, MetaNameValue, Result, Token, bracketed};

/// Attributes of serde that change the form of a value: the schema would not be true.
const REFUSED: &[&str] = &[
    "alias",
    "content",
    "deserialize_with",
    "flatten",
    "from",
    "other",
    "tag",
    "transparent",
    "try_from",
    "untagged",
    "with",
];

/// What is said, of whatever it is said.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) description: String,
    pub(crate) minimum: Option<Literal>,
    pub(crate) maximum: Option<Literal>,
    pub(crate) default: Option<Literal>,
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<Rule>,
    pub(crate) has_serde_default: bool,
    pub(crate) is_skipped: bool,
}

impl Attributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("doc") {
                found.add_doc(attribute);
            } else if attribute.path().is_ident("config") {
                attribute.parse_nested_meta(|meta| found.config(&meta))?;
            } else if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| found.serde(&meta))?;
            }
        }
        Ok(found)
    }

    /// Lines of a paragraph are joined; an empty one begins another.
    fn add_doc(&mut self, attribute: &Attribute) {
        let Meta::NameValue(MetaNameValue { value: syn::Expr::Lit(value), .. }) = &attribute.meta
        else {
            return;
        };
        let Lit::Str(line) = &value.lit else { return };
        let line = line.value();
        let line = line.trim();
        if line.is_empty() {
            self.description.push('\n');
        } else {
            if !self.description.is_empty() && !self.description.ends_with('\n') {
                self.description.push(' ');
            }
            self.description.push_str(line);
        }
    }

    fn config(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let known = [
            ("minimum", &mut self.minimum),
            ("maximum", &mut self.maximum),
            ("default", &mut self.default),
        ];
        for (name, slot) in known {
            if meta.path.is_ident(name) {
                *slot = Some(meta.value()?.parse()?);
                return Ok(());
            }
        }
        Err(meta.error("known are `minimum`, `maximum` and `default`"))
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if REFUSED.contains(&name.as_str()) {
            let message = format!(
                "a configuration cannot have serde's `{name}`: its schema would not be true"
            );
            return Err(meta.error(message));
        }
        match name.as_str() {
            "rename" if meta.input.peek(Token![=]) => self.rename = Some(text(meta)?),
            "rename" => meta.parse_nested_meta(|side| {
                let text = text(&side)?;
                if side.path.is_ident("deserialize") {
                    self.rename = Some(text);
                }
                Ok(())
            })?,
            "rename_all" if meta.input.peek(Token![=]) => self.rename_all = Some(rule(meta)?),
            "rename_all" => meta.parse_nested_meta(|side| {
                let rule = rule(&side)?;
                if side.path.is_ident("deserialize") {
                    self.rename_all = Some(rule);
                }
                Ok(())
            })?,
            "default" => {
                self.has_serde_default = true;
                skip_value(meta)?;
            }
            "skip" | "skip_deserializing" => self.is_skipped = true,
            _ => skip_value(meta)?,
        }
        Ok(())
    }
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

fn rule(meta: &ParseNestedMeta<'_>) -> Result<Rule> {
    let text = text(meta)?;
    Rule::named(&text).ok_or_else(|| meta.error("serde knows no such rule"))
}

fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Lit>()?;
    }
    Ok(())
}

/// A literal: a number with its sign, `true`, text, or a list of literals.
pub(crate) struct Literal {
    pub(crate) json: String,
    /// What it is, where it is a whole number.
    pub(crate) integer: Option<i128>,
}

impl Parse for Literal {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(syn::token::Bracket) {
            let content;
            bracketed!(content in input);
            let items = Punctuated::<Literal, Token![,]>::parse_terminated(&content)?;
            let items: Vec<_> = items.into_iter().map(|item| item.json).collect();
            return Ok(Self { json: format!("[{}]", items.join(",")), integer: None });
        }
        let minus: Option<Token![-]> = input.parse()?;
        let sign = if minus.is_some() { "-" } else { "" };
        match input.parse::<Lit>()? {
            Lit::Int(number) => {
                let json = format!("{sign}{}", number.base10_digits());
                let integer = json.parse().map_err(|cause| Error::new(number.span(), cause))?;
                Ok(Self { json, integer: Some(integer) })
            }
            Lit::Float(number) => {
                let value: f64 = number.base10_parse()?;
                Ok(Self { json: format!("{sign}{value:?}"), integer: None })
            }
            Lit::Bool(value) if minus.is_none() => {
                Ok(Self { json: value.value.to_string(), integer: None })
            }
            Lit::Str(text) if minus.is_none() => {
                Ok(Self { json: json_string(&text.value()), integer: None })
            }
            other => Err(Error::new(other.span(), "a number, true, false, text or a list")),
        }
    }
}

fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control.is_ascii_control() => {
                json.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => json.push(other),
        }
    }
    json + "\""
}
