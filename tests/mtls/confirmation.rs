//! What `cnf` says, and what of it is checked (rows 54 and 55).

use http::Request;
use serde_json::{Value, json};
use tower_bearer::dpop::Dpop;
use tower_bearer::mtls::{ClientCertificate, MutualTls};
use tower_bearer::testing::{ProofBuilder, SigningKey, TestIssuer};
use tower_bearer::{Algorithm, AuthenticateLayer, Authenticator, TrustedIssuer};

use crate::behind::{AUDIENCE, Answer, builder, get, issuer, layer, send, token};
use crate::{alice, bound, confirmed, direct, mallory, refused, shown, tell};

/// Of a key that nobody has.
const SOME_KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// Refused with 401, whatever it is that was not right: with proofs there are two challenges.
#[track_caller]
fn refused_with_proofs(row: &str, answer: &Answer, code: &str) {
    assert_eq!(answer.code(), Some(code), "{row}");
    assert_eq!(answer.status(), 401, "{row}");
    assert_eq!(answer.challenges().len(), 2, "{row}");
    assert_eq!(answer.body, "", "{row}");
}

#[tokio::test]
async fn where_nothing_is_checked_a_bound_token_is_refused() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    for certificate in [None, Some(alice()), Some(mallory())] {
        let answer = send(&layer, shown(&bound(&issuer), certificate)).await;
        refused("bound", &answer, "sender_bound");
    }
}

#[tokio::test]
async fn only_in_so_many_words_a_binding_does_not_matter() {
    let issuer = issuer();
    let lax = || builder(&issuer).dangerous().ignore_sender_binding();
    for (row, builder) in [
        ("off", lax()),
        ("accepted", lax().mutual_tls(MutualTls::accept())),
    ] {
        let layer = layer(builder);
        for certificate in [None, Some(alice()), Some(mallory())] {
            let answer = send(&layer, shown(&bound(&issuer), certificate)).await;
            answer.accepted(row);
        }
        let malformed = confirmed(&issuer, json!("x"));
        let answer = send(&layer, shown(&malformed, None)).await;
        refused(row, &answer, "claim_malformed");
    }
    // What is demanded as well is still demanded.
    let layer = layer(lax().mutual_tls(MutualTls::require()));
    for token in [bound(&issuer), token(&issuer)] {
        let answer = send(&layer, shown(&token, Some(alice()))).await;
        refused("required", &answer, "sender_not_bound");
    }
}

#[tokio::test]
async fn what_one_issuer_need_not_say_is_demanded_of_every_other() {
    let (issuer, other) = (issuer(), TestIssuer::new("https://other.test"));
    other.publish(&[Algorithm::EdDSA]);
    let lax = TrustedIssuer::new(other.url(), AUDIENCE);
    let lax = lax.dangerous().ignore_sender_binding();
    let builder = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch().and(&other))
        .mutual_tls(MutualTls::accept())
        .trust(lax);
    let layer = layer(builder);
    let answer = send(&layer, shown(&bound(&other), Some(mallory()))).await;
    answer.accepted("of the other");
    let answer = send(&layer, shown(&bound(&issuer), Some(mallory()))).await;
    refused("of the first", &answer, "certificate_mismatch");
}

#[tokio::test]
async fn certificates_are_checked_of_whichever_issuer_a_token_is() {
    let (issuer, other) = (issuer(), TestIssuer::new("https://other.test"));
    other.publish(&[Algorithm::EdDSA]);
    let plain = || {
        Authenticator::builder(issuer.url(), AUDIENCE)
            .fetch(issuer.fetch().and(&other))
            .mutual_tls(MutualTls::accept())
    };
    let found = |issuer: String| async move {
        Ok((issuer == "https://other.test").then(|| TrustedIssuer::new(issuer, AUDIENCE)))
    };
    for (row, builder) in [
        (
            "given",
            plain().trust(TrustedIssuer::new(other.url(), AUDIENCE)),
        ),
        ("found", plain().resolver(found)),
    ] {
        let layer = layer(builder);
        let bound = bound(&other);
        let answer = send(&layer, shown(&bound, Some(mallory()))).await;
        refused(row, &answer, "certificate_mismatch");
        let answer = send(&layer, shown(&bound, Some(alice()))).await;
        answer.accepted(row);
    }
}

/// 54
#[tokio::test]
async fn members_that_nobody_knows_do_not_matter_beside_one_that_is_checked() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let thumbprint = alice().thumbprint().to_string();
    let token = confirmed(
        &issuer,
        json!({"x5t#S256": thumbprint, "jwk": {"kty": "oct"}, "kid": null, "x5t": "A"}),
    );
    let answer = send(&layer, shown(&token, Some(alice()))).await;
    answer.accepted("alice");
    let answer = send(&layer, shown(&token, Some(mallory()))).await;
    refused("mallory", &answer, "certificate_mismatch");
}

/// 54
#[tokio::test]
async fn a_confirmation_that_holds_nothing_we_check_is_refused() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let thumbprint = alice().thumbprint().to_string();
    for cnf in [
        json!({}),
        json!({"x5t": thumbprint}),
        json!({"X5T#S256": thumbprint}),
        json!({"x5t#s256": thumbprint}),
        json!({"x5t#S256 ": thumbprint}),
        json!({"jkt": SOME_KEY}),
        json!({"kid": "a"}),
        json!({"jwk": {"x5t#S256": thumbprint}}),
    ] {
        let token = confirmed(&issuer, cnf.clone());
        let answer = send(&layer, shown(&token, Some(alice()))).await;
        refused(&cnf.to_string(), &answer, "sender_bound");
    }
}

#[tokio::test]
async fn what_is_no_thumbprint_is_refused_whoever_sends_it() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let good = alice().thumbprint().to_string();
    let members = |value: Value| json!({"x5t#S256": value});
    for wrong in [
        members(json!(null)),
        members(json!(1)),
        members(json!(true)),
        members(json!([good])),
        members(json!({"x5t#S256": good})),
        members(json!("")),
        members(json!(format!("{good}="))),
        members(json!(format!("{good} "))),
        members(json!(format!("{good}A"))),
        members(json!(good.get(..42))),
        json!(null),
        json!([]),
        json!([{"x5t#S256": good}]),
        json!(good),
        // A member that is known must be sound, though nobody checks it.
        json!({"x5t#S256": good, "jkt": "A"}),
    ] {
        let token = confirmed(&issuer, wrong.clone());
        for certificate in [None, Some(alice())] {
            let answer = send(&layer, shown(&token, certificate)).await;
            refused(&wrong.to_string(), &answer, "claim_malformed");
        }
    }
}

#[tokio::test]
async fn a_member_that_stands_there_twice_is_refused() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let (of_alice, of_mallory) = (alice().thumbprint(), mallory().thumbprint());
    let claims = |cnf: &str| {
        let claims = json!({"iss": issuer.url(), "aud": AUDIENCE, "exp": 4_102_444_800_u32});
        claims.to_string().replacen('{', &format!("{{{cnf},"), 1)
    };
    let one = format!(r#""cnf":{{"x5t#S256":"{of_alice}"}}"#);
    let send_claims = async |claims: String| {
        let token = issuer.token().raw_payload(claims).sign();
        send(&layer, shown(&token, Some(alice()))).await
    };
    send_claims(claims(&one)).await.accepted("once");
    let other = format!(r#""cnf":{{"x5t#S256":"{of_mallory}"}}"#);
    for twice in [
        format!(r#""cnf":{{"x5t#S256":"{of_alice}","x5t#S256":"{of_mallory}"}}"#),
        format!(r#""cnf":{{"x5t#S256":"{of_mallory}","x5t\u0023S256":"{of_alice}"}}"#),
        format!("{one},{other}"),
        format!("{other},{one}"),
    ] {
        let answer = send_claims(claims(&twice)).await;
        refused(&twice, &answer, "json");
    }
}

// --- a certificate and a key

struct Both {
    issuer: TestIssuer,
    key: SigningKey,
    token: String,
}

impl Both {
    /// A token that is bound to alice's certificate and to a key of hers.
    fn new() -> Self {
        let (issuer, key) = (issuer(), SigningKey::generate(Algorithm::ES256));
        let thumbprint = alice().thumbprint().to_string();
        let cnf = json!({"jkt": key.thumbprint(), "x5t#S256": thumbprint});
        let token = confirmed(&issuer, cnf);
        Self { issuer, key, token }
    }

    /// The token, sent with a proof by this key and with this certificate.
    fn sent(&self, key: &SigningKey, certificate: Option<ClientCertificate>) -> Request<String> {
        let proof = ProofBuilder::new(key, "GET", format!("{AUDIENCE}/"));
        let proof = proof.access_token(&self.token).sign();
        let authorization = format!("DPoP {}", self.token);
        let headers = [
            ("authorization", authorization.as_str()),
            ("dpop", proof.as_str()),
        ];
        let mut request = get("/", &headers);
        tell(&mut request, None, certificate);
        request
    }

    fn with(&self, dpop: Option<Dpop>, mutual_tls: Option<MutualTls>) -> AuthenticateLayer {
        let mut builder = builder(&self.issuer);
        if let Some(dpop) = dpop {
            builder = builder.dpop(dpop);
        }
        if let Some(mutual_tls) = mutual_tls {
            builder = builder.mutual_tls(mutual_tls);
        }
        layer(builder)
    }
}

/// 54
#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_and_a_key_needs_both() {
    let both = Both::new();
    let stolen = SigningKey::generate(Algorithm::ES256);
    let checked = [
        both.with(Some(Dpop::accept(AUDIENCE)), Some(MutualTls::accept())),
        both.with(Some(Dpop::accept(AUDIENCE)), Some(MutualTls::require())),
    ];
    for layer in checked {
        for round in ["first", "second"] {
            let answer = send(&layer, both.sent(&both.key, Some(alice()))).await;
            answer.accepted(round);
            let answer = send(&layer, both.sent(&both.key, Some(mallory()))).await;
            refused_with_proofs(round, &answer, "certificate_mismatch");
            let answer = send(&layer, both.sent(&both.key, None)).await;
            refused_with_proofs(round, &answer, "certificate_missing");
            let answer = send(&layer, both.sent(&stolen, Some(alice()))).await;
            refused_with_proofs(round, &answer, "dpop_key_binding");
            let mut without_proof = both.sent(&both.key, Some(alice()));
            without_proof.headers_mut().remove("dpop");
            let answer = send(&layer, without_proof).await;
            refused_with_proofs(round, &answer, "dpop_proof_missing");
            // As Bearer, with the right certificate.
            let answer = send(&layer, shown(&both.token, Some(alice()))).await;
            refused_with_proofs(round, &answer, "dpop_bound_as_bearer");
        }
    }
}

/// 54
#[tokio::test]
async fn where_only_one_of_the_two_is_checked_a_token_that_is_bound_to_both_is_refused() {
    let both = Both::new();
    let no_proofs = both.with(None, Some(MutualTls::accept()));
    let answer = send(&no_proofs, shown(&both.token, Some(alice()))).await;
    refused("no proofs", &answer, "sender_bound");

    let no_certificates = both.with(Some(Dpop::accept(AUDIENCE)), None);
    let answer = send(&no_certificates, both.sent(&both.key, Some(alice()))).await;
    refused_with_proofs("no certificates", &answer, "sender_bound");
}
