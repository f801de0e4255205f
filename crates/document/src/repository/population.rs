//! Population: documents in the place of the ids that refer to them, level by level.
//!
//! A level is every reference that is followed at one depth of a [`Selection`]. It is looked up by
//! one statement, whatever the number of documents, fields and collections. A document is read once
//! an answer, and cut once for each branch of the selection that shows it.
//!
//! A reference to a document that stands above it is not followed: cycles end there.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value as Json;
use stratus_access::Action;
use stratus_storage::{Error as StorageError, Rows, Session, Statement, Timestamp, Value};

use super::{DocumentRepository, root_index};
use crate::{
    document::{COLUMN_COUNT, COLUMNS, Document, Scope},
    error::{DocumentError, Result},
    physical::State,
    selection::{Branch, Hole, Selection, Template},
    sql::{Base, Builder, Rights},
    texts,
};

/// How many documents are looked up for one answer, beside those that were asked for.
pub const MAX_POPULATED: usize = 5_000;

/// How many bytes an answer with populated references has at most.
pub const MAX_POPULATED_BYTES: usize = 16 << 20;

/// How many documents a level looks up without weighing them: as many as a page has that says no
/// limit, which is not weighed either. For these it costs more than it spares.
const MAX_UNWEIGHED: usize = 20;

/// How many bytes the contents of all documents that are looked up for one answer have at most:
/// little of each may be shown, and all of it is read.
const MAX_HELD_BYTES: usize = 32 << 20;

/// Documents, with those that they refer to.
#[derive(Debug)]
pub struct Populated {
    documents: Vec<Document>,
    /// The documents that were asked for come first, in their order.
    cuts: Vec<Cut>,
    roots: usize,
}

/// A document as one branch of the selection shows it.
#[derive(Debug)]
struct Cut {
    document: usize,
    template: Template,
    /// The documents that stand above it wherever it is shown: what it refers to of them is never
    /// followed, and needn't be looked up. In order.
    above: Vec<usize>,
}

impl Populated {
    /// The documents that were asked for.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = Place<'_>> {
        (0..self.roots).map(|cut| Place { populated: self, cut, above: None })
    }
}

/// A document where it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    populated: &'a Populated,
    cut: usize,
    above: Option<&'a Place<'a>>,
}

/// A part of the fields of a document.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// JSON as it is stored.
    Text(&'a str),
    /// A document in the place of its id.
    Document(Place<'a>),
    /// The id of a document that stands above.
    Above(&'a str),
    /// Nothing that the caller may see.
    Nothing,
}

impl<'a> Place<'a> {
    /// The document. What is shown of its fields is in [`pieces`](Self::pieces).
    pub fn document(&self) -> &'a Document {
        &self.populated.documents[self.cut().document]
    }

    /// What is shown of its fields: the pieces of one JSON object.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let Template { text, holes } = &self.cut().template;
        let begins = std::iter::once(0).chain(holes.iter().map(|it| it.at));
        let ends = holes.iter().map(|it| it.at).chain([text.len()]);
        let texts = begins.zip(ends).map(|(from, to)| Piece::Text(&text[from..to]));
        let mut filled = holes.iter().map(|it| self.filled(it));
        texts.flat_map(move |text| std::iter::once(text).chain(filled.next()))
    }

    fn filled<'b>(&'b self, hole: &'b Hole) -> Piece<'b> {
        let above = std::iter::successors(Some(self), |it| it.above);
        if above.into_iter().any(|it| it.document().id == hole.id) {
            return Piece::Above(&hole.id);
        }
        match hole.target {
            Some(cut) => Piece::Document(Place { populated: self.populated, cut, above: Some(self) }),
            None => Piece::Nothing,
        }
    }

    fn cut(&self) -> &'a Cut {
        &self.populated.cuts[self.cut]
    }
}

impl DocumentRepository {
    pub(super) async fn populate_in(
        &self,
        session: &dyn Session,
        scope: &Scope,
        documents: Vec<Document>,
        state: State,
        selection: &Selection,
    ) -> Result<Populated> {
        let viewer = Viewer {
            reading: self.collections_for(scope, Action::Read),
            updating: self.collections_for(scope, Action::Update),
            rights: scope.rights(),
            now: self.clock.now(),
        };
        let mut gathering = Gathering::new(selection, documents, state)?;
        let mut level = 0..gathering.cuts.len();
        while !level.is_empty() {
            let wanted = gathering.wanted(&level)?;
            if !wanted.is_empty() {
                let targets = targets(scope, state, &viewer, &wanted, gathering.room());
                let rows = session.query(&targets).await.map_err(|error| match error {
                    StorageError::TooSlow { .. } => too_slow(),
                    error => DocumentError::Storage(error),
                })?;
                self.learn(&mut gathering, wanted, rows)?;
            }
            level = gathering.descend(level)?;
        }
        let Gathering { documents, cuts, roots, .. } = gathering;
        Ok(Populated { documents, cuts, roots })
    }

    /// Keeps what was found. What was not is not looked for again.
    fn learn(&self, gathering: &mut Gathering<'_>, wanted: Vec<String>, mut rows: Rows) -> Result<()> {
        gathering.known.extend(wanted.into_iter().map(|id| (id, None)));
        for row in rows.iter_mut() {
            if row.as_row().value(0)?.is_null() {
                return Err(too_much_held());
            }
            // A collection that is no more has no documents to show.
            let Some(collection) = self.registry.collection(row.as_row().text(COLUMN_COUNT)?) else {
                continue;
            };
            let document = Document::take(collection, row)?;
            gathering.hold(document)?;
        }
        Ok(())
    }
}

/// Who looks, and when: the same at every level of an answer.
struct Viewer {
    /// The collections whose grants let the caller read, as a JSON list.
    reading: String,
    /// Those that let the caller update.
    updating: String,
    rights: Rights,
    now: Timestamp,
}

/// The documents of these ids that the caller sees, of any collection: in one statement. The
/// collection is the column after [`COLUMNS`].
///
/// Many documents are weighed first, by the lengths in their rows' headers. If there is not that much
/// `room` for them, in bytes, there is one row and it has no id.
fn targets(scope: &Scope, state: State, viewer: &Viewer, ids: &[String], room: usize) -> Statement {
    let is_weighed = ids.len() > MAX_UNWEIGHED;
    let text = texts::targets(state, is_weighed);
    let mut sql = Builder::again(text);
    let ids = sql.aside(|sql| {
        sql.bind(Json::from(ids).to_string());
    });
    let terms = match state {
        State::Published => vec![(State::Published, "d.is_published", false)],
        // Of what the caller may not update, they see what is public.
        State::Draft | State::Trashed => {
            vec![(State::Draft, "d.is_current_draft", true), (State::Published, "d.is_published", true)]
        }
    };
    let terms = terms.into_iter().map(|(state, flag, is_by_update)| {
        sql.aside(|sql| {
            sql.push(" FROM json_each(").push(&ids).push(") AS w CROSS JOIN documents AS d INDEXED BY ");
            sql.push(root_index(state)).push(" ON d.root_id = w.value AND ").push(flag);
            sql.push(" = 1 AND d.deleted_at IS NULL AND d.tenant_id = ").bind(scope.tenant.as_str());
            sql.window(state, viewer.now).granted(Base::Among(&viewer.reading), &[], &viewer.rights);
            if is_by_update {
                sql.push(if state == State::Published { " AND NOT " } else { " AND " });
                sql.permitted(Base::Among(&viewer.updating), Action::Update, &viewer.rights);
            }
        })
    });
    let terms: Vec<String> = terms.collect();
    // Who may see what is found out once, whether they are weighed or not.
    if is_weighed {
        sql.push("WITH weight (pk, bytes) AS MATERIALIZED (");
        union(&mut sql, "SELECT d.pk, octet_length(d.data)", &terms);
        sql.push(") SELECT ")
            .push(COLUMNS)
            .push(", d.type_id AS type_id FROM weight CROSS JOIN documents AS d");
        let room = sql.aside(|sql| {
            sql.bind(Value::Integer(i64::try_from(room).unwrap_or(i64::MAX)));
        });
        sql.push(" ON d.pk = weight.pk WHERE (SELECT total(bytes) FROM weight) <= ").push(&room);
        sql.push(" UNION ALL SELECT ").push(&"NULL, ".repeat(COLUMN_COUNT)).push("NULL");
        sql.push(" FROM (SELECT total(bytes) AS bytes FROM weight) WHERE bytes > ").push(&room);
    } else {
        union(&mut sql, &format!("SELECT {COLUMNS}, d.type_id AS type_id"), &terms);
    }
    sql.finish_in(text)
}

/// The same of the rows of all terms.
fn union(sql: &mut Builder, select: &str, terms: &[String]) {
    for (at, term) in terms.iter().enumerate() {
        sql.push(if at > 0 { " UNION ALL " } else { "" }).push(select).push(term);
    }
}

/// What was found so far.
struct Gathering<'s> {
    selection: &'s Selection,
    documents: Vec<Document>,
    cuts: Vec<Cut>,
    roots: usize,
    /// Documents by their ids; `None` where there is nothing to show.
    known: HashMap<String, Option<usize>>,
    /// Where the cut of a document for a branch is.
    cut_at: HashMap<(Branch, usize), usize>,
    looked_up: usize,
    /// Of the contents of what was looked up.
    held: usize,
    bytes: usize,
}

impl<'s> Gathering<'s> {
    fn new(selection: &'s Selection, documents: Vec<Document>, state: State) -> Result<Self> {
        // What was asked for is what a reference to it would find, but what is in the trash: no
        // reference finds that.
        let shown = |at: usize| (state != State::Trashed).then_some(at);
        let roots = documents.len();
        let (mut known, cut_at) = (HashMap::with_capacity(roots * 2), HashMap::with_capacity(roots * 2));
        known.extend(documents.iter().enumerate().map(|(at, it)| (it.id.clone(), shown(at))));
        let cuts = Vec::with_capacity(roots * 2);
        let (looked_up, held, bytes) = (0, 0, 0);
        let mut gathering = Self { selection, documents, cuts, roots, known, cut_at, looked_up, held, bytes };
        for document in 0..roots {
            gathering.cut(document, Selection::ROOT, Vec::new())?;
        }
        Ok(gathering)
    }

    /// How many bytes there may still be of what is looked up.
    fn room(&self) -> usize {
        MAX_HELD_BYTES - self.held
    }

    /// Keeps a document that was looked up.
    fn hold(&mut self, document: Document) -> Result<()> {
        // Few documents are not weighed before.
        if document.fields.len() > self.room() {
            return Err(too_much_held());
        }
        self.held += document.fields.len();
        self.known.insert(document.id.clone(), Some(self.documents.len()));
        self.documents.push(document);
        Ok(())
    }

    /// The ids that a level refers to and that were not looked for yet.
    fn wanted(&mut self, level: &std::ops::Range<usize>) -> Result<Vec<String>> {
        let mut wanted = BTreeSet::new();
        for cut in &self.cuts[level.clone()] {
            for Hole { id, .. } in &cut.template.holes {
                if !self.known.contains_key(id) && wanted.insert(id) && wanted.len() > MAX_POPULATED {
                    return Err(too_many_documents());
                }
            }
        }
        self.looked_up += wanted.len();
        if self.looked_up > MAX_POPULATED {
            return Err(too_many_documents());
        }
        Ok(wanted.into_iter().cloned().collect())
    }

    /// Fills the holes of a level, and cuts what is in them: the next level.
    fn descend(&mut self, level: std::ops::Range<usize>) -> Result<std::ops::Range<usize>> {
        let begin = self.cuts.len();
        for at in level {
            let mut holes = std::mem::take(&mut self.cuts[at].template.holes);
            let mut above = self.cuts[at].above.clone();
            let place = above.partition_point(|it| *it < self.cuts[at].document);
            above.insert(place, self.cuts[at].document);
            for hole in &mut holes {
                let found = self.known.get(&hole.id).copied().flatten();
                let collection = self.selection.collection(hole.branch).name();
                let found = found.filter(|it| self.documents[*it].collection().name() == collection);
                // A document that stands above it wherever this one is shown is left as its id.
                if let Some(document) = found.filter(|it| above.binary_search(it).is_err()) {
                    hole.target = Some(self.place(document, hole.branch, &above)?);
                }
            }
            self.cuts[at].template.holes = holes;
        }
        Ok(begin..self.cuts.len())
    }

    /// Where a document is cut for a branch. A branch is of one level, so all its places are met
    /// before what they refer to is looked for.
    fn place(&mut self, document: usize, branch: Branch, above: &[usize]) -> Result<usize> {
        match self.cut_at.get(&(branch, document)) {
            Some(&at) => {
                self.cuts[at].above.retain(|it| above.binary_search(it).is_ok());
                Ok(at)
            }
            None => self.cut(document, branch, above.to_vec()),
        }
    }

    fn cut(&mut self, document: usize, branch: Branch, above: Vec<usize>) -> Result<usize> {
        let template = Template::of(&self.documents[document].fields, self.selection.members(branch))?;
        self.bytes += template.text.len();
        if self.bytes > MAX_POPULATED_BYTES {
            return Err(DocumentError::too_many_bytes());
        }
        let at = self.cuts.len();
        self.cut_at.insert((branch, document), at);
        self.cuts.push(Cut { document, template, above });
        Ok(at)
    }
}

fn too_many_documents() -> DocumentError {
    let what = format!("it refers to more than {MAX_POPULATED} documents");
    DocumentError::TooMuchToPopulate { what }
}

fn too_slow() -> DocumentError {
    DocumentError::TooMuchToPopulate {
        what: "to find what it refers to takes longer than a read may".to_owned(),
    }
}

fn too_much_held() -> DocumentError {
    let what = format!("what it refers to has more than {} MiB", MAX_HELD_BYTES >> 20);
    DocumentError::TooMuchToPopulate { what }
}

impl DocumentError {
    /// The refusal of an answer that would be longer than [`MAX_POPULATED_BYTES`].
    pub fn too_many_bytes() -> Self {
        let what = format!("it would have more than {} MiB", MAX_POPULATED_BYTES >> 20);
        Self::TooMuchToPopulate { what }
    }
}
