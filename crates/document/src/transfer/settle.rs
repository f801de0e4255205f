//! Between staging and writing: which documents the lines are of, where they stand, and whether two
//! lines are of one.

use std::{
    collections::{BTreeSet, HashMap},
    io::{Read, Seek},
};

use stratus_storage::parse_uuid;

use super::{
    resolve::Found,
    run::{Halt, Run},
    stage::{Staged, State, line_of},
    target::Spot,
};
use crate::validate::FieldError;

/// How many lines are looked at together.
const STEP: u32 = 1_000;
/// How many slugs are tried before one is made of the id.
const CANDIDATES: usize = 9;

impl<S: Read + Seek + Send> Run<'_, S> {
    /// Finds out what is not said: first at the top, then of those with a parent, which may be
    /// named by its slug.
    pub(super) async fn settle(&mut self) -> Result<(), Halt> {
        // Of an import that was interrupted: what is settled is not found out again.
        self.has_renames = self.stage.has_renames().await?;
        if !self.is_fresh || self.has_open {
            for is_top in [true, false] {
                let mut after = -1;
                loop {
                    let lines = self.stage.after(after, STEP).await?;
                    let Some(last) = lines.last() else { break };
                    after = last.place;
                    let settles = |it: &Staged| it.parent.is_empty() == is_top && it.state != State::Failed;
                    let lines: Vec<_> = lines.into_iter().filter(settles).collect();
                    if !lines.is_empty() {
                        self.settle_lines(lines).await?;
                    }
                }
            }
        }
        self.refuse_doubles().await
    }

    async fn settle_lines(&mut self, lines: Vec<Staged>) -> Result<(), Halt> {
        let before = lines.clone();
        let mut lines = lines;
        self.find_parents(&mut lines).await?;
        let target = self.importer.target.clone();
        let ids = lines.iter().map(|it| it.root_id.as_str()).collect::<Vec<_>>();
        let there = if self.is_fresh { HashMap::new() } else { target.roots(&ids).await? };
        let spots = lines.iter().filter(|it| !there.contains_key(&it.root_id)).filter_map(spot).collect();
        let found = if self.is_fresh { HashMap::new() } else { target.heads_with(&spots).await? };
        for line in &mut lines {
            let root =
                spot(line).filter(|_| !there.contains_key(&line.root_id)).and_then(|it| found.get(&it));
            if let Some(root) = root {
                line.root_id.clone_from(root);
                self.has_renames |= line.given_id.is_some();
            }
            if let Some(it) =
                there.get(&line.root_id).filter(|it| it.is_ours && it.collection == line.collection)
                && line.base.is_some()
            {
                line.slug.clone_from(&it.slug);
            }
        }
        self.choose_slugs(&mut lines).await?;
        let differs = |(now, before): &(Staged, Staged)| {
            now.root_id != before.root_id || now.slug != before.slug || now.parent != before.parent
        };
        let changed = lines.into_iter().zip(before).filter(differs).map(|it| it.0).collect::<Vec<_>>();
        if !changed.is_empty() {
            self.stage.settle(&changed).await?;
        }
        Ok(())
    }

    /// Puts ids in the place of parents' slugs. One that is not found stays, and is a fault later.
    async fn find_parents(&mut self, lines: &mut [Staged]) -> Result<(), Halt> {
        let is_slug = |it: &&Staged| !it.parent.is_empty() && parse_uuid(&it.parent).is_err();
        let slugs: BTreeSet<_> = lines
            .iter()
            .filter(is_slug)
            .map(|it| (it.collection.clone(), it.locale.clone(), it.parent.clone()))
            .collect();
        let found = if slugs.is_empty() { HashMap::new() } else { self.find_slugs(&slugs).await? };
        let ids = lines.iter().map(|it| it.parent.as_str()).filter(|it| parse_uuid(it).is_ok());
        let ids = ids.collect::<Vec<_>>();
        let renamed = if self.has_renames { self.stage.renamed(&ids).await? } else { Vec::new() };
        let renamed: HashMap<_, _> = renamed.into_iter().collect();
        for line in lines.iter_mut() {
            let key = (line.collection.clone(), line.locale.clone(), line.parent.clone());
            if let Some(Found::Root(root)) = found.get(&key) {
                line.parent.clone_from(root);
            } else if let Some(root) = renamed.get(&line.parent) {
                line.parent.clone_from(root);
            }
        }
        Ok(())
    }

    /// Of lines that have no slug and shall have one: the first that no document and no line has.
    async fn choose_slugs(&mut self, lines: &mut [Staged]) -> Result<(), Halt> {
        let wants = |it: &&mut Staged| it.base.is_some() && it.slug.is_none();
        let mut spots = BTreeSet::<Spot>::new();
        for line in lines.iter_mut().filter(wants) {
            spots.extend(candidates(line).into_iter().map(|slug| at(line, slug)));
        }
        if spots.is_empty() {
            return Ok(());
        }
        let target = &self.importer.target;
        let mut taken = if self.is_fresh { BTreeSet::new() } else { target.taken(&spots).await? };
        let pairs = spots.iter().map(|it| (it.0.as_str(), it.3.as_str())).collect::<BTreeSet<_>>();
        for line in self.stage.of_slugs(&pairs.into_iter().collect::<Vec<_>>()).await? {
            let slug = line.slug.clone().unwrap_or_default();
            taken.insert(at(&line, slug));
        }
        for line in lines.iter_mut().filter(wants) {
            let free = candidates(line).into_iter().find(|slug| !taken.contains(&at(line, slug.clone())));
            let slug = free.unwrap_or_else(|| {
                let base = line.base.as_deref().unwrap_or_default();
                format!("{base}-{}", line.root_id.rsplit('-').next().unwrap_or_default())
            });
            taken.insert(at(line, slug.clone()));
            line.slug = Some(slug);
        }
        Ok(())
    }

    /// Of two lines of one document, or with one slug, the later is a fault.
    async fn refuse_doubles(&mut self) -> Result<(), Halt> {
        let mut after = -1;
        while let Some(last) = self.stage.step(after).await? {
            for (place, other, is_slug) in self.stage.doubles(after + 1, last).await? {
                let other = line_of(other);
                let fault = if is_slug {
                    FieldError::new("/slug", "slug_taken", format!("line {other} has the same slug"))
                } else {
                    let message = format!(
                        "is of the same document as line {other}; two that are alike need an id or a slug each"
                    );
                    FieldError::new("/id", "duplicate", message)
                };
                self.fault(line_of(place), vec![fault])?;
                self.stage.failed_alone(place).await?;
            }
            after = last;
        }
        Ok(())
    }
}

/// Where a line's document stands, if it has a slug.
fn spot(line: &Staged) -> Option<Spot> {
    line.slug.clone().map(|slug| at(line, slug))
}

fn at(line: &Staged, slug: String) -> Spot {
    (line.collection.clone(), line.locale.clone(), line.parent.clone(), slug)
}

/// `title`, `title-2`, …
fn candidates(line: &Staged) -> Vec<String> {
    let Some(base) = &line.base else { return Vec::new() };
    let numbered = (2..=CANDIDATES).map(|n| format!("{base}-{n}"));
    [base.clone()].into_iter().chain(numbered).collect()
}
