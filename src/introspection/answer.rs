//! What an authorization server says of a token (RFC 7662 §2.2), read but not yet held against the policy.

use crate::claims::Claims;
use crate::clock::NumericDate;
use crate::error::VerifyErrorKind;
use crate::jose::{Members, Value};
use crate::policy::{Policy, ToldBinding};

use super::error::IntrospectionError;

/// The server's word on a token.
#[derive(Debug)]
pub(super) enum Answer {
    /// `active` is false: unknown, expired, revoked, or none of our business.
    Inactive,
    /// `active` is true, and these are the answer's members.
    Active(Claims),
    /// `active` is true, and yet no policy could accept what else is said.
    Unacceptable(VerifyErrorKind),
}

/// The server's word on a token whose own claims are known, and signed.
#[derive(Debug)]
pub(super) enum JwtAnswer {
    Inactive,
    Active {
        /// For no longer than this.
        until: Option<NumericDate>,
        binding: ToldBinding,
        /// What must be the same in the JWT, where it is there too.
        named: Named,
    },
    Unacceptable(VerifyErrorKind),
}

/// Which token an answer is about, and whose, as far as it says.
pub(super) type Named = Box<[(&'static str, Box<str>)]>;

/// What tells one token from another.
const NAMES: [&str; 3] = ["jti", "sub", "client_id"];

/// An answer that is one strict JSON object with an `active` that is true or false.
struct Object<'t> {
    text: &'t str,
    members: Members,
    active: bool,
}

impl<'t> Object<'t> {
    fn read(text: &'t str) -> Result<Self, IntrospectionError> {
        let members = Members::scan(text).map_err(IntrospectionError::Json)?;
        // Neither a string nor a number is true, however much it looks like it.
        let active = match members.get(text, "active").map(Value::raw) {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(IntrospectionError::NoActive),
        };
        Ok(Self {
            text,
            members,
            active,
        })
    }

    fn get(&self, name: &str) -> Option<Value<'t>> {
        self.members.get(self.text, name)
    }

    fn named(&self) -> Result<Named, VerifyErrorKind> {
        let said = NAMES
            .into_iter()
            .filter_map(|name| Some((name, self.get(name)?)));
        said.map(|(name, value)| {
            let text = value.as_str();
            let text = text.ok_or(VerifyErrorKind::ClaimMalformed { name })?;
            Ok((name, text.into()))
        })
        .collect()
    }

    fn check_issuer(&self, issuer: &str) -> Result<(), VerifyErrorKind> {
        match self.get("iss").map(Value::as_str) {
            None => Ok(()),
            Some(None) => Err(VerifyErrorKind::ClaimMalformed { name: "iss" }),
            Some(Some(named)) if named == issuer => Ok(()),
            Some(Some(_)) => Err(VerifyErrorKind::Issuer),
        }
    }
}

/// Reads an answer about an opaque token of `issuer`.
pub(super) fn read(text: &str, issuer: &str) -> Result<Answer, IntrospectionError> {
    let object = Object::read(text)?;
    if !object.active {
        return Ok(Answer::Inactive);
    }
    if let Err(kind) = object
        .check_issuer(issuer)
        .and_then(|()| check_kind(&object))
    {
        return Ok(Answer::Unacceptable(kind));
    }
    let text = match object.get("iss") {
        Some(_) => text.to_owned(),
        None => with_issuer(text, issuer),
    };
    Ok(match Claims::parse(text) {
        Ok(claims) => Answer::Active(claims),
        Err(kind) => Answer::Unacceptable(kind),
    })
}

/// Reads an answer about a JWT of the policy's issuer, whose own claims have been verified: what is said of them again need not be complete.
pub(super) fn read_about_jwt(
    text: &str,
    policy: &Policy,
    now: NumericDate,
) -> Result<JwtAnswer, IntrospectionError> {
    let object = Object::read(text)?;
    if !object.active {
        return Ok(JwtAnswer::Inactive);
    }
    if let Err(kind) = object
        .check_issuer(policy.issuer())
        .and_then(|()| check_kind(&object))
        .and_then(|()| policy.check_told(object.get("aud"), object.get("nbf"), now))
    {
        return Ok(JwtAnswer::Unacceptable(kind));
    }
    let until = match object.get("exp") {
        None => None,
        Some(value) => match value.as_number().and_then(NumericDate::from_json_number) {
            Some(until) => Some(until),
            None => {
                let kind = VerifyErrorKind::ClaimMalformed { name: "exp" };
                return Ok(JwtAnswer::Unacceptable(kind));
            }
        },
    };
    let binding = policy.told_binding(object.get("cnf"), object.get("token_type"));
    Ok(match (binding, object.named()) {
        (Ok(binding), Ok(named)) => JwtAnswer::Active {
            until,
            binding,
            named,
        },
        (Err(kind), _) | (_, Err(kind)) => JwtAnswer::Unacceptable(kind),
    })
}

/// What says that a token is no access token. An authorization server vouches for refresh tokens too, whatever we hint at.
fn check_kind(object: &Object<'_>) -> Result<(), VerifyErrorKind> {
    let is = |name: &'static str, accepted: &[&str]| match object.get(name).map(Value::as_str) {
        None => Ok(()),
        Some(None) => Err(VerifyErrorKind::ClaimMalformed { name }),
        Some(Some(found)) => {
            let known = accepted.iter().any(|each| found.eq_ignore_ascii_case(each));
            known
                .then_some(())
                .ok_or(VerifyErrorKind::ClaimValue { name })
        }
    };
    // RFC 6749 §5.1: the names of types know no case. RFC 8693 §2.2.1 has N_A for what is no access token.
    is("token_type", &["Bearer", "DPoP"])?;
    // Not of any standard: Ory Hydra and Amazon Cognito, Keycloak.
    is("token_use", &["access_token", "access"])?;
    // Keycloak, which has Refresh, Offline, ID, Logout and others too; and what the header of a JWT may say.
    let access = ["Bearer", "DPoP", "JWT", "at+jwt", "application/at+jwt"];
    is("typ", &access)
}

/// The same object with `iss`, so that whoever reads claims finds the same in every token.
fn with_issuer(object: &str, issuer: &str) -> String {
    let rest = object.trim_start().strip_prefix('{').unwrap_or_default();
    // There are members: `active` is one.
    format!("{{\"iss\":{},{rest}", serde_json::Value::from(issuer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example/\"quoted\"";

    fn outcome(text: &str) -> String {
        match read(text, ISSUER) {
            Ok(Answer::Active(claims)) => format!("active {}", claims.issuer()),
            Ok(Answer::Inactive) => "inactive".to_owned(),
            Ok(Answer::Unacceptable(kind)) => kind.code().to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn active_is_true_or_false_and_nothing_else() {
        for (text, want) in [
            (r#"{"active":false}"#, "inactive"),
            (r#"{"active":false,"exp":"x","iss":[]}"#, "inactive"),
            (r#"{"active":"true"}"#, "NoActive"),
            (r#"{"active":"false"}"#, "NoActive"),
            (r#"{"active":1}"#, "NoActive"),
            (r#"{"active":null}"#, "NoActive"),
            (r#"{"active":[true]}"#, "NoActive"),
            (r#"{"active":{"active":true}}"#, "NoActive"),
            (r#"{"Active":true}"#, "NoActive"),
            ("{}", "NoActive"),
            (r#"[{"active":true}]"#, "Json(NotAnObject)"),
            ("true", "Json(NotAnObject)"),
            ("", "Json(NotAnObject)"),
            (r#"{"active":false,"active":true}"#, "Json(RepeatedName)"),
            (
                r#"{"active":true,"\u0061ctive":true}"#,
                "Json(RepeatedName)",
            ),
            (
                r#"{"active":true,"cnf":{"a":1,"a":2}}"#,
                "Json(RepeatedName)",
            ),
            (r#"{"active":true}x"#, "Json(Syntax)"),
        ] {
            assert_eq!(outcome(text), want, "{text}");
        }
    }

    #[test]
    fn an_issuer_that_is_named_is_ours_and_one_that_is_not_is_too() {
        let ours = format!("active {ISSUER}");
        let named = serde_json::json!({"active": true, "exp": 9, "iss": ISSUER}).to_string();
        for (text, want) in [
            (" \n{ \"active\": true, \"exp\": 9 } ", ours.as_str()),
            (&named, &ours),
            (
                r#"{"active":true,"exp":9,"iss":"https://id.example/"}"#,
                "issuer",
            ),
            (r#"{"active":true,"exp":9,"iss":null}"#, "claim_malformed"),
            (r#"{"active":true,"exp":9,"iss":["x"]}"#, "claim_malformed"),
        ] {
            assert_eq!(outcome(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_access_token_is_not_acceptable() {
        let ours = format!("active {ISSUER}");
        for (members, want) in [
            (r#""token_type":"Bearer""#, ours.as_str()),
            (r#""token_type":"bearer""#, &ours),
            (r#""token_type":"DPoP""#, &ours),
            (r#""token_type":"N_A""#, "claim_value"),
            (r#""token_type":"refresh_token""#, "claim_value"),
            (r#""token_type":"mac""#, "claim_value"),
            (r#""token_type":null"#, "claim_malformed"),
            (r#""token_use":"access_token""#, &ours),
            (r#""token_use":"refresh_token""#, "claim_value"),
            (r#""typ":"Bearer""#, &ours),
            (r#""typ":"Refresh""#, "claim_value"),
            (r#""typ":"Offline""#, "claim_value"),
            (r#""typ":"ID""#, "claim_value"),
            (r#""typ":"refresh_token""#, "claim_value"),
            (r#""typ":"logout+jwt""#, "claim_value"),
            (r#""typ":["Refresh"]"#, "claim_malformed"),
            (r#""typ":null"#, "claim_malformed"),
            (r#""typ":"dpop""#, &ours),
            (r#""typ":"at+JWT""#, &ours),
        ] {
            let text = format!(r#"{{"active":true,"exp":9,{members}}}"#);
            assert_eq!(outcome(&text), want, "{text}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4096))]

        /// A good answer with anything in the place of a part of it.
        #[test]
        fn nothing_is_active_that_another_reader_of_json_does_not_find_active_too(
            at in 0_usize..100,
            length in 0_usize..40,
            put in r#"[\PC\x00-\x1f]{0,12}|"active":|true|"true"|\{|\}|,"#,
        ) {
            let good = r#"{"active":true,"exp":9,"iss":"https://id.example/","aud":"api","scope":"read","x":{"active":false}}"#;
            let end = at.saturating_add(length).min(good.len());
            let (before, after) = (good.get(..at).unwrap_or(good), good.get(end..).unwrap_or(""));
            let spoiled = format!("{before}{put}{after}");
            let issuer = "https://id.example/";
            if let Ok(Answer::Active(claims)) = read(&spoiled, issuer) {
                let other: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(&spoiled).expect("JSON for both");
                assert_eq!(other.get("active"), Some(&true.into()), "{spoiled}");
                let named = other.get("iss").map(|iss| iss == issuer);
                assert_ne!(named, Some(false), "{spoiled}");
                assert_eq!(claims.issuer(), issuer);
                let again: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(claims.as_json()).expect("still JSON");
                assert!(other.iter().all(|(name, value)| again.get(name) == Some(value)));
            }
        }
    }
}
