//! Keys as such, whatever their values are: whether they exist, how long they live, what they are called, and the
//! databases they stand in.
//!
//! Nothing here looks into a value, so a new type of value needs no change in this folder.
mod databases;
mod deadlines;
mod dump;
#[cfg(test)]
mod dump_tests;
mod life;
mod migrate;
mod names;
mod object;
#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod tests;
pub(super) mod walk;

use super::{Entry, blocking_write, container, read, session, spec::*, write};

pub static COMMANDS: &[Entry] = &[
    write::<life::Del>(),
    write::<life::Unlink>(),
    read::<life::Exists>(),
    read::<life::Type>(),
    read::<life::Touch>(),
    write::<deadlines::Expire>(),
    write::<deadlines::PExpire>(),
    write::<deadlines::ExpireAt>(),
    write::<deadlines::PExpireAt>(),
    read::<deadlines::Ttl>(),
    read::<deadlines::PTtl>(),
    read::<deadlines::ExpireTime>(),
    read::<deadlines::PExpireTime>(),
    write::<deadlines::Persist>(),
    write::<names::Rename>(),
    write::<names::RenameNx>(),
    write::<names::Copy>(),
    write::<names::Move>(),
    read::<dump::Dump>(),
    blocking_write::<migrate::Migrate>(),
    write::<dump::Restore>(),
    write::<dump::RestoreAsking>(),
    read::<walk::Keys>(),
    read::<walk::Scan>(),
    read::<walk::RandomKey>(),
    read::<walk::DbSize>(),
    container(object::SPEC, OBJECT),
    write::<databases::FlushDb>(),
    write::<databases::FlushAll>(),
    write::<databases::SwapDb>(),
];
static OBJECT: &[Entry] = &[
    read::<object::Encoding>(),
    read::<object::Freq>(),
    read::<object::IdleTime>(),
    read::<object::RefCount>(),
    session::<object::Help>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Generic, name, arity)
}
