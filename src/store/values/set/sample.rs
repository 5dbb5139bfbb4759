//! Random members, each as likely as the others, in every encoding.
use super::{Element, EncodingLimits, Integers, Listpack, Packed, Set, Stored, Table};
use fastrand::Rng;
use hashbrown::HashSet;

/// Where so many times as many members are there as are asked for, drawing the same one twice is rare.
const RARE: usize = 3;
/// Where more than so many times as many members are taken as are left, those that are left are drawn instead.
const MOST: usize = 5;

impl Set {
    /// One of them; none if there is none.
    pub fn random(&self, rng: &mut Rng) -> Option<Element<'_>> {
        if self.is_empty() {
            return None;
        }
        match &self.0 {
            Integers(integers) => Some(Element::Integer(integers.get(rng.usize(..integers.len())))),
            Packed(list) => list.seek(rng.usize(..list.len()) as isize).map(|position| list.get(position)),
            Table(table) => table.random(&mut || rng.u64(..)).map(|member| Element::Bytes(member.key)),
        }
    }
    /// Takes one of them out, after a last look at it; none if there is none.
    pub fn take_random<R>(&mut self, rng: &mut Rng, look: impl FnOnce(Element) -> R) -> Option<R> {
        if self.is_empty() {
            return None;
        }
        match &mut self.0 {
            Integers(integers) => {
                let integer = integers.get(rng.usize(..integers.len()));
                integers.remove(integer);
                Some(look(Element::Integer(integer)))
            }
            Packed(list) => {
                let position = list.seek(rng.usize(..list.len()) as isize)?;
                let seen = look(list.get(position));
                list.remove(position);
                Some(seen)
            }
            Table(table) => table.take_random(&mut || rng.u64(..), |member| look(Element::Bytes(member.key))),
        }
    }

    /// Visits so many, the same ones among them at times.
    pub fn draw<'a>(&'a self, count: usize, rng: &mut Rng, visit: &mut dyn FnMut(Element<'a>)) {
        if let Packed(list) = &self.0
            && count > 1
        {
            // A walk to each would take long.
            let members: Vec<Element> = list.iter().collect();
            return (0..count).filter_map(|_| rng.choice(&members)).for_each(|member| visit(*member));
        }
        (0..count).filter_map(|_| self.random(rng)).for_each(visit);
    }
    /// Visits so many different ones, which are not more than there are.
    pub fn sample<'a>(&'a self, count: usize, rng: &mut Rng, visit: &mut dyn FnMut(Element<'a>)) {
        if matches!(self.0, Packed(_)) || count.saturating_mul(RARE) > self.len() {
            return self.choose(count, rng, |member, chosen| {
                if chosen {
                    visit(member);
                }
            });
        }
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            let Some(member) = self.random(rng) else { return };
            if drawn.insert(member) {
                visit(member);
            }
        }
    }
    /// Goes over all members and chooses so many of them, each with the chance that makes all choices equally likely
    /// (selection sampling: Knuth, "The Art of Computer Programming", 3.4.2, algorithm S).
    fn choose<'a>(&'a self, count: usize, rng: &mut Rng, mut visit: impl FnMut(Element<'a>, bool)) {
        let (members, mut wanted) = (self.len(), count);
        for (index, member) in self.iter().enumerate() {
            let chosen = rng.usize(..members - index) < wanted;
            wanted -= usize::from(chosen);
            visit(member, chosen);
        }
    }

    /// Takes so many out, which are fewer than there are, after a last look at each.
    pub fn take_many(
        &mut self,
        count: usize,
        rng: &mut Rng,
        limits: &EncodingLimits,
        look: &mut dyn FnMut(Element),
    ) {
        let left = self.len() - count;
        if let Packed(_) = self.0 {
            let mut rest = Listpack::new();
            self.choose(count, rng, |member, chosen| match (chosen, member) {
                (true, member) => look(member),
                (false, Element::Integer(integer)) => rest.push_integer(integer),
                (false, Element::Bytes(bytes)) => rest.push(bytes),
            });
            self.0 = Packed(rest);
        } else if left.saturating_mul(MOST) > count {
            for _ in 0..count {
                self.take_random(rng, &mut *look);
            }
        } else {
            // As Redis does it, the rest may so come to be a small set again.
            let mut rest = self.new_like();
            for _ in 0..left {
                self.take_random(rng, |member| rest.insert_element(member, limits));
            }
            self.iter().for_each(look);
            *self = rest;
        }
    }
}
