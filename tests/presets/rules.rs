//! The rules of a policy that tokens of well-known providers need.

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::VerifyErrorKind::{
    Audience, ClaimMalformed, ClaimMissing, ClaimValue, Expired, NotYetValid,
};
use tower_bearer::{
    AuthenticatorBuilder, ConfigErrorKind, NumericDate, Policy, Profile, VerifyErrorKind,
};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

async fn stage(demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder) -> Stage {
    Stage::with(|_| (), demand).await
}

#[tokio::test]
async fn scopes_are_read_from_the_claim_that_the_policy_names() {
    for name in ["scp", "scope"] {
        let stage = stage(|builder| builder.scope_claim(name)).await;
        for (claim, scopes) in [
            (json!("read write"), ["read", "write"].as_slice()),
            (json!(" read  write "), &["read", "write"]),
            (json!(["read", "write"]), &["read", "write"]),
            (
                json!(["write", "read", "write"]),
                &["write", "read", "write"],
            ),
            (
                json!(["https://api.test/orders.read"]),
                &["https://api.test/orders.read"],
            ),
            (json!([]), &[]),
            (json!(""), &[]),
        ] {
            let row = format!("{name} {claim}");
            let token = stage.token().claim("scope", "other").claim(name, claim);
            let verified = stage.accept(&row, &token.sign()).await;
            assert_eq!(
                verified.scopes().iter().collect::<Vec<_>>(),
                scopes,
                "{row}"
            );
            assert_eq!(verified.clone().scopes(), verified.scopes(), "{row}");
        }
    }
}

#[tokio::test]
async fn scopes_of_any_other_form_are_refused() {
    for name in ["scp", "scope"] {
        let stage = stage(|builder| builder.scope_claim(name)).await;
        for claim in [
            json!(null),
            json!(5),
            json!(true),
            json!({"read": true}),
            json!(["read", 5]),
            json!(["read", null]),
            json!(["read", ["write"]]),
            json!([""]),
            json!(["read admin"]),
            json!(["read\tadmin"]),
            json!(["read\u{a0}admin"]),
            json!(["read\nadmin"]),
            json!(["read\u{0}"]),
            json!(["re\"ad"]),
            json!(["re\\ad"]),
            json!(["réad"]),
            json!(["read\u{7f}"]),
        ] {
            let token = stage.token().claim(name, claim.clone()).sign();
            let answer = stage.send(&token).await;
            answer.refused_token(&format!("{name} {claim}"), ClaimMalformed { name });
        }
    }
}

#[tokio::test]
async fn an_array_in_scope_is_accepted_only_where_the_policy_says_so() {
    let malformed = ClaimMalformed { name: "scope" };
    let rows = |stage: &Stage| {
        [json!(["read"]), json!([]), json!(5), json!(null)].map(|scope| {
            (
                scope.to_string(),
                stage.token().claim("scope", scope).sign(),
            )
        })
    };
    for stage in [
        Stage::new().await,
        // The claim that was not chosen must be well formed too.
        stage(|builder| builder.scope_claim("scp")).await,
    ] {
        for (row, token) in rows(&stage) {
            stage.send(&token).await.refused_token(&row, malformed);
        }
    }
}

#[tokio::test]
async fn a_claim_that_was_not_chosen_grants_nothing() {
    let stage = stage(|builder| builder.scope_claim("scp")).await;
    let verified = stage
        .accept("scope only", &stage.token().scope("admin").sign())
        .await;
    assert!(verified.scopes().is_empty());
    let token = stage.token().scope("admin").claim("scp", json!(["read"]));
    let verified = stage.accept("both", &token.sign()).await;
    assert!(verified.scopes().contains("read") && !verified.scopes().contains("admin"));
}

#[tokio::test]
async fn a_token_without_audience_passes_for_a_named_client_only() {
    let stage = stage(|builder| {
        builder
            .client_without_audience("web")
            .client_without_audience("batch")
    })
    .await;
    let token = || stage.issuer.token();
    let missing = |name| Some(ClaimMissing { name });
    let malformed = |name| Some(ClaimMalformed { name });
    for (row, token, kind) in [
        ("the client", token().client_id("web"), None),
        ("the other client", token().client_id("batch"), None),
        (
            "a stranger's client",
            token().client_id("evil"),
            Some(Audience),
        ),
        ("in another case", token().client_id("Web"), Some(Audience)),
        ("a part of it", token().client_id("we"), Some(Audience)),
        ("more than it", token().client_id("web "), Some(Audience)),
        ("an empty client", token().client_id(""), Some(Audience)),
        ("no client", token(), missing("client_id")),
        (
            "its name elsewhere",
            token().claim("azp", "web"),
            missing("client_id"),
        ),
        (
            "a list of clients",
            token().claim("client_id", json!(["web"])),
            malformed("client_id"),
        ),
        (
            "no string",
            token().claim("client_id", json!(null)),
            malformed("client_id"),
        ),
        ("our audience, no client", token().audience(AUDIENCE), None),
        (
            "our audience, a stranger's client",
            token().audience(AUDIENCE).client_id("evil"),
            None,
        ),
        (
            "another audience",
            token().client_id("web").audience("other"),
            Some(Audience),
        ),
        (
            "the client as audience",
            token().client_id("web").audience("web"),
            Some(Audience),
        ),
        (
            "an empty audience",
            token().client_id("web").audience(""),
            Some(Audience),
        ),
        (
            "an empty list",
            token().client_id("web").audiences(&[]),
            Some(Audience),
        ),
        (
            "null",
            token().client_id("web").claim("aud", Value::Null),
            malformed("aud"),
        ),
        (
            "a number",
            token().client_id("web").claim("aud", 5),
            malformed("aud"),
        ),
        (
            "not only strings",
            token().client_id("web").claim("aud", json!([AUDIENCE, 5])),
            malformed("aud"),
        ),
    ] {
        let answer = stage.send(&token.sign()).await;
        match kind {
            Some(kind) => answer.refused_token(row, kind),
            None => drop(answer.accepted(row)),
        }
    }
}

#[tokio::test]
async fn without_a_named_client_every_token_needs_an_audience() {
    let stage = Stage::new().await;
    let token = stage.issuer.token().client_id("web").sign();
    let missing = ClaimMissing { name: "aud" };
    stage.send(&token).await.refused_token("no aud", missing);
}

#[test]
fn a_client_in_place_of_an_audience_contradicts_rfc_9068() {
    let policy = |client| Policy::builder(ISSUER, AUDIENCE).client_without_audience(client);
    let kind = |policy: tower_bearer::policy::PolicyBuilder| {
        policy.build().map_err(|error| error.kind()).err()
    };
    assert_eq!(kind(policy("web")), None);
    assert_eq!(kind(policy(" ")), Some(ConfigErrorKind::Audience));
    let profile = policy("web").profile(Profile::AccessToken);
    assert_eq!(kind(profile), Some(ConfigErrorKind::Contradiction));
}

#[tokio::test]
async fn a_claim_must_have_a_value_that_was_demanded() {
    let stage = stage(|builder| {
        builder
            .require_any_claim_value("token_use", ["access", "service"])
            .require_claim_value("org", "acme")
    })
    .await;
    let name = "token_use";
    let token = |value: Value| stage.token().claim("org", "acme").claim(name, value);
    for (row, token, kind) in [
        ("the value", token(json!("access")), None),
        ("the other value", token(json!("service")), None),
        ("a third", token(json!("id")), Some(ClaimValue { name })),
        (
            "in another case",
            token(json!("Access")),
            Some(ClaimValue { name }),
        ),
        (
            "a part of it",
            token(json!("acces")),
            Some(ClaimValue { name }),
        ),
        (
            "more than it",
            token(json!("access ")),
            Some(ClaimValue { name }),
        ),
        (
            "both in one",
            token(json!("access service")),
            Some(ClaimValue { name }),
        ),
        ("nothing", token(json!("")), Some(ClaimValue { name })),
        (
            "another claim's value",
            token(json!("acme")),
            Some(ClaimValue { name }),
        ),
        (
            "a list with it",
            token(json!(["access"])),
            Some(ClaimMalformed { name }),
        ),
        ("null", token(json!(null)), Some(ClaimMalformed { name })),
        ("true", token(json!(true)), Some(ClaimMalformed { name })),
        (
            "missing",
            token(json!("")).without(name),
            Some(ClaimMissing { name }),
        ),
        (
            "the other claim missing",
            token(json!("access")).without("org"),
            Some(ClaimMissing { name: "org" }),
        ),
        (
            "the other claim wrong",
            token(json!("access")).claim("org", "access"),
            Some(ClaimValue { name: "org" }),
        ),
    ] {
        let answer = stage.send(&token.sign()).await;
        match kind {
            Some(kind) => answer.refused_token(row, kind),
            None => drop(answer.accepted(row)),
        }
    }
}

#[tokio::test]
async fn two_demands_that_exclude_each_other_refuse_every_token() {
    let name = "token_use";
    let demanding = |builder: AuthenticatorBuilder| builder.require_claim_value(name, "access");
    let both = stage(|builder| demanding(builder).require_claim_value(name, "id")).await;
    let none = stage(|builder| demanding(builder).require_any_claim_value(name, [""; 0])).await;
    for (row, stage) in [("two values", both), ("no value", none)] {
        for value in ["access", "id", ""] {
            let token = stage.token().claim(name, value).sign();
            let answer = stage.send(&token).await;
            answer.refused_token(row, ClaimValue { name });
        }
    }
}

#[tokio::test]
async fn nbf_may_be_given_time_without_exp_being_given_any() {
    let now = at(NOW);
    for (nbf_leeway, leeway, grace) in [(0, 0, 0), (10, 0, 10), (60, 0, 60), (10, 30, 30)] {
        let stage = stage(|builder| {
            builder
                .leeway(Duration::from_secs(leeway))
                .not_before_leeway(Duration::from_secs(nbf_leeway))
        })
        .await;
        let leeway = leeway.cast_signed();
        let token = |nbf, exp| stage.token().not_before(at(nbf)).expires_at(at(exp)).sign();
        let row = format!("nbf {nbf_leeway}, leeway {leeway}");
        stage.accept(&row, &token(NOW + grace, NOW + 1_000)).await;
        let early = NotYetValid {
            at: at(NOW + grace + 1),
            now,
        };
        let answer = stage.send(&token(NOW + grace + 1, NOW + 1_000)).await;
        answer.refused_token(&row, early);
        let over = Expired {
            at: at(NOW - leeway),
            now,
        };
        let answer = stage.send(&token(NOW - 100, NOW - leeway)).await;
        answer.refused_token(&row, over);
    }
}

#[test]
fn nbf_is_given_a_minute_at_most() {
    let policy = |seconds| {
        let leeway = Duration::from_secs(seconds);
        Policy::builder(ISSUER, AUDIENCE)
            .not_before_leeway(leeway)
            .build()
    };
    assert!(policy(60).is_ok());
    assert_eq!(
        policy(61).expect_err("too much").kind(),
        ConfigErrorKind::Limit
    );
}

#[test]
fn what_is_said_of_a_wrong_value_names_the_claim_and_not_what_it_says() {
    let kind: VerifyErrorKind = ClaimValue { name: "token_use" };
    assert_eq!(kind.code(), "claim_value");
    assert!(kind.to_string().contains("\"token_use\""));
}
