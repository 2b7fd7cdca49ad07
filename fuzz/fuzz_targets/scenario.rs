//! Any text as a scenario: it is refused, or the run comes to an end within its limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synfin_lab::{CutShort, Noted, Plot, Scenario, Simulation};

/// Packets of a run: enough for a handshake, some data, losses and a close.
const PACKETS: u64 = 500;

fuzz_target!(|text: &str| {
    let Ok(mut scenario) = Scenario::from_toml(text) else { return };
    scenario.max_packets = scenario.max_packets.min(PACKETS);
    let Ok(mut simulation) = Simulation::new(&scenario) else { return };
    let mut plot = Plot::default();
    while let Some(noted) = simulation.next_noted() {
        if let Noted::Sample { side, sample } = noted {
            plot.push(side, &sample);
        }
    }
    assert_ne!(simulation.report().cut_short, Some(CutShort::Stuck));
    let _svg = plot.to_svg(text);
});
