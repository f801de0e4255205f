//! From names to fields: what a choice of fields means for a collection and a caller.

use std::{collections::BTreeMap, sync::Arc};

use stratus_access::{Action, Caller};
use stratus_document::{Branch, Collection, Registry, Selection, Unselectable};

use super::syntax::Item;

/// Why names mean nothing, or nothing yet.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// What is wrong, and where.
    Fault(String),
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
        self.choose(&mut selection, Selection::ROOT, "", items)?;
        Ok(selection)
    }

    /// Chooses below the references at `path`.
    fn choose(
        &self,
        selection: &mut Selection,
        branch: Branch,
        path: &str,
        items: &[Item<'_>],
    ) -> Result<(), Unresolved> {
        for item in items {
            let here = if path.is_empty() { item.name.to_owned() } else { format!("{path}.{}", item.name) };
            let Some(inner) = &item.inner else {
                let shown = selection.show(branch, item.name);
                shown.map_err(|it| fault(selection.collection(branch), &here, path, it))?;
                continue;
            };
            let collection = Arc::clone(selection.collection(branch));
            let fault = |it| fault(&collection, &here, path, it);
            let target = self.target(selection.target(branch, item.name).map_err(fault)?, fault)?;
            let next = selection.follow(branch, item.name, target).map_err(fault)?;
            self.choose(selection, next, &here, inner)?;
        }
        Ok(())
    }

    /// The collection that a field refers into. One that the caller may not know of makes the field
    /// look as if it were not there: nothing in its parentheses is looked at.
    fn target(
        &self,
        name: &str,
        fault: impl Fn(Unselectable) -> Unresolved,
    ) -> Result<&'a Arc<Collection>, Unresolved> {
        let unknown = || fault(Unselectable::Unknown);
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

/// What is wrong with the field at the path `here`, below the references at `path`. A name that is
/// not there is not repeated.
fn fault(collection: &Collection, here: &str, path: &str, error: Unselectable) -> Unresolved {
    Unresolved::Fault(match error {
        Unselectable::Unknown => {
            let public = collection.fields().iter().filter(|it| !it.definition().private);
            let public = public.map(|it| it.name()).collect::<Vec<_>>().join(", ");
            let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
            format!("names a field{place} that is not there; there are {public}")
        }
        Unselectable::Twice => format!("names `{here}` twice"),
        Unselectable::NoReference => format!("opens parentheses after `{here}`, which is no reference"),
    })
}
