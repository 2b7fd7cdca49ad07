//! System calls: how they begin, and whether they return what they should.

use bytes::Bytes;

use super::{End, Runner, nanos, seconds};
use crate::drill::calls::{self, Given, OptionValue, Returned, SystemCall};
use crate::drill::errno::Errno;
use crate::drill::script::{Call, Expression, When};
use crate::drill::stack::Stop;
use crate::drill::wire;

/// A call that blocks.
pub(super) struct Waiting {
    call: Call,
    system_call: SystemCall,
    place: crate::drill::place::Place,
    /// When it is to return.
    end_ns: u64,
    /// How far that may be off.
    tolerance_ns: u64,
    pub(super) returned: Option<(u64, Returned)>,
}

impl Runner<'_> {
    /// Makes a call.
    pub(super) fn call(
        &mut self,
        began_ns: u64,
        when: When,
        call: &Call,
        said: &SystemCall,
    ) -> Result<(), End> {
        let mut system_call = said.clone();
        for fd in system_call.descriptors_mut() {
            // What the script has not got from a call is none; -1 stays what it is.
            *fd = self.descriptors.get(fd).copied().unwrap_or(if *fd < 0 { *fd } else { i32::MAX });
        }
        self.before(said);
        let offset = self.offset(said);
        let outcome = self.stack.call(&system_call, offset);
        let outcome = self.stopped(outcome)?;
        self.collect()?;
        let Some(end) = call.end else {
            let returned = match outcome {
                Some(returned) => returned,
                None => self.blocked(call, began_ns)?,
            };
            return self.check(call, said, &returned);
        };
        // As its beginning is counted, so is its end.
        let end_ns = match when {
            When::After(after) => began_ns.saturating_sub(nanos(after)).saturating_add(nanos(end)),
            _ => nanos(end),
        };
        let tolerance_ns = self.tolerance_ns(end_ns.saturating_sub(began_ns));
        let returned = outcome.map(|returned| (self.stack.now_ns(), returned));
        self.waiting = Some(Waiting {
            call: call.clone(),
            system_call: said.clone(),
            place: self.place,
            end_ns,
            tolerance_ns,
            returned,
        });
        Ok(())
    }

    /// A call without a time for its end has to return at once.
    fn blocked(&mut self, call: &Call, began_ns: u64) -> Result<Returned, End> {
        let until_ns = began_ns.saturating_add(self.tolerance_ns(0));
        while self.stack.now_ns() < until_ns {
            let run = self.stack.run(until_ns);
            self.stopped(run)?;
            if let Some((_, returned)) = self.stack.poll_call() {
                self.collect()?;
                return Ok(returned);
            }
            self.collect()?;
        }
        let what = format!("{} blocks; a line like 0.1...0.2 {}(…) says until when", call.name, call.name);
        Err(self.failed(what, self.line(), "no return"))
    }

    /// Lets time go on until the call that blocks has returned, and looks at what it did.
    pub(super) fn finish_waiting(&mut self) -> Result<(), End> {
        let Some(waiting) = &self.waiting else { return Ok(()) };
        let (place, until_ns) = (waiting.place, waiting.end_ns.saturating_add(waiting.tolerance_ns));
        self.collect()?;
        while self.waiting.as_ref().is_some_and(|waiting| waiting.returned.is_none())
            && self.stack.now_ns() < until_ns
        {
            let run = self.stack.run(until_ns);
            self.stopped(run)?;
            self.collect()?;
        }
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let here = std::mem::replace(&mut self.place, place);
        let Some((at_ns, returned)) = waiting.returned else {
            let came = format!("no return until {}", seconds(self.stack.now_ns()));
            return Err(self.failed(format!("{} does not return", waiting.call.name), self.line(), came));
        };
        if at_ns.abs_diff(waiting.end_ns) > waiting.tolerance_ns {
            let what = format!(
                "time: expected {} to return at {}, it returned at {}",
                waiting.call.name,
                seconds(waiting.end_ns),
                seconds(at_ns)
            );
            return Err(self.failed(what, self.line(), shown(&returned)));
        }
        self.check(&waiting.call, &waiting.system_call, &returned)?;
        self.place = here;
        Ok(())
    }

    /// What has to be known of a call before it is made.
    fn before(&mut self, said: &SystemCall) {
        match said {
            SystemCall::Bind(fd, address) => {
                let port = address.map_or(self.plan.addresses.bind_port, |address| address.port());
                self.bound.insert(*fd, port);
            }
            SystemCall::Listen(fd, _) => {
                self.listening = Some(self.bound.get(fd).copied().unwrap_or(self.plan.addresses.bind_port));
            }
            SystemCall::Connect(..) => self.is_connecting = true,
            SystemCall::Write(fd, calls::Octets::These(text), _) => {
                let offset = self.written.get(fd).copied().unwrap_or_default();
                self.texts.push((offset, text.clone()));
            }
            _ => {}
        }
    }

    fn offset(&self, said: &SystemCall) -> u64 {
        match said {
            SystemCall::Write(fd, ..) => self.written.get(fd).copied().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether a call has returned what it should.
    fn check(&mut self, call: &Call, said: &SystemCall, returned: &Returned) -> Result<(), End> {
        let at_ns = self.stack.now_ns();
        self.note(at_ns, &format!("{}(…) = {}", call.name, shown(returned)));
        let expected = self.expected(call)?;
        let is_descriptor = matches!(said, SystemCall::Socket { .. } | SystemCall::Accept(..));
        let is_right = match (&expected, returned.result) {
            (None, _) => true,
            (Some(Ok(value)), Ok(_)) if is_descriptor => *value >= 0,
            (Some(expected), came) => *expected == came,
        };
        if !is_right {
            let what = format!("{} returned something else", call.name);
            return Err(self.failed(what, self.line(), shown(returned)));
        }
        self.after(said, expected, returned)?;
        self.check_given(call, said, returned)
    }

    /// What a call is to return; nothing where any value will do.
    fn expected(&self, call: &Call) -> Result<Option<Result<i64, Errno>>, End> {
        let value = match &call.result {
            Expression::Ellipsis => return Ok(None),
            result => self.stopped(calls::number(result).map_err(Stop::Unsupported))?,
        };
        Ok(Some(match &call.error {
            Some(name) if value == -1 => {
                let errno = Errno::by_name(name).ok_or_else(|| Stop::Unsupported(name.clone()));
                Err(self.stopped(errno)?)
            }
            _ => Ok(value),
        }))
    }

    /// What follows from a call that went as it should.
    fn after(
        &mut self,
        said: &SystemCall,
        expected: Option<Result<i64, Errno>>,
        returned: &Returned,
    ) -> Result<(), End> {
        let Ok(value) = returned.result else {
            if let (SystemCall::Connect(fd, _), Err(Errno::EINPROGRESS)) = (said, returned.result) {
                self.under_test = self.descriptors.get(fd).copied();
            }
            return Ok(());
        };
        let count = u64::try_from(value).unwrap_or_default();
        match said {
            SystemCall::Socket { .. } | SystemCall::Accept(..) => {
                let live = i32::try_from(value).unwrap_or(-1);
                let script =
                    expected.and_then(Result::ok).and_then(|fd| i32::try_from(fd).ok()).unwrap_or(live);
                if self.descriptors.insert(script, live).is_some() {
                    let what = format!("descriptor {script} is in use already");
                    return Err(self.failed(what, self.line(), shown(returned)));
                }
                self.written.insert(script, 0);
                self.read.insert(script, 0);
                self.under_test = Some(live);
            }
            SystemCall::Write(fd, ..) => *self.written.entry(*fd).or_default() += count,
            SystemCall::Close(fd) => {
                let closed = self.descriptors.remove(fd);
                self.bound.remove(fd);
                if self.under_test == closed {
                    self.under_test = None;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a call gives besides its value.
    fn check_given(&mut self, call: &Call, said: &SystemCall, returned: &Returned) -> Result<(), End> {
        let wrong = |what: &str, came: String| (format!("{} gave {what}", call.name), came);
        let found = match (&returned.given, said) {
            (Given::Octets(octets), SystemCall::Read(fd, ..)) => {
                let offset = self.read.get(fd).copied().unwrap_or_default();
                *self.read.entry(*fd).or_default() += u64::try_from(octets.len()).unwrap_or_default();
                is_other_text(call, octets, offset).then(|| {
                    let octets: Vec<_> = octets.iter().take(16).map(ToString::to_string).collect();
                    wrong("octets that nobody sent there", octets.join(" "))
                })
            }
            (Given::Value(value), SystemCall::GetOption(..)) => {
                let expected = match call.arguments.get(3) {
                    None | Some(Expression::Ellipsis) => return Ok(()),
                    Some(Expression::List(list)) if list.first() == Some(&Expression::Ellipsis) => {
                        return Ok(());
                    }
                    Some(expected) => {
                        self.stopped(calls::option_value(expected).map_err(Stop::Unsupported))?
                    }
                };
                (*value != expected).then(|| wrong("another value", option_text(value)))
            }
            (Given::Value(value), SystemCall::Ioctl(..)) => {
                let expected = match call.arguments.get(2) {
                    None | Some(Expression::Ellipsis) => return Ok(()),
                    Some(expected) => self.stopped(calls::number(expected).map_err(Stop::Unsupported))?,
                };
                (*value != OptionValue::Number(expected)).then(|| wrong("another value", option_text(value)))
            }
            (Given::Events(events), SystemCall::Poll(..)) => {
                let Some(Expression::List(list)) = call.arguments.first() else { return Ok(()) };
                let expected: Result<Vec<_>, _> =
                    list.iter().map(|entry| calls::poll_field(entry, "revents")).collect();
                let expected = self.stopped(expected.map_err(Stop::Unsupported))?;
                let is_right = expected
                    .iter()
                    .zip(events)
                    .all(|(expected, came)| expected.unwrap_or_default() == i64::from(*came));
                (!is_right).then(|| wrong("other events", format!("revents {events:#x?}")))
            }
            _ => None,
        };
        match found {
            Some((what, came)) => Err(self.failed(what, self.line(), came)),
            None => Ok(()),
        }
    }
}

/// Whether octets that were read are not those that the script's side has sent.
fn is_other_text(call: &Call, octets: &Bytes, offset: u64) -> bool {
    match call.arguments.get(1) {
        Some(Expression::Text(text)) => octets != text.as_bytes(),
        _ => *octets != wire::pattern(offset, octets.len()),
    }
}

fn option_text(value: &OptionValue) -> String {
    match value {
        OptionValue::Number(number) => number.to_string(),
        OptionValue::Text(text) => format!("{text:?}"),
        OptionValue::Linger(is_on, seconds) => format!("{{onoff={}, linger={seconds}}}", i32::from(*is_on)),
    }
}

/// What a call returned, as scripts have it.
fn shown(returned: &Returned) -> String {
    match returned.result {
        Ok(value) => value.to_string(),
        Err(errno) => format!("-1 {}", errno.in_words()),
    }
}
