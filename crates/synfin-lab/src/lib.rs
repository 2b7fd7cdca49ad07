//! The laboratory: two hosts with a TCP of our own, and the link between them, in virtual time.
//!
//! A [`Scenario`] says what the link does to packets ([`LinkConfig`]), what the two applications do ([`Action`]) and
//! how both TCPs are set. It is read from TOML, or one of the [`ready`](ready::READY) ones. A [`Simulation`] runs it:
//! there is no clock and no I/O, time goes from one event to the next, and everything random comes from the seed, so
//! that the same scenario gives the same bytes, everywhere and always.
//!
//! Out come [`Noted`] things in the order of virtual time: frames (raw IP), state changes, variables. The first two are
//! [`Observation`](synfin_wire::Observation)s, so that whatever draws real traffic draws this as well. [`Plot`] draws
//! the variables.
//!
//! ```
//! use synfin_lab::{Scenario, Simulation};
//!
//! let mut simulation = Simulation::new(&Scenario::from_toml("link.delay = '10ms'")?)?;
//! let mut frames = 0;
//! while let Some(noted) = simulation.next_noted() {
//!     frames += usize::from(noted.is_frame());
//! }
//! assert!(frames >= 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod drill;
pub mod ready;
pub mod units;

mod app;
mod forged;
mod host;
mod ip;
mod link;
mod noted;
mod plot;
mod random;
mod recorder;
mod rule;
mod scenario;
mod script;
mod simulation;
mod stream;

pub use link::{Bursts, Fate, LinkConfig, Outage};
pub use noted::{Noted, NotedFrame};
pub use plot::Plot;
pub use rule::{Effect, Rule, RuleError};
pub use scenario::{Forgery, HostConfig, Scenario, ScenarioError, SettingError, Vantage};
pub use script::{Action, ActionError};
pub use simulation::{AppReport, CutShort, Report, Simulation, SimulationError};
