//! Answering a request that was refused, here or further inside.

use std::mem;

use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, response};

use super::body::Respond;
use super::body::sealed::Refusal;
use super::refused_request::RefusedRequest;
use super::response::{DPOP_NONCE, Unfinished, Words, write_nonce};
use super::settings::Settings;
use super::wire::{GRPC_MESSAGE, GRPC_STATUS, Wire};
use crate::dpop::Scheme;
use crate::error::Rejection;
use crate::observe::Event;
use crate::sender::FreshNonce;

/// What has to be known of a request when it is answered.
pub(super) struct Answering {
    pub(super) wire: Wire,
    /// Whether its token stands in the query, so that shared caches must not keep the answer (RFC 6750 §2.3).
    pub(super) in_query: bool,
    /// By which scheme its token was sent.
    pub(super) scheme: Scheme,
    /// To be sent along.
    pub(super) nonce: FreshNonce,
    /// For a hook.
    pub(super) request: Option<Box<RefusedRequest>>,
}

impl Answering {
    /// Answers a request that was refused.
    pub(super) fn refuse<B, R: Respond<B>>(
        &self,
        settings: &Settings<R>,
        rejection: Rejection,
    ) -> Response<B> {
        let words = Words::of(&rejection);
        let refusal = Refusal {
            words,
            head: settings
                .challenges
                .head(&rejection, words, self.wire, self.scheme),
            wire: self.wire,
            rejection: &rejection,
            request: self.request.as_deref(),
        };
        let mut response = settings.respond.respond(refusal);
        // Whatever became of the answer: layers outside look for the reason.
        response.extensions_mut().insert(rejection);
        self.keep_private(&mut response);
        response
    }

    /// Finishes an answer of the inner service, if that refused the request in our words.
    pub(super) fn finish<B, R: Respond<B>>(
        &self,
        settings: &Settings<R>,
        mut response: Response<B>,
    ) -> Response<B> {
        if let Some(Unfinished(status)) = response.extensions_mut().remove()
            && let Some(rejection) = response.extensions().get::<Rejection>().cloned()
        {
            settings.observers.tell(&Event::Rejected {
                rejection: &rejection,
            });
            // A layer between may have made another answer of it, so as not to tell what there is.
            if response.status() == status {
                let (inner, _) = response.into_parts();
                response = self.refuse(settings, rejection);
                keep_what_was_added(&mut response, inner);
            }
        }
        self.keep_private(&mut response);
        if let Some(nonce) = &self.nonce
            && !response.headers().contains_key(DPOP_NONCE)
        {
            write_nonce(response.headers_mut(), HeaderValue::clone(nonce));
        }
        response
    }

    fn keep_private<B>(&self, response: &mut Response<B>) {
        if self.in_query {
            make_private(response.headers_mut());
        }
    }
}

/// What an answer from inside says of itself, and the one that takes its place says anew.
const OUR_WORDS: [HeaderName; 8] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    GRPC_MESSAGE,
    GRPC_STATUS,
    RETRY_AFTER,
    TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
];

/// Keeps the headers and extensions that layers between have added.
fn keep_what_was_added<B>(response: &mut Response<B>, inner: response::Parts) {
    let headers = response.headers();
    let added: Vec<_> = inner
        .headers
        .iter()
        .filter(|(name, _)| !OUR_WORDS.contains(name) && !headers.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in added {
        response.headers_mut().append(name, value);
    }
    let ours = mem::replace(response.extensions_mut(), inner.extensions);
    response.extensions_mut().extend(ours);
}

/// Keeps shared caches from keeping an answer, and leaves what else was said to caches.
fn make_private(headers: &mut HeaderMap) {
    let mut directives: Vec<String> = Vec::new();
    for value in headers.get_all(CACHE_CONTROL) {
        let said = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        directives.extend(said.split(',').map(|word| word.trim().to_owned()));
    }
    if directives
        .iter()
        .any(|word| word == "private" || word == "no-store")
    {
        return;
    }
    directives.retain(|word| !word.is_empty() && word != "public" && !word.starts_with("s-maxage"));
    directives.push("private".to_owned());
    let value = HeaderValue::try_from(directives.join(", "));
    let private = HeaderValue::from_static("private");
    headers.insert(CACHE_CONTROL, value.unwrap_or(private));
}
