//! The same policy as for JWTs: each setting has its say on what the issuer answers.

use serde_json::json;
use tower_bearer::testing::TokenBuilder;
use tower_bearer::{AuthenticatorBuilder, Preset, Profile, VerifyErrorKind};

use crate::support::AUDIENCE;
use crate::{settings, stage_with};

type Demand = fn(AuthenticatorBuilder) -> AuthenticatorBuilder;
type Spoil = fn(TokenBuilder) -> TokenBuilder;

#[tokio::test(start_paused = true)]
async fn each_demand_of_a_policy_is_made_of_an_answer_too() {
    let missing = |name| VerifyErrorKind::ClaimMissing { name };
    let table: [(&str, Demand, Spoil, VerifyErrorKind); 6] = [
        (
            "a required claim",
            |builder| builder.require_claim("token_type"),
            |token| token.without("token_type"),
            missing("token_type"),
        ),
        (
            "a required value",
            |builder| builder.require_claim_value("tenant", "acme"),
            |token| token.claim("tenant", "evil"),
            VerifyErrorKind::ClaimValue { name: "tenant" },
        ),
        (
            "another claim of scopes",
            |builder| builder.scope_claim("scp"),
            |token| token.claim("scp", json!([1])),
            VerifyErrorKind::ClaimMalformed { name: "scp" },
        ),
        (
            "RFC 9068",
            |builder| builder.profile(Profile::AccessToken),
            |token| token.without("jti"),
            missing("jti"),
        ),
        (
            "MCP",
            |builder| builder.preset(Preset::Mcp),
            |token| token.audience("https://api.test/other"),
            VerifyErrorKind::Audience,
        ),
        (
            "a client in the place of an audience",
            |builder| builder.client_without_audience("shop"),
            |token| token.without("aud").client_id("stranger"),
            VerifyErrorKind::Audience,
        ),
    ];
    for (row, demand, spoil, kind) in table {
        let stage = stage_with(settings(), demand).await;
        let good = stage
            .token()
            .client_id("shop")
            .claim("tenant", "acme")
            .claim("scp", json!(["read", "write"]));
        stage.accept(row, &good.opaque()).await;
        let bad = spoil(good).opaque();
        stage.send(&bad).await.refused_token(row, kind);
    }
}

#[tokio::test(start_paused = true)]
async fn scopes_are_read_from_where_the_policy_says() {
    let stage = stage_with(settings(), |builder| builder.scope_claim("scp")).await;
    let token = stage.token().scope("admin").claim("scp", json!(["a", "b"]));
    let verified = stage.accept("scopes", &token.opaque()).await;
    assert_eq!(verified.scopes().to_string(), "a b");
}

/// RFC 9470 §6: context and time of the login are read from an answer as from a token.
#[tokio::test(start_paused = true)]
async fn what_a_route_demands_is_read_from_an_answer() {
    use tower_bearer::Requirement;

    let stage = stage_with(settings(), |builder| builder).await;
    let token = stage.token().scope("read write");
    let token = token
        .claim("acr", "strong")
        .claim("auth_time", crate::support::NOW - 60)
        .claim("roles", json!(["auditor"]));
    let verified = stage.accept("an answer", &token.opaque()).await;
    let minute = std::time::Duration::from_secs(60);
    let table: [(&str, Requirement, bool); 8] = [
        ("scopes", Requirement::scopes("write"), true),
        ("another scope", Requirement::scopes("admin"), false),
        ("a role", Requirement::value("roles", "auditor"), true),
        ("another role", Requirement::value("roles", "admin"), false),
        ("a context", Requirement::acr_values(["strong"]), true),
        ("another context", Requirement::acr_values(["weak"]), false),
        ("a login of now", Requirement::max_age(minute), true),
        (
            "a login of just now",
            Requirement::max_age(minute / 2),
            false,
        ),
    ];
    for (row, requirement, satisfied) in table {
        assert_eq!(requirement.check(&verified).is_ok(), satisfied, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_dangerous_for_jwts_is_for_answers_too() {
    let stage = stage_with(settings(), |builder| {
        builder.dangerous().ignore_sender_binding()
    })
    .await;
    let bound = stage.token().claim("cnf", json!({"jkt": "x"}));
    stage.accept("bound", &bound.opaque()).await;
    let bound = stage.token().claim("token_type", "DPoP");
    stage
        .accept("bound to what is not said", &bound.opaque())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_claims_type_of_ones_own_is_read_once_and_refuses_what_does_not_fit() {
    #[derive(serde::Deserialize)]
    struct Tenant {
        tenant: String,
        iss: String,
    }
    let stage = stage_with(settings(), |builder| builder).await;
    let auth = tower_bearer::Authenticator::builder(stage.issuer.url(), AUDIENCE)
        .introspection(settings())
        .fetch(stage.issuer.fetch())
        .clock(stage.clock.clone())
        .claims::<Tenant>()
        .build()
        .expect("a sound configuration");
    let good = stage
        .token()
        .without("iss")
        .claim("tenant", "acme")
        .opaque();
    for _ in 0..2 {
        let verified = auth.verify(&good).await.expect("a good token");
        assert_eq!(verified.claims().tenant, "acme");
        assert_eq!(verified.claims().iss, stage.issuer.url());
    }
    let bad = stage.opaque();
    for _ in 0..2 {
        let refused = auth.verify(&bad).await.expect_err("no tenant");
        assert_eq!(refused.code(), "claims_type");
    }
    assert_eq!(stage.asked(), 2);
}

/// RFC 9449 §6.2: bound to a key; a certificate is none.
#[tokio::test(start_paused = true)]
async fn a_certificate_is_not_the_key_that_a_dpop_token_is_bound_to() {
    use tower_bearer::mtls::MutualTls;
    use tower_bearer::testing::client_certificate;

    let stage = stage_with(settings(), |builder| {
        builder.mutual_tls(MutualTls::accept())
    })
    .await;
    let certificate = client_certificate("alice");
    let bound = stage.token().bound_to_certificate(&certificate);
    for (row, token, kind) in [
        ("bearer", bound.clone(), None),
        (
            "dpop",
            bound.claim("token_type", "DPoP"),
            Some(VerifyErrorKind::SenderBound),
        ),
    ] {
        let authorization = format!("Bearer {}", token.opaque());
        let request = http::Request::get("/")
            .header("authorization", authorization)
            .extension(certificate.clone());
        let request = request.body(String::new()).expect("a request");
        let answer = stage.call(request).await;
        match kind {
            None => drop(answer.accepted(row)),
            Some(kind) => answer.refused_token(row, kind),
        }
    }
}

/// RFC 9449 §6.2: an answer names the key that an opaque token is bound to, as a JWT does.
#[cfg(feature = "aws-lc-rs")]
#[tokio::test(start_paused = true)]
async fn an_opaque_token_that_is_bound_to_a_key_comes_with_its_proof_or_not_at_all() {
    use http::Request;
    use tower_bearer::dpop::Dpop;
    use tower_bearer::testing::{ProofBuilder, SigningKey};
    use tower_bearer::{Algorithm, NumericDate};

    use crate::support::NOW;

    let stage = stage_with(settings(), |builder| builder.dpop(Dpop::accept(AUDIENCE))).await;
    let key = SigningKey::generate(Algorithm::ES256);
    let bound = stage.token().bound_to(&key).claim("token_type", "DPoP");
    let token = bound.opaque();
    let unnamed = bound.without("cnf").opaque();
    let send = async |scheme: &str, token: &str, proof: Option<String>| {
        let request = Request::get("/orders").header("authorization", format!("{scheme} {token}"));
        let request = match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        };
        let request = request.body(String::new()).expect("a request");
        stage.call(request).await.status().as_u16()
    };
    let proof = |key: &SigningKey, token: &str| {
        let proof = ProofBuilder::new(key, "GET", "https://api.test/orders");
        let now = NumericDate::from_seconds(NOW);
        Some(proof.access_token(token).issued_at(now).sign())
    };
    let stranger = SigningKey::generate(Algorithm::ES256);
    for round in ["asked", "remembered"] {
        let row = |what: &str| format!("{what}, {round}");
        let good = proof(&key, &token);
        assert_eq!(
            send("DPoP", &token, good.clone()).await,
            200,
            "{}",
            row("good")
        );
        assert_eq!(send("DPoP", &token, good).await, 401, "{}", row("replayed"));
        let another = proof(&stranger, &token);
        assert_eq!(
            send("DPoP", &token, another).await,
            401,
            "{}",
            row("another key")
        );
        let other = proof(&key, "another");
        assert_eq!(
            send("DPoP", &token, other).await,
            401,
            "{}",
            row("another token")
        );
        assert_eq!(send("DPoP", &token, None).await, 401, "{}", row("no proof"));
        assert_eq!(send("Bearer", &token, None).await, 401, "{}", row("bearer"));
        let proof = proof(&key, &unnamed);
        assert_eq!(
            send("DPoP", &unnamed, proof).await,
            401,
            "{}",
            row("no key named")
        );
    }
    assert_eq!(stage.asked(), 2);
}
