//! Settings: small JSON values by category and key, for the program itself and for who runs it.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use stratus_access::{Principal, TenantId};
use stratus_events::{EventKind, GuardKind, NewEvent, Reach, Stamp, advance, append, guard_changed, receipt};
use stratus_storage::{
    Clock, Consistency, Database, Entropy, Error as StorageError, OpId, Row, Statement, Timestamp, Value,
    commit,
};

/// Categories whose values are credentials, or the program's own notes.
const INTERNAL: [&str; 2] = ["auth", "windows"];

/// The collection by which the log and the generations speak of settings.
const COLLECTION: &str = "settings";

/// How many bytes of JSON a value has at most.
const MAX_BYTES: usize = 64 * 1024;

const SELECT: &str = "SELECT value FROM settings WHERE category = ?1 AND key = ?2";
const REPLACE: &str = "INSERT INTO settings (category, key, value, updated_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (category, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at \
     WHERE value <> excluded.value";
const ADD: &str = "INSERT INTO settings (category, key, value, updated_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (category, key) DO NOTHING";
const REMOVE: &str = "DELETE FROM settings WHERE category = ?1 AND key = ?2";

/// Why a call on settings failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A category or a key that can't be one.
    #[error(
        "`{name}` can't name a setting: a lower-case letter, then up to 62 of lower-case letters, digits, `_`, \
         `.` and `-`"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// A value that is too large, or no JSON.
    #[error("the value of `{setting}` can't be stored: {reason}")]
    Value {
        /// Category and key.
        setting: String,
        /// Why.
        reason: String,
    },
    /// What is stored is not of the type that was asked for. Set it anew.
    #[error("the setting `{setting}` is not what it should be")]
    Mismatch {
        /// Category and key.
        setting: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A setting, as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its category.
    pub category: String,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Shown,
    /// When it was set last.
    pub updated_at: Timestamp,
}

/// What a list shows of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// The value.
    Value(Json),
    /// Nothing: its category is internal.
    Hidden,
    /// That it can't be read: it is no JSON.
    Malformed,
}

/// Reads and writes settings. They are the program's, not a tenant's.
///
/// Each change is one batch with an event that names the setting and never its value.
#[derive(Clone)]
pub struct Settings {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

impl Settings {
    /// Settings over the ports of a program.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { database, clock, entropy }
    }

    /// Whether the values of a category are for the program only: what a person is shown leaves them
    /// out.
    pub fn is_internal(category: &str) -> bool {
        INTERNAL.contains(&category)
    }

    /// A value; `None` if it was never set.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Mismatch`] for one that is not a `T`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        category: &str,
        key: &str,
    ) -> Result<Option<T>, SettingsError> {
        let name = Name::new(category, key)?;
        let Some(text) = self.stored(&name).await? else { return Ok(None) };
        let mismatch = |source| SettingsError::Mismatch { setting: name.to_string(), source };
        serde_json::from_str(&text).map(Some).map_err(mismatch)
    }

    /// Sets a value, and says whether it is another one than before.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Name`] and [`SettingsError::Value`], before anything is sent.
    pub async fn set<T: Serialize + ?Sized>(
        &self,
        actor: &Principal,
        category: &str,
        key: &str,
        value: &T,
    ) -> Result<bool, SettingsError> {
        let name = Name::new(category, key)?;
        let (value, text) = encode(&name, value)?;
        let before = self.stored(&name).await?;
        // As values, not as texts: members may stand in another order.
        if before.and_then(|it| serde_json::from_str::<Json>(&it).ok()).is_some_and(|it| it == value) {
            return Ok(false);
        }
        self.write(actor, &name, REPLACE, Some(text)).await
    }

    /// Sets a value if there is none, and says whether it did. Of two programs that do so at once
    /// one does.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set).
    pub async fn set_if_absent<T: Serialize + ?Sized>(
        &self,
        actor: &Principal,
        category: &str,
        key: &str,
        value: &T,
    ) -> Result<bool, SettingsError> {
        let name = Name::new(category, key)?;
        let (_, text) = encode(&name, value)?;
        self.write(actor, &name, ADD, Some(text)).await
    }

    /// Removes a value, and says whether there was one.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Name`].
    pub async fn remove(&self, actor: &Principal, category: &str, key: &str) -> Result<bool, SettingsError> {
        self.write(actor, &Name::new(category, key)?, REMOVE, None).await
    }

    /// All settings, or those of a category, by name. Of internal ones the value is not shown.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Name`].
    pub async fn list(&self, category: Option<&str>) -> Result<Vec<Setting>, SettingsError> {
        category.map(check).transpose()?;
        let statement = Statement::new(
            "SELECT category, key, value, updated_at FROM settings WHERE ?1 IS NULL OR category = ?1 \
             ORDER BY category, key",
            vec![category.into()],
        );
        let rows = self.database.session(Consistency::Primary).query(&statement).await?;
        rows.iter().map(|row| Ok(shown(row)?)).collect()
    }

    async fn stored(&self, name: &Name<'_>) -> Result<Option<String>, SettingsError> {
        let statement = Statement::new(SELECT, name.params());
        let rows = self.database.session(Consistency::Primary).query(&statement).await?;
        Ok(rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()?)
    }

    /// Writes, with the event and the generation, unless there is nothing to change.
    async fn write(
        &self,
        actor: &Principal,
        name: &Name<'_>,
        sql: &'static str,
        value: Option<String>,
    ) -> Result<bool, SettingsError> {
        let op_id = OpId::mint(&*self.clock, &*self.entropy);
        let now = self.clock.now();
        let event = NewEvent {
            op_id: &op_id,
            at: now,
            tenant: &TenantId::default(),
            collection: COLLECTION,
            document: None,
            version: None,
            kind: EventKind::Settings,
            actor,
            data: json!({ "category": name.category, "key": name.key }),
        };
        let mut params = name.params();
        params.extend(value.into_iter().flat_map(|text| [text.into(), Value::Integer(now)]));
        let statements = [
            Statement::new(sql, params),
            guard_changed(GuardKind::StaleRevision),
            append(&event),
            // No public answer is made of settings.
            advance(&op_id, Reach::Private, &Stamp::draw(&*self.entropy)),
        ];
        let session = self.database.session(Consistency::Primary);
        match commit(&*self.database, &*session, &statements, &receipt(&op_id)).await {
            Ok(_) => Ok(true),
            Err(StorageError::Guard { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A category and a key that are ones.
#[derive(Clone, Copy, Debug)]
struct Name<'a> {
    category: &'a str,
    key: &'a str,
}

impl<'a> Name<'a> {
    fn new(category: &'a str, key: &'a str) -> Result<Self, SettingsError> {
        check(category)?;
        check(key)?;
        Ok(Self { category, key })
    }

    fn params(&self) -> Vec<Value> {
        vec![self.category.into(), self.key.into()]
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.category, self.key)
    }
}

fn check(name: &str) -> Result<(), SettingsError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
    let starts = name.bytes().next().is_some_and(|it| it.is_ascii_lowercase());
    if starts && name.len() <= 63 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(SettingsError::Name { name: name.chars().take(80).collect() })
}

fn encode<T: Serialize + ?Sized>(name: &Name<'_>, value: &T) -> Result<(Json, String), SettingsError> {
    let refused = |reason| SettingsError::Value { setting: name.to_string(), reason };
    let value = serde_json::to_value(value).map_err(|error| refused(error.to_string()))?;
    let text = value.to_string();
    if text.len() > MAX_BYTES {
        return Err(refused(format!("it is {} bytes of JSON; {MAX_BYTES} at most", text.len())));
    }
    Ok((value, text))
}

fn shown(row: Row<'_>) -> stratus_storage::Result<Setting> {
    let category = row.text(0)?.to_owned();
    let value = match serde_json::from_str(row.text(2)?) {
        _ if Settings::is_internal(&category) => Shown::Hidden,
        Ok(value) => Shown::Value(value),
        Err(_) => Shown::Malformed,
    };
    Ok(Setting { category, key: row.text(1)?.to_owned(), value, updated_at: row.integer(3)? })
}
