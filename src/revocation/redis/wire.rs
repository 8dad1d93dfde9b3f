//! Revocations as Redis holds and sends them.
//!
//! | what | where | form |
//! |---|---|---|
//! | a revocation | `{namespace}:` and the text of its [`Fingerprint`] | `1 `, up to when issued, ` `, until when remembered; the first `*` if whenever |
//! | a new or grown one | published on `{namespace}:revoked` | its fingerprint's text, ` `, its value |
//! | which life of Redis this is | `{namespace}:mark` | anything; gone or different when Redis was emptied |

use ::redis::{Cmd, Value, cmd};

use crate::clock::NumericDate;
use crate::redis::{Failure, FailureKind, Redis};
use crate::revocation::{Entry, Fingerprint};

/// As much as is read of a value: more than any of ours has.
const READ: usize = 64;
/// Instants beyond this many seconds are held at it: a script's numbers have 53 bits.
const LATEST: i64 = 9_999_999_999_999;
/// How much longer Redis holds an entry than it is needed by the clock of whoever wrote it, which may be ahead of others'. That is
/// what the clocks may differ, and what each entry costs.
const CLOCKS: i64 = 600;
/// Redis adds the time to its own; this is far beyond any entry, and far from where that overflows.
const LONGEST: i64 = 100 * 365 * 24 * 60 * 60;

/// Names and commands of one namespace.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    prefix: String,
    pub(super) channel: String,
    pub(super) mark: String,
    /// Of our keys and nothing longer: what others have put beside them is not even named.
    pattern: String,
}

/// What stands under one of our keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing, or an empty text.
    Empty,
    /// A revocation.
    Entry(Entry),
    /// Something else: it counts as a revocation for ever.
    Unreadable,
}

impl Wire {
    pub(super) fn of(redis: &Redis) -> Self {
        Self {
            prefix: redis.key(""),
            channel: redis.key("revoked"),
            mark: redis.key("mark"),
            pattern: redis.key("?".repeat(Fingerprint::TEXT_LENGTH)),
        }
    }

    pub(super) fn key(&self, fingerprint: Fingerprint) -> String {
        let mut key = self.prefix.clone();
        key.push_str(&fingerprint.to_text());
        key
    }

    /// Whose key this is; `None` if it is not ours.
    pub(super) fn fingerprint(&self, key: &[u8]) -> Option<Fingerprint> {
        let key = std::str::from_utf8(key).ok()?;
        Fingerprint::from_text(key.strip_prefix(&self.prefix)?)
    }

    pub(super) fn read(&self, key: &str) -> Cmd {
        let mut read = cmd("GETRANGE");
        read.arg(key).arg(0).arg(READ - 1);
        read
    }

    pub(super) fn scan(&self, cursor: &[u8], count: usize) -> Cmd {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&self.pattern);
        scan.arg("COUNT").arg(count);
        scan
    }

    /// Takes `entries` in beside what Redis holds, and tells all who listen of those that grew.
    pub(super) fn write(&self, entries: &[(Fingerprint, Entry)], now: NumericDate) -> Cmd {
        let mut write = cmd("EVAL");
        write.arg(WRITE).arg(entries.len());
        for (fingerprint, _) in entries {
            write.arg(self.key(*fingerprint));
        }
        write.arg(&self.channel);
        for (fingerprint, entry) in entries {
            let left = entry.until.saturating_sub(now.as_seconds());
            let left = left.saturating_add(CLOCKS).clamp(1, LONGEST);
            write
                .arg(fingerprint.to_text())
                .arg(instant(entry.up_to))
                .arg(instant(entry.until.min(LATEST)))
                .arg(left.saturating_mul(1000));
        }
        write
    }
}

/// Neither instant becomes an earlier one, nor does the life of the key. What cannot be read is left as it is: all take it for a
/// revocation for ever, and to write would be to take that back. Told is what has grown; answered 1, or 0 where nothing could be written.
const WRITE: &str = r"
local function later(a, b)
  if a == '*' or b == '*' then return '*' end
  if tonumber(a) >= tonumber(b) then return a end
  return b
end
local answers = {}
for i, key in ipairs(KEYS) do
  local name, up_to, last, life = ARGV[4 * i - 2], ARGV[4 * i - 1], ARGV[4 * i], tonumber(ARGV[4 * i + 1])
  local held = redis.pcall('GETRANGE', key, 0, 63)
  local readable = type(held) == 'string'
  local left = -2
  if readable then
    local held_up_to, held_last = string.match(held, '^1 (%*) (%d+)$')
    if not held_up_to then held_up_to, held_last = string.match(held, '^1 (%d+) (%d+)$') end
    if held_up_to and #held_up_to <= 13 and #held_last <= 13 then
      up_to, last = later(held_up_to, up_to), later(held_last, last)
      left = redis.call('PTTL', key)
    else
      readable = held == '' and redis.call('EXISTS', key) == 0
    end
  end
  local value = '1 ' .. up_to .. ' ' .. last
  if not readable then
    redis.call('PUBLISH', ARGV[1], name .. ' ' .. value)
  elseif left == -1 then
    if value ~= held then redis.call('SET', key, value) end
  elseif value ~= held or left < life then
    redis.call('SET', key, value, 'PX', string.format('%.0f', math.max(life, left)))
  end
  if readable and value ~= held then redis.call('PUBLISH', ARGV[1], name .. ' ' .. value) end
  answers[i] = readable and 1 or 0
end
return answers
";

fn instant(seconds: i64) -> String {
    if seconds == i64::MAX {
        "*".to_owned()
    } else {
        seconds.clamp(0, LATEST).to_string()
    }
}

/// What was read of one of our keys.
pub(super) fn held(value: &Value) -> Result<Held, Failure> {
    match value {
        Value::BulkString(text) if text.is_empty() => Ok(Held::Empty),
        Value::BulkString(text) => Ok(entry(text).map_or(Held::Unreadable, Held::Entry)),
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Held::Unreadable),
        value => Err(crate::redis::refusal(value).unwrap_or(FailureKind::Unexpected.into())),
    }
}

/// What a message tells; `None` if it is none of ours.
pub(super) fn message(text: &[u8]) -> Option<(Fingerprint, Entry)> {
    let (name, rest) = text.split_at_checked(Fingerprint::TEXT_LENGTH)?;
    let fingerprint = Fingerprint::from_text(std::str::from_utf8(name).ok()?)?;
    Some((fingerprint, entry(rest.strip_prefix(b" ")?)?))
}

fn entry(text: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(text).ok()?;
    let (up_to, until) = text.strip_prefix("1 ")?.split_once(' ')?;
    Some(Entry {
        up_to: match up_to {
            "*" => i64::MAX,
            up_to => seconds(up_to)?,
        },
        until: seconds(until)?,
    })
}

fn seconds(text: &str) -> Option<i64> {
    let digits = (1..=13).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(text: &str) -> Option<(i64, i64)> {
        entry(text.as_bytes()).map(|entry| (entry.up_to, entry.until))
    }

    #[test]
    fn a_value_is_read_in_its_one_form_and_in_no_other() {
        for (text, want) in [
            (
                "1 1800000000 1800000600",
                Some((1_800_000_000, 1_800_000_600)),
            ),
            ("1 * 1800000600", Some((i64::MAX, 1_800_000_600))),
            ("1 0 9999999999999", Some((0, LATEST))),
            ("", None),
            ("1", None),
            ("1 1800000000", None),
            ("1 1800000000 *", None),
            ("1 -1 1800000000", None),
            ("1 +1 1800000000", None),
            ("1 1800000000 1800000600 ", None),
            ("1 1800000000  1800000600", None),
            ("1 99999999999999 1800000600", None),
            ("2 1800000000 1800000600", None),
            ("1 1.5 1800000600", None),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn a_message_names_one_fingerprint_and_tells_one_value() {
        let fingerprint = Fingerprint::session("https://id.example", "one");
        let name = fingerprint.to_text();
        let told = message(format!("{name} 1 * 1800000600").as_bytes()).unwrap();
        assert_eq!(told.0, fingerprint);
        for text in [
            String::new(),
            name.clone(),
            format!("{name} "),
            format!("{name}1 * 1800000600"),
            format!("x{name} 1 * 1800000600"),
            "ä".repeat(30),
            "x".repeat(10_000),
        ] {
            assert!(message(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn only_keys_of_our_shape_are_ours() {
        let wire = Wire::of(&Redis::single("redis://a").unwrap());
        let fingerprint = Fingerprint::issuer("https://id.example");
        let key = wire.key(fingerprint);
        assert_eq!(wire.fingerprint(key.as_bytes()), Some(fingerprint));
        assert_eq!(wire.pattern.len(), key.len());
        for other in [
            format!("{key}x"),
            key.replace("tower", "rower"),
            wire.mark.clone(),
            wire.channel.clone(),
            String::new(),
        ] {
            assert_eq!(wire.fingerprint(other.as_bytes()), None, "{other}");
        }
        assert_eq!(wire.fingerprint(b"{tower-bearer}:\xff"), None);
    }
}
