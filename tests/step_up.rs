//! A stronger or more recent login than the token tells of (RFC 9470).

use std::convert::Infallible;
use std::time::Duration;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_bearer::authorization::Requirement;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::{
    AuthenticateLayer, Authenticator, AuthorizationError, AuthorizationErrorKind, NumericDate,
    Verified, require,
};

const AUDIENCE: &str = "https://api.test";
const NOW: i64 = 1_800_000_000;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// An issuer in memory, who trusts it, and the time by which both go.
struct Stage {
    issuer: TestIssuer,
    clock: TestClock,
    auth: Authenticator,
}

impl Stage {
    fn new() -> Self {
        let clock = TestClock::new(NumericDate::from_seconds(NOW));
        let issuer = TestIssuer::new("https://issuer.test");
        issuer.clock(clock.clone());
        let auth = Authenticator::builder(issuer.url(), AUDIENCE)
            .clock(clock.clone())
            .fetch(issuer.fetch())
            .build();
        Self {
            issuer,
            clock,
            auth: auth.expect("sound"),
        }
    }

    fn token(&self) -> TokenBuilder {
        self.issuer.token().audience(AUDIENCE)
    }

    async fn verified(&self, token: &TokenBuilder) -> Verified {
        let verified = self.auth.verify(&token.sign()).await;
        verified.expect("a good token")
    }
}

fn step_up(
    acr_values: &str,
    max_age: Option<Duration>,
    needed: &str,
) -> Result<(), AuthorizationError> {
    Err(AuthorizationErrorKind::InsufficientUserAuthentication {
        acr_values: acr_values.into(),
        max_age,
        needed: needed.into(),
    }
    .into())
}

fn forbidden(needed: &str) -> Result<(), AuthorizationError> {
    Err(AuthorizationErrorKind::Forbidden {
        needed: needed.into(),
    }
    .into())
}

#[tokio::test]
async fn an_authentication_context_is_one_of_those_wanted_and_compared_exactly() {
    let stage = Stage::new();
    let wanted: Requirement = Requirement::acr_values(["urn:acme:gold", "phr"]);
    let lacking = step_up("urn:acme:gold phr", None, "");
    for (acr, answer) in [
        (json!("urn:acme:gold"), Ok(())),
        (json!("phr"), Ok(())),
        (json!("PHR"), lacking.clone()),
        (json!("phr "), lacking.clone()),
        (json!("urn:acme:gold phr"), lacking.clone()),
        (json!("phrh"), lacking.clone()),
        (json!("0"), lacking.clone()),
        (json!(""), lacking.clone()),
        (json!(["phr"]), lacking.clone()),
        (json!(2), lacking.clone()),
        (json!(null), lacking.clone()),
    ] {
        let token = stage.token().claim("acr", acr.clone());
        let token = stage.verified(&token).await;
        assert_eq!(wanted.check(&token), answer, "{acr}");
    }
    let without = stage.verified(&stage.token()).await;
    assert_eq!(wanted.check(&without), lacking);
}

#[tokio::test]
async fn a_login_is_recent_to_the_millisecond_and_never_from_the_future() {
    let stage = Stage::new();
    let recent: Requirement = Requirement::max_age(FIVE_MINUTES);
    for (row, auth_time, passes) in [
        ("now", json!(NOW), true),
        ("at the bound", json!(NOW - 300), true),
        ("a little beyond", json!(NOW as f64 - 300.25), false),
        ("a second beyond", json!(NOW - 301), false),
        ("years ago", json!(0), false),
        ("before the epoch", json!(-1), false),
        ("the beginning of time", json!(i64::MIN), false),
        ("a clock slightly ahead", json!(NOW + 10), true),
        ("ahead", json!(NOW + 11), false),
        ("milliseconds taken for seconds", json!(NOW * 1000), false),
        ("the end of time", json!(1e300), false),
        ("a string", json!(NOW.to_string()), false),
        ("an array", json!([NOW]), false),
        ("null", json!(null), false),
        ("a boolean", json!(true), false),
    ] {
        let token = stage.token().claim("auth_time", auth_time);
        let token = stage.verified(&token).await;
        let answer = if passes {
            Ok(())
        } else {
            step_up("", Some(FIVE_MINUTES), "")
        };
        assert_eq!(recent.check(&token), answer, "{row}");
    }
}

#[tokio::test]
async fn a_missing_auth_time_fails_even_if_the_token_is_new_and_the_demand_reversed() {
    let stage = Stage::new();
    let token = stage.token().issued_at(NumericDate::from_seconds(NOW));
    let token = stage.verified(&token).await;
    let recent: Requirement = Requirement::max_age(Duration::MAX);
    assert_eq!(recent.check(&token), step_up("", Some(Duration::MAX), ""));
    assert_eq!(Requirement::not(recent).check(&token), forbidden(""));
}

#[tokio::test]
async fn the_age_counts_from_the_login_to_the_request_by_the_authenticators_clock() {
    let stage = Stage::new();
    let token = stage.token().claim("auth_time", NOW);
    let token = token.expires_in(Duration::from_secs(3600)).sign();
    let recent: Requirement = Requirement::max_age(FIVE_MINUTES);
    for (after, passes) in [(0, true), (300, true), (301, false), (3000, false)] {
        stage.clock.set(NumericDate::from_seconds(NOW + after));
        let verified = stage.auth.verify(&token).await.expect("a good token");
        assert_eq!(recent.check(&verified).is_ok(), passes, "{after} s");
    }
}

#[tokio::test]
async fn only_where_a_login_would_help_is_one_asked_for() {
    let stage = Stage::new();
    let gold = || Requirement::acr_values(["gold"]);
    let scopes = || Requirement::scopes("read pay");
    let role = || Requirement::value("roles", "payer");
    let scope_lacking = || Err(AuthorizationError::insufficient_scope("read pay"));
    for (row, requirement, scope, claims, answer) in [
        (
            "scopes are there",
            scopes().and(gold()),
            "read pay",
            json!({}),
            step_up("gold", None, "read pay"),
        ),
        (
            "a scope is lacking too",
            gold().and(scopes()),
            "read",
            json!({}),
            scope_lacking(),
        ),
        (
            "a role is lacking too",
            Requirement::all([gold(), scopes(), role()]),
            "read pay",
            json!({}),
            forbidden("read pay"),
        ),
        (
            "only a scope is lacking",
            gold().and(scopes()),
            "read",
            json!({"acr": "gold"}),
            scope_lacking(),
        ),
        (
            "a login or a scope",
            scopes().or(gold()),
            "read",
            json!({}),
            step_up("gold", None, ""),
        ),
        (
            "the alternative that a login completes, with its scopes",
            Requirement::scopes("admin").or(scopes().and(gold())),
            "read pay",
            json!({}),
            step_up("gold", None, "read pay"),
        ),
        (
            "the alternative that needs no login",
            gold().or(role()).and(Requirement::max_age(FIVE_MINUTES)),
            "read",
            json!({"roles": "payer"}),
            step_up("", Some(FIVE_MINUTES), ""),
        ),
        (
            "the login must not be of that kind",
            Requirement::not(gold()),
            "read",
            json!({"acr": "gold"}),
            forbidden(""),
        ),
        (
            "the login must not be of that kind, and is not, but too old",
            Requirement::not(gold()).and(Requirement::max_age(FIVE_MINUTES)),
            "read",
            json!({"auth_time": NOW - 301}),
            step_up("", Some(FIVE_MINUTES), ""),
        ),
        (
            "the context must not be that one, and nobody can tell which it is",
            Requirement::not(gold()),
            "read",
            json!({"acr": ["gold"]}),
            forbidden(""),
        ),
        (
            "the alternative to one that no login completes",
            Requirement::acr_values([""]).or(scopes()),
            "read",
            json!({}),
            scope_lacking(),
        ),
        (
            "no context is given",
            Requirement::acr_values(["with space", ""]),
            "read",
            json!({"acr": "with space"}),
            forbidden(""),
        ),
    ] {
        let token = stage
            .verified(&with_claims(stage.token().scope(scope), &claims))
            .await;
        let requirement: Requirement = requirement;
        assert_eq!(requirement.check(&token), answer, "{row}");
    }
}

fn with_claims(token: TokenBuilder, claims: &Value) -> TokenBuilder {
    let claims = claims.as_object().into_iter().flatten();
    claims.fold(token, |token, (name, value)| {
        token.claim(name.as_str(), value.clone())
    })
}

#[tokio::test]
async fn several_demands_are_asked_for_as_one_that_satisfies_them_all() {
    let stage = Stage::new();
    let token = stage.token().claim("acr", "gold");
    let token = stage.verified(&token).await;
    let hour = Requirement::max_age(Duration::from_secs(3600));
    let requirement = Requirement::all([
        Requirement::acr_values(["silver", "platinum", "gold"]),
        hour.clone(),
        Requirement::max_age(FIVE_MINUTES),
        Requirement::acr_values(["gold", "platinum"]).and(hour),
    ]);
    assert_eq!(
        requirement.check(&token),
        step_up("platinum gold", Some(FIVE_MINUTES), "")
    );
    // A token tells of one login, which has one context.
    let impossible: Requirement =
        Requirement::acr_values(["silver"]).and(Requirement::acr_values(["gold"]));
    assert_eq!(impossible.check(&token), forbidden(""));
}

/// Status and challenge of the answer to a request with this token.
async fn ask(stage: &Stage, requirement: Requirement, token: &TokenBuilder) -> (u16, String) {
    let service = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .layer(require(requirement))
        .service_fn(|_: Request<String>| async {
            Ok::<_, Infallible>(Response::new("reached".to_owned()))
        });
    let request = Request::builder().header(AUTHORIZATION, format!("Bearer {}", token.sign()));
    let request = request.body(String::new()).expect("a request");
    let Ok(response) = service.oneshot(request).await;
    let reached = response.body() == "reached";
    assert_eq!(reached, response.status() == StatusCode::OK);
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map_or("", |value| value.to_str().expect("ASCII"));
    (response.status().as_u16(), challenge.to_owned())
}

#[tokio::test]
async fn the_layer_answers_401_and_names_the_login_and_the_scopes_it_wants() {
    let stage = Stage::new();
    let requirement = Requirement::all([
        Requirement::scopes("read"),
        Requirement::acr_values(["urn:acme:gold", "phr"]),
        Requirement::max_age(FIVE_MINUTES),
    ]);
    let good = stage.token().claim("acr", "phr").claim("auth_time", NOW);
    let passed = (200, String::new());
    assert_eq!(ask(&stage, requirement.clone(), &good).await, passed);

    let challenge = "Bearer realm=\"https://api.test\", scope=\"read\", \
                     error=\"insufficient_user_authentication\", \
                     error_description=\"a stronger or more recent login is needed\", \
                     acr_values=\"urn:acme:gold phr\", max_age=\"300\"";
    let refused = (401, challenge.to_owned());
    for (row, token) in [
        ("another acr", good.clone().claim("acr", "pwd")),
        ("no acr", good.clone().without("acr")),
        ("too old", good.clone().claim("auth_time", NOW - 301)),
        ("no auth_time", good.clone().without("auth_time")),
        ("neither", good.clone().without("acr").without("auth_time")),
    ] {
        let answer = ask(&stage, requirement.clone(), &token).await;
        assert_eq!(answer, refused, "{row}");
    }
}

#[tokio::test]
async fn what_the_challenge_cannot_carry_is_left_out_of_it() {
    let stage = Stage::new();
    let challenge = "Bearer realm=\"https://api.test\", \
                     error=\"insufficient_user_authentication\", \
                     error_description=\"a stronger or more recent login is needed\"";
    for acr in ["a\"b", "a\\b", "a\r\nx:y", "größe"] {
        let answer = ask(&stage, Requirement::acr_values([acr]), &stage.token()).await;
        assert_eq!(answer, (401, challenge.to_owned()), "{acr:?}");
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_route_may_want_more_than_the_whole_service() {
    use axum::{Router, body::Body, routing::get};

    let stage = Stage::new();
    let gold: Requirement = Requirement::acr_values(["gold"]);
    let recent = Requirement::max_age(FIVE_MINUTES);
    let app: Router = Router::new()
        .route("/pay", get("").route_layer(require(recent)))
        .route("/read", get(""))
        .layer(require(gold))
        .layer(AuthenticateLayer::new(stage.auth.clone()));
    let plain = stage.token();
    let gold = stage.token().claim("acr", "gold");
    let both = gold.clone().claim("auth_time", NOW - 60);
    for (path, token, wanted) in [
        ("/read", &plain, Some("acr_values=\"gold\"")),
        ("/read", &gold, None),
        ("/pay", &plain, Some("acr_values=\"gold\"")),
        ("/pay", &gold, Some("max_age=\"300\"")),
        ("/pay", &both, None),
    ] {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {}", token.sign()));
        let request = request.body(Body::empty()).expect("a request");
        let Ok(response) = app.clone().oneshot(request).await;
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| value.to_str().expect("ASCII"));
        match wanted {
            None => assert_eq!((response.status(), challenge), (StatusCode::OK, None)),
            Some(wanted) => {
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
                let challenge = challenge.unwrap_or_default();
                assert!(challenge.ends_with(wanted), "{path}: {challenge}");
            }
        }
    }
}
