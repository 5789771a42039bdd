//! The code that the derive writes: one constant tree.

use crate::attributes::{Attributes, Literal};
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DataStruct, DeriveInput, Error, Field, Fields, Result};

/// The implementation of `Config` for a struct with named fields or an enum of unit variants.
pub(crate) fn config(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.generics.span(), "a configuration has no parameters"));
    }
    let attributes = Attributes::read(&input.attrs)?;
    let schema = match &input.data {
        Data::Struct(data) => object(data, input, &attributes)?,
        Data::Enum(data) => choice(data, &attributes)?,
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span, "a configuration is no union"));
        }
    };
    let name = &input.ident;
    Ok(quote! {
        impl ::mover_plugin::config::Config for #name {
            const SCHEMA: ::mover_plugin::config::Schema = #schema;
        }
    })
}

fn object(data: &DataStruct, input: &DeriveInput, whole: &Attributes) -> Result<TokenStream> {
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(input.ident.span(), "a configuration has named fields"));
    };
    let mut properties = Vec::new();
    for field in &fields.named {
        let attributes = Attributes::read(&field.attrs)?;
        if !attributes.is_skipped {
            properties.push(property(field, &attributes, whole));
        }
    }
    Ok(quote!(::mover_plugin::config::Schema::Object(&[#(#properties),*])))
}

fn property(field: &Field, own: &Attributes, whole: &Attributes) -> TokenStream {
    let name = field.ident.as_ref().map(|name| name.unraw().to_string()).unwrap_or_default();
    let renamed = || whole.rename_all.map_or_else(|| name.clone(), |rule| rule.field(&name));
    let name = own.rename.clone().unwrap_or_else(renamed);
    let kind = &field.ty;
    let description = own.description.trim();
    let minimum = own.minimum.as_ref().map(bound).map(|bound| quote!(.minimum(#bound)));
    let maximum = own.maximum.as_ref().map(bound).map(|bound| quote!(.maximum(#bound)));
    let default = match &own.default {
        Some(Literal { json, .. }) => quote!(::core::option::Option::Some(#json)),
        None => quote!(::core::option::Option::None),
    };
    let is_required = if own.default.is_some() || own.has_serde_default || whole.has_serde_default {
        quote!(false)
    } else {
        quote!(!<#kind as ::mover_plugin::config::Config>::IS_OPTIONAL)
    };
    quote! {
        ::mover_plugin::config::Property {
            name: #name,
            description: #description,
            schema: <#kind as ::mover_plugin::config::Config>::SCHEMA #minimum #maximum,
            default: #default,
            is_required: #is_required,
        }
    }
}

fn bound(literal: &Literal) -> TokenStream {
    let text = &literal.json;
    let integer = match literal.integer {
        Some(integer) => quote!(::core::option::Option::Some(#integer)),
        None => quote!(::core::option::Option::None),
    };
    quote!(::mover_plugin::config::Bound { integer: #integer, text: #text })
}

fn choice(data: &DataEnum, whole: &Attributes) -> Result<TokenStream> {
    let mut words = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let message = "a variant of a configuration holds nothing";
            return Err(Error::new(variant.span(), message));
        }
        let own = Attributes::read(&variant.attrs)?;
        let name = variant.ident.unraw().to_string();
        let renamed = || whole.rename_all.map_or_else(|| name.clone(), |rule| rule.variant(&name));
        if !own.is_skipped {
            words.push(own.rename.clone().unwrap_or_else(renamed));
        }
    }
    Ok(quote!(::mover_plugin::config::Schema::Choice(&[#(#words),*])))
}
