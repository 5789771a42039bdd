//! `iscsi://HOST:PORT/IQN/LUN`, as other initiators write it.

use crate::{Error, ErrorKind, Result};

const DEFAULT_PORT: u16 = 3260;

/// Where a logical unit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an address; one of IPv6 without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The target's name.
    pub(super) target: String,
    pub(super) lun: u64,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Address> {
        parse(text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("`{text}` is no address of a SCSI device"))
                .way_out("write it as iscsi://HOST:PORT/TARGET/LUN, such as iscsi://nas:3260/iqn.2020-01.com.example:tape/1")
        })
    }
}

fn parse(text: &str) -> Option<Address> {
    let rest = text.strip_prefix("iscsi://")?;
    let (place, rest) = rest.split_once('/')?;
    let (target, lun) = rest.split_once('/')?;
    let (host, port) = match place.strip_prefix('[') {
        Some(six) => {
            let (host, port) = six.split_once(']')?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some(""))?)
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let port = if port.is_empty() { DEFAULT_PORT } else { port.parse().ok()? };
    // A name goes into a list of `key=value` texts that are parted by zeros.
    let is_name = |text: &str| {
        (1..=223).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if host.is_empty() || port == 0 || !is_name(target) {
        return None;
    }
    Some(Address { host: host.into(), port, target: target.into(), lun: lun.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let full = parse("iscsi://127.0.0.1:13260/iqn.2026-01.test:vtl/1").unwrap();
        assert_eq!((full.host.as_str(), full.port, full.lun), ("127.0.0.1", 13260, 1));
        assert_eq!(full.target, "iqn.2026-01.test:vtl");
        assert_eq!(parse("iscsi://nas/iqn.x/0").unwrap().port, 3260);
        let six = parse("iscsi://[::1]:99/iqn.x/3").unwrap();
        assert_eq!((six.host.as_str(), six.port), ("::1", 99));
        assert_eq!(parse("iscsi://[::1]/iqn.x/3").unwrap().port, 3260);
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "iscsi://",
            "iscsi://h",
            "iscsi://h/iqn",
            "iscsi://h/iqn/",
            "iscsi://h/iqn/x",
            "iscsi:///iqn/1",
            "iscsi://h:0/iqn/1",
            "iscsi://h:99999/iqn/1",
            "iscsi://h//1",
            "iscsi://[::1/iqn/1",
            "iscsi://[::1]9/iqn/1",
            "iscsi://h/iq\0n/1",
            "iscsi://h/a/1/2",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let error = Address::parse("iscsi://h").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.hint().is_some());
    }
}
