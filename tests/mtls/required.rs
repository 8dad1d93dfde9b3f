//! Where a token must be bound, and what a service says of that.

use serde_json::{Value, json};
use tower_bearer::dpop::Dpop;
use tower_bearer::mtls::MutualTls;
use tower_bearer::{AuthenticatorBuilder, Preset, ProtectedResource};

use crate::behind::{AUDIENCE, builder, issuer, layer, send, token};
use crate::{alice, bound, direct, mallory, refused, shown};

#[tokio::test]
async fn where_only_bound_tokens_are_good_no_other_is() {
    let issuer = issuer();
    let layer = layer(builder(&issuer).mutual_tls(MutualTls::require()));
    let (bound, unbound) = (bound(&issuer), token(&issuer));
    for round in ["first", "second"] {
        let answer = send(&layer, shown(&bound, Some(alice()))).await;
        answer.accepted(round);
        let answer = send(&layer, shown(&bound, Some(mallory()))).await;
        refused(round, &answer, "certificate_mismatch");
        for certificate in [None, Some(alice())] {
            let answer = send(&layer, shown(&unbound, certificate)).await;
            refused(round, &answer, "sender_not_bound");
        }
    }
}

#[tokio::test]
async fn fapi_refuses_an_unbound_token_where_certificates_are_checked() {
    let issuer = issuer();
    let fapi = || builder(&issuer).preset(Preset::Fapi2);
    for (row, builder) in [
        ("accepted", fapi().mutual_tls(MutualTls::accept())),
        ("required", fapi().mutual_tls(MutualTls::require())),
    ] {
        let layer = layer(builder);
        let answer = send(&layer, shown(&bound(&issuer), Some(alice()))).await;
        answer.accepted(row);
        let answer = send(&layer, shown(&bound(&issuer), Some(mallory()))).await;
        refused(row, &answer, "certificate_mismatch");
        let answer = send(&layer, shown(&token(&issuer), Some(alice()))).await;
        refused(row, &answer, "sender_not_bound");
    }
    let unchecked = layer(fapi());
    let answer = send(&unchecked, shown(&bound(&issuer), Some(alice()))).await;
    refused("unchecked", &answer, "sender_bound");
}

#[test]
fn the_metadata_says_that_certificates_are_checked() {
    let issuer = issuer();
    let says = |builder: AuthenticatorBuilder| {
        let auth = builder.protected_resource(ProtectedResource::new(AUDIENCE));
        let auth = auth.build().expect("sound");
        let metadata = auth.resource_metadata().expect("it was asked for");
        let document: Value = serde_json::from_str(metadata.document()).expect("JSON");
        let said = document.get("tls_client_certificate_bound_access_tokens");
        said.cloned()
    };
    assert_eq!(says(direct(&issuer)), Some(json!(true)));
    let required = builder(&issuer).mutual_tls(MutualTls::require());
    assert_eq!(says(required), Some(json!(true)));
    // Absent, which means false (RFC 9728 §2).
    assert_eq!(says(builder(&issuer)), None);
    assert_eq!(says(builder(&issuer).dpop(Dpop::accept(AUDIENCE))), None);
}
