//! Sets: members without an order.
//!
//! A set is never empty: the command that removes the last member deletes the key, too.
mod combine;
mod members;
mod random;
#[cfg(test)]
mod tests;
mod walk;

use super::{
    Entry, read,
    spec::{Arity, Group, Spec},
    write,
};

pub static COMMANDS: &[Entry] = &[
    write::<members::SAdd>(),
    write::<members::SRem>(),
    write::<members::SMove>(),
    read::<members::SIsMember>(),
    read::<members::SMIsMember>(),
    read::<members::SCard>(),
    read::<walk::SMembers>(),
    read::<walk::SScan>(),
    write::<random::SPop>(),
    read::<random::SRandMember>(),
    read::<combine::SInter>(),
    read::<combine::SInterCard>(),
    write::<combine::SInterStore>(),
    read::<combine::SUnion>(),
    read::<combine::SUnionCard>(),
    write::<combine::SUnionStore>(),
    read::<combine::SDiff>(),
    read::<combine::SDiffCard>(),
    write::<combine::SDiffStore>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Set, name, arity)
}
