//! Sweeps: by hand, and by a server.

use std::path::Path;

use crate::process::{Server, finish, folder, number, sqlite, stratus};

const SWEPT: &str = "SELECT count(*) FROM settings WHERE category = 'windows' AND key = 'swept'";

/// Lets a public document have been written an hour ago, and its window have opened just after:
/// sweeps stay a little behind the clock.
fn open_window(data: &Path, slug: &str) {
    let sql = "UPDATE documents SET updated_at = updated_at - 3600000, scheduled_at = updated_at - 3599999 \
         WHERE is_published = 1 AND slug = ?1";
    assert_eq!(sqlite(data).execute(sql, [slug]).expect("an update"), 1);
}

fn slug(data: &Path, nth: u32) -> String {
    let sql = "SELECT slug FROM documents WHERE is_published = 1 AND type_id = 'posts' ORDER BY slug LIMIT 1 OFFSET ?1";
    sqlite(data).query_row(sql, [nth], |row| row.get(0)).expect("a slug")
}

#[test]
fn a_sweep_says_what_it_recorded() {
    let data = folder();
    finish(stratus(data.path(), &["sweep"])).refused(&["there is no database at", "stratus migrate up"]);
    Server::start(data.path(), &["--demo", "--sweep-interval", "0"]).stop();
    assert_eq!(number(&sqlite(data.path()), SWEPT), 0, "the server was not to sweep");
    open_window(data.path(), &slug(data.path(), 0));
    for said in [
        "1 window opened, 0 closed; 0 idempotency keys forgotten\n",
        "0 windows opened, 0 closed; 0 idempotency keys forgotten\n",
    ] {
        assert_eq!(finish(stratus(data.path(), &["sweep"])).expect(0).stdout, said);
    }
    finish(stratus(data.path(), &["doctor"])).expect(0);
}

#[test]
fn a_server_sweeps_from_its_start() {
    let data = folder();
    Server::start(data.path(), &["--demo", "--sweep-interval", "0"]).stop();
    open_window(data.path(), &slug(data.path(), 1));
    let server = Server::start(data.path(), &["--sweep-interval", "3600"]);
    server.wait_for("publish windows recorded");
    server.stop();
    let recorded = "SELECT count(*) FROM events WHERE kind = 'published' AND actor = 'role:system'";
    assert_eq!(number(&sqlite(data.path()), recorded), 1);
}
