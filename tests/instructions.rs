//! What the built-in components cost, in instructions of WebAssembly: fuel, which the same bytes
//! take in every run on every machine. Time is measured by benchmarks; this sees a slowdown on a
//! machine that does other work at the same time.

use crate::kit::{Machine, args};

/// Instructions a byte, forth and back, of the data that `mover plugin bench` makes where none is
/// given; and bytes out for each in. Whoever makes a component faster writes so down here.
const FIGURES: &[(&str, f64, Option<f64>, Option<f64>)] = &[
    ("zstd", 53.68, Some(21.18), Some(0.4468)),
    ("chacha20poly1305", 22.38, Some(22.69), Some(1.0)),
    ("crc-dedupe", 17.91, None, None),
    ("snoop-type", 1.006, None, None),
    ("snoop-yara", 10.19, None, None),
];

/// Compilers move a few instructions with each release; a lost optimisation is far more.
const TOLERANCE: f64 = 0.02;

#[test]
fn built_in_components_take_no_more_instructions_than_they_did() {
    let machine = Machine::new();
    for (name, forth, back, ratio) in FIGURES {
        let output = machine.json(args!["plugin", "bench", name]);
        let figures = &output.lines_of("figures")[0];
        let near = |what: &str, is: &serde_json::Value, was: f64| {
            let is = is.as_f64().unwrap_or_else(|| panic!("{name} has no {what}: {figures}"));
            assert!(
                (is / was - 1.0).abs() <= TOLERANCE,
                "{name}, {what}: {is:.4}, and {was} as it is written down"
            );
        };
        near("instructions a byte", &figures["forth"]["fuel_per_byte"], *forth);
        if let Some(back) = back {
            near("instructions a byte, back", &figures["back"]["fuel_per_byte"], *back);
        }
        if let Some(ratio) = ratio {
            near("bytes out for each in", &figures["ratio"], *ratio);
        }
    }
}
