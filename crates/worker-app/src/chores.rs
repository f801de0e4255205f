//! What whoever runs a deployment asks for, beside requests: bringing the database up to date, and
//! recording which publish windows opened and closed.

use serde_json::{Value as Json, json};
use stratus_document::{Column, Registry, Swept, drop_obsolete, install, rewrite_outdated, sweep};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, GeneratedColumn, apply};
use stratus_storage::Database;

use crate::{app::Ports, schema::Fitness};

/// Applies migrations; adds what the collections need, however many documents there are, and drops
/// what none of them needs; rewrites rows of older definitions. Says what it did, as JSON.
///
/// # Errors
///
/// What went wrong, for people. What was done before stays.
pub(crate) async fn migrate(ports: &Ports) -> Result<String, String> {
    let (database, clock, registry) = (&*ports.patient, &*ports.clock, &*ports.registry);
    let applied = apply(database, clock, &[&CORE, &EVENTS, &DOCUMENTS]).await.map_err(|it| explain(&it))?;
    let installed = install(database, clock, registry).await.map_err(|it| explain(&it))?;
    let dropped = drop_obsolete(database, registry).await.map_err(|it| explain(&it))?;
    let rows = rewrite_outdated(database, registry, &*ports.entropy, &mut |_| {}).await;
    let rows = rows.map_err(|it| explain(&it))?;
    let fitness = ports.schema.look().await.map_err(|it| explain(&it))?;
    if fitness != Fitness::Fit {
        return Err("what was added is not there".to_owned());
    }
    let did = json!({
        "applied": applied, "columns": installed.columns, "indexes": installed.indexes, "dropped": dropped,
        "rewritten": rows,
    });
    Ok(did.to_string())
}

/// Everything that the collections need of a database, with the statements that add it: what
/// `cargo xtask worker migrate --remote` has run where it is missing. As JSON.
///
/// # Errors
///
/// What is wrong with the definitions.
pub(crate) fn plan(registry: &Registry) -> Result<String, String> {
    let mut parts = Vec::new();
    for Column { name, json_path: path, column_type } in registry.columns() {
        let column = GeneratedColumn { name, sql_type: column_type.sql(), path };
        let definition = column.definition().map_err(|it| explain(&it))?;
        let add = format!("ALTER TABLE documents ADD COLUMN {definition}");
        parts.push(part(&column.name, "column", &definition, &add));
    }
    parts.extend(registry.indexes().iter().map(|it| part(&it.name, "index", &it.sql, &it.sql)));
    Ok(Json::from(parts).to_string())
}

fn part(name: &str, kind: &str, definition: &str, add: &str) -> Json {
    let quoted = definition.replace('\'', "''");
    let record = format!(
        "INSERT INTO schema_state (name, kind, definition, created_at) \
         VALUES ('{name}', '{kind}', '{quoted}', CAST(strftime('%s', 'now') AS INTEGER) * 1000) \
         ON CONFLICT (name) DO NOTHING"
    );
    json!({"name": name, "sql": format!("{add};\n{record};\n")})
}

/// Records what is due. Reads don't depend on it, and the next one begins where this one stopped.
pub(crate) async fn record_windows(ports: &Ports, database: &dyn Database) {
    match sweep(database, &ports.registry, &*ports.clock, &*ports.entropy).await {
        Ok(Swept { opened, closed }) => tracing::info!(opened, closed, "publish windows recorded"),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "publish windows could not be recorded");
        }
    }
}

/// An error with its causes.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
