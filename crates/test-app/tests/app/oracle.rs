//! Random queries over random documents, over HTTP, against the naive filter of
//! `stratus-query-oracle`: on SQLite, on SQLite as strict as D1, and on D1.
//!
//! Every page of every list is asked for, forward and back, by brackets in the address and by a body
//! in turn, and shows the fields that it should. What fails is made smaller, and said with its seed.

mod asking;
mod making;

use std::{cell::RefCell, env};

use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestError, TestRunner},
};
use serde_json::Value;
use stratus_query_oracle::{Doc, Oracle, Query, Reader, documents, query};
use stratus_test_app::Moment;

use crate::app::{
    oracle::{asking::check, making::make},
    target::Target,
    wire::Request,
};

/// When it begins: 2026-11-21T09:00:00Z.
const BEGINNING: i64 = 1_795_251_600_000;

/// How many queries are asked of the same documents.
const QUERIES: usize = 12;

/// Whom a token can make of someone.
const READERS: &[Reader] = &[Reader::Public, Reader::Admin];

fn number(name: &str, otherwise: u32) -> u32 {
    env::var(name).map_or(otherwise, |it| it.parse().unwrap_or_else(|_| panic!("`{name}` is no number")))
}

/// A program with a clock of its own.
struct World {
    target: Target,
    moment: Moment,
}

impl World {
    /// The body of an answer, which must be 200.
    async fn ask(&mut self, request: &Request) -> Result<Value, TestCaseError> {
        self.moment.ordinal += 1;
        let answer = self.target.ask(&self.moment, request).await;
        prop_assert_eq!(answer.status, 200, "{}\n{}", request, answer);
        Ok(answer.json().unwrap_or_default())
    }
}

/// Makes the documents and asks all queries of them.
async fn play(world: &mut World, docs: &[Doc], queries: &[Query]) -> Result<(), TestCaseError> {
    world.moment = Moment { ordinal: 0, now: BEGINNING, ..world.moment };
    world.target.reset(world.moment.seed, BEGINNING).await;
    let made = make(world, docs).await?;
    let oracle = Oracle { docs, made: &made };
    for query in queries {
        check(world, &oracle, query).await?;
    }
    Ok(())
}

/// Plays so many worlds, and says how to play one again that fails.
fn run(target: Target, worlds: u32) {
    let (seed, cases) = (number("STRATUS_ORACLE_SEED", 1), number("STRATUS_ORACLE_WORLDS", worlds));
    let name = target.name;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let moment = Moment { seed, ordinal: 0, now: BEGINNING };
    let world = RefCell::new(World { target: target.with("queries"), moment });
    let config = Config {
        cases,
        max_shrink_iters: 200,
        rng_seed: RngSeed::Fixed(seed.into()),
        failure_persistence: None,
        ..Config::default()
    };
    let worlds = (documents(), prop::collection::vec(query(READERS), QUERIES));
    let outcome = TestRunner::new(config)
        .run(&worlds, |(docs, queries)| runtime.block_on(play(&mut world.borrow_mut(), &docs, &queries)));
    match outcome {
        Ok(()) => println!("oracle: {cases} worlds of seed {seed} on {name}, {QUERIES} queries each"),
        Err(TestError::Fail(why, (docs, _))) => {
            let docs: Vec<_> = docs.iter().enumerate().map(|(n, doc)| format!("{n}: {doc:?}")).collect();
            panic!(
                "{name} differs from the oracle: {why}\nof the documents\n{}\n\
                 again: cargo xtask transcripts --oracle --seed {seed} --worlds {cases}",
                docs.join("\n")
            )
        }
        Err(TestError::Abort(why)) => panic!("{name}: {why}"),
    }
}

#[test]
fn lists_on_sqlite_show_what_a_naive_filter_shows() {
    run(Target::native(), 40);
}

#[test]
fn lists_on_sqlite_as_strict_as_d1_show_what_a_naive_filter_shows() {
    run(Target::strict(), 10);
}

#[cfg(feature = "workerd")]
#[test]
fn lists_on_d1_show_what_a_naive_filter_shows() {
    run(Target::worker(), 40);
}
