//! Assertions: the part of Python that they are written in.
//!
//! `%{ assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd }%`: comparisons, also chained, arithmetic, `and`, `or`, `not`, `in`,
//! parentheses, tuples, names, `abs`, `min`, `max`, `print`, and assignment to names. Whatever else Python has makes
//! the script unsupported.

mod evaluate;

use std::collections::BTreeMap;

use self::evaluate::Evaluator;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    /// A whole number, or a truth value.
    Number(i128),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// Several.
    Tuple(Vec<Value>),
}

/// How an assertion went.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Outcome {
    /// All of them hold.
    Holds,
    /// This one does not: its text, the values of what stands in it, what it says itself.
    Fails { assertion: String, values: Vec<(String, Value)>, message: Option<String> },
}

/// Constants that `TCP_INFO` is compared with.
const CONSTANTS: [(&str, i128); 28] = [
    ("True", 1),
    ("False", 0),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("TCPI_OPT_SYN_DATA", 32),
    ("TCP_INFINITE_SSTHRESH", 0x7fff_ffff),
    ("EPOLLIN", 1),
    ("EPOLLOUT", 4),
    ("EPOLLERR", 8),
];

impl core::fmt::Display for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Tuple(list) => {
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                write!(f, "({})", list.join(", "))
            }
        }
    }
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Self::Number(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Tuple(list) => !list.is_empty(),
        }
    }

    fn as_float(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as in Python, where both are compared")]
            Self::Number(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

/// Runs the statements of a piece of code. `look_up` knows what stands behind names; `kept` what was assigned to them.
pub(crate) fn run(
    code: &str,
    look_up: &dyn Fn(&str) -> Option<Value>,
    kept: &mut BTreeMap<String, Value>,
) -> Result<Outcome, String> {
    for statement in statements(code) {
        is_expression(statement)?;
        let (assertion, kind) = match statement.strip_prefix("assert") {
            Some(rest) if rest.starts_with([' ', '(', '\t']) => (rest.trim(), Kind::Assert),
            _ => (statement, Kind::Plain),
        };
        if let (Kind::Plain, Some((name, value))) = (kind, assignment(statement)) {
            let mut evaluator = Evaluator::new(value, look_up, kept);
            let value = evaluator.whole()?;
            kept.insert(name.to_owned(), value);
            continue;
        }
        if kind == Kind::Plain && (statement == "pass" || statement.starts_with("print")) {
            continue;
        }
        let mut evaluator = Evaluator::new(assertion, look_up, kept);
        let value = evaluator.any_of()?;
        let end = evaluator.at;
        let message = if evaluator.take(",") { Some(evaluator.tuple()?.to_string()) } else { None };
        evaluator.end()?;
        if kind == Kind::Assert && !value.is_true() {
            let values = std::mem::take(&mut evaluator.used);
            let assertion = assertion.get(..end).unwrap_or(assertion).trim().to_owned();
            return Ok(Outcome::Fails { assertion, values, message });
        }
    }
    Ok(Outcome::Holds)
}

/// Finds out whether a piece of code is of the part of Python that is here, and all names that it has are known, before
/// it is run. `assigned` are the names that code before it has assigned to.
pub(crate) fn check(
    code: &str,
    is_known: &dyn Fn(&str) -> bool,
    assigned: &mut BTreeMap<String, Value>,
) -> Result<(), String> {
    for statement in statements(code) {
        if let Some((name, _)) = assignment(statement) {
            assigned.insert(name.to_owned(), Value::Number(1));
        }
        is_expression(statement)?;
    }
    for statement in statements(code) {
        let text = match (statement.strip_prefix("assert"), assignment(statement)) {
            (Some(rest), _) if rest.starts_with([' ', '(', '\t']) => rest,
            (_, Some((_, value))) => value,
            _ => continue,
        };
        let look_up = |name: &str| is_known(name).then_some(Value::Number(1));
        let mut evaluator = Evaluator::new(text, &look_up, assigned);
        // What comes out, and that 1 cannot be shifted by 1000, says nothing.
        let _ = evaluator.tuple();
        if let Some(name) = evaluator.unknown.take() {
            return Err(format!("the variable {name}"));
        }
    }
    Ok(())
}

/// Words that statements begin with which are more than expressions.
const STATEMENTS: [&str; 18] = [
    "import", "from", "if", "elif", "else:", "for", "while", "def", "class", "with", "try:", "except",
    "return", "raise", "del", "global", "lambda", "exec",
];

fn is_expression(statement: &str) -> Result<(), String> {
    let first = statement.split([' ', '\t', '(']).next().unwrap_or_default();
    if STATEMENTS.contains(&first) {
        return Err(format!("the statement `{statement}`"));
    }
    Ok(())
}

/// The value of an expression without names.
pub(crate) fn evaluate(text: &str) -> Option<Value> {
    Evaluator::new(text, &|_| None, &BTreeMap::new()).whole().ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Assert,
    Plain,
}

/// Statements, one after the other: lines and what semicolons part, where no parenthesis is open; without comments.
fn statements(code: &str) -> Vec<&str> {
    let (mut list, mut start, mut depth) = (Vec::new(), 0, 0i32);
    let mut quote = None;
    for (at, c) in code.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ';' | '\n') if depth <= 0 => {
                list.push(code.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    list.push(code.get(start..).unwrap_or_default());
    let bare = |statement: &'_ str| statement.trim().trim_end_matches('\\').trim().to_owned();
    list.retain(|statement| !bare(statement).is_empty() && !statement.trim().starts_with('#'));
    list.into_iter().map(str::trim).collect()
}

/// `name = value`, if it is one.
fn assignment(statement: &str) -> Option<(&str, &str)> {
    let (name, value) = statement.split_once('=')?;
    let name = name.trim();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !value.starts_with('=')).then_some((name, value))
}

#[cfg(test)]
mod tests;
