//! Commands by way of the kernel: its generic SCSI devices, such as `/dev/sg0`.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::ioctl::{Getter, Opcode, Updater, ioctl};

use super::{Data, Outcome, Sense, Transport};
use crate::{Error, ErrorKind, Result};

const SG_IO: Opcode = 0x2285;
const SG_GET_VERSION_NUM: Opcode = 0x2282;
/// Since this version there is `SG_IO`.
const LEAST_VERSION: i32 = 30_000;
/// The major number of `/dev/st*` and `/dev/nst*`.
const TAPE_MAJOR: u32 = 9;

/// A generic SCSI device of this host.
#[derive(Debug)]
pub struct SgTransport {
    path: PathBuf,
    file: File,
}

impl SgTransport {
    /// Opens the device at `path`.
    pub fn open(path: impl Into<PathBuf>) -> Result<SgTransport> {
        let path = path.into();
        let failed = |cause: std::io::Error| Error::io("opening SCSI device", &path, cause);
        let none = |what: &str| {
            let message = format!("{} is {what}", path.display());
            Error::new(ErrorKind::Usage, message)
                .way_out("name a generic SCSI device, such as /dev/sg0, or iscsi://HOST/TARGET/LUN")
        };
        // Without this flag, opening waits where somebody else has the device to himself.
        let flags = OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&path);
        let file = file.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let kind = metadata.file_type();
        if !kind.is_char_device() && !kind.is_block_device() {
            return Err(none("no SCSI device"));
        }
        if kind.is_char_device() && rustix::fs::major(metadata.rdev()) == TAPE_MAJOR {
            return Err(none(
                "a tape device with a driver that keeps the place of the tape itself",
            ));
        }
        match version(&file) {
            Ok(version) if version >= LEAST_VERSION => Ok(SgTransport { path, file }),
            _ => Err(none("no SCSI device")),
        }
    }
}

#[allow(unsafe_code, reason = "SCSI commands are system calls that only the device driver knows")]
fn version(file: &File) -> rustix::io::Result<i32> {
    // SAFETY: this request writes one `int` to where its argument points.
    unsafe { ioctl(file, Getter::<SG_GET_VERSION_NUM, i32>::new()) }
}

impl Transport for SgTransport {
    fn execute(
        &mut self,
        _lun: u64,
        command: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> Result<Outcome> {
        let failed = |what: String| {
            Error::new(ErrorKind::Io, format!("{}: {what}", self.path.display()))
                .way_out("look at the kernel's log, and at the cables")
        };
        let (direction, pointer, length) = match data {
            Data::None => (Exchange::NONE, std::ptr::null_mut(), 0),
            Data::In(buffer) => (Exchange::FROM, buffer.as_mut_ptr(), buffer.len()),
            // The kernel only reads what goes to the device.
            Data::Out(bytes) => (Exchange::TO, bytes.as_ptr().cast_mut(), bytes.len()),
        };
        let (Ok(command_length), Ok(data_length)) =
            (u8::try_from(command.len()), u32::try_from(length))
        else {
            return Err(failed("the command is too long".to_owned()));
        };
        let mut sense = [0u8; 252];
        let mut exchange = Exchange {
            interface: i32::from(b'S'),
            direction,
            command_length,
            sense_room: sense.len() as u8,
            vectors: 0,
            data_length,
            data: pointer.cast(),
            command: command.as_ptr(),
            sense: sense.as_mut_ptr(),
            timeout: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1),
            flags: 0,
            packet: 0,
            user: std::ptr::null_mut(),
            status: 0,
            masked_status: 0,
            message_status: 0,
            sense_length: 0,
            host_status: 0,
            driver_status: 0,
            residual: 0,
            duration: 0,
            information: 0,
        };
        run(&self.file, &mut exchange).map_err(|cause| {
            failed(format!("giving the device a command of {length} bytes")).because(cause)
        })?;
        if exchange.host_status != 0 {
            return Err(failed(host_words(exchange.host_status).to_owned()));
        }
        let written = usize::from(exchange.sense_length).min(sense.len());
        let residual = usize::try_from(exchange.residual).unwrap_or(0);
        Ok(Outcome {
            status: exchange.status,
            sense: Sense::parse(&sense[..written]),
            transferred: length.saturating_sub(residual),
        })
    }
}

#[allow(unsafe_code, reason = "SCSI commands are system calls that only the device driver knows")]
fn run(file: &File, exchange: &mut Exchange) -> rustix::io::Result<()> {
    // SAFETY: the structure is laid out as the kernel has it (tested below). Its pointers lead to
    // the caller's buffers, of the lengths given beside them, which live until the call returns;
    // the kernel writes to them no later, and to the data only where it comes from the device.
    unsafe { ioctl(file, Updater::<SG_IO, Exchange>::new(exchange)) }
}

/// What the kernel calls `struct sg_io_hdr`.
#[repr(C)]
struct Exchange {
    interface: i32,
    direction: i32,
    command_length: u8,
    sense_room: u8,
    vectors: u16,
    data_length: u32,
    data: *mut c_void,
    command: *const u8,
    sense: *mut u8,
    /// Milliseconds.
    timeout: u32,
    flags: u32,
    packet: i32,
    user: *mut c_void,
    status: u8,
    masked_status: u8,
    message_status: u8,
    sense_length: u8,
    host_status: u16,
    driver_status: u16,
    residual: i32,
    duration: u32,
    information: u32,
}

impl Exchange {
    const NONE: i32 = -1;
    const TO: i32 = -2;
    const FROM: i32 = -3;
}

/// What became of a command on its way to the device.
fn host_words(status: u16) -> &'static str {
    match status {
        1 => "the device is not connected",
        2 => "the bus stayed busy",
        3 => "no answer in time",
        4 => "there is no such device",
        5 => "the command was aborted",
        6 => "parity error",
        8 => "the bus was reset",
        _ => "the host adapter failed",
    }
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn the_layout_is_that_of_the_kernel() {
        assert_eq!(size_of::<Exchange>(), 88);
        let offsets = [
            (offset_of!(Exchange, direction), 4),
            (offset_of!(Exchange, command_length), 8),
            (offset_of!(Exchange, sense_room), 9),
            (offset_of!(Exchange, vectors), 10),
            (offset_of!(Exchange, data_length), 12),
            (offset_of!(Exchange, data), 16),
            (offset_of!(Exchange, command), 24),
            (offset_of!(Exchange, sense), 32),
            (offset_of!(Exchange, timeout), 40),
            (offset_of!(Exchange, flags), 44),
            (offset_of!(Exchange, packet), 48),
            (offset_of!(Exchange, user), 56),
            (offset_of!(Exchange, status), 64),
            (offset_of!(Exchange, sense_length), 67),
            (offset_of!(Exchange, host_status), 68),
            (offset_of!(Exchange, driver_status), 70),
            (offset_of!(Exchange, residual), 72),
            (offset_of!(Exchange, duration), 76),
            (offset_of!(Exchange, information), 80),
        ];
        for (is, expected) in offsets {
            assert_eq!(is, expected);
        }
    }

    #[test]
    fn what_is_no_scsi_device_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in [file.path().to_str().unwrap(), "/dev/null"] {
            let error = SgTransport::open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
            assert!(error.to_string().contains("no SCSI device"), "{error}");
            assert!(error.hint().unwrap().contains("/dev/sg0"));
        }
        assert_eq!(SgTransport::open("/dev/sg77").unwrap_err().kind(), ErrorKind::Missing);
    }
}
