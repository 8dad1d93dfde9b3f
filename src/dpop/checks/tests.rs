#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use serde_json::{Value, json};

use super::*;
use crate::dpop::{DpopNonces, InMemoryReplays, ProofUse, PublicUrl};
use crate::jose::SkipReason;
use crate::testing::{ProofBuilder, RawToken, SigningKey};

mod rfc_9449;
mod store;

const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl";
const URL: &str = "https://api.example.com/orders";
const NOW: i64 = 1_800_000_000;

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

/// A service that demands proofs, and a client.
struct Stage {
    checks: ProofChecks,
    key: SigningKey,
}

impl Stage {
    fn new() -> Self {
        Self::with(Algorithm::ES256, |dpop| dpop)
    }

    fn with(algorithm: Algorithm, set: impl FnOnce(Dpop) -> Dpop) -> Self {
        let dpop = set(Dpop::accept("https://api.example.com"));
        Self {
            checks: dpop.build().unwrap(),
            key: SigningKey::generate(algorithm),
        }
    }

    /// A good proof for `GET /orders`.
    fn proof(&self) -> ProofBuilder {
        ProofBuilder::new(&self.key, "GET", URL)
            .access_token(TOKEN)
            .issued_at(at(NOW))
    }

    fn binding(&self) -> Thumbprint {
        Thumbprint::from_text(&self.key.thumbprint()).unwrap()
    }

    fn outcome(&self, request: &Request<()>, now: i64) -> Result<Proven, Unproven> {
        let request = Presented::of(request);
        match self.checks.check(&request, TOKEN, &self.binding(), at(now)) {
            ProofOutcome::Now(outcome) => outcome,
            ProofOutcome::Later(_) => panic!("nobody has to be asked"),
        }
    }

    /// Why a request is refused, if it is.
    fn refused(&self, request: &Request<()>, now: i64) -> Option<ProofErrorKind> {
        match self.outcome(request, now) {
            Ok(_) => None,
            Err(Unproven::Refused(kind)) => Some(kind),
            Err(Unproven::Unknown(error)) => panic!("{error}"),
        }
    }

    /// Why `GET /orders` is refused with this proof, if it is.
    fn judge(&self, proof: &str) -> Option<ProofErrorKind> {
        self.refused(&get(proof), NOW)
    }
}

fn request(method: &str, uri: &str, proofs: &[&str]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri);
    for proof in proofs {
        request = request.header("DPoP", *proof);
    }
    request.body(()).unwrap()
}

fn get(proof: &str) -> Request<()> {
    request("GET", "/orders?page=2", &[proof])
}

fn missing(name: &'static str) -> Option<ProofErrorKind> {
    Some(ProofErrorKind::ClaimMissing { name })
}

fn malformed(name: &'static str) -> Option<ProofErrorKind> {
    Some(ProofErrorKind::ClaimMalformed { name })
}

fn key(reason: SkipReason) -> Option<ProofErrorKind> {
    Some(ProofErrorKind::Key { reason })
}

#[test]
fn a_good_proof_of_each_algorithm_passes_once() {
    // ES512 is not known to the portable backend.
    let known = |each: &&Algorithm| cfg!(feature = "aws-lc-rs") || **each != Algorithm::ES512;
    for algorithm in Algorithm::ASYMMETRIC.iter().filter(known) {
        let stage = Stage::with(*algorithm, |dpop| dpop.algorithms(&[*algorithm]));
        for _ in 0..3 {
            let proof = stage.proof().sign();
            assert_eq!(stage.judge(&proof), None, "{algorithm}");
            assert_eq!(stage.judge(&proof), Some(ProofErrorKind::Replayed));
        }
    }
}

#[test]
fn check_1_there_is_one_header_with_one_proof() {
    let stage = Stage::new();
    let (one, other) = (stage.proof().sign(), stage.proof().sign());
    let with = |proofs: &[&str]| stage.refused(&request("GET", "/orders", proofs), NOW);
    assert_eq!(with(&[]), Some(ProofErrorKind::Missing));
    let repeated = Some(ProofErrorKind::Repeated);
    assert_eq!(with(&[&one, &other]), repeated);
    assert_eq!(with(&[&one, &one]), repeated);
    assert_eq!(with(&[&one, ""]), repeated);
    assert_eq!(with(&["", &one]), repeated);
    assert_eq!(with(&[&format!("{one}, {other}")]), repeated);
    assert_eq!(with(&[&format!("{one},")]), repeated);
    // None of them has cost the proof.
    assert_eq!(with(&[&one]), None);
}

#[test]
fn check_2_it_is_one_well_formed_jwt() {
    let stage = Stage::new();
    let good = stage.proof().sign();
    let raw = stage.proof().raw();
    let (signing_input, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signing_input.split_once('.').unwrap();
    let payload_of = |text: &str| stage.proof().raw_payload(text).sign();
    let header_of = |text: &str| stage.proof().raw_header(text).sign();
    for wrong in [
        "",
        "x",
        "null",
        signing_input,
        &format!("{signing_input}."),
        &format!("{good}."),
        &format!("{good}.{signature}"),
        &format!("{header}..{signature}"),
        &format!("{header}.{payload}=.{signature}"),
        &format!("{good}="),
        &format!("{good} "),
        &format!(" {good}"),
        &format!("\"{good}\""),
        &format!("DPoP {good}"),
        &format!("{{\"payload\":\"{payload}\"}}"),
        &payload_of("[]"),
        &payload_of("null"),
        &payload_of(r#"{"jti":"a"} x"#),
        &payload_of(r#"{"jti":"a","jti":"b"}"#),
        &payload_of(r#"{"jti":"a","\u006ati":"b"}"#),
        &payload_of("\u{feff}{}"),
        &header_of("[]"),
        &header_of(r#"{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256"}"#),
        &stage.proof().header("crit", json!(["exp"])).sign(),
        &stage.proof().header("crit", json!([])).sign(),
        &stage.proof().header("b64", false).sign(),
        &stage.proof().header("zip", "DEF").sign(),
        &stage.proof().header("kid", 1).sign(),
        &stage.proof().header("cty", "JWT").sign(),
        &raw.clone().payload([0xff, 0xfe]).join(),
        &raw.clone().signature_text("").join(),
        &raw.signature_text("AA=").join(),
    ] {
        assert_eq!(
            stage.judge(wrong),
            Some(ProofErrorKind::Malformed),
            "{wrong}"
        );
    }
    let repeated_in_jwk = header_of(
        r#"{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"","x":"","y":""}}"#,
    );
    assert_eq!(
        stage.judge(&repeated_in_jwk),
        Some(ProofErrorKind::Malformed)
    );
    let binary = http::HeaderValue::from_bytes(b"e30.e30.\xff").unwrap();
    let mut request = request("GET", "/orders", &[]);
    request.headers_mut().insert("dpop", binary);
    assert_eq!(
        stage.refused(&request, NOW),
        Some(ProofErrorKind::Malformed)
    );
    // A token that is well-formed, and no proof.
    assert_eq!(stage.judge(TOKEN), Some(ProofErrorKind::Type));
    let long = stage.proof().claim("x", "x".repeat(8 * 1024)).sign();
    assert_eq!(stage.judge(&long), Some(ProofErrorKind::TooLong));
}

#[test]
fn check_3_each_claim_is_there_and_of_its_type() {
    let stage = Stage::new();
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        assert_eq!(
            stage.judge(&stage.proof().without(name).sign()),
            missing(name)
        );
        for wrong in [Value::Null, json!(true), json!([]), json!({}), json!(["a"])] {
            let proof = stage.proof().claim(name, wrong).sign();
            assert_eq!(stage.judge(&proof), malformed(name));
        }
    }
    for name in ["jti", "htm", "htu", "ath", "nonce"] {
        assert_eq!(
            stage.judge(&stage.proof().claim(name, 1).sign()),
            malformed(name)
        );
    }
    let iat = stage.proof().claim("iat", NOW.to_string()).sign();
    assert_eq!(stage.judge(&iat), malformed("iat"));
    for name in ["exp", "nbf"] {
        assert_eq!(
            stage.judge(&stage.proof().claim(name, "1").sign()),
            malformed(name)
        );
    }
    let id = |length: usize| stage.proof().proof_id("j".repeat(length)).sign();
    assert_eq!(stage.judge(&id(0)), malformed("jti"));
    assert_eq!(stage.judge(&id(257)), malformed("jti"));
    assert_eq!(stage.judge(&id(256)), None);
    // What nobody asks for is ignored.
    let more = stage.proof().claim("aud", 1).claim("iss", json!([])).sign();
    assert_eq!(stage.judge(&more), None);
}

#[test]
fn check_4_the_type_is_that_of_a_proof() {
    let stage = Stage::new();
    let wrong = Some(ProofErrorKind::Type);
    assert_eq!(
        stage.judge(&stage.proof().without_header("typ").sign()),
        wrong
    );
    for typ in [
        "JWT",
        "at+jwt",
        "dpop",
        "dpop+jwt ",
        "DPOP+JWT",
        "dpop+JWT",
        "application/dpop+jwt",
        "logout+jwt",
        "",
    ] {
        assert_eq!(
            stage.judge(&stage.proof().header("typ", typ).sign()),
            wrong,
            "{typ}"
        );
    }
    let list = stage.proof().header("typ", json!(["dpop+jwt"])).sign();
    assert_eq!(stage.judge(&list), wrong);
}

#[test]
fn check_5_the_algorithm_is_one_with_public_keys_that_is_accepted() {
    let stage = Stage::new();
    let wrong = Some(ProofErrorKind::Algorithm);
    assert_eq!(
        stage.judge(&stage.proof().without_header("alg").sign()),
        wrong
    );
    for alg in [
        json!("none"),
        json!("None"),
        json!("HS256"),
        json!("HS384"),
        json!("HS512"),
        json!("RS256"),
        json!("es256"),
        json!("ES256K"),
        json!(""),
        json!(null),
        json!(["ES256"]),
    ] {
        let proof = stage.proof().header("alg", alg.clone()).sign();
        assert_eq!(stage.judge(&proof), wrong, "{alg}");
    }
    // A public key as a shared secret (CVE-2015-9235).
    let secret = SigningKey::hmac(Algorithm::HS256, stage.key.public_key_pem().as_bytes());
    assert_eq!(stage.judge(&stage.proof().signed_by(&secret).sign()), wrong);
    let unsigned = stage
        .proof()
        .header("alg", "none")
        .raw()
        .signature_text("")
        .join();
    assert_eq!(stage.judge(&unsigned), Some(ProofErrorKind::Malformed));
    // What another service accepts, and this does not.
    let only = Stage::with(Algorithm::ES256, |dpop| {
        dpop.algorithms(&[Algorithm::EdDSA])
    });
    assert_eq!(only.judge(&only.proof().sign()), wrong);
    // An algorithm that is accepted, but is not that of the key.
    let other = stage.proof().header("alg", "ES384").sign();
    assert_eq!(stage.judge(&other), key(SkipReason::UnsupportedAlgorithm));
    let other = stage.proof().header("alg", "EdDSA").sign();
    assert_eq!(stage.judge(&other), key(SkipReason::UnsupportedAlgorithm));
    // Two names of one algorithm.
    let stage = Stage::with(Algorithm::EdDSA, |dpop| dpop);
    for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519, Algorithm::EdDSA] {
        assert_eq!(
            stage.judge(&stage.proof().algorithm(algorithm).sign()),
            None
        );
    }
}

#[test]
fn check_6_the_signature_is_by_the_key_in_the_header() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256] {
        let stage = Stage::with(algorithm, |dpop| dpop);
        let wrong = Some(ProofErrorKind::Signature);
        let refuse_all = || {
            let thief = SigningKey::generate(algorithm);
            assert_eq!(stage.judge(&stage.proof().signed_by(&thief).sign()), wrong);
            let change = |change: fn(Vec<u8>) -> Vec<u8>| {
                stage.judge(&stage.proof().raw().map_signature(change).join())
            };
            assert_eq!(change(|bytes| bytes.iter().map(|_| 0).collect()), wrong);
            assert_eq!(change(|bytes| bytes[1..].to_vec()), wrong);
            assert_eq!(change(|bytes| [&bytes[..], &[0]].concat()), wrong);
            assert_eq!(change(|bytes| bytes.iter().rev().copied().collect()), wrong);
            // A signature of other claims.
            let (one, other) = (stage.proof().sign(), stage.proof().sign());
            let (one, other) = (RawToken::parse(&one), RawToken::parse(&other));
            let swapped = one.signature(other.signature_bytes()).join();
            assert_eq!(stage.judge(&swapped), wrong);
        };
        // A key that nobody has seen, and one that is known.
        refuse_all();
        assert_eq!(stage.judge(&stage.proof().sign()), None);
        refuse_all();
    }
}

#[test]
fn check_7_the_key_is_a_public_one() {
    let stage = Stage::new();
    assert_eq!(
        stage.judge(&stage.proof().without_header("jwk").sign()),
        key(SkipReason::Malformed)
    );
    for wrong in [json!(null), json!("key"), json!([]), json!(1), json!({})] {
        let proof = stage.proof().header("jwk", wrong.clone()).sign();
        assert_eq!(stage.judge(&proof), key(SkipReason::Malformed), "{wrong}");
    }
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("AAAA"), json!(""), json!(null), json!(1)] {
            let proof = stage.proof().jwk_member(private, value).sign();
            assert_eq!(stage.judge(&proof), key(SkipReason::Private), "{private}");
        }
    }
    let secret = json!({"kty": "oct", "k": "c2VjcmV0"});
    let proof = stage.proof().header("jwk", secret).sign();
    assert_eq!(stage.judge(&proof), key(SkipReason::Symmetric));
    for (name, value, reason) in [
        ("kty", json!("AKP"), SkipReason::UnknownType),
        ("crv", json!("secp256k1"), SkipReason::UnknownCurve),
        ("x", json!("AAAA"), SkipReason::Malformed),
        ("use", json!("enc"), SkipReason::NotForSignatures),
        ("key_ops", json!(["sign"]), SkipReason::NotForSignatures),
        ("alg", json!("ES384"), SkipReason::UnsupportedAlgorithm),
        ("alg", json!("none"), SkipReason::UnsupportedAlgorithm),
    ] {
        let proof = stage.proof().jwk_member(name, value).sign();
        assert_eq!(stage.judge(&proof), key(reason), "{name}");
    }
    for (name, value) in [
        ("alg", json!("ES256")),
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
        ("kid", json!("one")),
        ("colour", json!("blue")),
    ] {
        assert_eq!(
            stage.judge(&stage.proof().jwk_member(name, value).sign()),
            None
        );
    }
    // A known key is held to what each proof says of it.
    let proof = stage.proof().jwk_member("use", "enc").sign();
    assert_eq!(stage.judge(&proof), key(SkipReason::NotForSignatures));
}

#[test]
fn check_7_the_key_is_sound_even_if_the_token_names_it() {
    // A point off the curve, and one of small order, to which somebody got a token bound.
    let off_curve =
        json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(42) + "E", "y": "A".repeat(42) + "E"});
    let small_order =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    for (algorithm, jwk, reason) in [
        (Algorithm::ES256, off_curve, SkipReason::OffCurve),
        (Algorithm::EdDSA, small_order, SkipReason::Weak),
    ] {
        let stage = Stage::with(algorithm, |dpop| dpop);
        let text = format!(r#"{{"jwk":{jwk}}}"#);
        let members = crate::jose::Members::scan(&text).unwrap();
        let read = crate::jose::PublicJwk::read(members.get(&text, "jwk").unwrap());
        let binding = Thumbprint::from(*read.ok().unwrap().thumbprint());
        let request = get(&stage.proof().header("jwk", jwk).sign());
        let request = Presented::of(&request);
        let outcome = stage.checks.check(&request, TOKEN, &binding, at(NOW));
        let ProofOutcome::Now(Err(Unproven::Refused(kind))) = outcome else {
            panic!("{algorithm} is accepted");
        };
        assert_eq!(Some(kind), key(reason));
    }
}

#[test]
fn check_8_the_method_is_the_requests_own() {
    let stage = Stage::new();
    let wrong = Some(ProofErrorKind::Method);
    for method in ["POST", "get", "Get", "", "GET ", "*", "GETT", "HEAD"] {
        assert_eq!(
            stage.judge(&stage.proof().claim("htm", method).sign()),
            wrong,
            "{method}"
        );
    }
    let proof = stage.proof().sign();
    for method in ["POST", "HEAD", "OPTIONS", "get", "Get"] {
        assert_eq!(
            stage.refused(&request(method, "/orders", &[&proof]), NOW),
            wrong,
            "{method}"
        );
    }
    // Methods of one's own are what they are.
    let own = ProofBuilder::new(&stage.key, "PURGE", URL).access_token(TOKEN);
    let own = own.issued_at(at(NOW)).sign();
    assert_eq!(
        stage.refused(&request("PURGE", "/orders", &[&own]), NOW),
        None
    );
}

#[test]
fn check_9_the_uri_is_the_requests_own_whatever_its_spelling() {
    let stage = Stage::new();
    for same in [
        URL,
        "https://api.example.com/orders?page=3",
        "https://api.example.com/orders#top",
        "HTTPS://API.EXAMPLE.COM:443/orders",
        "https://api.example.com/%6frders",
        "https://api.example.com/./x/%2E%2e/orders",
    ] {
        assert_eq!(
            stage.judge(&stage.proof().claim("htu", same).sign()),
            None,
            "{same}"
        );
    }
    for other in [
        "",
        "/orders",
        "orders",
        "http://api.example.com/orders",
        "https://api.example.com",
        "https://api.example.com/orders/",
        "https://api.example.com/Orders",
        "https://api.example.com/orders/1",
        "https://api.example.com/order",
        "https://api.example.com:8443/orders",
        "https://api.example.com./orders",
        "https://api.example.com.evil.example/orders",
        "https://evil.example/orders",
        "https://evil.example/?https://api.example.com/orders",
        "https://api.example.com@evil.example/orders",
        "https://user@api.example.com/orders",
        "https://api.example.com/orders%3Fpage=2",
        "https://api.example.com/%2e%2e%2forders",
        "https://api.example.com\\orders",
        " https://api.example.com/orders",
    ] {
        let proof = stage.proof().claim("htu", other).sign();
        assert_eq!(
            stage.judge(&proof),
            Some(ProofErrorKind::TargetUri),
            "{other}"
        );
    }
}

#[test]
fn check_9_a_request_to_none_of_our_hosts_is_refused() {
    let urls = PublicUrl::one_of(["https://api.example.com", "https://b.example"]);
    let checks = Dpop::accept(urls).build().unwrap();
    let stage = Stage {
        checks,
        key: SigningKey::generate(Algorithm::ES256),
    };
    let to = |host: &str, proof: &str| {
        let request = Request::get("/orders").header("host", host);
        let request = request.header("dpop", proof).body(()).unwrap();
        stage.refused(&request, NOW)
    };
    let proof = stage.proof().sign();
    assert_eq!(to("b.example", &proof), Some(ProofErrorKind::TargetUri));
    assert_eq!(
        to("evil.example", &proof),
        Some(ProofErrorKind::TargetUnknown)
    );
    // A server that was shown a proof for itself passes it on under its own name.
    let relayed = stage
        .proof()
        .claim("htu", "https://evil.example/orders")
        .sign();
    assert_eq!(
        to("evil.example", &relayed),
        Some(ProofErrorKind::TargetUnknown)
    );
    assert_eq!(
        to("api.example.com", &relayed),
        Some(ProofErrorKind::TargetUri)
    );
    assert_eq!(to("api.example.com", &proof), None);
}

#[test]
fn check_9_a_path_that_cannot_be_compared_is_refused() {
    let stage = Stage::new();
    for path in ["/%zz", "/a%", "/a%4"] {
        let htu = format!("https://api.example.com{path}");
        let proof = stage.proof().claim("htu", htu).sign();
        let told = stage.refused(&request("GET", path, &[&proof]), NOW);
        assert_eq!(told, Some(ProofErrorKind::TargetUnknown), "{path}");
    }
}

#[test]
fn check_10_a_nonce_that_is_demanded_is_ours_and_young() {
    let nonces = || DpopNonces::shared([7; 32]).unwrap();
    let stage = Stage::with(Algorithm::ES256, |dpop| dpop.nonces(nonces()));
    let nonce = |seconds: i64| nonces().present(at(seconds)).to_str().unwrap().to_owned();
    assert_eq!(
        stage.judge(&stage.proof().sign()),
        Some(ProofErrorKind::NonceMissing)
    );
    let unknown = Some(ProofErrorKind::NonceUnknown);
    for wrong in [
        String::new(),
        "x".repeat(22),
        nonce(NOW - 900),
        nonce(NOW + 900),
    ] {
        assert_eq!(
            stage.judge(&stage.proof().nonce(&*wrong).sign()),
            unknown,
            "{wrong}"
        );
    }
    // Present: nothing more to say. Of the span before: another comes with the answer.
    let fresh = |seconds| {
        let proof = stage.proof().nonce(nonce(seconds)).sign();
        stage.outcome(&get(&proof), NOW).unwrap().fresh_nonce
    };
    assert_eq!(fresh(NOW), None);
    assert_eq!(fresh(NOW - 300), stage.checks.nonce(at(NOW)));
    assert_eq!(stage.checks.nonce(at(NOW)).unwrap(), nonce(NOW));
    assert!(stage.checks.nonce(at(NOW)).is_some());
    // Where none is demanded, one does no harm.
    let without = Stage::new();
    assert_eq!(
        without.judge(&without.proof().nonce("of another server").sign()),
        None
    );
    assert_eq!(without.checks.nonce(at(NOW)), None);
}

#[test]
fn check_11_the_proof_was_made_just_now() {
    let stage = Stage::new();
    let made = |seconds: i64| stage.judge(&stage.proof().issued_at(at(seconds)).sign());
    let now = at(NOW);
    let too_old = |seconds| {
        Some(ProofErrorKind::TooOld {
            at: at(seconds),
            now,
        })
    };
    let in_future = |seconds| {
        Some(ProofErrorKind::IssuedInFuture {
            at: at(seconds),
            now,
        })
    };
    for good in [NOW - 60, NOW - 59, NOW, NOW + 10] {
        assert_eq!(made(good), None);
    }
    for old in [NOW - 61, NOW - 3600, 0, -1] {
        assert_eq!(made(old), too_old(old));
    }
    for future in [NOW + 11, NOW + 3600] {
        assert_eq!(made(future), in_future(future));
    }
    for (text, late) in [
        ("1e300", true),
        ("9223372036854775807", true),
        ("18446744073709551616", true),
        ("1800000011.5", true),
        ("-1e300", false),
        ("-9223372036854775808", false),
        ("1799999939.5", false),
    ] {
        let claims = format!(
            r#"{{"jti":"a","htm":"GET","htu":"{URL}","ath":"{}","iat":{text}}}"#,
            ath(TOKEN)
        );
        let code = stage
            .judge(&stage.proof().raw_payload(claims).sign())
            .unwrap()
            .code();
        let want = if late {
            "dpop_issued_in_future"
        } else {
            "dpop_too_old"
        };
        assert_eq!(code, want, "{text}");
    }
    let overflowing = stage
        .proof()
        .raw_payload(r#"{"jti":"a","htm":"","htu":"","ath":"","iat":1e400}"#);
    assert_eq!(
        stage.judge(&overflowing.sign()),
        Some(ProofErrorKind::Malformed)
    );
    // A proof that ends or begins by its own word is held to it.
    let ended = stage.proof().claim("exp", NOW).sign();
    assert_eq!(stage.judge(&ended), too_old(NOW));
    let ahead = stage.proof().claim("nbf", NOW + 11).sign();
    assert_eq!(stage.judge(&ahead), in_future(NOW + 11));
    let both = stage
        .proof()
        .claim("exp", NOW + 1)
        .claim("nbf", NOW + 10)
        .sign();
    assert_eq!(stage.judge(&both), None);
}

#[test]
fn check_11_the_window_is_as_it_was_set() {
    let seconds = Duration::from_secs;
    let stage = Stage::with(Algorithm::ES256, |dpop| {
        dpop.proof_age(seconds(5)).proof_leeway(Duration::ZERO)
    });
    let made = |seconds: i64| stage.judge(&stage.proof().issued_at(at(seconds)).sign());
    assert_eq!(made(NOW - 5), None);
    assert_eq!(made(NOW), None);
    assert_eq!(made(NOW - 6).unwrap().code(), "dpop_too_old");
    assert_eq!(made(NOW + 1).unwrap().code(), "dpop_issued_in_future");
}

#[test]
fn check_12_the_proof_is_for_this_token_and_by_its_key() {
    let stage = Stage::new();
    let wrong = Some(ProofErrorKind::AccessTokenHash);
    for other in [
        "",
        "x",
        "DPoP eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",
        "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJm",
    ] {
        assert_eq!(
            stage.judge(&stage.proof().access_token(other).sign()),
            wrong,
            "{other}"
        );
    }
    let hash = ath(TOKEN);
    for other in [
        format!("{hash}="),
        hash.to_uppercase(),
        TOKEN.to_owned(),
        String::new(),
    ] {
        assert_eq!(
            stage.judge(&stage.proof().claim("ath", other).sign()),
            wrong
        );
    }
    // A thief with a key of his own.
    let thief = SigningKey::generate(Algorithm::ES256);
    let theirs = ProofBuilder::new(&thief, "GET", URL).access_token(TOKEN);
    let theirs = theirs.issued_at(at(NOW)).sign();
    assert_eq!(stage.judge(&theirs), Some(ProofErrorKind::KeyBinding));
    assert_eq!(stage.judge(&stage.proof().sign()), None);
    assert_eq!(stage.judge(&theirs), Some(ProofErrorKind::KeyBinding));
}

#[test]
fn a_token_is_sent_under_the_scheme_that_it_is_bound_for() {
    use ProofErrorKind::{BoundAsBearer, NotBound};
    use Scheme::{Bearer, Dpop as DPoP};
    let url = "https://api.example.com";
    let accept = Dpop::accept(url).build().unwrap();
    let require = Dpop::require(url).build().unwrap();
    let key = Thumbprint::from([1; 32]);
    for (checks, scheme, bound, want) in [
        (&accept, DPoP, Some(&key), Ok(Some(&key))),
        (&accept, DPoP, None, Err(NotBound)),
        (&accept, Bearer, Some(&key), Err(BoundAsBearer)),
        (&accept, Bearer, None, Ok(None)),
        (&require, DPoP, Some(&key), Ok(Some(&key))),
        (&require, DPoP, None, Err(NotBound)),
        (&require, Bearer, Some(&key), Err(BoundAsBearer)),
        (&require, Bearer, None, Err(NotBound)),
    ] {
        assert_eq!(checks.needed(scheme, bound), want, "{scheme:?} {bound:?}");
    }
    assert_eq!(accept.mode(), Mode::Accept);
    assert_eq!(require.mode(), Mode::Require);
}

#[test]
fn algorithms_are_offered_as_they_were_set() {
    let set = [Algorithm::EdDSA, Algorithm::ES256];
    let stage = Stage::with(Algorithm::ES256, |dpop| dpop.algorithms(&set));
    assert_eq!(stage.checks.algs(), "EdDSA ES256");
    assert_eq!(stage.checks.algorithms(), set);
}

#[test]
fn a_client_is_told_no_more_than_rfc_9449_lets_it() {
    use ProofErrorKind as Kind;
    for (kind, want) in [
        (Kind::BoundAsBearer, "invalid_token"),
        (Kind::NotBound, "invalid_token"),
        (Kind::KeyBinding, "invalid_token"),
        (Kind::NonceMissing, "use_dpop_nonce"),
        (Kind::NonceUnknown, "use_dpop_nonce"),
        (Kind::Missing, "invalid_dpop_proof"),
        (Kind::Signature, "invalid_dpop_proof"),
        (Kind::Replayed, "invalid_dpop_proof"),
        (Kind::TooMany, "invalid_dpop_proof"),
    ] {
        assert_eq!(kind.challenge_error(), want, "{kind}");
    }
}

#[test]
fn no_character_of_a_proof_can_be_changed_or_left_out() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let stage = Stage::with(algorithm, |dpop| dpop);
        let proof = stage.proof().sign();
        for index in 0..proof.len() {
            assert!(stage.judge(&proof[..index]).is_some(), "up to {index}");
            let shorter = [&proof[..index], &proof[index + 1..]].concat();
            assert!(stage.judge(&shorter).is_some(), "without {index}");
            for other in ["A", "_", ".", "="] {
                let changed = [&proof[..index], other, &proof[index + 1..]].concat();
                if changed != proof {
                    assert!(stage.judge(&changed).is_some(), "{other} at {index}");
                }
            }
        }
        assert_eq!(stage.judge(&proof), None);
    }
}

#[test]
fn a_proof_counts_as_used_only_where_it_was_good() {
    let stage = Stage::new();
    let proof = stage.proof().proof_id("one").sign();
    assert_eq!(
        stage
            .refused(&request("POST", "/orders", &[&proof]), NOW)
            .unwrap()
            .code(),
        "dpop_method"
    );
    let forged = stage
        .proof()
        .proof_id("one")
        .signed_by(&SigningKey::generate(Algorithm::ES256));
    assert_eq!(stage.judge(&forged.sign()), Some(ProofErrorKind::Signature));
    assert_eq!(stage.checks.remembered(), Some(0));
    assert_eq!(stage.judge(&proof), None);
    assert_eq!(stage.checks.remembered(), Some(1));
    // Another spelling of the URI and another second are no other proof; another URI is.
    let again = stage.proof().proof_id("one").issued_at(at(NOW - 1));
    let again = again
        .claim("htu", "https://API.example.com/%6Frders?x")
        .sign();
    assert_eq!(stage.judge(&again), Some(ProofErrorKind::Replayed));
    let elsewhere = stage
        .proof()
        .proof_id("one")
        .claim("htu", "https://api.example.com/")
        .sign();
    assert_eq!(
        stage.refused(&request("GET", "/", &[&elsewhere]), NOW),
        None
    );
}

#[test]
fn a_second_signature_of_the_same_proof_is_the_same_proof() {
    // ECDSA: for each good (r, s) there is a good (r, n - s).
    let stage = Stage::new();
    let proof = stage.proof().raw();
    let other = proof.clone().map_signature(|signature| {
        let (r, s) = signature.split_at(32);
        [r, &negated_p256(s)].concat()
    });
    assert_eq!(stage.judge(&proof.join()), None);
    let told = stage.judge(&other.join());
    assert_eq!(told, Some(ProofErrorKind::Replayed));
}

/// `n - s` for the order `n` of P-256.
fn negated_p256(s: &[u8]) -> Vec<u8> {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let mut borrow = 0;
    let mut difference = vec![0; 32];
    for at in (0..32).rev() {
        let value = i16::from(order[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(value < 0);
        difference[at] = u8::try_from(value.rem_euclid(256)).unwrap();
    }
    difference
}

fn ath(token: &str) -> String {
    crate::jose::base64url::encode(crate::jose::sha256(token.as_bytes()))
}
