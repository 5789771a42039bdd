//! What Rust's own types take.

use super::{Config, Schema};
use std::collections::{BTreeMap, HashMap};

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Config for $type {
            const SCHEMA: Schema =
                Schema::Integer { minimum: <$type>::MIN as i128, maximum: <$type>::MAX as i128 };
        }
    )*};
}

integers!(u8 u16 u32 u64 i8 i16 i32 i64 usize isize);

macro_rules! simple {
    ($($type:ty: $schema:expr;)*) => {$(
        impl Config for $type {
            const SCHEMA: Schema = $schema;
        }
    )*};
}

simple! {
    bool: Schema::Boolean;
    f32: Schema::Number { minimum: None, maximum: None };
    f64: Schema::Number { minimum: None, maximum: None };
    String: Schema::String;
}

impl<T: Config> Config for Option<T> {
    const SCHEMA: Schema = T::SCHEMA;
    const IS_OPTIONAL: bool = true;
}

impl<T: Config> Config for Box<T> {
    const SCHEMA: Schema = T::SCHEMA;
}

impl<T: Config> Config for Vec<T> {
    const SCHEMA: Schema = Schema::Array(&T::SCHEMA);
}

impl<T: Config> Config for BTreeMap<String, T> {
    const SCHEMA: Schema = Schema::Map(&T::SCHEMA);
}

impl<T: Config, S> Config for HashMap<String, T, S> {
    const SCHEMA: Schema = Schema::Map(&T::SCHEMA);
}
