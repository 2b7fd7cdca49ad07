//! Expressions, by recursive descent in the order of Python's precedences.

use std::collections::BTreeMap;

use super::{CONSTANTS, Value};

/// Deepest nesting.
const DEPTH_MAX: u32 = 64;

/// Operators on bits, the loosest first.
const BITS: [&[&str]; 4] = [&["|"], &["^"], &["&"], &["<<", ">>"]];

/// Reads an expression and computes it as it goes.
pub(super) struct Evaluator<'a> {
    text: &'a str,
    pub(super) at: usize,
    depth: u32,
    look_up: &'a dyn Fn(&str) -> Option<Value>,
    kept: &'a BTreeMap<String, Value>,
    /// The first name that nobody knows.
    pub(super) unknown: Option<String>,
    /// Names that were looked up, with their values.
    pub(super) used: Vec<(String, Value)>,
}

type Evaluated = Result<Value, String>;

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        text: &'a str,
        look_up: &'a dyn Fn(&str) -> Option<Value>,
        kept: &'a BTreeMap<String, Value>,
    ) -> Self {
        Self { text, at: 0, depth: 0, look_up, kept, unknown: None, used: Vec::new() }
    }

    pub(super) fn whole(&mut self) -> Evaluated {
        let value = self.tuple()?;
        self.end()?;
        Ok(value)
    }

    pub(super) fn end(&mut self) -> Result<(), String> {
        let rest = self.rest();
        if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err(self.beyond()) }
    }

    fn beyond(&self) -> String {
        let rest: String = self.text.get(self.at..).unwrap_or_default().trim().chars().take(40).collect();
        format!("Python beyond expressions, at {rest:?}")
    }

    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\\']);
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    /// Takes a sign, or a word that does not go on.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(sign) else { return false };
        let is_word = sign.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.at += sign.len();
        true
    }

    pub(super) fn tuple(&mut self) -> Evaluated {
        let first = self.any_of()?;
        if !self.rest().starts_with(',') {
            return Ok(first);
        }
        let mut list = vec![first];
        while self.take(",") {
            if self.rest().is_empty() || self.rest().starts_with(')') {
                break;
            }
            list.push(self.any_of()?);
        }
        Ok(Value::Tuple(list))
    }

    pub(super) fn any_of(&mut self) -> Evaluated {
        if self.depth >= DEPTH_MAX {
            return Err("Python nested too deep".to_owned());
        }
        self.depth += 1;
        let mut value = self.all_of()?;
        while self.take("or") {
            let other = self.all_of()?;
            value = if value.is_true() { value } else { other };
        }
        self.depth -= 1;
        Ok(value)
    }

    fn all_of(&mut self) -> Evaluated {
        let mut value = self.negation()?;
        while self.take("and") {
            let other = self.negation()?;
            value = if value.is_true() { other } else { value };
        }
        Ok(value)
    }

    fn negation(&mut self) -> Evaluated {
        let mut is_negated = false;
        let mut is_any = false;
        while self.take("not") {
            (is_negated, is_any) = (!is_negated, true);
        }
        let value = self.comparison()?;
        Ok(if is_any { Value::Number(i128::from(value.is_true() != is_negated)) } else { value })
    }

    fn comparison(&mut self) -> Evaluated {
        let mut left = self.bits(0)?;
        let (mut holds, mut is_any) = (true, false);
        loop {
            let sign =
                ["==", "!=", "<=", ">=", "<", ">", "not in", "in", "is not", "is"].into_iter().find(|sign| {
                    !self.rest().starts_with("<<") && !self.rest().starts_with(">>") && self.take(sign)
                });
            let Some(sign) = sign else { break };
            let right = self.bits(0)?;
            holds &= compare(sign, &left, &right).ok_or_else(|| self.beyond())?;
            is_any = true;
            left = right;
        }
        Ok(if is_any { Value::Number(i128::from(holds)) } else { left })
    }

    fn bits(&mut self, level: usize) -> Evaluated {
        let Some(signs) = BITS.get(level) else { return self.sum() };
        let mut value = self.bits(level + 1)?;
        loop {
            let sign = signs.iter().find(|sign| self.take(sign));
            let Some(sign) = sign else { return Ok(value) };
            let other = self.bits(level + 1)?;
            let (Value::Number(a), Value::Number(b)) = (&value, &other) else { return Err(self.beyond()) };
            let shift = u32::try_from(*b).ok().filter(|by| *by < 64);
            let result = match *sign {
                "<<" => shift.and_then(|by| a.checked_mul(1i128.checked_shl(by)?)),
                ">>" => shift.map(|by| a >> by),
                "&" => Some(a & b),
                "|" => Some(a | b),
                _ => Some(a ^ b),
            };
            value = Value::Number(result.ok_or_else(|| self.beyond())?);
        }
    }

    fn sum(&mut self) -> Evaluated {
        let mut value = self.product()?;
        loop {
            let sign = ["+", "-"].into_iter().find(|sign| self.take(sign));
            let Some(sign) = sign else { return Ok(value) };
            let other = self.product()?;
            value = arithmetic(sign, &value, &other).ok_or_else(|| self.beyond())?;
        }
    }

    fn product(&mut self) -> Evaluated {
        let mut value = self.signed()?;
        loop {
            let sign = ["//", "*", "/", "%"].into_iter().find(|sign| self.take(sign));
            let Some(sign) = sign else { return Ok(value) };
            let other = self.signed()?;
            value = arithmetic(sign, &value, &other).ok_or_else(|| self.beyond())?;
        }
    }

    fn signed(&mut self) -> Evaluated {
        if self.take("-") {
            let value = self.operand()?;
            return arithmetic("-", &Value::Number(0), &value).ok_or_else(|| self.beyond());
        }
        self.operand()
    }

    fn operand(&mut self) -> Evaluated {
        let rest = self.rest();
        if self.take("(") {
            if self.take(")") {
                return Ok(Value::Tuple(Vec::new()));
            }
            let value = self.tuple()?;
            return if self.take(")") { Ok(value) } else { Err(self.beyond()) };
        }
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find(quote).ok_or_else(|| self.beyond())?;
            self.at += end + 2;
            return Ok(Value::Text(inner.get(..end).unwrap_or_default().to_owned()));
        }
        let len =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        let word = rest.get(..len).unwrap_or_default();
        if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            self.at += len;
            let hex = word.strip_prefix("0x").and_then(|hex| i128::from_str_radix(hex, 16).ok());
            let whole = hex.or_else(|| word.parse().ok()).map(Value::Number);
            let value = whole.or_else(|| word.parse().ok().map(Value::Float));
            return value.ok_or_else(|| self.beyond());
        }
        if word.is_empty() || word.contains('.') {
            return Err(self.beyond());
        }
        self.at += len;
        if self.rest().starts_with('(') {
            return self.function(word);
        }
        self.name(word)
    }

    fn name(&mut self, word: &str) -> Evaluated {
        if let Some((_, constant)) = CONSTANTS.iter().find(|(name, _)| *name == word) {
            return Ok(Value::Number(*constant));
        }
        let value = self.kept.get(word).cloned().or_else(|| (self.look_up)(word));
        let value = value.ok_or_else(|| {
            self.unknown.get_or_insert_with(|| word.to_owned());
            format!("the variable {word}")
        })?;
        if !self.used.iter().any(|(name, _)| name == word) {
            self.used.push((word.to_owned(), value.clone()));
        }
        Ok(value)
    }

    fn function(&mut self, name: &str) -> Evaluated {
        let Value::Tuple(list) = (match self.operand()? {
            tuple @ Value::Tuple(_) => tuple,
            one => Value::Tuple(vec![one]),
        }) else {
            return Err(self.beyond());
        };
        let mut list = list.into_iter();
        let first = list.next().ok_or_else(|| format!("{name} of nothing"))?;
        match name {
            "abs" => match first {
                Value::Number(number) => Ok(Value::Number(number.saturating_abs())),
                Value::Float(number) => Ok(Value::Float(number.abs())),
                _ => Err(self.beyond()),
            },
            "int" => match first {
                #[expect(clippy::cast_possible_truncation, reason = "that is what int is for")]
                Value::Float(number) => Ok(Value::Number(number as i128)),
                number => Ok(number),
            },
            "float" => first.as_float().map(Value::Float).ok_or_else(|| self.beyond()),
            "min" | "max" => {
                let sign = if name == "min" { "<" } else { ">" };
                list.try_fold(first, |best, next| {
                    Some(if compare(sign, &next, &best)? { next } else { best })
                })
                .ok_or_else(|| self.beyond())
            }
            other => Err(format!("the function {other} of Python")),
        }
    }
}

fn compare(sign: &str, left: &Value, right: &Value) -> Option<bool> {
    match sign {
        "==" | "is" => return Some(is_equal(left, right)),
        "!=" | "is not" => return Some(!is_equal(left, right)),
        "in" | "not in" => {
            let Value::Tuple(list) = right else { return None };
            let is_in = list.iter().any(|value| is_equal(left, value));
            return Some(is_in == (sign == "in"));
        }
        _ => {}
    }
    let order = match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => left.as_float()?.partial_cmp(&right.as_float()?)?,
    };
    Some(match sign {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn is_equal(left: &Value, right: &Value) -> bool {
    match (left.as_float(), right.as_float()) {
        #[expect(clippy::float_cmp, reason = "as Python compares them")]
        (Some(a), Some(b)) if !matches!((left, right), (Value::Number(_), Value::Number(_))) => a == b,
        _ => left == right,
    }
}

fn arithmetic(sign: &str, left: &Value, right: &Value) -> Option<Value> {
    if let (Value::Number(a), Value::Number(b)) = (left, right) {
        return match sign {
            "+" => a.checked_add(*b).map(Value::Number),
            "-" => a.checked_sub(*b).map(Value::Number),
            "*" => a.checked_mul(*b).map(Value::Number),
            // Python rounds down, towards negative infinity.
            "//" => (*b != 0).then(|| Value::Number(a.div_euclid(*b))),
            "%" => (*b != 0).then(|| Value::Number(a.rem_euclid(*b))),
            _ => (*b != 0).then(|| Some(Value::Float(left.as_float()? / right.as_float()?)))?,
        };
    }
    let (a, b) = (left.as_float()?, right.as_float()?);
    Some(Value::Float(match sign {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" if b != 0.0 => a / b,
        _ => return None,
    }))
}
