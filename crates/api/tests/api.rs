//! The HTTP contract, over a real database that refuses what D1 refuses.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod api {
    mod app;
    mod authentication;
    mod bad_inputs;
    mod batch_names;
    mod batches;
    mod conditions;
    mod copying;
    mod creating;
    mod cross_origin;
    mod description;
    mod erasing;
    mod failures;
    mod garbage;
    mod hidden;
    mod history;
    mod idempotency;
    mod lifecycle;
    mod listing;
    mod methods;
    mod permissions;
    mod populating;
    mod querying;
    mod races;
    mod reading;
    mod standing;
    mod story;
    mod tenancy;
    mod updating;
}
