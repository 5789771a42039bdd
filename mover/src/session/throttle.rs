//! Keeps a session below a rate of bytes a second.

use std::sync::Arc;
use std::time::Duration;

use crate::ambient::Clock;
use crate::pipeline::Cancel;

/// How far a session may be ahead of its rate, or make up for what it was behind.
const SLACK: Duration = Duration::from_millis(100);
/// How soon a session that sleeps hears that it is to stop.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// Sleeps as long as needed after each step; may run ahead by a tenth of a second, also behind a
/// pause or where the source was slow for a while.
pub(super) struct Throttle {
    bytes_per_second: Option<u64>,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    /// When the first byte was due; later by what is not made up for.
    started: Duration,
    moved: u64,
}

impl Throttle {
    /// Without a rate nothing ever waits.
    pub(super) fn new(
        bytes_per_second: Option<u64>,
        clock: Arc<dyn Clock>,
        cancel: &Cancel,
    ) -> Throttle {
        let started = clock.elapsed();
        Throttle { bytes_per_second, clock, cancel: cancel.clone(), started, moved: 0 }
    }

    /// Counts bytes that were moved, and waits until they may have been, or the session is to stop.
    pub(super) fn moved(&mut self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        self.moved += bytes;
        let due = self.started + Duration::from_secs_f64(self.moved as f64 / rate.max(1) as f64);
        let now = self.clock.elapsed();
        self.started += now.saturating_sub(due).saturating_sub(SLACK);
        if due.saturating_sub(now) > SLACK {
            self.wait_until(due);
        }
    }

    fn wait_until(&self, due: Duration) {
        while !self.cancel.is_cancelled() {
            let left = due.saturating_sub(self.clock.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(CANCEL_INTERVAL));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use format::Timestamp;

    use super::*;

    /// Moves by so much whenever it is asked.
    struct Leaping(Mutex<(Duration, Duration)>);

    impl Leaping {
        fn set(&self, now: f64, leap: f64) {
            *self.0.lock().unwrap() = (Duration::from_secs_f64(now), Duration::from_secs_f64(leap));
        }
    }

    impl Clock for Leaping {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn elapsed(&self) -> Duration {
            let (now, leap) = &mut *self.0.lock().unwrap();
            *now += *leap;
            *now
        }
    }

    fn throttle() -> (Arc<Leaping>, Cancel, Throttle) {
        let clock = Arc::new(Leaping(Mutex::default()));
        let cancel = Cancel::default();
        let throttle = Throttle::new(Some(1000), Arc::clone(&clock) as Arc<dyn Clock>, &cancel);
        (clock, cancel, throttle)
    }

    #[test]
    fn what_is_early_waits_and_a_tenth_of_a_second_does_not() {
        let (clock, _, mut throttle) = throttle();
        // A clock that stands still shows that nothing waits.
        throttle.moved(100);
        clock.set(0.0, 0.25);
        throttle.moved(900);
        assert!(clock.elapsed() >= Duration::from_secs(1));
    }

    #[test]
    fn behind_a_pause_nothing_is_made_up_for() {
        let (clock, _, mut throttle) = throttle();
        clock.set(10.0, 0.0);
        throttle.moved(1000);
        clock.set(10.0, 0.25);
        throttle.moved(1000);
        let now = clock.elapsed();
        assert!(now >= Duration::from_secs_f64(10.9), "{now:?}");
    }

    #[test]
    fn it_stops_in_the_middle_of_a_wait() {
        let (_clock, cancel, mut throttle) = throttle();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| throttle.moved(1_000_000));
            cancel.cancel();
            waiting.join().unwrap();
        });
    }
}
