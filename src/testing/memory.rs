use std::fmt;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tokio::time::{sleep, timeout};
use url::Url;

use super::flow::{Broken, Flow};
use super::issuer::TestIssuer;
use super::provider::Provider;
use crate::fetch::{Fetch, FetchError, FetchErrorKind, FetchFuture, FetchLimits};

/// Fetches from one or more [`TestIssuer`]s without any socket; everything else is 404.
///
/// Keeps the limits as a good client does. All waiting is done on tokio's clock, which a test can pause.
#[derive(Clone)]
pub struct MemoryFetch {
    providers: Vec<Arc<Provider>>,
    careless: bool,
}

impl MemoryFetch {
    pub(super) fn new(provider: Arc<Provider>) -> Self {
        Self {
            providers: vec![provider],
            careless: false,
        }
    }

    /// Fetches from this issuer too.
    #[must_use]
    pub fn and(mut self, issuer: &TestIssuer) -> Self {
        self.providers.push(issuer.provider());
        self
    }

    /// Cares neither for time nor for size, as somebody's own client may; an endless body then never ends.
    #[must_use]
    pub fn ignoring_limits(mut self) -> Self {
        self.careless = true;
        self
    }

    fn provider_of(&self, request: &Request<Vec<u8>>) -> Option<Arc<Provider>> {
        let url = Url::parse(&request.uri().to_string()).ok()?;
        let mut providers = self.providers.iter();
        let serves = providers.clone().find(|provider| provider.serves(&url));
        serves
            .or_else(|| providers.find(|provider| provider.is_at(&url)))
            .cloned()
    }
}

impl Fetch for MemoryFetch {
    fn fetch(&self, request: Request<Vec<u8>>, limits: FetchLimits) -> FetchFuture {
        let provider = self.provider_of(&request);
        let careless = self.careless;
        Box::pin(async move {
            let Some(provider) = provider else {
                let mut nothing = Response::new(Vec::new());
                *nothing.status_mut() = StatusCode::NOT_FOUND;
                return Ok(nothing);
            };
            if careless {
                return exchange(&provider, &request, usize::MAX).await;
            }
            timeout(
                limits.total(),
                exchange(&provider, &request, limits.bytes()),
            )
            .await
            .map_err(|elapsed| FetchError::new(FetchErrorKind::Timeout).because(elapsed))?
        })
    }
}

impl fmt::Debug for MemoryFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.providers.iter().map(|provider| &provider.url);
        f.debug_list().entries(issuers).finish()
    }
}

async fn exchange(
    provider: &Arc<Provider>,
    request: &Request<Vec<u8>>,
    limit: usize,
) -> Result<Response<Vec<u8>>, FetchError> {
    let answer = provider.answer(request).await;
    let answer =
        answer.map_err(|refused| FetchError::new(FetchErrorKind::Connect).because(refused))?;
    let (head, flow) = answer.into_parts();
    let body = collect(flow, limit).await?;
    provider
        .state()
        .ledger
        .sent(request.uri().path(), body.len());
    Ok(Response::from_parts(head, body))
}

/// All of a body, if it ends within the limit.
async fn collect(flow: Flow, limit: usize) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::new(FetchErrorKind::TooLarge { limit });
    let body = match flow {
        Flow::Whole(bytes) => bytes.to_vec(),
        Flow::Slow { rest, .. } => {
            let bytes = u32::try_from(rest.len().min(limit)).unwrap_or(u32::MAX);
            sleep(Flow::PACE.saturating_mul(bytes)).await;
            rest.to_vec()
        }
        Flow::Padded { document, spaces } => match spaces {
            Some(spaces) if document.len().saturating_add(spaces) <= limit => {
                let mut body = document.to_vec();
                body.resize(document.len() + spaces, b' ');
                body
            }
            None if limit == usize::MAX => std::future::pending().await,
            _ => return Err(too_large()),
        },
        Flow::Broken { .. } => {
            return Err(FetchError::new(FetchErrorKind::Transport).because(Broken));
        }
    };
    if body.len() > limit {
        return Err(too_large());
    }
    Ok(body)
}
