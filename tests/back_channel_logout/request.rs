//! Every rule for the request that carries a logout token.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use tokio_stream::Stream;
use tower::ServiceExt;
use tower_bearer::logout::LogoutError;

use crate::stage::{Answer, Stage, post};

#[tokio::test]
async fn a_request_that_breaks_one_rule_logs_nobody_out() {
    let stage = Stage::new();
    let token = stage.logout_token().sign();
    let form = format!("logout_token={token}");
    let typed = |content_type: &str, body: &str| {
        let request = Request::post("/").header(CONTENT_TYPE, content_type);
        request.body(body.to_owned()).unwrap()
    };
    let mut twice = post(&form);
    let again = twice.headers()[CONTENT_TYPE].clone();
    twice.headers_mut().append(CONTENT_TYPE, again);
    let json = format!(r#"{{"logout_token":"{token}"}}"#);
    let rows = [
        (
            "no content type",
            Request::post("/").body(form.clone()).unwrap(),
            "form_content_type",
        ),
        (
            "JSON",
            typed("application/json", &json),
            "form_content_type",
        ),
        (
            "the bare token",
            typed("application/logout+jwt", &token),
            "form_content_type",
        ),
        ("two content types", twice, "form_content_type"),
        ("nothing", post(""), "form_token_missing"),
        (
            "another name",
            post(format!("id_token={token}")),
            "form_token_missing",
        ),
        (
            "the token in the query",
            Request::post(format!("/?{form}"))
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(String::new())
                .unwrap(),
            "form_token_missing",
        ),
        (
            "the token twice",
            post(format!("{form}&{form}")),
            "form_token_repeated",
        ),
        (
            "two tokens",
            post(format!("{form}&logout%5Ftoken=x")),
            "form_token_repeated",
        ),
        (
            "a broken encoding",
            post(format!("{form}%2")),
            "form_malformed",
        ),
        (
            "a broken encoding elsewhere",
            post(format!("{form}&x=%XX")),
            "form_malformed",
        ),
        (
            "a line break at the end",
            post(format!("{form}\r\n")),
            "form_malformed",
        ),
        (
            "too long a body",
            post(format!("{form}&x={}", "x".repeat(64 * 1024))),
            "form_too_long",
        ),
    ];
    for (row, request, code) in rows {
        stage.call(request).await.refused(row, code);
        let told = stage.told();
        assert!(
            told.len() == 1 && told[0].starts_with(code),
            "{row}: {told:?}"
        );
    }
    assert_eq!(stage.revocations().await, 0);
    assert_eq!(stage.issuer.total_requests(), 0);
    stage.call(post(form)).await.logged_out();
}

#[tokio::test]
async fn other_fields_are_ignored() {
    let stage = Stage::new();
    let token = stage.logout_token().sign().replace('.', "%2E");
    let padding = "x".repeat(63 * 1024);
    let form = format!("state=%C3%A9+1&logout_token={token}&&flag&Logout_Token=x&x={padding}");
    stage.call(post(form)).await.logged_out();
}

#[tokio::test]
async fn only_a_post_is_a_logout_request() {
    let stage = Stage::new();
    let token = stage.logout_token().sign();
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::OPTIONS,
        Method::DELETE,
    ] {
        let mut request = post(format!("logout_token={token}"));
        *request.method_mut() = method;
        let Answer(response) = stage.call(request).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "POST");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.body(), "");
    }
    assert_eq!(stage.revocations().await, 0);
    assert!(stage.told().is_empty());
}

/// What a body does that never ends: how much of it was asked for.
struct Flood(usize);

impl Stream for Flood {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        assert!(self.0 <= 65, "no more is read than is allowed");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1024])))))
    }
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_the_limit() {
    let stage = Stage::new();
    let request = post("").map(|_| StreamBody::new(Flood(0)));
    let answer = Answer(stage.logout.clone().oneshot(request).await.unwrap());
    answer.refused("a flood", "form_too_long");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let stage = Stage::new();
    let begun = tokio::time::Instant::now();
    let request = post("").map(|_| {
        let first = Frame::data(Bytes::from_static(b"logout_token="));
        let first = tokio_stream::once(Ok::<_, Infallible>(first));
        StreamBody::new(tokio_stream::StreamExt::chain(
            first,
            tokio_stream::pending(),
        ))
    });
    let answer = Answer(stage.logout.clone().oneshot(request).await.unwrap());
    answer.refused("half a body", "form_incomplete");
    assert!(begun.elapsed() <= Duration::from_millis(5100));
}

#[tokio::test]
async fn a_body_that_breaks_off_logs_nobody_out() {
    let stage = Stage::new();
    let token = stage.logout_token().sign();
    let request = post("").map(|_| {
        let whole = Frame::data(Bytes::from(format!("logout_token={token}")));
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        StreamBody::new(tokio_stream::iter([Ok(whole), Err(broken)]))
    });
    let answer = Answer(stage.logout.clone().oneshot(request).await.unwrap());
    answer.refused("broken off", "form_incomplete");
    assert_eq!(stage.revocations().await, 0);
}

#[tokio::test]
async fn any_body_will_do() {
    let stage = Stage::new();
    let form = format!("logout_token={}", stage.logout_token().sign());
    let pieces: Vec<_> = form
        .as_bytes()
        .chunks(7)
        .map(Bytes::copy_from_slice)
        .collect();
    let pieces = pieces
        .into_iter()
        .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let in_pieces = post("").map(|_| StreamBody::new(tokio_stream::iter(pieces)));
    let answer = Answer(stage.logout.clone().oneshot(in_pieces).await.unwrap());
    answer.logged_out();

    let boxed = post("").map(|_| Full::new(Bytes::from(form)).boxed());
    let answer = Answer(stage.logout.clone().oneshot(boxed).await.unwrap());
    answer.logged_out();

    let empty = post("").map(|_| Empty::<Bytes>::new());
    let response = stage.logout.clone().oneshot(empty).await.unwrap();
    let error = response.extensions().get::<LogoutError>().unwrap();
    assert_eq!(error.code(), "form_token_missing");
}
