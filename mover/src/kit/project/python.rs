//! Projects in Python: componentize-py, in an environment of the project's own, and CPython runs
//! the plugin.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use serde_json::Value;

use super::Built;
use super::interpreted::Workshop;
use super::tool::Tool;
use crate::error::{Error, ErrorKind, Result};

const INSTALL: &str = "install Python 3.10 or newer with venv: the packages python3 and \
                       python3-venv of Debian";

/// Builds the project in a folder: `kit/ROLE.py` is what the component begins with.
pub(super) fn build(folder: &Path) -> Result<Built> {
    let workshop = Workshop::open(folder)?;
    let requirements = text(&folder.join("requirements.txt"))?;
    let environment = workshop.path("venv");
    if workshop.has_changed(&requirements, "installed-requirements.txt") {
        let python = Tool { program: OsStr::new("python3"), install: INSTALL };
        python.run(folder, [OsStr::new("-m"), OsStr::new("venv"), environment.as_os_str()])?;
        let pip = environment.join("bin/pip");
        let pip = Tool { program: pip.as_os_str(), install: INSTALL };
        let install = ["install", "--quiet", "--disable-pip-version-check"];
        pip.run(folder, install.into_iter().chain(["--requirement", "requirements.txt"]))?;
        workshop.write("installed-requirements.txt", requirements.as_bytes())?;
    }
    // JSON in quotes of JSON is text in Python, too.
    let manifest = format!("TEXT = {}\n", Value::from(workshop.manifest.as_str()));
    workshop.write("build/built_manifest.py", manifest.as_bytes())?;
    let program = environment.join("bin/componentize-py");
    let componentize = Tool { program: program.as_os_str(), install: INSTALL };
    let own = |path: &str| workshop.path(path).into_os_string();
    let word = OsString::from;
    componentize.run(
        folder,
        [
            word("--wit-path"),
            own("wit"),
            word("--world"),
            workshop.world().into(),
            word("componentize"),
            // No clock, no files, no randomness of the machine: a call of one traps.
            word("--stub-wasi"),
            workshop.role.as_str().into(),
            word("--python-path"),
            word("src"),
            word("--python-path"),
            word("kit"),
            word("--python-path"),
            own("build"),
            word("--output"),
            workshop.output().into_os_string(),
        ],
    )?;
    let path = folder.join("pyproject.toml");
    let project: Value = toml::from_str(&text(&path)?).map_err(|cause| {
        Error::new(ErrorKind::Usage, format!("{} is not TOML", path.display())).because(cause)
    })?;
    workshop.built(&project["project"], "pyproject.toml under [project]")
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|cause| Error::io("reading", path, cause))
}
