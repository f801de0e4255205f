//! The HTTP contract of Stratus: one router, served by the native binary and by the Worker.
//!
//! [`Api`] is its door. `layers` is the one way in and out: it admits requests and finishes
//! answers. `routes` says what there is, in one table, which `openapi` describes; `handlers` answer,
//! `wire` is what a document looks like from outside, and `refusal` what an error of the document
//! model means in HTTP.
//!
//! # Invariants
//!
//! - No runtime, no driver, no SQL but the sign of life that `/ready` asks for: this compiles to
//!   wasm, and time and randomness are ports.
//! - Every answer leaves through `layers`: with a request id, an explicit `Cache-Control`, and,
//!   if it is a refusal, as `application/problem+json`. No SQL, path or panic message leaves.
//! - A credential is right, or the answer is 401: a wrong one is never taken for the public.
//! - The tenant comes from the host that was asked, never from another header.
//! - What a caller may not know of, be it a collection or a private field, looks like what is not
//!   there: in status, words and headers.
//! - What was asked for with a credential, and anything but published documents, is for no cache.
//! - What a client may say is closed: unknown and repeated parameters, repeated JSON keys and
//!   malformed headers are refused, never ignored.
//! - Whatever a client sends is bounded before it is worked on: URL, parameters, body, nesting,
//!   keys and values.

mod answer;
mod api;
mod auth;
mod body;
mod bookmark;
mod call;
mod conditional;
mod cors;
mod filter;
mod handlers;
mod hex;
mod idempotency;
mod input;
mod json;
mod layers;
mod openapi;
mod problem;
mod query_string;
mod refusal;
mod reply;
mod routes;
mod tenants;
#[cfg(test)]
mod test_support;
mod wire;

pub use api::{Api, ApiParts, Readiness, failure_response, malformed_response, timeout_response};
pub use auth::{AdminToken, Authenticator, InvalidToken, digest_token};
pub use body::DEFAULT_LIMIT as DEFAULT_BODY_LIMIT;
pub use tenants::{InvalidTenants, Tenants};
