//! What a D1 session starts from.

use stratus_storage::Consistency;

/// What a D1 session starts from, which decides who may answer its first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Any replica.
    Unconstrained,
    /// The primary.
    Primary,
    /// Any replica that has seen at least this bookmark of D1's own.
    Bookmark(String),
}

impl Anchor {
    /// What serves a consistency. A bookmark that D1 did not make cannot be waited for, and D1 would
    /// take it for whatever it looks like; only the primary is sure to have seen it.
    pub(crate) fn of(consistency: &Consistency) -> Self {
        match consistency {
            Consistency::Any => Self::Unconstrained,
            Consistency::Primary => Self::Primary,
            Consistency::AtLeast(bookmark) => match bookmark.backend().filter(|it| is_bookmark(it)) {
                Some(bookmark) => Self::Bookmark(bookmark.to_owned()),
                None => Self::Primary,
            },
        }
    }

    /// What `withSession` takes.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Unconstrained => "first-unconstrained",
            Self::Primary => "first-primary",
            Self::Bookmark(bookmark) => bookmark,
        }
    }
}

const MAX_BYTES: usize = 200;

/// Whether D1 may have made a bookmark: groups of lower-case hexadecimal digits joined by dashes.
/// Today they are four, of 8, 8, 8 and 32 digits, which nobody promises.
pub(crate) fn is_bookmark(text: &str) -> bool {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let sound = |group: &str| !group.is_empty() && group.bytes().all(hexadecimal);
    text.len() <= MAX_BYTES && text.contains('-') && text.split('-').all(sound)
}

#[cfg(test)]
mod tests {
    use stratus_storage::Bookmark;

    use super::*;

    #[test]
    fn a_bookmark_that_d1_did_not_make_reads_the_primary() {
        let at_least =
            |backend: Option<&str>| Consistency::AtLeast(Bookmark::new(7, backend.map(str::to_owned)));
        let real = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
        let long = ["0a"; 100].join("-");
        for (consistency, expected) in [
            (Consistency::Any, "first-unconstrained"),
            (Consistency::Primary, "first-primary"),
            (at_least(None), "first-primary"),
            (at_least(Some(real)), real),
            (at_least(Some("00000001-0a")), "00000001-0a"),
            (at_least(Some("garbage")), "first-primary"),
            (at_least(Some("first-unconstrained")), "first-primary"),
            (at_least(Some("00000001-0A")), "first-primary"),
            (at_least(Some("00000001--0a")), "first-primary"),
            (at_least(Some("00000001")), "first-primary"),
            (at_least(Some("")), "first-primary"),
            (at_least(Some(&long)), "first-primary"),
        ] {
            assert_eq!(Anchor::of(&consistency).as_str(), expected);
        }
    }
}
