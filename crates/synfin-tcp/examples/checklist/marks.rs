//! Marks in the sources: `MUST-23` in a comment, and what it stands at.
//!
//! A mark in the code says: here it is done. A mark at a test, in the comment above it or in its body, says: this
//! shows it. A mark in test code that belongs to no test shows nothing, and is a fault.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a mark stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Site {
    /// File, from the root of the repository.
    pub(crate) file: String,
    /// Line of the mark.
    pub(crate) line: usize,
    /// The test that it belongs to; nothing in code.
    pub(crate) test: Option<String>,
}

/// A mark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) id: String,
    pub(crate) site: Site,
    /// Whether it stands among tests.
    pub(crate) is_among_tests: bool,
}

/// All marks of the sources under these folders, from the root on.
pub(crate) fn collect(root: &Path, folders: &[&str]) -> io::Result<Vec<Mark>> {
    let mut marks = Vec::new();
    for folder in folders {
        let mut files = Vec::new();
        walk(&root.join(folder), &mut files)?;
        files.sort();
        for path in files {
            let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)?;
            if file.ends_with(".pkt") {
                marks.extend(script_marks(&file, &text));
            } else {
                marks.extend(scan(&file, &text));
            }
        }
    }
    Ok(marks)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "pkt") {
            files.push(path);
        }
    }
    Ok(())
}

/// The numbers in a comment.
fn numbers(comment: &str) -> impl Iterator<Item = &str> {
    comment.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| {
        let number = ["MUST-", "SHLD-", "MAY-", "REC-"].iter().find_map(|kind| word.strip_prefix(kind));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// A script of packetdrill is one test.
fn script_marks(file: &str, text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (line, comment) in (1..).zip(text.lines()) {
        for id in numbers(comment) {
            let site = Site { file: file.to_owned(), line, test: Some("script".to_owned()) };
            marks.push(Mark { id: id.to_owned(), site, is_among_tests: true });
        }
    }
    marks
}

/// What the structure of a source takes to be seen.
#[derive(Debug)]
enum Token {
    Comment(String),
    Word(String),
    Sign(char),
}

/// Cuts a source into comments, words and signs, each with its line. What is in strings is left out.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line) = (0, 1);
    let peek = |at: usize| chars.get(at).copied().unwrap_or('\0');
    while at < chars.len() {
        let c = peek(at);
        if c == '\n' {
            line += 1;
            at += 1;
        } else if c == '/' && peek(at + 1) == '/' {
            let end = (at..chars.len()).find(|&i| peek(i) == '\n').unwrap_or(chars.len());
            tokens.push((line, Token::Comment(chars.get(at..end).unwrap_or_default().iter().collect())));
            at = end;
        } else if c == '/' && peek(at + 1) == '*' {
            let mut depth = 0;
            while at < chars.len() {
                match (peek(at), peek(at + 1)) {
                    ('/', '*') => (depth, at) = (depth + 1, at + 2),
                    ('*', '/') => (depth, at) = (depth - 1, at + 2),
                    (c, _) => (line, at) = (line + usize::from(c == '\n'), at + 1),
                }
                if depth == 0 {
                    break;
                }
            }
        } else if c == '"' {
            at += 1;
            while at < chars.len() && peek(at) != '"' {
                line += usize::from(peek(at) == '\n');
                let is_escape = peek(at) == '\\';
                line += usize::from(is_escape && peek(at + 1) == '\n');
                at += if is_escape { 2 } else { 1 };
            }
            at += 1;
        } else if c == 'r'
            && (peek(at + 1) == '"' || (peek(at + 1) == '#' && matches!(peek(at + 2), '"' | '#')))
        {
            let hashes = (at + 1..).take_while(|&i| peek(i) == '#').count();
            at += hashes + 2;
            while at < chars.len() && !(peek(at) == '"' && (1..=hashes).all(|i| peek(at + i) == '#')) {
                line += usize::from(peek(at) == '\n');
                at += 1;
            }
            at += hashes + 1;
        } else if c == '\'' {
            // A character, or a lifetime.
            let is_char = peek(at + 1) == '\\' || peek(at + 2) == '\'';
            at += 1;
            if is_char {
                at += if peek(at) == '\\' { 2 } else { 1 };
                while at < chars.len() && peek(at) != '\'' {
                    at += 1;
                }
                at += 1;
            }
        } else if c.is_alphanumeric() || c == '_' {
            let end = (at..chars.len())
                .find(|&i| !peek(i).is_alphanumeric() && peek(i) != '_')
                .unwrap_or(chars.len());
            tokens.push((line, Token::Word(chars.get(at..end).unwrap_or_default().iter().collect())));
            at = end;
        } else {
            if !c.is_whitespace() {
                tokens.push((line, Token::Sign(c)));
            }
            at += 1;
        }
    }
    tokens
}

/// Where a scan stands.
struct Scan<'f> {
    file: &'f str,
    depth: usize,
    /// Depth of the test module that it is in.
    tests_at: Option<usize>,
    /// Name of the test that it is in, and its depth.
    test: Option<(String, usize)>,
    /// Marks above something that may prove to be a test.
    waiting: Vec<(usize, String)>,
    marks: Vec<Mark>,
}

/// The marks of one source.
pub(crate) fn scan(file: &str, text: &str) -> Vec<Mark> {
    let is_test_file = file.contains("/tests/") || file.ends_with("/tests.rs");
    let mut scan = Scan {
        file,
        depth: 0,
        tests_at: is_test_file.then_some(0),
        test: None,
        waiting: Vec::new(),
        marks: Vec::new(),
    };
    let tokens = tokens(text);
    let word = |at: usize| match tokens.get(at) {
        Some((_, Token::Word(word))) => word.as_str(),
        _ => "",
    };
    let sign = |at: usize| match tokens.get(at) {
        Some((_, Token::Sign(sign))) => *sign,
        _ => ' ',
    };
    let (mut is_test, mut is_test_module, mut name) = (false, false, None);
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token {
            Token::Comment(comment) => scan.comment(*line, comment),
            Token::Sign('#') if sign(at + 1) == '[' => {
                is_test |= word(at + 2) == "test" && sign(at + 3) == ']';
                is_test_module |= word(at + 2) == "cfg" && word(at + 4) == "test";
            }
            Token::Word(keyword) if keyword == "fn" && scan.test.is_none() => {
                if std::mem::take(&mut is_test) {
                    name = Some(word(at + 1).to_owned());
                } else {
                    scan.settle();
                }
                is_test_module = false;
            }
            Token::Sign('{') => {
                scan.depth += 1;
                if let Some(name) = name.take() {
                    scan.begin_test(name);
                } else if std::mem::take(&mut is_test_module) && scan.tests_at.is_none() {
                    scan.settle();
                    scan.tests_at = Some(scan.depth);
                }
            }
            Token::Sign('}') => scan.close(),
            Token::Sign(';') if scan.test.is_none() && name.is_none() => {
                scan.settle();
                is_test_module = false;
            }
            _ => {}
        }
    }
    scan.settle();
    scan.marks
}

impl Scan<'_> {
    fn comment(&mut self, line: usize, comment: &str) {
        let found: Vec<_> = numbers(comment).map(|id| (line, id.to_owned())).collect();
        match &self.test {
            Some((name, _)) => {
                let name = name.clone();
                found.into_iter().for_each(|(line, id)| self.push(line, id, Some(name.clone())));
            }
            None => self.waiting.extend(found),
        }
    }

    fn push(&mut self, line: usize, id: String, test: Option<String>) {
        let is_among_tests = self.tests_at.is_some();
        self.marks.push(Mark { id, site: Site { file: self.file.to_owned(), line, test }, is_among_tests });
    }

    /// What waited belongs to no test.
    fn settle(&mut self) {
        for (line, id) in std::mem::take(&mut self.waiting) {
            self.push(line, id, None);
        }
    }

    /// What waited belongs to this test.
    fn begin_test(&mut self, name: String) {
        for (line, id) in std::mem::take(&mut self.waiting) {
            self.push(line, id, Some(name.clone()));
        }
        self.test = Some((name, self.depth));
    }

    fn close(&mut self) {
        if self.test.as_ref().is_some_and(|(_, depth)| *depth == self.depth) {
            self.test = None;
        }
        self.settle();
        if self.tests_at == Some(self.depth) && self.depth > 0 {
            self.tests_at = None;
        }
        self.depth = self.depth.saturating_sub(1);
    }
}
