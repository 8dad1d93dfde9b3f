//! Where the members of one JSON object stand in its text.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::parser::{Nested, parse};
use super::value::Value;
use super::{JsonError, string};

/// An index of the members of one JSON object, sorted by name.
///
/// It holds offsets only, so that it can live beside the text it belongs to. With another text its methods find
/// nothing, or nonsense, but never panic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    name: u32,
    /// Where the inside of the name ends; the highest bit says that it holds an escape.
    name_end: u32,
    value: u32,
    value_end: u32,
}

const ESCAPED: u32 = 1 << 31;

/// Texts that are longer could not be indexed.
pub(super) const LONGEST: usize = ESCAPED as usize - 1;

/// Up to this many members are searched one by one.
const FEW: usize = 32;

impl Members {
    /// Reads one JSON object that is the whole of `text`, white space around it aside.
    pub(crate) fn scan(text: &str) -> Result<Self, JsonError> {
        Self::parse(text, Nested::Checked)
    }

    /// Like `scan`, but leaves repeated names within nested objects to whoever reads those.
    ///
    /// For a document whose parts are judged one by one, so that one bad part does not spoil the rest.
    pub(crate) fn scan_outermost(text: &str) -> Result<Self, JsonError> {
        Self::parse(text, Nested::Unchecked)
    }

    fn parse(text: &str, nested: Nested) -> Result<Self, JsonError> {
        let members = parse(text, nested)?;
        Ok(Self { members })
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

    /// How many bytes the index takes.
    pub(crate) fn weight(&self) -> usize {
        self.members.capacity() * size_of::<Member>()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl Member {
    /// A member whose value begins at `value`; where that ends is still to be told.
    pub(super) fn new(name: usize, name_end: usize, escaped: bool, value: usize) -> Self {
        let escaped = if escaped { ESCAPED } else { 0 };
        Self {
            name: offset(name),
            name_end: offset(name_end) | escaped,
            value: offset(value),
            value_end: offset(value),
        }
    }

    pub(super) fn end_value(&mut self, at: usize) {
        self.value_end = offset(at);
    }

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
        let (written, name) = (self.written_octets(text), name.as_bytes());
        // The first octet tells most names of one length apart, without a call.
        written.len() == name.len() && written.first() == name.first() && written == name
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
        lengths.then_with(|| {
            let (one, other) = (self.written_octets(text), other.written_octets(text));
            let first = one.first().cmp(&other.first());
            first.then_with(|| one.cmp(other))
        })
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

/// How `serde_json` names the one member of an object that stands for a raw value or a number of any length. An object of
/// that name would be read as what its value says.
const RESERVED: &str = "$serde_json::private::";

/// Sorts by name, and refuses if one is there twice or reserved.
pub(super) fn sort_distinct(members: &mut [Member], text: &str) -> Result<(), JsonError> {
    if members.iter().any(Member::escaped) {
        // Decodes each name once, however many comparisons a hostile text makes necessary.
        members.sort_by_cached_key(|member| {
            let name = member.name(text);
            (name.len(), name)
        });
    } else {
        members.sort_unstable_by(|one, other| one.compare_written(other, text));
    }
    let reserved = |member: &Member| {
        let first = member.written_octets(text).first();
        let may_be = first.is_some_and(|first| matches!(first, b'$' | b'\\'));
        may_be && member.name(text).starts_with(RESERVED)
    };
    if members.iter().any(reserved) {
        return Err(JsonError::ReservedName);
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

/// No offset is cut short: the parser refuses texts beyond `LONGEST`.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
