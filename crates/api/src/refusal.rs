//! What an error of the document model means in HTTP.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use stratus_access::{Action, Caller};
use stratus_document::{DocumentError, FieldError, Referrer};
use stratus_storage::Error as StorageError;

use crate::problem::{Code, Problem, cut};

/// How many faults one answer names.
const MAX_FAULTS: usize = 100;
/// How long a text in a fault is at most: names of fields are the client's own.
const MAX_FAULT_BYTES: usize = 1_000;

/// The refusal that an error becomes. What is a failure of ours is logged here and not told.
pub(crate) fn problem(error: DocumentError, caller: &Caller) -> Problem {
    match error {
        DocumentError::NotFound => Problem::new(Code::NotFound, "there is no such document"),
        DocumentError::Trashed => {
            Problem::new(Code::Trashed, "the document is in the trash; recover it first")
        }
        DocumentError::Denied { action } => denied(action, caller),
        DocumentError::Invalid(faults) => invalid(faults),
        // Of a query in a body: a parameter has no such name.
        DocumentError::BadParameter { parameter, message } if parameter.starts_with('/') => {
            let detail = format!("`{parameter}` {message}");
            Problem::new(Code::BadRequest, detail).at(parameter, Code::BadRequest.name(), message)
        }
        DocumentError::BadParameter { parameter, message } => {
            let detail = format!("the parameter `{parameter}` {message}");
            Problem::new(Code::InvalidParameter, detail).at(parameter, Code::InvalidParameter.name(), message)
        }
        DocumentError::BadCursor { parameter } => {
            let detail = "the cursor belongs to another list, filter or sort, or is damaged";
            Problem::new(Code::InvalidCursor, detail).at(parameter, Code::InvalidCursor.name(), detail)
        }
        DocumentError::Unindexed { parameter, message } => Problem::new(
            Code::UnindexedQuery,
            message.clone(),
        )
        .at(parameter, Code::UnindexedQuery.name(), message),
        DocumentError::TooCostly => {
            let detail = "finding these documents takes longer than a query may: narrow the filter, follow \
                          fewer references in it, or leave `count` out";
            Problem::new(Code::QueryTooCostly, detail)
        }
        DocumentError::TooMuchToPopulate { what } => {
            let detail =
                format!("this is too much for one answer: {what}; lower `limit`, or name fewer `fields`");
            Problem::new(Code::TooMuchToPopulate, detail)
        }
        DocumentError::StaleRevision { current } => {
            let detail = format!("the document is at revision {current} by now; read it again");
            Problem::new(Code::StaleRevision, detail)
        }
        DocumentError::SlugTaken { slug } => {
            taken(Code::SlugTaken, "/slug", format!("another document has the slug `{slug}`"))
        }
        DocumentError::NotUnique { field } => {
            let pointer = format!("/fields/{}", field.replace('.', "/"));
            taken(Code::NotUnique, &pointer, format!("another document has this value of `{field}`"))
        }
        DocumentError::TranslationTaken { locale } => {
            let message =
                format!("the group of translations has a document of the locale `{locale}` already");
            taken(Code::NotUnique, "/translationOf", message)
        }
        DocumentError::Referenced { referrers } => referenced(&referrers),
        DocumentError::MissingReference => {
            Problem::new(Code::MissingReference, "a document that this one refers to is gone or in the trash")
        }
        DocumentError::NotTrashed => Problem::new(Code::NotTrashed, "the document is not in the trash"),
        DocumentError::WouldHide { until } => {
            let detail = format!("the public version would be hidden until {until}, when this one is due");
            Problem::new(Code::WouldHide, detail)
        }
        DocumentError::TooLarge { what } => Problem::new(Code::RowTooLarge, what),
        DocumentError::Repeated => {
            let detail = "an operation before this one writes the same document";
            Problem::new(Code::RepeatedDocument, detail)
        }
        DocumentError::KeyReused => {
            let detail = "the `Idempotency-Key` was used for another request; take a new one for each";
            Problem::new(Code::IdempotencyMismatch, detail)
        }
        DocumentError::AnswerNotKept => {
            let detail = "the write under this `Idempotency-Key` was done, but its answer is not kept: it was \
                          too large, what it told of was erased, or the definitions have changed; look at what \
                          is there";
            Problem::new(Code::AnswerNotKept, detail)
        }
        DocumentError::Contended => {
            let detail = "many are writing this document at once; try again";
            Problem::new(Code::Unavailable, detail)
        }
        DocumentError::Storage(error) => storage(&error),
        other => unforeseen(&other),
    }
}

fn denied(action: Action, caller: &Caller) -> Problem {
    if caller.is_anonymous() {
        Problem::new(Code::Unauthorized, format!("this needs a credential with the right to {action}"))
    } else {
        Problem::new(Code::Forbidden, format!("the right to {action} is missing"))
    }
}

/// The refusal of values, each with its place.
pub(crate) fn invalid(faults: Vec<FieldError>) -> Problem {
    let short = |text: String| if text.len() > MAX_FAULT_BYTES { cut(&text, MAX_FAULT_BYTES) } else { text };
    let detail = match faults.len() {
        1 => "one value is not valid".to_owned(),
        count if count > MAX_FAULTS => {
            format!("{count} values are not valid; the first {MAX_FAULTS} are named")
        }
        count => format!("{count} values are not valid"),
    };
    let named = faults.into_iter().take(MAX_FAULTS);
    named.fold(Problem::new(Code::ValidationFailed, detail), |problem, fault| {
        problem.at(short(fault.pointer), fault.code, short(fault.message))
    })
}

fn taken(code: Code, pointer: &str, message: String) -> Problem {
    Problem::new(code, message.clone()).at(pointer, code.name(), message)
}

fn referenced(referrers: &[Referrer]) -> Problem {
    let detail = "other documents refer to this one; change or trash them first";
    let listed: Vec<Value> = referrers
        .iter()
        .map(|it| json!({"type": it.collection, "id": it.id, "slug": it.slug, "field": it.field}))
        .collect();
    let named = referrers.iter().map(|it| {
        let name = it.slug.as_ref().unwrap_or(&it.id);
        format!("`{}` of {} refers to it in `{}`", name, it.collection, it.field)
    });
    let problem = Problem::new(Code::Referenced, detail).with("referrers", listed);
    named.fold(problem, |problem, message| problem.at("", Code::Referenced.name(), message))
}

/// What is too large may be in a driver's words: they stay here.
fn storage(error: &StorageError) -> Problem {
    let unavailable = |detail: &str| Problem::new(Code::Unavailable, detail);
    match error {
        StorageError::Unavailable { .. } => {
            tracing::warn!(error = error as &dyn std::error::Error, "the storage is unavailable");
            unavailable("the storage is busy or out of reach; nothing was written")
        }
        StorageError::TooSlow { .. } => {
            log(error);
            unavailable("the storage takes too long to find this")
        }
        StorageError::OutcomeUnknown { .. } => {
            log(error);
            unavailable("the outcome of the write is not known; read the document before you try again")
        }
        StorageError::Full { .. } => {
            log(error);
            unavailable("the storage is full; nothing was written").retry_after(60)
        }
        StorageError::ReadOnly { .. } => {
            log(error);
            unavailable("the storage takes no writes now; nothing was written").retry_after(60)
        }
        StorageError::MissingSchema { .. } => {
            log(error);
            unavailable("the storage is being prepared").retry_after(60)
        }
        StorageError::TooLarge { .. } => {
            log(error);
            Problem::new(Code::RowTooLarge, "the document is larger than the storage takes")
        }
        StorageError::Guard { .. }
        | StorageError::NotUnique { .. }
        | StorageError::Constraint { .. }
        | StorageError::Refused { .. }
        | StorageError::Corrupt { .. }
        | StorageError::Unexpected { .. }
        | StorageError::Backend(_) => unforeseen(error),
        other => unforeseen(other),
    }
}

/// A failure of ours.
fn unforeseen(error: &(dyn std::error::Error + 'static)) -> Problem {
    log(error);
    Problem::internal()
}

fn log(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a call on documents failed");
}
