//! One contender in a process of its own, asked over its standard input.
//!
//! A process each, since jsonwebtoken's backend is a choice of the whole process, and so that nobody shares an allocator, a
//! runtime or background work with anybody.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::marker::PhantomData;
use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use tokio::runtime::{Handle, Runtime};
use tower::{Layer, Service};

use crate::contender::Contender;
use crate::for_peer;
use crate::peer::{Bare, Handler, Peer, Signed};
use crate::tokens::{Algorithm, Case, DISTINCT, OfAlgorithm, Tokens};
use crate::wire::{Answer, Ask};

/// Counts the allocations of one call.
pub type Count = fn(&mut dyn FnMut()) -> u64;

const THREADS: usize = 2;
const WARM: Duration = Duration::from_millis(30);
/// Calls over which allocations are averaged.
const COUNTED: usize = 64;

/// Answers until the input ends.
pub fn work(contender: Contender, tokens: Tokens, count: Option<Count>) {
    fn peer<P: Peer>(tokens: Tokens, count: Option<Count>)
    where
        Layered<P>: Subject,
    {
        Worker::<Layered<P>>::new(tokens, count).answer();
    }
    for_peer!(contender, peer(tokens, count), bare: Worker::<BareSubject>::new(tokens, count).answer());
}

/// What can be called and timed.
pub trait Subject: 'static {
    type Service: Clone + Send + 'static;
    type Input: Send + 'static;

    fn build(tokens: &Tokens, algorithm: Algorithm) -> impl Future<Output = Self::Service>;
    /// What a server has in hand when a request has come; making it is not timed.
    fn input(credentials: &[HeaderValue]) -> Self::Input;
    fn call(service: &mut Self::Service, input: Self::Input) -> impl Future<Output = u16>;
}

/// A peer's layer around the handler.
pub struct Layered<P>(PhantomData<P>);

type ServiceOf<P> = <<P as Peer>::Layer as Layer<Handler<<P as Peer>::Body>>>::Service;

impl<P: Peer> Subject for Layered<P>
where
    ServiceOf<P>: Service<Request<()>, Response = Response<P::Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
{
    type Service = ServiceOf<P>;
    type Input = Request<()>;

    async fn build(tokens: &Tokens, algorithm: Algorithm) -> Self::Service {
        P::layer(tokens, algorithm).await.layer(Handler::default())
    }

    fn input(credentials: &[HeaderValue]) -> Request<()> {
        let mut request = Request::new(());
        for credential in credentials {
            let headers = request.headers_mut();
            headers.append(AUTHORIZATION, credential.clone());
        }
        request
    }

    async fn call(service: &mut Self::Service, request: Request<()>) -> u16 {
        let Ok(response) = service.call(request).await;
        response.status().as_u16()
    }
}

struct BareSubject;

impl Subject for BareSubject {
    type Service = Bare;
    type Input = Signed;

    async fn build(tokens: &Tokens, algorithm: Algorithm) -> Bare {
        Bare::new(tokens, algorithm)
    }

    fn input(credentials: &[HeaderValue]) -> Self::Input {
        let credential = credentials.first().and_then(|value| value.to_str().ok());
        Bare::signed(credential.expect("a token"))
    }

    async fn call(service: &mut Bare, signed: Self::Input) -> u16 {
        if service.accepts(&signed) { 200 } else { 401 }
    }
}

struct Worker<S: Subject> {
    runtime: Runtime,
    tokens: Arc<Tokens>,
    count: Option<Count>,
    built: Vec<Built<S::Service>>,
    crew: Vec<Hand<S>>,
}

/// A service, and which of the distinct tokens it has seen.
struct Built<T> {
    algorithm: Algorithm,
    service: T,
    next: usize,
    seen_all: bool,
}

impl<S: Subject> Worker<S> {
    fn new(tokens: Tokens, count: Option<Count>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let mut worker = Self {
            crew: (0..THREADS)
                .map(|_| Hand::new(runtime.handle().clone()))
                .collect(),
            runtime,
            tokens: Arc::new(tokens),
            count,
            built: Vec::new(),
        };
        for algorithm in Algorithm::ALL {
            let service = worker.build(algorithm);
            worker.built.push(Built {
                algorithm,
                service,
                next: 0,
                seen_all: false,
            });
        }
        worker
    }

    fn answer(&mut self) {
        let mut output = stdout();
        for line in stdin().lock().lines() {
            let line = line.expect("the parent writes text");
            let ask = serde_json::from_str(&line).expect("the parent asks what there is");
            let answer = match ask {
                Ask::Outcome(algorithm, case) => Answer::Status(self.outcome(algorithm, case)),
                Ask::Warm(algorithm, case) => Answer::Nanoseconds(self.warm(algorithm, case)),
                Ask::Time {
                    algorithm,
                    case,
                    threads,
                    calls,
                } => Answer::Nanoseconds(self.time(algorithm, case, threads, calls)),
                Ask::Allocations(algorithm, case) => {
                    Answer::Allocations(self.allocations(algorithm, case))
                }
                Ask::Probe(headers) => Answer::Status(self.probe(&headers)),
            };
            let answer = serde_json::to_string(&answer).expect("an answer is JSON");
            writeln!(output, "{answer}").expect("the parent listens");
        }
    }

    /// A service that remembers nothing, with its keys at hand.
    fn build(&self, algorithm: Algorithm) -> S::Service {
        let good = [value(&self.tokens.of(algorithm).repeated)];
        self.runtime.block_on(async {
            let mut service = S::build(&self.tokens, algorithm).await;
            let begin = Instant::now();
            while S::call(&mut service, S::input(&good)).await != 200 {
                assert!(
                    begin.elapsed() < Duration::from_secs(10),
                    "a good {} token is refused",
                    algorithm.name()
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            service
        })
    }

    fn built(&mut self, algorithm: Algorithm) -> &mut Built<S::Service> {
        let built = self.built.iter_mut();
        let mut found = built.filter(|built| built.algorithm == algorithm);
        found.next().expect("built for each algorithm")
    }

    fn outcome(&mut self, algorithm: Algorithm, case: Case) -> u16 {
        let chosen = self.choose(algorithm, case, 1);
        let (_kept, inputs) = chosen.inputs::<S>(&self.tokens, 0, 1);
        let input = inputs.into_iter().next().expect("one input");
        self.call(algorithm, input)
    }

    fn probe(&mut self, headers: &[String]) -> u16 {
        let headers: Vec<_> = headers.iter().map(|header| value(header)).collect();
        self.call(Algorithm::RS256, S::input(&headers))
    }

    fn call(&mut self, algorithm: Algorithm, input: S::Input) -> u16 {
        let mut service = self.built(algorithm).service.clone();
        self.runtime.block_on(S::call(&mut service, input))
    }

    /// The next calls of a case, all for one service: new tokens that are used up need one that has not seen them.
    fn choose(&mut self, algorithm: Algorithm, case: Case, calls: usize) -> Chosen {
        if case == Case::New && self.built(algorithm).next + calls > DISTINCT {
            let service = self.build(algorithm);
            let built = self.built(algorithm);
            (built.service, built.next, built.seen_all) = (service, 0, false);
        }
        let built = self.built(algorithm);
        let next = built.next;
        match case {
            Case::New => built.next = next + calls,
            Case::Distinct => built.next = (next + calls) % DISTINCT,
            _ => {}
        }
        Chosen {
            algorithm,
            case,
            next,
        }
    }

    fn warm(&mut self, algorithm: Algorithm, case: Case) -> f64 {
        if case == Case::Distinct && !self.built(algorithm).seen_all {
            self.run(algorithm, case, 1, 0, DISTINCT);
            self.built(algorithm).seen_all = true;
        }
        let begin = Instant::now();
        loop {
            // All threads, since each may keep something of its own.
            let nanoseconds = self.run(algorithm, case, THREADS, 0, 8);
            if begin.elapsed() > WARM {
                return nanoseconds / 8.0;
            }
        }
    }

    fn time(&mut self, algorithm: Algorithm, case: Case, threads: usize, calls: usize) -> f64 {
        // Others had the processor before: what they pushed out of its caches is not this one's fault.
        let before = calls.div_ceil(4);
        self.run(algorithm, case, threads, before, calls) / (threads * calls) as f64
    }

    /// Runs a batch on each thread, all at once; nanoseconds from the first call to the last answer.
    fn run(
        &mut self,
        algorithm: Algorithm,
        case: Case,
        threads: usize,
        before: usize,
        timed: usize,
    ) -> f64 {
        let chosen = self.choose(algorithm, case, (before + timed) * threads);
        let start = Arc::new(Start::of(threads));
        let service = self.built(algorithm).service.clone();
        let hands = self.crew.iter().take(threads);
        for (number, hand) in hands.clone().enumerate() {
            hand.begin(Batch {
                service: service.clone(),
                tokens: Arc::clone(&self.tokens),
                chosen,
                offset: number * (before + timed),
                before,
                timed,
                start: Arc::clone(&start),
            });
        }
        let spans: Vec<_> = hands.map(Hand::finish).collect();
        let statuses: Vec<_> = spans.iter().flat_map(|span| span.status).collect();
        assert!(
            statuses.windows(2).all(|pair| pair.first() == pair.last()),
            "one case, several outcomes: {statuses:?}"
        );
        let begin = spans.iter().map(|span| span.begin).min();
        let end = spans.iter().map(|span| span.end).max();
        let span = end.zip(begin).map(|(end, begin)| end - begin);
        span.unwrap_or_default().as_nanos() as f64
    }

    fn allocations(&mut self, algorithm: Algorithm, case: Case) -> f64 {
        let count = self.count.expect("asked of the binary that counts");
        if case == Case::Distinct {
            self.warm(algorithm, case);
        }
        let chosen = self.choose(algorithm, case, 2 * COUNTED);
        let mut service = self.built(algorithm).service.clone();
        let (_kept, inputs) = chosen.inputs::<S>(&self.tokens, 0, COUNTED);
        for input in inputs {
            self.runtime.block_on(S::call(&mut service, input));
        }
        let (_kept, inputs) = chosen.inputs::<S>(&self.tokens, COUNTED, COUNTED);
        let _entered = self.runtime.enter();
        let mut total = 0;
        for input in inputs {
            let mut input = Some(input);
            total += count(&mut || {
                let Some(input) = input.take() else { return };
                let mut call = pin!(S::call(&mut service, input));
                let mut context = Context::from_waker(Waker::noop());
                let answer = call.as_mut().poll(&mut context);
                assert!(matches!(answer, Poll::Ready(_)), "keys are at hand");
            });
        }
        total as f64 / COUNTED as f64
    }
}

fn value(credential: &str) -> HeaderValue {
    HeaderValue::from_str(credential).expect("a header value")
}

/// Which tokens the next calls bring.
#[derive(Clone, Copy)]
struct Chosen {
    algorithm: Algorithm,
    case: Case,
    /// Where among the distinct tokens they begin.
    next: usize,
}

impl Chosen {
    /// So many inputs after the first `offset`, each with bytes of its own, as they come from a socket.
    ///
    /// Those bytes are to be kept until the calls are over: a server frees a request's bytes before it reads the next, and the
    /// allocator does so at once; to free hundreds in a row costs ten times as much.
    fn inputs<S: Subject>(
        self,
        tokens: &Tokens,
        offset: usize,
        calls: usize,
    ) -> (Vec<HeaderValue>, Vec<S::Input>) {
        let of = tokens.of(self.algorithm);
        let begin = self.next + offset;
        if self.case == Case::NoToken {
            return (Vec::new(), (0..calls).map(|_| S::input(&[])).collect());
        }
        let credential = |call: usize| match self.case {
            Case::New | Case::Distinct => &of.distinct[(begin + call) % DISTINCT],
            case => one(of, case),
        };
        let kept: Vec<_> = (0..calls).map(|call| value(credential(call))).collect();
        let inputs = kept.iter().map(|value| S::input(slice::from_ref(value)));
        let inputs = inputs.collect();
        (kept, inputs)
    }
}

fn one(of: &OfAlgorithm, case: Case) -> &String {
    match case {
        Case::BadSignature => &of.bad_signature,
        Case::Expired => &of.expired,
        Case::Garbage => &of.garbage,
        _ => &of.repeated,
    }
}

/// A thread that stays: what a library keeps by thread is kept.
struct Hand<S: Subject> {
    batches: Sender<Batch<S>>,
    spans: Receiver<Span>,
}

/// What a thread is to call; it makes the inputs itself, since whoever allocates frees most cheaply.
struct Batch<S: Subject> {
    service: S::Service,
    tokens: Arc<Tokens>,
    chosen: Chosen,
    offset: usize,
    /// Calls that are not timed, and then those that are.
    before: usize,
    timed: usize,
    start: Arc<Start>,
}

struct Span {
    begin: Instant,
    end: Instant,
    /// The one status of all calls.
    status: Option<u16>,
}

impl<S: Subject> Hand<S> {
    fn new(runtime: Handle) -> Self {
        let (batches, to_do) = channel::<Batch<S>>();
        let (done, spans) = channel();
        thread::spawn(move || {
            for batch in to_do {
                let span = runtime.block_on(batch.run());
                if done.send(span).is_err() {
                    return;
                }
            }
        });
        Self { batches, spans }
    }

    fn begin(&self, batch: Batch<S>) {
        self.batches.send(batch).expect("the thread runs");
    }

    fn finish(&self) -> Span {
        self.spans.recv().expect("the thread runs")
    }
}

impl<S: Subject> Batch<S> {
    async fn run(mut self) -> Span {
        let chosen = self.chosen;
        let offset = self.offset + self.before;
        let (_kept, before) = chosen.inputs::<S>(&self.tokens, self.offset, self.before);
        let (_kept_too, timed) = chosen.inputs::<S>(&self.tokens, offset, self.timed);
        for input in before {
            black_box(S::call(&mut self.service, input).await);
        }
        let mut inputs = timed.into_iter();
        let mut status = None;
        let mut same = true;
        self.start.wait();
        let begin = Instant::now();
        for input in inputs.by_ref() {
            let answer = S::call(&mut self.service, black_box(input)).await;
            same &= *status.get_or_insert(answer) == answer;
        }
        let end = Instant::now();
        assert!(same, "one case, several outcomes");
        Span { begin, end, status }
    }
}

/// All begin within nanoseconds: whoever arrives spins until the last is there.
struct Start {
    missing: AtomicUsize,
}

impl Start {
    fn of(threads: usize) -> Self {
        Self {
            missing: AtomicUsize::new(threads),
        }
    }

    fn wait(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        while self.missing.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins.is_multiple_of(1_000) {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}
