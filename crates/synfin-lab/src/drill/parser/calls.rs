//! System calls: `0.1...0.2 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)`.

use core::time::Duration;

use super::{DEPTH_MAX, Defined, Parsed, Parser};
use crate::drill::lexer::Kind;
use crate::drill::script::{Call, Expression, What};

impl Parser<'_> {
    pub(super) fn call(&mut self, end: Option<Duration>) -> Parsed<What> {
        let name = self.word("the name of a system call")?.to_owned();
        self.expect('(')?;
        let arguments = self.expressions(')')?;
        self.expect('=')?;
        let result = self.expression()?;
        let mut error = None;
        if let Kind::Word(word) = self.token.kind {
            if !word.starts_with('E') {
                return Err(self.error("expected the name of an error, such as EAGAIN, or the next event"));
            }
            error = Some(word.to_owned());
            self.advance()?;
        }
        // What the error means, or a note, in parentheses.
        if self.take('(')? {
            while self.token.kind != Kind::Sign(')') {
                if self.token.kind == Kind::End {
                    return Err(self.error("expected )"));
                }
                self.advance()?;
            }
            self.advance()?;
        }
        Ok(What::Call(Call { end, name, arguments, result, error }))
    }

    /// Expressions between commas, and what closes them.
    fn expressions(&mut self, close: char) -> Parsed<Vec<Expression>> {
        let mut list = Vec::new();
        if self.take(close)? {
            return Ok(list);
        }
        loop {
            list.push(self.expression()?);
            if self.take(close)? {
                return Ok(list);
            }
            if !self.take(',')? {
                return Err(self.error(format!("expected , or {close}")));
            }
        }
    }

    fn expression(&mut self) -> Parsed<Expression> {
        if self.depth >= DEPTH_MAX {
            return Err(self.error("structures within structures, too deep"));
        }
        self.depth += 1;
        let mut left = self.operand()?;
        while self.take('|')? {
            let right = self.operand()?;
            left = Expression::Or(Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Expression> {
        Ok(match self.token.kind {
            Kind::Ellipsis => {
                self.advance()?;
                Expression::Ellipsis
            }
            Kind::Number(number) => {
                self.advance()?;
                Expression::Number(number)
            }
            Kind::Text(_) => self.text()?,
            Kind::Sign('[') => {
                self.advance()?;
                Expression::List(self.expressions(']')?)
            }
            Kind::Sign('{') => {
                self.advance()?;
                Expression::Structure(self.expressions('}')?)
            }
            Kind::Word(word) => {
                self.advance()?;
                self.named(word)?
            }
            _ => return Err(self.error("expected a number, a name, \"text\", ..., [ or {")),
        })
    }

    /// Texts that follow each other are one. An ellipsis after it says that more follows: any.
    fn text(&mut self) -> Parsed<Expression> {
        let mut whole = String::new();
        while let Kind::Text(text) = self.token.kind {
            whole.push_str(&unescaped(text));
            self.advance()?;
        }
        if self.token.kind == Kind::Ellipsis {
            self.advance()?;
            return Ok(Expression::Ellipsis);
        }
        Ok(Expression::Text(whole))
    }

    /// `NAME`, `name=value`, `name(…)=value`, `function(…)`.
    fn named(&mut self, word: &str) -> Parsed<Expression> {
        if self.take('=')? {
            let value = self.expression()?;
            return Ok(Expression::Field(word.to_owned(), Box::new(value)));
        }
        if self.take('(')? {
            let arguments = self.expressions(')')?;
            if self.take('=')? {
                let value = self.expression()?;
                return Ok(Expression::Field(word.to_owned(), Box::new(value)));
            }
            return Ok(Expression::Function(word.to_owned(), arguments));
        }
        Ok(match self.defined(word) {
            Some(Defined::Text(text)) => Expression::Text(text),
            Some(Defined::Word(value)) => match value.parse() {
                Ok(number) => Expression::Number(number),
                Err(_) => Expression::Word(value),
            },
            None => Expression::Word(word.to_owned()),
        })
    }
}

/// What the escapes of C stand for.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('0') => out.push('\0'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
