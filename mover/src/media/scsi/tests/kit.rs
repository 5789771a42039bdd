//! Starts tgtd with a tape library or an optical jukebox in it, and does to it what happens to real
//! ones. Needs the Debian package `tgt`; each test has a daemon of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const TARGET: &str = "iqn.2026-01.test:vtl";

/// The address of the first slot.
pub(crate) const FIRST_SLOT: u16 = 1024;
/// The address of the first drive in the changer.
pub(crate) const FIRST_DRIVE: u16 = 1;

/// A daemon, which ends with it.
pub(crate) struct Tgt {
    child: Child,
    folder: TempDir,
    control: u16,
    port: u16,
}

impl Tgt {
    /// A tape library: drives as logical units 1 and 2, both empty, the changer as 3, ten slots
    /// with so many cartridges of so many MiB in the first of them, and one door.
    pub(crate) fn library(cartridges: u16, mebibytes: u32) -> Tgt {
        let tgt = Tgt::start();
        for number in 1..=cartridges.max(2) {
            let barcode = Tgt::barcode(number);
            let file = tgt.file(&barcode);
            let size = mebibytes.to_string();
            run(Command::new("tgtimg")
                .args(["--op", "new", "--device-type", "tape"])
                .args(["--barcode", &barcode, "--size", &size, "--type", "data", "--file"])
                .arg(&file));
        }
        tgt.target();
        for lun in [1, 2] {
            let file = tgt.file(&Tgt::barcode(lun));
            tgt.unit(lun, "tape", &file);
            tgt.set(lun, "online=0");
        }
        tgt.changer(3, &[1, 2], (1..=cartridges).map(Tgt::barcode).collect());
        tgt
    }

    /// An optical jukebox: the drive as logical unit 1, empty, the changer as 2, and so many blank
    /// discs that can be written once.
    pub(crate) fn jukebox(discs: u16) -> Tgt {
        let tgt = Tgt::start();
        let discs: Vec<String> = (1..=discs).map(Tgt::disc).collect();
        for disc in &discs {
            let file = tgt.file(disc);
            run(Command::new("tgtimg")
                .args(["--op", "new", "--device-type", "cd", "--type", "dvd+r", "--file"])
                .arg(&file));
        }
        tgt.target();
        tgt.logical_unit("new", 1, &["-Y", "cd"]);
        tgt.set(1, "scsi_sn=RECORDER1,removable=1");
        tgt.changer(2, &[1], discs);
        tgt
    }

    /// The label of a cartridge, counted from 1.
    pub(crate) fn barcode(number: u16) -> String {
        format!("TST{number:03}L4")
    }

    /// The name of a disc, counted from 1.
    pub(crate) fn disc(number: u16) -> String {
        format!("DISC{number:04}")
    }

    /// Where a logical unit is.
    pub(crate) fn address(&self, lun: u16) -> String {
        format!("iscsi://127.0.0.1:{}/{TARGET}/{lun}", self.port)
    }

    /// The file that stands for a cartridge or a disc.
    pub(crate) fn file(&self, barcode: &str) -> PathBuf {
        self.folder.path().join(barcode)
    }

    /// Changes a logical unit: `readonly=1`, `online=0` and the like.
    pub(crate) fn set(&self, lun: u16, parameters: &str) {
        self.logical_unit("update", lun, &["--params", parameters]);
    }

    /// As a drive that broke: nobody answers there any more.
    pub(crate) fn remove(&self, lun: u16) {
        self.logical_unit("delete", lun, &[]);
    }

    /// A person takes the cartridge that lies behind the door of a library.
    pub(crate) fn empty_door(&self) {
        self.set(3, "element_type=3,address=600,clear_slot=1");
    }

    /// Runs tgtadm.
    pub(crate) fn admin(&self, arguments: &[&str]) {
        run(self.tool("tgtadm").args(["--lld", "iscsi"]).args(arguments));
    }

    /// As by the power switch.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Alive, but it answers no more.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Goes on after [`Tgt::freeze`].
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// The daemon's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: &str) {
        run(Command::new("kill").args([signal, &self.child.id().to_string()]));
    }

    fn start() -> Tgt {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        // Somebody else may take the port in between; then the daemon dies and it is tried again.
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let control = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = tool("tgtd", folder.path(), control)
                .args(["-f", "-D", "--iscsi", &format!("portal=127.0.0.1:{port}")])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the Debian package `tgt` is needed");
            let mut tgt = Tgt { child, folder, control, port };
            if tgt.is_up() {
                return tgt;
            }
        }
        panic!("tgtd does not start");
    }

    fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.child.try_wait().unwrap().is_none() {
            let asked = self.tool("tgtadm").args(["--op", "show", "--mode", "system"]).output();
            if asked.unwrap().status.success() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    fn tool(&self, name: &str) -> Command {
        tool(name, self.folder.path(), self.control)
    }

    fn target(&self) {
        self.admin(&["--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET]);
        self.admin(&["--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"]);
    }

    fn unit(&self, lun: u16, kind: &str, file: &Path) {
        let kind = format!("--device-type={kind}");
        self.logical_unit("new", lun, &["-b", file.to_str().unwrap(), &kind]);
    }

    fn logical_unit(&self, operation: &str, lun: u16, more: &[&str]) {
        let lun = lun.to_string();
        let unit = ["--mode", "logicalunit", "--op", operation, "--tid", "1", "--lun", &lun];
        self.admin(&[&unit[..], more].concat());
    }

    fn changer(&self, lun: u16, drives: &[u16], media: Vec<String>) {
        let store = self.file("changer");
        std::fs::write(&store, [0; 1024]).unwrap();
        self.unit(lun, "changer", &store);
        let set = |parameters: String| self.set(lun, &parameters);
        set(format!("media_home={}", self.folder.path().display()));
        set(format!("element_type=4,start_address={FIRST_DRIVE},quantity={}", drives.len()));
        for (element, drive) in (FIRST_DRIVE..).zip(drives) {
            set(format!("element_type=4,address={element},tid=1,lun={drive}"));
        }
        set("element_type=1,start_address=500,quantity=1".to_owned());
        set(format!("element_type=2,start_address={FIRST_SLOT},quantity=10"));
        for (slot, barcode) in (FIRST_SLOT..).zip(media) {
            set(format!("element_type=2,address={slot},barcode={barcode},sides=1"));
        }
        set("element_type=3,start_address=600,quantity=1".to_owned());
    }
}

impl Drop for Tgt {
    fn drop(&mut self) {
        // It ignores all other signals; the files that it had open are this test's own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tool(name: &str, folder: &Path, control: u16) -> Command {
    let mut command = Command::new(name);
    // The socket of this daemon lies with its media, so nobody meets the daemon of another test.
    command.env("TGT_IPC_SOCKET", folder.join("ipc")).args(["-C", &control.to_string()]);
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("the Debian package `tgt` is needed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
