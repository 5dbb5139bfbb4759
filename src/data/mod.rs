//! Pure data structures: they know nothing of commands, clients or actors.

pub mod table;
