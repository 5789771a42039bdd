//! The bindings in C of each role's template.

use anyhow::Result;
use wit_bindgen_core::{Files, WorldGenerator};

use crate::{Generated, ROLES, contract};

/// A source, a header, and an object that describes the world of the role.
pub(crate) fn bindings() -> Result<Vec<Generated>> {
    let mut generated = Vec::new();
    for role in ROLES {
        let (mut resolve, package) = contract()?;
        let world = resolve.select_world(&[package], Some(&format!("{role}-plugin")))?;
        let mut files = Files::default();
        let mut generator = wit_bindgen_c::Opts::default().build();
        WorldGenerator::generate(&mut *generator, &mut resolve, world, &mut files)?;
        for (name, bytes) in files.iter() {
            let path = format!("templates/c/{role}/kit/{name}");
            generated.push(Generated { path, bytes: bytes.to_vec() });
        }
    }
    Ok(generated)
}
