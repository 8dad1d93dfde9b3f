//! The inside of a JSON string: where it ends, and what its escapes stand for (RFC 8259 §7).

use std::borrow::Cow;

/// How many octets at the start of `text` stand for themselves: up to a quote, a backslash or a control character.
pub(super) fn plain_length(text: &[u8]) -> usize {
    let mut length = 0;
    let mut rest = text;
    // Eight octets at a time: claims are mostly text, and this loop is most of what reading them costs.
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return length + (marks.trailing_zeros() / 8) as usize;
        }
        length += word.len();
        rest = after;
    }
    let special = |octet: &u8| matches!(octet, b'"' | b'\\' | 0..=0x1f);
    length + rest.iter().position(special).unwrap_or(rest.len())
}

/// Sets the high bit of each octet that is a quote, a backslash or a control character.
///
/// A borrow may set bits above the lowest mark too; the lowest one is always right.
fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const QUOTES: u64 = 0x2222_2222_2222_2222;
    const BACKSLASHES: u64 = 0x5c5c_5c5c_5c5c_5c5c;
    const SPACES: u64 = 0x2020_2020_2020_2020;
    let below = |word: u64, bound: u64| word.wrapping_sub(bound) & !word;
    let quote = below(word ^ QUOTES, ONES);
    let backslash = below(word ^ BACKSLASHES, ONES);
    let control = below(word, SPACES);
    (quote | backslash | control) & HIGH
}

/// Reads the escape whose backslash stands just before `text`: the character, and how many octets it took.
///
/// `None` for an unknown escape and for half of a surrogate pair.
pub(super) fn escape(text: &[u8]) -> Option<(char, usize)> {
    let simple = match text.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text.get(1..)?),
        _ => return None,
    };
    Some((simple, 1))
}

fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let (first, rest) = code_unit(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        // `from_u32` refuses the second half of a pair that stands alone.
        return Some((char::from_u32(first)?, 5));
    }
    let (second, _) = code_unit(rest.strip_prefix(b"\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let high = first - 0xd800;
    Some((char::from_u32(0x1_0000 + (high << 10) + low)?, 11))
}

/// Exactly four hexadecimal digits.
fn code_unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let mut unit = 0;
    for digit in digits {
        unit = unit << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((unit, rest))
}

/// What the inside of a string stands for; `None` only for text that was never scanned.
pub(super) fn decode(inside: &str) -> Option<Cow<'_, str>> {
    let Some((plain, mut rest)) = inside.split_once('\\') else {
        return Some(Cow::Borrowed(inside));
    };
    // An escape is never shorter than the UTF-8 that it stands for.
    let mut decoded = String::with_capacity(inside.len());
    decoded.push_str(plain);
    loop {
        let (character, length) = escape(rest.as_bytes())?;
        decoded.push(character);
        rest = rest.get(length..)?;
        match rest.split_once('\\') {
            Some((plain, after)) => {
                decoded.push_str(plain);
                rest = after;
            }
            None => {
                decoded.push_str(rest);
                return Some(Cow::Owned(decoded));
            }
        }
    }
}
