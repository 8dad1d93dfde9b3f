//! Events and health as `metrics`: counters of what happened, gauges of what is. Never a token, a subject or a `kid`.

use metrics::{Key, Label, Level, Metadata, SharedString, Unit, with_recorder};

use super::{Event, Observer};
use crate::error::Rejection;
use crate::health::Health;

/// Counts every [`Event`], and tells the state of an authenticator, through the crate `metrics`.
///
/// Give a clone to the builder, and call [`record`](Self::record) whenever the exporter is asked:
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::observe::MetricsObserver;
///
/// let metrics = MetricsObserver::new();
/// let auth = Authenticator::builder("https://id.example.com", "orders").observer(metrics.clone()).build()?;
///
/// // In the handler of `/metrics`, before the exporter renders:
/// metrics.record(&auth.health());
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
///
/// Counted as it happens:
///
/// | name | kind | labels | what |
/// |---|---|---|---|
/// | `tower_bearer_decisions_total` | counter | `outcome`, `code` | decisions on requests |
/// | `tower_bearer_key_refreshes_total` | counter | `outcome`, `serving`, (`issuer`) | downloads of key sets that ended |
/// | `tower_bearer_keys_skipped_total` | counter | `reason`, (`issuer`) | keys of changed sets that are not trusted |
/// | `tower_bearer_introspections_total` | counter | `outcome`, `code`, (`issuer`) | calls to issuers about tokens: `active`, `refused`, `failed` |
/// | `tower_bearer_revocations_unknown_total` | counter | `outcome`, `code` | good tokens of which it could not be told whether they are revoked |
/// | `tower_bearer_logouts_total` | counter | `outcome`, `code` | requests to log somebody out (feature `logout`) |
///
/// A decision's `outcome` is `accepted`, `anonymous`, `refused` (a bad credential), `denied` (a good one that may not do this),
/// `undecided` (answered 503) or `not_refused` (a layer that only observes); its `code` is that of the [`Event`]. A request is
/// decided twice where it is accepted and then denied. A refresh is `changed`, `unchanged` or `failed`, and `serving` is
/// whether there are keys to go on with, `true` or `false`. A `reason` is as in [`Health`](crate::health). A token of which
/// it could not be told whether it is revoked is `allowed` or `refused`, and a logout is `carried_out` or `refused`.
///
/// Told by [`record`](Self::record):
///
/// | name | kind | labels | what |
/// |---|---|---|---|
/// | `tower_bearer_ready` | gauge | | 1 if tokens can be verified, else 0 |
/// | `tower_bearer_token_cache_hits_total` | counter | | tokens that were found in the cache |
/// | `tower_bearer_token_cache_misses_total` | counter | | tokens that were not, or did not hold any more |
/// | `tower_bearer_token_cache_evictions_total` | counter | | tokens that had to make room |
/// | `tower_bearer_token_cache_entries` | gauge | | tokens in the cache |
/// | `tower_bearer_token_cache_bytes` | gauge | | bytes that they take |
/// | `tower_bearer_token_cache_max_bytes` | gauge | | bytes that they may take; 0 if the cache is off |
/// | `tower_bearer_keys_usable` | gauge | `issuer` | keys that can be used, with [`by_issuer`](Self::by_issuer) |
/// | `tower_bearer_keys_stale_left_seconds` | gauge | `issuer` | how long they last if no download succeeds, likewise |
/// | `tower_bearer_revocations_entries` | gauge | | revocations that are known here, if the store keeps any here |
/// | `tower_bearer_revocations_connected` | gauge | | 1 if the store can be reached, else 0; if it is not here |
/// | `tower_bearer_revocations_synced_age_seconds` | gauge | | how long ago what is known here was last known to be current |
/// | `tower_bearer_used_proofs` | gauge | | used DPoP proofs that are remembered here, if that is known |
///
/// All labels but `issuer` have few values, which no client chooses. The recorder is asked for at each event, so that
/// one that is installed later sees what comes from then on; the totals of the cache it sees from the start.
#[derive(Clone, Debug)]
pub struct MetricsObserver {
    authenticator: Option<&'static str>,
    by_issuer: bool,
    /// Made once, and hashed once: it is counted with every good request.
    accepted: Key,
}

const DECISIONS: &str = "tower_bearer_decisions_total";
const REFRESHES: &str = "tower_bearer_key_refreshes_total";
const SKIPPED: &str = "tower_bearer_keys_skipped_total";
const INTROSPECTIONS: &str = "tower_bearer_introspections_total";
const UNKNOWN: &str = "tower_bearer_revocations_unknown_total";
const LOGOUTS: &str = "tower_bearer_logouts_total";
const READY: &str = "tower_bearer_ready";
const HITS: &str = "tower_bearer_token_cache_hits_total";
const MISSES: &str = "tower_bearer_token_cache_misses_total";
const EVICTIONS: &str = "tower_bearer_token_cache_evictions_total";
const ENTRIES: &str = "tower_bearer_token_cache_entries";
const BYTES: &str = "tower_bearer_token_cache_bytes";
const MAX_BYTES: &str = "tower_bearer_token_cache_max_bytes";
const USABLE: &str = "tower_bearer_keys_usable";
const STALE_LEFT: &str = "tower_bearer_keys_stale_left_seconds";
const REVOKED: &str = "tower_bearer_revocations_entries";
const CONNECTED: &str = "tower_bearer_revocations_connected";
const SYNCED: &str = "tower_bearer_revocations_synced_age_seconds";
const USED_PROOFS: &str = "tower_bearer_used_proofs";

static METADATA: Metadata<'static> =
    Metadata::new("tower_bearer", Level::INFO, Some(module_path!()));

impl MetricsObserver {
    /// Counts for one authenticator, without telling issuers apart.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None, false)
    }

    /// Adds the label `authenticator` to everything, for a process that has several.
    ///
    /// Without it the counters of events add up, and the state is that of whichever was recorded last.
    #[must_use]
    pub fn named(self, authenticator: &'static str) -> Self {
        Self::with(Some(authenticator), self.by_issuer)
    }

    /// Adds the label `issuer` to what is said of keys; off by default.
    ///
    /// Right where all issuers are given in code. An exporter keeps a series for ever, while a
    /// [resolver](crate::AuthenticatorBuilder::resolver) may name any number of issuers one after the other: its bound is on those
    /// kept at the same time. Decisions have no such label, since a request that is refused has no issuer that could
    /// be believed.
    #[must_use]
    pub fn by_issuer(self) -> Self {
        Self::with(self.authenticator, true)
    }

    /// Tells the recorder of this moment the state of an authenticator, and what each metric means.
    ///
    /// Call it before the exporter renders, or every few seconds. The totals of the cache are set, not added: to tell them twice
    /// does no harm. They begin anew with a new authenticator, and stand still until they are past those of one before it with
    /// the same [name](Self::named).
    pub fn record(&self, health: &Health) {
        describe();
        self.set(READY, None, if health.is_ready() { 1.0 } else { 0.0 });
        let cache = health.token_cache();
        self.set(
            MAX_BYTES,
            None,
            cache.map_or(0.0, |cache| cache.most_bytes as f64),
        );
        if let Some(cache) = cache {
            self.set(ENTRIES, None, cache.entries as f64);
            self.set(BYTES, None, cache.bytes as f64);
            self.total(HITS, cache.hits);
            self.total(MISSES, cache.misses);
            self.total(EVICTIONS, cache.evictions);
        }
        if let Some(revocations) = health.revocations() {
            let age = revocations.last_synced_age.map(|age| age.as_secs_f64());
            let connected = revocations.connected;
            let connected = connected.map(|connected| if connected { 1.0 } else { 0.0 });
            for (name, value) in [
                (REVOKED, revocations.entries.map(|entries| entries as f64)),
                (CONNECTED, connected),
                (SYNCED, age),
            ] {
                if let Some(value) = value {
                    self.set(name, None, value);
                }
            }
        }
        if let Some(proofs) = health.used_proofs() {
            self.set(USED_PROOFS, None, proofs as f64);
        }
        if self.by_issuer {
            for keys in health.issuers() {
                let issuer = Some(keys.issuer());
                self.set(USABLE, issuer, keys.usable() as f64);
                self.set(STALE_LEFT, issuer, keys.stale_left().as_secs_f64());
            }
        }
    }

    fn with(authenticator: Option<&'static str>, by_issuer: bool) -> Self {
        Self {
            authenticator,
            by_issuer,
            accepted: key(authenticator, DECISIONS, decision("accepted", "accepted")),
        }
    }

    fn count<const N: usize>(&self, name: &'static str, labels: [Label; N], issuer: Option<&str>) {
        let issuer = issuer.filter(|_| self.by_issuer).map(issuer_label);
        add_one(&key(
            self.authenticator,
            name,
            labels.into_iter().chain(issuer),
        ));
    }

    fn set(&self, name: &'static str, issuer: Option<&str>, value: f64) {
        let key = key(self.authenticator, name, issuer.map(issuer_label));
        with_recorder(|recorder| recorder.register_gauge(&key, &METADATA).set(value));
    }

    fn total(&self, name: &'static str, value: u64) {
        let key = key(self.authenticator, name, []);
        with_recorder(|recorder| recorder.register_counter(&key, &METADATA).absolute(value));
    }
}

impl Default for MetricsObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for MetricsObserver {
    fn observe(&self, event: &Event<'_>) {
        let code = event.code();
        let decided = |outcome| self.count(DECISIONS, decision(outcome, code), None);
        let refreshed = |outcome, serving: bool, issuer| {
            let serving = if serving { "true" } else { "false" };
            let labels = [label("outcome", outcome), label("serving", serving)];
            self.count(REFRESHES, labels, Some(issuer));
        };
        match event {
            Event::Accepted { .. } => add_one(&self.accepted),
            Event::OtherAccepted => decided("accepted"),
            Event::Anonymous => decided("anonymous"),
            Event::NotRefused { .. } => decided("not_refused"),
            Event::Rejected { rejection } => decided(match rejection {
                Rejection::Verify(_) => "refused",
                Rejection::Authorization(_) => "denied",
                Rejection::Unavailable(_) => "undecided",
            }),
            Event::KeysRefreshed {
                issuer, changed, ..
            } => {
                let outcome = if *changed { "changed" } else { "unchanged" };
                refreshed(outcome, true, *issuer);
            }
            Event::RefreshFailed {
                issuer, serving, ..
            } => refreshed("failed", *serving, *issuer),
            Event::KeySkipped { issuer, reason } => {
                let reason = Label::new("reason", SharedString::from((*reason).to_owned()));
                self.count(SKIPPED, [reason], Some(issuer));
            }
            Event::Introspected { issuer, active } => {
                let outcome = if *active { "active" } else { "refused" };
                self.count(INTROSPECTIONS, decision(outcome, code), Some(issuer));
            }
            Event::IntrospectionFailed { issuer, .. } => {
                self.count(INTROSPECTIONS, decision("failed", code), Some(issuer));
            }
            Event::RevocationUnknown { error, allowed } => {
                let outcome = if *allowed { "allowed" } else { "refused" };
                self.count(UNKNOWN, decision(outcome, error.code()), None);
            }
            Event::LogoutReceived { .. } => {
                self.count(LOGOUTS, decision("carried_out", code), None);
            }
            Event::LogoutRefused { reason, .. } => {
                self.count(LOGOUTS, decision("refused", reason), None);
            }
        }
    }
}

fn add_one(key: &Key) {
    with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(1));
}

fn key(
    authenticator: Option<&'static str>,
    name: &'static str,
    labels: impl IntoIterator<Item = Label>,
) -> Key {
    let authenticator = authenticator.map(|authenticator| label("authenticator", authenticator));
    let labels: Vec<Label> = authenticator.into_iter().chain(labels).collect();
    Key::from_parts(name, labels)
}

fn decision(outcome: &'static str, code: &'static str) -> [Label; 2] {
    [label("outcome", outcome), label("code", code)]
}

fn label(name: &'static str, value: &'static str) -> Label {
    Label::from_static_parts(name, value)
}

fn issuer_label(issuer: &str) -> Label {
    Label::new("issuer", issuer.to_owned())
}

/// A recorder keeps the first description of a name, whenever that comes.
fn describe() {
    let counters = [
        (DECISIONS, "Decisions on requests."),
        (REFRESHES, "Downloads of key sets that ended."),
        (SKIPPED, "Keys of changed sets that are not trusted."),
        (
            UNKNOWN,
            "Good tokens of which it could not be told whether they are revoked.",
        ),
        (INTROSPECTIONS, "Calls to issuers about tokens."),
        (LOGOUTS, "Requests to log somebody out."),
        (HITS, "Tokens that were found in the cache."),
        (
            MISSES,
            "Tokens that were not in the cache, or did not hold any more.",
        ),
        (EVICTIONS, "Tokens that had to make room in the cache."),
    ];
    let gauges = [
        (READY, Unit::Count, "1 if tokens can be verified, else 0."),
        (ENTRIES, Unit::Count, "Tokens in the cache."),
        (BYTES, Unit::Bytes, "Bytes that the cache takes."),
        (
            MAX_BYTES,
            Unit::Bytes,
            "Bytes that the cache may take; 0 if it is off.",
        ),
        (USABLE, Unit::Count, "Keys that can be used."),
        (
            STALE_LEFT,
            Unit::Seconds,
            "How long the keys last if no download succeeds.",
        ),
        (REVOKED, Unit::Count, "Revocations that are known here."),
        (
            CONNECTED,
            Unit::Count,
            "1 if the store of revocations can be reached, else 0.",
        ),
        (
            SYNCED,
            Unit::Seconds,
            "How long ago the revocations known here were last known to be current.",
        ),
        (
            USED_PROOFS,
            Unit::Count,
            "Used DPoP proofs that are remembered here.",
        ),
    ];
    with_recorder(|recorder| {
        for (name, what) in counters {
            recorder.describe_counter(name.into(), Some(Unit::Count), what.into());
        }
        for (name, unit, what) in gauges {
            recorder.describe_gauge(name.into(), Some(unit), what.into());
        }
    });
}
