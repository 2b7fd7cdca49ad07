//! One clock for events and packets: the kernel stamps events with CLOCK_MONOTONIC, packets carry UTC.

use std::time::Duration;

use rustix::time::ClockId;

use crate::clock::now_ns;

/// How often the distance of the two clocks is measured again: adjustments of the wall clock (NTP slews up to 0.5 ms a
/// second) stay below a millisecond.
const REMEASURE: Duration = Duration::from_millis(250);

/// The distance from CLOCK_MONOTONIC to UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelClock {
    offset_ns: i64,
    measured_at_ns: u64,
}

impl KernelClock {
    pub(crate) fn measure() -> Self {
        // Of several readings the one that took least time is off by at most half of it: some tens of nanoseconds.
        let (mut best, mut clock) = (u64::MAX, Self { offset_ns: 0, measured_at_ns: 0 });
        for _ in 0..5 {
            let before = now_ns(ClockId::Monotonic);
            let utc = now_ns(ClockId::Realtime);
            let after = now_ns(ClockId::Monotonic);
            let took = after.saturating_sub(before);
            if took < best {
                let between = before.saturating_add(took / 2);
                best = took;
                clock = Self { offset_ns: utc.wrapping_sub(between).cast_signed(), measured_at_ns: after };
            }
        }
        clock
    }

    /// Measures again where the last time is long ago.
    pub(crate) fn refresh(&mut self) {
        let age = now_ns(ClockId::Monotonic).saturating_sub(self.measured_at_ns);
        if u128::from(age) >= REMEASURE.as_nanos() {
            *self = Self::measure();
        }
    }

    /// Nanoseconds since the Unix epoch.
    pub(crate) fn to_utc_ns(self, monotonic_ns: u64) -> u64 {
        monotonic_ns.saturating_add_signed(self.offset_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::utc_now_ns;

    #[test]
    fn a_kernel_time_of_now_is_the_wall_clocks_now() {
        let clock = KernelClock::measure();
        let before = utc_now_ns();
        let converted = clock.to_utc_ns(now_ns(ClockId::Monotonic));
        let after = utc_now_ns();
        // The two clocks run at the same rate; a millisecond allows for a slew and a descheduled test.
        assert!(
            converted + 1_000_000 > before && converted < after + 1_000_000,
            "{before} {converted} {after}"
        );
    }
}
