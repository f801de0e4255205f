//! Documents and what becomes of them.

use proptest::{prelude::*, sample::select};
use stratus_access::{Action, Effect, Entry, Principal};

use crate::{Content, content::content};

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// Never published.
    Draft,
    /// Published, and visible.
    Public,
    /// Published for a time that is ahead.
    Ahead,
    /// Published for a time that is over.
    Over,
    /// Published, and then put in the trash.
    Trashed,
}

/// A document, as whoever asks has to make it: published with [`public`](Self::public) unless it is
/// a draft, then changed to [`head`](Self::head), given its [`entries`](Self::entries), and put in
/// the trash where that is its fate.
#[derive(Clone, Debug)]
pub struct Doc {
    /// One of [`COLLECTIONS`](crate::COLLECTIONS).
    pub collection: &'static str,
    /// What became of it.
    pub fate: Fate,
    /// What the first version says.
    pub public: Content,
    /// What the latest says, often the same.
    pub head: Content,
    pub(crate) hidden_from_public: bool,
    pub(crate) hidden_from_editor: bool,
    pub(crate) shared_with_public: bool,
    pub(crate) editable_by_editor: bool,
}

impl Doc {
    /// The first of all: something of the vault that the public may see, so that it reaches all
    /// collections.
    fn open() -> Self {
        Self {
            collection: "vault",
            fate: Fate::Public,
            public: Content::default(),
            head: Content { name: Some("open"), ..Content::default() },
            hidden_from_public: false,
            hidden_from_editor: false,
            shared_with_public: true,
            editable_by_editor: false,
        }
    }

    /// Its own permissions.
    pub fn entries(&self) -> Vec<Entry> {
        let (public, editor) = (Principal::Public, Principal::Role("editor".to_owned()));
        let entry =
            |principal: &Principal, action, effect| Entry { principal: principal.clone(), action, effect };
        let mut entries = Vec::new();
        if self.hidden_from_public {
            entries.push(entry(&public, Action::Read, Effect::Deny));
        } else if self.shared_with_public {
            entries.push(entry(&public, Action::Read, Effect::Allow));
        }
        if self.hidden_from_editor {
            entries.push(entry(&editor, Action::Read, Effect::Deny));
        }
        if self.editable_by_editor {
            entries.push(entry(&editor, Action::Update, Effect::Allow));
        }
        entries
    }
}

/// Documents to be made in their order: each refers to earlier ones only.
pub fn documents() -> impl Strategy<Value = Vec<Doc>> {
    prop::collection::vec(doc(), 0..16).prop_map(|docs| [vec![Doc::open()], docs].concat())
}

fn doc() -> impl Strategy<Value = Doc> {
    let fates =
        vec![Fate::Public, Fate::Public, Fate::Public, Fate::Draft, Fate::Ahead, Fate::Over, Fate::Trashed];
    let rarely = || prop::bool::weighted(0.15);
    let collections = select(vec!["things", "things", "people", "vault"]);
    let head = prop::option::weighted(0.3, content());
    (collections, select(fates), content(), head, rarely(), rarely(), any::<bool>(), rarely()).prop_map(
        |(collection, fate, public, head, hidden_from_public, hidden_from_editor, shared, editable)| Doc {
            collection,
            fate,
            head: head.unwrap_or_else(|| public.clone()),
            public,
            hidden_from_public,
            hidden_from_editor,
            shared_with_public: shared && collection == "vault",
            editable_by_editor: editable,
        },
    )
}
