//! A D1 binding as a [`Database`].

use stratus_storage::{Consistency, Database, Limits, Session};

use crate::session::D1Session;

const UNCONSTRAINED: &str = "first-unconstrained";
const PRIMARY: &str = "first-primary";

/// A SQL database in Cloudflare D1.
#[derive(Debug)]
pub struct D1Database {
    binding: worker::D1Database,
}

impl D1Database {
    /// Wraps the binding that `env.d1(…)` returned.
    pub fn new(binding: worker::D1Database) -> Self {
        Self { binding }
    }
}

impl Database for D1Database {
    fn session(&self, consistency: Consistency) -> Box<dyn Session> {
        Box::new(D1Session::new(self.binding.with_session(Some(anchor(&consistency)))))
    }

    fn limits(&self) -> Limits {
        Limits::D1
    }
}

/// What a D1 session starts from: a constraint, or a bookmark of D1's own.
fn anchor(consistency: &Consistency) -> &str {
    match consistency {
        Consistency::Any => UNCONSTRAINED,
        Consistency::Primary => PRIMARY,
        // Without one of D1's own, only the primary is sure to have seen it.
        Consistency::AtLeast(bookmark) => bookmark.backend().unwrap_or(PRIMARY),
    }
}

#[cfg(test)]
mod tests {
    use stratus_storage::Bookmark;

    use super::*;

    #[test]
    fn a_bookmark_without_one_of_d1_reads_the_primary() {
        let at_least =
            |backend: Option<&str>| Consistency::AtLeast(Bookmark::new(7, backend.map(str::to_owned)));
        for (consistency, expected) in [
            (Consistency::Any, "first-unconstrained"),
            (Consistency::Primary, "first-primary"),
            (at_least(None), "first-primary"),
            (at_least(Some("00000001-0a")), "00000001-0a"),
        ] {
            assert_eq!(anchor(&consistency), expected);
        }
    }
}
