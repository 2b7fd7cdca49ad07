//! Scripts that drill a TCP: what goes in, what has to come out, and when, in the language of packetdrill.
//!
//! A [`Script`] is read ([`Script::parse`]) and run: against our own TCP in virtual time ([`run`]), or against any other
//! [`Stack`] ([`run_on`]). The [`Verdict`] says whether all was as the script has it, what was not, or what the script
//! needs that is not there: such a script is *unsupported*, and never passed.
//!
//! ```
//! use synfin_lab::drill::{Script, Settings, Verdict, run};
//!
//! let script = Script::parse("handshake.pkt", "
//!     0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
//!     +0  bind(3, ..., ...) = 0
//!     +0  listen(3, 1) = 0
//!     +0  < S 0:0(0) win 32792 <mss 1460>
//!     +0  > S. 0:0(0) ack 1 <mss 1460>
//!     +.1 < . 1:1(0) ack 1 win 32792
//!     +0  accept(3, ..., ...) = 4
//! ")?;
//! assert_eq!(run(&script, &Settings::default())?, Verdict::Passed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calls;
mod compare;
mod errno;
mod expression;
mod icmp;
mod lexer;
mod mapping;
mod names;
mod notation;
mod parser;
mod place;
mod profile;
mod runner;
mod script;
mod settings;
mod sockets;
mod stack;
mod sysctl;
mod verdict;
mod wire;

pub use self::calls::{
    Descriptor, Given, How, MessageFlags, Octets, OptionValue, Request, Returned, SocketOption, SystemCall,
};
pub use self::errno::Errno;
pub use self::names::state_number;
pub use self::parser::SCRIPT_MAX;
pub use self::place::{Place, ScriptError};
pub use self::profile::Profile;
pub use self::runner::Broken;
pub use self::script::{
    Call, Content, Direction, EcnField, Event, Expression, Flag, Icmp, IpFields, Packet, Script, Tcp,
    TcpOption, What, When,
};
use self::settings::Planned;
pub use self::settings::{Plan, Settings};
pub use self::sockets::Addresses;
pub use self::stack::{Stack, Stop};
pub use self::sysctl::Setting;
pub use self::verdict::{Failure, Unsupported, Verdict};
pub use self::wire::pattern;

/// Why a script could not be run.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// A flag of the script makes no sense.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The laboratory or the machine has failed.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Runs a script against our own TCP, in virtual time.
///
/// # Errors
/// When a flag of the script makes no sense, or the laboratory itself fails.
pub fn run(script: &Script, settings: &Settings) -> Result<Verdict, DrillError> {
    let profile = settings.profile.or(script.profile).unwrap_or_default();
    run_on(script, settings, |plan| {
        Ok(Box::new(sockets::Sockets::new(profile::HostSettings::new(profile), plan.addresses, plan.mtu)))
    })
}

/// Runs a script against the stack that is made for it.
///
/// # Errors
/// When a flag of the script makes no sense, or the stack fails.
pub fn run_on<'a>(
    script: &Script,
    settings: &Settings,
    make: impl FnOnce(&Plan) -> Result<Box<dyn Stack + 'a>, String>,
) -> Result<Verdict, DrillError> {
    let plan = match script.plan(settings)? {
        Planned::Plan(plan) => plan,
        Planned::Unsupported(flag) => {
            let what = format!("the flag --{}", flag.name);
            return Ok(Verdict::Unsupported(Unsupported { place: flag.place, what }));
        }
    };
    let mut stack = make(&plan).map_err(|what| Broken { place: Place::default(), what })?;
    Ok(runner::run(script, &plan, stack.as_mut())?)
}
