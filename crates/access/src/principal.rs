//! Who is asking.

use std::{fmt, str::FromStr};

/// Someone, or a group of someones, that a right can be granted to.
///
/// As text: `public`, `user:<id>`, `role:<name>`, `group:<id>`, `token:<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Everyone. An allow on it holds for every caller, a deny for anonymous ones only.
    Public,
    /// One user.
    User(String),
    /// Everyone who has a role.
    Role(String),
    /// Everyone in a group.
    Group(String),
    /// The bearer of one key.
    Token(String),
}

impl Principal {
    /// The role that holds every right on every collection.
    pub fn admin() -> Self {
        Self::Role("admin".to_owned())
    }

    /// What kind of principal: the part before the colon.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::User(_) => "user",
            Self::Role(_) => "role",
            Self::Group(_) => "group",
            Self::Token(_) => "token",
        }
    }

    /// Which of its kind: the part after the colon. There is one public, `*`.
    pub fn id(&self) -> &str {
        match self {
            Self::Public => "*",
            Self::User(id) | Self::Role(id) | Self::Group(id) | Self::Token(id) => id,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            named => write!(f, "{}:{}", named.kind(), named.id()),
        }
    }
}

/// A text that is no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a principal: `public`, `user:…`, `role:…`, `group:…` or `token:…`")]
pub struct InvalidPrincipal(String);

impl FromStr for Principal {
    type Err = InvalidPrincipal;

    fn from_str(text: &str) -> Result<Self, InvalidPrincipal> {
        let plain = |it: &&str| {
            (1..=128).contains(&it.len())
                && it.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let named = text.split_once(':').map(|(kind, name)| (kind, Some(name).filter(plain)));
        match (text, named) {
            ("public", _) => Ok(Self::Public),
            (_, Some(("user", Some(id)))) => Ok(Self::User(id.to_owned())),
            (_, Some(("role", Some(name)))) => Ok(Self::Role(name.to_owned())),
            (_, Some(("group", Some(id)))) => Ok(Self::Group(id.to_owned())),
            (_, Some(("token", Some(id)))) => Ok(Self::Token(id.to_owned())),
            _ => Err(InvalidPrincipal(text.to_owned())),
        }
    }
}

/// A caller: everything that they are. Anonymous callers are nothing but the public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    principals: Vec<Principal>,
    is_anonymous: bool,
}

impl Caller {
    /// Someone without a credential.
    pub fn anonymous() -> Self {
        Self { principals: vec![Principal::Public], is_anonymous: true }
    }

    /// Someone whose credential was checked. They are the public besides, for allows.
    pub fn signed_in(principals: impl IntoIterator<Item = Principal>) -> Self {
        let mut principals: Vec<_> = principals.into_iter().filter(|it| *it != Principal::Public).collect();
        principals.push(Principal::Public);
        Self { principals, is_anonymous: false }
    }

    /// Whether there is no credential.
    pub fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// Everything that they are, the public last.
    pub fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// Who to name in the log: the most particular of their principals.
    pub fn actor(&self) -> &Principal {
        let rank = |it: &&Principal| match it {
            Principal::User(_) => 0,
            Principal::Token(_) => 1,
            Principal::Role(_) => 2,
            Principal::Group(_) => 3,
            Principal::Public => 4,
        };
        self.principals.iter().min_by_key(rank).unwrap_or(&Principal::Public)
    }
}
