//! What whoever runs a deployment asks for, beside requests: bringing the database up to date, and
//! recording which publish windows opened and closed, and forgetting idempotency keys that have
//! expired.

use serde_json::{Value as Json, json};
use stratus_document::{
    Column, Registry, Swept, drop_obsolete, install, rewrite_outdated, sweep, write_definition,
};
use stratus_migrations::{CORE, DOCUMENTS, EVENTS, GeneratedColumn, apply};
use stratus_storage::{Database, Statement, Timestamp, Value};

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
    let fitness = ports.schema.confirm(database).await.map_err(|it| explain(&it))?;
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
/// `cargo xtask worker migrate --remote` has run where it is missing. As JSON, dated `now`.
///
/// # Errors
///
/// What is wrong with the definitions.
pub(crate) fn plan(registry: &Registry, now: Timestamp) -> Result<String, String> {
    let mut parts = Vec::new();
    for Column { name, json_path: path, column_type } in registry.columns() {
        let column = GeneratedColumn { name, sql_type: column_type.sql(), path };
        let definition = column.definition().map_err(|it| explain(&it))?;
        let add = format!("ALTER TABLE documents ADD COLUMN {definition}");
        parts.push(part(&column.name, "column", &definition, &add));
    }
    for collection in registry.collections() {
        let name = format!("definition of {} {}", collection.name(), collection.type_version());
        parts.push(json!({"name": name, "sql": spelt_out(&write_definition(collection, now))}));
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

/// A statement with its parameters in the text, for those who can't bind.
fn spelt_out(statement: &Statement) -> String {
    let mut text = String::new();
    let mut rest: &str = &statement.sql;
    while let Some((before, after)) = rest.split_once('?') {
        let (number, behind) = after.split_at(after.bytes().take_while(u8::is_ascii_digit).count());
        text.push_str(before);
        let place = number.parse::<usize>().ok().and_then(|it| it.checked_sub(1));
        match place.and_then(|it| statement.params.get(it)) {
            Some(Value::Text(value)) => {
                text.push('\'');
                text.push_str(&value.replace('\'', "''"));
                text.push('\'');
            }
            Some(Value::Integer(value)) => text.push_str(&value.to_string()),
            _ => text.push_str("NULL"),
        }
        rest = behind;
    }
    text.push_str(rest);
    text.push_str(";\n");
    text
}

/// Records what is due, and forgets what is past. Reads don't depend on it, and the next one begins
/// where this one stopped.
///
/// # Errors
///
/// What went wrong, for people.
pub(crate) async fn record_windows(ports: &Ports, database: &dyn Database) -> Result<(), String> {
    let swept = sweep(database, &ports.registry, &*ports.clock, &*ports.entropy).await;
    let Swept { opened, closed, forgotten } = swept.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "publish windows could not be recorded");
        format!("publish windows could not be recorded: {}", explain(&error))
    })?;
    tracing::info!(opened, closed, forgotten, "publish windows recorded, expired keys forgotten");
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stratus_document::CursorKey;
    use stratus_sqlite::{SqliteDatabase, SqliteOptions};
    use stratus_storage::{Clock, Entropy};
    use stratus_testkit::{SeededEntropy, SettableClock};

    use super::*;
    use crate::{collections, schema::Schema};

    #[tokio::test]
    async fn what_could_not_be_recorded_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stratus.db");
        let d1: Arc<dyn Database> = Arc::new(SqliteDatabase::open(file, SqliteOptions::default()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SettableClock::new(1_790_000_000_000));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let registry = Arc::new(collections::registry().unwrap());
        let schema = Schema::new(
            Arc::clone(&d1),
            Arc::clone(&registry),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            CursorKey::awaited(),
        );
        let patient = Arc::clone(&d1);
        let ports = Ports { d1, patient, clock, entropy, registry, schema: Arc::new(schema) };
        let said = record_windows(&ports, &*ports.d1).await.unwrap_err();
        assert!(said.starts_with("publish windows could not be recorded: "), "{said}");
        migrate(&ports).await.unwrap();
        record_windows(&ports, &*ports.d1).await.unwrap();
    }
}
