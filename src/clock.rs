//! Wall-clock time as tokens carry it, and the clock that every check is handed.
//!
//! No check reads the system's time by itself: `now` is an argument, so that a test can turn the clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant as RFC 7519 §2 writes it: seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Kept to the millisecond, since a NumericDate may have a fraction. What lies beyond the range of an `i64`
/// of milliseconds is held at its end; arithmetic saturates and never panics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumericDate {
    milliseconds: i64,
}

impl NumericDate {
    /// The instant `seconds` after (or, if negative, before) the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self {
            milliseconds: seconds.saturating_mul(1000),
        }
    }

    /// Whole seconds since the epoch, a fraction cut off towards the past.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.milliseconds.div_euclid(1000)
    }

    /// This instant moved into the future by `span`.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self {
            milliseconds: self.milliseconds.saturating_add(span),
        }
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let span = i128::from(self.milliseconds) - i128::from(earlier.milliseconds);
        Duration::from_millis(u64::try_from(span.max(0)).unwrap_or(u64::MAX))
    }

    /// Reads the text of a JSON number, fraction and exponent included.
    ///
    /// `None` if the text is no number, or one that no finite binary64 can hold, such as `1e400`.
    pub(crate) fn from_json_number(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.parse::<i64>() {
            return Some(Self::from_seconds(seconds));
        }
        let seconds = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
        // `as` saturates; a number this large is the end of time either way.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturation is what is wanted"
        )]
        let milliseconds = (seconds * 1000.0).floor() as i64;
        Some(Self { milliseconds })
    }
}

impl fmt::Debug for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumericDate({self})")
    }
}

impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = self.milliseconds.rem_euclid(1000);
        let seconds = self.as_seconds();
        if fraction == 0 {
            write!(f, "{seconds}")
        } else {
            write!(f, "{seconds}+{fraction}ms")
        }
    }
}

impl From<SystemTime> for NumericDate {
    fn from(time: SystemTime) -> Self {
        let signed = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let milliseconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => signed(since),
            Err(before) => -signed(before.duration()),
        };
        Self { milliseconds }
    }
}

/// Tells the wall-clock time that `exp`, `nbf` and `iat` are compared with.
///
/// Closures implement it: `|| NumericDate::from_seconds(1_700_000_000)`.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> NumericDate;
}

impl<F> Clock for F
where
    F: Fn() -> NumericDate + Send + Sync + 'static,
{
    fn now(&self) -> NumericDate {
        self()
    }
}

/// The operating system's clock; the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> NumericDate {
        SystemTime::now().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_number_is_read_with_its_fraction_and_saturates() {
        let seconds = |text| NumericDate::from_json_number(text).map(NumericDate::as_seconds);
        for (text, want) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("1700000000", Some(1_700_000_000)),
            ("1700000000.9", Some(1_700_000_000)),
            ("-0.5", Some(-1)),
            ("1.7e9", Some(1_700_000_000)),
            ("9223372036854775807", Some(i64::MAX.div_euclid(1000))),
            ("18446744073709551616", Some(i64::MAX.div_euclid(1000))),
            ("-1e300", Some(i64::MIN.div_euclid(1000))),
            ("1e400", None),
            ("-1e400", None),
        ] {
            assert_eq!(seconds(text), want, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let end = NumericDate::from_seconds(i64::MAX);
        assert_eq!(end.saturating_add(Duration::MAX), end);
        let start = NumericDate::from_seconds(i64::MIN);
        assert_eq!(start.saturating_since(end), Duration::ZERO);
        assert!(end.saturating_since(start) > Duration::from_secs(1 << 53));
    }
}
