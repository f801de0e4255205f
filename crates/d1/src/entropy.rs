//! Randomness, as a Worker is given it.

use stratus_storage::Entropy;
use worker::{
    js_sys::{Function, Reflect, Uint8Array, global},
    wasm_bindgen::{JsCast as _, JsValue},
};

/// What `crypto.getRandomValues` fills at once.
const MAX_BYTES: usize = 65_536;

/// The [`Entropy`] of a Worker: `crypto.getRandomValues`, which is fit for secrets.
///
/// Only a request is given any: where a Worker starts up, Cloudflare refuses it.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerEntropy;

impl Entropy for WorkerEntropy {
    /// # Panics
    ///
    /// If there is no randomness: outside a request. Nothing is ever made up instead.
    #[expect(clippy::expect_used, reason = "the port has no error, and ids of zeros would be far worse")]
    fn fill(&self, buffer: &mut [u8]) {
        for part in buffer.chunks_mut(MAX_BYTES) {
            fill(part).expect("a Worker has randomness inside a request");
        }
    }
}

fn fill(part: &mut [u8]) -> Result<(), JsValue> {
    let crypto = Reflect::get(&global(), &"crypto".into())?;
    let function: Function = Reflect::get(&crypto, &"getRandomValues".into())?.dyn_into()?;
    let bytes = Uint8Array::new_with_length(part.len() as u32);
    function.call1(&crypto, &bytes)?;
    bytes.copy_to(part);
    Ok(())
}
