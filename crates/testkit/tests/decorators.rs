//! The decorators and simulated ports do what they say.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use stratus_storage::{
    Background, Clock, Committed, Consistency, Database, Entropy, Error, Limits, Result, Rows, Session,
    Statement, Value, commit,
};
use stratus_testkit::{
    CountingDatabase, Fault, FaultyDatabase, InlineBackground, SeededEntropy, SettableClock,
};

/// Answers each statement with how many batches were committed before.
#[derive(Clone, Default)]
struct Tally(Arc<AtomicU32>);

impl Database for Tally {
    fn session(&self, _: Consistency) -> Box<dyn Session> {
        Box::new(self.clone())
    }

    fn limits(&self) -> Limits {
        Limits::D1
    }
}

impl Tally {
    fn rows(&self) -> Rows {
        let batches = self.0.load(Ordering::SeqCst);
        if batches == 0 { Rows::default() } else { Rows::new(1, vec![batches.into()], 7) }
    }
}

#[async_trait]
impl Session for Tally {
    async fn query(&self, _: &Statement) -> Result<Rows> {
        Ok(self.rows())
    }

    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(statements.iter().map(|_| self.rows()).collect())
    }

    fn bookmark(&self) -> Option<String> {
        None
    }
}

fn statements(count: usize) -> Vec<Statement> {
    vec![Statement::bare("SELECT 1"); count]
}

#[tokio::test]
async fn round_trips_statements_and_work_are_counted() {
    let database = CountingDatabase::new(Arc::new(Tally::default()));
    let session = database.session(Consistency::Any);
    session.batch(&statements(3)).await.expect("a batch");
    session.query(&statements(1)[0]).await.expect("a query");
    session.batch(&[]).await.expect("nothing");
    let counts = database.reset();
    assert_eq!((counts.round_trips, counts.statements, counts.work), (2, 4, 28));
    assert_eq!(database.counts(), Default::default());
}

#[tokio::test]
async fn faults_come_in_the_order_of_the_script() {
    let tally = Tally::default();
    let database = FaultyDatabase::new(Arc::new(tally.clone()));
    let session = database.session(Consistency::Any);
    let delayed = Arc::new(AtomicU32::new(0));
    let hook = || {
        let delayed = Arc::clone(&delayed);
        Box::pin(async move { delayed.store(1, Ordering::SeqCst) })
    };
    database
        .then(Fault::Fail(Error::Unavailable { reason: "as written".to_owned() }))
        .then(Fault::Delay(hook()))
        .then(Fault::LoseAnswer)
        .then(Fault::Pass);
    assert!(session.batch(&statements(1)).await.is_err_and(|error| error.is_retryable()));
    assert_eq!(tally.0.load(Ordering::SeqCst), 0, "it never reached the database");
    session.batch(&statements(1)).await.expect("late");
    assert_eq!(delayed.load(Ordering::SeqCst), 1);
    assert!(matches!(session.batch(&statements(1)).await, Err(Error::OutcomeUnknown { .. })));
    assert_eq!(tally.0.load(Ordering::SeqCst), 2, "it was committed all the same");
    session.batch(&statements(1)).await.expect("unharmed");
    assert_eq!(database.remaining(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    let database = FaultyDatabase::new(Arc::new(Tally::default()));
    let session = database.session(Consistency::Any);
    let receipt = Statement::bare("SELECT 1");
    let unavailable = || Error::Unavailable { reason: "down".to_owned() };

    database.then(Fault::LoseAnswer);
    let found = commit(&database, &*session, &statements(1), &receipt).await.expect("it was committed");
    assert!(matches!(found, Committed::Found(rows) if rows.len() == 1));

    database.then(Fault::LoseAnswer).then(Fault::Fail(unavailable()));
    let unknown = commit(&database, &*session, &statements(1), &receipt).await;
    assert!(matches!(unknown, Err(Error::OutcomeUnknown { .. })), "{unknown:?}");

    let empty = FaultyDatabase::new(Arc::new(Tally::default()));
    empty.then(Fault::Fail(Error::OutcomeUnknown { reason: "lost on the way".to_owned() }));
    let session = empty.session(Consistency::Any);
    let never = commit(&empty, &*session, &statements(1), &receipt).await;
    assert!(matches!(never, Err(Error::Unavailable { .. })), "{never:?}");
}

#[tokio::test]
async fn background_work_waits_to_be_run() {
    let background = Arc::new(InlineBackground::new());
    let done = Arc::new(AtomicU32::new(0));
    let work = |times: u32| {
        let (done, background) = (Arc::clone(&done), Arc::clone(&background));
        Box::pin(async move {
            done.fetch_add(times, Ordering::SeqCst);
            let more = Arc::clone(&done);
            background.spawn(Box::pin(async move {
                more.fetch_add(100, Ordering::SeqCst);
            }));
        })
    };
    background.spawn(work(1));
    background.spawn(work(10));
    assert_eq!((background.waiting(), done.load(Ordering::SeqCst)), (2, 0));
    background.run().await;
    assert_eq!((background.waiting(), done.load(Ordering::SeqCst)), (0, 211));
    background.spawn(work(1));
    background.lose();
    background.run().await;
    assert_eq!(done.load(Ordering::SeqCst), 211);
}

#[test]
fn time_and_randomness_follow_the_test() {
    let clock = SettableClock::new(1_000);
    assert_eq!((clock.now(), clock.advance(500), clock.now()), (1_000, 1_500, 1_500));
    clock.set(7);
    assert_eq!(clock.now(), 7);
    let bytes = |seed| {
        let entropy = SeededEntropy::new(seed);
        let mut pair = [[0; 16]; 2];
        pair.iter_mut().for_each(|it| entropy.fill(it));
        pair
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1)[0], bytes(2)[0]);
    assert_ne!(bytes(1)[0], bytes(1)[1]);
    assert_eq!(Value::from(true), Value::Integer(1));
}
