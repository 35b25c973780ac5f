//! The program, as a process on this machine.
#![cfg(unix)]

mod apply;
mod common;
mod directory;
mod reload;
mod server;
mod storage;
mod targeting;
mod users;
