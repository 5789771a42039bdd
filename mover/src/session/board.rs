//! The sessions of this machine: each has a local socket, on which it says how it is, and is told
//! to wait, to go on or to stop; and on which another program can be its source.
//!
//! The folder is its owner's alone, and the kernel says who is at the other end of a socket
//! (`SO_PEERCRED`): the same user or root, or nobody.

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::progress::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cancel;
use crate::threads;

/// A request is a word; more is no request.
const REQUEST_LENGTH_MAX: u64 = 64;
/// Who asks and says nothing is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a session is about.
#[derive(Clone, Debug)]
pub struct Notice {
    /// `archive` or `restore`.
    pub kind: &'static str,
    /// The archive's name.
    pub archive: String,
    /// The store, as the operator named it.
    pub store: String,
}

/// A session's place on the board; dropping it takes it down.
#[derive(Debug)]
pub struct Posted {
    path: PathBuf,
    /// Of a name that several processes may want, and that is free again when this is closed.
    _lock: Option<File>,
}

impl Drop for Posted {
    fn drop(&mut self) {
        // Who looks later finds that nobody answers, and takes it down too.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What the kernel takes as the path of a socket, in bytes.
const SOCKET_PATH_LENGTH_MAX: usize = 107;

/// Reaches a socket by its path; where that is too long, by the descriptor of its folder.
fn reach<T>(path: &Path, by: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return by(path) };
    if path.as_os_str().len() <= SOCKET_PATH_LENGTH_MAX {
        return by(path);
    }
    let folder = File::open(folder)?;
    by(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}

fn connect(path: &Path) -> std::io::Result<UnixStream> {
    reach(path, |path| UnixStream::connect(path))
}

fn listen(path: &Path) -> Result<UnixListener> {
    reach(path, |path| UnixListener::bind(path))
        .map_err(|cause| Error::io("listening on", path, cause))
}

fn folder(state: &Path) -> Result<PathBuf> {
    let folder = state.join("sessions");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|cause| Error::io("making folder", &folder, cause))?;
    Ok(folder)
}

/// Whether the other end is the same user, or root.
fn is_ours(socket: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(socket)
        .is_ok_and(|peer| peer.uid == own || peer.uid.is_root())
}

/// Puts a session on the board. `state` is this machine's state folder.
pub fn post(
    state: &Path,
    notice: Notice,
    progress: &Arc<Progress>,
    cancel: &Cancel,
) -> Result<Posted> {
    let path = folder(state)?.join(format!("{}.socket", std::process::id()));
    // A killed process left it; one that lives, under the same number in a container, answers.
    if connect(&path).is_err() {
        let _ = std::fs::remove_file(&path);
    }
    let listener = listen(&path)?;
    let posted = Posted { path, _lock: None };
    let (progress, cancel, began) = (Arc::clone(progress), cancel.clone(), Instant::now());
    threads::start("mover-board", move || {
        for socket in listener.incoming().flatten().filter(is_ours) {
            // Who hangs up does not hear.
            let _ = answer(&socket, &notice, &progress, &cancel, began);
        }
    })?;
    Ok(posted)
}

fn answer(
    socket: &UnixStream,
    notice: &Notice,
    progress: &Progress,
    cancel: &Cancel,
    began: Instant,
) -> std::io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    BufReader::new(socket.take(REQUEST_LENGTH_MAX)).read_line(&mut request)?;
    match request.trim_end() {
        "pause" => cancel.pause(true),
        "continue" => cancel.pause(false),
        "stop" => cancel.cancel(),
        _ => {}
    }
    let now = progress.read();
    let status = json!({
        "id": std::process::id().to_string(),
        "kind": notice.kind,
        "archive": notice.archive,
        "store": notice.store,
        "seconds": began.elapsed().as_secs(),
        "entries": now.entries,
        "entries_total": now.entries_total,
        "bytes": now.bytes,
        "bytes_total": now.bytes_total,
        "stored": now.stored,
        "current": String::from_utf8_lossy(&now.current),
        "paused": cancel.is_paused(),
        "stages": progress.stages(),
    });
    let mut socket = socket;
    writeln!(socket, "{status}")
}

fn ask(path: &Path, request: &str) -> std::io::Result<Value> {
    let mut socket = connect(path)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    writeln!(socket, "{request}")?;
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(std::io::Error::other)
}

/// What all sessions of this machine say, in the order of their processes.
pub fn statuses(state: &Path) -> Result<Vec<Value>> {
    let folder = folder(state)?;
    let listing =
        std::fs::read_dir(&folder).map_err(|cause| Error::io("listing", &folder, cause))?;
    let mut paths: Vec<_> = listing.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "socket"));
    paths.sort_unstable();
    let mut found = Vec::new();
    for path in paths {
        match ask(&path, "status") {
            Ok(status) => found.push(status),
            // Its process was killed.
            Err(cause) if cause.kind() == std::io::ErrorKind::ConnectionRefused => {
                let _ = std::fs::remove_file(&path);
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Has a session of this machine `pause`, `continue` or `stop`.
pub fn steer(state: &Path, id: &str, request: &str) -> Result<Value> {
    let path = folder(state)?.join(format!("{id}.socket"));
    let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let asked = match is_number {
        true => ask(&path, request),
        false => Err(std::io::ErrorKind::NotFound.into()),
    };
    asked.map_err(|cause| {
        Error::new(ErrorKind::Missing, format!("no session {id} runs on this machine"))
            .because(cause)
            .way_out("see which there are: mover status")
    })
}

/// Waits on a named socket for the program that is the other end of a pipeline.
pub fn wait_for_end(state: &Path, name: &str, cancel: &Cancel) -> Result<UnixStream> {
    let path = end_path(state, name)?;
    // Nobody tries by connecting whether the name is taken: that would be the program itself.
    let lock = Some(lock_name(&path, name)?);
    let _ = std::fs::remove_file(&path);
    let failed = |cause| Error::io("waiting on", &path, cause);
    let listener = listen(&path)?;
    let _posted = Posted { path: path.clone(), _lock: lock };
    listener.set_nonblocking(true).map_err(failed)?;
    loop {
        match listener.accept() {
            Ok((socket, _)) if is_ours(&socket) => {
                socket.set_nonblocking(false).map_err(failed)?;
                return Ok(socket);
            }
            Ok(_) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {
                if cancel.is_cancelled() {
                    return Err(Error::new(ErrorKind::Cancelled, "stopped by the operator"));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(cause) => return Err(failed(cause)),
        }
    }
}

/// Takes a name, beside its socket; the file stays, since another process may be about to lock it.
fn lock_name(path: &Path, name: &str) -> Result<File> {
    let path = path.with_extension("lock");
    let failed = |cause| Error::io("locking", &path, cause);
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another session waits under the name {name}");
            Err(Error::new(ErrorKind::Busy, message)
                .way_out("give another name: --attach NAME, and mover attach NAME"))
        }
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Becomes the other end of a pipeline that waits under a name.
pub fn attach(state: &Path, name: &str) -> Result<UnixStream> {
    let path = end_path(state, name)?;
    let socket = connect(&path).map_err(|cause| {
        Error::new(ErrorKind::Missing, format!("no session waits under the name {name}"))
            .because(cause)
            .way_out("begin it first: mover archive --attach NAME --stdin FILE --to STORE")
    })?;
    match is_ours(&socket) {
        true => Ok(socket),
        false => Err(Error::new(ErrorKind::Refused, format!("{name} belongs to somebody else"))),
    }
}

fn end_path(state: &Path, name: &str) -> Result<PathBuf> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !name.is_empty() && name.len() <= 64 && name.bytes().all(is_plain) {
        true => Ok(folder(state)?.join(format!("{name}.end"))),
        false => Err(Error::new(ErrorKind::Usage, format!("{name:?} cannot name a session"))
            .way_out("use letters, digits, - and _")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_says_how_it_is_and_does_what_it_is_told() {
        let state = tempfile::tempdir().unwrap();
        says_and_does(state.path());
        // Too long for a socket's path.
        says_and_does(&state.path().join("x".repeat(150)));
    }

    fn says_and_does(state: &Path) {
        let (progress, cancel) = (Arc::new(Progress::default()), Cancel::default());
        progress.bytes(42);
        let notice =
            Notice { kind: "archive", archive: "src".into(), store: "/backup/store".into() };
        let posted = post(state, notice, &progress, &cancel).unwrap();
        let found = statuses(state).unwrap();
        assert_eq!((found.len(), &found[0]["bytes"]), (1, &json!(42)));
        let id = found[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(steer(state, &id, "pause").unwrap()["paused"], true);
        assert!(cancel.is_paused());
        steer(state, &id, "continue").unwrap();
        assert!(!cancel.is_paused());
        steer(state, &id, "stop").unwrap();
        assert!(cancel.is_cancelled());
        assert!(steer(state, "1", "stop").is_err());
        assert!(steer(state, "../x", "stop").is_err());
        drop(posted);
        assert!(statuses(state).unwrap().is_empty());
    }

    #[test]
    fn what_a_killed_process_left_is_taken_down() {
        let state = tempfile::tempdir().unwrap();
        let path = folder(state.path()).unwrap().join("99.socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(statuses(state.path()).unwrap().is_empty());
        assert!(!path.exists());
    }

    #[test]
    fn a_program_attaches_by_name() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("x".repeat(100));
        assert!(attach(&path, "dump").is_err() && attach(&path, "a/b").is_err());
        let waiting = {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut text = String::new();
                let mut socket = wait_for_end(&path, "dump", &Cancel::default()).unwrap();
                socket.read_to_string(&mut text).unwrap();
                text
            })
        };
        while !end_path(&path, "dump").unwrap().exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // A second one of the name is refused, and the first does not take it for its program.
        let refused = wait_for_end(&path, "dump", &Cancel::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Busy);
        let mut socket = loop {
            match attach(&path, "dump") {
                Ok(socket) => break socket,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        socket.write_all(b"from elsewhere").unwrap();
        drop(socket);
        assert_eq!(waiting.join().unwrap(), "from elsewhere");
        let stopped = Cancel::default();
        stopped.cancel();
        // The name is free again.
        let free = wait_for_end(&path, "dump", &stopped).unwrap_err();
        assert_eq!(free.kind(), ErrorKind::Cancelled);
    }
}
