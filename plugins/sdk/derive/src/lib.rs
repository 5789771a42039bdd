//! `#[derive(Config)]` of the crate `mover-plugin`, which says what it does.
//!
//! Read in this order: `attributes` (what is said of a field), `expand` (the code).

mod attributes;
mod expand;
mod rename;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Says what may stand in a configuration: see the trait of the same name.
#[proc_macro_derive(Config, attributes(config, serde))]
pub fn derive_config(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::config(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    #[test]
    fn what_would_make_the_schema_untrue_is_refused() {
        for (input, message) in [
            (
                parse_quote!(
                    struct A {
                        #[serde(flatten)]
                        rest: B,
                    }
                ),
                "a configuration cannot have serde's `flatten`: its schema would not be true",
            ),
            (
                parse_quote!(
                    #[serde(tag = "kind")]
                    enum A {
                        One,
                    }
                ),
                "a configuration cannot have serde's `tag`: its schema would not be true",
            ),
            (
                parse_quote!(
                    struct A {
                        #[config(min = 1)]
                        level: u8,
                    }
                ),
                "known are `minimum`, `maximum` and `default`",
            ),
            (
                parse_quote!(
                    struct A(u8);
                ),
                "a configuration has named fields",
            ),
            (
                parse_quote!(
                    struct A<T> {
                        of: T,
                    }
                ),
                "a configuration has no parameters",
            ),
            (
                parse_quote!(
                    enum A {
                        One(u8),
                    }
                ),
                "a variant of a configuration holds nothing",
            ),
        ] {
            let error = super::expand::config(&input).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
