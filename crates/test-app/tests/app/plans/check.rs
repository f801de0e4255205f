//! What a plan may have in it: look-ups by keys, and walks of declared indexes that are entered by
//! everything that the walk is bound by.

use std::collections::BTreeSet;

use stratus_test_app::with_corpora;

use super::{asker::Explained, shapes::Seen};

/// What is looked up row by row, by its key, and as good as the whole of it.
const LOOKS: [&str; 14] = [
    "INTEGER PRIMARY KEY (rowid=?)",
    "INDEX documents_published (root_id=?)",
    "INDEX documents_head (root_id=?)",
    "INDEX documents_version (root_id=?)",
    "INDEX documents_version (root_id=? AND version_number=?)",
    "INDEX documents_version (root_id=? AND version_number<?)",
    "INDEX documents_translation (tenant_id=? AND translation_group_id=?)",
    "INDEX document_references_to (tenant_id=? AND to_root_id=?)",
    // The values of one field of one document, its references, and the document's permissions.
    "PRIMARY KEY (document_id=? AND field_name=?)",
    "PRIMARY KEY (from_document_id=? AND field_name=?)",
    "PRIMARY KEY (tenant_id=? AND root_id=?)",
    // Whether the tenant has any permissions, of which one is enough; and those of one principal.
    "INDEX document_permissions_principal (tenant_id=?)",
    "INDEX document_permissions_principal (tenant_id=? AND type_id=? AND principal_type=? AND principal_id=? \
     AND permission=? AND effect=?)",
    // The plain statement of a list of who refers to one.
    "INDEX document_references_to (tenant_id=? AND to_root_id=? AND \
     (from_document_id,field_name,ordinal)>(?,?,?))",
];

/// What the conditions of the partial indexes say, and no index is entered by.
const OF_PARTIAL_INDEXES: [&str; 5] =
    ["type_id", "is_published", "is_current_draft", "deleted_at IS", "slug IS NOT"];

/// What may stand behind the conditions of a walk.
const BEHIND_A_WALK: [&str; 3] = [" ORDER BY ", " AND (d.scheduled_at", " AND CASE WHEN"];

/// The statements that scan and sort what is few: the translations of one document (`m`), and names of
/// collections.
const OF_FEW: [&str; 2] = ["WITH own (id) AS (", "SELECT t.value AS type_id FROM json_each"];

/// The indexes that collections declare, by name.
pub(crate) fn declared() -> BTreeSet<String> {
    with_corpora().indexes().into_iter().map(|it| it.name).collect()
}

/// What is wrong with the plan of a statement.
pub(crate) fn faults(statement: &Explained, declared: &BTreeSet<String>) -> Vec<String> {
    let Explained { sql, steps } = statement;
    if steps.is_empty() {
        return vec![format!("can't be prepared: {sql}")];
    }
    let made: BTreeSet<&str> = steps.iter().filter_map(|(_, _, step)| made(step)).collect();
    let mut faults = unentered(sql, steps, declared);
    let within = |parent: i64| steps.iter().find(|it| it.0 == parent).map_or("", |it| it.2.as_str());
    for (_, parent, step) in steps {
        let is_fine = if let Some(what) = step.strip_prefix("SCAN ") {
            what.contains("VIRTUAL TABLE")
                || what == "CONSTANT ROW"
                || made.contains(what)
                || what == "m" && is_of_few(sql)
        } else if let Some(search) = step.strip_prefix("SEARCH ") {
            is_by_key(search, sql, declared)
        } else if step.contains("TEMP B-TREE") {
            may_gather(step, within(*parent), sql)
        } else {
            !step.contains("AUTOMATIC")
        };
        if !is_fine {
            faults.push(format!("{step}, in: {sql}"));
        }
    }
    faults
}

/// What a step makes, to be scanned by another.
fn made(step: &str) -> Option<&str> {
    ["CO-ROUTINE ", "MATERIALIZE "].iter().find_map(|it| step.strip_prefix(it))
}

/// A level of a path is each id once; the different values of one document are counted; and what is
/// few is sorted.
fn may_gather(step: &str, within: &str, sql: &str) -> bool {
    let is_level =
        made(within).and_then(|it| it.strip_prefix('l')).is_some_and(|it| it.parse::<u8>().is_ok());
    match step {
        "USE TEMP B-TREE FOR DISTINCT" => is_level,
        "USE TEMP B-TREE FOR count(DISTINCT)" => true,
        _ => is_of_few(sql),
    }
}

fn is_of_few(sql: &str) -> bool {
    OF_FEW.iter().any(|it| sql.starts_with(it))
}

/// `search` is `d USING INDEX name (columns)` and the like.
fn is_by_key(search: &str, sql: &str, declared: &BTreeSet<String>) -> bool {
    let Some((_, by)) = search.split_once("USING ") else { return false };
    let by = by.trim_start_matches("COVERING ").trim_end_matches(" LEFT-JOIN");
    if LOOKS.contains(&by) {
        return true;
    }
    let Some((index, columns)) = by.strip_prefix("INDEX ").and_then(|it| it.split_once(" (")) else {
        return false;
    };
    let entered: Vec<_> = columns.strip_suffix(')').unwrap_or(columns).split(" AND ").collect();
    let walks = walks(sql, index);
    // One index may be walked in several ways by one statement: one of them is this step.
    declared.contains(index)
        && !walks.is_empty()
        && walks.iter().any(|it| it.iter().all(|it| entered.contains(&&**it)))
}

/// The walks that no step enters by everything that they are bound by: another walk of the same index
/// may be bound by less.
fn unentered(sql: &str, steps: &[(i64, i64, String)], declared: &BTreeSet<String>) -> Vec<String> {
    let named: BTreeSet<_> =
        sql.split(" INDEXED BY ").skip(1).filter_map(|it| it.split(' ').next()).collect();
    let mut faults = Vec::new();
    for index in named.into_iter().filter(|it| declared.contains(*it)) {
        let by = format!("INDEX {index} (");
        let entries = steps.iter().filter_map(|(_, _, step)| step.split_once(&by));
        let entries = entries.map(|(_, it)| it.trim_end_matches(" LEFT-JOIN"));
        let entries: Vec<Vec<_>> =
            entries.map(|it| it.strip_suffix(')').unwrap_or(it).split(" AND ").collect()).collect();
        for walk in walks(sql, index) {
            if !entries.iter().any(|entry| walk.iter().all(|it| entry.contains(&&**it))) {
                faults.push(format!("nothing enters {index} by {walk:?}, in: {sql}"));
            }
        }
    }
    faults
}

/// The conditions of each walk of an index, as a plan spells them.
fn walks(sql: &str, index: &str) -> Vec<Vec<String>> {
    let begins = format!("INDEXED BY {index} WHERE ");
    let walks = sql.split(&begins).skip(1).map(|walk| {
        let end = BEHIND_A_WALK.iter().filter_map(|it| walk.find(it)).min().unwrap_or(walk.len());
        let terms = walk[..end].split(" AND ").map(|it| it.replace("d.", ""));
        let terms = terms.filter(|it| !OF_PARTIAL_INDEXES.iter().any(|of| it.starts_with(of)));
        // A unique index has no id in it: there is one entry, whatever its id.
        let is_unique = index.contains("_unique_");
        let terms = terms.filter(|it| !(is_unique && it.starts_with("root_id")));
        terms.map(|it| entered(&it)).collect()
    });
    walks.collect()
}

/// How the walks of a page are bound by its cursor.
pub(crate) fn stretches(seen: &Seen) -> Vec<&'static str> {
    let path = &seen.asked.path;
    let goes_on = path.contains("&after=") || path.contains("&before=");
    let walks = seen.told.statements.iter().flat_map(|it| it.sql.split(" INDEXED BY ix_").skip(1));
    let walks = walks.filter_map(|it| it.split_once(" ORDER BY ")).map(|(terms, _)| terms);
    let of = |terms: &str| match terms.rsplit(" AND ").next().unwrap_or_default() {
        _ if !goes_on => "whole",
        last if last.starts_with("(d.") => "beyond, by row value",
        last if last.starts_with("d.root_id ") && terms.contains(" IS NULL AND d.root_id ") => {
            "beyond the id among NULLs"
        }
        last if last.starts_with("d.root_id ") => "beyond the id",
        last if last.ends_with(" IS NULL") => "all NULLs after values",
        last if last.contains(" >= ''") || last.contains(" >= -9e999") => "all values after NULLs",
        _ => "beyond the value",
    };
    let stretches: Vec<_> = walks.map(of).collect();
    // A page names its walks once more, to tell where they stop.
    stretches[..stretches.len().div_ceil(2)].to_vec()
}

/// A condition as a plan spells it: `q_a_t >= ?3` is `q_a_t>?`.
fn entered(term: &str) -> String {
    if let Some(column) = term.strip_suffix(" IS NULL") {
        return format!("{column}=?");
    }
    for (spelt, comparison) in [(" >= ", '>'), (" <= ", '<'), (" > ", '>'), (" < ", '<'), (" = ", '=')] {
        if let Some((left, right)) = term.split_once(spelt) {
            let values = if right.starts_with('(') {
                let marks = vec!["?"; right.split(',').count()];
                format!("({})", marks.join(","))
            } else {
                "?".to_owned()
            };
            return format!("{}{comparison}{values}", left.replace(' ', ""));
        }
    }
    term.to_owned()
}

/// What a plan looks up, scans and gathers, in no order. How translations are gathered is not the same.
#[cfg(feature = "workerd")]
pub(crate) fn looks(statement: &Explained) -> Vec<String> {
    let steps = statement.steps.iter().map(|(_, _, step)| step);
    let is_look =
        |it: &&String| it.starts_with("SEARCH ") || it.starts_with("SCAN ") || it.contains("TEMP B-TREE");
    let is_gathered = |it: &&String| it.contains("TEMP B-TREE") && is_of_few(&statement.sql);
    let looks = steps.filter(is_look).filter(|it| !is_gathered(it));
    let mut looks: Vec<_> = looks.map(|it| it.replace(" EXISTS USING", " USING")).collect();
    looks.sort_unstable();
    looks
}

/// A statement without the names that are of one collection.
#[cfg(feature = "workerd")]
pub(crate) fn nameless(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    for (at, part) in sql.split('\'').enumerate() {
        // Every other part stands in quotes.
        if at % 2 == 0 {
            let words = part.split_inclusive([' ', '.', ',', '(', ')']);
            words.for_each(|it| {
                text.push_str(if it.starts_with("ix_") || it.starts_with("q_") { "_ " } else { it })
            });
        }
    }
    text
}
