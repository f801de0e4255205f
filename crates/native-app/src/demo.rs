//! The demo: a small magazine, embedded in the binary.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::{Context as _, anyhow, bail};
use futures_util::future::join_all;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use stratus_access::{Caller, Principal, TenantId};
use stratus_document::{
    Collection, CursorKey, DocumentError, DocumentsService, FieldType, Input, Member, Registry, Scope,
    is_empty,
};
use stratus_storage::{Clock, Database, Entropy, Timestamp};

use crate::collections::{self, Fault, Source};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures/demo");

/// What a document refers to stands in a collection before its own.
const ORDER: [&str; 4] = ["authors", "categories", "posts", "comments"];

/// The field whose text is the file `content/<collection>/<slug>.md`.
const BODY: &str = "body";

/// A document of the demo, which refers to others by slug.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    slug: Option<String>,
    publish: bool,
    fields: Map<String, Json>,
}

/// The ids of what was made, by collection and slug.
type Ids = HashMap<(&'static str, String), String>;

/// The demo's collections.
pub(crate) fn registry() -> anyhow::Result<Registry> {
    let files = FILES.get_dir("collections").map(Dir::files).into_iter().flatten();
    let source = |file: &include_dir::File<'_>| Source {
        file: file.path().display().to_string(),
        bytes: file.contents().to_vec(),
    };
    let sources: Vec<_> = files.map(source).collect();
    collections::compile(&sources).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
        anyhow!("the demo that is built in can't be used: {}", faults.join("; "))
    })
}

/// Fills a database that has no document at all, and says how many documents it made.
pub(crate) async fn load(
    database: &Arc<dyn Database>,
    registry: &Arc<Registry>,
    clock: &dyn Clock,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<usize> {
    if !is_empty(&**database).await? {
        return Ok(0);
    }
    let entries = ORDER.iter().map(|name| Ok((*name, entries(name)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let count = entries.iter().map(|(_, entries)| entries.len()).sum();
    let clock = Arc::new(Ticking::ending_at(clock.now(), count));
    let service = DocumentsService::new(
        Arc::clone(database),
        Arc::clone(registry),
        clock,
        Arc::clone(entropy),
        CursorKey::draw(&**entropy),
    );
    let mut ids = Ids::new();
    for (name, entries) in entries {
        let collection = registry.collection(name).with_context(|| format!("the demo lacks `{name}`"))?;
        let inputs =
            entries.into_iter().map(|it| input(collection, it, &ids)).collect::<anyhow::Result<Vec<_>>>()?;
        for (slug, id) in create_all(&service, name, &inputs).await? {
            ids.insert((name, slug), id);
        }
    }
    Ok(count)
}

/// Makes documents, side by side so that they share a few commits, and hands back slugs and ids.
async fn create_all(
    service: &DocumentsService,
    collection: &str,
    inputs: &[Input],
) -> anyhow::Result<Vec<(String, String)>> {
    let scope = Scope::new(TenantId::default(), Caller::signed_in([Principal::admin()]));
    let made = join_all(inputs.iter().map(|input| service.create(&scope, collection, input))).await;
    let mut ids = Vec::new();
    for (made, input) in made.into_iter().zip(inputs) {
        let document = made.map_err(|error| explain(collection, input, error))?.document;
        ids.extend(document.slug.map(|slug| (slug, document.id)));
    }
    Ok(ids)
}

fn explain(collection: &str, input: &Input, error: DocumentError) -> anyhow::Error {
    let which = match &input.slug {
        Member::Value(slug) => slug.as_str(),
        _ => "one without a slug",
    };
    let what = match error {
        DocumentError::Invalid(faults) => anyhow!("{faults:?}"),
        other => other.into(),
    };
    what.context(format!("the demo's {collection} ({which}) could not be loaded"))
}

fn entries(collection: &str) -> anyhow::Result<Vec<Entry>> {
    let path = format!("content/{collection}.json");
    let text = text(&path).with_context(|| format!("the demo lacks `{path}`"))?;
    let mut entries: Vec<Entry> =
        serde_json::from_str(text).with_context(|| format!("the demo's `{path}` can't be read"))?;
    for entry in &mut entries {
        let Some(slug) = &entry.slug else { continue };
        if let Some(body) = self::text(&format!("content/{collection}/{slug}.md")) {
            entry.fields.insert(BODY.to_owned(), body.into());
        }
    }
    Ok(entries)
}

fn text(path: &str) -> Option<&'static str> {
    FILES.get_file(path)?.contents_utf8()
}

fn input(collection: &Collection, entry: Entry, ids: &Ids) -> anyhow::Result<Input> {
    let Entry { slug, publish, mut fields } = entry;
    for field in collection.fields().iter().filter(|it| it.definition().kind == FieldType::Reference) {
        let to = field.definition().to.as_deref().unwrap_or_default();
        match fields.get_mut(field.name()) {
            Some(Json::Array(slugs)) => slugs.iter_mut().try_for_each(|it| resolve(it, to, ids))?,
            Some(slug) => resolve(slug, to, ids)?,
            None => {}
        }
    }
    let slug = slug.map_or(Member::Absent, Member::Value);
    Ok(Input { slug, publish, fields: Some(fields), ..Input::default() })
}

/// Puts an id in the place of a slug.
fn resolve(slug: &mut Json, to: &str, ids: &Ids) -> anyhow::Result<()> {
    let name = slug.as_str().unwrap_or_default();
    let found = ids.iter().find(|((collection, slug), _)| *collection == to && slug == name);
    let Some((_, id)) = found else { bail!("the demo refers to `{name}` of {to}, which is not there") };
    *slug = id.as_str().into();
    Ok(())
}

/// A clock that moves whenever it is asked, so that documents have an order; it never gets ahead of
/// the time at which it was made.
struct Ticking {
    next: AtomicI64,
    end: Timestamp,
}

impl Ticking {
    /// Far enough back for `documents` documents, which ask a few times each.
    fn ending_at(end: Timestamp, documents: usize) -> Self {
        let span = i64::try_from(documents * 16).unwrap_or(0);
        Self { next: AtomicI64::new(end - span), end }
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.next.fetch_add(1, Ordering::Relaxed).min(self.end)
    }
}
