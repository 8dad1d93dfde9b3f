//! Attacks on how a token is written: rows 22 to 30, 37 and 38.

use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::VerifyErrorKind::{
    AlgorithmUnknown, Base64, ClaimMalformed, CredentialMalformed, Encrypted, HeaderExtension,
    HeaderParameter, Json, NotCompact, TooLong,
};
use tower_bearer::error::TokenPart::{Header, Payload, Signature};
use tower_bearer::{Rejection, VerifyErrorKind};

use crate::support::{AUDIENCE, ISSUER, NOW, Row, Stage};

const LIMIT: usize = 16 * 1024;

/// Header, payload and signature of a good token.
fn parts(stage: &Stage) -> [String; 3] {
    let token = stage.token().sign();
    let mut parts = token.split('.').map(str::to_owned);
    [(); 3].map(|()| parts.next().expect("three parts"))
}

/// 22: RFC 7515 §2, rfc8725bis §3.14. What can pass as a b64token (RFC 6750 §2.1), that is.
pub(crate) fn spelled_otherwise(stage: &Stage) -> Vec<Row> {
    let [header, payload, signature] = parts(stage);
    let base64 = |part| Base64 { part };
    // The last of 86 characters carries two bits, so the next one in the alphabet decodes to the same bytes.
    let mut spare = signature.clone();
    let last = spare.pop().expect("64 bytes");
    spare.push(char::from(last as u8 + 1));
    // Of these bytes both alphabets need their last two characters.
    let other_alphabet = base64_simd::STANDARD_NO_PAD.encode_to_string([0xfb, 0xef, 0xff]);
    vec![
        (
            "22 padding",
            format!("{header}.{payload}.{signature}=="),
            base64(Signature),
        ),
        (
            "22 padding, one too few",
            format!("{header}.{payload}.{signature}="),
            base64(Signature),
        ),
        (
            "22 spare bits",
            format!("{header}.{payload}.{spare}"),
            base64(Signature),
        ),
        (
            "22 a character too many",
            format!("{header}.{payload}.{signature}AAA"),
            base64(Signature),
        ),
        (
            "22 + and / in the signature",
            format!("{header}.{payload}.{other_alphabet}"),
            base64(Signature),
        ),
        (
            "22 + and / in the header",
            format!("{other_alphabet}.{payload}.{signature}"),
            base64(Header),
        ),
        (
            "22 + and / in the payload",
            format!("{header}.{other_alphabet}.{signature}"),
            base64(Payload),
        ),
        (
            "22 ~ in the payload",
            format!("{header}.~{payload}.{signature}"),
            base64(Payload),
        ),
        // 36: an SD-JWT (RFC 9901 §4) ends in a tilde.
        (
            "36 an SD-JWT",
            format!("{header}.{payload}.{signature}~"),
            base64(Signature),
        ),
        (
            "36 an SD-JWT with a disclosure",
            format!("{header}.{payload}.{signature}~WyJhIiwiYiIsImMiXQ~"),
            base64(Signature),
        ),
    ]
}

/// 23: CVE-2026-102946, rfc8725bis §2.13. 24: CVE-2025-27144, CVE-2025-30204, CVE-2025-22868. 27: far too much of it.
pub(crate) fn parted_otherwise(stage: &Stage) -> Vec<Row> {
    let [header, payload, signature] = parts(stage);
    let too_long = |length| TooLong {
        length,
        limit: LIMIT,
    };
    let long = stage.token().claim("padding", "x".repeat(LIMIT)).sign();
    let length = long.len();
    vec![
        (
            "23 two dots, an empty payload",
            format!("{header}..{signature}"),
            NotCompact,
        ),
        (
            "23 an empty header",
            format!(".{payload}.{signature}"),
            NotCompact,
        ),
        (
            "23 an empty signature",
            format!("{header}.{payload}."),
            NotCompact,
        ),
        ("23 two parts", format!("{header}.{payload}"), NotCompact),
        ("23 one part", header.clone(), NotCompact),
        (
            "23 a dot before",
            format!(".{header}.{payload}.{signature}"),
            NotCompact,
        ),
        (
            "23 a dot after",
            format!("{header}.{payload}.{signature}."),
            NotCompact,
        ),
        (
            "23 a dot more",
            format!("{header}..{payload}.{signature}"),
            NotCompact,
        ),
        (
            "23 four parts",
            format!("{header}.{payload}.{signature}.{signature}"),
            NotCompact,
        ),
        (
            "23 six parts",
            format!("{header}.{payload}.{signature}.a.b.c"),
            NotCompact,
        ),
        ("23 dots alone", "..".into(), NotCompact),
        ("23 one dot", ".".into(), NotCompact),
        ("24 thousands of dots", ".".repeat(LIMIT), NotCompact),
        ("24 thousands of parts", "a.".repeat(LIMIT / 2), NotCompact),
        (
            "24 a good token and thousands of dots",
            format!("{header}.{payload}.{signature}{}", ".".repeat(9_000)),
            NotCompact,
        ),
        (
            "24 more dots than are read",
            ".".repeat(LIMIT + 1),
            too_long(LIMIT + 1),
        ),
        ("27 a token too long", long, too_long(length)),
        (
            "27 a million bytes",
            "a".repeat(1_000_000),
            too_long(1_000_000),
        ),
    ]
}

/// 37: CVE-2026-29000. 38: CVE-2022-36083, CVE-2023-49290, CVE-2023-51775, CVE-2024-28176, CVE-2024-33664 and their kin.
pub(crate) fn encrypted(stage: &Stage) -> Vec<Row> {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let [_, payload, signature] = parts(stage);
    let jwe = |header: Value| {
        format!(
            "{}.{payload}.{payload}.{payload}.{signature}",
            encode(header)
        )
    };
    let direct = encode(json!({"alg": "dir", "enc": "A256GCM"}));
    vec![
        (
            "37 an encrypted token around an unsigned one",
            jwe(json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"})),
            Encrypted,
        ),
        (
            "38 PBES2 with a great count",
            jwe(
                json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647, "p2s": "AA"}),
            ),
            Encrypted,
        ),
        (
            "38 a zip bomb",
            jwe(json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"})),
            Encrypted,
        ),
        (
            "38 RSA1_5",
            jwe(json!({"alg": "RSA1_5", "enc": "A128CBC-HS256"})),
            Encrypted,
        ),
        (
            "38 a header without sense",
            format!("a.{payload}.{payload}.{payload}.{signature}"),
            Encrypted,
        ),
        (
            "38 direct encryption, no encrypted key",
            format!("{direct}..{payload}.{payload}.{signature}"),
            Encrypted,
        ),
        ("38 five empty parts", "....".into(), Encrypted),
        (
            "38 an algorithm of encryption, signed",
            stage
                .token()
                .header("alg", "PBES2-HS256+A128KW")
                .header("p2c", 2_147_483_647)
                .sign(),
            AlgorithmUnknown,
        ),
        (
            "38 RSA1_5, signed",
            stage.token().header("alg", "RSA1_5").sign(),
            AlgorithmUnknown,
        ),
        (
            "37 a token within a token",
            stage.token().header("cty", "JWT").sign(),
            HeaderParameter { name: "cty" },
        ),
        (
            "37 a token within a token, signed twice",
            stage
                .token()
                .header("cty", "jwt")
                .raw_payload(stage.token().sign())
                .sign(),
            HeaderParameter { name: "cty" },
        ),
    ]
}

/// 29: CVE-2025-59420, CVE-2026-32597, CVE-2026-35042. 30: RFC 7797 §7. 38: compression.
pub(crate) fn extended(stage: &Stage) -> Vec<Row> {
    let crit = |value: Value| {
        stage
            .token()
            .header("crit", value)
            .header("urn:x", 1)
            .sign()
    };
    let b64 = |value: Value| stage.token().header("b64", value).sign();
    let refused = |name| HeaderExtension { name };
    let both = stage
        .token()
        .header("crit", json!(["b64"]))
        .header("b64", false);
    let raw = |text: &str| stage.token().raw_header(text).sign();
    vec![
        ("29 crit unknown", crit(json!(["urn:x"])), refused("crit")),
        ("29 crit empty", crit(json!([])), refused("crit")),
        (
            "29 crit with a name twice",
            crit(json!(["urn:x", "urn:x"])),
            refused("crit"),
        ),
        ("29 crit with exp", crit(json!(["exp"])), refused("crit")),
        ("29 crit with alg", crit(json!(["alg"])), refused("crit")),
        ("29 crit with crit", crit(json!(["crit"])), refused("crit")),
        (
            "29 crit of what is not there",
            crit(json!(["urn:y"])),
            refused("crit"),
        ),
        ("29 crit null", crit(Value::Null), refused("crit")),
        ("29 crit a string", crit("urn:x".into()), refused("crit")),
        ("29 crit a boolean", crit(json!(false)), refused("crit")),
        ("29 crit with numbers", crit(json!([1])), refused("crit")),
        ("30 crit with b64", crit(json!(["b64"])), refused("crit")),
        ("30 b64 false with crit", both.sign(), refused("crit")),
        (
            "30 b64 false without crit",
            b64(json!(false)),
            refused("b64"),
        ),
        ("30 b64 true", b64(json!(true)), refused("b64")),
        ("30 b64 null", b64(Value::Null), refused("b64")),
        ("30 b64 a string", b64("false".into()), refused("b64")),
        (
            "38 zip",
            stage.token().header("zip", "DEF").sign(),
            refused("zip"),
        ),
        (
            "29 crit written with an escape",
            raw(r#"{"alg":"EdDSA","\u0063rit":["exp"]}"#),
            refused("crit"),
        ),
    ]
}

/// 25: RFC 7515 §4, RFC 7519 §4. 26: CVE-2025-53864. 28: CVE-2026-107723.
pub(crate) fn unusual_json(stage: &Stage) -> Vec<Row> {
    let kid = stage
        .issuer
        .key(tower_bearer::Algorithm::EdDSA)
        .key_id()
        .unwrap_or_default()
        .to_owned();
    let header = |more: &str| {
        let text = format!(r#"{{"alg":"EdDSA","kid":"{kid}"{more}}}"#);
        stage.token().raw_header(text).sign()
    };
    let raw_header = |text: &str| stage.token().raw_header(text).sign();
    let payload = |more: &str| stage.token().raw_payload(claims(more)).sign();
    let raw_payload = |text: &str| stage.token().raw_payload(text).sign();
    let octets = |octets: &[u8]| {
        stage
            .token()
            .raw()
            .payload(octets)
            .sign(&stage.issuer.key(tower_bearer::Algorithm::EdDSA))
            .join()
    };
    let (in_header, in_payload) = (Json { part: Header }, Json { part: Payload });
    let nested = |depth: usize| format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    let objects =
        |depth: usize| format!(r#","x":{}1{}"#, r#"{"x":"#.repeat(depth), "}".repeat(depth));
    vec![
        ("25 alg twice", header(r#","alg":"EdDSA""#), in_header),
        (
            "25 alg twice, once with an escape",
            header(r#","\u0061lg":"none""#),
            in_header,
        ),
        ("25 kid twice", header(r#","kid":"other""#), in_header),
        (
            "25 an unknown parameter twice",
            header(r#","x":1,"x":1"#),
            in_header,
        ),
        (
            "25 a name twice within jwk",
            header(r#","jwk":{"k":1,"k":2}"#),
            in_header,
        ),
        (
            "25 iss twice",
            payload(r#","iss":"https://evil.test""#),
            in_payload,
        ),
        ("25 exp twice", payload(r#","exp":1"#), in_payload),
        (
            "25 aud twice, once with an escape",
            payload(r#","au\u0064":"https://evil.test""#),
            in_payload,
        ),
        (
            "25 an unknown claim twice",
            payload(r#","x":1,"x":1"#),
            in_payload,
        ),
        (
            "25 the empty name twice",
            payload(r#","":1,"":2"#),
            in_payload,
        ),
        (
            "25 a name twice within cnf",
            payload(r#","cnf":{"jkt":"a","jkt":"b"}"#),
            in_payload,
        ),
        (
            "25 a name twice within an array",
            payload(r#","x":[{"y":1,"y":1}]"#),
            in_payload,
        ),
        ("26 nested 33 deep", payload(&nested(32)), in_payload),
        ("26 nested 5000 deep", payload(&nested(5_000)), in_payload),
        (
            "26 objects nested 33 deep",
            payload(&objects(32)),
            in_payload,
        ),
        (
            "26 nested 33 deep in the header",
            header(&nested(32)),
            in_header,
        ),
        (
            "26 nested without an end",
            payload(&format!(r#","x":{}"#, "[".repeat(5_000))),
            in_payload,
        ),
        (
            "26 a number beyond all bounds",
            payload(r#","x":1e400"#),
            in_payload,
        ),
        (
            "26 a number of ten thousand digits",
            payload(&format!(r#","x":{}"#, "9".repeat(10_000))),
            in_payload,
        ),
        (
            "26 a number with a zero before",
            payload(r#","x":01"#),
            in_payload,
        ),
        ("26 a number with a plus", payload(r#","x":+1"#), in_payload),
        (
            "26 a number in hexadecimal",
            payload(r#","x":0x10"#),
            in_payload,
        ),
        ("26 NaN", payload(r#","x":NaN"#), in_payload),
        ("26 Infinity", payload(r#","x":-Infinity"#), in_payload),
        (
            "26 a lone surrogate",
            payload(r#","x":"\ud800""#),
            in_payload,
        ),
        (
            "26 surrogates in the wrong order",
            payload(r#","x":"\udc00\ud800""#),
            in_payload,
        ),
        (
            "26 a lone surrogate as a name",
            payload(r#","\udead":1"#),
            in_payload,
        ),
        (
            "26 a lone surrogate in the header",
            header(r#","x":"\ud800""#),
            in_header,
        ),
        (
            "26 a line break in a string",
            payload(",\"x\":\"a\nb\""),
            in_payload,
        ),
        ("26 NUL in a string", payload(",\"x\":\"a\0b\""), in_payload),
        (
            "26 an escape that is none",
            payload(r#","x":"\x41""#),
            in_payload,
        ),
        (
            "26 a byte order mark",
            raw_payload(&format!("\u{feff}{}", claims(""))),
            in_payload,
        ),
        (
            "26 a byte order mark in the header",
            raw_header("\u{feff}{\"alg\":\"EdDSA\"}"),
            in_header,
        ),
        (
            "26 data after the claims",
            raw_payload(&format!("{}x", claims(""))),
            in_payload,
        ),
        (
            "26 another object after the claims",
            raw_payload(&format!("{}{{}}", claims(""))),
            in_payload,
        ),
        (
            "26 NUL after the claims",
            raw_payload(&format!("{}\0", claims(""))),
            in_payload,
        ),
        (
            "26 data after the header",
            raw_header(r#"{"alg":"EdDSA"}{}"#),
            in_header,
        ),
        ("26 a comma after the last claim", payload(","), in_payload),
        ("26 a comment", payload("/* */"), in_payload),
        (
            "26 single quotes",
            raw_payload("{'iss':'https://issuer.test'}"),
            in_payload,
        ),
        (
            "26 bytes that are no UTF-8",
            octets(b"{\"iss\":\"\xff\"}"),
            in_payload,
        ),
        (
            "26 UTF-8 in more bytes than needed",
            octets(b"{\"iss\":\"\xc0\xaf\"}"),
            in_payload,
        ),
        (
            "26 a surrogate in UTF-8",
            octets(b"{\"iss\":\"\xed\xa0\x80\"}"),
            in_payload,
        ),
        ("26 UTF-16", octets(b"{\0}\0"), in_payload),
        ("28 claims an array", raw_payload("[]"), in_payload),
        (
            "28 claims in an array",
            raw_payload(&format!("[{}]", claims(""))),
            in_payload,
        ),
        ("28 claims a string", raw_payload(r#""claims""#), in_payload),
        ("28 claims a number", raw_payload("1"), in_payload),
        ("28 claims null", raw_payload("null"), in_payload),
        ("28 claims a boolean", raw_payload("true"), in_payload),
        ("28 claims a space", raw_payload(" "), in_payload),
        (
            "28 a header that is an array",
            raw_header(r#"["alg","EdDSA"]"#),
            in_header,
        ),
        ("28 a header that is null", raw_header("null"), in_header),
        (
            "25 a claim of wrong type in a nested cnf",
            payload(r#","cnf":[]"#),
            ClaimMalformed { name: "cnf" },
        ),
    ]
}

/// The claims of a good token, and more.
fn claims(more: &str) -> String {
    format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}{more}}}"#,
        NOW + 60
    )
}

#[tokio::test]
async fn a_token_has_one_spelling() {
    let stage = Stage::new().await;
    stage.refuse(spelled_otherwise(&stage)).await;
}

#[tokio::test]
async fn a_token_has_three_parts_and_a_bounded_length() {
    let stage = Stage::new().await;
    stage.refuse(parted_otherwise(&stage)).await;
    // As long as may be: base64url makes four bytes of three.
    let shortest = stage.token().claim("padding", "").sign().len();
    let room = (LIMIT - shortest) / 4 * 3;
    let longest = (room..room + 8)
        .map(|length| stage.token().claim("padding", "x".repeat(length)).sign())
        .find(|token| token.len() == LIMIT || token.len() + 1 == LIMIT);
    stage
        .accept("27 the longest token", &longest.expect("one of them fits"))
        .await;
}

#[tokio::test]
async fn an_encrypted_token_is_refused_before_anything_is_computed() {
    let stage = Stage::new().await;
    stage.refuse(encrypted(&stage)).await;
}

#[tokio::test]
async fn an_extension_of_the_header_is_never_skipped() {
    let stage = Stage::new().await;
    stage.refuse(extended(&stage)).await;
    // What extends nothing is ignored (RFC 7515 §4).
    let unknown = stage
        .token()
        .header("urn:x", json!({"critical": true}))
        .header("Crit", json!(["exp"]));
    stage
        .accept("29 an unknown parameter", &unknown.sign())
        .await;
}

#[tokio::test]
async fn json_is_read_strictly() {
    let stage = Stage::new().await;
    stage.refuse(unusual_json(&stage)).await;
    // Unusual, and right.
    let nested = |depth: usize| format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    for (row, more) in [
        ("26 nested 32 deep", nested(31)),
        (
            "26 a pair of surrogates",
            r#","x":"\ud83d\ude00""#.to_owned(),
        ),
        ("26 the empty name", r#","":1"#.to_owned()),
        (
            "26 a number as large as can be",
            r#","x":1.7e308"#.to_owned(),
        ),
        (
            "26 a number as small as can be",
            r#","x":1e-400"#.to_owned(),
        ),
        (
            "26 a name that differs in case",
            r#","ISS":"https://evil.test""#.to_owned(),
        ),
        (
            "26 a long string",
            format!(r#","x":"{}""#, "é".repeat(4_000)),
        ),
    ] {
        let payload = format!(" \t\r\n{} ", claims(&more));
        stage
            .accept(row, &stage.token().raw_payload(payload).sign())
            .await;
    }
}

/// 22, 23: what no `Authorization` header of ours lets through, met where a token comes by another way.
#[tokio::test]
async fn characters_that_no_header_carries_are_refused_all_the_same() {
    let stage = Stage::new().await;
    let [header, payload, signature] = parts(&stage);
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    let flattened = json!({"payload": payload, "protected": header, "signature": signature});
    let unsigned = json!({"payload": payload, "signatures": []});
    let base64 = |part| Base64 { part };
    let rows: [(&str, String, VerifyErrorKind, bool); 16] = [
        (
            "22 padding in the header",
            format!("{header}=.{payload}.{signature}"),
            base64(Header),
            true,
        ),
        (
            "22 padding in the payload",
            format!("{header}.{payload}=.{signature}"),
            base64(Payload),
            true,
        ),
        (
            "22 a space before",
            format!(" {header}.{payload}.{signature}"),
            base64(Header),
            false,
        ),
        (
            "22 a space after",
            format!("{header}.{payload}.{signature} "),
            base64(Signature),
            true,
        ),
        (
            "22 a space within",
            format!("{header}. {payload}.{signature}"),
            base64(Payload),
            true,
        ),
        (
            "22 a tab",
            format!("{header}.{payload}.\t{signature}"),
            base64(Signature),
            true,
        ),
        (
            "22 a line break",
            format!("{header}.{payload}.{signature}\n"),
            base64(Signature),
            false,
        ),
        (
            "22 carriage return and line feed",
            format!("{header}.\r\n{payload}.{signature}"),
            base64(Payload),
            false,
        ),
        (
            "22 NUL",
            format!("{header}.{payload}.{signature}\0"),
            base64(Signature),
            false,
        ),
        (
            "22 not ASCII",
            format!("{header}.{payload}é.{signature}"),
            base64(Payload),
            true,
        ),
        (
            "22 a wide letter",
            format!("{header}.{payload}.\u{ff21}{signature}"),
            base64(Signature),
            true,
        ),
        (
            "22 percent-encoding",
            format!("{header}%2e{payload}.{signature}"),
            NotCompact,
            true,
        ),
        (
            "23 general JSON serialisation",
            general.to_string(),
            NotCompact,
            true,
        ),
        (
            "23 flattened JSON serialisation",
            flattened.to_string(),
            NotCompact,
            true,
        ),
        (
            "23 no signatures at all",
            unsigned.to_string(),
            NotCompact,
            true,
        ),
        ("23 nothing", String::new(), NotCompact, true),
    ];
    for (row, token, kind, in_header) in rows {
        match stage.auth.verify(&token).await {
            Err(Rejection::Verify(error)) => assert_eq!(error.kind(), kind, "{row}"),
            other => panic!("{row}: {other:?}"),
        }
        // A comma would be a second credential.
        if in_header && !token.contains(',') {
            let answer = stage.send(&token).await;
            answer.refused(
                row,
                CredentialMalformed,
                http::StatusCode::BAD_REQUEST,
                crate::transport::INVALID_REQUEST,
            );
        }
    }
    let good = stage.token().sign();
    assert!(stage.auth.verify(&good).await.is_ok());
}
