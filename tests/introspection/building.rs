//! What cannot work is told when the service starts.

use std::time::Duration;

use tower_bearer::introspection::{ClientKey, Introspection};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, Authenticator, ConfigErrorKind, TrustedIssuer};

use crate::settings;
use crate::support::{AUDIENCE, ISSUER};

fn kind(settings: Introspection) -> Option<ConfigErrorKind> {
    let issuer = TestIssuer::new(ISSUER);
    let built = Authenticator::builder(ISSUER, AUDIENCE)
        .fetch(issuer.fetch())
        .introspection(settings)
        .build();
    built.err().map(|error| error.kind())
}

#[test]
fn a_mistake_in_the_settings_is_told_by_its_kind() {
    use ConfigErrorKind::{Contradiction, Introspection as Settings, Limit};
    let at = |url: &str| Introspection::at(url).client_secret_basic("a", "b");
    let hour = Duration::from_secs(3600);
    for (row, settings, want) in [
        ("good", settings(), None),
        ("https", at("https://id.test/introspect?tenant=1"), None),
        ("loopback", at("http://127.0.0.1:9000/introspect"), None),
        (
            "plain http",
            at("http://id.test/introspect"),
            Some(Settings),
        ),
        ("no URL", at("/introspect"), Some(Settings)),
        ("another scheme", at("file:///introspect"), Some(Settings)),
        ("a fragment", at("https://id.test/#x"), Some(Settings)),
        ("a password", at("https://u:p@id.test/"), Some(Settings)),
        (
            "a dot segment",
            at("https://id.test/a/../b"),
            Some(Settings),
        ),
        ("nobody", Introspection::discovered(), Some(Settings)),
        (
            "no identifier",
            Introspection::discovered().client_secret_basic("", "b"),
            Some(Settings),
        ),
        (
            "no secret",
            Introspection::discovered().client_secret_post("a", ""),
            Some(Settings),
        ),
        (
            "two proofs",
            settings().client_secret_post("a", "b"),
            Some(Contradiction),
        ),
        (
            "an audience of no assertion",
            settings().assertion_audience("x"),
            Some(Contradiction),
        ),
        (
            "an audience of no signed answer",
            settings().signed_answer_audience("x"),
            Some(Contradiction),
        ),
        (
            "believed for an hour",
            settings().cache_for(hour),
            Some(Limit),
        ),
        (
            "refused for an hour",
            settings().refusals_for(hour),
            Some(Limit),
        ),
        ("no call", settings().max_calls(0), Some(Limit)),
        ("no token", settings().max_token_length(0), Some(Limit)),
        (
            "tokens of any length",
            settings().max_token_length(1 << 20),
            Some(Limit),
        ),
    ] {
        assert_eq!(kind(settings), want, "{row}");
    }
}

#[test]
fn only_one_issuer_can_have_opaque_tokens() {
    let issuer = TestIssuer::new(ISSUER);
    let build = |first: Introspection, second: Introspection| {
        let other = TrustedIssuer::new("https://other.test", AUDIENCE).introspection(second);
        Authenticator::builder(ISSUER, AUDIENCE)
            .fetch(issuer.fetch())
            .introspection(first)
            .trust(other)
            .build()
            .map_err(|error| error.kind())
    };
    for (first, second) in [
        (settings(), settings()),
        (settings().every_token(), settings().opaque_tokens_only()),
    ] {
        let refused = build(first, second).expect_err("whose is an opaque token?");
        assert_eq!(refused, ConfigErrorKind::Contradiction);
    }
    build(settings(), settings().jwts_only()).expect("one has them");
}

#[test]
fn keys_for_nothing_are_a_contradiction() {
    let issuer = TestIssuer::new(ISSUER);
    let built = Authenticator::builder(ISSUER, AUDIENCE)
        .fetch(issuer.fetch())
        .introspection(settings().opaque_tokens_only())
        .jwks_url("https://issuer.test/jwks")
        .build();
    let error = built.expect_err("no token could need them");
    assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    issuer.publish(&[tower_bearer::Algorithm::EdDSA]);
    let keys = issuer.key_set().to_string();
    let keys = tower_bearer::KeySet::from_json(keys.as_bytes()).expect("a key set");
    let built = Authenticator::builder(ISSUER, AUDIENCE)
        .fetch(issuer.fetch())
        .introspection(settings().opaque_tokens_only())
        .key_set(keys)
        .build();
    let error = built.expect_err("no token could need them");
    assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
}

#[tokio::test]
async fn an_issuer_that_is_found_at_run_time_is_not_asked_about_tokens() {
    let issuer = TestIssuer::new("https://tenant.test");
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .fetch(issuer.fetch())
        .resolver(|name: String| async move {
            Ok(Some(
                TrustedIssuer::new(name, AUDIENCE).introspection(settings()),
            ))
        })
        .build()
        .expect("a sound configuration");
    let token = issuer.token().audience(AUDIENCE).sign();
    let error = auth.verify(&token).await.expect_err("it cannot be built");
    assert_eq!(error.code(), "issuer_unavailable");
}

#[test]
fn a_key_that_cannot_sign_is_told_when_it_is_read() {
    let rsa = include_str!("keys/rsa.pem");
    let jwk = include_str!("keys/p256.jwk.json");
    let damaged = rsa.replacen("MII", "MIJ", 1);
    for (row, pem, said) in [
        ("nothing", "", "PRIVATE KEY"),
        ("no PEM", "hello", "PRIVATE KEY"),
        ("PKCS#1", include_str!("keys/rsa.pkcs1.pem"), "PKCS#8"),
        ("encrypted", include_str!("keys/encrypted.pem"), "encrypted"),
        ("1024 bits", include_str!("keys/rsa1024.pem"), "2048"),
        ("P-384", include_str!("keys/p384.pem"), "P-256"),
        ("damaged", &damaged, "PKCS#8"),
        ("two", &format!("{rsa}{rsa}"), "base64"),
        ("no base64", &rsa.replace('M', "*"), "base64"),
    ] {
        let error = ClientKey::from_pem(pem).expect_err(row);
        assert_eq!(error.kind(), ConfigErrorKind::Keys, "{row}");
        assert!(error.to_string().contains(said), "{row}: {error}");
    }
    for (row, jwk) in [
        ("nothing", String::new()),
        ("an array", format!("[{jwk}]")),
        ("a public key", jwk.replace("\"d\"", "\"e\"")),
        ("another curve", jwk.replace("P-256", "P-384")),
        ("another type", jwk.replace("\"EC\"", "\"RSA\"")),
        ("a secret", r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned()),
        ("a member twice", jwk.replacen('{', r#"{"kty":"EC","#, 1)),
        (
            "a point that is not its own",
            jwk.replacen("\"x\": \"", "\"x\": \"A", 1)
                .replacen("\", \"y\"", "", 1),
        ),
        (
            "an algorithm that is not its own",
            jwk.replacen('{', r#"{"alg":"RS256","#, 1),
        ),
        (
            "an algorithm of nobody",
            jwk.replacen('{', r#"{"alg":"none","#, 1),
        ),
        ("a kid that is none", jwk.replacen('{', r#"{"kid":7,"#, 1)),
    ] {
        let error = ClientKey::from_jwk(&jwk).expect_err(row);
        assert_eq!(error.kind(), ConfigErrorKind::Keys, "{row}");
    }
    let error = ClientKey::from_der(b"\x30\x03\x02\x01\x00").expect_err("too short");
    assert_eq!(error.kind(), ConfigErrorKind::Keys);
    let key = ClientKey::from_pem(rsa).expect("a key");
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256] {
        let error = key.clone().algorithm(algorithm).expect_err("RSA");
        assert_eq!(error.kind(), ConfigErrorKind::Keys);
    }
}

#[cfg(feature = "reqwest")]
#[test]
fn a_certificate_that_is_none_is_told_when_the_service_is_built() {
    let none = Introspection::discovered().mutual_tls("a", "no certificate", "no key");
    assert_eq!(kind(none), Some(ConfigErrorKind::Introspection));
    let authority = settings().additional_ca_certificate("no certificate");
    assert_eq!(kind(authority), Some(ConfigErrorKind::Introspection));
}
