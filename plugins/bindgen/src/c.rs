//! The bindings in C: of each role's template, and of the examples made from them.

use anyhow::Result;
use wit_bindgen_core::{Files, WorldGenerator};

use crate::{Generated, ROLES, contract};

/// Projects with bindings, and their roles.
const EXAMPLES: &[(&str, &str)] = &[("examples/shuffle-c", "transform")];

/// A source, a header, and an object that describes the world of the role, for each project.
pub(crate) fn bindings() -> Result<Vec<Generated>> {
    let templates = ROLES.iter().map(|role| (format!("templates/c/{role}"), *role));
    let examples = EXAMPLES.iter().map(|(folder, role)| ((*folder).to_owned(), *role));
    let mut generated = Vec::new();
    for (folder, role) in templates.chain(examples) {
        let (mut resolve, package) = contract()?;
        let world = resolve.select_world(&[package], Some(&format!("{role}-plugin")))?;
        let mut files = Files::default();
        let mut generator = wit_bindgen_c::Opts::default().build();
        WorldGenerator::generate(&mut *generator, &mut resolve, world, &mut files)?;
        for (name, bytes) in files.iter() {
            let path = format!("{folder}/kit/{name}");
            generated.push(Generated { path, bytes: bytes.to_vec() });
        }
    }
    Ok(generated)
}
