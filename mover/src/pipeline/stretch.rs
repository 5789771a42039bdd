//! A parallel stretch: workers that each take an item through all fused stages.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Meter, Sequenced};
use crate::buffer::{Buffer, BufferPool};
use crate::error::{Error, ErrorKind, Result};
use crate::threads;

/// Workers between a queue of inputs and a queue of outputs.
///
/// Why it cannot deadlock: a worker takes its output buffer *before* it takes an input, and inputs
/// are taken in order. So whenever an output waits for an earlier one, that earlier one is in the
/// hands of a worker that has all it needs, and will come. Whoever takes the outputs holds their
/// only receiver: when it is dropped the workers end, and after them whoever submits is told.
/// A worker that panics gives an error as its output, since those behind it wait for one.
#[derive(Debug)]
pub struct Stretch<I> {
    inputs: Option<Sender<Sequenced<I>>>,
    workers: Vec<JoinHandle<()>>,
    next: u64,
}

/// Inputs that wait besides one for each worker: what comes is packed in bursts, where blocks that
/// are known lie beside those that are not.
pub const BURST: usize = 6;

/// Where the outputs of a stretch come from, in any order.
pub type Outputs<O> = Receiver<Sequenced<Result<O>>>;

impl<I: Send + 'static> Stretch<I> {
    /// Starts one worker for each element of `instances`: what one worker does with one input
    /// and an empty buffer for its output.
    pub fn start<O, F>(
        instances: Vec<F>,
        buffers: &Arc<BufferPool>,
        meter: &Arc<Meter>,
    ) -> Result<(Stretch<I>, Outputs<O>)>
    where
        O: Send + 'static,
        F: FnMut(I, Buffer) -> Result<O> + Send + 'static,
    {
        let places = instances.len();
        let (inputs, inputs_of_workers) = bounded::<Sequenced<I>>(places + BURST);
        let (outputs_of_workers, outputs) = bounded(places);
        let start_one = |mut work: F| {
            let (inputs, outputs) = (inputs_of_workers.clone(), outputs_of_workers.clone());
            let (buffers, meter) = (Arc::clone(buffers), Arc::clone(meter));
            meter.add_instance();
            threads::start("mover-stretch", move || {
                while let Some(buffer) = meter.wait(|| buffers.acquire()) {
                    let Ok(input) = meter.wait(|| inputs.recv()) else { return };
                    let item = AssertUnwindSafe(|| meter.busy(|| work(input.item, buffer)));
                    let (item, panicked) = match catch_unwind(item) {
                        Ok(item) => (item, false),
                        Err(panic) => (Err(panic_of(&*panic)), true),
                    };
                    let output = Sequenced { sequence: input.sequence, item };
                    // What a panic left of the stages works on nothing more.
                    if meter.wait(|| outputs.send(output)).is_err() || panicked {
                        return;
                    }
                }
            })
        };
        // Where one cannot be started, those that were find no inputs, and end.
        let workers = instances.into_iter().map(start_one).collect::<Result<_>>()?;
        Ok((Stretch { inputs: Some(inputs), workers, next: 0 }, outputs))
    }

    /// Stamps an input and queues it; waits for a place. False when the workers are gone.
    pub fn submit(&mut self, input: I) -> bool {
        let Some(inputs) = &self.inputs else { return false };
        let sequence = self.next;
        self.next += 1;
        inputs.send(Sequenced { sequence, item: input }).is_ok()
    }

    /// No more inputs: waits until the workers have finished what is queued.
    /// Somebody must take the outputs meanwhile.
    pub fn join(mut self) {
        self.inputs = None;
        for worker in self.workers.drain(..) {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn panic_of(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("a worker panicked: {}", text.unwrap_or("it does not say why"));
    Error::new(ErrorKind::Plugin, message).way_out("this is a bug of mover: please report it")
}

#[cfg(test)]
mod tests {
    use super::super::Resequencer;
    use super::*;

    #[test]
    fn whoever_submits_is_told_when_nobody_takes_the_outputs() {
        let pool = Arc::new(BufferPool::new(2, 8));
        let work = |(): (), buffer: Buffer| Ok(buffer);
        let (mut stretch, outputs) =
            Stretch::start(vec![work], &pool, &Meter::new("test")).unwrap();
        drop(outputs);
        while stretch.submit(()) {}
        stretch.join();
    }

    #[test]
    fn more_items_than_buffers_come_out_in_order_with_workers_of_unequal_speed() {
        let pool = Arc::new(BufferPool::new(3, 8));
        let work = |pause: u64| {
            move |input: u64, mut buffer: Buffer| {
                std::thread::sleep(std::time::Duration::from_micros(pause * (input % 7)));
                buffer.extend_from_slice(&input.to_le_bytes());
                Ok(buffer)
            }
        };
        let instances = vec![work(1), work(50)];
        let (mut stretch, outputs) = Stretch::start(instances, &pool, &Meter::new("test")).unwrap();
        let tail = std::thread::spawn(move || {
            let (mut order, mut seen) = (Resequencer::default(), Vec::new());
            for output in outputs {
                order.push(output);
                while let Some(item) = order.pop() {
                    let bytes: Buffer = item.expect("no failure");
                    seen.push(u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")));
                }
            }
            seen
        });
        for input in 0..500 {
            assert!(stretch.submit(input));
        }
        stretch.join();
        assert_eq!(tail.join().expect("no panic"), (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn a_worker_that_panics_is_an_error_behind_what_came_before_it() {
        let pool = Arc::new(BufferPool::new(3, 8));
        let work = || {
            |input: u64, mut buffer: Buffer| {
                assert!(input != 5, "no fives");
                buffer.extend_from_slice(&input.to_le_bytes());
                Ok(buffer)
            }
        };
        let instances = vec![work(), work()];
        let (mut stretch, outputs) = Stretch::start(instances, &pool, &Meter::new("test")).unwrap();
        let tail = std::thread::spawn(move || {
            let (mut order, mut count) = (Resequencer::default(), 0);
            for output in outputs {
                order.push(output);
                while let Some(item) = order.pop() {
                    match item {
                        Ok(_) => count += 1,
                        Err(error) => return (count, Some(error.to_string())),
                    }
                }
            }
            (count, None)
        });
        // Far more than all queues hold.
        for input in 0..500 {
            if !stretch.submit(input) {
                break;
            }
        }
        stretch.join();
        let (count, error) = tail.join().expect("it does not panic itself");
        assert_eq!((count, error.as_deref()), (5, Some("a worker panicked: no fives")));
    }
}
