//! A namespace of Workers KV as a [`KeyValue`].

use std::time::Duration;

use async_trait::async_trait;
use stratus_storage::{Error, KeyValue, MAX_KEY_BYTES, MIN_TTL_SECONDS, Result};
use worker::{
    Env,
    js_sys::{Array, ArrayBuffer, Reflect, Uint8Array},
    send::SendFuture,
    wasm_bindgen::{JsCast as _, JsValue},
};

use crate::{
    error::{lost, stores::from_key_value},
    js::{self, Binding, within},
    sql::Effect,
};

const MAX_VALUE_BYTES: usize = 25 * 1024 * 1024;

/// KV counts in 32 bits. These 68 years are as good as for ever.
const MAX_TTL_SECONDS: u64 = i32::MAX as u64;

/// A [`KeyValue`] store in a namespace of Workers KV, which is where a Worker keeps a cache.
///
/// What is put may be seen a minute late elsewhere, and so may its absence. Beyond what the port
/// says, KV takes no empty key, `.` or `..` ([`Error::Refused`]) and no value above 25 MiB
/// ([`Error::TooLarge`]).
#[derive(Debug)]
pub struct WorkersKeyValue {
    binding: Binding,
    deadline: Duration,
}

impl WorkersKeyValue {
    /// How long a call may take, unless [`deadline`](Self::deadline) says otherwise. A cache that is
    /// slower than what it stands in front of is none.
    pub const DEADLINE: Duration = Duration::from_secs(2);

    /// Finds a namespace by the name of its binding. `worker`'s own type for one throws where KV
    /// answers with what it should not, so it is not used.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when there is no such binding.
    pub fn open(env: &Env, name: &str) -> Result<Self> {
        match Reflect::get(env, &name.into()) {
            Ok(binding) if binding.is_object() => {
                Ok(Self { binding: Binding::new(&binding), deadline: Self::DEADLINE })
            }
            _ => Err(Error::backend(format!("the Worker has no KV namespace bound to `{name}`"))),
        }
    }

    /// Sets how long a call may take. A write whose answer is not there by then is
    /// [`Error::OutcomeUnknown`]; it may be repeated.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn ask(&self, method: &str, arguments: Array, effect: Effect) -> Result<JsValue> {
        match within(self.deadline, self.binding.call(method, &arguments)).await {
            Some(answer) => answer.map_err(|error| from_key_value(&js::message(&error), effect)),
            None => Err(lost(&format!("no answer from KV within {:?}", self.deadline), effect)),
        }
    }

    async fn find(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let options = js::object([("type", "arrayBuffer".into())]);
        let found = self.ask("get", Array::of2(&key.into(), &options), Effect::Reads).await?;
        if found.is_null() {
            return Ok(None);
        }
        let found = found.is_instance_of::<ArrayBuffer>().then(|| js::bytes(&found)).flatten();
        let unexpected =
            || Error::Unexpected { what: "KV answered with something other than bytes".to_owned() };
        found.map(Some).ok_or_else(unexpected)
    }
}

#[async_trait]
impl KeyValue for WorkersKeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        SendFuture::new(self.find(key)).await
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: Option<u64>) -> Result<()> {
        check_key(key)?;
        if value.len() > MAX_VALUE_BYTES {
            let what = format!("a value of {} bytes (limit {MAX_VALUE_BYTES})", value.len());
            return Err(Error::TooLarge { what });
        }
        let put = async {
            let options = match ttl_seconds {
                Some(ttl) => js::object([("expirationTtl", seconds(ttl).into())]),
                None => JsValue::UNDEFINED,
            };
            let arguments = Array::of3(&key.into(), &Uint8Array::from(value), &options);
            self.ask("put", arguments, Effect::Writes).await.map(drop)
        };
        SendFuture::new(put).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        let delete = async { self.ask("delete", Array::of1(&key.into()), Effect::Writes).await.map(drop) };
        SendFuture::new(delete).await
    }
}

fn check_key(key: &str) -> Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Error::TooLarge {
            what: format!("a key of {} bytes (limit {MAX_KEY_BYTES})", key.len()),
        });
    }
    if ["", ".", ".."].contains(&key) {
        return Err(Error::Refused { what: format!("`{key}` as a key of KV") });
    }
    Ok(())
}

/// A time to live that KV takes.
fn seconds(ttl: u64) -> f64 {
    ttl.clamp(MIN_TTL_SECONDS, MAX_TTL_SECONDS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_kv_does_not_take_are_not_sent() {
        for key in ["a", "...", "./a", &"k".repeat(512)] {
            assert!(check_key(key).is_ok(), "{key}");
        }
        for key in ["", ".", ".."] {
            assert!(matches!(check_key(key), Err(Error::Refused { .. })), "{key}");
        }
        assert!(matches!(check_key(&"é".repeat(257)), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_time_to_live_is_brought_within_what_kv_takes() {
        for (ttl, expected) in
            [(0, 60.0), (59, 60.0), (61, 61.0), (1 << 31, 2_147_483_647.0), (u64::MAX, 2_147_483_647.0)]
        {
            assert_eq!(seconds(ttl), expected);
        }
    }
}
