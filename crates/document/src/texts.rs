//! The texts of the statements that most requests are answered by, kept with their collection.
//!
//! Such a text is a function of the collection and of a few properties of the request. To put it
//! together costs about as much as a quarter of what it makes SQLite do, so it is done once.

use std::sync::OnceLock;

use stratus_storage::Sql;

use crate::physical::State;

/// Where the text is kept that looks up what documents refer to: it is of no collection, and the same
/// beside drafts and trash.
pub(crate) fn targets(state: State, is_weighed: bool) -> &'static OnceLock<Sql> {
    static TEXTS: [[OnceLock<Sql>; 2]; 2] = [const { [const { OnceLock::new() }; 2] }; 2];
    &TEXTS[usize::from(state != State::Published)][usize::from(is_weighed)]
}

/// The texts of a collection's most frequent statements; each is put together when it is needed
/// first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    by_id: [[OnceLock<Sql>; 2]; 3],
    by_slug: [OnceLock<Sql>; 3],
    plain_lists: [OnceLock<Sql>; 3],
}

impl Texts {
    /// A read by id, with or without a locale.
    pub(crate) fn by_id(&self, state: State, has_locale: bool) -> &OnceLock<Sql> {
        &self.by_id[state as usize][usize::from(has_locale)]
    }

    /// A read by slug.
    pub(crate) fn by_slug(&self, state: State) -> &OnceLock<Sql> {
        &self.by_slug[state as usize]
    }

    /// The first page of a list in its default order, without filters.
    pub(crate) fn plain_list(&self, state: State) -> &OnceLock<Sql> {
        &self.plain_lists[state as usize]
    }
}
