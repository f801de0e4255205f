//! The texts of Workers KV and of R2.
//!
//! KV says `KV PUT failed: <HTTP status> <why>`, R2 `put: <why> (<code>)`, and each speaks as D1 does
//! when the machinery around it fails.

use stratus_storage::Error;

use super::{from_service, lost};
use crate::sql::Effect;

/// What a failed call to Workers KV means.
pub(crate) fn from_key_value(message: &str, effect: Effect) -> Error {
    let owned = || message.to_owned();
    match status(message) {
        Some(413 | 414) => Error::TooLarge { what: owned() },
        Some(400) => Error::Refused { what: owned() },
        // Nothing was done, unlike with a 500.
        Some(429) => Error::Unavailable { reason: owned() },
        Some(500..) => lost(message, effect),
        Some(_) => Error::backend(message),
        None => from_service(message, effect).unwrap_or_else(|| unheard_of(message, effect)),
    }
}

/// What a failed call to R2 means.
pub(crate) fn from_blobs(message: &str, effect: Effect) -> Error {
    let owned = || message.to_owned();
    match code(message) {
        Some(10_012 | 100_100) => Error::TooLarge { what: owned() },
        Some(10_020) => Error::Refused { what: owned() },
        Some(10_058) => Error::Unavailable { reason: owned() },
        Some(10_001 | 10_043) => lost(message, effect),
        Some(10_002 | 10_003) => Error::backend(message),
        _ => from_service(message, effect).unwrap_or_else(|| unheard_of(message, effect)),
    }
}

/// A text that is not known: what can't be read now may never be, such as a binding that is none.
fn unheard_of(message: &str, effect: Effect) -> Error {
    match effect {
        Effect::Reads => Error::backend(message),
        Effect::Writes => lost(message, effect),
    }
}

/// The 414 of `KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.`
fn status(message: &str) -> Option<u16> {
    let (call, why) = message.split_once(" failed: ")?;
    let status = why.split(' ').next()?;
    call.starts_with("KV ").then(|| status.parse().ok()).flatten()
}

/// The 10020 of `put: The specified object name is not valid. (10020)`.
fn code(message: &str) -> Option<u32> {
    message.strip_suffix(')')?.rsplit_once(" (")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::show, *};

    #[test]
    fn key_value() {
        for (message, read, write) in [
            (
                "KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
                "too large",
                "too large",
            ),
            (
                "KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.",
                "too large",
                "too large",
            ),
            ("KV PUT failed: 400 Invalid expiration_ttl of 59.", "refused", "refused"),
            ("KV PUT failed: 429 Too Many Requests", "unavailable", "unavailable"),
            ("KV DELETE failed: 500 Internal Server Error", "unavailable", "outcome unknown"),
            ("KV GET failed: 503 Service Unavailable", "unavailable", "outcome unknown"),
            (
                "KV GET failed: 401 Unauthorized",
                "backend KV GET failed: 401 Unauthorized",
                "backend KV GET failed: 401 Unauthorized",
            ),
            ("Network connection lost.", "unavailable", "outcome unknown"),
            ("whatever", "backend whatever", "outcome unknown"),
        ] {
            assert_eq!(show(&from_key_value(message, Effect::Reads)), read, "{message}");
            assert_eq!(show(&from_key_value(message, Effect::Writes)), write, "{message}");
        }
    }

    #[test]
    fn blobs() {
        for (message, read, write) in [
            ("put: The specified object name is not valid. (10020)", "refused", "refused"),
            (
                "put: Your metadata headers exceed the maximum allowed metadata size. (10012)",
                "too large",
                "too large",
            ),
            (
                "put: Your proposed upload exceeds the maximum allowed object size. (100100)",
                "too large",
                "too large",
            ),
            (
                "put: Reduce your concurrent request rate for the same object. (10058)",
                "unavailable",
                "unavailable",
            ),
            (
                "get: We encountered an internal error. Please try again. (10001)",
                "unavailable",
                "outcome unknown",
            ),
            (
                "get: You do not have access. (10003)",
                "backend get: You do not have access. (10003)",
                "backend get: You do not have access. (10003)",
            ),
            ("get: Unspecified error (0)", "backend get: Unspecified error (0)", "outcome unknown"),
            ("Network connection lost.", "unavailable", "outcome unknown"),
        ] {
            assert_eq!(show(&from_blobs(message, Effect::Reads)), read, "{message}");
            assert_eq!(show(&from_blobs(message, Effect::Writes)), write, "{message}");
        }
    }
}
