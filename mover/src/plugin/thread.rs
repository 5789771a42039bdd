//! What a thread has to have before it runs components: a stack for the engine's signals.

use std::cell::Cell;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::error::Result;
use crate::threads::without_room;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Unknown,
    Asking,
    Ready,
    Refused,
}

thread_local! {
    static READINESS: Cell<Readiness> = const { Cell::new(Readiness::Unknown) };
}

/// Gets the calling thread ready, the first time. The engine would do it at the first call, and
/// panics where there is no memory left for it; here that is an error, and nothing is printed.
pub(super) fn get_ready() -> Result<()> {
    if READINESS.get() == Readiness::Unknown {
        static QUIET: Once = Once::new();
        QUIET.call_once(|| {
            let print = take_hook();
            set_hook(Box::new(move |panic| {
                if READINESS.get() != Readiness::Asking {
                    print(panic);
                }
            }));
        });
        READINESS.set(Readiness::Asking);
        let asked = catch_unwind(wasmtime::Engine::tls_eager_initialize);
        READINESS.set(if asked.is_ok() { Readiness::Ready } else { Readiness::Refused });
    }
    match READINESS.get() {
        Readiness::Ready => Ok(()),
        _ => Err(without_room("no memory is left for a thread that runs components".to_owned())),
    }
}
