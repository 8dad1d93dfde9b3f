//! The examples of the standards, as far as a service meets them: key sets, tokens, requests, challenges.
//!
//! The example tokens of RFC 7515 and RFC 8037 name no issuer that could be configured (`joe` is no URL), or hold no
//! claims at all. That their signatures verify is shown inside the crate, beside the vectors of Project Wycheproof; here,
//! that each is refused for the right reason.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use support::Stage;
use tower_bearer::VerifyErrorKind::{
    AlgorithmNotAllowed, Base64, CredentialMissing, Encrypted, HeaderExtension, Issuer, Json,
    NotCompact, Type,
};
use tower_bearer::dpop::Dpop;
use tower_bearer::error::TokenPart;
use tower_bearer::jose::{KeySetErrorKind, SkipReason};
use tower_bearer::testing::{SigningKey, TestClock, TestIssuer, key_set_of};
use tower_bearer::{
    Algorithm, Authenticator, KeySet, NumericDate, Policy, Profile, Rejection, Verifier,
    VerifyErrorKind,
};

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

/// RFC 7515 §3.1, appendix A.1: HS256.
const RFC_7515_A1: &str = concat!(
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
);
/// RFC 7515 appendix A.3: ES256, and its key.
const RFC_7515_A3: &str = concat!(
    "eyJhbGciOiJFUzI1NiJ9",
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);
/// RFC 7515 appendix A.4: ES512 over a payload that is no JSON.
const RFC_7515_A4: &str = concat!(
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
    ".AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZC",
    "PEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
);
/// RFC 7515 appendix A.5, RFC 7519 §6.1: unsecured.
const RFC_7515_A5: &str = concat!(
    "eyJhbGciOiJub25lIn0",
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    ".",
);
/// RFC 7797 §4.2: an unencoded payload, detached.
const RFC_7797_4_2: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19",
    ".",
    ".A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY",
);
/// RFC 8037 appendix A.4: EdDSA over a payload that is no JSON.
const RFC_8037_A4: &str = concat!(
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
    ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
);

/// The public key of RFC 7515 appendix A.3.
fn p256() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

#[test]
fn the_examples_of_jose_are_refused_for_what_they_are() {
    let keys = KeySet::from_json(json!({"keys": [p256()]}).to_string().as_bytes());
    let policy = Policy::builder("https://joe.example", "https://api.example").build();
    let verifier: Verifier =
        Verifier::new(policy.expect("sound"), keys.expect("one key")).expect("they fit");
    let payload = Json {
        part: TokenPart::Payload,
    };
    let unencoded = RFC_7797_4_2.replace("..", ".e30.");
    for (row, token, kind) in [
        ("RFC 7515 A.1", RFC_7515_A1, AlgorithmNotAllowed),
        ("RFC 7515 A.3", RFC_7515_A3, Issuer),
        ("RFC 7515 A.4", RFC_7515_A4, payload),
        ("RFC 7515 A.5", RFC_7515_A5, NotCompact),
        ("RFC 7797 §4.2", RFC_7797_4_2, NotCompact),
        (
            "RFC 7797 §4.2, not detached",
            &unencoded,
            HeaderExtension { name: "crit" },
        ),
        ("RFC 8037 A.4", RFC_8037_A4, payload),
    ] {
        let outcome = verifier.verify(token, at(1_300_819_379));
        assert_eq!(
            outcome.map(|_| ()).map_err(|error| error.kind()),
            Err(kind),
            "{row}"
        );
    }
}

/// RFC 7516 appendix A.1 to A.3 share their form: five parts.
#[tokio::test]
async fn an_encrypted_token_is_known_by_its_five_parts() {
    let stage = Stage::new().await;
    let token = concat!(
        "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0",
        ".6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ",
        ".AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ",
    );
    stage
        .send(token)
        .await
        .refused_token("RFC 7516 A.3", Encrypted);
}

/// RFC 7517 appendix A.1.
#[test]
fn of_the_example_key_set_the_signature_key_is_used() {
    let rsa = json!({
        "kty": "RSA",
        "n": concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn",
            "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q",
            "MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awap",
            "JzKnqDKgw",
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    });
    let ec = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "enc",
        "kid": "1",
    });
    let keys =
        KeySet::from_json(json!({"keys": [ec, rsa]}).to_string().as_bytes()).expect("one key");
    let skipped: Vec<_> = keys
        .skipped()
        .iter()
        .map(|key| (key.key_id(), key.reason()))
        .collect();
    assert_eq!(
        (keys.len(), skipped),
        (1, vec![(Some("1"), SkipReason::NotForSignatures)])
    );

    // Appendix A.2: the same with private numbers. Appendix A.3: secrets.
    let with = |mut jwk: Value, name: &str| {
        jwk.as_object_mut()
            .expect("a JWK")
            .insert(name.into(), "AQAB".into());
        jwk
    };
    let private = json!({"keys": [with(ec, "d"), with(rsa, "d")]});
    let secrets = json!({"keys": [
        {"kty": "oct", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg"},
        {
            "kty": "oct",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            "kid": "HMAC key used in JWS spec Appendix A.1 example",
        },
    ]});
    for document in [private, secrets] {
        let refused = KeySet::from_json(document.to_string().as_bytes()).map(|keys| keys.len());
        let kind = refused.map_err(|error| error.kind());
        assert_eq!(
            kind,
            Err(KeySetErrorKind::NoUsableKey { skipped: 2 }),
            "{document}"
        );
    }
}

/// RFC 9068 §2.2, figures 2 and 3.
#[test]
fn the_example_of_an_access_token_is_one() {
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("RjEwOwOA");
    let header = r#"{"typ":"at+JWT","alg":"RS256","kid":"RjEwOwOA"}"#;
    let claims = r#" {
        "iss": "https://authorization-server.example.com/",
        "sub": "5ba552d67",
        "aud": "https://rs.example.com/",
        "exp": 1639528912,
        "iat": 1618354090,
        "jti" : "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail"
    }"#;
    let issuer = TestIssuer::new("https://authorization-server.example.com/");
    let minted = |header: &str| {
        issuer
            .token()
            .signed_by(&key)
            .raw_header(header)
            .raw_payload(claims)
            .sign()
    };
    let policy = Policy::builder(
        "https://authorization-server.example.com/",
        "https://rs.example.com/",
    );
    let policy = policy.profile(Profile::AccessToken).build().expect("sound");
    let keys = KeySet::from_json(key_set_of(&[&key]).to_string().as_bytes()).expect("one key");
    let verifier: Verifier = Verifier::new(policy, keys).expect("they fit");
    let verified = verifier
        .verify(&minted(header), at(1_639_528_911))
        .expect("in time");
    assert_eq!(verified.subject(), Some("5ba552d67"));
    assert_eq!(verified.client_id(), Some("s6BhdRkqt3"));
    assert_eq!(
        verified.token_id(),
        Some("dbe39bf3a3ba4238a513f51d6e1691c4")
    );
    assert_eq!(verified.typ(), Some("at+JWT"));
    assert_eq!(
        verified.scopes().iter().collect::<Vec<_>>(),
        ["openid", "profile", "reademail"]
    );
    assert_eq!(verified.issued_at(), Some(at(1_618_354_090)));

    let over = verifier.verify(&minted(header), at(1_639_528_912));
    let end = at(1_639_528_912);
    let expired = VerifyErrorKind::Expired { at: end, now: end };
    assert_eq!(over.map(|_| ()).map_err(|error| error.kind()), Err(expired));
    let untyped = verifier.verify(&minted(&header.replace("at+JWT", "JWT")), at(1_639_528_911));
    assert_eq!(untyped.map(|_| ()).map_err(|error| error.kind()), Err(Type));
}

/// RFC 6750 §2.1, §3.
#[tokio::test]
async fn the_examples_of_bearer_requests_are_read_and_answered() {
    let stage = Stage::with(|_| (), |builder| builder.realm("example")).await;
    let anonymous = stage.call(Request::new(String::new())).await;
    anonymous.refused(
        "RFC 6750 §3",
        CredentialMissing,
        StatusCode::UNAUTHORIZED,
        "Bearer realm=\"example\"",
    );
    // Its token is well-formed as a credential; that it is no JWT is another matter.
    let payload = Base64 {
        part: TokenPart::Payload,
    };
    for token in [
        "mF_9.B5f-4.1JqM",
        "vF9dft4qmT",
        "7Fjfp0ZBr1KtDRbnfVdmIw",
        "SlAV32hkKG",
    ] {
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(()).expect("a request");
        let auth: &Authenticator = &stage.auth;
        match auth.authenticate(request.headers(), request.uri()).await {
            Err(Rejection::Verify(error)) if token.contains('.') => {
                let header = Json {
                    part: TokenPart::Header,
                };
                assert!([payload, header].contains(&error.kind()), "{error:?}");
            }
            Err(Rejection::Verify(error)) => assert_eq!(error.kind(), NotCompact, "{token}"),
            other => panic!("{token}: {other:?}"),
        }
    }
}

/// RFC 9449 §7.1, figure 13: the proof, made at 1562262618.
const RFC_9449_7_1: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy",
    "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
    ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNv",
    "dXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9",
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
);
/// RFC 9449 §4.1, figure 2: a proof for a token endpoint, made at 1562262616.
const RFC_9449_4_1: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy",
    "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox",
    "NTYyMjYyNjE2fQ",
    ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
);

/// The example token of RFC 9449 names no issuer, and only who has signed it or can be asked about it could say more: two dots make it
/// look like a JWT, which it is not. So the example proof is for no token that is accepted here; that it is good otherwise is shown
/// inside the crate. Here it goes with a token that is bound to its key (§6.1).
#[tokio::test]
async fn the_example_proofs_are_refused_for_what_they_are() {
    let issuer = TestIssuer::new("https://server.example.com");
    let service = |public_url: &str, now: i64| {
        let clock = TestClock::new(at(now));
        issuer.clock(clock.clone());
        let dpop = Dpop::accept(public_url).algorithms(&[Algorithm::ES256, Algorithm::PS256]);
        let auth = Authenticator::builder(issuer.url(), "https://resource.example.org")
            .dpop(dpop)
            .clock(clock.clone())
            .fetch(issuer.fetch());
        Stage {
            issuer: issuer.clone(),
            clock,
            auth: auth.build().expect("sound"),
        }
    };
    let request = |method: &str, path: &str, token: &str, proof: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(AUTHORIZATION, format!("DPoP {token}"));
        let request = request.header("DPoP", proof).body(String::new());
        request.expect("a request")
    };
    let (url, made) = ("https://resource.example.org", 1_562_262_618);
    let path = "/protectedresource";
    let other = "https://resource.example.com";
    let ath = "dpop_access_token_hash";
    for (row, url, now, method, path, proof, code) in [
        ("§7.1", url, made, "GET", path, RFC_9449_7_1, ath),
        (
            "§7.1, a minute on",
            url,
            made + 60,
            "GET",
            path,
            RFC_9449_7_1,
            ath,
        ),
        (
            "§7.1, late",
            url,
            made + 61,
            "GET",
            path,
            RFC_9449_7_1,
            "dpop_too_old",
        ),
        (
            "§7.1, early",
            url,
            made - 11,
            "GET",
            path,
            RFC_9449_7_1,
            "dpop_issued_in_future",
        ),
        (
            "§7.1, elsewhere",
            other,
            made,
            "GET",
            path,
            RFC_9449_7_1,
            "dpop_target_uri",
        ),
        (
            "§7.1, another method",
            url,
            made,
            "HEAD",
            path,
            RFC_9449_7_1,
            "dpop_method",
        ),
        (
            "§4.1",
            "https://server.example.com",
            made,
            "POST",
            "/token",
            RFC_9449_4_1,
            "dpop_claim_missing",
        ),
    ] {
        let stage = service(url, now);
        let token = stage
            .token()
            .audience("https://resource.example.org")
            .claim(
                "cnf",
                json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            )
            .sign();
        let answer = stage.call(request(method, path, &token, proof)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{row}");
        let rejection = answer.0.extensions().get::<Rejection>();
        assert_eq!(rejection.map(Rejection::code), Some(code), "{row}");
    }

    let stage = service(url, made);
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let answer = stage.call(request("GET", path, token, RFC_9449_7_1)).await;
    let rejection = answer.0.extensions().get::<Rejection>();
    assert_eq!(
        rejection.map(Rejection::code),
        Some("base64"),
        "§7.1, the token"
    );

    // §7.1, §7.2: both schemes, and the algorithms.
    let anonymous = stage.call(Request::new(String::new())).await;
    let challenges = anonymous.0.headers().get_all("www-authenticate").iter();
    let realm = "realm=\"https://resource.example.org\"";
    let wanted = [
        format!("Bearer {realm}"),
        format!("DPoP {realm}, algs=\"ES256 PS256\""),
    ];
    assert!(challenges.eq(wanted.iter()));
}
