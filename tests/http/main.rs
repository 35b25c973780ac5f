//! The HTTP face: the router called directly, and the binary on a socket.

mod app;
mod auth;
mod bodies;
#[path = "../common/mod.rs"]
mod common;
mod described;
mod evaluate;
mod flags;
mod metrics;
mod mounted;
mod page;
mod refusals;
mod schema;
mod seed;
#[cfg(unix)]
mod server;
