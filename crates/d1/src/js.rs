//! Calling JavaScript that may throw, hang, or answer with anything.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use worker::{
    Delay,
    js_sys::{self, Array, ArrayBuffer, Function, Object, Promise, Reflect, Uint8Array, futures::JsFuture},
    send::SendWrapper,
    wasm_bindgen::{JsCast as _, JsValue},
};

/// A binding of a Worker. It may be anything: what it answers is looked at before it is believed.
#[derive(Clone, Debug)]
pub(crate) struct Binding(SendWrapper<JsValue>);

impl Binding {
    pub(crate) fn new(object: &JsValue) -> Self {
        Self(SendWrapper::new(object.clone()))
    }

    /// The binding as an object of a type that cannot be checked.
    pub(crate) fn object(&self) -> &JsValue {
        &self.0
    }

    /// Calls a method and waits for what it promises.
    pub(crate) async fn call(&self, method: &str, arguments: &Array) -> Result<JsValue, JsValue> {
        call(&self.0, method, arguments).await
    }
}

/// Calls a method of an object and waits for what it promises.
pub(crate) async fn call(object: &JsValue, method: &str, arguments: &Array) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    settled(&Reflect::apply(&function, object, arguments)?).await
}

/// What a promise comes to. What is no promise is its own answer, where `JsFuture` alone would
/// throw through the whole of Rust.
pub(crate) async fn settled(promise: &JsValue) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(promise)).await
}

/// The answer of a call, or `None` when it is not there in time. The call is then dropped; what it
/// asked for may happen all the same.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut late) = (pin!(call), pin!(Delay::from(limit)));
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// An object with these members.
pub(crate) fn object<const N: usize>(members: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        // A plain object takes any member.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// Bytes that JavaScript owns: a typed array, a buffer, or, as D1 has it, an array of numbers.
pub(crate) fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    let sound =
        Array::is_array(value) || value.is_instance_of::<ArrayBuffer>() || ArrayBuffer::is_view(value);
    sound.then(|| Uint8Array::new(value).to_vec())
}

/// The message of whatever JavaScript threw.
pub(crate) fn message(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}
