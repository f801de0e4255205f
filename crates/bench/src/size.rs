//! How many bytes documents take on disk, and the server in memory.

use std::fs;

use anyhow::Result;

use crate::{
    bare,
    http::client_load,
    options::Context,
    process::Server,
    reads,
    report::{Section, Target},
    store::{Kind, Store},
};

/// The most memory that the server may take.
const MEMORY: u64 = 100 * 1024 * 1024;

/// Weighs databases and the server.
pub(crate) fn compare(context: &Context) -> Result<Section> {
    let size = context.options.largest();
    let mut section = Section::new(
        "Size and memory",
        format!(
            "{size} documents of about 1.5 KB of JSON, one version each. The floor is the JSON alone; the database is the file after a checkpoint, without VACUUM. Memory is that of `stratus serve` under reads and lists from the whole collection, and the floor is what it may take."
        ),
    );
    for (kind, what, most) in [
        (Kind::Posts, "posts: three tags, three references, all indexes of the demo", 2.8),
        (Kind::Notes, "notes: nothing derived, list and slugs", 2.0),
    ] {
        let (file, json, count) = bytes(context, kind, size)?;
        let mean = json as f64 / count as f64;
        let ratio = file as f64 / json as f64;
        let what = format!("{what}; {mean:.0} bytes each");
        section.figure(what, mebibytes(file), mebibytes(json), ratio, Target::AtMost(most));
    }
    memory(context, size, &mut section)?;
    Ok(section)
}

/// Bytes of the file, bytes of JSON, documents.
fn bytes(context: &Context, kind: Kind, size: usize) -> Result<(u64, u64, u64)> {
    let store = Store::kept(context, kind, size)?;
    let connection = bare::reader(&store.file())?;
    let (json, count): (i64, i64) = connection.query_row(
        "SELECT sum(octet_length(data) + CASE WHEN data_private = '{}' THEN 0 ELSE octet_length(data_private) END), \
         count(*) FROM documents",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    drop(connection);
    let file = store.file();
    store.close()?;
    Ok((fs::metadata(file)?.len(), json.unsigned_abs(), count.unsigned_abs()))
}

fn memory(context: &Context, size: usize, section: &mut Section) -> Result<()> {
    let store = Store::kept(context, Kind::Posts, size)?;
    let sample = reads::sample(&store, 20_000)?;
    let folder = store.close()?;
    let server = Server::stratus(context, &folder, "info")?;
    let (idle, _) = server.memory()?;
    let mut paths: Vec<_> = sample.iter().map(|(id, _)| format!("/api/posts/{id}")).collect();
    let orders = ["-publishedAt", "publishedAt", "title", "-rating"];
    paths.extend((0..2_000).map(|n| format!("/api/posts?limit=100&sort={}", orders[n % orders.len()])));
    client_load(server.address, &paths, context.long_turn * 5)?;
    let (now, peak) = server.memory()?;
    section.note("memory when it has started", mebibytes(idle), "");
    for (what, bytes) in [("memory under load", now), ("memory at most", peak)] {
        let ratio = bytes as f64 / MEMORY as f64;
        section.figure(what, mebibytes(bytes), mebibytes(MEMORY), ratio, Target::AtMost(1.0));
    }
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
