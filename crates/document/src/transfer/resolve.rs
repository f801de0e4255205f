//! What lines name by a slug, or by an id that turned out to be another, as ids.

use std::{
    collections::{BTreeSet, HashMap},
    io::{Read, Seek},
};

use stratus_storage::parse_uuid;

use super::{
    batch::Item,
    line::{Body, Line},
    references::each_reference,
    run::{Halt, Run},
    stage::{Staged, State},
    target::Spot,
};
use crate::{collection::Collection, validate::FieldError};

/// What a slug stands for.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Root(String),
    /// A line that is not imported.
    Failed(u64),
}

impl<S: Read + Seek + Send> Run<'_, S> {
    /// Puts ids in the place of slugs, and of ids that turned out to be others.
    pub(super) async fn resolve(&mut self, lines: &[Staged], items: &mut [Item]) -> Result<(), Halt> {
        let mut slugs = BTreeSet::new();
        let mut ids = BTreeSet::new();
        let renames = self.has_renames;
        for (staged, item) in lines.iter().zip(items.iter_mut()) {
            let Some(line) = &mut item.line else { continue };
            let locale = line.locale.clone().unwrap_or_else(|| staged.locale.clone());
            line.each_reference(&item.collection, &mut |_, to, text| match parse_uuid(text) {
                Ok(id) if renames => {
                    ids.insert(id.to_owned());
                }
                Ok(_) => {}
                Err(_) => {
                    slugs.insert((to.to_owned(), locale.clone(), text.clone()));
                }
            });
        }
        if slugs.is_empty() && ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().map(String::as_str).collect::<Vec<_>>();
        let renamed: HashMap<_, _> = self.stage.renamed(&ids).await?.into_iter().collect();
        let found = self.find_slugs(&slugs).await?;
        for (staged, item) in lines.iter().zip(items.iter_mut()) {
            let Some(line) = &mut item.line else { continue };
            let locale = line.locale.clone().unwrap_or_else(|| staged.locale.clone());
            let mut faults = Vec::new();
            line.each_reference(&item.collection, &mut |at, to, text| {
                if let Some(root) = renamed.get(text.as_str()) {
                    text.clone_from(root);
                } else if parse_uuid(text).is_err() {
                    match found.get(&(to.to_owned(), locale.clone(), text.clone())) {
                        Some(Found::Root(root)) => text.clone_from(root),
                        Some(Found::Failed(line)) => faults.push(not_imported(at, *line)),
                        None => faults.push(missing(at, to, text)),
                    }
                }
            });
            if !faults.is_empty() {
                item.fail(faults);
            }
        }
        Ok(())
    }

    /// The documents that slugs stand for, each in a collection and seen from a locale: at the top,
    /// in that locale or else in the collection's own.
    pub(super) async fn find_slugs(
        &self,
        slugs: &BTreeSet<(String, String, String)>,
    ) -> Result<HashMap<(String, String, String), Found>, Halt> {
        let target = &self.importer.target;
        let default = |collection: &str| {
            target
                .registry
                .collection(collection)
                .map(|it| it.default_locale().to_owned())
                .unwrap_or_default()
        };
        let mut spots = BTreeSet::<Spot>::new();
        for (collection, locale, slug) in slugs {
            for locale in [locale.clone(), default(collection)] {
                spots.insert((collection.clone(), locale, String::new(), slug.clone()));
            }
        }
        let pairs = slugs.iter().map(|it| (it.0.as_str(), it.2.as_str())).collect::<BTreeSet<_>>();
        let staged = self.stage.of_slugs(&pairs.into_iter().collect::<Vec<_>>()).await?;
        let there = if self.is_fresh { HashMap::new() } else { target.heads_with(&spots).await? };
        let mut found = HashMap::new();
        for key in slugs {
            let (collection, locale, slug) = key;
            let own = default(collection);
            let of = |it: &&Staged| it.collection == *collection && it.slug.as_ref() == Some(slug);
            let mut in_file = staged.iter().filter(of).filter(|it| it.parent.is_empty());
            let mut root = None;
            for locale in [locale, &own] {
                let line = in_file.clone().find(|it| it.locale == *locale && it.state != State::Failed);
                let spot = (collection.clone(), locale.clone(), String::new(), slug.clone());
                root =
                    root.or_else(|| line.map(|it| it.root_id.clone())).or_else(|| there.get(&spot).cloned());
            }
            let failed = || in_file.find(|it| it.state == State::Failed).map(|it| Found::Failed(it.line()));
            if let Some(it) = root.map(Found::Root).or_else(failed) {
                found.insert(key.clone(), it);
            }
        }
        Ok(found)
    }
}

impl Line {
    /// Hands out the references of its rows, as far as they are checked.
    fn each_reference<'c>(
        &mut self,
        collection: &'c Collection,
        visit: &mut dyn FnMut(&str, &'c str, &mut String),
    ) {
        match &mut self.body {
            Body::Bare(bare) => each_reference(collection, &mut bare.fields, "/fields", visit),
            Body::Exact { published, head, .. } => {
                for (row, at) in [(published, "/published/fields"), (head, "/head/fields")] {
                    if let Some(row) = row {
                        each_reference(collection, &mut row.fields, at, visit);
                    }
                }
            }
        }
    }
}

pub(super) fn missing(at: &str, collection: &str, target: &str) -> FieldError {
    let target = crate::validate::shorten(target);
    FieldError::new(at, "missing_reference", format!("there is no document `{target}` in `{collection}`"))
}

pub(super) fn not_imported(at: &str, line: u64) -> FieldError {
    FieldError::new(at, "missing_reference", format!("refers to line {line}, which is not imported"))
}
