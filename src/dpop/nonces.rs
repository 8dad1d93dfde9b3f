//! Nonces that a server hands out, and keeps no list of (RFC 9449 §8, §9).

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;

use crate::clock::NumericDate;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{base64url, hmac_sha256};

/// RFC 7518 §3.2: as long as the hash.
const SHORTEST_SECRET: usize = 32;

/// Shorter than a client's way to us and back, or so long that a proof made in advance stays good for hours.
const LIFETIMES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));

/// What a code is made for: a secret that is used for something else too signs nothing that could be taken for a nonce.
const PURPOSE: &[u8] = b"tower-bearer: nonce for DPoP proofs\0";

/// 16 octets in base64url.
const LENGTH: usize = 22;

type Text = [u8; LENGTH];

/// Nonces that every proof has to carry, so that none can be made long before it is used (RFC 9449 §11.3).
///
/// A nonce is an HMAC-SHA-256 of the present span of time, cut to 128 bits: nothing is stored, one nonce serves all clients of that
/// span, and every server that has the secret knows it. A span is one [`lifetime`](Self::lifetime) long. Accepted are the nonces of
/// the present span and of the one before, so each is good for at least one lifetime and at most two; and that of the next, which
/// only a server of ours whose clock is ahead can have handed out.
///
/// A client that has no nonce, or an old one, is told `use_dpop_nonce` with the present one, and comes again. One that used the nonce
/// of the span before is given the present one with the answer.
///
/// # To replace a shared secret
///
/// 1. Every server gets the new one by [`also_accept`](Self::also_accept);
/// 2. then every server is given the new one as its own, and `also_accept`s the old one;
/// 3. two lifetimes later the old one is dropped.
///
/// No nonce is refused in any of these steps before its lifetime is over.
pub struct DpopNonces {
    /// The first is ours, and the others are accepted.
    secrets: Vec<Box<[u8]>>,
    lifetime: Duration,
    /// What was worked out last.
    span: ArcSwapOption<Span>,
}

/// What there is to know in one span of time.
struct Span {
    number: i64,
    /// To be handed out.
    present: HeaderValue,
    /// By every secret: the nonces of this span and the next.
    present_or_next: Vec<Text>,
    /// By every secret.
    previous: Vec<Text>,
}

/// What a nonce is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Present,
    /// It is good still, and the client should have another.
    Previous,
    Unknown,
}

impl DpopNonces {
    /// Nonces by a secret of at least 32 random octets, which all servers of a fleet are given.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] if the secret is shorter.
    pub fn shared(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self {
            secrets: vec![checked(secret.as_ref())?],
            lifetime: Duration::from_secs(300),
            span: ArcSwapOption::empty(),
        })
    }

    /// Nonces by a secret that this process makes for itself: no other server accepts them, nor this one after its next start.
    #[must_use]
    pub fn random() -> Self {
        Self {
            secrets: vec![crate::jose::random_secret().into()],
            lifetime: Duration::from_secs(300),
            span: ArcSwapOption::empty(),
        }
    }

    /// Accepts the nonces of another secret too: the one before, or the one to come.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn also_accept(mut self, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        self.secrets.push(checked(secret.as_ref())?);
        self.span = ArcSwapOption::empty();
        Ok(self)
    }

    /// How long a nonce is good for at least, in whole seconds; default five minutes. All servers of a fleet need the same.
    ///
    /// Shorter means that a proof made in advance is of less use, and that clients come a second time more often.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Limit`] if it is below ten seconds, or above an hour.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self, ConfigError> {
        let (least, most) = LIFETIMES;
        if lifetime < least || lifetime > most {
            let seconds = lifetime.as_secs_f64();
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                format!("a nonce's lifetime of {seconds} s is not within 10 s and 3600 s"),
            ));
        }
        self.lifetime = lifetime;
        self.span = ArcSwapOption::empty();
        Ok(self)
    }

    /// The nonce to hand out now.
    pub(super) fn present(&self, now: NumericDate) -> HeaderValue {
        self.span(now).present.clone()
    }

    /// What `nonce` is now.
    pub(super) fn age(&self, nonce: &str, now: NumericDate) -> Age {
        let span = self.span(now);
        let Ok(nonce) = nonce.as_bytes().try_into() else {
            return Age::Unknown;
        };
        // All are compared, whatever the first ones say.
        let (present, previous) = (
            is_among(nonce, &span.present_or_next),
            is_among(nonce, &span.previous),
        );
        match (present, previous) {
            (true, _) => Age::Present,
            (false, true) => Age::Previous,
            (false, false) => Age::Unknown,
        }
    }

    fn span(&self, now: NumericDate) -> Arc<Span> {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let number = now.as_seconds().div_euclid(lifetime.max(1));
        if let Some(span) = self.span.load_full().filter(|span| span.number == number) {
            return span;
        }
        let span = Arc::new(Span::new(&self.secrets, lifetime, number));
        self.span.store(Some(Arc::clone(&span)));
        span
    }
}

impl Span {
    fn new(secrets: &[Box<[u8]>], lifetime: i64, number: i64) -> Self {
        let of = move |secret: &[u8], number| nonce(secret, lifetime, number);
        let by_every = |number: i64| secrets.iter().map(move |secret| of(secret, number));
        let present = secrets.first().map(|secret| of(secret, number));
        Self {
            number,
            present: present
                .and_then(|text| HeaderValue::from_bytes(&text).ok())
                .expect("there is a secret, and base64url is fit for a header"),
            present_or_next: by_every(number)
                .chain(by_every(number.saturating_add(1)))
                .collect(),
            previous: by_every(number.saturating_sub(1)).collect(),
        }
    }
}

/// The nonce of a span by a secret.
/// The spans of another lifetime are others: each has nonces of its own.
fn nonce(secret: &[u8], lifetime: i64, span: i64) -> Text {
    let spans = [lifetime.to_be_bytes(), span.to_be_bytes()].concat();
    let code = hmac_sha256(secret, &[PURPOSE, &spans].concat());
    let [code @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = code;
    let mut text = [0; LENGTH];
    text.copy_from_slice(base64url::encode(code).as_bytes());
    text
}

/// Whether `nonce` is one of `known`, in a time that does not depend on where they differ.
fn is_among(nonce: &Text, known: &[Text]) -> bool {
    known.iter().fold(false, |found, known| {
        let octets = nonce.iter().zip(known);
        let differing = octets.fold(0, |bits, (one, other)| black_box(bits | (one ^ other)));
        found | (black_box(differing) == 0)
    })
}

fn checked(secret: &[u8]) -> Result<Box<[u8]>, ConfigError> {
    if secret.len() < SHORTEST_SECRET {
        let length = secret.len();
        return Err(ConfigError::new(
            ConfigErrorKind::Keys,
            format!(
                "a secret for nonces of {length} bytes, where at least {SHORTEST_SECRET} are needed"
            ),
        ));
    }
    Ok(secret.into())
}

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces")
            .field("secrets", &self.secrets.len())
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]
mod tests {
    use super::*;

    const OURS: [u8; 32] = [1; 32];
    const OTHER: [u8; 32] = [2; 32];

    const fn at(seconds: i64) -> NumericDate {
        NumericDate::from_seconds(seconds)
    }

    fn ours() -> DpopNonces {
        DpopNonces::shared(OURS).unwrap()
    }

    fn text(nonces: &DpopNonces, now: i64) -> String {
        nonces.present(at(now)).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_nonce_is_good_for_at_least_its_lifetime_and_at_most_two() {
        let nonces = ours();
        for handed_out in [3000, 3001, 3150, 3299] {
            let nonce = text(&nonces, handed_out);
            let age = |now| nonces.age(&nonce, at(now));
            assert_eq!(age(handed_out), Age::Present);
            assert_ne!(age(handed_out + 300), Age::Unknown);
            assert_eq!(age(3299), Age::Present);
            assert_eq!(age(3300), Age::Previous);
            assert_eq!(age(3599), Age::Previous);
            assert_eq!(age(3600), Age::Unknown);
            // Handed out by a server whose clock is ahead; and one that nobody can have handed out.
            assert_eq!(age(2999), Age::Present);
            assert_eq!(age(2699), Age::Unknown);
        }
    }

    #[test]
    fn it_changes_with_each_span_and_is_fit_for_a_header() {
        let nonces = ours();
        let mut seen = std::collections::HashSet::new();
        for span in -50..50 {
            let nonce = text(&nonces, span * 300);
            // RFC 9449 §8.1: 1*NQCHAR.
            assert_eq!(nonce.len(), LENGTH);
            assert!(
                nonce
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
            );
            assert!(seen.insert(nonce));
        }
    }

    #[test]
    fn servers_that_share_a_secret_accept_each_others_and_others_do_not() {
        let (one, other, stranger) = (ours(), ours(), DpopNonces::shared(OTHER).unwrap());
        let nonce = text(&one, 7000);
        assert_eq!(nonce, text(&other, 7000));
        assert_eq!(other.age(&nonce, at(7000)), Age::Present);
        assert_eq!(stranger.age(&nonce, at(7000)), Age::Unknown);
        assert_eq!(one.age(&text(&stranger, 7000), at(7000)), Age::Unknown);
    }

    #[test]
    fn a_nonce_of_another_lifetime_is_none_when_its_number_comes_again() {
        let lifetime = |seconds| ours().lifetime(Duration::from_secs(seconds)).unwrap();
        let (number, old, new) = (6_000_000, lifetime(300), lifetime(301));
        let nonce = text(&old, 300 * number);
        assert_ne!(nonce, text(&new, 301 * number));
    }

    #[test]
    fn random_nonces_are_good_where_they_were_made() {
        let (one, other) = (DpopNonces::random(), DpopNonces::random());
        let nonce = text(&one, 7000);
        assert_eq!(one.age(&nonce, at(7000)), Age::Present);
        assert_eq!(other.age(&nonce, at(7000)), Age::Unknown);
    }

    #[test]
    fn no_step_of_a_rotation_refuses_a_nonce_younger_than_its_lifetime() {
        // Each server of a fleet is at one of two neighbouring steps.
        let steps = [
            || ours(),
            || ours().also_accept(OTHER).unwrap(),
            || {
                DpopNonces::shared(OTHER)
                    .unwrap()
                    .also_accept(OURS)
                    .unwrap()
            },
        ];
        for pair in steps.windows(2) {
            for (giver, taker) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                for handed_out in (0..300).step_by(7) {
                    let nonce = text(&pair[giver](), handed_out);
                    for later in [0, 1, 299, 300] {
                        let age = pair[taker]().age(&nonce, at(handed_out + later));
                        assert_ne!(age, Age::Unknown, "{giver} {taker} {handed_out} {later}");
                    }
                }
            }
        }
        // The last step comes two lifetimes after the one before.
        let last = DpopNonces::shared(OTHER).unwrap();
        for handed_out in 0..300 {
            let nonce = text(&steps[2](), handed_out);
            assert_ne!(last.age(&nonce, at(handed_out + 300)), Age::Unknown);
        }
    }

    #[test]
    fn what_is_nearly_a_nonce_is_none() {
        let nonces = ours();
        let nonce = text(&nonces, 7000);
        let unknown =
            |wrong: &str| assert_eq!(nonces.age(wrong, at(7000)), Age::Unknown, "{wrong}");
        unknown("");
        unknown(&nonce[1..]);
        unknown(&format!("{nonce}A"));
        unknown(&format!("{nonce}="));
        unknown(&nonce.to_ascii_lowercase());
        for index in 0..nonce.len() {
            let mut octets = nonce.clone().into_bytes();
            octets[index] = if octets[index] == b'A' { b'B' } else { b'A' };
            unknown(&String::from_utf8(octets).unwrap());
        }
    }

    #[test]
    fn a_clock_turned_back_is_followed() {
        let nonces = ours();
        let early = text(&nonces, 1000);
        assert_ne!(text(&nonces, 100_000), early);
        assert_eq!(text(&nonces, 1000), early);
        assert_eq!(nonces.age(&early, at(1000)), Age::Present);
        for end in [i64::MIN, i64::MAX] {
            assert_eq!(nonces.age(&text(&nonces, end), at(end)), Age::Present);
        }
    }

    #[test]
    fn weak_settings_are_refused() {
        let kind =
            |outcome: Result<DpopNonces, ConfigError>| outcome.err().map(|error| error.kind());
        assert_eq!(
            kind(DpopNonces::shared([0; 31])),
            Some(ConfigErrorKind::Keys)
        );
        assert_eq!(
            kind(ours().also_accept([0; 31])),
            Some(ConfigErrorKind::Keys)
        );
        for (seconds, want) in [(9, false), (10, true), (3600, true), (3601, false)] {
            let outcome = ours().lifetime(Duration::from_secs(seconds));
            assert_eq!(outcome.is_ok(), want, "{seconds}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?}",
            DpopNonces::shared(*b"a secret that nobody must see ...").unwrap()
        );
        assert!(
            !shown.contains("secret that") && !shown.contains("97, 32"),
            "{shown}"
        );
    }
}
