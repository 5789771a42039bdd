//! What builds a guest, and with which flags.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const CLANG: &str = "clang-22";
const AR: &str = "llvm-ar-22";

/// What every guest may use of WebAssembly. The host has to switch on no more than this.
const FEATURES: &str = "+simd128,+bulk-memory";
/// Guests that also gain by 128-bit products: wide arithmetic, a finished proposal since August
/// 2026, of which the compiler still says that it is unstable.
const WIDE_ARITHMETIC: &[&str] = &["chacha20poly1305"];

/// Variables that a build needs; all others are taken away, so that none can change the bytes.
const VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_NET_OFFLINE",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_HTTP_CAINFO",
    "CARGO_HTTP_PROXY",
];

/// The compilers found on this machine.
pub(crate) struct Toolchain {
    rustc: String,
    clang: String,
    sysroot: PathBuf,
    commit: String,
}

impl Toolchain {
    /// Looks for everything that a build needs, and says of what is missing how to get it.
    pub(crate) fn find() -> Result<Self> {
        let verbose = output("rustc", &["-vV"]).context("install Rust from https://rustup.rs")?;
        let rustc = verbose.lines().next().unwrap_or_default().to_owned();
        let commit = verbose.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        let commit = commit.unwrap_or("unknown").to_owned();
        let sysroot = PathBuf::from(output("rustc", &["--print", "sysroot"])?.trim());
        let standard_library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
        if !standard_library.is_dir() {
            bail!("Rust's library for {TARGET} is missing: rustup target add {TARGET}");
        }
        let packages = "C compiler or archiver missing: apt install clang-22 llvm-22";
        let clang = output(CLANG, &["--version"]).context(packages)?;
        let clang = clang.lines().next().unwrap_or_default().to_owned();
        output(AR, &["--version"]).context(packages)?;
        Ok(Self { rustc, clang, sysroot, commit })
    }

    /// The text of `dist/toolchain.toml`.
    pub(crate) fn to_toml(&self) -> String {
        format!("rustc = {:?}\nclang = {:?}\n", self.rustc, self.clang)
    }

    /// Builds one guest and gives its core module.
    pub(crate) fn build(&self, plugins: &Path, target: &Path, guest: &str) -> Result<Vec<u8>> {
        let prefixes = self.prefixes(plugins, target)?;
        let status = Command::new("cargo")
            .args(["build", "--release", "--locked", "--lib", "--target", TARGET])
            .args(["--package", &format!("plugin-{guest}")])
            .arg("--target-dir")
            .arg(target)
            .current_dir(plugins)
            .env_clear()
            .envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(guest, &prefixes))
            .env("CC_wasm32_unknown_unknown", CLANG)
            .env("AR_wasm32_unknown_unknown", AR)
            .env("CFLAGS_wasm32_unknown_unknown", c_flags(plugins, guest, &prefixes))
            // Without it a flag ends at a space, also inside the name of a folder.
            .env("CC_SHELL_ESCAPED_FLAGS", "1")
            .env("SOURCE_DATE_EPOCH", "0")
            .env("LC_ALL", "C")
            .status()
            .context("start cargo")?;
        ensure!(status.success(), "the guest {guest} does not build");
        let file = format!("{}_plugin.wasm", guest.replace('-', "_"));
        let module = target.join(TARGET).join("release").join(file);
        std::fs::read(&module).with_context(|| format!("read {}", module.display()))
    }

    /// Folders that differ between machines, and what stands for them in messages of panics.
    fn prefixes(&self, plugins: &Path, target: &Path) -> Result<Vec<(PathBuf, String)>> {
        let cargo_home = match std::env::var_os("CARGO_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => {
                PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo")
            }
        };
        let root = plugins.parent().context("the folder plugins has no parent")?;
        // Where rust-src is installed the compiler names its own files by their place on this
        // machine; elsewhere by this name.
        let library = self.sysroot.join("lib/rustlib/src/rust");
        // A later one wins: the target folder often lies in the checkout.
        Ok(vec![
            (root.to_owned(), "/mover".to_owned()),
            (cargo_home, "/cargo".to_owned()),
            (library, format!("/rustc/{}", self.commit)),
            (target.to_owned(), "/target".to_owned()),
        ])
    }
}

fn rust_flags(guest: &str, prefixes: &[(PathBuf, String)]) -> String {
    let wide = if WIDE_ARITHMETIC.contains(&guest) { ",+wide-arithmetic" } else { "" };
    let mut flags = vec![format!("-Ctarget-feature={FEATURES}{wide}")];
    let remap =
        |(from, to): &(PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
    flags.extend(prefixes.iter().map(remap));
    flags.join("\x1f")
}

fn c_flags(plugins: &Path, guest: &str, prefixes: &[(PathBuf, String)]) -> String {
    let quoted = |flag: String| format!("'{}'", flag.replace('\'', "'\\''"));
    let map = |(from, to): &(PathBuf, String)| {
        quoted(format!("-ffile-prefix-map={}={to}", from.display()))
    };
    let mut flags = vec!["-O3 -msimd128 -mbulk-memory".to_owned()];
    flags.extend(prefixes.iter().map(map));
    let wide = plugins.join(guest).join("c/wide.h");
    if wide.is_file() {
        flags.push(format!("-include {}", quoted(wide.display().to_string())));
    }
    flags.join(" ")
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("start {program}"))?;
    ensure!(output.status.success(), "{program} fails: {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("read what {program} says"))
}
