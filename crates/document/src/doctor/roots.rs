//! Roots: one head that is the newest version, one public row at most, and rows that agree.

use serde_json::Value as Json;
use stratus_storage::{Row, Session, Statement, Timestamp, Value};

use super::{FindingKind, finding::Findings};

/// How many roots are looked at in one query.
const STEP: u32 = 100;

/// Roots of which something may be wrong, after a root. One walk finds none where all is well.
const SUSPECTS: &str = "SELECT root_id FROM documents WHERE root_id > ?1 GROUP BY root_id HAVING \
     sum(is_current_draft) <> 1 OR sum(is_published) > 1 \
     OR max(version_number) <> max(CASE WHEN is_current_draft = 1 THEN version_number ELSE -1 END) \
     OR min(version_number) < 1 OR min(revision) < 1 OR count(DISTINCT version_number) <> count(*) \
     OR sum(is_published = 1 AND published_at IS NULL) > 0 \
     OR (sum(deleted_at IS NOT NULL AND (is_current_draft = 1 OR is_published = 1)) \
      NOT IN (0, sum(is_current_draft = 1 OR is_published = 1))) \
     OR min(tenant_id) <> max(tenant_id) OR min(type_id) <> max(type_id) OR min(created_at) <> max(created_at) \
     ORDER BY root_id LIMIT ?2";

const VERSIONS: &str = "SELECT root_id, id, type_id, tenant_id, version_number, revision, is_current_draft, \
     is_published, published_at, deleted_at, created_at, updated_at FROM documents \
     WHERE root_id IN (SELECT value FROM json_each(?1)) ORDER BY root_id, version_number, id";

/// `documents` is not STRICT (see its migration), so that only its writers see to it that columns hold
/// what they should.
const MISTYPED: &str = "SELECT type_id || '/' || root_id AS subject, \
     'row ' || pk || ' has a column of another type than it should' AS message FROM documents WHERE \
     typeof(version_number) <> 'integer' OR typeof(revision) <> 'integer' OR typeof(created_at) <> 'integer' \
     OR typeof(updated_at) <> 'integer' OR typeof(type_version) <> 'integer' OR typeof(sort_order) <> 'integer' \
     OR typeof(published_at) NOT IN ('integer', 'null') OR typeof(deleted_at) NOT IN ('integer', 'null') \
     OR typeof(scheduled_at) NOT IN ('integer', 'null') OR typeof(expires_at) NOT IN ('integer', 'null') \
     OR typeof(id) <> 'text' OR typeof(root_id) <> 'text' OR typeof(slug) NOT IN ('text', 'null') \
     OR typeof(locale) <> 'text' OR typeof(parent_root_id) <> 'text' OR typeof(translation_group_id) <> 'text' \
     OR typeof(tenant_id) <> 'text' LIMIT 1001";

/// Names rows whose columns hold what they can't: nothing else can be read of them.
pub(super) async fn examine_types(
    session: &dyn Session,
    findings: &mut Findings,
) -> stratus_storage::Result<()> {
    super::findings_of(session, FindingKind::Type, &Statement::bare(MISTYPED), findings).await
}

/// Whether there is such a row.
pub(crate) async fn is_mistyped(session: &dyn Session) -> stratus_storage::Result<bool> {
    Ok(!session.query(&Statement::bare(MISTYPED)).await?.is_empty())
}

/// A version row without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) row_id: String,
    pub(crate) collection: String,
    pub(crate) tenant: String,
    pub(crate) number: i64,
    pub(crate) revision: i64,
    pub(crate) is_head: bool,
    pub(crate) is_published: bool,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// All version rows of a root, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) id: String,
    pub(crate) versions: Vec<Version>,
}

pub(super) async fn examine(session: &dyn Session, findings: &mut Findings) -> stratus_storage::Result<()> {
    let mut after = String::new();
    loop {
        let roots = suspects(session, &after).await?;
        let Some(last) = roots.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for root in &roots {
            root.faults()
                .into_iter()
                .for_each(|(kind, message)| findings.push(kind, &root.subject(), &message));
        }
    }
}

/// The next roots after one of which something may be wrong.
pub(crate) async fn suspects(session: &dyn Session, after: &str) -> stratus_storage::Result<Vec<Root>> {
    let rows = session.query(&Statement::new(SUSPECTS, vec![after.into(), STEP.into()])).await?;
    let ids = rows.iter().map(|row| row.text(0)).collect::<stratus_storage::Result<Vec<_>>>()?;
    if ids.is_empty() { Ok(Vec::new()) } else { read(session, &ids).await }
}

/// The rows of some roots. One that is not there is left out.
pub(crate) async fn read(session: &dyn Session, ids: &[&str]) -> stratus_storage::Result<Vec<Root>> {
    let statement = Statement::new(VERSIONS, vec![Json::from(ids).to_string().into()]);
    let mut roots: Vec<Root> = Vec::new();
    for row in session.query(&statement).await?.iter() {
        let id = row.text(0)?;
        if roots.last().is_none_or(|it| it.id != id) {
            roots.push(Root { id: id.to_owned(), versions: Vec::new() });
        }
        if let Some(root) = roots.last_mut() {
            root.versions.push(Version::decode(row)?);
        }
    }
    Ok(roots)
}

impl Version {
    fn decode(row: Row<'_>) -> stratus_storage::Result<Self> {
        Ok(Self {
            row_id: row.text(1)?.to_owned(),
            collection: row.text(2)?.to_owned(),
            tenant: row.text(3)?.to_owned(),
            number: row.integer(4)?,
            revision: row.integer(5)?,
            is_head: row.flag(6)?,
            is_published: row.flag(7)?,
            published_at: row.optional_integer(8)?,
            deleted_at: row.optional_integer(9)?,
            created_at: row.integer(10)?,
            updated_at: row.integer(11)?,
        })
    }

    /// Whether it is more than history.
    pub(crate) fn is_live(&self) -> bool {
        self.is_head || self.is_published
    }

    /// Its columns that a repair may change.
    pub(crate) fn columns(&self) -> [Value; 5] {
        let time = |it: Option<Timestamp>| it.map_or(Value::Null, Value::Integer);
        [
            self.is_head.into(),
            self.is_published.into(),
            Value::Integer(self.revision),
            time(self.published_at),
            time(self.deleted_at),
        ]
    }
}

impl Root {
    fn subject(&self) -> String {
        let collection = self.versions.first().map(|it| it.collection.as_str()).unwrap_or_default();
        format!("{collection}/{}", self.id)
    }

    fn count(&self, is: impl Fn(&Version) -> bool) -> usize {
        self.versions.iter().filter(|it| is(it)).count()
    }

    fn agrees<T: PartialEq>(&self, about: impl Fn(&Version) -> T) -> bool {
        self.versions.windows(2).all(|pair| about(&pair[0]) == about(&pair[1]))
    }

    /// The only version with the highest number, among some.
    fn newest(&self, among: impl Fn(&Version) -> bool) -> Option<usize> {
        let highest = self.versions.iter().filter(|it| among(it)).map(|it| it.number).max()?;
        let mut all = (0..self.versions.len())
            .filter(|&n| among(&self.versions[n]) && self.versions[n].number == highest);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    fn heads(&self) -> usize {
        self.count(|it| it.is_head)
    }

    fn is_half_trashed(&self) -> bool {
        ![0, self.count(Version::is_live)].contains(&self.count(|it| it.is_live() && it.deleted_at.is_some()))
    }

    /// Everything that is wrong with its flags and numbers.
    fn faults(&self) -> Vec<(FindingKind, String)> {
        use FindingKind::{Head, Published, Revision, Split, Trash, Version as Number};
        let mut faults = Vec::new();
        let mut say = |kind, is_wrong: bool, message: String| is_wrong.then(|| faults.push((kind, message)));
        let (heads, public) = (self.heads(), self.count(|it| it.is_published));
        say(Head, heads != 1, format!("has {heads} heads"));
        let newest = self.versions.iter().map(|it| it.number).max().unwrap_or_default();
        let is_behind = heads == 1 && self.versions.iter().any(|it| it.is_head && it.number != newest);
        say(Head, is_behind, format!("the head is not version {newest}, the newest"));
        say(Published, public > 1, format!("has {public} public rows"));
        for it in &self.versions {
            let number = it.number;
            let is_timeless = it.is_published && it.published_at.is_none();
            say(Published, is_timeless, format!("version {number} is public and was never published"));
            say(Number, number < 1, format!("version {number} counts from below 1"));
            say(Revision, it.revision < 1, format!("version {number} has the revision {}", it.revision));
        }
        let is_twice = |pair: &[Version]| pair[0].number == pair[1].number;
        for pair in self.versions.windows(2).filter(|pair| is_twice(pair)) {
            say(Number, true, format!("version {} is there twice", pair[0].number));
        }
        say(Trash, self.is_half_trashed(), "is in the trash by half".to_owned());
        say(Split, !self.agrees(|it| it.tenant.clone()), "has rows of several tenants".to_owned());
        say(Split, !self.agrees(|it| it.collection.clone()), "has rows of several collections".to_owned());
        say(Split, !self.agrees(|it| it.created_at), "has rows that were made at several times".to_owned());
        faults
    }

    /// The root as it should be, and what is repaired of it; `None` when there is nothing to repair,
    /// or no one answer. Each answer follows from what every write keeps true: numbers only grow, the
    /// newest version is the head, and the head says whether the root is in the trash.
    pub(crate) fn cured(&self) -> Option<(Self, Vec<&'static str>)> {
        if !self.agrees(|it| it.tenant.clone()) || !self.agrees(|it| it.collection.clone()) {
            return None;
        }
        let mut cured = self.clone();
        let mut repaired = Vec::new();
        cured.one_head(&mut repaired);
        cured.one_public(&mut repaired);
        cured.one_state(&mut repaired);
        cured.revisions(&mut repaired);
        let head = cured.newest(|it| it.is_head).filter(|_| cured.heads() == 1)?;
        if repaired.is_empty() {
            return None;
        }
        let next = self.versions.iter().map(|it| it.revision).max().unwrap_or_default().max(0) + 1;
        cured.versions[head].revision = next;
        let first_public = cured.versions.iter().find(|it| it.is_published).and_then(|it| it.published_at);
        cured.versions[head].published_at = cured.versions[head].published_at.or(first_public);
        // What the public sees of it has a new tag, as after every write that touches it.
        for (row, before) in cured.versions.iter_mut().zip(&self.versions) {
            if row.is_published && row != before {
                row.revision = next;
            }
        }
        Some((cured, repaired))
    }

    fn one_head(&mut self, repaired: &mut Vec<&'static str>) {
        let Some(newest) = self.newest(|_| true) else { return };
        if self.heads() == 1 && self.versions[newest].is_head {
            return;
        }
        // The row that was the head, or else the public one, knows whether the root is in the trash.
        let former = self.newest(|it| it.is_head).or_else(|| self.newest(|it| it.is_published));
        if let Some(former) = former.filter(|_| !self.versions[newest].is_head) {
            self.versions[newest].deleted_at = self.versions[former].deleted_at;
        }
        for (n, row) in self.versions.iter_mut().enumerate() {
            row.is_head = n == newest;
        }
        repaired.push("head");
    }

    fn one_public(&mut self, repaired: &mut Vec<&'static str>) {
        let newest = self.newest(|it| it.is_published);
        if let Some(newest) = newest.filter(|_| self.count(|it| it.is_published) > 1) {
            for (n, row) in self.versions.iter_mut().enumerate() {
                row.is_published &= n == newest;
            }
            repaired.push("published");
        }
        for row in self.versions.iter_mut().filter(|it| it.is_published && it.published_at.is_none()) {
            row.published_at = Some(row.updated_at);
            repaired.push("publishedAt");
        }
    }

    fn one_state(&mut self, repaired: &mut Vec<&'static str>) {
        let Some(head) = self.newest(|it| it.is_head).filter(|_| self.heads() == 1) else { return };
        if self.is_half_trashed() {
            let deleted_at = self.versions[head].deleted_at;
            self.versions.iter_mut().filter(|it| it.is_published).for_each(|it| it.deleted_at = deleted_at);
            repaired.push("trash");
        }
    }

    fn revisions(&mut self, repaired: &mut Vec<&'static str>) {
        for row in self.versions.iter_mut().filter(|it| it.revision < 1) {
            row.revision = 1;
            repaired.push("revision");
        }
        repaired.dedup();
    }
}
