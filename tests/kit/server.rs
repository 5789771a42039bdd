//! A machine that runs `mover serve`, and one that knows it.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Machine, args};

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(20);

/// A machine with a server on it.
pub(crate) struct Server {
    pub(crate) machine: Machine,
    pub(crate) address: SocketAddr,
    child: Option<Child>,
    peers: Vec<(String, String)>,
    /// Lines of the policy's store, besides the rights.
    more: String,
    serve: String,
    store: PathBuf,
}

/// Everything that a peer can be allowed.
pub(crate) const ALL: &str = "\"write\", \"read\", \"delete\", \"keys\"";

impl Server {
    /// A server that offers one store, `main`, to nobody yet, and does not run yet.
    pub(crate) fn new() -> Server {
        Server::on(Machine::without_keys())
    }

    /// A server that runs, which a machine trusts and may do everything with; and its store's URL.
    pub(crate) fn for_client(client: &Machine) -> (Server, String) {
        Server::new().serving(client)
    }

    /// The same with a server that was told more.
    pub(crate) fn serving(mut self, client: &Machine) -> (Server, String) {
        self.allow(client, ALL);
        self.start();
        self.trusted_by(client, self.address);
        let url = self.url(self.address);
        (self, url)
    }

    pub(crate) fn on(machine: Machine) -> Server {
        // Another process could take the port meanwhile; then the server says so.
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = free.local_addr().expect("it is bound");
        let (more, serve, store) = (String::new(), String::new(), machine.path("store"));
        Server { machine, address, child: None, peers: Vec::new(), more, serve, store }
    }

    /// Puts the store elsewhere.
    pub(crate) fn store_at(mut self, path: PathBuf) -> Server {
        self.store = path;
        self
    }

    /// Adds lines under `[serve]`.
    pub(crate) fn serve(mut self, lines: &str) -> Server {
        self.serve.push_str(lines);
        self
    }

    /// Adds lines at the end of the policy.
    pub(crate) fn policy(mut self, lines: &str) -> Server {
        self.more.push_str(lines);
        self
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.store.clone()
    }

    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.machine)
    }

    /// Allows a machine to do something from the next start or reload on.
    pub(crate) fn allow(&mut self, machine: &Machine, rights: &str) {
        let peer = fingerprint(machine);
        self.peers.retain(|(known, _)| *known != peer);
        self.peers.push((peer, rights.to_owned()));
        self.write_policy();
    }

    fn write_policy(&self) {
        let Server { address, serve, .. } = self;
        let store = self.store();
        let mut text = format!(
            "version = 1\n[serve]\nlisten = [\"{address}\"]\n{serve}\n[stores.main]\npath = {store:?}\n"
        );
        for (peer, rights) in &self.peers {
            text += &format!("[[stores.main.allow]]\npeer = \"{peer}\"\nrights = [{rights}]\n");
        }
        text += &self.more;
        std::fs::write(self.machine.path("mover.toml"), text).expect("a new file");
    }

    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts it with variables of the environment.
    pub(crate) fn start_with(&mut self, variables: &[(&str, &str)]) {
        self.write_policy();
        let policy = self.machine.path("mover.toml");
        let begin = Instant::now();
        // After a kill the port may be busy for a moment.
        loop {
            let mut command = self.machine.command(args!["serve", "--policy", policy]);
            command.stdout(Stdio::piped());
            let log = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.machine.path("serve.log"))
                .expect("a new file");
            command.stderr(log).envs(variables.iter().copied());
            let mut child = command.spawn().expect("the binary runs");
            let mut line = String::new();
            let stdout = child.stdout.take().expect("it is a pipe");
            BufReader::new(stdout).read_line(&mut line).expect("a pipe can be read");
            if line.starts_with("listening on ") {
                assert!(line.contains(&self.address.to_string()), "{line}");
                self.child = Some(child);
                return;
            }
            let _ = child.wait();
            assert!(begin.elapsed() < START_MAX, "the server does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.machine.path("serve.log")).unwrap_or_default()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("it runs");
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, signal).expect("it can be signalled");
    }

    /// Has the policy read again.
    pub(crate) fn reload(&self) {
        self.write_policy();
        let before = self.log().len();
        self.signal(rustix::process::Signal::HUP);
        let begin = Instant::now();
        while self.log().len() == before {
            assert!(begin.elapsed() < START_MAX, "the policy was not read again");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
    }

    /// Ends it as an operator does.
    pub(crate) fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.take().expect("it runs").wait().expect("it can be waited for");
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("a child").is_none())
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Peak memory, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process());
        let status = std::fs::read_to_string(status).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("Linux says");
        line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
    }

    /// The store's address through `port`.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        format!("mover://{address}/main")
    }

    /// Has a machine trust the server at an address.
    pub(crate) fn trusted_by(&self, machine: &Machine, address: SocketAddr) {
        machine.ok(args!["trust", "add", address.to_string(), self.fingerprint()]);
    }

    /// Whether it takes connections.
    pub(crate) fn answers(&self) -> bool {
        TcpStream::connect_timeout(&self.address, Duration::from_secs(5)).is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Who a machine is.
pub(crate) fn fingerprint(machine: &Machine) -> String {
    let done = machine.ok(args!["identity"]);
    done.stdout.trim().to_owned()
}
