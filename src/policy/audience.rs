//! Whether a token is meant for this service.

use super::PolicyBuilder;
use crate::claims::{Audience, Claims};
use crate::error::VerifyErrorKind;

/// Whom tokens must be meant for.
#[derive(Clone, Debug)]
pub(super) struct AudienceRule {
    pub(super) names: Box<[Box<str>]>,
    /// The clients whose tokens need no audience.
    clients: Box<[Box<str>]>,
    compared: Compared,
    pub(super) any: bool,
}

/// How an audience is told from another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compared {
    /// Byte for byte (RFC 7519 §7.3).
    #[default]
    Exactly,
    /// As the URL of a resource: scheme and host know no case (RFC 3986 §6.2.2.1), all the rest is compared exactly.
    AsUrl,
}

impl AudienceRule {
    pub(super) fn of(builder: &PolicyBuilder) -> Self {
        let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        Self {
            names: boxed(&builder.audiences),
            clients: boxed(&builder.clients_without_audience),
            compared: builder.audience_compared,
            any: builder.any_audience,
        }
    }

    pub(super) fn check(&self, claims: &Claims) -> Result<(), VerifyErrorKind> {
        let audience = claims.member("aud").map(Audience::read).transpose()?;
        if self.any {
            return Ok(());
        }
        match audience {
            Some(audience) if self.meets(audience) => Ok(()),
            Some(_) => Err(VerifyErrorKind::Audience),
            None if self.clients.is_empty() => Err(VerifyErrorKind::ClaimMissing { name: "aud" }),
            None => self.check_client(claims),
        }
    }

    /// Whether an audience that is named beside the token's own may be.
    pub(super) fn admits(&self, audience: Audience<'_>) -> bool {
        self.any || self.meets(audience)
    }

    fn meets(&self, audience: Audience<'_>) -> bool {
        self.names.iter().any(|ours| match self.compared {
            Compared::Exactly => audience.contains(ours),
            Compared::AsUrl => audience.iter().any(|theirs| same_url(ours, &theirs)),
        })
    }

    fn check_client(&self, claims: &Claims) -> Result<(), VerifyErrorKind> {
        match claims.client_id() {
            Some(client) if self.clients.iter().any(|ours| **ours == *client) => Ok(()),
            Some(_) => Err(VerifyErrorKind::Audience),
            None => Err(VerifyErrorKind::ClaimMissing { name: "client_id" }),
        }
    }
}

/// Whether two URLs differ in nothing but the case of scheme and host.
///
/// Nothing is decoded or normalised beyond that: a difference between what we and the issuer take for the same place must
/// be a refusal.
fn same_url(one: &str, other: &str) -> bool {
    match (UrlParts::of(one), UrlParts::of(other)) {
        (Some(one), Some(other)) => {
            one.scheme.eq_ignore_ascii_case(other.scheme)
                && one.host.eq_ignore_ascii_case(other.host)
                && one.rest == other.rest
        }
        _ => one == other,
    }
}

struct UrlParts<'u> {
    scheme: &'u str,
    /// With the port, if one is written.
    host: &'u str,
    rest: &'u str,
}

impl<'u> UrlParts<'u> {
    fn of(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at_checked(end)?;
        // A user name knows case.
        let plain = !host.contains('@');
        plain.then_some(Self { scheme, host, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_resource_knows_case_everywhere_but_in_scheme_and_host() {
        const OURS: &str = "https://mcp.example.com:8443/Tools?a=B";
        for (theirs, same) in [
            (OURS, true),
            ("HTTPS://MCP.Example.COM:8443/Tools?a=B", true),
            ("https://mcp.example.com:8443/tools?a=B", false),
            ("https://mcp.example.com:8443/Tools?a=b", false),
            ("https://mcp.example.com:8443/Tools?A=B", false),
            ("https://mcp.example.com:8443/Tools", false),
            ("https://mcp.example.com:8443/Tools/?a=B", false),
            ("https://mcp.example.com:8443/Tools?a=B#", false),
            ("https://mcp.example.com/Tools?a=B", false),
            ("https://mcp.example.com.:8443/Tools?a=B", false),
            ("https://mcp.example.com:8443/./Tools?a=B", false),
            ("https://mcp.example.com:8443/%54ools?a=B", false),
            ("https://user@mcp.example.com:8443/Tools?a=B", false),
            (
                "https://evil.example\\@mcp.example.com:8443/Tools?a=B",
                false,
            ),
            ("http://mcp.example.com:8443/Tools?a=B", false),
            ("https:/mcp.example.com:8443/Tools?a=B", false),
            ("mcp.example.com:8443/Tools?a=B", false),
            ("https://mcp.exampl\u{212a}.com:8443/Tools?a=B", false),
            (" https://mcp.example.com:8443/Tools?a=B", false),
            ("", false),
        ] {
            assert_eq!(same_url(OURS, theirs), same, "{theirs:?}");
        }
        assert!(!same_url("https://k.example", "https://\u{212a}.example"));
        assert!(!same_url(
            "https://mcp.example.com",
            "https://mcp.example.com/"
        ));
        assert!(same_url("orders", "orders") && !same_url("orders", "Orders"));
    }
}
