//! The protected header (RFC 7515 §4): what is read of it, and what makes it refused.

use std::borrow::Cow;

use crate::error::{TokenPart, VerifyErrorKind};

use super::algorithm::Algorithm;
use super::strict_json::{Members, Value};

/// The longest key id accepted, in bytes; a key of a JWKS is held to it too.
pub(super) const LONGEST_KEY_ID: usize = 256;

/// Parameters that change what the signed bytes mean (RFC 7515 §4.1.11, RFC 7797 §3, RFC 7516 §4.1.3). We understand
/// no extension, so each of them refuses, whatever its value.
const EXTENSIONS: [&str; 3] = ["crit", "b64", "zip"];

/// A header that may be acted on.
///
/// Whether its algorithm is allowed and its type wanted is not judged here. `jku`, `jwk`, `x5u` and `x5c` have no
/// accessor: a key that a token brings along proves nothing (RFC 8725 §3.10).
pub(crate) struct Header<'h> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Cow<'h, str>>,
    pub(crate) typ: Option<Cow<'h, str>>,
    text: &'h str,
    members: Members,
}

impl<'h> Header<'h> {
    /// Reads the decoded header of a token.
    pub(crate) fn parse(text: &'h str) -> Result<Self, VerifyErrorKind> {
        let members = Members::scan(text).map_err(|_| VerifyErrorKind::Json {
            part: TokenPart::Header,
        })?;
        let string = |name| string(&members, text, name);

        let algorithm = string("alg")?.ok_or(VerifyErrorKind::HeaderParameter { name: "alg" })?;
        let algorithm = algorithm
            .parse()
            .map_err(|_| VerifyErrorKind::AlgorithmUnknown)?;
        for name in EXTENSIONS {
            if members.get(text, name).is_some() {
                return Err(VerifyErrorKind::HeaderExtension { name });
            }
        }
        let key_id = string("kid")?;
        if key_id
            .as_ref()
            .is_some_and(|key_id| key_id.len() > LONGEST_KEY_ID)
        {
            return Err(VerifyErrorKind::HeaderParameter { name: "kid" });
        }
        let typ = string("typ")?;
        // RFC 7519 §5.2: the payload is another token, and not claims.
        let nested = |cty: &str| {
            cty.eq_ignore_ascii_case("JWT") || cty.eq_ignore_ascii_case("application/jwt")
        };
        if string("cty")?.as_deref().is_some_and(nested) {
            return Err(VerifyErrorKind::HeaderParameter { name: "cty" });
        }
        Ok(Self {
            algorithm,
            key_id,
            typ,
            text,
            members,
        })
    }

    /// What `typ` names, without the prefix `application/`, which may be left out (RFC 7515 §4.1.9). Media types know no
    /// case.
    pub(crate) fn media_type(&self) -> Option<&str> {
        const PREFIX: &str = "application/";
        let typ = self.typ.as_deref()?;
        match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => Some(name),
            _ => Some(typ),
        }
    }

    /// Any parameter by its name; for claims replicated in the header, which must equal those of the payload
    /// (RFC 7519 §5.3).
    pub(crate) fn parameter(&self, name: &str) -> Option<Value<'h>> {
        self.members.get(self.text, name)
    }
}

fn string<'h>(
    members: &Members,
    text: &'h str,
    name: &'static str,
) -> Result<Option<Cow<'h, str>>, VerifyErrorKind> {
    match members.get(text, name) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(string) => Ok(Some(string)),
            None => Err(VerifyErrorKind::HeaderParameter { name }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<VerifyErrorKind> {
        Header::parse(text).err()
    }

    fn parameter(name: &'static str) -> Option<VerifyErrorKind> {
        Some(VerifyErrorKind::HeaderParameter { name })
    }

    #[test]
    fn what_is_needed_is_read() {
        let text = r#"{"typ":"at+jwt","alg":"PS384","kid":"\u006b\/1","jku":"https://evil.example","iss":"me"}"#;
        let header = Header::parse(text).ok();
        assert!(header.is_some_and(|header| {
            header.algorithm == Algorithm::PS384
                && header.key_id.as_deref() == Some("k/1")
                && header.typ.as_deref() == Some("at+jwt")
                && header.parameter("iss").map(Value::raw) == Some("\"me\"")
                && header.parameter("aud").is_none()
        }));
    }

    #[test]
    fn every_other_header_is_refused_for_its_own_reason() {
        let json = Some(VerifyErrorKind::Json {
            part: TokenPart::Header,
        });
        let unknown = Some(VerifyErrorKind::AlgorithmUnknown);
        let extension = |name| Some(VerifyErrorKind::HeaderExtension { name });
        for (text, want) in [
            ("", json),
            ("[]", json),
            ("null", json),
            (r#""alg""#, json),
            (r#"{"alg":"RS256"}x"#, json),
            ("\u{feff}{\"alg\":\"RS256\"}", json),
            (r#"{"alg":"RS256","alg":"RS256"}"#, json),
            (r#"{"alg":"RS256","\u0061lg":"none"}"#, json),
            (r#"{"alg":"RS256","jwk":{"k":1,"k":2}}"#, json),
            ("{}", parameter("alg")),
            (r#"{"alg":null}"#, parameter("alg")),
            (r#"{"alg":["RS256"]}"#, parameter("alg")),
            (r#"{"Alg":"RS256"}"#, parameter("alg")),
            (r#"{"alg":""}"#, unknown),
            (r#"{"alg":"none"}"#, unknown),
            (r#"{"alg":"nOnE"}"#, unknown),
            (r#"{"alg":"none "}"#, unknown),
            (r#"{"alg":"rs256"}"#, unknown),
            (r#"{"alg":"RS256\u0000"}"#, unknown),
            (r#"{"alg":"RS256","crit":["exp"]}"#, extension("crit")),
            (r#"{"alg":"RS256","crit":[]}"#, extension("crit")),
            (r#"{"alg":"RS256","crit":null}"#, extension("crit")),
            (r#"{"alg":"RS256","cr\u0069t":["b64"]}"#, extension("crit")),
            (r#"{"alg":"RS256","b64":false}"#, extension("b64")),
            (r#"{"alg":"RS256","b64":true}"#, extension("b64")),
            (r#"{"alg":"RS256","zip":"DEF"}"#, extension("zip")),
            (r#"{"alg":"RS256","kid":1}"#, parameter("kid")),
            (r#"{"alg":"RS256","kid":null}"#, parameter("kid")),
            (r#"{"alg":"RS256","typ":["JWT"]}"#, parameter("typ")),
            (r#"{"alg":"RS256","cty":"JWT"}"#, parameter("cty")),
            (r#"{"alg":"RS256","cty":"jwt"}"#, parameter("cty")),
            (
                r#"{"alg":"RS256","cty":"Application/JWT"}"#,
                parameter("cty"),
            ),
            (r#"{"alg":"RS256","cty":5}"#, parameter("cty")),
            (r#"{"alg":"RS256","cty":"json"}"#, None),
            (r#" {"alg":"RS256"} "#, None),
            (r#"{"alg":"\u0052S256"}"#, None),
        ] {
            assert_eq!(kind(text), want, "{text}");
        }
    }

    #[test]
    fn a_key_id_has_at_most_256_bytes() {
        let header = |key_id: &str| format!(r#"{{"alg":"RS256","kid":"{key_id}"}}"#);
        assert_eq!(kind(&header(&"k".repeat(256))), None);
        assert_eq!(kind(&header(&"k".repeat(257))), parameter("kid"));
        assert_eq!(kind(&header(&"é".repeat(129))), parameter("kid"));
        assert_eq!(kind(&header(&"\\u006b".repeat(256))), None);
    }
}
