//! One JSON value as it stands in a text that was scanned.

use std::borrow::Cow;

use super::members::Members;
use super::scanner::Scanner;
use super::string;

/// A value, still in its JSON form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'t>(&'t str);

impl<'t> Value<'t> {
    /// `raw` must be a value of a text that was scanned.
    pub(super) fn scanned(raw: &'t str) -> Self {
        Self(raw)
    }

    /// The JSON text.
    pub(crate) fn raw(self) -> &'t str {
        self.0
    }

    /// What a string says; borrowed if it holds no escape.
    pub(crate) fn as_str(self) -> Option<Cow<'t, str>> {
        let inside = self.0.strip_prefix('"')?.strip_suffix('"')?;
        string::decode(inside)
    }

    /// The text of a number.
    pub(crate) fn as_number(self) -> Option<&'t str> {
        self.0
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then_some(self.0)
    }

    #[cfg(test)]
    pub(super) fn as_bool(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The elements of an array, in order.
    pub(crate) fn elements(self) -> Option<Elements<'t>> {
        self.0.starts_with('[').then(|| Elements {
            rest: self.0.get(1..).unwrap_or_default(),
        })
    }

    /// The members of an object, in order: their names, and what they hold.
    ///
    /// For one look at a small object; it allocates nothing but a name that was written with escapes.
    pub(crate) fn entries(self) -> Option<Entries<'t>> {
        self.0.starts_with('{').then(|| Entries {
            rest: self.0.get(1..).unwrap_or_default(),
        })
    }

    /// The members of an object, as offsets into `raw`.
    pub(crate) fn members(self) -> Option<Members> {
        Members::scan(self.0).ok()
    }
}

/// The elements of an array.
#[derive(Clone)]
pub(crate) struct Elements<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Elements<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Value<'t>> {
        let mut scanner = Scanner::new(self.rest);
        skip_separator(&mut scanner, b',');
        take_value(&mut self.rest, scanner)
    }
}

/// The members of an object.
pub(crate) struct Entries<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Entries<'t> {
    type Item = (Cow<'t, str>, Value<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut scanner = Scanner::new(self.rest);
        skip_separator(&mut scanner, b',');
        let name_start = scanner.at();
        scanner.string().ok()?;
        let name = Value(self.rest.get(name_start..scanner.at())?).as_str()?;
        skip_separator(&mut scanner, b':');
        Some((name, take_value(&mut self.rest, scanner)?))
    }
}

fn skip_separator(scanner: &mut Scanner<'_>, separator: u8) {
    scanner.skip_space();
    scanner.take(separator);
    scanner.skip_space();
}

/// The value that `scanner` has come to, and what follows it as the new `rest`.
fn take_value<'t>(rest: &mut &'t str, mut scanner: Scanner<'t>) -> Option<Value<'t>> {
    let start = scanner.at();
    skip_value(&mut scanner)?;
    let end = scanner.at();
    let raw = rest.get(start..end)?;
    *rest = rest.get(end..)?;
    Some(Value(raw))
}

/// Steps over a value of a text whose grammar was checked before; `None` where there is none.
fn skip_value(scanner: &mut Scanner<'_>) -> Option<()> {
    let mut depth: usize = 0;
    loop {
        match scanner.peek()? {
            open @ (b'{' | b'[') => {
                scanner.take(open);
                depth += 1;
            }
            close @ (b'}' | b']') => {
                // At depth zero this is the end of the array itself.
                depth = depth.checked_sub(1)?;
                scanner.take(close);
            }
            between @ (b',' | b':') if depth > 0 => {
                scanner.take(between);
            }
            _ => scanner.scalar().ok()?,
        }
        if depth == 0 {
            return Some(());
        }
        scanner.skip_space();
    }
}
