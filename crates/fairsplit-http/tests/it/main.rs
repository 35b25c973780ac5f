//! The router, called without a socket.

mod app;
mod archiving;
mod auth;
mod bodies;
mod changes;
mod common;
mod context;
mod described;
mod ending;
mod evaluate;
mod flags;
mod goals;
mod launching;
mod metrics;
mod mounted;
mod page;
mod ready;
mod refusals;
mod schema;
mod seed;
mod targeting;
