//! Where a store is: `mover://HOST:PORT/NAME`.

use crate::error::{Error, ErrorKind, Result};

/// The port that a mover listens on where nothing else is said.
pub const DEFAULT_PORT: u16 = 7373;
const SCHEME: &str = "mover://";

/// A store or a source with another mover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `host:port`, as it is dialled and as it is trusted.
    pub host: String,
    /// What it is called there.
    pub name: String,
}

impl Address {
    /// Whether a text means to be an address rather than a path.
    pub fn is_address(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// From text.
    pub fn parse(text: &str) -> Result<Address> {
        let wrong = || {
            Error::new(ErrorKind::Usage, format!("{text} is no address of a store"))
                .way_out("write it as mover://HOST:PORT/NAME; the port may be left out")
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(wrong)?;
        let (host, name) = rest.split_once('/').ok_or_else(wrong)?;
        let name = name.trim_matches('/');
        if host.is_empty() || name.is_empty() {
            return Err(wrong());
        }
        Ok(Address { host: with_port(host), name: name.to_owned() })
    }
}

/// A host with its port, which may have been left out.
pub fn with_port(host: &str) -> String {
    let is_bare_v6 = host.starts_with('[') && host.ends_with(']');
    match host.rsplit_once(':') {
        Some((_, port)) if !is_bare_v6 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            host.to_owned()
        }
        _ => format!("{host}:{DEFAULT_PORT}"),
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_a_port_and_a_name() {
        let of = |text| Address::parse(text).map(|address| (address.host, address.name));
        assert_eq!(of("mover://nas/main").unwrap(), ("nas:7373".into(), "main".into()));
        assert_eq!(of("mover://nas:99/main/").unwrap(), ("nas:99".into(), "main".into()));
        assert_eq!(of("mover://[::1]/a").unwrap(), ("[::1]:7373".into(), "a".into()));
        assert_eq!(of("mover://[::1]:8/a").unwrap(), ("[::1]:8".into(), "a".into()));
        for wrong in ["mover://", "mover://nas", "mover://nas/", "mover:///main", "nas/main"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(Address::is_address("mover://x") && !Address::is_address("/backup"));
    }
}
