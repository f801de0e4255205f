//! What the adapter makes of bindings that hang, fail, or answer with anything: an error that says
//! what to do next, in time, and never a panic.

mod database;
mod stores;

use std::time::Duration;

use stratus_d1::WorkerClock;
use stratus_storage::{Clock as _, Error};
use wasm_bindgen::prelude::*;

/// Short, so that a hundred hanging calls are no long test.
const DEADLINE: Duration = Duration::from_millis(200);

/// What a busy machine may add to it.
const LENIENCE: Duration = Duration::from_secs(5);

#[wasm_bindgen(module = "/src/faults.js")]
extern "C" {
    /// A database whose replica and whose primary do these things.
    #[wasm_bindgen(js_name = database)]
    fn faulty_database(binding: &JsValue, replica: &str, primary: &str) -> JsValue;

    /// A namespace of KV or a bucket that does this.
    #[wasm_bindgen(js_name = store)]
    fn faulty_store(binding: &JsValue, way: &str) -> JsValue;

    /// A bucket whose objects have this metadata, as JSON, and whose bytes come in this way.
    #[wasm_bindgen(js_name = bucket)]
    fn faulty_bucket(metadata: &str, way: &str) -> JsValue;
}

macro_rules! cases {
    ($($module:ident :: $case:ident)*) => {
        /// Every case, in the order they are best read.
        pub(crate) const CASES: &[&str] = &[$(stringify!($case)),*];

        /// Checks one case by name.
        pub(crate) async fn check(name: &str, env: &worker::Env) {
            match name {
                $(stringify!($case) => $module::$case(env).await,)*
                _ => panic!("no case named `{name}`"),
            }
        }
    };
}

cases! {
    database::a_read_that_hangs_on_a_replica_is_answered_by_the_primary
    database::a_read_that_a_replica_fails_is_answered_by_the_primary
    database::a_read_after_a_bookmark_falls_back_too
    database::a_read_that_hangs_everywhere_is_unavailable_in_time
    database::a_read_of_the_primary_is_asked_once
    database::a_read_that_is_refused_is_asked_once
    database::a_read_answered_with_garbage_is_unavailable
    database::a_write_that_hangs_is_unknown_in_time_and_asked_once
    database::a_write_answered_with_garbage_is_unknown_and_asked_once
    database::a_write_that_never_ran_is_unavailable_and_asked_once
    database::a_write_whose_answer_is_lost_is_found_by_its_receipt
    database::a_write_that_was_not_done_is_missed_by_its_receipt
    database::a_receipt_that_hangs_leaves_the_outcome_unknown
    database::a_call_that_is_dropped_harms_nothing
    database::what_no_session_opens_for_was_not_written
    stores::key_value_that_hangs_is_typed_in_time
    stores::key_value_that_fails_is_typed
    stores::key_value_that_answers_with_garbage_is_unexpected
    stores::key_value_that_is_not_bound_is_said_so
    stores::key_value_too_large_is_typed
    stores::blobs_that_hang_are_typed_in_time
    stores::blobs_that_fail_are_typed
    stores::blobs_answered_with_garbage_are_unexpected
    stores::a_blob_without_a_type_has_the_unknown_one
}

/// The kind of an error, in a word.
fn kind<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Guard { .. }) => "guard",
        Err(Error::NotUnique { .. }) => "not unique",
        Err(Error::Constraint { .. }) => "constraint",
        Err(Error::Unavailable { .. }) => "unavailable",
        Err(Error::OutcomeUnknown { .. }) => "unknown",
        Err(Error::TooLarge { .. }) => "too large",
        Err(Error::MissingSchema { .. }) => "missing",
        Err(Error::Refused { .. }) => "refused",
        Err(Error::Unexpected { .. }) => "unexpected",
        Err(Error::Backend(_)) => "backend",
        Err(_) => "another",
    }
}

/// Runs something that must take the deadline, and not much longer.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let start = WorkerClock.now();
    let answer = what.await;
    let took = u64::try_from(WorkerClock.now() - start).map_or(Duration::ZERO, Duration::from_millis);
    // A timer may fire a moment early.
    let least = DEADLINE - Duration::from_millis(5);
    assert!((least..DEADLINE + LENIENCE).contains(&took), "took {took:?}");
    answer
}
