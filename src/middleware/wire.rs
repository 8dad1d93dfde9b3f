//! In which protocol a client reads its answer: HTTP, or gRPC on top of it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Told by the request's `content-type`, as gRPC's own servers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Http,
    Grpc,
    GrpcWeb,
    GrpcWebText,
}

impl Wire {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        // A call of gRPC is always a POST; a refusal of anything else must not look like a success that caches may keep.
        if method != Method::POST {
            return Self::Http;
        }
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Self::Http;
        };
        let value = value.as_bytes();
        let end = value.iter().position(|byte| b"+; ".contains(byte));
        let media_type = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
        [Self::Grpc, Self::GrpcWeb, Self::GrpcWebText]
            .into_iter()
            .find(|wire| {
                wire.media_type()
                    .as_bytes()
                    .eq_ignore_ascii_case(media_type)
            })
            .unwrap_or(Self::Http)
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Http => "",
            Self::Grpc => "application/grpc",
            Self::GrpcWeb => "application/grpc-web",
            Self::GrpcWebText => "application/grpc-web-text",
        }
    }

    /// The `content-type` of an answer without a message; fixed words, whatever the client sent.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(self.media_type())
    }
}

/// The status codes of gRPC that we answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcStatus {
    PermissionDenied,
    Internal,
    Unavailable,
    Unauthenticated,
}

impl GrpcStatus {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::PermissionDenied => 7,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }
}

/// gRPC's own encoding of a message: printable ASCII but for `%`, everything else as `%XX`.
pub(crate) fn percent_encoded(message: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b'%' => encoded.push_str("%25"),
            b' '..=b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::try_from(encoded).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_grpc_is_told_by_its_content_type() {
        for (content_type, wire) in [
            ("application/grpc", Wire::Grpc),
            ("application/grpc+proto", Wire::Grpc),
            ("application/grpc;charset=utf-8", Wire::Grpc),
            ("Application/GRPC", Wire::Grpc),
            ("application/grpc-web", Wire::GrpcWeb),
            ("application/grpc-web+proto", Wire::GrpcWeb),
            ("application/grpc-web-text", Wire::GrpcWebText),
            ("application/grpc-web-text+proto", Wire::GrpcWebText),
            ("application/grpcx", Wire::Http),
            ("application/json", Wire::Http),
            ("text/application/grpc", Wire::Http),
            ("", Wire::Http),
        ] {
            let headers = HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_str(content_type).expect("a value"),
            )]);
            assert_eq!(Wire::of(&Method::POST, &headers), wire, "{content_type}");
            assert_eq!(Wire::of(&Method::GET, &headers), Wire::Http);
        }
        assert_eq!(Wire::of(&Method::POST, &HeaderMap::new()), Wire::Http);
    }

    #[test]
    fn a_message_is_percent_encoded() {
        assert_eq!(percent_encoded("100 % of it"), "100 %25 of it");
        assert_eq!(percent_encoded("a\nb\u{e9}"), "a%0Ab%C3%A9");
    }
}
