//! Cuts data into blocks by their content, and gives each block its CRC-32C.
//!
//! This file ties the cutter to the contract.
//! Read in this order: `cutter` (windows and entries), `gear` (where to cut).

mod cutter;
mod gear;

#[allow(unsafe_code, unreachable_pub, missing_docs, reason = "generated from wit/")]
mod contract {
    wit_bindgen::generate!({ world: "dedupe-plugin", path: "../../wit/0.1" });
    export!(Component with_types_in self);
    pub(crate) struct Component;
}

use contract::exports::mover::plugin::dedupe::{Cut, Cutter, Guest, GuestCutter};
use contract::mover::plugin::types::{Error, ErrorKind};
use shared::crc::crc32c;

impl Guest for contract::Component {
    type Cutter = cutter::Cutter;
}

impl GuestCutter for cutter::Cutter {
    fn open(config: String) -> Result<Cutter, Error> {
        match cutter::Cutter::open(&config) {
            Ok(cutter) => Ok(Cutter::new(cutter)),
            Err(message) => Err(Error { kind: ErrorKind::InvalidConfig, message }),
        }
    }

    fn block_length_max(&self) -> u32 {
        self.block_length_max()
    }

    fn cut(&self, window: Vec<u8>, ends: Vec<u32>) -> Result<Vec<Cut>, Error> {
        let block = |block: &[u8]| Cut { length: block.len() as u32, crc: crc32c(block) };
        self.cut(&window, &ends, block)
            .map_err(|error| Error { kind: ErrorKind::Other, message: error.to_string() })
    }
}
