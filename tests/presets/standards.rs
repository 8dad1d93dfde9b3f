//! The presets of standards: what they accept, what they refuse, and what contradicts them.

use std::time::Duration;

use tower_bearer::Algorithm::{
    self, ES256, ES384, Ed25519, EdDSA, HS256, PS256, PS384, PS512, RS256,
};
use tower_bearer::VerifyErrorKind::{
    AlgorithmNotAllowed, Audience, ClaimMissing, Expired, IssuedInFuture, NotYetValid, SenderBound,
    Type,
};
use tower_bearer::credential::{CookieToken, WebSocketToken};
use tower_bearer::policy::PolicyBuilder;
use tower_bearer::testing::TokenBuilder;
use tower_bearer::{
    Authenticator, AuthenticatorBuilder, ConfigErrorKind, KeySet, NumericDate, Policy, Preset,
    TrustedIssuer, VerifyErrorKind,
};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

async fn stage(preset: Preset) -> Stage {
    let algorithms = [EdDSA, PS256, ES256, RS256, PS384, PS512, ES384];
    Stage::with(
        |issuer| issuer.publish(&algorithms),
        |builder| builder.preset(preset),
    )
    .await
}

async fn judge(
    stage: &Stage,
    rows: impl IntoIterator<Item = (String, TokenBuilder, Option<VerifyErrorKind>)>,
) {
    for (row, token, kind) in rows {
        let answer = stage.send(&token.sign()).await;
        match kind {
            Some(kind) => answer.refused_token(&row, kind),
            None => drop(answer.accepted(&row)),
        }
    }
}

#[tokio::test]
async fn fapi_allows_three_algorithms() {
    let stage = stage(Preset::Fapi2).await;
    for (algorithm, kind) in [
        (PS256, None),
        (ES256, None),
        (EdDSA, None),
        (RS256, Some(AlgorithmNotAllowed)),
        (PS384, Some(AlgorithmNotAllowed)),
        (PS512, Some(AlgorithmNotAllowed)),
        (ES384, Some(AlgorithmNotAllowed)),
    ] {
        let token = stage.token().algorithm(algorithm);
        judge(&stage, [(algorithm.to_string(), token, kind)]).await;
    }
    let policy = Policy::builder(ISSUER, AUDIENCE)
        .preset(Preset::Fapi2)
        .build();
    let allowed: Vec<_> = policy.expect("sound").algorithms().collect();
    assert_eq!(allowed, [PS256, ES256, EdDSA, Ed25519]);
}

#[tokio::test]
async fn fapi_gives_ten_seconds_to_what_is_ahead_and_none_to_what_is_over() {
    let stage = stage(Preset::Fapi2).await;
    let now = at(NOW);
    let token = || stage.token().expires_at(at(NOW + 1_000));
    let rows = |ahead: i64, accepted: bool| {
        let at = at(NOW + ahead);
        [
            (
                format!("nbf {ahead} s ahead"),
                token().not_before(at),
                (!accepted).then_some(NotYetValid { at, now }),
            ),
            (
                format!("iat {ahead} s ahead"),
                token().issued_at(at),
                (!accepted).then_some(IssuedInFuture { at, now }),
            ),
        ]
    };
    for (ahead, accepted) in [(0, true), (1, true), (10, true), (11, false), (61, false)] {
        judge(&stage, rows(ahead, accepted)).await;
    }
    let over = Expired { at: now, now };
    judge(
        &stage,
        [("exp now".to_owned(), token().expires_at(now), Some(over))],
    )
    .await;
}

#[tokio::test]
async fn fapi_refuses_more_than_sixty_seconds_ahead_whatever_the_leeway() {
    let stage = Stage::with(
        |_| (),
        |builder| {
            builder
                .preset(Preset::Fapi2)
                .leeway(Duration::from_secs(60))
        },
    )
    .await;
    let (now, at) = (at(NOW), at(NOW + 61));
    judge(
        &stage,
        [
            (
                "nbf".to_owned(),
                stage.token().not_before(at),
                Some(NotYetValid { at, now }),
            ),
            (
                "iat".to_owned(),
                stage.token().issued_at(at),
                Some(IssuedInFuture { at, now }),
            ),
        ],
    )
    .await;
    contradicts(Preset::Fapi2, |policy| {
        policy.leeway(Duration::from_secs(61))
    });
}

#[tokio::test]
async fn fapi_does_not_take_a_bound_token_for_a_plain_one() {
    let stage = stage(Preset::Fapi2).await;
    let thumbprint = serde_json::json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    let bound = stage.token().claim("cnf", thumbprint);
    judge(&stage, [("bound".to_owned(), bound, Some(SenderBound))]).await;
}

#[tokio::test]
async fn mcp_compares_scheme_and_host_of_an_audience_without_case() {
    let stage = stage(Preset::Mcp).await;
    let token = |audience: &str| stage.issuer.token().audience(audience);
    judge(
        &stage,
        [
            (AUDIENCE, None),
            ("HTTPS://api.test", None),
            ("https://API.Test", None),
            ("https://api.test/", Some(Audience)),
            ("https://api.test/mcp", Some(Audience)),
            ("https://api.test:443", Some(Audience)),
            ("https://api.test.evil.example", Some(Audience)),
            ("https://evil@api.test", Some(Audience)),
            ("http://api.test", Some(Audience)),
            ("https://other.test", Some(Audience)),
            ("api.test", Some(Audience)),
            ("", Some(Audience)),
        ]
        .map(|(audience, kind)| (audience.to_owned(), token(audience), kind)),
    )
    .await;
    let missing = ClaimMissing { name: "aud" };
    judge(
        &stage,
        [("no aud".to_owned(), stage.issuer.token(), Some(missing))],
    )
    .await;
}

#[tokio::test]
async fn mcp_compares_the_path_of_an_audience_exactly() {
    let url = "https://api.test/Tools?version=A";
    let stage = Stage::with(|_| (), |builder| builder.audience(url).preset(Preset::Mcp)).await;
    judge(
        &stage,
        [
            (url, None),
            ("HTTPS://Api.test/Tools?version=A", None),
            ("https://api.test/tools?version=A", Some(Audience)),
            ("https://api.test/Tools?version=a", Some(Audience)),
            ("https://api.test/Tools/?version=A", Some(Audience)),
            ("https://api.test/%54ools?version=A", Some(Audience)),
        ]
        .map(|(audience, kind)| {
            (
                audience.to_owned(),
                stage.issuer.token().audience(audience),
                kind,
            )
        }),
    )
    .await;
}

#[tokio::test]
async fn an_audience_is_compared_exactly_without_that_preset() {
    let stage = Stage::new().await;
    let token = stage.issuer.token().audience("https://API.test").sign();
    stage
        .send(&token)
        .await
        .refused_token("another case", Audience);
}

#[test]
fn an_mcp_server_goes_by_a_url() {
    for (audience, sound) in [
        ("https://mcp.example.com", true),
        ("https://mcp.example.com/tools", true),
        ("http://127.0.0.1:8080/mcp", true),
        ("http://mcp.example.com", false),
        ("https://mcp.example.com/#tools", false),
        ("https://user@mcp.example.com", false),
        ("mcp.example.com", false),
        ("orders-api", false),
        ("api://orders", false),
        ("urn:example:orders", false),
        ("/mcp", false),
        (" https://mcp.example.com", false),
    ] {
        // As the first audience, and as a further one.
        for policy in [
            Policy::builder(ISSUER, audience),
            Policy::builder(ISSUER, AUDIENCE).audience(audience),
        ] {
            let built = policy
                .preset(Preset::Mcp)
                .build()
                .map_err(|error| error.kind());
            assert_eq!(built.is_ok(), sound, "{audience}");
            if let Err(kind) = built {
                assert_eq!(kind, ConfigErrorKind::Audience, "{audience}");
            }
        }
    }
}

#[tokio::test]
async fn rfc_9068_is_the_profile_of_access_tokens() {
    let stage = stage(Preset::Rfc9068).await;
    let token = || stage.token().access_token();
    judge(
        &stage,
        [
            ("an access token", token(), None),
            ("another type", token().typ("JWT"), Some(Type)),
            (
                "no client",
                token().without("client_id"),
                Some(ClaimMissing { name: "client_id" }),
            ),
            (
                "no audience",
                token().without("aud"),
                Some(ClaimMissing { name: "aud" }),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
}

#[test]
fn only_fapi_and_mcp_keep_tokens_to_the_header() {
    let header_only = |presets: &[Preset]| {
        let policy = Policy::builder(ISSUER, AUDIENCE);
        let policy = presets
            .iter()
            .fold(policy, |policy, preset| policy.preset(*preset));
        policy.build().expect("sound").header_only()
    };
    assert!(!header_only(&[]));
    assert!(!header_only(&[Preset::Rfc9068]));
    assert!(header_only(&[Preset::Fapi2]));
    assert!(header_only(&[Preset::Mcp]));
    assert!(header_only(&[Preset::Rfc9068, Preset::Fapi2, Preset::Mcp]));
}

#[test]
fn a_token_in_another_place_contradicts_fapi_and_mcp() {
    type Place = fn(AuthenticatorBuilder) -> AuthenticatorBuilder;
    let places: [(&str, Place); 3] = [
        ("cookie", |auth| {
            auth.token_source(CookieToken::named("session").expect("a name"))
        }),
        ("sub-protocol", |auth| {
            auth.token_source(WebSocketToken::following("bearer").expect("a name"))
        }),
        ("query", |auth| auth.dangerous().accept_token_in_query()),
    ];
    for (row, place) in places {
        for (preset, sound) in [
            (Preset::Rfc9068, true),
            (Preset::Fapi2, false),
            (Preset::Mcp, false),
        ] {
            let auth = Authenticator::builder(ISSUER, AUDIENCE).preset(preset);
            // The issuer with the preset may be any of those that are trusted.
            let beside = Authenticator::builder("https://other.test", AUDIENCE)
                .trust(TrustedIssuer::new(ISSUER, AUDIENCE).preset(preset));
            for auth in [auth, beside] {
                let built = place(auth).build().map(drop).map_err(|error| error.kind());
                let expected = if sound {
                    Ok(())
                } else {
                    Err(ConfigErrorKind::Contradiction)
                };
                assert_eq!(built, expected, "{row}, {preset:?}");
            }
        }
    }
}

/// Each setting fails beside the preset, whichever comes first, and is sound without it.
#[track_caller]
fn contradicts(preset: Preset, setting: impl Fn(PolicyBuilder) -> PolicyBuilder) {
    let policy = || Policy::builder(ISSUER, AUDIENCE);
    assert!(setting(policy()).build().is_ok());
    for policy in [
        setting(policy()).preset(preset),
        setting(policy().preset(preset)),
    ] {
        let error = policy.build().expect_err("a contradiction");
        assert_eq!(error.kind(), ConfigErrorKind::Contradiction, "{error}");
    }
}

#[test]
fn a_setting_that_contradicts_a_preset_fails_when_building() {
    for preset in [Preset::Rfc9068, Preset::Fapi2, Preset::Mcp] {
        contradicts(preset, |policy| policy.dangerous().accept_any_audience());
    }
    for preset in [Preset::Rfc9068, Preset::Mcp] {
        contradicts(preset, |policy| policy.client_without_audience("web"));
    }
    for algorithms in [[RS256, PS256], [ES256, ES384], [HS256, HS256]] {
        contradicts(Preset::Fapi2, |policy| policy.algorithms(algorithms));
    }
    contradicts(Preset::Fapi2, |policy| {
        policy.dangerous().ignore_sender_binding()
    });
    contradicts(Preset::Fapi2, |policy| {
        policy.dangerous().allow_plain_http()
    });
}

#[test]
fn fapi_may_be_narrowed_to_one_of_its_algorithms() {
    for policy in [
        Policy::builder(ISSUER, AUDIENCE)
            .algorithms([PS256])
            .preset(Preset::Fapi2),
        Policy::builder(ISSUER, AUDIENCE)
            .preset(Preset::Fapi2)
            .algorithms([PS256]),
    ] {
        let allowed: Vec<_> = policy.build().expect("sound").algorithms().collect();
        assert_eq!(allowed, [PS256]);
    }
}

#[test]
fn fapi_accepts_no_shared_secret() {
    let keys = KeySet::hmac(Algorithm::HS256, &[7; 32]).expect("a secret");
    let issuer = TrustedIssuer::new(ISSUER, AUDIENCE)
        .key_set(keys)
        .preset(Preset::Fapi2);
    let error = Authenticator::trusting(issuer).build();
    assert_eq!(
        error.expect_err("HMAC").kind(),
        ConfigErrorKind::Contradiction
    );
}
