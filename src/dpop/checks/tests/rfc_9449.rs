//! The examples of RFC 9449.

use super::*;

/// §7.1, figure 13: the access token.
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

/// §6.1, figure 9: what it is bound to.
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// §7.1, figure 13: the proof, made at 1562262618.
const PROOF: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy",
    "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
    ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNv",
    "dXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9",
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
);

/// §4.1, figure 2: a proof for a token endpoint, made at 1562262616.
const TOKEN_REQUEST_PROOF: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy",
    "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19",
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox",
    "NTYyMjYyNjE2fQ",
    ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
);

fn judge(url: &str, request: &Request<()>, token: &str, now: i64) -> Option<ProofErrorKind> {
    let checks = Dpop::accept(url).build().unwrap();
    let binding = Thumbprint::from_text(JKT).unwrap();
    match checks.check(&Presented::of(request), token, &binding, at(now)) {
        ProofOutcome::Now(Ok(_)) => None,
        ProofOutcome::Now(Err(Unproven::Refused(kind))) => Some(kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn section_7_1_the_example_request_is_accepted_at_its_time_and_not_elsewhere() {
    let url = "https://resource.example.org";
    let request = |method, uri| super::request(method, uri, &[PROOF]);
    let (theirs, now) = (request("GET", "/protectedresource"), 1_562_262_618);
    assert_eq!(judge(url, &theirs, ACCESS_TOKEN, now), None);
    assert_eq!(judge(url, &theirs, ACCESS_TOKEN, now + 60), None);
    let code = |kind: Option<ProofErrorKind>| kind.unwrap().code();
    assert_eq!(
        code(judge(url, &theirs, ACCESS_TOKEN, now + 61)),
        "dpop_too_old"
    );
    let head = request("HEAD", "/protectedresource");
    assert_eq!(code(judge(url, &head, ACCESS_TOKEN, now)), "dpop_method");
    let other = request("GET", "/protectedresource/");
    assert_eq!(
        code(judge(url, &other, ACCESS_TOKEN, now)),
        "dpop_target_uri"
    );
    assert_eq!(
        code(judge(
            "https://resource.example.com",
            &theirs,
            ACCESS_TOKEN,
            now
        )),
        "dpop_target_uri"
    );
    assert_eq!(
        code(judge(url, &theirs, TOKEN, now)),
        "dpop_access_token_hash"
    );
}

#[test]
fn section_4_1_a_proof_for_a_token_endpoint_is_none_for_a_resource() {
    let request = request("POST", "/token", &[TOKEN_REQUEST_PROOF]);
    let url = "https://server.example.com";
    assert_eq!(
        judge(url, &request, ACCESS_TOKEN, 1_562_262_616),
        missing("ath")
    );
}

#[test]
fn section_4_1_both_examples_are_signed_by_the_key_of_section_6_1() {
    use crate::jose::{Compact, Header, PublicJwk};
    for proof in [PROOF, TOKEN_REQUEST_PROOF] {
        let compact = Compact::decode(proof, proof.len()).unwrap();
        let header = Header::parse(&compact.header).unwrap();
        let jwk = PublicJwk::read(header.parameter("jwk").unwrap()).unwrap();
        assert_eq!(Thumbprint::from(*jwk.thumbprint()).to_string(), JKT);
        let key = jwk.to_key_for(header.algorithm).unwrap();
        assert!(key.verify(header.algorithm, compact.signing_input, &compact.signature));
    }
}
