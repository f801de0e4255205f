//! Every error on the wire.

use std::fmt::Write;

use axum::response::IntoResponse;
use http::header;
use stratus_access::Principal;

use super::*;
use crate::{problem::render, test_support::text_of};

fn referrer(slug: Option<&str>) -> Referrer {
    Referrer {
        collection: "posts".to_owned(),
        id: "01890000-0000-7000-8000-000000000000".to_owned(),
        slug: slug.map(str::to_owned),
        field: "author".to_owned(),
        strength: "strong".to_owned(),
        is_published: true,
        is_head: true,
    }
}

fn fault(pointer: &str) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code: "required", message: "is required".to_owned() }
}

fn storage_errors() -> Vec<StorageError> {
    let secret = || "/data/stratus.db: SELECT secret".to_owned();
    vec![
        StorageError::Guard { guard: secret() },
        StorageError::NotUnique { columns: secret() },
        StorageError::Constraint { constraint: secret() },
        StorageError::Unavailable { reason: secret() },
        StorageError::TooSlow { reason: secret() },
        StorageError::OutcomeUnknown { reason: secret() },
        StorageError::TooLarge { what: secret() },
        StorageError::Full { reason: secret() },
        StorageError::ReadOnly { reason: secret() },
        StorageError::MissingSchema { what: secret() },
        StorageError::Refused { what: secret() },
        StorageError::Corrupt { reason: secret() },
        StorageError::Unexpected { what: secret() },
        StorageError::backend(secret()),
    ]
}

fn errors() -> Vec<DocumentError> {
    let text = |it: &str| it.to_owned();
    let own = [
        DocumentError::NotFound,
        DocumentError::Trashed,
        DocumentError::Denied { action: Action::Publish },
        DocumentError::Invalid(vec![fault("/fields/title"), fault("/slug")]),
        DocumentError::BadParameter { parameter: text("limit"), message: text("must be a number") },
        DocumentError::BadCursor { parameter: text("after") },
        DocumentError::Unindexed {
            parameter: text("sort"),
            message: text("declare `\"index\": true` on `cover`"),
        },
        DocumentError::TooCostly,
        DocumentError::StaleRevision { current: 7 },
        DocumentError::SlugTaken { slug: text("on-engines") },
        DocumentError::NotUnique { field: text("seo.title") },
        DocumentError::Referenced { referrers: vec![referrer(Some("on-engines")), referrer(None)] },
        DocumentError::MissingReference,
        DocumentError::NotTrashed,
        DocumentError::WouldHide { until: text("2026-11-21T08:00:00.000Z") },
        DocumentError::TooLarge { what: text("the document is 3000000 bytes as it is stored") },
        DocumentError::Repeated,
        DocumentError::KeyReused,
        DocumentError::AnswerNotKept,
        DocumentError::Contended,
    ];
    own.into_iter().chain(storage_errors().into_iter().map(DocumentError::Storage)).collect()
}

#[test]
fn every_error_on_the_wire() {
    let mut seen = String::new();
    for error in errors() {
        let name = format!("{error:?}");
        let answer = render(problem(error, &Caller::signed_in([Principal::admin()])).into_response(), "id");
        let retry = answer.headers().get(header::RETRY_AFTER).map(|it| it.to_str().unwrap().to_owned());
        let retry = retry.map(|it| format!(", again after {it} s")).unwrap_or_default();
        let status = answer.status().as_u16();
        let body = text_of(answer);
        assert!(!body.contains("secret") && !body.contains("stratus.db"), "{body}");
        writeln!(seen, "{}\n{status}{retry}: {body}\n", name.replace("/data/stratus.db: SELECT secret", "…"))
            .unwrap();
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn a_missing_right_is_401_for_nobody_and_403_for_somebody() {
    let denied = |caller: &Caller| problem(DocumentError::Denied { action: Action::Update }, caller).code();
    assert_eq!(denied(&Caller::anonymous()), Code::Unauthorized);
    assert_eq!(denied(&Caller::signed_in([Principal::User("ada".to_owned())])), Code::Forbidden);
}

#[test]
fn faults_are_bounded() {
    let long =
        FieldError { message: "漢".repeat(10_000), ..fault(&format!("/fields/{}", "x".repeat(10_000))) };
    let refused = invalid(vec![long; 5_000]);
    assert_eq!(refused.errors().len(), MAX_FAULTS);
    assert!(refused.detail().starts_with("5000 values"), "{}", refused.detail());
    assert!(text_of(render(refused.into_response(), "id")).len() < 250_000);
}
