//! No token text is left in this process once a token was accepted, however long it is remembered: all its memory is read.
//!
//! What was freed may still hold what it held. So each test runs in a process of its own, whose allocator overwrites
//! what is freed: that of glibc can.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod alone;

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use alone::alone;
use http::{HeaderValue, Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, AuthenticateLayer, Authenticator};

const AUDIENCE: &str = "https://api.test";
const TOKENS: usize = 60;

/// Overwrites memory when it is freed. What a thread keeps for its next use would not be.
const OVERWRITTEN: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.perturb=170:glibc.malloc.tcache_count=0",
);

/// Texts to look for, kept in another form, so as not to be found themselves.
struct Needles {
    masked: Vec<Vec<u8>>,
    /// Which begin with these two bytes.
    beginnings: Vec<Vec<usize>>,
}

impl Needles {
    const MASK: u8 = 0x80;

    fn new() -> Self {
        Self {
            masked: Vec::new(),
            beginnings: vec![Vec::new(); 1 << 16],
        }
    }

    fn add(&mut self, text: &str) {
        assert!(text.len() >= 16, "it could be found by chance");
        let masked: Vec<u8> = text.bytes().map(|byte| byte ^ Self::MASK).collect();
        self.beginnings[Self::beginning(text.as_bytes())].push(self.masked.len());
        self.masked.push(masked);
    }

    fn beginning(text: &[u8]) -> usize {
        usize::from(text[0]) << 8 | usize::from(text[1])
    }

    fn longest(&self) -> usize {
        self.masked.iter().map(Vec::len).max().expect("a needle")
    }

    /// Those that begin here.
    fn here<'a>(&'a self, memory: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let candidates = match memory {
            [_, _, ..] => &*self.beginnings[Self::beginning(memory)],
            _ => &[],
        };
        candidates.iter().copied().filter(move |which| {
            let masked = &self.masked[*which];
            memory.len() >= masked.len()
                && masked.iter().zip(memory).all(|(a, b)| a ^ Self::MASK == *b)
        })
    }
}

/// In how many places of the writable memory of this process each needle stands: heap, stacks, statics.
fn found(needles: &Needles) -> Vec<usize> {
    const PIECE: usize = 1 << 20;
    let memory = File::open("/proc/self/mem").expect("the memory of this process");
    let maps = fs::read_to_string("/proc/self/maps").expect("what is where");
    let mut counts = vec![0; needles.masked.len()];
    let mut total = 0;
    let mut piece = vec![0; PIECE + needles.longest() - 1];
    // It holds copies of what is read, and is left out.
    let own = piece.as_ptr_range();
    let own = own.start.addr() as u64..own.end.addr() as u64;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().expect("a range"), words.next());
        if !rights.is_some_and(|rights| rights.starts_with("rw")) {
            continue;
        }
        let (start, end) = range.split_once('-').expect("two ends");
        let number = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
        let (mut at, end) = (number(start), number(end));
        while at < end {
            let wanted =
                usize::try_from(end - at).map_or(piece.len(), |left| left.min(piece.len()));
            // Some that the kernel maps for itself cannot be read.
            let Ok(length @ 1..) = memory.read_at(&mut piece[..wanted], at) else {
                break;
            };
            // What begins beyond a piece is seen in the next.
            let starts = length.min(PIECE);
            for offset in 0..starts {
                for which in needles.here(&piece[offset..length]) {
                    counts[which] += usize::from(!own.contains(&(at + offset as u64)));
                }
            }
            total += starts;
            at += starts as u64;
        }
    }
    println!("{total} bytes were read");
    assert!(total > 1 << 20, "hardly anything was read");
    counts
}

fn request(token: &str) -> Request<()> {
    let mut request = Request::new(());
    let value = HeaderValue::try_from(format!("Bearer {token}")).expect("ASCII");
    request.headers_mut().insert("authorization", value);
    request
}

/// What is looked for of each token: 40 characters of the middle of its payload part, and of its signature part. And of its
/// claims, which are remembered, and must be found.
fn look_for(needles: &mut Needles, token: &str, token_id: &str) {
    let middle = |part: &str| part[part.len() / 2 - 20..][..40].to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    needles.add(&middle(parts[1]));
    needles.add(&middle(parts[2]));
    needles.add(token_id);
}

#[test]
fn memory_holds_the_claims_of_remembered_tokens_and_no_part_of_the_tokens() {
    if !alone(
        "memory_holds_the_claims_of_remembered_tokens_and_no_part_of_the_tokens",
        &[OVERWRITTEN],
    ) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let issuer = TestIssuer::new("https://issuer.test");
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    issuer.publish(&algorithms);
    let auth = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
    let auth = auth.build().expect("sound");
    let inner =
        service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    let layer = AuthenticateLayer::new(auth.clone());
    let tokens = (0..TOKENS).zip(algorithms.into_iter().cycle());
    let mut needles = Needles::new();
    let mut leaked = String::new();
    for (number, algorithm) in tokens {
        let token_id = format!("remembered-token-{number:04}");
        let token = issuer.token().audience(AUDIENCE).algorithm(algorithm);
        // The claims differ in the middle of the payload part, too.
        let filler = format!("{number:04} ").repeat(200);
        let token = token.token_id(&token_id).claim("filler", filler).sign();
        // The first waits for its key, and is owned meanwhile.
        for _ in 0..2 {
            let service = layer.clone().layer(inner);
            let response = runtime.block_on(service.oneshot(request(&token)));
            assert_eq!(response.expect("never fails").status(), 200);
        }
        look_for(&mut needles, &token, &token_id);
        if number == TOKENS / 2 {
            leaked = black_box(token);
        }
    }
    let health = auth.health().token_cache().expect("it is on");
    assert_eq!(
        (health.entries, health.hits),
        (TOKENS as u64, TOKENS as u64)
    );

    let counts = found(&needles);
    let mut each = counts.chunks(3).enumerate();
    assert!(
        each.all(|(number, counts)| match counts {
            // The one that was kept on purpose is found: so would be any other.
            [payload, signature, claims] if number == TOKENS / 2 =>
                *payload >= 1 && *signature == 1 && *claims >= 1,
            [payload, signature, claims] => *payload == 0 && *signature == 0 && *claims >= 1,
            _ => false,
        }),
        "places of payload part, signature part and claims of each token: {counts:?}"
    );

    drop(leaked);
    let counts = found(&needles);
    let texts = counts.chunks(3).flat_map(|counts| counts.iter().take(2));
    assert!(texts.into_iter().all(|count| *count == 0), "{counts:?}");
    assert_eq!(auth.health().token_cache(), Some(health));
}

/// What `Debug` prints may end in a log.
#[tokio::test]
async fn debug_of_what_is_remembered_shows_no_token_and_no_claim() {
    let issuer = TestIssuer::new("https://issuer.test");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
    let auth = auth.build().expect("sound");
    let token = issuer.token().audience(AUDIENCE).subject("somebody").sign();
    for _ in 0..2 {
        let verified = auth.verify(&token).await.expect("good");
        let shown = format!("{verified:?} {auth:?} {:?}", auth.health());
        for part in token.split('.').chain(["somebody"]) {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}
