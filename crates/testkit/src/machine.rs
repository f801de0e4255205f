//! The promises of [`Clock`], [`Entropy`] and [`Background`], which every machine has.

use std::{
    collections::HashSet,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use stratus_storage::{Background, Clock, Entropy};

use crate::Case;

/// Waits until work that was spawned has had its chance.
pub type Settle = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A machine under test.
#[derive(Clone)]
pub struct Subject {
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Its randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Its background.
    pub background: Arc<dyn Background>,
    /// Waits until what was spawned there is done.
    pub settle: Settle,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// Calls `$callback!` with the name of every case: the only list of them.
#[doc(hidden)]
#[macro_export]
macro_rules! __machine_cases {
    ($callback:path $(, $arg:tt)*) => {
        $callback! {
            [$($arg)*]
            now_is_milliseconds_since_1970
            the_whole_buffer_is_filled
            an_empty_buffer_is_filled
            two_calls_never_give_the_same_bytes
            spawned_work_runs_once
            work_may_spawn_work
        }
    };
}

macro_rules! table {
    ([] $($case:ident)*) => {
        /// Every promise, in the order they are best read.
        pub const CASES: &[Case<Subject>] =
            &[$(Case { name: stringify!($case), check: |subject| Box::pin($case(subject)) }),*];
    };
}
__machine_cases!(table);

/// Generates one test per case.
///
/// `$test` is the test attribute of the machine's runtime; `$fresh` is an async function that
/// returns a guard to keep alive and a [`machine::Subject`](crate::machine::Subject).
#[macro_export]
macro_rules! machine_conformance {
    ($test:tt, $fresh:ident) => {
        mod machine_conformance {
            $crate::__machine_cases!($crate::__machine_tests, $test, $fresh);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __machine_tests {
    ([($test:meta) $fresh:ident] $($case:ident)*) => {$(
        #[$test]
        async fn $case() {
            let (_guard, subject) = super::$fresh().await;
            $crate::machine::check(stringify!($case), subject).await;
        }
    )*};
}

/// Checks one case by name.
///
/// # Panics
///
/// If the promise is broken, or there is no such case.
pub async fn check(name: &str, subject: Subject) {
    crate::check_by_name(CASES, name, subject).await;
}

async fn now_is_milliseconds_since_1970(subject: Subject) {
    // From 2020 to 2200: neither seconds nor microseconds.
    let now = subject.clock.now();
    assert!((1_577_836_800_000..7_258_118_400_000).contains(&now), "{now}");
}

async fn the_whole_buffer_is_filled(subject: Subject) {
    // More than a browser or a Worker gives at once.
    for length in [1_000, 65_536, 65_537, 200_000] {
        let mut buffer = vec![0; length];
        subject.entropy.fill(&mut buffer);
        // 64 zeros in a row are not a matter of chance.
        let random = |part: &[u8]| part.iter().any(|&byte| byte != 0);
        assert!(buffer.chunks_exact(64).all(random), "{length} bytes");
        assert!(random(&buffer[length - 64..]), "the end of {length} bytes");
    }
}

async fn an_empty_buffer_is_filled(subject: Subject) {
    subject.entropy.fill(&mut []);
}

async fn two_calls_never_give_the_same_bytes(subject: Subject) {
    let mut seen = HashSet::new();
    for _ in 0..1_000 {
        let mut buffer = [0; 16];
        subject.entropy.fill(&mut buffer);
        assert!(seen.insert(buffer), "{buffer:?} twice");
    }
}

async fn spawned_work_runs_once(subject: Subject) {
    let done = Arc::new(AtomicU32::new(0));
    for _ in 0..20 {
        let done = Arc::clone(&done);
        subject.background.spawn(Box::pin(async move {
            done.fetch_add(1, Ordering::SeqCst);
        }));
    }
    for _ in 0..2 {
        (subject.settle)().await;
        assert_eq!(done.load(Ordering::SeqCst), 20);
    }
}

async fn work_may_spawn_work(subject: Subject) {
    let done = Arc::new(AtomicU32::new(0));
    let (background, inner) = (Arc::clone(&subject.background), Arc::clone(&done));
    subject.background.spawn(Box::pin(async move {
        let innermost = Arc::clone(&inner);
        background.spawn(Box::pin(async move {
            innermost.fetch_add(1, Ordering::SeqCst);
        }));
        inner.fetch_add(1, Ordering::SeqCst);
    }));
    (subject.settle)().await;
    assert_eq!(done.load(Ordering::SeqCst), 2);
}
