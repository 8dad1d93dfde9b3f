//! Claims for a server behind us, in headers of its choice.

use std::borrow::Cow;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::authorization::ClaimPath;
use crate::claims::Claims;
use crate::credential::CARRIERS;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::header_name::same_name;

/// Headers with which a request is framed or routed: a claim in their place would be an attack.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Which claim goes into which header.
#[derive(Clone, Debug, Default)]
pub(super) struct Forwarding {
    claims: Vec<(ClaimPath, HeaderName)>,
}

impl Forwarding {
    pub(super) fn add(&mut self, claim: ClaimPath, header: HeaderName) -> Result<(), ConfigError> {
        let wrong = |problem: String| Err(ConfigError::new(ConfigErrorKind::Forwarding, problem));
        let reserved = |name: &str| same_name(name, header.as_str());
        if RESERVED.into_iter().any(reserved) || CARRIERS.iter().any(|name| reserved(name.as_str()))
        {
            return wrong(format!("no claim can be forwarded in the header {header}"));
        }
        if self.writes(header.as_str()) {
            return wrong(format!(
                "two claims would be forwarded in the header {header}"
            ));
        }
        self.claims.push((claim, header));
        Ok(())
    }

    /// Removes what the client sent under our names, whatever else becomes of the request.
    ///
    /// Servers that hand headers on as variables take `X_User` and `X.User` for `X-User`. One that is named in
    /// `Connection` would be dropped by the next proxy (RFC 9110 §7.6.1), and what we write with it.
    pub(super) fn clear(&self, headers: &mut HeaderMap) {
        if self.claims.is_empty() {
            return;
        }
        let sent: Vec<_> = headers
            .keys()
            .filter(|name| self.writes(name.as_str()))
            .cloned()
            .collect();
        for name in sent {
            headers.remove(name);
        }
        let options = headers.get_all(CONNECTION).iter();
        let options: Vec<String> = options
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
            .map(|option| String::from_utf8_lossy(option.trim_ascii()).into_owned())
            .collect();
        if options.iter().any(|option| self.writes(option)) {
            let kept: Vec<_> = options
                .into_iter()
                .filter(|option| !self.writes(option))
                .collect();
            headers.remove(CONNECTION);
            if let Ok(kept) = HeaderValue::try_from(kept.join(", "))
                && !kept.is_empty()
            {
                headers.insert(CONNECTION, kept);
            }
        }
    }

    fn writes(&self, name: &str) -> bool {
        let mut ours = self.claims.iter();
        ours.any(|(_, header)| same_name(header.as_str(), name))
    }

    /// Writes the claims of a verified token.
    pub(super) fn write(&self, headers: &mut HeaderMap, claims: &Claims) {
        for (path, name) in &self.claims {
            if let Some(value) = path.text(claims).and_then(header_value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Visible ASCII and spaces within: what every server reads in the same way. Anything else is not forwarded at all.
fn header_value(text: Cow<'_, str>) -> Option<HeaderValue> {
    let sound = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let bare = !text.is_empty() && text.trim() == text;
    (sound && bare)
        .then(|| HeaderValue::from_str(&text).ok())
        .flatten()
}
