//! What a good token must hold besides, and what a client is told where it does not.
//!
//! Stronger and more recent logins are in `step_up.rs`.

use std::convert::Infallible;

use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::authorization::{ClaimPath, Requirement, ScopeHierarchy};
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::{
    AuthenticateLayer, Authenticator, AuthenticatorBuilder, AuthorizationError,
    AuthorizationErrorKind, AuthorizeLayer, Claims, LayerMissing, Rejection, Verified, require,
};

const AUDIENCE: &str = "https://api.test";

/// An issuer in memory, and who trusts it.
struct Stage {
    issuer: TestIssuer,
    auth: Authenticator,
}

impl Stage {
    fn new() -> Self {
        let issuer = TestIssuer::new("https://issuer.test");
        let auth = builder(&issuer).build().expect("sound");
        Self { issuer, auth }
    }

    fn token(&self) -> TokenBuilder {
        self.issuer.token().audience(AUDIENCE)
    }

    async fn verified(&self, token: &TokenBuilder) -> Verified {
        let verified = self.auth.verify(&token.sign()).await;
        verified.expect("a good token")
    }

    async fn with_scope(&self, scope: &str) -> Verified {
        self.verified(&self.token().scope(scope)).await
    }

    async fn with_claim(&self, name: &str, value: Value) -> Verified {
        self.verified(&self.token().claim(name, value)).await
    }
}

fn builder(issuer: &TestIssuer) -> AuthenticatorBuilder {
    Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch())
}

fn insufficient_scope(needed: &str) -> Result<(), AuthorizationError> {
    Err(AuthorizationError::insufficient_scope(needed))
}

fn forbidden(needed: &str) -> Result<(), AuthorizationError> {
    Err(AuthorizationErrorKind::Forbidden {
        needed: needed.into(),
    }
    .into())
}

#[tokio::test]
async fn scopes_are_needed_all_or_one_and_compared_exactly() {
    let stage = Stage::new();
    let all: Requirement = Requirement::scopes("read  write");
    let any: Requirement = Requirement::any_scope(" write admin");
    for (granted, all_passes, any_passes) in [
        ("read write", true, true),
        ("write x read", true, true),
        ("read", false, false),
        ("write", false, true),
        ("admin", false, true),
        ("READ WRITE ADMIN", false, false),
        ("read,write", false, false),
        ("read\twrite", false, false),
        ("readwrite", false, false),
        ("write:all read:all", false, false),
        ("", false, false),
    ] {
        let token = stage.with_scope(granted).await;
        assert_eq!(all.check(&token).is_ok(), all_passes, "all: {granted:?}");
        assert_eq!(any.check(&token).is_ok(), any_passes, "any: {granted:?}");
    }
    let without = stage.verified(&stage.token().without("scope")).await;
    assert_eq!(all.check(&without), insufficient_scope("read write"));
    assert_eq!(any.check(&without), insufficient_scope("write"));
}

#[tokio::test]
async fn a_refusal_names_every_scope_of_the_operation_once_and_in_order() {
    let needed = Requirement::all([
        Requirement::scopes("read write"),
        Requirement::value("groups", "staff"),
        Requirement::scopes("write audit").and(Requirement::any_scope("billing payments")),
        Requirement::not(Requirement::scopes("guest")),
    ]);
    let stage = Stage::new();
    let token = stage.token().claim("groups", "staff");
    for (granted, answer) in [
        ("", insufficient_scope("read write audit billing")),
        (
            "audit write",
            insufficient_scope("read write audit billing"),
        ),
        // Of an alternative, what the token has already: the client may never be granted the other.
        ("payments", insufficient_scope("read write audit payments")),
        ("read write audit payments", Ok(())),
        // What must not be there is no scope to ask for.
        (
            "read write audit billing guest",
            forbidden("read write audit billing"),
        ),
    ] {
        let token = stage.verified(&token.clone().scope(granted)).await;
        assert_eq!(needed.check(&token), answer, "{granted:?}");
    }
}

#[tokio::test]
async fn a_refusal_tells_what_would_help() {
    let stage = Stage::new();
    let role = || Requirement::value("roles", "editor");
    let scope = || Requirement::scopes("edit");
    for (row, requirement, granted, roles, answer) in [
        ("a role", role(), "edit", "", forbidden("")),
        (
            "the role beside a scope",
            scope().and(role()),
            "edit",
            "",
            forbidden("edit"),
        ),
        (
            "both",
            role().and(scope()),
            "",
            "",
            insufficient_scope("edit"),
        ),
        (
            "the scope",
            role().and(scope()),
            "",
            "editor",
            insufficient_scope("edit"),
        ),
        (
            "the scope instead of a role",
            role().or(scope()),
            "",
            "",
            insufficient_scope("edit"),
        ),
        (
            "the first alternative with a scope",
            Requirement::any([role(), scope(), Requirement::scopes("admin")]),
            "",
            "",
            insufficient_scope("edit"),
        ),
        (
            "the role, whatever alternative the scope is from",
            Requirement::scopes("admin").or(scope()).and(role()),
            "edit",
            "",
            forbidden("edit"),
        ),
        (
            "the role of the first alternative, which has its scope",
            scope()
                .and(role())
                .or(Requirement::value("groups", "staff")),
            "edit",
            "",
            forbidden("edit"),
        ),
        (
            "the absence of a scope",
            Requirement::not(scope()),
            "edit",
            "",
            forbidden(""),
        ),
    ] {
        let token = stage.token().scope(granted).claim("roles", roles);
        let token = stage.verified(&token).await;
        assert_eq!(requirement.check(&token), answer, "{row}");
    }
}

#[tokio::test]
async fn a_role_is_found_wherever_the_provider_puts_it() {
    let stage = Stage::new();
    let keycloak =
        json!({"account": {"roles": ["x"]}, "orders-api": {"x": 1, "roles": ["editor"]}});
    const PERMISSIONS: ClaimPath = ClaimPath::of(&["permissions"]);
    const SCP: ClaimPath = ClaimPath::of(&["scp"]).space_separated();
    for (path, claim, value, other) in [
        (
            ClaimPath::from("realm_access.roles"),
            ("realm_access", json!({"roles": ["viewer", "editor"]})),
            "editor",
            "edit",
        ),
        (
            ClaimPath::from("resource_access.orders-api.roles"),
            ("resource_access", keycloak),
            "editor",
            "x",
        ),
        (
            PERMISSIONS,
            ("permissions", json!(["read:orders", "write:orders"])),
            "write:orders",
            "write",
        ),
        (
            SCP,
            ("scp", json!("Orders.Read Orders.Write")),
            "Orders.Write",
            "Orders",
        ),
        (
            SCP,
            ("scp", json!(["orders", "write orders"])),
            "write orders",
            "write",
        ),
        (
            ClaimPath::from("roles"),
            ("roles", json!("support leads")),
            "support leads",
            "support",
        ),
        (
            ClaimPath::from("groups"),
            ("groups", json!(["ed\"itor", "größe"])),
            "größe",
            "grö",
        ),
        (
            ClaimPath::from(["https://acme.example/roles"]),
            ("https://acme.example/roles", json!(["editor"])),
            "editor",
            "Editor",
        ),
        (
            ClaimPath::from(["https://acme.example/app", "roles.of"]),
            ("https://acme.example/app", json!({"roles.of": "editor"})),
            "editor",
            "editor ",
        ),
    ] {
        let token = stage.with_claim(claim.0, claim.1).await;
        let has = |value: &str| Requirement::value(path.clone(), value).check(&token);
        assert_eq!(has(value), Ok(()), "{path:?}");
        assert_eq!(has(other), forbidden(""), "{path:?}");
        let any = Requirement::any_value(path.clone(), [other, value]);
        assert_eq!(any.check(&token), Ok(()), "{path:?}");
        let all = Requirement::all_values(path.clone(), [value, value]);
        assert_eq!(all.check(&token), Ok(()), "{path:?}");
        let all = Requirement::all_values(path.clone(), [value, other]);
        assert_eq!(all.check(&token), forbidden(""), "{path:?}");
    }
}

#[tokio::test]
async fn a_name_with_an_escape_in_it_is_found_as_what_it_says() {
    let stage = Stage::new();
    let payload = format!(
        r#"{{"iss":"https://issuer.test","aud":"{AUDIENCE}","exp":9999999999,
            "realm_\u0061ccess" : {{ "o":[{{"roles":["no"]}}] , "r\u006fles" :[ "edit\u006fr" ] }} }}"#
    );
    let token = stage.verified(&stage.token().raw_payload(payload)).await;
    let has = |role| Requirement::value("realm_access.roles", role).check(&token);
    assert_eq!(has("editor"), Ok(()));
    assert_eq!(has("no"), forbidden(""));
}

#[tokio::test]
async fn a_claim_of_the_wrong_type_passes_neither_as_it_is_nor_reversed() {
    let stage = Stage::new();
    for (row, path, claim) in [
        ("null", "roles", json!(null)),
        ("a number", "roles", json!(7)),
        ("a boolean", "roles", json!(true)),
        ("an object", "roles", json!({"admin": true})),
        ("a number among strings", "roles", json!(["admin", 7])),
        ("null among strings", "roles", json!([null, "admin"])),
        (
            "an array among strings",
            "roles",
            json!(["admin", ["admin"]]),
        ),
        ("an object among strings", "roles", json!(["admin", {}])),
        ("a path through a string", "roles.in", json!("admin")),
        ("a path through an array", "roles.in", json!(["admin"])),
        (
            "a path through an array of objects",
            "roles.in",
            json!([{"in": "admin"}]),
        ),
        ("a path through null", "roles.in", json!(null)),
        ("an object within", "roles.in", json!({"in": {"admin": 1}})),
    ] {
        let token = stage.with_claim("roles", claim).await;
        let admin: Requirement = Requirement::value(path, "admin");
        assert_eq!(admin.check(&token), forbidden(""), "{row}");
        let anyone_else = Requirement::not(admin.clone());
        assert_eq!(anyone_else.check(&token), forbidden(""), "{row}, reversed");
        assert_eq!(
            Requirement::not(anyone_else).check(&token),
            forbidden(""),
            "{row}, twice reversed"
        );
        let otherwise_good = admin.or(Requirement::scopes("read"));
        assert_eq!(otherwise_good.check(&token), Ok(()), "{row}, or a scope");
    }
}

#[tokio::test]
async fn a_claim_that_is_not_there_holds_nothing() {
    let stage = Stage::new();
    let token = stage.with_claim("realm_access", json!({"x": 1})).await;
    for path in ["roles", "realm_access.roles", "", "realm_access.", "."] {
        let banned: Requirement = Requirement::value(path, "banned");
        assert_eq!(banned.check(&token), forbidden(""), "{path:?}");
        assert_eq!(Requirement::not(banned).check(&token), Ok(()), "{path:?}");
    }
}

#[tokio::test]
async fn a_mistake_in_a_requirement_opens_no_door() {
    let stage = Stage::new();
    let none: [&str; 0] = [];
    let token = stage.token().claim("roles", "").claim("acr", "");
    let token = stage.verified(&token).await;
    for (row, requirement) in [
        ("no scopes", Requirement::scopes("")),
        ("only spaces", Requirement::scopes("  ")),
        ("one scope of none", Requirement::any_scope("")),
        ("one value of none", Requirement::any_value("roles", none)),
        ("all values of none", Requirement::all_values("roles", none)),
        ("an empty value", Requirement::value("roles", "")),
        (
            "a path of no name",
            Requirement::value(ClaimPath::of(&[]), "admin"),
        ),
        ("all of nothing", Requirement::all([])),
        ("any of nothing", Requirement::any([])),
        ("one acr of none", Requirement::acr_values(none)),
        ("an empty acr", Requirement::acr_values([""])),
    ] {
        let requirement: Requirement = requirement;
        assert_eq!(requirement.check(&token), forbidden(""), "{row}");
        let reversed = Requirement::not(requirement.clone());
        assert_eq!(reversed.check(&token), forbidden(""), "{row}, reversed");
        let together = requirement.and(Requirement::scopes("read"));
        assert_eq!(together.check(&token), forbidden("read"), "{row}, and more");
    }
}

#[tokio::test]
async fn all_any_and_not_combine_at_every_depth() {
    let stage = Stage::new();
    let has = |scope: &str| Requirement::scopes(scope);
    let requirement: Requirement = Requirement::any([
        has("root"),
        Requirement::all([
            has("a").or(has("b")),
            Requirement::not(has("c").and(Requirement::not(has("d")))),
        ]),
    ]);
    for (granted, passes) in [
        ("root c", true),
        ("a", true),
        ("b", true),
        ("d", false),
        ("a c", false),
        ("a c d", true),
        ("b d", true),
        ("c d", false),
    ] {
        let token = stage.with_scope(granted).await;
        assert_eq!(requirement.check(&token).is_ok(), passes, "{granted:?}");
    }
}

#[tokio::test]
async fn a_scope_is_granted_by_what_implies_it_through_any_number_of_steps() {
    let stage = Stage::new();
    let hierarchy = ScopeHierarchy::new()
        .implies("owner", "admin")
        .implies("admin", "write audit")
        .implies("write", "read")
        // A circle: both are worth the same.
        .implies("read", "see")
        .implies("see", "read");
    let on = |requirement: Requirement| requirement.with_hierarchy(&hierarchy);
    for (granted, may_read, may_write, may_both) in [
        ("read", true, false, false),
        ("see", true, false, false),
        ("write", true, true, false),
        ("admin", true, true, true),
        ("owner", true, true, true),
        ("audit", false, false, false),
        ("write audit", true, true, true),
        ("other", false, false, false),
    ] {
        let token = stage.with_scope(granted).await;
        let passes = |requirement: Requirement| on(requirement).check(&token).is_ok();
        assert_eq!(passes(Requirement::scopes("read")), may_read, "{granted}");
        let either = Requirement::any_scope("no read");
        assert_eq!(passes(either), may_read, "{granted}");
        assert_eq!(passes(Requirement::scopes("write")), may_write, "{granted}");
        let both = Requirement::all([Requirement::scopes("read"), Requirement::scopes("audit")]);
        assert_eq!(passes(both), may_both, "{granted}");
        // Who may write by implication is no mere reader.
        let not = Requirement::not(Requirement::scopes("write"));
        assert_eq!(passes(not), !may_write, "{granted}");
    }
    let token = stage.with_scope("other").await;
    let both = on(Requirement::scopes("read audit"));
    assert_eq!(both.check(&token), insufficient_scope("read audit"));
    let wider = both.with_hierarchy(&ScopeHierarchy::new().implies("other", "owner see"));
    assert_eq!(wider.check(&token), Ok(()));
}

#[derive(Deserialize)]
struct Tenant {
    tenant: String,
    plan: Option<u8>,
}

#[tokio::test]
async fn a_predicate_sees_claims_of_the_services_own_type() {
    let issuer = TestIssuer::new("https://issuer.test");
    let auth = builder(&issuer).claims::<Tenant>().build().expect("sound");
    let requirement =
        Requirement::scopes("read").and(Requirement::predicate(|token: &Verified<Tenant>| {
            token.claims().tenant == "acme" && token.claims().plan.is_some_and(|plan| plan > 1)
        }));
    for (tenant, plan, scope, answer) in [
        ("acme", 2, "read", Ok(())),
        ("acme", 1, "read", forbidden("read")),
        ("other", 2, "read", forbidden("read")),
        ("other", 1, "", insufficient_scope("read")),
    ] {
        let token = issuer.token().audience(AUDIENCE).scope(scope);
        let token = token.claim("tenant", tenant).claim("plan", plan).sign();
        let token = auth.verify(&token).await.expect("a good token");
        assert_eq!(requirement.check(&token), answer, "{tenant} {plan} {scope}");
    }
}

#[tokio::test]
async fn to_pass_costs_no_allocation() {
    let stage = Stage::new();
    let requirement = Requirement::all([
        Requirement::scopes("read write"),
        Requirement::any_value("realm_access.roles", ["owner", "editor"]),
        Requirement::any_value(ClaimPath::from("scp").space_separated(), ["b"]),
        Requirement::not(Requirement::value("groups", "banned")),
        Requirement::predicate(|token: &Verified| token.subject().is_some()),
        Requirement::acr_values(["gold"]),
    ])
    .with_hierarchy(&ScopeHierarchy::new().implies("admin", "read"));
    let token = stage.token().scope("admin write").claim("scp", "a b");
    let token = token.claim("acr", "gold").claim("groups", json!(["staff"]));
    let token = token.claim(
        "realm_access",
        json!({"x": {"y": []}, "roles": ["viewer", "editor"]}),
    );
    let token = stage.verified(&token).await;
    let counted = allocation_counter::measure(|| assert!(requirement.check(&token).is_ok()));
    assert_eq!(counted.count_total, 0);
    let reversed = Requirement::not(requirement);
    let counted = allocation_counter::measure(|| assert!(reversed.check(&token).is_err()));
    assert_ne!(counted.count_total, 0, "what is counted are allocations");
}

#[test]
fn a_requirement_is_shared_between_threads_whatever_the_claims_are() {
    struct Unshareable(#[expect(dead_code, reason = "only its type matters")] *const u8);
    fn check<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
    check::<Requirement>();
    check::<Requirement<Unshareable>>();
    check::<AuthorizeLayer<Unshareable>>();
    check::<ClaimPath>();
    check::<ScopeHierarchy>();
}

#[test]
fn what_a_requirement_demands_can_be_read_in_a_log() {
    let requirement: Requirement = Requirement::all([
        Requirement::scopes("read write"),
        Requirement::not(Requirement::predicate(|_| true)),
    ])
    .with_hierarchy(&ScopeHierarchy::new().implies("admin", "read"));
    assert_eq!(
        format!("{requirement:?}"),
        "Requirement(all([scopes([read or admin, write]), not(predicate)]))"
    );
}

/// What a client sees of an answer, and what layers outside find in it.
async fn ask<S>(service: S, token: Option<&str>) -> (StatusCode, Option<String>, String)
where
    S: Service<Request<String>, Response = Response<String>, Error = Infallible>,
{
    let mut request = Request::builder();
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(String::new()).expect("a request");
    let Ok(response) = service.oneshot(request).await;
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().expect("ASCII").to_owned());
    let found = match response.extensions().get::<Rejection>() {
        Some(rejection) => rejection.code().to_owned(),
        None if response.extensions().get::<LayerMissing>().is_some() => "layer_missing".into(),
        None => response.body().clone(),
    };
    (response.status(), challenge, found)
}

async fn open_door(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("reached".to_owned()))
}

#[tokio::test]
async fn the_layer_lets_through_what_satisfies_it_and_asks_for_all_scopes_else() {
    let stage = Stage::new();
    let service = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .layer(AuthorizeLayer::new(Requirement::scopes("read admin")))
        .service_fn(open_door);
    let token = stage.token().scope("admin read").sign();
    let reached = (StatusCode::OK, None, "reached".to_owned());
    assert_eq!(ask(service.clone(), Some(&token)).await, reached);

    let token = stage.token().scope("read").sign();
    let challenge = "Bearer realm=\"https://api.test\", scope=\"read admin\", \
                     error=\"insufficient_scope\", \
                     error_description=\"the token does not permit this\"";
    let refused = (
        StatusCode::FORBIDDEN,
        Some(challenge.to_owned()),
        "insufficient_scope".to_owned(),
    );
    assert_eq!(ask(service.clone(), Some(&token)).await, refused);

    let challenge = "Bearer realm=\"https://api.test\"".to_owned();
    let missing = (
        StatusCode::UNAUTHORIZED,
        Some(challenge),
        "credential_missing".to_owned(),
    );
    assert_eq!(ask(service, None).await, missing);
}

#[tokio::test]
async fn a_missing_role_is_refused_without_a_scope_to_ask_for() {
    let stage = Stage::new();
    let service = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .layer(require(Requirement::value("roles", "admin")))
        .service_fn(open_door);
    let challenge = "Bearer realm=\"https://api.test\", error=\"insufficient_scope\", \
                     error_description=\"the token does not permit this\"";
    let refused = (
        StatusCode::FORBIDDEN,
        Some(challenge.to_owned()),
        "forbidden".to_owned(),
    );
    let token = stage.token().sign();
    assert_eq!(ask(service, Some(&token)).await, refused);
}

#[tokio::test]
async fn what_cannot_stand_in_a_challenge_never_gets_there() {
    let stage = Stage::new();
    for scope in ["re\"ad", "re\\ad", "read\r\nx:y", "größe", "read\u{7f}"] {
        let service = ServiceBuilder::new()
            .layer(AuthenticateLayer::new(stage.auth.clone()))
            .layer(require(Requirement::scopes(scope)))
            .service_fn(open_door);
        let challenge = "Bearer realm=\"https://api.test\", error=\"insufficient_scope\", \
                         error_description=\"the token does not permit this\"";
        let (status, header, _) = ask(service, Some(&stage.token().sign())).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{scope:?}");
        assert_eq!(header.as_deref(), Some(challenge), "{scope:?}");
    }
}

#[tokio::test]
async fn without_authentication_outside_nothing_is_let_through() {
    let stage = Stage::new();
    let layer_missing = (
        StatusCode::INTERNAL_SERVER_ERROR,
        None,
        "layer_missing".to_owned(),
    );
    let token = stage.token().scope("read").sign();
    // Requirements that any token satisfies, so that nothing but the layer is lacking.
    let anyone: Requirement = Requirement::predicate(|_| true);
    let nobody_in_particular: Requirement = Requirement::not(Requirement::predicate(|_| false));
    for requirement in [anyone.clone(), nobody_in_particular] {
        let alone = AuthorizeLayer::new(requirement).layer(service_fn(open_door));
        assert_eq!(ask(alone.clone(), Some(&token)).await, layer_missing);
        assert_eq!(ask(alone, None).await, layer_missing);
    }
    let wrong_order = ServiceBuilder::new()
        .layer(AuthorizeLayer::new(anyone))
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .service_fn(open_door);
    assert_eq!(ask(wrong_order, Some(&token)).await, layer_missing);
    let other_claims: Requirement<Tenant> = Requirement::predicate(|_| true);
    let other_claims = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .layer(AuthorizeLayer::from(other_claims))
        .service_fn(open_door);
    assert_eq!(ask(other_claims, Some(&token)).await, layer_missing);
}

#[tokio::test]
async fn what_was_let_through_without_a_token_is_refused_where_one_is_required() {
    let stage = Stage::new();
    let layer = || AuthenticateLayer::new(stage.auth.clone());
    let public = layer().public(Method::GET, "/").expect("a path");
    let anyone: Requirement = Requirement::predicate(|_| true);
    let good = stage.token().sign();
    let missing = "credential_missing";
    for (row, layer, token, code) in [
        ("anonymous", layer().optional(), None, missing),
        ("a public route", public.clone(), None, missing),
        // What a public route is sent is not looked at.
        ("a public route", public, Some(&*good), missing),
        ("observed", layer().observe_only(), None, missing),
        (
            "observed",
            layer().observe_only(),
            Some("no"),
            "not_compact",
        ),
    ] {
        let service = ServiceBuilder::new()
            .layer(layer)
            .layer(require(anyone.clone()))
            .service_fn(open_door);
        let (status, challenge, found) = ask(service, token).await;
        assert_eq!((status, &*found), (StatusCode::UNAUTHORIZED, code), "{row}");
        assert!(challenge.is_some(), "{row}");
    }
}

#[tokio::test]
async fn a_grpc_client_is_told_in_its_own_words() {
    let stage = Stage::new();
    for (row, requirement, code) in [
        ("scope", Requirement::scopes("admin"), "7"),
        ("role", Requirement::value("roles", "admin"), "7"),
        ("login", Requirement::acr_values(["gold"]), "16"),
    ] {
        let service = ServiceBuilder::new()
            .layer(AuthenticateLayer::new(stage.auth.clone()))
            .layer(require(requirement))
            .service_fn(open_door);
        let token = format!("Bearer {}", stage.token().sign());
        let request = Request::post("/orders.Orders/List")
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/grpc");
        let request = request.body(String::new()).expect("a request");
        let Ok(response) = service.oneshot(request).await;
        assert_eq!(response.status(), StatusCode::OK, "{row}");
        assert_eq!(response.headers()["grpc-status"], code, "{row}");
        assert_eq!(
            response.headers()[CONTENT_TYPE],
            "application/grpc",
            "{row}"
        );
        assert_eq!(response.body(), "", "{row}");
    }
}

#[tokio::test]
async fn a_layer_knows_claims_of_the_services_own_type() {
    let issuer = TestIssuer::new("https://issuer.test");
    let auth = builder(&issuer).claims::<Tenant>().build().expect("sound");
    let acme = Requirement::predicate(|token: &Verified<Tenant>| token.claims().tenant == "acme");
    let service = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(auth))
        .layer(AuthorizeLayer::from(acme))
        .service_fn(open_door);
    for (tenant, status) in [("acme", StatusCode::OK), ("other", StatusCode::FORBIDDEN)] {
        let token = issuer.token().audience(AUDIENCE).claim("tenant", tenant);
        let answer = ask(service.clone(), Some(&token.sign())).await;
        assert_eq!(answer.0, status, "{tenant}");
    }
}

#[cfg(feature = "axum")]
mod axum_routes {
    use std::sync::LazyLock;

    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower_bearer::axum::{Authorized, Requires};

    use super::*;

    static MAY_EDIT: LazyLock<Requirement> = LazyLock::new(|| Requirement::scopes("read edit"));

    struct Editor;

    impl Requires for Editor {
        type Claims = Claims;

        fn requirement() -> &'static Requirement {
            &MAY_EDIT
        }
    }

    async fn status(app: &Router, path: &str, token: &str) -> (StatusCode, Option<String>) {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Body::empty()).expect("a request");
        let Ok(response) = app.clone().oneshot(request).await;
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| value.to_str().expect("ASCII").to_owned());
        (response.status(), challenge)
    }

    fn router() -> Router {
        let extracted = async |Authorized(token): Authorized<Editor>| {
            token.subject().unwrap_or_default().to_owned()
        };
        let by_hand = async |token: Verified| -> Result<&'static str, AuthorizationError> {
            MAY_EDIT.check(&token)?;
            Ok("edited")
        };
        Router::new()
            .route("/layer", get("").route_layer(require(MAY_EDIT.clone())))
            .route("/extractor", get(extracted))
            .route("/by-hand", get(by_hand))
            .route("/open", get(""))
    }

    #[tokio::test]
    async fn one_requirement_is_a_route_layer_an_extractor_and_a_check_by_hand() {
        let stage = Stage::new();
        let app = router().layer(AuthenticateLayer::new(stage.auth.clone()));
        let reader = stage.token().scope("read").sign();
        let editor = stage.token().scope("edit read").sign();
        let challenge = "Bearer realm=\"https://api.test\", scope=\"read edit\", \
                         error=\"insufficient_scope\", \
                         error_description=\"the token does not permit this\"";
        for path in ["/layer", "/extractor", "/by-hand"] {
            let refused = (StatusCode::FORBIDDEN, Some(challenge.to_owned()));
            assert_eq!(status(&app, path, &reader).await, refused, "{path}");
            let passed = (StatusCode::OK, None);
            assert_eq!(status(&app, path, &editor).await, passed, "{path}");
        }
        assert_eq!(status(&app, "/open", &reader).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn without_authentication_outside_no_route_is_open() {
        let stage = Stage::new();
        let editor = stage.token().scope("edit read").sign();
        for path in ["/layer", "/extractor", "/by-hand"] {
            let (status, _) = status(&router(), path, &editor).await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        }
    }
}

#[cfg(feature = "grpc")]
#[tokio::test]
async fn a_tonic_handler_asks_the_same_requirement() {
    use tower_bearer::grpc;

    let stage = Stage::new();
    let handle = |request: tonic::Request<()>| -> Result<(), tonic::Status> {
        let token: &Verified = grpc::verified(&request)?;
        Requirement::scopes("read admin").check(token)?;
        Ok(())
    };
    for (scope, code) in [
        ("read admin", tonic::Code::Ok),
        ("read", tonic::Code::PermissionDenied),
    ] {
        let mut request = tonic::Request::new(());
        let token = stage.with_scope(scope).await;
        request.extensions_mut().insert(token);
        let found = handle(request).map_or_else(|status| status.code(), |()| tonic::Code::Ok);
        assert_eq!(found, code, "{scope}");
    }
    let missing = handle(tonic::Request::new(())).expect_err("no layer");
    assert_eq!(missing.code(), tonic::Code::Internal);
}
