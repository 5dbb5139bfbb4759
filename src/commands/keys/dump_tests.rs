//! What RESTORE does, and what it tells of that.
use crate::commands::testing::Prompt;

#[test]
fn what_is_dumped_is_restored_with_its_moment() {
    let mut prompt = Prompt::new();
    prompt.ask("RPUSH list a 1 b");
    let dumped = prompt.answer(&["DUMP", "list"]);
    let from = dumped.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let payload = &dumped[from..dumped.len() - 2];
    let restore = |prompt: &mut Prompt, words: &[&str]| {
        let mut all: Vec<&[u8]> = vec![b"RESTORE", words[0].as_bytes(), words[1].as_bytes(), payload];
        all.extend(words[2..].iter().map(|word| word.as_bytes()));
        String::from_utf8(prompt.answer(&all)).unwrap().trim_end().to_string()
    };
    prompt.effects();
    prompt.events();
    assert_eq!(restore(&mut prompt, &["list", "0"]), "-BUSYKEY Target key name already exists.");
    assert_eq!(restore(&mut prompt, &["copy", "0"]), "+OK");
    prompt.check(&[("LRANGE copy 0 -1", "[\"a\", \"1\", \"b\"]"), ("PTTL copy", "-1")]);
    assert_eq!(prompt.events(), ["restore copy"]);
    assert!(prompt.effects().starts_with("RESTORE copy 0 "));
    // A time to live is told as a moment.
    assert_eq!(restore(&mut prompt, &["list", "500", "REPLACE", "IDLETIME", "7"]), "+OK");
    prompt.check(&[("PTTL list", "500"), ("OBJECT IDLETIME list", "7")]);
    let effects = prompt.effects();
    assert!(effects.starts_with("RESTORE list 1700000000500 "), "{effects}");
    assert!(effects.ends_with(" REPLACE IDLETIME 7 ABSTTL"), "{effects}");
    assert_eq!(restore(&mut prompt, &["list", "1700000000900", "ABSTTL", "replace"]), "+OK");
    prompt.check(&[("PTTL list", "900")]);
    assert!(prompt.effects().ends_with(" ABSTTL replace"));
    // What has expired already deletes what stood there, and nothing else.
    prompt.events();
    assert_eq!(restore(&mut prompt, &["list", "5", "ABSTTL", "REPLACE"]), "+OK");
    assert_eq!(restore(&mut prompt, &["list", "5", "ABSTTL", "REPLACE"]), "+OK");
    prompt.check(&[("EXISTS list", "0")]);
    assert_eq!((prompt.events(), prompt.effects()), (vec!["del list".to_string()], "DEL list".to_string()));
}
