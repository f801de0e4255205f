//! What documents promise, through the public door, on real SQLite in D1-strict mode.

#[path = "documents/batches.rs"]
mod batches;
#[path = "documents/budgets.rs"]
mod budgets;
#[path = "documents/concurrency.rs"]
mod concurrency;
#[path = "documents/definitions.rs"]
mod definitions;
#[path = "documents/doctor.rs"]
mod doctor;
#[path = "documents/duplicates.rs"]
mod duplicates;
#[path = "documents/erasing.rs"]
mod erasing;
#[path = "documents/family.rs"]
mod family;
#[path = "documents/faults.rs"]
mod faults;
#[path = "documents/filters.rs"]
mod filters;
#[path = "documents/fixture.rs"]
mod fixture;
#[path = "documents/histories.rs"]
mod histories;
#[path = "documents/keys.rs"]
mod keys;
#[path = "documents/lifecycle.rs"]
mod lifecycle;
#[path = "documents/lists.rs"]
mod lists;
#[path = "documents/permissions.rs"]
mod permissions;
#[path = "documents/populating.rs"]
mod populating;
#[path = "documents/queries.rs"]
mod queries;
#[path = "documents/rights.rs"]
mod rights;
#[path = "documents/settings.rs"]
mod settings;
#[path = "documents/sweeping.rs"]
mod sweeping;
#[path = "documents/transfer.rs"]
mod transfer;
#[path = "documents/transfer_faults.rs"]
mod transfer_faults;
#[path = "documents/translations.rs"]
mod translations;
#[path = "documents/values.rs"]
mod values;
#[path = "documents/windows.rs"]
mod windows;
