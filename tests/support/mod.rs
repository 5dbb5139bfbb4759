//! What every outside test needs: servers to talk to, a client that keeps RESP's types apart, and a
//! way to write commands as one types them at the prompt.
//!
//! It knows Callboard only as a process and a socket: whatever passes here would pass from any machine.
//! Each integration binary includes this folder as a module and uses its own part of it.
#![allow(dead_code, unused_imports, reason = "every integration binary uses another part of this module")]

pub mod client;
pub mod line;
pub mod listener;
pub mod server;
pub mod tls;
pub mod value;

pub use client::{Client, Protocol};
pub use listener::{Event, Listener};
pub use server::{Server, ours, redis_server};
pub use tls::Certificates;
pub use value::Value;
