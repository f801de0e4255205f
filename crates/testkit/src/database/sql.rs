//! The SQL that everything above the port relies on.

use std::sync::Arc;

use stratus_storage::{Consistency, Database, Value};

use super::{bare, integer, rows, session_with, texts, with};

pub(super) async fn json_each_takes_a_list_as_one_parameter(database: Arc<dyn Database>) {
    let schema = ["CREATE TABLE t (id TEXT PRIMARY KEY)", "INSERT INTO t VALUES ('a'), ('b'), ('c')"];
    let session = session_with(&database, &schema).await;
    let list = "SELECT id FROM t WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id";
    assert_eq!(texts(&rows(&*session, with(list, ["[\"c\",\"a\",\"x\"]".into()])).await), ["a", "c"]);
    assert!(rows(&*session, with(list, ["[]".into()])).await.is_empty());
    // Far more values than any backend takes parameters.
    let many: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let count = with("SELECT count(*) AS n FROM json_each(?1)", [format!("[{}]", many.join(",")).into()]);
    assert_eq!(rows(&*session, count).await.first().expect("a row").integer(0).expect("n"), 5000);
}

pub(super) async fn a_parameter_may_be_used_twice(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let found = rows(&*session, with("SELECT ?2 || ?1 || ?2 AS v", ["a".into(), "b".into()])).await;
    assert_eq!(texts(&found), ["bab"]);
}

pub(super) async fn returning_gives_rows(database: Arc<dyn Database>) {
    let session = session_with(&database, &["CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)"]).await;
    let statements = [
        bare("INSERT INTO t (n) VALUES (10), (20) RETURNING id, n"),
        bare("UPDATE t SET n = n + 1 WHERE n = 20 RETURNING n"),
        bare("UPDATE t SET n = 0 WHERE n = 99 RETURNING n"),
        bare("DELETE FROM t RETURNING n"),
    ];
    let results = session.batch(&statements).await.expect("batch");
    let sizes: Vec<_> = results.iter().map(stratus_storage::Rows::len).collect();
    assert_eq!(sizes, [2, 1, 0, 2]);
    assert_eq!(results[1].first().expect("a row").integer(0).expect("n"), 21);
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM t").await, 0);
}

pub(super) async fn upsert_works(database: Arc<dyn Database>) {
    let schema =
        ["CREATE TABLE g (tenant TEXT, c TEXT, seq INTEGER, PRIMARY KEY (tenant, c)) STRICT, WITHOUT ROWID"];
    let session = session_with(&database, &schema).await;
    let upsert = "INSERT INTO g VALUES ('t', ?1, ?2) ON CONFLICT (tenant, c) DO UPDATE SET seq = excluded.seq \
                  WHERE excluded.seq > seq RETURNING seq";
    for (seq, kept) in [(1, 1), (5, 5), (3, 0)] {
        let results = session.batch(&[with(upsert, ["posts".into(), seq.into()])]).await.expect("upsert");
        let returned = results[0].first().map_or(0, |row| row.integer(0).expect("seq"));
        assert_eq!(returned, kept);
    }
    assert_eq!(integer(&*session, "SELECT seq AS n FROM g").await, 5);
}

const DOCUMENTS: [&str; 4] = [
    "CREATE TABLE documents (root_id TEXT NOT NULL, type TEXT NOT NULL, live INTEGER NOT NULL, data TEXT NOT NULL, \
     q_price_i INTEGER GENERATED ALWAYS AS (data ->> '$.price') VIRTUAL) STRICT",
    "CREATE INDEX ix_price ON documents (q_price_i, root_id) WHERE type = 'posts' AND live = 1",
    "INSERT INTO documents (root_id, type, live, data) SELECT printf('%03d', value), 'posts', value % 10 <> 0, \
     json_object('price', value / 2) FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]')",
    "INSERT INTO documents (root_id, type, live, data) VALUES ('900', 'pages', 1, '{\"price\":4}'), \
     ('901', 'posts', 1, '{}')",
];

pub(super) async fn generated_column_index_is_usable_by_name(database: Arc<dyn Database>) {
    let session = session_with(&database, &DOCUMENTS).await;
    let by_price = "SELECT root_id FROM documents INDEXED BY ix_price WHERE type = 'posts' AND live = 1 AND q_price_i = ?1";
    assert_eq!(texts(&rows(&*session, with(by_price, [4.into()])).await), ["008", "009"]);
}

pub(super) async fn partial_index_by_literal(database: Arc<dyn Database>) {
    let session = session_with(&database, &DOCUMENTS).await;
    let plan = "EXPLAIN QUERY PLAN SELECT root_id FROM documents WHERE type = 'posts' AND live = 1 AND q_price_i > 3 \
                ORDER BY q_price_i, root_id";
    let plan = rows(&*session, bare(plan)).await;
    assert_eq!(plan.len(), 1, "one search, no sort");
    let detail = plan.first().expect("a row").text(3).expect("a plan").to_owned();
    assert!(detail.starts_with("SEARCH documents USING") && detail.contains("ix_price"), "{detail}");
}

pub(super) async fn generated_column_can_be_added_and_is_listed(database: Arc<dyn Database>) {
    let session = session_with(&database, &DOCUMENTS).await;
    let add = bare(
        "ALTER TABLE documents ADD COLUMN q_title_t TEXT GENERATED ALWAYS AS (data ->> '$.title') VIRTUAL",
    );
    let index = bare("CREATE INDEX ix_title ON documents (q_title_t, root_id)");
    let insert = bare(
        "INSERT INTO documents (root_id, type, live, data) VALUES ('x', 'posts', 1, '{\"title\":\"T\"}')",
    );
    session.batch(&[add, index, insert]).await.expect("a new column");
    let named =
        rows(&*session, bare("SELECT root_id FROM documents INDEXED BY ix_title WHERE q_title_t = 'T'"))
            .await;
    assert_eq!(texts(&named), ["x"]);
    let listed = "SELECT name FROM pragma_table_xinfo('documents') WHERE hidden <> 0 ORDER BY name";
    assert_eq!(texts(&rows(&*session, bare(listed)).await), ["q_price_i", "q_title_t"]);
    let indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name";
    assert_eq!(texts(&rows(&*session, bare(indexes)).await), ["ix_price", "ix_title"]);
}

pub(super) async fn row_values_seek(database: Arc<dyn Database>) {
    let session = session_with(&database, &DOCUMENTS).await;
    let page = "SELECT root_id, q_price_i FROM documents INDEXED BY ix_price WHERE type = 'posts' AND live = 1 \
                AND (q_price_i, root_id) > (?1, ?2) ORDER BY q_price_i, root_id LIMIT 4";
    let mut seen = Vec::new();
    let mut after: [Value; 2] = [Value::Integer(-1), "".into()];
    loop {
        let found = rows(&*session, with(page, after)).await;
        seen.extend(found.iter().map(|row| row.text(0).expect("root_id").to_owned()));
        match found.iter().next_back() {
            Some(last) if found.len() == 4 => {
                after = [last.value(1).expect("price").clone(), last.value(0).expect("id").clone()]
            }
            _ => break,
        }
    }
    let expected: Vec<_> = (1..=19).filter(|n| n % 10 != 0).map(|n| format!("{n:03}")).collect();
    assert_eq!(seen, expected);
}

pub(super) async fn row_value_with_null_matches_nothing(database: Arc<dyn Database>) {
    let session = session_with(&database, &DOCUMENTS).await;
    let page = "SELECT root_id FROM documents WHERE (q_price_i, root_id) > (?1, ?2)";
    assert!(rows(&*session, with(page, [Value::Null, "".into()])).await.is_empty());
    let null_phase = "SELECT root_id FROM documents WHERE type = 'posts' AND live = 1 AND q_price_i IS NULL AND root_id > ''";
    assert_eq!(texts(&rows(&*session, bare(null_phase)).await), ["901"]);
}

pub(super) async fn text_compares_by_code_point(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let list = "[\"b\",\"é\",\"a\",\"Z\",\"\u{ffff}\",\"\u{10000}\",\"aa\",\"\"]";
    let sorted = rows(&*session, with("SELECT value FROM json_each(?1) ORDER BY value", [list.into()])).await;
    assert_eq!(texts(&sorted), ["", "Z", "a", "aa", "b", "é", "\u{ffff}", "\u{10000}"]);
}

pub(super) async fn nulls_sort_first(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let sorted = rows(&*session, bare("SELECT value FROM json_each('[2,null,1]') ORDER BY value")).await;
    let cells: Vec<_> = sorted.iter().map(|row| row.optional_integer(0).expect("an integer")).collect();
    assert_eq!(cells, [None, Some(1), Some(2)]);
}

pub(super) async fn triggers_fire(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE t (n INTEGER)",
        "CREATE TABLE log (n INTEGER)",
        "CREATE TRIGGER log_t AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.n); END",
        "INSERT INTO t VALUES (1), (2)",
    ];
    let session = session_with(&database, &schema).await;
    assert_eq!(integer(&*session, "SELECT sum(n) AS n FROM log").await, 3);
}

pub(super) async fn strict_without_rowid_tables_work(database: Arc<dyn Database>) {
    let schema = [
        "CREATE TABLE t (a TEXT, b ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID",
        "INSERT INTO t VALUES ('x', 1), ('x', '1'), ('a', 0.5)",
    ];
    let session = session_with(&database, &schema).await;
    assert_eq!(integer(&*session, "SELECT count(*) AS n FROM t WHERE a = 'x'").await, 2);
}

pub(super) async fn common_table_expressions_recurse(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let sum = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100) SELECT sum(n) AS n FROM c";
    assert_eq!(integer(&*session, sum).await, 5050);
}

pub(super) async fn window_functions_count(database: Arc<dyn Database>) {
    let session = database.session(Consistency::Any);
    let numbered =
        "SELECT value, row_number() OVER (ORDER BY value DESC) AS n FROM json_each('[1,2,3]') ORDER BY value";
    let found = rows(&*session, bare(numbered)).await;
    let numbers: Vec<_> = found.iter().map(|row| row.integer(1).expect("n")).collect();
    assert_eq!(numbers, [3, 2, 1]);
}
