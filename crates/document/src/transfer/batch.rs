//! A batch of lines on its way into the database: read again, resolved, checked, compared.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{Read, Seek},
    sync::Arc,
};

use stratus_storage::parse_uuid;

use super::{
    line::{Body, Line},
    plan::Plan,
    resolve::{missing, not_imported},
    run::{Halt, Run},
    stage::{Staged, State},
    stored::{Existing, existing},
    wanted::{Position, Wanted},
    write::{Batch, Document, Writer},
};
use crate::{collection::Collection, definition::Strength, service::Member, validate::FieldError};

/// What is to be written of some lines, and what is to be said of the others.
pub(super) struct Prepared {
    pub(super) lines: Vec<Staged>,
    pub(super) batch: Option<Batch>,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Place, document and collection of those that are there once the batch is written.
    pub(super) done: Vec<(i64, String, String)>,
    pub(super) faults: Vec<Fault>,
    /// Which place waits for which document.
    pub(super) waits: Vec<(i64, String)>,
}

impl Prepared {
    /// Its lines that are neither refused nor wait: what was said of the others stands.
    pub(super) fn into_open(self) -> Vec<Staged> {
        let refused = self.faults.iter().map(|it| it.place);
        let settled: BTreeSet<_> = refused.chain(self.waits.iter().map(|it| it.0)).collect();
        self.lines.into_iter().filter(|it| !settled.contains(&it.place)).collect()
    }
}

/// A line that is not imported.
pub(super) struct Fault {
    pub(super) place: i64,
    pub(super) line: u64,
    pub(super) root_id: String,
    pub(super) errors: Vec<FieldError>,
}

/// One line of the batch.
pub(super) struct Item {
    pub(super) collection: Arc<Collection>,
    pub(super) line: Option<Line>,
    wanted: Option<Wanted>,
    targets: Vec<Needed>,
    fate: Fate,
}

/// A document that must be live for a line to be written.
struct Needed {
    collection: String,
    id: String,
    /// Where the line names it.
    at: String,
    /// It need not: that the line names it changes nothing.
    may_be_gone: bool,
}

/// What becomes of a line.
pub(super) enum Fate {
    Goes,
    Waits(BTreeSet<String>),
    Fails(Vec<FieldError>),
}

impl Item {
    fn goes(&self) -> bool {
        matches!(self.fate, Fate::Goes)
    }

    pub(super) fn fail(&mut self, errors: Vec<FieldError>) {
        match &mut self.fate {
            Fate::Fails(before) => before.extend(errors),
            fate => *fate = Fate::Fails(errors),
        }
    }
}

impl<S: Read + Seek + Send> Run<'_, S> {
    /// Prepares lines; nothing is written or told yet.
    pub(super) async fn prepare(&mut self, lines: Vec<Staged>) -> Result<Prepared, Halt> {
        let mut items = self.read(&lines)?;
        self.resolve(&lines, &mut items).await?;
        let there = self.look(&lines, &mut items).await?;
        self.check(&lines, &mut items, &there).await?;
        self.find_targets(&lines, &mut items).await?;
        settle_fates(&lines, &mut items);
        self.plan(lines, items, &there)
    }

    fn read(&mut self, lines: &[Staged]) -> Result<Vec<Item>, Halt> {
        let mut items = Vec::with_capacity(lines.len());
        for staged in lines {
            let registry = &self.importer.target.registry;
            let Some(collection) = registry.collection(&staged.collection).cloned() else { continue };
            let text = self.source.at(staged.position, staged.bytes)?;
            let parsed =
                text.map_err(|fault| vec![fault]).and_then(|text| Line::parse(text).map_err(|it| it.0));
            let (line, fate) = match parsed {
                Ok(line) => (Some(line), Fate::Goes),
                Err(faults) => (None, Fate::Fails(faults)),
            };
            items.push(Item { collection, line, wanted: None, targets: Vec::new(), fate });
        }
        Ok(items)
    }

    /// What is there of the documents.
    async fn look(&self, lines: &[Staged], items: &mut [Item]) -> Result<BTreeMap<String, Existing>, Halt> {
        if self.is_fresh {
            return Ok(BTreeMap::new());
        }
        let target = &self.importer.target;
        let ids = lines.iter().map(|it| it.root_id.as_str()).collect::<Vec<_>>();
        let there = existing(&target.database, target.tenant.as_str(), &ids).await?;
        for (staged, item) in lines.iter().zip(items.iter_mut()) {
            let Some(head) = there.get(&staged.root_id).map(|it| &it.head) else { continue };
            if head.tenant != target.tenant.as_str() {
                item.fail(vec![FieldError::new("/id", "taken", "the id is taken by another tenant")]);
            } else if head.collection != item.collection.name() {
                let message = format!("the id is that of a document in `{}`", head.collection);
                item.fail(vec![FieldError::new("/id", "taken", message)]);
            }
        }
        Ok(there)
    }

    /// Checks contents, parents and, where it has to be careful, what is unique.
    async fn check(
        &mut self,
        lines: &[Staged],
        items: &mut [Item],
        there: &BTreeMap<String, Existing>,
    ) -> Result<(), Halt> {
        let row_bytes = self.importer.target.row_bytes();
        for (staged, item) in lines.iter().zip(items.iter_mut()) {
            let Some(line) = item.line.take().filter(|_| item.goes()) else { continue };
            let existing = there.get(&staged.root_id);
            let position = match position(&item.collection, staged, &line, existing) {
                Ok(position) => position,
                Err(fault) => {
                    item.fail(vec![fault]);
                    continue;
                }
            };
            match Wanted::of(&item.collection, line, position, existing, row_bytes) {
                Ok(wanted) => item.needs(&staged.root_id, wanted),
                Err(faults) => item.fail(faults),
            }
        }
        self.check_parents(lines, items, there).await?;
        if !self.is_careful {
            return Ok(());
        }
        let wanted = lines.iter().zip(items.iter()).enumerate().filter_map(|(n, (staged, item))| {
            let wanted = item.wanted.as_ref().filter(|_| item.goes())?;
            Some((n, (&*item.collection, staged.root_id.as_str(), wanted)))
        });
        let (at, wanted): (Vec<_>, Vec<_>) = wanted.unzip();
        let clashes = self.importer.target.clashes(&wanted).await?;
        drop(wanted);
        for (n, fault) in clashes {
            if let Some(item) = at.get(n).and_then(|n| items.get_mut(*n)) {
                item.fail(vec![fault]);
            }
        }
        Ok(())
    }

    /// No document may be below itself. One that is new can be so only by others that are.
    async fn check_parents(
        &self,
        lines: &[Staged],
        items: &mut [Item],
        there: &BTreeMap<String, Existing>,
    ) -> Result<(), Halt> {
        let mut moved = HashMap::new();
        for (staged, item) in lines.iter().zip(items.iter()) {
            if let Some(wanted) = &item.wanted {
                moved.insert(staged.root_id.as_str(), wanted.head.parent.as_deref());
            }
        }
        let mut below = Vec::new();
        for (n, (staged, item)) in lines.iter().zip(items.iter()).enumerate() {
            let Some(parent) = item.wanted.as_ref().and_then(|it| it.head.parent.as_deref()) else {
                continue;
            };
            let is_below = match there.get(&staged.root_id) {
                Some(existing) if existing.head.parent.as_deref() == Some(parent) => false,
                Some(_) => self.importer.target.is_below(&staged.root_id, parent, &moved).await?,
                None => is_in_circle(&staged.root_id, parent, &moved),
            };
            if is_below {
                below.push(n);
            }
        }
        for n in below {
            if let Some(item) = items.get_mut(n) {
                item.fail(vec![FieldError::new("/parent", "cycle", "the document would be below itself")]);
            }
        }
        Ok(())
    }

    /// Finds out of each target whether it is there, comes later, or never.
    async fn find_targets(&mut self, lines: &[Staged], items: &mut [Item]) -> Result<(), Halt> {
        let roots = lines.iter().map(|it| it.root_id.as_str()).collect::<BTreeSet<_>>();
        let all = items.iter().filter(|it| it.goes()).flat_map(|it| &it.targets);
        let unknown: BTreeSet<&str> = all
            .map(|it| it.id.as_str())
            .filter(|id| !self.live.contains_key(*id) && !roots.contains(id))
            .collect();
        let unknown = unknown.into_iter().collect::<Vec<_>>();
        let live = if self.knows_all || unknown.is_empty() {
            Vec::new()
        } else {
            self.importer.target.live(&unknown).await?
        };
        self.live.extend(live);
        let missing_ids: Vec<_> = unknown.into_iter().filter(|id| !self.live.contains_key(*id)).collect();
        let staged =
            if missing_ids.is_empty() { Vec::new() } else { self.stage.of_roots(&missing_ids).await? };
        let staged: HashMap<_, _> = staged.into_iter().map(|it| (it.root_id.clone(), it)).collect();
        let horizon = if self.cursor == i64::MAX { i64::MAX } else { lines.last().map_or(0, |it| it.place) };
        let mut found = Vec::new();
        for item in items.iter_mut().filter(|it| it.goes()) {
            let (mut waits, mut faults) = (BTreeSet::new(), Vec::new());
            for Needed { collection, id, at, may_be_gone } in &item.targets {
                let it = match (self.live.get(id), staged.get(id)) {
                    _ if roots.contains(id.as_str()) => continue,
                    (Some(of), _) if of == collection => continue,
                    (None, Some(line)) if line.collection == *collection => line,
                    (None, None) if *may_be_gone => continue,
                    _ => {
                        faults.push(missing(at, collection, id));
                        continue;
                    }
                };
                match it.state {
                    State::Failed => faults.push(not_imported(at, it.line())),
                    State::Waits => drop(waits.insert(id.clone())),
                    State::Staged if it.place > horizon => drop(waits.insert(id.clone())),
                    _ if self.importer.is_trial => found.push((id.clone(), collection.clone())),
                    _ if *may_be_gone => {}
                    _ => faults.push(missing(at, collection, id)),
                }
            }
            if !faults.is_empty() {
                item.fail(faults);
            } else if !waits.is_empty() {
                item.fate = Fate::Waits(waits);
            }
        }
        self.live.extend(found);
        Ok(())
    }

    fn plan(
        &self,
        lines: Vec<Staged>,
        items: Vec<Item>,
        there: &BTreeMap<String, Existing>,
    ) -> Result<Prepared, Halt> {
        let importer = self.importer;
        let now = importer.clock.now();
        let mut prepared = Prepared {
            lines: Vec::new(),
            batch: None,
            created: 0,
            updated: 0,
            unchanged: 0,
            done: Vec::new(),
            faults: Vec::new(),
            waits: Vec::new(),
        };
        let mut plans = Vec::new();
        for (staged, item) in lines.iter().zip(items) {
            match (item.fate, item.wanted) {
                (Fate::Goes, Some(wanted)) => {
                    let existing = there.get(&staged.root_id);
                    let plan = Plan::of(&item.collection, wanted, existing, now)?;
                    match (&plan, existing) {
                        (None, _) => prepared.unchanged += 1,
                        (Some(_), None) => prepared.created += 1,
                        (Some(_), Some(_)) => prepared.updated += 1,
                    }
                    let (collection, root_id) = (item.collection, staged.root_id.as_str());
                    plans.extend(plan.map(|plan| Document { collection, root_id, plan }));
                    prepared.done.push((staged.place, staged.root_id.clone(), staged.collection.clone()));
                }
                (Fate::Waits(targets), _) => {
                    prepared.waits.extend(targets.into_iter().map(|target| (staged.place, target)));
                }
                (Fate::Fails(errors), _) => {
                    let (place, line, root_id) = (staged.place, staged.line(), staged.root_id.clone());
                    prepared.faults.push(Fault { place, line, root_id, errors });
                }
                (Fate::Goes, None) => {}
            }
        }
        if !importer.is_trial && !plans.is_empty() {
            let writer = Writer {
                tenant: &importer.target.tenant,
                caller: &importer.caller,
                clock: &*importer.clock,
                entropy: &*importer.entropy,
            };
            prepared.batch = Some(writer.batch(plans));
        }
        prepared.lines = lines;
        Ok(prepared)
    }
}

impl Item {
    /// Notes what the document is to be, and which others that takes.
    fn needs(&mut self, root_id: &str, wanted: Wanted) {
        for row in wanted.live_rows() {
            let strong = row.derived.references.iter().filter(|it| it.strength == Strength::Strong);
            let strong = strong.filter(|it| it.target != root_id).map(|it| Needed {
                collection: it.collection.clone(),
                id: it.target.clone(),
                at: row.pointer(&it.pointer),
                may_be_gone: false,
            });
            self.targets.extend(strong);
            let parent = row.parent.iter().filter(|it| *it != root_id).map(|id| Needed {
                collection: self.collection.name().to_owned(),
                id: id.clone(),
                at: row.parent_at.clone(),
                may_be_gone: wanted.stored_parents.contains(id),
            });
            self.targets.extend(parent);
        }
        self.wanted = Some(wanted);
    }
}

/// Where a document stands: what its line says, over what was found out about it, over what is there.
fn position(
    collection: &Collection,
    staged: &Staged,
    line: &Line,
    existing: Option<&Existing>,
) -> Result<Position, FieldError> {
    let head = existing.map(|it| &it.head);
    let derives = collection.definition().slug.is_some();
    let slug = match (&line.slug, &line.body, head) {
        (Member::Absent, _, Some(head)) if !derives => head.slug.clone(),
        _ => staged.slug.clone(),
    };
    let locale = match (&line.locale, head) {
        (None, Some(head)) => head.locale.clone(),
        _ => staged.locale.clone(),
    };
    let parent = match (&line.parent, &line.body, head) {
        (Member::Absent, Body::Bare(_), Some(head)) => head.parent.clone(),
        _ if staged.parent.is_empty() => None,
        _ if parse_uuid(&staged.parent).is_err() => {
            return Err(missing("/parent", collection.name(), &staged.parent));
        }
        _ => Some(staged.parent.clone()),
    };
    if parent.as_ref() == Some(&staged.root_id) {
        return Err(FieldError::new("/parent", "cycle", "a document can't be its own parent"));
    }
    Ok(Position { slug, locale, parent })
}

/// Whether a document comes back to itself by parents that are in the batch.
fn is_in_circle(root: &str, parent: &str, moved: &HashMap<&str, Option<&str>>) -> bool {
    let mut at = parent;
    for _ in 0..=moved.len() {
        if at == root {
            return true;
        }
        match moved.get(at) {
            Some(Some(above)) => at = above,
            _ => return false,
        }
    }
    false
}

/// A line goes only if those of its batch go that it refers to.
fn settle_fates(lines: &[Staged], items: &mut [Item]) {
    let index: HashMap<&str, usize> =
        lines.iter().enumerate().map(|(n, it)| (it.root_id.as_str(), n)).collect();
    let mut again = true;
    while again {
        again = false;
        for n in 0..items.len() {
            let Some(item) = items.get(n).filter(|it| it.goes()) else { continue };
            let (mut waits, mut faults) = (BTreeSet::new(), Vec::new());
            for Needed { collection, id, at, .. } in &item.targets {
                let Some((other, line)) =
                    index.get(id.as_str()).and_then(|&n| items.get(n).zip(lines.get(n)))
                else {
                    continue;
                };
                match &other.fate {
                    _ if other.collection.name() != collection => faults.push(missing(at, collection, id)),
                    Fate::Goes => {}
                    Fate::Waits(_) => drop(waits.insert(id.clone())),
                    Fate::Fails(_) => faults.push(not_imported(at, line.line())),
                }
            }
            let fate = match (faults.is_empty(), waits.is_empty()) {
                (false, _) => Fate::Fails(faults),
                (true, false) => Fate::Waits(waits),
                (true, true) => continue,
            };
            if let Some(item) = items.get_mut(n) {
                item.fate = fate;
                again = true;
            }
        }
    }
}
