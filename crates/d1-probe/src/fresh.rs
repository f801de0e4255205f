//! Empty stores for each case, whatever the one before it left behind.

use worker::{Env, Result};

/// Empties a namespace of KV.
pub(crate) async fn empty_key_value(env: &Env) -> Result<()> {
    let namespace = env.kv("KV")?;
    for key in namespace.list().execute().await?.keys {
        namespace.delete(&key.name).await?;
    }
    Ok(())
}

/// Empties a bucket of R2.
pub(crate) async fn empty_blobs(env: &Env) -> Result<()> {
    let bucket = env.bucket("R2")?;
    for object in bucket.list().execute().await?.objects() {
        bucket.delete(object.key()).await?;
    }
    Ok(())
}

/// Drops everything in the database. A virtual table takes its shadow tables with it, so virtual ones
/// come first, and each is dropped only if it is still there.
pub(crate) async fn empty_database(env: &Env) -> Result<()> {
    const DROPS: &str = "SELECT format('DROP %s IF EXISTS \"%w\"', type, name) AS text FROM sqlite_schema \
         WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
           AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' \
         ORDER BY type = 'view' DESC, sql LIKE 'CREATE VIRTUAL%' DESC";
    let database = env.d1("DB")?;
    let drops: Vec<String> = database.prepare(DROPS).raw::<String>().await?.into_iter().flatten().collect();
    if drops.is_empty() {
        return Ok(());
    }
    // Tables refer to each other in any order, which counts only when all of them are gone.
    let mut batch = vec![database.prepare("PRAGMA defer_foreign_keys = on")];
    batch.extend(drops.into_iter().map(|drop| database.prepare(drop)));
    database.batch(batch).await.map(drop)
}
