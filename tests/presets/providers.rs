//! Each provider's own documents and tokens, signed here: its access tokens pass and are read, its other tokens and those of
//! its neighbours do not.

#![expect(
    clippy::indexing_slicing,
    reason = "a fixture without a member is a mistake in the fixture"
)]

use std::collections::HashMap;
use std::fs;
use std::future::ready;

use http::{Request, Response};
use serde_json::{Map, Value, json};
use tower_bearer::VerifyErrorKind::{
    Audience, ClaimMalformed, ClaimMissing, ClaimValue, Issuer, KeyUnknown, NotCompact,
};
use tower_bearer::authorization::{ClaimPath, Requirement};
use tower_bearer::fetch::{FetchError, FetchErrorKind, FetchLimits};
use tower_bearer::presets::{auth0, cognito, entra, google, keycloak, okta};
use tower_bearer::testing::{RawToken, SigningKey, TestClock};
use tower_bearer::{
    Algorithm, Authenticator, AuthenticatorBuilder, ConfigErrorKind, IssuerTemplate, NumericDate,
    Rejection, TrustedIssuer, Verified, VerifyErrorKind,
};

use crate::support::NOW;

fn fixture(folder: &str, name: &str) -> Value {
    let path = format!(
        "{}/tests/fixtures/{folder}/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = fs::read_to_string(&path).expect("a fixture");
    serde_json::from_str(&text).expect("a fixture is JSON")
}

/// A provider that publishes its documents at its own URLs, and a service that trusts it.
struct Provider {
    folder: &'static str,
    keys: Vec<SigningKey>,
    auth: Authenticator,
}

impl Provider {
    /// Finds the keys by discovery at this URL.
    fn discovered(folder: &'static str, url: &str, issuer: TrustedIssuer) -> Self {
        let discovery = fixture(folder, "discovery");
        let keys = discovery["jwks_uri"].as_str().expect("a URL").to_owned();
        Self::publishing(
            folder,
            &keys,
            [(url.to_owned(), discovery.to_string())],
            Authenticator::trusting(issuer),
        )
    }

    /// Has its keys at this URL, and other documents at others.
    fn publishing(
        folder: &'static str,
        keys_at: &str,
        others: impl IntoIterator<Item = (String, String)>,
        auth: AuthenticatorBuilder,
    ) -> Self {
        let mut set = fixture(folder, "keys");
        let mut keys = Vec::new();
        for jwk in set["keys"].as_array_mut().expect("an array") {
            let key_id = jwk["kid"].as_str().expect("a key id").to_owned();
            let key = SigningKey::generate(Algorithm::RS256).with_key_id(key_id);
            let public = key.public_jwk();
            for number in ["n", "e"] {
                jwk[number] = public[number].clone();
            }
            keys.push(key);
        }
        let mut documents: HashMap<String, String> = others.into_iter().collect();
        documents.insert(keys_at.to_owned(), set.to_string());
        let auth = auth
            .clock(TestClock::new(NumericDate::from_seconds(NOW + 10)))
            .fetch(move |request: Request<Vec<u8>>, _: FetchLimits| {
                let document = documents.get(&request.uri().to_string());
                ready(document.map_or_else(
                    || Err(FetchError::new(FetchErrorKind::Connect)),
                    |text| Ok(Response::new(text.clone().into_bytes())),
                ))
            })
            .build()
            .expect("a sound configuration");
        Self { folder, keys, auth }
    }

    fn token(&self, name: &str) -> Token {
        let mut token = fixture(self.folder, name);
        let mut part = |name: &str| match token[name].take() {
            Value::Object(members) => members,
            other => panic!("{name} is {other}"),
        };
        Token {
            header: part("header"),
            claims: part("claims"),
        }
    }

    fn sign(&self, token: &Token) -> String {
        let named = token.header["kid"].as_str();
        let key = self.keys.iter().find(|key| key.key_id() == named);
        RawToken::new()
            .header(json!(token.header).to_string())
            .payload(json!(token.claims).to_string())
            .sign(key.expect("a key of this name"))
            .join()
    }

    #[track_caller]
    fn accepted(&self, row: &str, token: &Token) -> impl Future<Output = Verified> {
        let token = self.sign(token);
        async move {
            self.auth
                .verify(&token)
                .await
                .unwrap_or_else(|error| panic!("{row}: {error:?}"))
        }
    }

    async fn refused(
        &self,
        rows: impl IntoIterator<Item = (&'static str, Token, VerifyErrorKind)>,
    ) {
        for (row, token, kind) in rows {
            match self.auth.verify(&self.sign(&token)).await {
                Err(Rejection::Verify(error)) => assert_eq!(error.kind(), kind, "{row}"),
                other => panic!("{row}: {other:?}"),
            }
        }
    }
}

/// A token as the provider makes it, to be changed in one place.
struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Token {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.remove(name).expect("a claim to leave out");
        self
    }

    fn key_id(mut self, key_id: &str) -> Self {
        self.header.insert("kid".to_owned(), key_id.into());
        self
    }
}

fn holds(token: &Verified, path: ClaimPath, value: &str) -> bool {
    Requirement::value(path, value).check(token).is_ok()
}

fn scopes(token: &Verified) -> Vec<&str> {
    token.scopes().iter().collect()
}

fn keycloak() -> Provider {
    Provider::discovered(
        "keycloak",
        "https://id.acme.example/realms/orders/.well-known/openid-configuration",
        keycloak::realm("https://id.acme.example/", "orders", "orders-api"),
    )
}

#[tokio::test]
async fn an_access_token_of_keycloak_is_read() {
    let provider = keycloak();
    let token = provider
        .accepted("user", &provider.token("access_token"))
        .await;
    assert_eq!(token.issuer(), "https://id.acme.example/realms/orders");
    assert_eq!(
        scopes(&token),
        ["openid", "profile", "email", "orders:read"]
    );
    assert!(holds(&token, keycloak::REALM_ROLES, "auditor"));
    assert!(holds(
        &token,
        keycloak::client_roles("orders-api"),
        "order-reader"
    ));
    assert!(holds(&token, keycloak::GROUPS, "/sales/europe"));
    // A role belongs to its realm or client, and to no other.
    assert!(!holds(&token, keycloak::REALM_ROLES, "order-reader"));
    assert!(!holds(
        &token,
        keycloak::client_roles("account"),
        "order-reader"
    ));
    assert!(!holds(
        &token,
        keycloak::client_roles("orders"),
        "order-reader"
    ));
}

#[tokio::test]
async fn no_other_token_of_keycloak_is_accepted() {
    let provider = keycloak();
    let access = || provider.token("access_token");
    let id = || provider.token("id_token");
    let typ = ClaimValue { name: "typ" };
    provider
        .refused([
            ("an ID token", id(), Audience),
            (
                "an ID token of our own client",
                id().with("aud", "orders-api"),
                typ,
            ),
            (
                "one without at_hash",
                id().with("aud", "orders-api").without("at_hash"),
                typ,
            ),
            ("a logout token", access().with("typ", "Logout"), typ),
            ("a refresh token", access().with("typ", "Refresh"), typ),
            (
                "a token of no kind",
                access().without("typ"),
                ClaimMissing { name: "typ" },
            ),
            (
                "another realm",
                access().with("iss", "https://id.acme.example/realms/master"),
                Issuer,
            ),
            (
                "another API",
                access().with("aud", json!(["billing-api", "account"])),
                Audience,
            ),
            (
                "the key for encryption",
                access().key_id("m7sR2xKqv0Lh1bNf5c8YtWpZ3eJgAoUd4iTrQnHkXyE"),
                KeyUnknown,
            ),
        ])
        .await;
}

const TENANT: &str = "8c1f5b0e-3a52-4c0e-9a57-5d1e0f3b7c21";
const OTHER_TENANT: &str = "11111111-2222-4333-8444-555555555555";
const API: &str = "2f0d3c51-7e0b-4d4c-9a5f-0d6a7a1c9e10";

fn entra_v2() -> Provider {
    Provider::discovered(
        "entra_v2",
        &format!(
            "https://login.microsoftonline.com/{TENANT}/v2.0/.well-known/openid-configuration"
        ),
        entra::v2(&TENANT.to_uppercase(), API),
    )
}

fn entra_v1() -> Provider {
    let keys = format!("https://login.microsoftonline.com/{TENANT}/discovery/keys");
    let issuer = entra::v1(TENANT, format!("api://{API}"));
    Provider::publishing("entra_v1", &keys, [], Authenticator::trusting(issuer))
}

#[tokio::test]
async fn a_v2_access_token_of_entra_is_read() {
    let provider = entra_v2();
    let token = provider
        .accepted("user", &provider.token("access_token"))
        .await;
    assert_eq!(scopes(&token), ["Orders.Read", "Orders.Write"]);
    assert!(holds(&token, entra::ROLES, "Orders.Audit"));
    assert!(holds(
        &token,
        entra::GROUPS,
        "0c7b5a1e-9d42-4e6f-8a31-5f2c7d8e9b01"
    ));

    let token = provider
        .accepted("application", &provider.token("application_token"))
        .await;
    assert!(token.scopes().is_empty());
    assert!(holds(&token, entra::ROLES, "Orders.Read.All"));
    assert!(!holds(
        &token,
        entra::GROUPS,
        "0c7b5a1e-9d42-4e6f-8a31-5f2c7d8e9b01"
    ));
}

#[tokio::test]
async fn no_other_token_of_entra_v2_is_accepted() {
    let provider = entra_v2();
    let access = || provider.token("access_token");
    let id = || provider.token("id_token");
    let other = format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0");
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    provider
        .refused([
            ("an ID token", id(), Audience),
            (
                "an ID token of the API's own registration",
                id().with("aud", API),
                ClaimMissing { name: "azpacr" },
            ),
            // The key is that of all tenants.
            (
                "another tenant",
                access()
                    .with("iss", other.as_str())
                    .with("tid", OTHER_TENANT),
                Issuer,
            ),
            (
                "another tenant's identifier",
                access().with("tid", OTHER_TENANT),
                ClaimValue { name: "tid" },
            ),
            (
                "no tenant",
                access().without("tid"),
                ClaimMissing { name: "tid" },
            ),
            (
                "the issuer of v1.0",
                access().with("iss", v1.as_str()),
                Issuer,
            ),
            (
                "the version of v1.0",
                access().with("ver", "1.0"),
                ClaimValue { name: "ver" },
            ),
            (
                "another API",
                access().with("aud", "00000003-0000-0000-c000-000000000000"),
                Audience,
            ),
            (
                "the URI of the API",
                access().with("aud", format!("api://{API}")),
                Audience,
            ),
            (
                "scopes of no form",
                access().with("scp", json!({"Orders.Read": 1})),
                ClaimMalformed { name: "scp" },
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_template_trusts_the_tenants_of_entra_that_it_allows() {
    let template = "https://login.microsoftonline.com/{tenant}/v2.0";
    let issuer = |tenant: &str| template.replace("{tenant}", tenant);
    let tenants = IssuerTemplate::new(template, |_, tenant| entra::v2(tenant, API))
        .expect("a template")
        .allow([OTHER_TENANT]);
    let mut discovery = fixture("entra_v2", "discovery");
    let keys = discovery["jwks_uri"].as_str().expect("a URL").to_owned();
    let documents = [TENANT, OTHER_TENANT].map(|tenant| {
        discovery["issuer"] = issuer(tenant).into();
        let url = format!("{}/.well-known/openid-configuration", issuer(tenant));
        (url, discovery.to_string())
    });
    let auth = Authenticator::trusting(entra::v2(TENANT, API)).resolver(tenants);
    let provider = Provider::publishing("entra_v2", &keys, documents, auth);

    let of = |tenant: &str, named: &str| {
        let token = provider.token("access_token");
        token.with("iss", issuer(tenant)).with("tid", named)
    };
    provider.accepted("given", &of(TENANT, TENANT)).await;
    provider
        .accepted("allowed", &of(OTHER_TENANT, OTHER_TENANT))
        .await;
    let stranger = "99999999-8888-4777-8666-555555555555";
    let tid = ClaimValue { name: "tid" };
    provider
        .refused([
            (
                "a tenant that is not allowed",
                of(stranger, stranger),
                Issuer,
            ),
            ("one in another's name", of(OTHER_TENANT, TENANT), tid),
            ("and the other way round", of(TENANT, OTHER_TENANT), tid),
            ("common", of("common", TENANT), Issuer),
        ])
        .await;
}

#[tokio::test]
async fn a_v1_access_token_of_entra_is_read() {
    let provider = entra_v1();
    let token = provider
        .accepted("user", &provider.token("access_token"))
        .await;
    assert_eq!(token.issuer(), format!("https://sts.windows.net/{TENANT}/"));
    assert_eq!(scopes(&token), ["Orders.Read"]);
    assert!(holds(&token, entra::ROLES, "Orders.Audit"));
}

#[tokio::test]
async fn no_other_token_of_entra_v1_is_accepted() {
    let provider = entra_v1();
    let access = || provider.token("access_token");
    let id = || provider.token("id_token");
    let other = format!("https://sts.windows.net/{OTHER_TENANT}/");
    let v2 = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    provider
        .refused([
            ("an ID token", id(), Audience),
            (
                "an ID token of the API's own registration",
                id().with("aud", format!("api://{API}")),
                ClaimMissing { name: "appidacr" },
            ),
            (
                "another tenant",
                access()
                    .with("iss", other.as_str())
                    .with("tid", OTHER_TENANT),
                Issuer,
            ),
            (
                "another tenant's identifier",
                access().with("tid", OTHER_TENANT),
                ClaimValue { name: "tid" },
            ),
            (
                "the issuer of v2.0",
                access().with("iss", v2.as_str()),
                Issuer,
            ),
            (
                "the issuer without its slash",
                access().with("iss", other.trim_end_matches('/')),
                Issuer,
            ),
            (
                "the version of v2.0",
                access().with("ver", "2.0"),
                ClaimValue { name: "ver" },
            ),
            (
                "another API",
                access().with("aud", "https://graph.microsoft.com"),
                Audience,
            ),
        ])
        .await;
}

const AUTH0: &str = "https://acme.eu.auth0.com/.well-known/openid-configuration";
const AUTH0_API: &str = "https://orders.acme.example/api";

#[tokio::test]
async fn an_access_token_of_auth0_is_read() {
    let issuer = auth0::tenant("acme.eu.auth0.com", AUTH0_API);
    let provider = Provider::discovered("auth0", AUTH0, issuer);
    let token = provider
        .accepted("user", &provider.token("access_token"))
        .await;
    assert_eq!(token.issuer(), "https://acme.eu.auth0.com/");
    assert_eq!(scopes(&token), ["openid", "profile", "read:orders"]);
    assert!(holds(&token, auth0::PERMISSIONS, "refund:orders"));
    assert!(!holds(&token, auth0::PERMISSIONS, "profile"));
    assert!(holds(
        &token,
        ClaimPath::from(["https://acme.example/roles"]),
        "auditor"
    ));
}

#[tokio::test]
async fn no_other_token_of_auth0_is_accepted() {
    let issuer = auth0::tenant("acme.eu.auth0.com", AUTH0_API)
        .require_claim_value("org_id", "org_9Xk2Lm4Np6Qr8St0");
    let provider = Provider::discovered("auth0", AUTH0, issuer);
    let access = || provider.token("access_token");
    provider.accepted("the organisation", &access()).await;
    provider
        .refused([
            ("an ID token", provider.token("id_token"), Audience),
            (
                "another tenant",
                access().with("iss", "https://evil.eu.auth0.com/"),
                Issuer,
            ),
            (
                "the issuer without its slash",
                access().with("iss", "https://acme.eu.auth0.com"),
                Issuer,
            ),
            (
                "another API",
                access().with("aud", json!(["https://billing.acme.example/api"])),
                Audience,
            ),
            (
                "user info only",
                access().with("aud", "https://acme.eu.auth0.com/userinfo"),
                Audience,
            ),
            (
                "another organisation",
                access().with("org_id", "org_0"),
                ClaimValue { name: "org_id" },
            ),
            (
                "no organisation",
                access().without("org_id"),
                ClaimMissing { name: "org_id" },
            ),
        ])
        .await;
}

fn okta() -> Provider {
    Provider::discovered(
        "okta",
        "https://acme.okta.com/oauth2/aus9o8wzkhckw9TLa0h7/.well-known/openid-configuration",
        okta::authorization_server("acme.okta.com", "aus9o8wzkhckw9TLa0h7", "api://orders"),
    )
}

#[tokio::test]
async fn an_access_token_of_okta_is_read() {
    let provider = okta();
    let token = provider
        .accepted("user", &provider.token("access_token"))
        .await;
    assert_eq!(scopes(&token), ["openid", "orders.read"]);
    assert!(holds(&token, okta::GROUPS, "Order Auditors"));
    assert!(!holds(&token, okta::GROUPS, "Order"));
}

#[tokio::test]
async fn no_other_token_of_okta_is_accepted() {
    let provider = okta();
    let access = || provider.token("access_token");
    let id = || provider.token("id_token");
    provider
        .refused([
            ("an ID token", id(), Audience),
            (
                "an ID token for us",
                id().with("aud", "api://orders"),
                ClaimMissing { name: "cid" },
            ),
            (
                "the org server",
                access().with("iss", "https://acme.okta.com"),
                Issuer,
            ),
            (
                "another server",
                access().with("iss", "https://acme.okta.com/oauth2/default"),
                Issuer,
            ),
            (
                "another API",
                access().with("aud", "api://billing"),
                Audience,
            ),
            (
                "two scopes in one",
                access().with("scp", json!(["openid orders.admin"])),
                ClaimMalformed { name: "scp" },
            ),
        ])
        .await;
}

const CLIENT: &str = "4k7m2n9p1q8r3s6t5u0v7w2x9y";
const ORDERS: &str = "https://orders.acme.example";

fn cognito(clients: &[&str]) -> Provider {
    Provider::discovered(
        "cognito",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab129faBb/.well-known/openid-configuration",
        cognito::user_pool("eu-west-1_Ab129faBb", ORDERS, clients.iter().copied()),
    )
}

#[tokio::test]
async fn an_access_token_of_cognito_is_read_although_it_has_no_audience() {
    let provider = cognito(&["another", CLIENT]);
    let token = provider
        .accepted("user", &provider.token("access_token"))
        .await;
    assert!(token.audience().is_none());
    assert_eq!(token.client_id(), Some(CLIENT));
    assert_eq!(scopes(&token), ["openid", "orders/read"]);
    assert!(holds(&token, cognito::GROUPS, "auditors"));

    let bound = provider.token("access_token").with("aud", ORDERS);
    provider.accepted("bound to our resource", &bound).await;
    let other = provider
        .token("access_token")
        .with("aud", ORDERS)
        .with("client_id", "third");
    provider
        .accepted("bound, of a client that is not named", &other)
        .await;
}

#[tokio::test]
async fn no_other_token_of_cognito_is_accepted() {
    let provider = cognito(&["another", CLIENT]);
    let access = || provider.token("access_token");
    let id = || provider.token("id_token");
    let token_use = ClaimValue { name: "token_use" };
    provider
        .refused([
            ("an ID token", id(), Audience),
            ("an ID token for us", id().with("aud", ORDERS), token_use),
            (
                "an ID token in an access token's shape",
                access().with("token_use", "id"),
                token_use,
            ),
            (
                "of no use",
                access().without("token_use"),
                ClaimMissing { name: "token_use" },
            ),
            (
                "another client",
                access().with("client_id", "third"),
                Audience,
            ),
            (
                "no client",
                access().without("client_id"),
                ClaimMissing { name: "client_id" },
            ),
            (
                "bound to another resource",
                access().with("aud", "https://billing.acme.example"),
                Audience,
            ),
            (
                "its client as audience",
                access().with("aud", CLIENT),
                Audience,
            ),
            (
                "another pool",
                access().with(
                    "iss",
                    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Cd340gcCc",
                ),
                Issuer,
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_user_pool_without_clients_needs_an_audience() {
    let provider = cognito(&[]);
    let access = || provider.token("access_token");
    provider
        .accepted("bound", &access().with("aud", ORDERS))
        .await;
    provider
        .refused([("not bound", access(), ClaimMissing { name: "aud" })])
        .await;
}

#[tokio::test]
async fn an_id_token_of_a_google_service_account_is_accepted_for_a_named_account() {
    let provider = Provider::discovered(
        "google",
        "https://accounts.google.com/.well-known/openid-configuration",
        google::service_accounts(ORDERS, ["100000000000000000001", "108649131563912849201"]),
    );
    let service = || provider.token("service_account_token");
    let token = provider.accepted("service account", &service()).await;
    assert_eq!(token.subject(), Some("108649131563912849201"));
    assert!(token.scopes().is_empty());
    provider
        .refused([
            ("a person's ID token", provider.token("id_token"), Audience),
            (
                "a person's ID token for us",
                provider.token("id_token").with("aud", ORDERS),
                ClaimValue { name: "sub" },
            ),
            (
                "a stranger's service account",
                service().with("sub", "999999999999999999999"),
                ClaimValue { name: "sub" },
            ),
            (
                "no account",
                service().without("sub"),
                ClaimMissing { name: "sub" },
            ),
            (
                "another service",
                service().with("aud", "https://billing.acme.example"),
                Audience,
            ),
            (
                "the issuer without its scheme",
                service().with("iss", "accounts.google.com"),
                Issuer,
            ),
        ])
        .await;
    match provider
        .auth
        .verify("ya29.a0AfB-an-opaque-access-token")
        .await
    {
        Err(Rejection::Verify(error)) => assert_eq!(error.kind(), NotCompact),
        other => panic!("an opaque token: {other:?}"),
    }
}

#[test]
fn what_cannot_be_a_providers_name_fails_when_building() {
    let none: [&str; 0] = [];
    for (row, issuer) in [
        (
            "realm with a slash",
            keycloak::realm("https://id.test", "orders/../master", "api"),
        ),
        ("no realm", keycloak::realm("https://id.test", "", "api")),
        (
            "dots for a realm",
            keycloak::realm("https://id.test", "..", "api"),
        ),
        (
            "realm with a query",
            keycloak::realm("https://id.test", "orders?x", "api"),
        ),
        (
            "server by http",
            keycloak::realm("http://id.test", "orders", "api"),
        ),
        (
            "server without a scheme",
            keycloak::realm("id.test", "orders", "api"),
        ),
        ("common", entra::v2("common", "api")),
        ("organizations", entra::v2("organizations", "api")),
        (
            "domain for a tenant",
            entra::v2("acme.onmicrosoft.com", "api"),
        ),
        ("no tenant", entra::v1("", "api")),
        (
            "braces",
            entra::v1("{8c1f5b0e-3a52-4c0e-9a57-5d1e0f3b7c21}", "api"),
        ),
        (
            "no GUID",
            entra::v1("8c1f5b0e-3a52-4c0e-9a57-5d1e0f3b7c2g", "api"),
        ),
        (
            "URL for a domain",
            auth0::tenant("https://acme.eu.auth0.com/", "api"),
        ),
        (
            "domain with a path",
            auth0::tenant("acme.eu.auth0.com/x", "api"),
        ),
        (
            "domain with a user",
            auth0::tenant("acme.eu.auth0.com@evil.test", "api"),
        ),
        ("one label", auth0::tenant("acme", "api")),
        ("empty label", auth0::tenant("acme..auth0.com", "api")),
        (
            "domain with a port",
            okta::authorization_server("acme.okta.com:1", "default", "api"),
        ),
        (
            "no server",
            okta::authorization_server("acme.okta.com", "", "api"),
        ),
        (
            "server with a slash",
            okta::authorization_server("acme.okta.com", "a/b", "api"),
        ),
        ("no region", cognito::user_pool("Ab129faBb", "api", ["web"])),
        ("no name", cognito::user_pool("eu-west-1_", "api", ["web"])),
        (
            "another host",
            cognito::user_pool("evil.test/_Ab", "api", ["web"]),
        ),
        (
            "two names",
            cognito::user_pool("eu-west-1_Ab_Cd", "api", ["web"]),
        ),
        ("no account", google::service_accounts("api", none)),
        (
            "an email",
            google::service_accounts("api", ["a@b.iam.gserviceaccount.com"]),
        ),
        (
            "an empty account",
            google::service_accounts("api", ["100000000000000000001", ""]),
        ),
    ] {
        let built = Authenticator::trusting(issuer).build();
        let kind = built.map(drop).map_err(|error| error.kind());
        assert_eq!(kind, Err(ConfigErrorKind::Issuer), "{row}");
    }
}
