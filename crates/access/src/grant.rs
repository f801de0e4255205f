//! Actions, and who was granted them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{InvalidPrincipal, Principal};

/// What can be done to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// See what is published.
    Read,
    /// Make a new one.
    Create,
    /// See drafts, trash and history, and change the draft.
    Update,
    /// Put it in the trash and take it out again.
    Delete,
    /// Publish, unpublish, and set publish windows.
    Publish,
    /// Erase it, and change its permissions.
    Manage,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Create, Self::Update, Self::Delete, Self::Publish, Self::Manage];

    /// Its name, as definitions and `document_permissions` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Publish => "publish",
            Self::Manage => "manage",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrant {
    /// No such action.
    #[error("`{0}` is not an action: read, create, update, delete, publish or manage")]
    Action(String),
    /// No such effect.
    #[error("`{0}` is not an effect: allow or deny")]
    Effect(String),
    /// No such principal.
    #[error(transparent)]
    Principal(#[from] InvalidPrincipal),
}

impl FromStr for Action {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let found = Self::ALL.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| InvalidGrant::Action(text.to_owned()))
    }
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionSet(u8);

impl ActionSet {
    /// Whether an action is in it.
    pub fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// The set with an action added.
    #[must_use]
    pub fn with(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u8)
    }

    /// Its actions, in their order.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |it| self.contains(*it))
    }
}

impl FromIterator<Action> for ActionSet {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        actions.into_iter().fold(Self::default(), Self::with)
    }
}

/// The base grants of a collection: who may do what to any of its documents.
///
/// As JSON, `{"public": ["read"], "role:editor": ["read", "update"]}`. The role `admin` holds every
/// action without being named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(BTreeMap<Principal, ActionSet>);

impl Grants {
    /// Grants with one more.
    #[must_use]
    pub fn allow(mut self, principal: Principal, actions: impl IntoIterator<Item = Action>) -> Self {
        let set = self.0.entry(principal).or_default();
        *set = actions.into_iter().fold(*set, ActionSet::with);
        self
    }

    /// Whether a principal was granted an action.
    pub fn allows(&self, principal: &Principal, action: Action) -> bool {
        *principal == Principal::admin() || self.0.get(principal).is_some_and(|set| set.contains(action))
    }

    /// Everyone who is named.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.0.keys()
    }
}

impl Serialize for Grants {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.0.iter().map(|(who, set)| (who.to_string(), set.iter().collect::<Vec<_>>())))
    }
}

impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = BTreeMap::<String, Vec<Action>>::deserialize(deserializer)?;
        let parsed =
            named.into_iter().map(|(who, actions)| Ok((who.parse()?, actions.into_iter().collect())));
        parsed.collect::<Result<_, InvalidPrincipal>>().map(Self).map_err(de::Error::custom)
    }
}

/// What an entry of a document's own permissions does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Grants the action.
    Allow,
    /// Refuses it, whatever else allows it.
    Deny,
}

impl Effect {
    /// Its name, as `document_permissions` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl FromStr for Effect {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let found = [Self::Allow, Self::Deny].into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| InvalidGrant::Effect(text.to_owned()))
    }
}

/// One entry of a document's own permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whom it speaks of.
    pub principal: Principal,
    /// Which action.
    pub action: Action,
    /// What it does.
    pub effect: Effect,
}
