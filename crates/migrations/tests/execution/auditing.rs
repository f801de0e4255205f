//! A schema that was tampered with is told from a sound one, and put right; indexes are built one by
//! one, with word of it.

use stratus_migrations::{
    CORE, DOCUMENTS, EVENTS, Fault, GeneratedColumn, IndexDefinition, IndexProgress, apply, audit_schema,
    build_indexes, ensure_generated_columns, ensure_indexes, repair_schema,
};
use stratus_storage::Error;

use crate::database::{FileDatabase, Noon, ready};

const SETS: [&stratus_migrations::MigrationSet; 3] = [&CORE, &DOCUMENTS, &EVENTS];
const DOCUMENT: &str =
    "INSERT INTO document_types (id, display_name, schema, schema_version, created_at, updated_at) \
       VALUES ('posts', 'Posts', '{}', 1, 1, 1);
     INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version, \
       version_number, revision, created_at, updated_at, data) \
       VALUES ('v', 'r', 'posts', 'default', 1, 1, 1, 1, 1, 1, 1, '{\"title\":\"T\"}')";

fn columns() -> [GeneratedColumn; 1] {
    [GeneratedColumn { name: "q_title_t".to_owned(), sql_type: "TEXT", path: "$.title".to_owned() }]
}

fn indexes() -> [IndexDefinition; 2] {
    ["ix_title_1 ON documents (q_title_t)", "ix_slug_2 ON documents (tenant_id, slug)"].map(|rest| {
        let name = rest.split(' ').next().unwrap_or_default().to_owned();
        IndexDefinition { name, sql: format!("CREATE INDEX {rest}") }
    })
}

/// Everything that is needed, over the tables of the documents alone.
fn whole() -> FileDatabase {
    let database = FileDatabase::new();
    ready(apply(&database, &Noon, &[&DOCUMENTS, &EVENTS])).unwrap();
    database.run(DOCUMENT);
    ready(ensure_generated_columns(&database, &Noon, &columns())).unwrap();
    ready(ensure_indexes(&database, &Noon, &indexes())).unwrap();
    database
}

fn faults(database: &FileDatabase) -> Vec<(String, Fault)> {
    let faults = ready(audit_schema(database, &SETS, &columns(), &indexes())).unwrap();
    faults.into_iter().map(|it| (it.name, it.fault)).collect()
}

#[test]
fn what_is_wrong_is_named_and_put_right() {
    let check = |damage: &str, expected: &[(&str, Fault)]| {
        let database = whole();
        let before =
            database.ask("SELECT group_concat(name || sql) FROM (SELECT * FROM sqlite_master ORDER BY name)");
        database.run(damage);
        let expected: Vec<_> = expected.iter().map(|(name, fault)| ((*name).to_owned(), *fault)).collect();
        assert_eq!(faults(&database), expected, "{damage}");
        let repair = ready(repair_schema(&database, &Noon, &SETS, &columns(), &indexes())).unwrap();
        assert!(repair.refused.is_empty(), "{damage}: {repair:?}");
        assert_eq!(faults(&database), [], "{damage}");
        let after =
            database.ask("SELECT group_concat(name || sql) FROM (SELECT * FROM sqlite_master ORDER BY name)");
        assert_eq!(before, after, "{damage}");
        assert_eq!(database.ask("SELECT q_title_t FROM documents"), "T");
    };
    use Fault::{Different, Ghost, Missing, Unrecorded};
    check("SELECT 1", &[]);
    check("DROP INDEX ix_slug_2", &[("ix_slug_2", Missing)]);
    check("DROP INDEX ix_slug_2; CREATE INDEX ix_slug_2 ON documents (slug)", &[("ix_slug_2", Different)]);
    check(
        "DROP INDEX documents_head; CREATE INDEX documents_head ON documents (root_id)",
        &[("documents_head", Different)],
    );
    check("DROP INDEX documents_children", &[("documents_children", Missing)]);
    check(
        "DROP INDEX ix_title_1; ALTER TABLE documents DROP COLUMN q_title_t; \
         ALTER TABLE documents ADD COLUMN q_title_t TEXT AS (json_extract(data, '$.other')); \
         CREATE INDEX ix_title_1 ON documents (q_title_t)",
        &[("q_title_t", Different)],
    );
    check(
        "DROP INDEX ix_title_1; ALTER TABLE documents DROP COLUMN q_title_t",
        &[("q_title_t", Missing), ("ix_title_1", Missing)],
    );
    check(
        "DELETE FROM schema_state WHERE kind = 'index' AND name = 'ix_slug_2'",
        &[("ix_slug_2", Unrecorded)],
    );
    check("UPDATE schema_state SET definition = 'x' WHERE kind = 'column'", &[("q_title_t", Unrecorded)]);
    check(
        "INSERT INTO schema_state VALUES ('ix_gone_3', 'index', 'CREATE INDEX', 1)",
        &[("ix_gone_3", Ghost)],
    );
}

#[test]
fn one_that_the_database_refuses_is_in_nobodys_way() {
    let database = whole();
    database.run(
        "DROP INDEX documents_version; DROP INDEX ix_slug_2; \
         INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version, \
         version_number, revision, created_at, updated_at, data) \
         SELECT 'w', root_id, type_id, tenant_id, 0, 0, 1, 1, 1, 1, 1, data FROM documents",
    );
    let repair = ready(repair_schema(&database, &Noon, &SETS, &columns(), &indexes())).unwrap();
    assert_eq!(repair.repaired, ["ix_slug_2"]);
    assert!(matches!(&repair.refused[..], [(name, Error::NotUnique { .. })] if name == "documents_version"));
}

#[test]
fn building_over_documents_tells_how_far_it_is() {
    let check = |prepare: &str, expected: &[&str]| {
        let database = FileDatabase::new();
        ready(apply(&database, &Noon, &[&DOCUMENTS, &EVENTS])).unwrap();
        database.run(prepare);
        ready(ensure_generated_columns(&database, &Noon, &columns())).unwrap();
        let mut told = Vec::new();
        let mut progress = |it: IndexProgress<'_>| {
            let took = if it.took.is_some() { "done" } else { "begun" };
            told.push(format!("{} of {}: {} over {}, {took}", it.number, it.of, it.name, it.documents));
        };
        let built = ready(build_indexes(&database, &Noon, &indexes(), &mut progress)).unwrap();
        assert_eq!(built, ["ix_title_1", "ix_slug_2"]);
        assert_eq!(ready(build_indexes(&database, &Noon, &indexes(), &mut progress)).unwrap(), [""; 0]);
        assert_eq!(told, expected);
        assert_eq!(faults(&database), []);
    };
    check("SELECT 1", &[]);
    let all = [
        "1 of 2: ix_title_1 over 1, begun",
        "1 of 2: ix_title_1 over 1, done",
        "2 of 2: ix_slug_2 over 1, begun",
        "2 of 2: ix_slug_2 over 1, done",
    ];
    check(DOCUMENT, &all);
}
