//! Projects in JavaScript: npm gets componentize-js, and SpiderMonkey runs the plugin.

use std::ffi::OsStr;
use std::path::Path;

use super::interpreted::Workshop;
use super::tool::Tool;
use super::{Built, read};
use crate::error::{Error, Result};

/// Builds the package in a folder by the script `kit/build.js` of its template.
pub(super) fn build(folder: &Path) -> Result<Built> {
    let tool = |program: &'static str| Tool {
        program: OsStr::new(program),
        install: "install Node.js 20 or newer with npm, from your distribution or \
                  https://nodejs.org",
    };
    let workshop = Workshop::open(folder)?;
    let path = folder.join("package.json");
    let package =
        std::fs::read_to_string(&path).map_err(|cause| Error::io("reading", &path, cause))?;
    if workshop.has_changed(&package, "installed-package.json") {
        tool("npm").run(folder, ["install", "--no-audit", "--no-fund"])?;
        workshop.write("installed-package.json", package.as_bytes())?;
    }
    let entry = format!("kit/{}.js", workshop.role);
    let [wit, output] = [workshop.path("wit"), workshop.output()];
    let arguments = [
        OsStr::new("kit/build.js"),
        wit.as_os_str(),
        OsStr::new(&workshop.world()),
        OsStr::new(&entry),
        output.as_os_str(),
    ]
    .map(OsStr::to_owned);
    tool("node").run(folder, arguments)?;
    let package = read(&path)?.unwrap_or_default();
    workshop.built(&package, "package.json")
}
