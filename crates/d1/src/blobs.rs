//! A bucket of R2 as a [`BlobStore`].

use std::time::Duration;

use async_trait::async_trait;
use stratus_storage::{Blob, BlobKey, BlobStore, Error, Result};
use worker::{
    Bucket,
    js_sys::{Array, ArrayBuffer, Reflect, Uint8Array},
    send::SendFuture,
    wasm_bindgen::{JsCast as _, JsValue},
};

use crate::{
    error::{lost, stores::from_blobs},
    js::{self, Binding, within},
    sql::Effect,
};

/// The type of a blob that someone else put without saying one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A [`BlobStore`] in a bucket of R2: the key is the object's, the media type its `contentType`.
#[derive(Debug)]
pub struct R2BlobStore {
    binding: Binding,
    deadline: Duration,
}

impl R2BlobStore {
    /// How long a call may take, the bytes included, unless [`deadline`](Self::deadline) says
    /// otherwise.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// Wraps the binding that `env.bucket(…)` returned.
    pub fn new(binding: Bucket) -> Self {
        Self { binding: Binding::new(binding.as_ref()), deadline: Self::DEADLINE }
    }

    /// Sets how long a call may take. A write whose answer is not there by then is
    /// [`Error::OutcomeUnknown`]; it may be repeated.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Failure>>, effect: Effect) -> Result<T> {
        match within(self.deadline, call).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(Failure::Said(error))) => Err(from_blobs(&js::message(&error), effect)),
            Some(Err(Failure::Unexpected(what))) => {
                Err(Error::Unexpected { what: format!("R2 answered with {what}") })
            }
            None => Err(lost(&format!("no answer from R2 within {:?}", self.deadline), effect)),
        }
    }

    async fn find(&self, key: &BlobKey) -> Result<Option<Blob>, Failure> {
        let found = self.binding.call("get", &Array::of1(&key.as_str().into())).await?;
        if found.is_null() {
            return Ok(None);
        }
        if !found.is_object() {
            return Err(Failure::Unexpected("something other than an object"));
        }
        let metadata = Reflect::get(&found, &"httpMetadata".into())?;
        let content_type = Reflect::get(&metadata, &"contentType".into())?.as_string();
        let buffer = js::call(&found, "arrayBuffer", &Array::new()).await?;
        if !buffer.is_instance_of::<ArrayBuffer>() {
            return Err(Failure::Unexpected("something other than bytes"));
        }
        let bytes = Uint8Array::new(&buffer).to_vec();
        Ok(Some(Blob { bytes, content_type: content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()) }))
    }

    async fn store(&self, key: &BlobKey, blob: &Blob) -> Result<(), Failure> {
        let metadata = js::object([("contentType", blob.content_type.as_str().into())]);
        let options = js::object([("httpMetadata", metadata)]);
        let bytes = Uint8Array::from(blob.bytes.as_slice());
        let arguments = Array::of3(&key.as_str().into(), &bytes, &options);
        Ok(self.binding.call("put", &arguments).await.map(drop)?)
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), Failure> {
        Ok(self.binding.call("delete", &Array::of1(&key.as_str().into())).await.map(drop)?)
    }
}

#[async_trait]
impl BlobStore for R2BlobStore {
    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>> {
        SendFuture::new(self.in_time(self.find(key), Effect::Reads)).await
    }

    async fn put(&self, key: &BlobKey, blob: &Blob) -> Result<()> {
        if blob.content_type.contains('\n') {
            return Err(Error::Refused { what: "a line break in a media type".to_owned() });
        }
        SendFuture::new(self.in_time(self.store(key, blob), Effect::Writes)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        SendFuture::new(self.in_time(self.remove(key), Effect::Writes)).await
    }
}

/// Why a call to R2 came to nothing.
enum Failure {
    /// What JavaScript threw.
    Said(JsValue),
    /// It answered with something else.
    Unexpected(&'static str),
}

impl From<JsValue> for Failure {
    fn from(error: JsValue) -> Self {
        Self::Said(error)
    }
}
