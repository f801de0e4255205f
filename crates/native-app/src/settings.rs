//! `stratus settings`: looking at settings, and changing them.

use std::sync::Arc;

use anyhow::{bail, ensure};
use serde_json::Value as Json;
use stratus_access::Principal;
use stratus_document::{Setting, Settings, Shown, format_time};
use stratus_sqlite::{SqliteDatabase, SqliteOptions};

use crate::{
    cli::{Global, SettingsCommand},
    database,
    output::{self, Outcome},
    ports::{OsEntropy, SystemClock},
    prepare,
    serve::small_runtime,
};

/// Does what was asked.
pub(crate) fn run(global: &Global, command: &SettingsCommand) -> anyhow::Result<Outcome> {
    small_runtime()?.block_on(async {
        match command {
            SettingsCommand::List { category } => list(global, category.as_deref()).await,
            SettingsCommand::Get { category, key } => get(global, category, key).await,
            SettingsCommand::Set { category, key, value } => set(global, category, key, value).await,
            SettingsCommand::Remove { category, key } => remove(global, category, key).await,
        }
    })
}

async fn list(global: &Global, category: Option<&str>) -> anyhow::Result<Outcome> {
    let settings = existing(global).await?.list(category).await?;
    if settings.is_empty() {
        output::line("no settings");
        return Ok(Outcome::Done);
    }
    let width =
        |name: fn(&Setting) -> &str| settings.iter().map(|it| name(it).len()).max().unwrap_or(0).max(8);
    let (categories, keys) = (width(|it| &it.category), width(|it| &it.key));
    output::line(format_args!("{:<categories$}  {:<keys$}  {:<24}  VALUE", "CATEGORY", "KEY", "WHEN"));
    for Setting { category, key, value, updated_at } in &settings {
        let when = format_time(*updated_at);
        let value = match value {
            Shown::Value(value) => value.to_string(),
            Shown::Hidden => "(hidden: the program's own)".to_owned(),
            Shown::Malformed => "(no JSON: set it again)".to_owned(),
        };
        output::line(format_args!("{category:<categories$}  {key:<keys$}  {when:<24}  {value}"));
    }
    Ok(Outcome::Done)
}

async fn get(global: &Global, category: &str, key: &str) -> anyhow::Result<Outcome> {
    refuse_internal(category)?;
    match existing(global).await?.get::<Json>(category, key).await? {
        Some(value) => output::line(value),
        None => {
            bail!("there is no setting `{category}/{key}`; `stratus settings list` shows those there are")
        }
    }
    Ok(Outcome::Done)
}

async fn set(global: &Global, category: &str, key: &str, value: &str) -> anyhow::Result<Outcome> {
    refuse_internal(category)?;
    let value = parse(category, key, value)?;
    let (database, settings) = created(global).await?;
    let is_other = settings.set(&Principal::admin(), category, key, &value).await?;
    output::line(if is_other { "set" } else { "it is that already" });
    database.close()?;
    Ok(Outcome::Done)
}

/// Of internal settings too: what can't be read there is cured so, and the program makes it anew.
async fn remove(global: &Global, category: &str, key: &str) -> anyhow::Result<Outcome> {
    let (database, settings) = created(global).await?;
    let was_there = settings.remove(&Principal::admin(), category, key).await?;
    output::line(if was_there { "removed" } else { "there is none" });
    database.close()?;
    Ok(Outcome::Done)
}

fn parse(category: &str, key: &str, value: &str) -> anyhow::Result<Json> {
    serde_json::from_str(value).map_err(|error| {
        let quoted = Json::from(value).to_string().replace('\'', r"'\''");
        anyhow::anyhow!(
            "the value is no JSON ({error}); a text stands in quotes, and those in the shell's: \
             stratus settings set {category} {key} '{quoted}'"
        )
    })
}

fn refuse_internal(category: &str) -> anyhow::Result<()> {
    ensure!(
        !Settings::is_internal(category),
        "the settings of `{category}` are the program's own: they are neither shown nor set by hand, only \
         removed; the program makes them anew"
    );
    Ok(())
}

async fn existing(global: &Global) -> anyhow::Result<Settings> {
    let database = database::existing(&global.data)?;
    prepare::require_migrated(&database).await?;
    Ok(over(&database))
}

async fn created(global: &Global) -> anyhow::Result<(SqliteDatabase, Settings)> {
    let database = database::create(&global.data, SqliteOptions::default())?;
    prepare::migrate(&database, &SystemClock).await?;
    let settings = over(&database);
    Ok((database, settings))
}

fn over(database: &SqliteDatabase) -> Settings {
    Settings::new(Arc::new(database.clone()), Arc::new(SystemClock), Arc::new(OsEntropy))
}
