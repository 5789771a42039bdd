//! `mover plugin check`.

use serde_json::json;

use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::console::Console;
use crate::cli::open::engine;
use crate::error::{Error, ErrorKind, Result};
use crate::kit::check;
use crate::units::counted;

pub(super) fn run(
    name: &str,
    bytes: &[u8],
    config: Option<&str>,
    global: &Global,
    console: &Console,
) -> Result<Outcome> {
    let (description, findings) = check(&engine(global, console)?, bytes, config);
    for finding in &findings {
        let kind = if finding.is_error { "error" } else { "warning" };
        console.line(&format!("{kind}: {} (try: {})", finding.message, finding.way_out))?;
        console.document("finding", finding)?;
    }
    let errors = findings.iter().filter(|finding| finding.is_error).count();
    let warnings = findings.len() - errors;
    console.document("check", json!({ "errors": errors, "warnings": warnings }))?;
    if errors > 0 {
        let count = counted(errors as u64, "error", "errors");
        return Err(Error::new(ErrorKind::Plugin, format!("{name} has {count}"))
            .way_out("mend what is told above, and build it again"));
    }
    if let Some(manifest) = &description.manifest {
        let (name, version, role) = (&manifest.name, &manifest.version, &manifest.role);
        console.line(&format!("{name} {version}, a {role}, fits this mover"))?;
    }
    Ok(Outcome::default())
}
