//! The grammar of JSON objects and arrays (RFC 8259 §4, §5), without recursion.

use super::JsonError;
use super::members::{LONGEST, Member, sort_distinct};
use super::scanner::Scanner;
use super::stack::{Open, Stack};
use crate::jose::octets;

/// Whether repeated names are looked for in nested objects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nested {
    Checked,
    Unchecked,
}

/// What the grammar wants next.
enum Next {
    FirstName,
    Name,
    FirstElement,
    Value,
    /// A comma or a closing bracket.
    Separator,
}

/// Reads one JSON object that is the whole of `text`, white space around it aside; gives its members sorted by name.
pub(super) fn parse(text: &str, nested: Nested) -> Result<Vec<Member>, JsonError> {
    if text.len() > LONGEST {
        return Err(JsonError::TooLong);
    }
    let mut scanner = Scanner::new(text);
    scanner.skip_space();
    if !scanner.take(b'{') {
        return Err(JsonError::NotAnObject);
    }
    let mut index = Index::new(text);
    let mut stack = Stack::new();
    let mut next = Next::FirstName;
    loop {
        scanner.skip_space();
        next = match next {
            Next::FirstName | Next::FirstElement if scanner.peek() == Some(stack.bracket()) => {
                Next::Separator
            }
            Next::FirstName | Next::Name => {
                let name = scanner.at() + 1;
                let (name_end, escaped) = scanner.string()?;
                scanner.skip_space();
                if !scanner.take(b':') {
                    return Err(JsonError::Syntax);
                }
                scanner.skip_space();
                index.begin(name, name_end, escaped, scanner.at());
                Next::Value
            }
            Next::FirstElement | Next::Value => {
                if scanner.take(b'{') {
                    stack.push(Open::Object(index.members.len()))?;
                    Next::FirstName
                } else if scanner.take(b'[') {
                    stack.push(Open::Array)?;
                    Next::FirstElement
                } else {
                    scanner.scalar()?;
                    index.end(stack.innermost(), scanner.at());
                    Next::Separator
                }
            }
            Next::Separator if scanner.take(b',') => match stack.innermost() {
                Open::Array => Next::Value,
                Open::Object(_) => Next::Name,
            },
            Next::Separator => {
                if !scanner.take(stack.bracket()) {
                    return Err(JsonError::Syntax);
                }
                let closed = stack.innermost();
                if !stack.pop() {
                    break;
                }
                if let Open::Object(first) = closed {
                    index.close_nested(first, nested)?;
                }
                index.end(stack.innermost(), scanner.at());
                Next::Separator
            }
        };
    }
    scanner.skip_space();
    if scanner.peek().is_some() {
        return Err(JsonError::Syntax);
    }
    index.finish()
}

/// The index while it is built: the members of every object that is still open, the outermost one's first.
struct Index<'t> {
    text: &'t str,
    members: Vec<Member>,
}

impl<'t> Index<'t> {
    fn new(text: &'t str) -> Self {
        // No object has more members than its text has colons. Beyond 64 let the vector grow: the text may lie.
        let colons = octets::count(text.as_bytes(), b':');
        Self {
            text,
            members: Vec::with_capacity(colons.min(64)),
        }
    }

    fn begin(&mut self, name: usize, name_end: usize, escaped: bool, value: usize) {
        self.members
            .push(Member::new(name, name_end, escaped, value));
    }

    /// A value has ended here; if it stands in an object, it is that of the last member.
    fn end(&mut self, within: Open, at: usize) {
        if let (Open::Object(_), Some(member)) = (within, self.members.last_mut()) {
            member.end_value(at);
        }
    }

    /// Forgets the members of a nested object, after looking for repeated names among them.
    fn close_nested(&mut self, first: usize, nested: Nested) -> Result<(), JsonError> {
        if nested == Nested::Checked {
            let members = self.members.get_mut(first..).unwrap_or_default();
            sort_distinct(members, self.text)?;
        }
        self.members.truncate(first);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Member>, JsonError> {
        sort_distinct(&mut self.members, self.text)?;
        Ok(self.members)
    }
}
