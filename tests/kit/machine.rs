//! A machine of its own for a test: the binary, its state, its keys, and a folder for everything.
//!
//! Compiled code is cached in one folder for all tests, because compiling takes seconds;
//! all else is new and goes with the machine.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::rclone::Rclone;

/// Arguments of any text type.
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        vec![$(AsRef::<std::ffi::OsStr>::as_ref(&$argument).to_os_string()),*]
    };
}
pub(crate) use args;

/// What every store of a [`Machine::new`] is locked with.
pub(crate) const PASSPHRASE: &str = "correct horse battery staple";
/// The exit code of a process that ends itself.
pub(crate) const SIGABRT: i32 = 128 + 6;
/// Where a run that hangs is killed; the slowest test takes a tenth of it.
const SECONDS_MAX: &str = "900";

/// The binary, built on first use.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("MOVER_BINARY") {
            return path.into();
        }
        let own = std::env::current_exe().expect("a test knows where it is");
        let profile = own.parent().and_then(Path::parent).expect("target/PROFILE/deps/tests-...");
        // Cargo builds the binaries of the package that is tested, and not those of its
        // dependencies. It holds no lock while tests run, so that it can be asked again.
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            // The whole workspace with all targets, as `tests/run.sh` does: another selection
            // would resolve to other features, and build wasmtime a second time.
            build.args(["build", "--quiet", "--workspace", "--all-targets"]);
            build.args(["--features", "mover/failpoints", "--target-dir"]);
            build.arg(profile.parent().expect("target"));
            build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            let status = build.status().expect("cargo runs");
            assert!(status.success(), "the binary under test does not build: {build:?}");
        }
        let path = profile.join("mover");
        assert!(
            path.is_file(),
            "{} is missing: run `cargo test --release -p tests`, or name one by MOVER_BINARY",
            path.display()
        );
        path
    })
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit code; 128 and the signal's number when it was killed.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) seconds: f64,
}

impl Done {
    /// The JSON lines of its output.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON: {line}: {error}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The JSON lines of a type.
    pub(crate) fn lines_of(&self, kind: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["type"] == kind).collect()
    }

    /// The last line, which is the report.
    pub(crate) fn report(&self) -> Value {
        let last = self.lines().pop().unwrap_or_else(|| panic!("no report: {self:?}"));
        assert_eq!(last["type"], "report", "the last line is the report: {self:?}");
        last
    }

    /// A number of the report.
    pub(crate) fn number(&self, key: &str) -> u64 {
        let report = self.report();
        report[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {report}"))
    }

    /// Everything that standard error has to say.
    pub(crate) fn assert_says(&self, parts: &[&str]) -> &Done {
        let stderr = self.stderr.to_lowercase();
        for part in parts {
            assert!(stderr.contains(&part.to_lowercase()), "does not say {part:?}: {self:?}");
        }
        self
    }

    pub(crate) fn assert_code(&self, codes: &[i32]) -> &Done {
        assert!(codes.contains(&self.code), "exit code is not of {codes:?}: {self:?}");
        self
    }
}

/// A machine with the binary on it.
pub(crate) struct Machine {
    folder: TempDir,
    variables: Vec<(OsString, OsString)>,
    globals: Vec<OsString>,
    prefix: Vec<OsString>,
}

impl Machine {
    /// A machine that knows [`PASSPHRASE`].
    pub(crate) fn new() -> Machine {
        let mut machine = Machine::without_keys();
        machine.variables.push(("MOVER_PASSPHRASE".into(), PASSPHRASE.into()));
        machine
    }

    /// A machine that knows no key.
    pub(crate) fn without_keys() -> Machine {
        let folder = tempfile::Builder::new()
            .prefix("machine-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder for a test");
        // Compiled code is signed with a key of the machine; one key for all lets them share it.
        let state = folder.path().join("state/mover");
        std::fs::create_dir_all(&state).expect("a new folder");
        std::fs::write(state.join("cache.key"), [0x6d; 32]).expect("a new file");
        Machine { folder, variables: vec![], globals: vec![], prefix: vec![] }
    }

    /// A machine with a store that [`PASSPHRASE`] opens, and that knows it.
    pub(crate) fn with_store() -> (Machine, PathBuf) {
        let machine = Machine::new();
        let store = machine.path("store");
        machine.ok(args!["init", store]);
        (machine, store)
    }

    /// A machine with a store without encryption, which spares the second that a passphrase takes.
    pub(crate) fn with_open_store() -> (Machine, PathBuf) {
        let machine = Machine::without_keys();
        let store = machine.path("store");
        machine.ok(args!["init", store, "--no-encryption"]);
        (machine, store)
    }

    /// Puts a global option in front of every command.
    pub(crate) fn global(mut self, arguments: Vec<OsString>) -> Machine {
        self.globals.extend(arguments);
        self
    }

    /// Sets an environment variable for every command.
    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Machine {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// With what [`Rclone`]'s servers ask for.
    pub(crate) fn with_s3_keys(self) -> Machine {
        self.variable("AWS_ACCESS_KEY_ID", Rclone::KEY)
            .variable("AWS_SECRET_ACCESS_KEY", Rclone::SECRET)
    }

    /// Runs every command by another one, such as `nsenter`.
    pub(crate) fn prefix(mut self, arguments: Vec<OsString>) -> Machine {
        self.prefix = arguments;
        self
    }

    /// A path in the machine's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder in it.
    pub(crate) fn make_folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a new folder");
        path
    }

    /// A command, ready to be spawned.
    pub(crate) fn command(&self, arguments: Vec<OsString>) -> Command {
        self.wrapped(&self.prefix, arguments)
    }

    fn wrapped(&self, prefix: &[OsString], arguments: Vec<OsString>) -> Command {
        let mut line = prefix.to_vec();
        line.push(binary().into());
        line.extend(self.globals.iter().cloned());
        line.extend(arguments);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        for name in [
            "MOVER_PASSPHRASE",
            "MOVER_PLUGIN_FOLDER",
            "FAILPOINTS",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
        ] {
            command.env_remove(name);
        }
        command.env("HOME", self.path("home"));
        command.env("XDG_STATE_HOME", self.path("state"));
        command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        command.env("RUST_BACKTRACE", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, whatever that is; a panic is never right.
    pub(crate) fn run(&self, arguments: Vec<OsString>) -> Done {
        let mut prefix = args!["timeout", "-s", "KILL", SECONDS_MAX];
        prefix.extend(self.prefix.iter().cloned());
        finish(self.wrapped(&prefix, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Runs a command by another one, such as `strace` or `prlimit`, in front of which nothing
    /// stands.
    pub(crate) fn run_under(&self, prefix: &[OsString], arguments: Vec<OsString>) -> Done {
        let limit = args!["timeout", "-s", "KILL", SECONDS_MAX];
        let mut command = self.wrapped(&[&limit, prefix].concat(), arguments);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Runs a command by another one, which leaves it without memory. The process may end itself
    /// for that. In a thread that gets no memory for its signals the standard library panics before:
    /// that is the one panic that is no bug here.
    pub(crate) fn run_starved(&self, prefix: &[OsString], arguments: Vec<OsString>) -> Done {
        let limit = args!["timeout", "-s", "KILL", SECONDS_MAX];
        let mut command = self.wrapped(&[&limit, prefix].concat(), arguments);
        // Without a backtrace, which takes memory too.
        command.env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = finish_anyhow(&mut command);
        if done.code == SIGABRT {
            let mut panics = done.stderr.lines().filter(|line| line.contains("panicked at"));
            let is_std_s = |line: &str| line.contains("/std/src/sys/pal/unix/stack_overflow.rs:");
            match panics.next() {
                Some(first) => assert!(is_std_s(first) && panics.all(is_std_s), "{done:?}"),
                None => drop(done.assert_says(&["memory allocation of", "failed"])),
            }
        } else {
            assert_no_panic(&done);
        }
        done
    }

    /// Runs a command and gives its peak memory, in KiB, too.
    pub(crate) fn run_measured(&self, arguments: Vec<OsString>) -> (Done, u64) {
        // `time` is the parent: a child's peak begins with the memory of the one that forked it.
        drop(super::tool("time", "time"));
        let peak = self.path("peak");
        let mut prefix = args!["/usr/bin/time", "-q", "-f", "%M", "-o", peak];
        prefix.extend(self.prefix.iter().cloned());
        let mut command = self.wrapped(&prefix, arguments);
        let done = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let text = std::fs::read_to_string(&peak).expect("time has written its file");
        let kibibytes = text.trim().parse();
        (done, kibibytes.unwrap_or_else(|error| panic!("time wrote {text:?}: {error}")))
    }

    /// Starts a command and leaves it alone; all its ends are pipes.
    pub(crate) fn spawn(&self, arguments: Vec<OsString>) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Runs a command that has to succeed.
    pub(crate) fn ok(&self, arguments: Vec<OsString>) -> Done {
        let shown = arguments.clone();
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{shown:?}: {done:?}");
        done
    }

    /// Runs a command that has to succeed, with `--json`.
    pub(crate) fn json(&self, arguments: Vec<OsString>) -> Done {
        self.ok([args!["--json"], arguments].concat())
    }

    /// Runs a command that has to end with `code` and to say every part on standard error.
    pub(crate) fn fails(&self, code: i32, parts: &[&str], arguments: Vec<OsString>) -> Done {
        let shown = arguments.clone();
        let done = self.run(arguments);
        assert_eq!(done.code, code, "{shown:?}: {done:?}");
        done.assert_says(parts);
        if code == 2 {
            assert!(
                done.stderr.lines().any(|line| line.starts_with("error: ")),
                "an error begins its line: {shown:?}: {done:?}"
            );
        }
        done
    }

    /// Restores all of an archive into a new folder.
    pub(crate) fn restore(&self, store: &Path, archive: &str, into: &str) -> PathBuf {
        let into = self.path(into);
        self.ok(args!["restore", store, archive, "--into", into]);
        into
    }

    /// Holds a store to having nothing wrong with it, and its latest archive to being `source`.
    pub(crate) fn assert_well(&self, store: &Path, source: &Path) {
        let done = self.ok(args!["verify", store, "--read"]);
        assert!(done.stdout.contains("all is well"), "{done:?}");
        let back = self.restore(store, "latest", "back");
        super::assert_same(source, &back);
        std::fs::remove_dir_all(back).expect("it was restored");
    }
}

/// Waits for a started command.
pub(crate) fn wait(child: Child) -> Done {
    let begin = Instant::now();
    let output = child.wait_with_output().expect("a child can be waited for");
    let done = done(output, begin);
    assert_no_panic(&done);
    done
}

fn finish(command: &mut Command) -> Done {
    let done = finish_anyhow(command);
    assert_no_panic(&done);
    done
}

fn finish_anyhow(command: &mut Command) -> Done {
    let begin = Instant::now();
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    done(output, begin)
}

fn assert_no_panic(done: &Done) {
    assert!(!done.stderr.contains("panicked at"), "a panic is a bug: {done:?}");
}

fn done(output: std::process::Output, begin: Instant) -> Done {
    use std::os::unix::process::ExitStatusExt;
    let status = output.status;
    Done {
        code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        seconds: begin.elapsed().as_secs_f64(),
    }
}

/// Waits for something that has to come.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
