//! The interpreter hashes all bytes of a string (`build.rs` has the reason). How it hashes shows in the order in which
//! a table has its keys: that of the hashes' low bits, if no two keys share them.
use mlua::Lua;

const KEYS: usize = 64;

/// Lua's hash, with every byte.
fn hash(text: &str) -> u32 {
    let mix =
        |hash: u32, byte: &u8| hash ^ (hash << 5).wrapping_add(hash >> 2).wrapping_add(u32::from(*byte));
    text.as_bytes().iter().rev().fold(text.len() as u32, mix)
}

/// Long strings, one for each place of a table. They differ at their ends alone, in bytes of which one in 32 is looked
/// at when not all of them are.
fn one_for_each_place() -> Vec<String> {
    let mut keys = vec![String::new(); KEYS];
    for number in 0.. {
        let key = format!("{}{number:08}", "x".repeat(1000));
        let place = hash(&key) as usize % KEYS;
        keys[place] = key;
        if keys.iter().all(|key| !key.is_empty()) {
            break;
        }
    }
    keys
}

#[test]
fn every_byte_of_a_string_counts_in_its_hash() {
    let keys = one_for_each_place();
    let lua = Lua::new();
    let table = lua.create_table_with_capacity(0, KEYS).expect("a table");
    for key in &keys {
        table.raw_set(key.as_str(), true).expect("set");
    }
    let order: Vec<String> = table.pairs::<String, bool>().map(|pair| pair.expect("a pair").0).collect();
    assert!(order == keys, "the keys are in another order than their hashes");
}
