//! The default [`Fetch`]: reqwest over rustls.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use super::{Fetch, FetchError, FetchErrorKind, FetchFuture, FetchLimits};

const USER_AGENT: &str = concat!("tower-bearer/", env!("CARGO_PKG_VERSION"));

/// How many requests begin side by side: a thousand issuers at start-up must not take all of a process's sockets at once.
const ABREAST: usize = 64;

/// How long a request keeps others from beginning. One that takes longer goes on beside them: issuers that hang must not
/// hold up those that do not.
const HEAD_START: Duration = Duration::from_millis(500);

/// How many connections are kept for the next call, and how long: shorter than the five seconds after which some servers close one.
const KEPT: usize = 8;
const KEPT_FOR: Duration = Duration::from_secs(3);

/// A client that is made at its first request: to make one reads the system's certificates.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: Arc<OnceCell<Client>>,
    abreast: Arc<Semaphore>,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    connect: Duration,
    kept: usize,
    tls: Tls,
}

/// Who we are to a server, and whom we trust beside the system's authorities.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    identity: Option<Identity>,
    authorities: Vec<Certificate>,
}

impl Tls {
    /// Takes a certificate with its chain, and its key, both in PEM.
    pub(crate) fn set_identity(&mut self, certificate: &str, key: &str) -> Result<(), FetchError> {
        let pem = format!("{certificate}\n{key}\n");
        self.identity = Some(Identity::from_pem(pem.as_bytes()).map_err(failure)?);
        Ok(())
    }

    /// Trusts the authorities in `pem` too.
    pub(crate) fn add_authorities(&mut self, pem: &str) -> Result<(), FetchError> {
        let authorities = Certificate::from_pem_bundle(pem.as_bytes()).map_err(failure)?;
        if authorities.is_empty() {
            return Err(FetchError::new(FetchErrorKind::Connect));
        }
        self.authorities.extend(authorities);
        Ok(())
    }

    pub(crate) fn is_default(&self) -> bool {
        self.identity.is_none() && self.authorities.is_empty()
    }
}

impl HttpClient {
    /// A client that takes at most `connect` to reach a server. No I/O happens here.
    ///
    /// Downloads are minutes apart: a connection kept would be stale, or an idle task that outlives its owner.
    pub(crate) fn new(connect: Duration) -> Self {
        Self::with(Settings {
            connect,
            kept: 0,
            tls: Tls::default(),
        })
    }

    /// A client for calls that follow each other closely.
    pub(crate) fn for_calls(connect: Duration, tls: Tls) -> Self {
        Self::with(Settings {
            connect,
            kept: KEPT,
            tls,
        })
    }

    fn with(settings: Settings) -> Self {
        Self {
            client: Arc::new(OnceCell::new()),
            abreast: Arc::new(Semaphore::new(ABREAST)),
            settings,
        }
    }

    async fn client(&self) -> Result<&Client, FetchError> {
        let make = || async move {
            let settings = self.settings.clone();
            tokio::task::spawn_blocking(move || build(settings))
                .await
                .map_err(|error| FetchError::new(FetchErrorKind::Connect).because(error))?
                .map_err(failure)
        };
        self.client.get_or_try_init(make).await
    }

    /// Sends in turn; the time of waiting counts.
    async fn send_in_turn(
        self,
        request: Request<Vec<u8>>,
        limits: FetchLimits,
    ) -> Result<Response<Vec<u8>>, FetchError> {
        let late = |elapsed| FetchError::new(FetchErrorKind::Timeout).because(elapsed);
        let in_turn = async {
            // The semaphore is never closed; were it, nobody would be kept waiting.
            let turn = self.abreast.acquire().await.ok();
            let mut sent = pin!(self.send(request, limits));
            if let Ok(answer) = timeout(HEAD_START, &mut sent).await {
                return answer;
            }
            drop(turn);
            sent.await
        };
        timeout(limits.total(), in_turn).await.map_err(late)?
    }

    async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: FetchLimits,
    ) -> Result<Response<Vec<u8>>, FetchError> {
        let mut request = reqwest::Request::try_from(request).map_err(failure)?;
        *request.timeout_mut() = Some(limits.total());
        let mut answer = self
            .client()
            .await?
            .execute(request)
            .await
            .map_err(failure)?;

        // What the answer says of its length is a hint: enough to stop at once, never enough to trust.
        let limit = limits.bytes();
        let too_large = || FetchError::new(FetchErrorKind::TooLarge { limit });
        let announced = answer.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failure)? {
            if chunk.len() > limit.saturating_sub(body.len()) {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }

        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl Fetch for HttpClient {
    fn fetch(&self, request: Request<Vec<u8>>, limits: FetchLimits) -> FetchFuture {
        Box::pin(self.clone().send_in_turn(request, limits))
    }
}

fn build(settings: Settings) -> reqwest::Result<Client> {
    let builder = match settings.tls.identity {
        Some(identity) => Client::builder().identity(identity),
        None => Client::builder(),
    };
    builder
        .tls_certs_merge(settings.tls.authorities)
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        // What the environment says is for other programs; a proxy of one's own is a `Fetch` of one's own.
        .no_proxy()
        .connect_timeout(settings.connect)
        .pool_max_idle_per_host(settings.kept)
        .pool_idle_timeout(KEPT_FOR)
        .build()
}

fn failure(error: reqwest::Error) -> FetchError {
    let kind = if error.is_timeout() {
        FetchErrorKind::Timeout
    } else if error.is_connect() {
        FetchErrorKind::Connect
    } else {
        FetchErrorKind::Transport
    };
    FetchError::new(kind).because(error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::fetch::fetch_within;

    /// A server that sends `head` and then `rest` again and again, as often as it is taken; the URL it listens at.
    async fn serve(head: String, rest: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(head.as_bytes()).await;
                while !rest.is_empty() && stream.write_all(rest).await.is_ok() {}
            }
        });
        url
    }

    async fn fetch(url: &str) -> Result<Response<Vec<u8>>, FetchErrorKind> {
        let client = HttpClient::new(Duration::from_secs(2));
        let limits = FetchLimits::default().with_bytes(1000);
        let request = Request::get(url).body(Vec::new()).unwrap();
        fetch_within(&client, request, limits)
            .await
            .map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn an_answer_is_taken_whole_and_as_it_is() {
        let refused = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = format!("http://{}/", refused.local_addr().unwrap());
        drop(refused);
        assert_eq!(fetch(&nobody).await.unwrap_err(), FetchErrorKind::Connect);

        let head = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\n{}";
        let answer = fetch(&serve(head.into(), b"").await).await.unwrap();
        assert_eq!(answer.body(), b"{}");
        assert_eq!(answer.headers().get("etag").unwrap(), "\"1\"");

        let elsewhere =
            format!("HTTP/1.1 302 Found\r\nLocation: {nobody}\r\nContent-Length: 0\r\n\r\n");
        let answer = fetch(&serve(elsewhere, b"").await).await.unwrap();
        assert_eq!(answer.status(), 302, "not followed");

        let packed =
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x0b";
        let answer = fetch(&serve(packed.into(), b"").await).await.unwrap();
        assert_eq!(answer.body(), b"\x1f\x0b", "not unpacked");

        let short = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}";
        assert_eq!(
            fetch(&serve(short.into(), b"").await).await.unwrap_err(),
            FetchErrorKind::Transport
        );

        let too_large = FetchErrorKind::TooLarge { limit: 1000 };
        let announced = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n";
        assert_eq!(
            fetch(&serve(announced.into(), b"").await)
                .await
                .unwrap_err(),
            too_large
        );
        let endless = "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(
            fetch(&serve(endless.into(), b"        ").await)
                .await
                .unwrap_err(),
            too_large
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(
            fetch(&serve(chunked.into(), b"8\r\n        \r\n").await)
                .await
                .unwrap_err(),
            too_large
        );
    }

    #[tokio::test]
    async fn requests_begin_a_few_abreast_and_those_that_hang_hold_up_nobody_for_long() {
        let open = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("http://{}/", listener.local_addr().unwrap());
        let count = Arc::clone(&open);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let well = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into(), b"").await;

        let client = HttpClient::new(Duration::from_secs(2));
        let limits = FetchLimits::default();
        let get = |url: &str| client.fetch(Request::get(url).body(Vec::new()).unwrap(), limits);
        // Made ahead, so that the head start of the first is not spent on that.
        client.client().await.unwrap();
        let hanging: Vec<_> = (0..100).map(|_| tokio::spawn(get(&silent))).collect();
        tokio::time::sleep(HEAD_START / 2).await;
        assert!(open.load(Ordering::Relaxed) <= ABREAST);
        let begun = std::time::Instant::now();
        assert_eq!(get(&well).await.unwrap().body(), b"{}");
        assert!(begun.elapsed() < HEAD_START * 4, "{:?}", begun.elapsed());
        hanging.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_left_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let client = HttpClient::new(Duration::from_secs(2));
        let request = Request::get(&url).body(Vec::new()).unwrap();
        let limits = FetchLimits::default().with_total(Duration::from_millis(50));
        let error = client.fetch(request, limits).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Timeout);
    }
}
