//! Those who listen to one name, ready to be sent the same bytes: in groups by Courier and protocol.
//!
//! A group's lines are shared with the messages to its Courier, so that a publication costs PubSub the same whether one
//! or a thousand clients listen.
use crate::{actors::courier::messages::LineId, board::Place, data::room::Room, resp::Protocol};
use hashbrown::HashMap;
use std::{cell::OnceCell, sync::Arc};

#[derive(Default)]
pub struct Audience {
    groups: Vec<Group>,
}
pub struct Group {
    pub courier: usize,
    pub protocol: Protocol,
    /// Lines by their clients.
    members: HashMap<u64, LineId, ahash::RandomState>,
    /// The same for messages; made when it is asked for, until the members change.
    lines: OnceCell<Arc<[LineId]>>,
}
impl Group {
    pub fn lines(&self) -> &Arc<[LineId]> {
        self.lines.get_or_init(|| self.members.values().copied().collect())
    }
}
impl Audience {
    /// How many listen.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.members.len()).sum()
    }
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
    pub fn join(&mut self, client: u64, place: Place, protocol: Protocol) {
        let is_its = |group: &Group| group.courier == place.courier && group.protocol == protocol;
        let index = self.groups.iter().position(is_its).unwrap_or_else(|| {
            let group = Group {
                courier: place.courier,
                protocol,
                members: HashMap::default(),
                lines: OnceCell::new(),
            };
            self.groups.push(group);
            self.groups.len() - 1
        });
        let group = &mut self.groups[index];
        group.members.insert(client, LineId { slot: place.slot, client });
        group.lines.take();
    }
    pub fn leave(&mut self, client: u64) {
        for group in &mut self.groups {
            if group.members.remove(&client).is_some() {
                group.lines.take();
                group.members.fit();
            }
        }
        self.groups.retain(|group| !group.members.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_all_of_one_courier_and_protocol() {
        let mut audience = Audience::default();
        let join = |audience: &mut Audience, client: u64, courier, protocol| {
            audience.join(client, Place { courier, slot: client as usize + 10 }, protocol)
        };
        join(&mut audience, 1, 0, Protocol::Resp2);
        join(&mut audience, 2, 1, Protocol::Resp2);
        join(&mut audience, 3, 0, Protocol::Resp3);
        join(&mut audience, 4, 0, Protocol::Resp2);
        let clients = |audience: &Audience| -> Vec<Vec<u64>> {
            let groups = audience.groups().iter();
            let mut all: Vec<Vec<u64>> = groups
                .map(|group| {
                    let lines = group.lines();
                    assert!(lines.iter().all(|line| line.slot == line.client as usize + 10));
                    assert!(Arc::ptr_eq(lines, group.lines()), "it is shared while nothing changes");
                    let mut clients: Vec<u64> = lines.iter().map(|line| line.client).collect();
                    clients.sort_unstable();
                    clients
                })
                .collect();
            all.sort();
            all
        };
        assert_eq!(clients(&audience), [vec![1, 4], vec![2], vec![3]]);
        audience.leave(1);
        audience.leave(2);
        assert_eq!((clients(&audience), audience.len()), (vec![vec![3], vec![4]], 2));
        audience.leave(3);
        audience.leave(4);
        assert!(audience.len() == 0 && audience.groups().is_empty());
    }
}
