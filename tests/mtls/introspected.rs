//! What an issuer says of the owner of a JWT that it is asked about, beside what the JWT says.

use http::Response;
use serde_json::{Value, json};
use tower_bearer::AuthenticateLayer;
use tower_bearer::dpop::Dpop;
use tower_bearer::introspection::Introspection;
use tower_bearer::mtls::MutualTls;
use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer};

use crate::behind::{AUDIENCE, builder, issuer, layer, send, token};
use crate::{alice, bound, direct, mallory, refused, shown};

/// An issuer that says this of every token.
fn issuer_that_says(said: &Value) -> TestIssuer {
    let issuer = issuer();
    let answer = Response::builder().header("content-type", "application/json");
    let answer = answer.body(said.to_string().into()).expect("an answer");
    issuer.behave_at(Endpoint::Introspection, Behaviour::Answer(answer));
    issuer
}

fn asks() -> Introspection {
    Introspection::discovered()
        .client_secret_basic("api", "secret")
        .every_token()
}

/// Twice: the second time token and answer are remembered.
async fn outcomes(layer: &AuthenticateLayer, token: &str) -> [Option<&'static str>; 2] {
    let first = send(layer, shown(token, Some(alice()))).await;
    let second = send(layer, shown(token, Some(alice()))).await;
    [first.code(), second.code()]
}

/// A JWT that says less than its issuer does must not pass as one that is not bound.
#[tokio::test]
async fn a_jwt_is_refused_that_its_issuer_says_is_bound_and_that_does_not_say_so() {
    let (of_alice, of_mallory) = (alice().thumbprint(), mallory().thumbprint());
    let to = |thumbprint: String| json!({"active": true, "cnf": {"x5t#S256": thumbprint}});
    let unbound = |said: &Value| {
        let issuer = issuer_that_says(said);
        let token = token(&issuer);
        (issuer, token)
    };
    let bound = |said: &Value| {
        let issuer = issuer_that_says(said);
        let token = bound(&issuer);
        (issuer, token)
    };
    let plain = json!({"active": true});
    let dpop = json!({"active": true, "token_type": "DPoP"});
    let unknown = json!({"active": true, "cnf": {"kid": "a"}});
    let key =
        json!({"active": true, "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}});
    let malformed = json!({"active": true, "cnf": null});
    let (to_alice, to_mallory) = (to(of_alice.to_string()), to(of_mallory.to_string()));
    for (row, (issuer, token), code) in [
        ("unbound, and nothing said", unbound(&plain), None),
        ("bound, and nothing said", bound(&plain), None),
        ("bound, and said so", bound(&to_alice), None),
        (
            "unbound, said bound",
            unbound(&to_alice),
            Some("sender_bound"),
        ),
        ("bound to another", bound(&to_mallory), Some("sender_bound")),
        ("to a key", unbound(&dpop), Some("sender_bound")),
        ("to a key as well", bound(&dpop), Some("sender_bound")),
        ("to a key of this name", bound(&key), Some("sender_bound")),
        ("to who knows what", unbound(&unknown), Some("sender_bound")),
        ("malformed", bound(&malformed), Some("claim_malformed")),
    ] {
        let layer = layer(direct(&issuer).introspection(asks()));
        assert_eq!(outcomes(&layer, &token).await, [code; 2], "{row}");
    }
}

#[tokio::test]
async fn nor_does_it_pass_where_keys_are_checked_or_nothing_is() {
    let said = json!({"active": true, "cnf": {"x5t#S256": alice().thumbprint().to_string()}});
    let issuer = issuer_that_says(&said);
    let token = token(&issuer);
    for builder in [
        builder(&issuer),
        builder(&issuer).dpop(Dpop::accept(AUDIENCE)),
        builder(&issuer).mutual_tls(MutualTls::require()),
    ] {
        let layer = layer(builder.introspection(asks()));
        let [first, second] = outcomes(&layer, &token).await;
        assert_eq!(
            (first, second),
            (Some("sender_bound"), Some("sender_bound"))
        );
    }
    let lax = builder(&issuer).dangerous().ignore_sender_binding();
    let layer = layer(lax.introspection(asks()));
    assert_eq!(
        outcomes(&layer, &token).await,
        [None; 2],
        "in so many words"
    );
}

#[tokio::test]
async fn an_answer_about_a_jwt_does_not_stand_for_its_certificate() {
    let said = json!({"active": true, "cnf": {"x5t#S256": alice().thumbprint().to_string()}});
    let issuer = issuer_that_says(&said);
    let bound = bound(&issuer);
    let layer = layer(direct(&issuer).introspection(asks()));
    for _ in ["asked", "remembered"] {
        for (certificate, code) in [
            (Some(mallory()), "certificate_mismatch"),
            (None, "certificate_missing"),
        ] {
            let answer = send(&layer, shown(&bound, certificate)).await;
            refused(code, &answer, code);
        }
    }
    let answer = send(&layer, shown(&bound, Some(alice()))).await;
    answer.accepted("alice");
}
