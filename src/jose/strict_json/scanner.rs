//! The tokens of JSON (RFC 8259), one after the other.

use super::JsonError;
use super::string;

/// A place in a text.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `octet` if it is next.
    pub(super) fn take(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        if found {
            self.at += 1;
        }
        found
    }

    /// Steps over a string; tells where its inside ends, and whether it holds an escape.
    pub(super) fn string(&mut self) -> Result<(usize, bool), JsonError> {
        if !self.take(b'"') {
            return Err(JsonError::Syntax);
        }
        let mut escaped = false;
        loop {
            self.at += string::plain_length(self.rest());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((self.at - 1, escaped));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let (_, length) = string::escape(self.rest()).ok_or(JsonError::Syntax)?;
                    self.at += length;
                    escaped = true;
                }
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    /// Steps over a string, number, `true`, `false` or `null`.
    pub(super) fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        let exponent = self.take(b'e') || self.take(b'E');
        if exponent {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        // Only with an exponent or by sheer length can a number leave the range of a binary64.
        if exponent || self.at - start > 300 {
            // A little short of the end of that range, where readers round differently.
            const LARGEST: f64 = 1.797e308;
            let number = self.text.get(start..self.at);
            number
                .and_then(|number| number.parse::<f64>().ok())
                .filter(|number| number.abs() <= LARGEST)
                .ok_or(JsonError::Syntax)?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self
            .rest()
            .iter()
            .take_while(|octet| octet.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 {
            Err(JsonError::Syntax)
        } else {
            Ok(())
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}
