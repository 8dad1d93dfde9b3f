//! What stands for a token, a session, a subject or an issuer wherever revocations are kept.

#[cfg(any(test, feature = "redis"))]
use crate::jose::base64url;
use crate::jose::sha256;

/// What a [`Fingerprint`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// One token, by its `jti`.
    Token,
    /// One token that has no `jti`, by a digest of it.
    Digest,
    /// A session, by its `sid`.
    Session,
    /// A subject, by its `sub`.
    Subject,
    /// An issuer.
    Issuer,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Token,
        Self::Digest,
        Self::Session,
        Self::Subject,
        Self::Issuer,
    ];

    const fn letter(self) -> char {
        match self {
            Self::Token => 't',
            Self::Digest => 'd',
            Self::Session => 's',
            Self::Subject => 'u',
            Self::Issuer => 'i',
        }
    }
}

/// 128 bits of SHA-256 over the kind, the issuer and a name that the issuer gave. Nothing that it was made of can be read from it, and two
/// issuers that give the same name have two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint {
    kind: Kind,
    octets: [u8; 16],
}

impl Fingerprint {
    /// How long [`to_text`](Self::to_text) is, in bytes.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) const TEXT_LENGTH: usize = 23;

    pub(crate) fn token_id(issuer: &str, token_id: &str) -> Self {
        Self::of(Kind::Token, issuer, token_id.as_bytes())
    }

    /// Of a token without `jti`. `identity` is the *signed part* of a JWT, header and payload, since an ECDSA signature has a second good
    /// form, which anyone can compute; it is the whole text of an opaque token.
    pub(crate) fn digest(issuer: &str, identity: &[u8]) -> Self {
        Self::of(Kind::Digest, issuer, identity)
    }

    pub(crate) fn session(issuer: &str, session: &str) -> Self {
        Self::of(Kind::Session, issuer, session.as_bytes())
    }

    pub(crate) fn subject(issuer: &str, subject: &str) -> Self {
        Self::of(Kind::Subject, issuer, subject.as_bytes())
    }

    pub(crate) fn issuer(issuer: &str) -> Self {
        Self::of(Kind::Issuer, issuer, &[])
    }

    /// The lengths stand before what they are of: else `("ab", "c")` and `("a", "bc")` were one.
    fn of(kind: Kind, issuer: &str, name: &[u8]) -> Self {
        let mut message = Vec::with_capacity(1 + 2 * size_of::<u64>() + issuer.len() + name.len());
        message.push(kind.letter() as u8);
        for part in [issuer.as_bytes(), name] {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part);
        }
        let [octets @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(&message);
        Self { kind, octets }
    }

    pub(crate) fn kind(self) -> Kind {
        self.kind
    }

    pub(crate) fn octets(self) -> [u8; 16] {
        self.octets
    }

    pub(super) fn from_octets(kind: Kind, octets: [u8; 16]) -> Self {
        Self { kind, octets }
    }

    /// The letter of its kind and base64url: one text for each, of [`TEXT_LENGTH`](Self::TEXT_LENGTH).
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn to_text(self) -> String {
        let mut text = String::with_capacity(Self::TEXT_LENGTH);
        text.push(self.kind.letter());
        text.push_str(&base64url::encode(self.octets));
        text
    }

    /// What [`to_text`](Self::to_text) made; `None` for everything else.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let letter = rest.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.letter() == letter)?;
        let rest = Some(rest.as_str()).filter(|_| text.len() == Self::TEXT_LENGTH)?;
        let octets = base64url::decode(rest)?.try_into().ok()?;
        Some(Self { kind, octets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_text_and_each_text_is_of_one() {
        for fingerprint in [
            Fingerprint::token_id("https://id.example", "one"),
            Fingerprint::digest("https://id.example", b"e30.e30"),
            Fingerprint::session("https://id.example", "one"),
            Fingerprint::subject("https://id.example", "one"),
            Fingerprint::issuer("https://id.example"),
        ] {
            let text = fingerprint.to_text();
            assert_eq!(text.len(), Fingerprint::TEXT_LENGTH);
            assert_eq!(Fingerprint::from_text(&text), Some(fingerprint));
            for wrong in [
                format!("{text}A"),
                format!("x{text}"),
                text.replacen(|_: char| true, "é", 1),
                text.replacen(|_: char| true, "x", 1),
                text.chars().take(22).collect(),
                // Spare bits that are not zero: the same octets, written otherwise.
                format!("{}B", text.chars().take(22).collect::<String>()),
                format!("{} ", text.chars().take(22).collect::<String>()),
            ] {
                assert_eq!(Fingerprint::from_text(&wrong), None, "{wrong}");
            }
        }
        assert_eq!(Fingerprint::from_text(""), None);
    }

    #[test]
    fn kind_issuer_and_name_are_told_apart() {
        let all = [
            Fingerprint::token_id("ab", "c"),
            Fingerprint::token_id("a", "bc"),
            Fingerprint::token_id("abc", ""),
            Fingerprint::digest("ab", b"c"),
            Fingerprint::session("ab", "c"),
            Fingerprint::subject("ab", "c"),
            Fingerprint::issuer("abc"),
        ];
        for (at, one) in all.iter().enumerate() {
            let octets = |other: &Fingerprint| other.octets() == one.octets();
            assert!(!all.iter().skip(at + 1).any(octets), "{one:?}");
        }
    }
}
