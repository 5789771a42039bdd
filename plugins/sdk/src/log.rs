//! Lines for the operator.
//!
//! The host takes 64 lines of 1024 characters from an instance and drops the rest. Never write
//! what an entry holds: the log is not encrypted. In tests, lines go to standard error.

pub use crate::bindings::shared::mover::plugin::log::Level;

/// Writes one line; the macros [`debug!`](crate::debug), [`info!`](crate::info),
/// [`warn!`](crate::warn) and [`error!`](crate::error) are shorter.
pub fn write(level: Level, line: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::shared::mover::plugin::log::write(level, line);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {line}");
}

/// Logs a line that helps to find a bug; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($text)*)) };
}

/// Logs a line that is good to know; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($text)*)) };
}

/// Logs a line about something odd; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($text)*)) };
}

/// Logs a line about a failure; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($text:tt)*) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($text)*)) };
}
