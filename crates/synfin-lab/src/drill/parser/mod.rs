//! Reads a script: recursive descent over its tokens, one token ahead.
//!
//! The grammar is the public one of packetdrill. What it allows and nobody here has (UDP, GRE, MPLS …) is read as far
//! as its line and kept as unsupported; what it does not allow is an error with its place.

mod calls;
mod packets;

use core::time::Duration;

use self::packets::Words;
use super::lexer::{Kind, Lexer, Token};
use super::place::{Place, ScriptError};
use super::profile::Profile;
use super::script::{Direction, Event, Flag, Script, What, When};

/// Longest script in bytes.
pub const SCRIPT_MAX: usize = 1 << 20;

/// Longest time in a script, in seconds: ten years.
const TIME_MAX_S: u64 = 10 * 365 * 24 * 3600;

/// Deepest nesting of structures in calls.
const DEPTH_MAX: u32 = 32;

type Parsed<T> = Result<T, ScriptError>;

impl Script {
    /// Reads a script; `name` is what messages call it.
    ///
    /// # Errors
    /// When it is no script, with the place that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        if text.len() > SCRIPT_MAX {
            let what = format!("script of {} bytes: more than {SCRIPT_MAX} are not read", text.len());
            return Err(ScriptError::new(name, "", 0, what));
        }
        Parser::new(name, text)?.script()
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    name: &'a str,
    text: &'a str,
    token: Token<'a>,
    /// Where the token before it ends, and where the event begins.
    last_end: usize,
    event_start: usize,
    depth: u32,
    /// An option that is of the language, and nobody here has.
    foreign_option: Option<&'a str>,
    /// `--define=NAME=value`.
    defined: Vec<(String, Defined)>,
}

/// What a word was defined as.
#[derive(Clone)]
enum Defined {
    Word(String),
    Text(String),
}

impl<'a> Parser<'a> {
    fn new(name: &'a str, text: &'a str) -> Parsed<Self> {
        let mut lexer = Lexer::new(name, text);
        let token = lexer.next()?;
        Ok(Self {
            lexer,
            name,
            text,
            token,
            last_end: 0,
            event_start: 0,
            depth: 0,
            foreign_option: None,
            defined: Vec::new(),
        })
    }

    fn script(mut self) -> Parsed<Script> {
        let mut flags = Vec::new();
        while let Kind::Flag(flag) = self.token.kind {
            flags.push(self.flag(flag)?);
        }
        let mut events = Vec::new();
        while self.token.kind != Kind::End {
            events.push(self.event()?);
        }
        let marked = |mark: &'static str| {
            let comments = self.lexer.comments.iter();
            comments.filter_map(move |(at, comment)| Some((*at, marked(comment, mark)?)))
        };
        let reasons = |mark| marked(mark).map(|(_, why)| why.to_owned()).collect();
        let linux_differs = reasons("linux differs:");
        let linux_may_differ = reasons("linux may differ:");
        let profile = match marked("profile:").next_back() {
            None => None,
            Some((_, "rfc")) => Some(Profile::Rfc),
            Some((_, "linux")) => Some(Profile::Linux),
            Some((at, _)) => return Err(self.lexer.error(at, "there are two profiles: rfc and linux")),
        };
        Ok(Script {
            name: self.name.to_owned(),
            flags,
            events,
            linux_differs,
            linux_may_differ,
            profile,
            lines: self.text.lines().map(str::to_owned).collect(),
        })
    }

    fn flag(&mut self, name: &str) -> Parsed<Flag> {
        let place = self.place();
        self.advance()?;
        let after = self.token.end;
        let value = if self.take('=')? { Some(self.flag_value(after)?) } else { None };
        if name == "define" {
            self.define(value.as_deref())?;
        }
        Ok(Flag { name: name.to_owned(), value, place })
    }

    /// The rest of the line, which may hold anything: `ipv4-mapped-ipv6`, an address, `NAME="a b"`.
    fn flag_value(&mut self, after: usize) -> Parsed<String> {
        let start = self.token.start;
        if self.token.kind == Kind::End || self.text.get(after..start).is_some_and(|gap| gap.contains('\n')) {
            return Err(self.lexer.error(after, "a flag with = needs a value"));
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let end = start + line.len();
        let mut last = start;
        let mut ends = self.token.end;
        while self.token.kind != Kind::End && self.token.start < end {
            let is_apart = self.text.get(last..self.token.start).is_some_and(|gap| gap.contains([' ', '\t']));
            if is_apart && last != start {
                break;
            }
            (last, ends) = (self.token.end, self.token.end);
            self.advance()?;
        }
        let value = self.text.get(start..ends).unwrap_or_default().trim();
        let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
        Ok(if is_quoted { value.trim_matches('"') } else { value }.to_owned())
    }

    fn define(&mut self, value: Option<&str>) -> Parsed<()> {
        let Some((name, value)) = value.and_then(|value| value.split_once('=')) else {
            return Err(self.error("--define needs NAME=value"));
        };
        let text = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let defined =
            text.map_or_else(|| Defined::Word(value.to_owned()), |text| Defined::Text(text.to_owned()));
        self.defined.push((name.to_owned(), defined));
        Ok(())
    }

    fn defined(&self, word: &str) -> Option<Defined> {
        self.defined.iter().rev().find(|(name, _)| name == word).map(|(_, defined)| defined.clone())
    }

    fn event(&mut self) -> Parsed<Event> {
        let place = self.place();
        let start = self.token.start;
        self.event_start = start;
        let when = match self.token.kind {
            Kind::Command(command) => {
                self.advance()?;
                return Ok(Event { place, when: When::Now, what: What::Command(command.to_owned()) });
            }
            _ => self.when()?,
        };
        let what = match self.token.kind {
            Kind::Sign('<') => self.packet(Direction::In)?,
            Kind::Sign('>') => self.packet(Direction::Out)?,
            Kind::Command(command) => {
                self.advance()?;
                What::Command(command.to_owned())
            }
            Kind::Code(code) => {
                self.advance()?;
                What::Code(code.trim().to_owned())
            }
            Kind::Ellipsis => {
                self.advance()?;
                // As its beginning is counted, so is its end, and may say so.
                let plus = self.token.start;
                if self.take('+')? && !matches!(when, When::After(_)) {
                    return Err(self
                        .lexer
                        .error(plus, "both ends of a call have a +, or only its beginning"));
                }
                let end = self.time()?;
                self.call(Some(end))?
            }
            Kind::Word(_) => self.call(None)?,
            _ => {
                return Err(
                    self.error("expected a packet (< or >), a system call, `a command` or %{ code }%")
                );
            }
        };
        let is_out = matches!(&what, What::Packet(packet) if packet.direction == Direction::Out);
        if !is_out && matches!(when, When::Any | When::Between(..) | When::AfterBetween(..)) {
            return Err(self
                .lexer
                .error(start, "only a packet that comes out can have a range of times or *"));
        }
        Ok(Event { place, when, what })
    }

    fn when(&mut self) -> Parsed<When> {
        let start = self.token.start;
        if self.take('*')? {
            return Ok(When::Any);
        }
        let is_relative = self.take('+')?;
        let from = self.time()?;
        if !self.take('~')? {
            return Ok(if is_relative { When::After(from) } else { When::At(from) });
        }
        if self.take('+')? != is_relative {
            return Err(self.lexer.error(start, "both ends of a range have a +, or none"));
        }
        let to = self.time()?;
        if to < from {
            return Err(self.lexer.error(start, "range of times that goes backwards"));
        }
        Ok(if is_relative { When::AfterBetween(from, to) } else { When::Between(from, to) })
    }

    /// Seconds, to the microsecond; what is finer counts as far as nanoseconds go.
    fn time(&mut self) -> Parsed<Duration> {
        let time = match self.token.kind {
            Kind::Number(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
            Kind::Decimal(text) => decimal(text),
            _ => return Err(self.error("expected a time in seconds, such as 0.1 or +0.1")),
        };
        let time = time.filter(|time| time.as_secs() <= TIME_MAX_S);
        let time = time.ok_or_else(|| self.error("time that is negative or longer than ten years"))?;
        self.advance()?;
        Ok(time)
    }

    fn place(&self) -> Place {
        Place::of(self.text, self.token.start)
    }

    /// Something else should stand here: where the token is, or, if that is on a later line, where this one ends.
    fn error(&self, what: impl Into<String>) -> ScriptError {
        let start = self.token.start;
        let is_apart = self.text.get(self.last_end..start).is_some_and(|gap| gap.contains('\n'));
        let is_begun = self.last_end > self.event_start;
        self.lexer.error(if is_apart && is_begun { self.last_end } else { start }, what)
    }

    fn advance(&mut self) -> Parsed<Token<'a>> {
        let next = self.lexer.next()?;
        self.last_end = self.token.end;
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// Takes a sign if it stands here.
    fn take(&mut self, sign: char) -> Parsed<bool> {
        let is_here = self.token.kind == Kind::Sign(sign);
        if is_here {
            self.advance()?;
        }
        Ok(is_here)
    }

    fn expect(&mut self, sign: char) -> Parsed<()> {
        if self.take(sign)? { Ok(()) } else { Err(self.error(format!("expected {sign}"))) }
    }

    /// Takes a word if it stands here.
    fn take_word(&mut self, word: &str) -> Parsed<bool> {
        let is_here = self.token.kind == Kind::Word(word);
        if is_here {
            self.advance()?;
        }
        Ok(is_here)
    }

    fn word(&mut self, what: &str) -> Parsed<&'a str> {
        match self.token.kind {
            Kind::Word(word) => {
                self.advance()?;
                Ok(word)
            }
            _ => Err(self.error(format!("expected {what}"))),
        }
    }

    /// A number that fits.
    fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Parsed<T> {
        let Kind::Number(number) = self.token.kind else {
            return Err(self.error(format!("expected {what}")));
        };
        let number = T::try_from(number).map_err(|_| self.error(format!("{what} out of range")))?;
        self.advance()?;
        Ok(number)
    }

    fn words(&self) -> Words<'a> {
        Words { text: self.text }
    }
}

/// What a comment says behind a mark.
fn marked<'a>(comment: &'a str, mark: &str) -> Option<&'a str> {
    let said = comment.trim_start_matches(['/', '*', '#', ' ', '\t']).strip_prefix(mark)?;
    Some(said.trim_end_matches(['*', '/', ' ', '\r', '\n']).trim())
}

/// A decimal number of seconds, exactly.
fn decimal(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.')?;
    let seconds = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = fraction.get(..fraction.len().min(9))?;
    let scale = 10u32.checked_pow(u32::try_from(9 - digits.len()).ok()?)?;
    Some(Duration::new(seconds, digits.parse::<u32>().ok()?.checked_mul(scale)?))
}
