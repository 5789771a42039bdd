//! Steps at which a test can stop the program.
//!
//! `FAILPOINTS="store-after-sync=return(abort)"` ends the process there as a kill does,
//! `=return` gives an error, `3*off->...` waits for the fourth time. Only with the feature
//! `failpoints`; without it they are nothing.

use crate::Result;

/// Comes by a fail point.
pub(crate) fn reach(name: &str) -> Result<()> {
    fail::fail_point!(name, |argument: Option<String>| {
        if argument.as_deref() == Some("abort") {
            std::process::abort();
        }
        Err(crate::Error::new(crate::ErrorKind::Io, format!("fail point {name}")))
    });
    let _ = name;
    Ok(())
}
