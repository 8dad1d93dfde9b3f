//! Where the members of one JSON object stand in its text.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::scanner::Scanner;
use super::value::Value;
use super::{JsonError, string};

/// The deepest nesting accepted, the object itself counted.
const DEPTH: usize = 32;

/// An index of the members of one JSON object, sorted by name.
///
/// It holds offsets only, so that it can live beside the text it belongs to. With another text its methods find
/// nothing, or nonsense, but never panic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    name: u32,
    /// Where the inside of the name ends; the highest bit says that it holds an escape.
    name_end: u32,
    value: u32,
    value_end: u32,
}

const ESCAPED: u32 = 1 << 31;

/// Up to this many members are searched one by one.
const FEW: usize = 32;

/// Whether repeated names are looked for in nested objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nested {
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

/// An array or object that is not closed yet.
#[derive(Clone, Copy)]
enum Open {
    Array,
    /// With the number of members known before its own.
    Object(usize),
}

impl Members {
    /// Reads one JSON object that is the whole of `text`, white space around it aside.
    pub(crate) fn scan(text: &str) -> Result<Self, JsonError> {
        Self::scan_with(text, Nested::Checked)
    }

    /// Like `scan`, but leaves repeated names within nested objects to whoever reads those.
    ///
    /// For a document whose parts are judged one by one, so that one bad part does not spoil the rest.
    pub(crate) fn scan_outermost(text: &str) -> Result<Self, JsonError> {
        Self::scan_with(text, Nested::Unchecked)
    }

    fn scan_with(text: &str, nested: Nested) -> Result<Self, JsonError> {
        if text.len() >= ESCAPED as usize {
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

    /// The value of the member of this name.
    pub(crate) fn get<'t>(&self, text: &'t str, name: &str) -> Option<Value<'t>> {
        // Measured: in the few members of a real token, looking at each length in turn is the faster search.
        let member = if self.members.len() <= FEW {
            self.members
                .iter()
                .find(|member| member.is_named(text, name))
        } else {
            let found = self
                .members
                .binary_search_by(|member| member.compare(text, name));
            self.members.get(found.ok()?)
        };
        Some(member?.value(text))
    }

    /// All members, by the length of their names and then by their octets.
    pub(crate) fn iter<'t>(
        &self,
        text: &'t str,
    ) -> impl ExactSizeIterator<Item = (Cow<'t, str>, Value<'t>)> {
        self.members
            .iter()
            .map(move |member| (member.name(text), member.value(text)))
    }

    /// The names of all members, in the order of `iter`.
    pub(crate) fn names<'t>(&self, text: &'t str) -> impl ExactSizeIterator<Item = Cow<'t, str>> {
        self.members.iter().map(move |member| member.name(text))
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Member {
    fn escaped(&self) -> bool {
        self.name_end & ESCAPED != 0
    }

    /// The inside of the name as it stands in the text.
    fn written_name<'t>(&self, text: &'t str) -> &'t str {
        slice(text, self.name, self.name_end & !ESCAPED)
    }

    fn name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let written = self.written_name(text);
        if self.escaped() {
            string::decode(written).unwrap_or_default()
        } else {
            Cow::Borrowed(written)
        }
    }

    fn value<'t>(&self, text: &'t str) -> Value<'t> {
        Value::scanned(slice(text, self.value, self.value_end))
    }

    fn is_named(&self, text: &str, name: &str) -> bool {
        if self.escaped() {
            return self.name(text) == name;
        }
        self.written_length() as usize == name.len() && self.written_octets(text) == name.as_bytes()
    }

    /// Compares the name with a decoded one.
    fn compare(&self, text: &str, name: &str) -> Ordering {
        if self.escaped() {
            return order(&self.name(text), name);
        }
        let lengths = (self.written_length() as usize).cmp(&name.len());
        lengths.then_with(|| self.written_octets(text).cmp(name.as_bytes()))
    }

    /// Compares the names of two members without an escape.
    fn compare_written(&self, other: &Self, text: &str) -> Ordering {
        let lengths = self.written_length().cmp(&other.written_length());
        lengths.then_with(|| self.written_octets(text).cmp(other.written_octets(text)))
    }

    fn same_name(&self, other: &Self, text: &str) -> bool {
        if self.escaped() || other.escaped() {
            self.name(text) == other.name(text)
        } else {
            self.compare_written(other, text).is_eq()
        }
    }

    fn written_octets<'t>(&self, text: &'t str) -> &'t [u8] {
        let (start, end) = (self.name as usize, (self.name_end & !ESCAPED) as usize);
        text.as_bytes().get(start..end).unwrap_or_default()
    }

    fn written_length(&self) -> u32 {
        (self.name_end & !ESCAPED).saturating_sub(self.name)
    }
}

/// Lengths first, since they mostly differ and cost nothing to compare.
fn order(one: &str, other: &str) -> Ordering {
    let lengths = one.len().cmp(&other.len());
    lengths.then_with(|| one.cmp(other))
}

fn slice(text: &str, start: u32, end: u32) -> &str {
    text.get(start as usize..end as usize).unwrap_or_default()
}

/// The index while it is built: the members of every object that is still open, the outermost one's first.
struct Index<'t> {
    text: &'t str,
    members: Vec<Member>,
}

impl<'t> Index<'t> {
    fn new(text: &'t str) -> Self {
        // No object has more members than its text has colons. Beyond 64 let the vector grow: the text may lie.
        // Counted in short runs, so that a run's count fits an octet and sixteen octets are looked at in one step.
        let count = |run: &[u8]| run.iter().map(|octet| u8::from(*octet == b':')).sum::<u8>();
        let colons: usize = text
            .as_bytes()
            .chunks(128)
            .map(|run| usize::from(count(run)))
            .sum();
        Self {
            text,
            members: Vec::with_capacity(colons.min(64)),
        }
    }

    fn begin(&mut self, name: usize, name_end: usize, escaped: bool, value: usize) {
        let escaped = if escaped { ESCAPED } else { 0 };
        self.members.push(Member {
            name: offset(name),
            name_end: offset(name_end) | escaped,
            value: offset(value),
            value_end: offset(value),
        });
    }

    /// A value has ended here; if it stands in an object, it is that of the last member.
    fn end(&mut self, within: Open, at: usize) {
        if let (Open::Object(_), Some(member)) = (within, self.members.last_mut()) {
            member.value_end = offset(at);
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

    fn finish(mut self) -> Result<Members, JsonError> {
        sort_distinct(&mut self.members, self.text)?;
        Ok(Members {
            members: self.members,
        })
    }
}

fn sort_distinct(members: &mut [Member], text: &str) -> Result<(), JsonError> {
    if members.iter().any(Member::escaped) {
        // Decodes each name once, however many comparisons a hostile text makes necessary.
        members.sort_by_cached_key(|member| {
            let name = member.name(text);
            (name.len(), name)
        });
    } else {
        members.sort_unstable_by(|one, other| one.compare_written(other, text));
    }
    let repeated = |pair: &[Member]| match pair {
        [one, other] => one.same_name(other, text),
        _ => false,
    };
    if members.windows(2).any(repeated) {
        return Err(JsonError::RepeatedName);
    }
    Ok(())
}

/// No offset is cut short: `scan_with` refuses texts in which one could be.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The arrays and objects around a place; the outermost object is always the first of them.
struct Stack {
    open: [Open; DEPTH],
    innermost: Open,
    depth: usize,
}

impl Stack {
    fn new() -> Self {
        Self {
            open: [Open::Object(0); DEPTH],
            innermost: Open::Object(0),
            depth: 1,
        }
    }

    fn innermost(&self) -> Open {
        self.innermost
    }

    fn bracket(&self) -> u8 {
        match self.innermost {
            Open::Array => b']',
            Open::Object(_) => b'}',
        }
    }

    fn push(&mut self, open: Open) -> Result<(), JsonError> {
        let place = self.open.get_mut(self.depth).ok_or(JsonError::TooDeep)?;
        *place = open;
        self.innermost = open;
        self.depth += 1;
        Ok(())
    }

    /// False if the outermost object was closed.
    fn pop(&mut self) -> bool {
        self.depth = self.depth.saturating_sub(1);
        let outer = self.depth.checked_sub(1).and_then(|at| self.open.get(at));
        if let Some(outer) = outer {
            self.innermost = *outer;
        }
        outer.is_some()
    }
}
