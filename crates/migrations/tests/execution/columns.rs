//! Generated columns and indexes.

use std::{sync::Barrier, thread};

use stratus_migrations::{
    DOCUMENTS, EVENTS, GeneratedColumn, IndexDefinition, MigrationError, apply, drop_indexes,
    ensure_generated_columns, ensure_indexes, obsolete_indexes,
};
use stratus_storage::Error;

use crate::database::{FileDatabase, Interrupted, Noon, ready};

fn migrated() -> FileDatabase {
    let database = FileDatabase::new();
    ready(apply(&database, &Noon, &[&DOCUMENTS, &EVENTS])).unwrap();
    database
}

fn column(name: &str, sql_type: &'static str, path: &str) -> GeneratedColumn {
    GeneratedColumn { name: name.to_owned(), sql_type, path: path.to_owned() }
}

fn index(name: &str, rest: &str) -> IndexDefinition {
    IndexDefinition { name: name.to_owned(), sql: format!("CREATE INDEX {name} ON documents {rest}") }
}

fn two_columns() -> [GeneratedColumn; 2] {
    [column("q_title_t", "TEXT", "$.title"), column("q_a_b_00ff_i", "INTEGER", "$.a.\"b's\"")]
}

fn two_indexes() -> [IndexDefinition; 2] {
    [index("ix_slug_1", "(tenant_id, slug) WHERE is_published = 1"), index("ix_root_2", "(root_id)")]
}

const RECORDED: &str = "SELECT name FROM schema_state ORDER BY name";

#[test]
fn columns_are_added_once_and_computed() {
    let database = migrated();
    database.run(
        r#"INSERT INTO document_types (id, display_name, schema, schema_version, created_at, updated_at)
           VALUES ('posts', 'Posts', '{}', 1, 1, 1);
           INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version,
             version_number, revision, created_at, updated_at, data)
           VALUES ('v', 'r', 'posts', 'default', 1, 1, 1, 1, 1, 1, 1, '{"title":"T","a":{"b''s":7}}')"#,
    );
    let add = || ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap();
    assert_eq!(add(), ["q_title_t", "q_a_b_00ff_i"]);
    assert_eq!(database.ask("SELECT q_title_t || q_a_b_00ff_i FROM documents"), "T7");
    assert_eq!(database.ask(RECORDED), "q_a_b_00ff_i,q_title_t");
    assert_eq!(add(), [""; 0]);
}

#[test]
fn a_column_that_is_there_unrecorded_is_recorded() {
    let database = migrated();
    ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap();
    database.run("DELETE FROM schema_state");
    assert_eq!(ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap(), [""; 0]);
    assert_eq!(database.ask(RECORDED), "q_a_b_00ff_i,q_title_t");
}

#[test]
fn a_column_of_another_definition_is_a_conflict() {
    let database = migrated();
    ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap();
    let other = [column("q_new_t", "TEXT", "$.new"), column("q_title_t", "TEXT", "$.headline")];
    let error = ready(ensure_generated_columns(&database, &Noon, &other)).unwrap_err();
    assert!(matches!(error, MigrationError::Conflicting { name, .. } if name == "q_title_t"));
    assert_eq!(database.ask(RECORDED), "q_a_b_00ff_i,q_title_t");
}

#[test]
fn too_many_columns_are_refused_before_any_is_added() {
    let database = migrated();
    let present: usize =
        database.ask("SELECT count(*) FROM pragma_table_xinfo('documents')").parse().unwrap();
    let columns: Vec<_> =
        (0..=100 - present).map(|it| column(&format!("q_f{it}_t"), "TEXT", &format!("$.f{it}"))).collect();
    let error = ready(ensure_generated_columns(&database, &Noon, &columns)).unwrap_err();
    assert!(matches!(&error, MigrationError::TooManyColumns { columns, present: it, limit: 100 }
        if columns.len() == 101 - present && *it == present));
    assert!(error.to_string().contains("declare some of these fields as facets: q_f0_t, q_f1_t"), "{error}");
    assert_eq!(database.ask(RECORDED), "");
    assert_eq!(
        ready(ensure_generated_columns(&database, &Noon, &columns[1..])).unwrap().len(),
        columns.len() - 1
    );
}

#[test]
fn without_documents_nothing_can_be_added() {
    let database = FileDatabase::new();
    let error = ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap_err();
    assert!(matches!(error, MigrationError::Storage(_)));
}

#[test]
fn another_program_may_add_some_in_between() {
    let inner = migrated();
    let other = std::sync::Arc::new(inner.again());
    let act = {
        let other = other.clone();
        move || {
            ready(ensure_generated_columns(&*other, &Noon, &two_columns()[..1])).unwrap();
            ready(ensure_indexes(&*other, &Noon, &two_indexes()[..1])).unwrap();
        }
    };
    // The first batch looks, the second adds.
    let database = Interrupted { inner, before_batch: 2, act };
    assert_eq!(ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap(), ["q_a_b_00ff_i"]);
    ready(drop_indexes(&*other, &["ix_slug_1".to_owned()])).unwrap();
    assert_eq!(ready(ensure_indexes(&database, &Noon, &two_indexes())).unwrap(), ["ix_root_2"]);
    assert_eq!(other.ask(RECORDED), "ix_root_2,ix_slug_1,q_a_b_00ff_i,q_title_t");
}

#[test]
fn of_two_that_start_at_once_one_adds_each() {
    for _ in 0..10 {
        let database = migrated();
        let barrier = Barrier::new(2);
        let start = || {
            let database = database.again();
            barrier.wait();
            let columns = ready(ensure_generated_columns(&database, &Noon, &two_columns())).unwrap();
            let indexes = ready(ensure_indexes(&database, &Noon, &two_indexes())).unwrap();
            [columns, indexes].concat()
        };
        let mut added = thread::scope(|scope| {
            let other = scope.spawn(start);
            [start(), other.join().unwrap()].concat()
        });
        added.sort_unstable();
        assert_eq!(added, ["ix_root_2", "ix_slug_1", "q_a_b_00ff_i", "q_title_t"]);
        assert_eq!(database.ask(RECORDED), added.join(","));
    }
}

#[test]
fn indexes_are_created_once_and_dropped_when_asked() {
    let database = migrated();
    let create = || ready(ensure_indexes(&database, &Noon, &two_indexes())).unwrap();
    assert_eq!(create(), ["ix_slug_1", "ix_root_2"]);
    assert_eq!(create(), [""; 0]);
    assert_eq!(ready(obsolete_indexes(&database, &two_indexes())).unwrap(), [""; 0]);

    let obsolete = ready(obsolete_indexes(&database, &two_indexes()[..1])).unwrap();
    assert_eq!(obsolete, ["ix_root_2"]);
    ready(drop_indexes(&database, &obsolete)).unwrap();
    ready(drop_indexes(&database, &obsolete)).unwrap();
    assert_eq!(database.ask(RECORDED), "ix_slug_1");
    assert_eq!(create(), ["ix_root_2"]);
}

#[test]
fn what_is_not_an_index_of_a_collection_is_not_dropped() {
    let database = migrated();
    let names = ["documents_head".to_owned()];
    let error = ready(drop_indexes(&database, &names)).unwrap_err();
    assert!(matches!(error, MigrationError::InvalidDefinition { .. }));
    database.run("CREATE INDEX ix_Mine ON documents (slug)");
    assert_eq!(ready(obsolete_indexes(&database, &[])).unwrap(), [""; 0]);
}

#[test]
fn a_unique_index_on_rows_that_are_not_says_so() {
    let database = migrated();
    database.run("INSERT INTO settings VALUES ('a', '1', '{}', 1), ('a', '2', '{}', 1)");
    let sql = "CREATE UNIQUE INDEX ix_settings_1 ON settings (category)".to_owned();
    let error =
        ready(ensure_indexes(&database, &Noon, &[IndexDefinition { name: "ix_settings_1".to_owned(), sql }]));
    assert!(matches!(error, Err(MigrationError::Storage(Error::NotUnique { .. }))));
    assert_eq!(database.ask(RECORDED), "");
}
