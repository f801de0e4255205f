//! Who is asking, by the credential that the request carries.

use std::fmt;

use http::{HeaderMap, HeaderValue, header};
use stratus_access::{Caller, Principal};
use subtle::ConstantTimeEq;

use crate::{
    hex,
    problem::{Code, Problem},
};

/// The fewest characters of an admin token.
const MIN_TOKEN_CHARS: usize = 32;

/// Why a text cannot be the admin token. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Too few characters.
    #[error("the admin token needs 32 characters or more")]
    TooShort,
    /// A header could not carry it.
    #[error("the admin token has control characters, or spaces at an end, which no header can carry")]
    NotAHeaderValue,
    /// Not what [`digest_token`] gives.
    #[error("the digest of the admin token is not 64 hexadecimal digits")]
    NotADigest,
}

/// A secret that makes its bearer the role `admin`. It is never shown, not even by `Debug`.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// Takes a secret of 32 or more characters.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] when it is shorter, or when no client could ever present it.
    pub fn new(secret: impl Into<String>) -> Result<Self, InvalidToken> {
        let secret = secret.into();
        if secret.chars().count() < MIN_TOKEN_CHARS {
            return Err(InvalidToken::TooShort);
        }
        if secret.trim() != secret || secret.chars().any(char::is_control) {
            return Err(InvalidToken::NotAHeaderValue);
        }
        Ok(Self(secret))
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

/// The SHA-256 of a token in hexadecimal: what a configuration may hold in its place.
pub fn digest_token(token: &str) -> String {
    hex::encode(&hex::sha256(token.as_bytes()))
}

/// Tells callers from their credentials. It holds digests, never a secret.
#[derive(Clone, Default)]
pub struct Authenticator {
    admin: Option<[u8; 32]>,
}

impl Authenticator {
    /// Knows no credential at all: everyone is anonymous, and every token is wrong.
    pub fn anonymous_only() -> Self {
        Self::default()
    }

    /// Knows the admin token.
    pub fn with_admin(token: &AdminToken) -> Self {
        Self { admin: Some(hex::sha256(token.0.as_bytes())) }
    }

    /// Knows the admin token by its [digest](digest_token).
    ///
    /// # Errors
    ///
    /// [`InvalidToken::NotADigest`] when it is none.
    pub fn with_admin_digest(digest: &str) -> Result<Self, InvalidToken> {
        hex::decode_32(digest).map(|it| Self { admin: Some(it) }).ok_or(InvalidToken::NotADigest)
    }

    /// Who is asking: nobody in particular without `Authorization`.
    ///
    /// # Errors
    ///
    /// `unauthorized` for a credential that is wrong, malformed, repeated or of another scheme: it
    /// is never taken for none, on any route.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let mut found = headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = found.next() else { return Ok(Caller::anonymous()) };
        let token = bearer(first)
            .ok_or_else(|| Problem::new(Code::Unauthorized, "`Authorization` is not `Bearer <token>`"))?;
        // Of several headers workerd makes one, whose token is wrong: so they are told the same.
        if found.next().is_none() && self.is_admin(token) {
            Ok(Caller::signed_in([Principal::admin()]))
        } else {
            Err(Problem::new(Code::Unauthorized, "the token is not valid"))
        }
    }

    fn is_admin(&self, token: &[u8]) -> bool {
        // Digests have one length, so the comparison tells nothing about the secret's.
        let given = hex::sha256(token);
        self.admin.is_some_and(|digest| digest.ct_eq(&given).into())
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let admin = if self.admin.is_some() { "known" } else { "none" };
        f.debug_struct("Authenticator").field("admin", &admin).finish()
    }
}

/// The token of `Bearer <token>`; the scheme in any case (RFC 9110 §11.1).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn check(values: &[&[u8]], is_admin: Option<bool>) {
        let headers: HeaderMap =
            values.iter().map(|it| (header::AUTHORIZATION, HeaderValue::from_bytes(it).unwrap())).collect();
        let by_token = Authenticator::with_admin(&AdminToken::new(SECRET).unwrap());
        let by_digest = Authenticator::with_admin_digest(&digest_token(SECRET)).unwrap();
        for authenticator in [by_token, by_digest] {
            let shown: Vec<_> = values.iter().map(|it| String::from_utf8_lossy(it)).collect();
            match (authenticator.authenticate(&headers), is_admin) {
                (Err(problem), None) => {
                    assert_eq!(problem.code(), Code::Unauthorized, "{shown:?}");
                    assert!(!problem.detail().contains("0123"), "{shown:?}");
                }
                (Ok(caller), Some(admin)) => {
                    assert_eq!(!caller.is_anonymous(), admin, "{shown:?}");
                    assert_eq!(caller.principals().contains(&Principal::admin()), admin, "{shown:?}");
                }
                (found, expected) => panic!("{shown:?}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_credential_is_right_or_refused() {
        let right = format!("Bearer {SECRET}");
        check(&[], Some(false));
        check(&[right.as_bytes()], Some(true));
        check(&[format!("bEARER   {SECRET}").as_bytes()], Some(true));
        check(&[right.as_bytes(), right.as_bytes()], None);
        let wrong: [&[u8]; 9] = [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer 0123456789abcdef0123456789abcdee",
            b"Bearer 0123456789abcdef0123456789abcdef0",
            b"Basic YWRtaW46MDEyMzQ1Njc4OWFiY2RlZg==",
            b"0123456789abcdef0123456789abcdef",
            b"Bearer\xff\xff",
            b"Bearer \xff",
        ];
        for wrong in wrong {
            check(&[wrong], None);
        }
        check(&[format!("Bearer,{SECRET}").as_bytes()], None);
        check(&[format!("Bearer {SECRET}, Bearer {SECRET}").as_bytes()], None);
    }

    #[test]
    fn without_an_admin_token_every_token_is_wrong() {
        for token in ["Bearer x", "Bearer "] {
            let headers =
                HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(token).unwrap())]);
            assert!(Authenticator::anonymous_only().authenticate(&headers).is_err());
        }
        assert!(Authenticator::anonymous_only().authenticate(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn tokens_are_long_and_can_be_sent() {
        let cases = [
            ("x".repeat(31), Some(InvalidToken::TooShort)),
            ("漢".repeat(31), Some(InvalidToken::TooShort)),
            ("漢".repeat(32), None),
            (format!("{SECRET} with spaces"), None),
            (format!("{SECRET}\n"), Some(InvalidToken::NotAHeaderValue)),
            (format!(" {SECRET}"), Some(InvalidToken::NotAHeaderValue)),
            (format!("{SECRET}\0x"), Some(InvalidToken::NotAHeaderValue)),
        ];
        for (secret, expected) in cases {
            assert_eq!(AdminToken::new(secret.clone()).err(), expected, "{secret}");
        }
        for digest in ["", SECRET, &"z".repeat(64)] {
            assert_eq!(Authenticator::with_admin_digest(digest).err(), Some(InvalidToken::NotADigest));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let token = AdminToken::new(SECRET).unwrap();
        let shown = format!("{token:?} {:?}", Authenticator::with_admin(&token));
        assert_eq!(shown, r#"AdminToken(…) Authenticator { admin: "known" }"#);
    }
}
