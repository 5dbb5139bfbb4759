//! What the program does from the command line beside serving.
mod check_rdb;

pub use check_rdb::check_rdb;
