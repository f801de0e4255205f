//! From names to fields: what a choice of fields means for a collection and a caller.

use std::{collections::BTreeMap, sync::Arc};

use stratus_access::{Action, Caller};
use stratus_document::{Branch, Collection, Registry, Selection, Unselectable};

use super::syntax::Item;

/// Why names mean nothing, or nothing yet.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// What is wrong, `{at}` being the place, and the place in bytes.
    Fault { why: String, at: usize },
    /// Only the database can tell whether the caller may know of the collection of this name.
    Doubt(String),
}

/// Resolves names for one caller.
pub(super) struct Resolver<'a> {
    registry: &'a Registry,
    caller: &'a Caller,
    /// What was found out about collections in which the caller has no grant.
    learnt: BTreeMap<String, bool>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(registry: &'a Registry, caller: &'a Caller) -> Self {
        Self { registry, caller, learnt: BTreeMap::new() }
    }

    /// Keeps whether the caller may know of a collection.
    pub(super) fn learn(&mut self, name: String, is_there: bool) {
        self.learnt.insert(name, is_there);
    }

    /// What the items mean.
    pub(super) fn resolve(
        &self,
        collection: &Arc<Collection>,
        items: &[Item<'_>],
    ) -> Result<Selection, Unresolved> {
        let mut selection = Selection::of(collection);
        self.choose(&mut selection, Selection::ROOT, items)?;
        Ok(selection)
    }

    fn choose(
        &self,
        selection: &mut Selection,
        branch: Branch,
        items: &[Item<'_>],
    ) -> Result<(), Unresolved> {
        for item in items {
            let Some(inner) = &item.inner else {
                let shown = selection.show(branch, item.name);
                shown.map_err(|it| fault(selection, branch, item, it))?;
                continue;
            };
            let target = self.target(selection, branch, item)?;
            let followed = selection.follow(branch, item.name, target);
            let next = followed.map_err(|it| fault(selection, branch, item, it))?;
            self.choose(selection, next, inner)?;
        }
        Ok(())
    }

    /// The collection that a field refers into. One that the caller may not know of makes the field
    /// look as if it were not there: nothing in its parentheses is looked at.
    fn target(
        &self,
        selection: &Selection,
        branch: Branch,
        item: &Item<'_>,
    ) -> Result<&'a Arc<Collection>, Unresolved> {
        let name = selection.target(branch, item.name).map_err(|it| fault(selection, branch, item, it))?;
        let unknown = || fault(selection, branch, item, Unselectable::Unknown);
        let target = self.registry.collection(name).ok_or_else(unknown)?;
        if target.allows(self.caller, Action::Read) {
            return Ok(target);
        }
        match self.learnt.get(name) {
            Some(true) => Ok(target),
            Some(false) => Err(unknown()),
            None => Err(Unresolved::Doubt(name.to_owned())),
        }
    }
}

fn fault(selection: &Selection, branch: Branch, item: &Item<'_>, error: Unselectable) -> Unresolved {
    let why = match error {
        Unselectable::Unknown => {
            let fields = selection.collection(branch).fields().iter();
            let public = fields.filter(|it| !it.definition().private).map(|it| it.name());
            let public = public.collect::<Vec<_>>().join(", ");
            format!("names a field that is not there at {{at}}; there are {public}")
        }
        Unselectable::Twice => "names a field twice at {at}".to_owned(),
        Unselectable::NoReference => {
            "opens parentheses after a field that is no reference at {at}".to_owned()
        }
    };
    Unresolved::Fault { why, at: item.at }
}
