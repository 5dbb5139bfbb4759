//! Transcripts: sessions at the prompt, one file per family, held by snapshots and judged by redis-server.

#[path = "../support/mod.rs"]
mod support;
#[macro_use]
mod transcript;

mod behind_a_wait;
mod bitmaps;
mod check_aof;
mod config;
mod connection;
mod dump;
mod events;
mod eviction;
mod exchange;
mod expire;
mod failover;
mod functions;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod memory;
mod migrate;
mod monitor;
mod pause;
mod persistence;
mod pipelines;
mod protocol;
mod pubsub;
mod rdb_files;
mod replicas;
mod scan;
mod scripting;
mod server;
mod sets;
mod slow_scripts;
mod sort;
mod sorted_sets;
mod start;
mod streams;
mod strings;
mod tls;
mod tracking;
mod transactions;
mod users;
mod wait;
mod waitaof;
mod wrong_type;
