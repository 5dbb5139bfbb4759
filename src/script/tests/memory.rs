//! What is left of large scripts: nothing for long.
use super::*;

const MEGABYTE: usize = 1 << 20;

fn held(prompt: &Prompt) -> usize {
    prompt.scripts.engine.memory_bytes()
}
fn large() -> String {
    "x".repeat(20 * MEGABYTE)
}

#[test]
fn arguments_that_were_large_are_not_held() {
    let mut prompt = Prompt::default();
    prompt.eval("return 1");
    let before = held(&prompt);
    for _ in 0..3 {
        let outcome = prompt.outcome("return #ARGV[1]", &[], &[&large()]);
        assert_eq!(outcome.reply.as_bytes(), b":20971520\r\n");
        assert!(held(&prompt) < before + MEGABYTE);
    }
    // Also of a script that fails, or cannot be compiled.
    prompt.outcome("error('no')", &[&large()], &[]);
    assert!(held(&prompt) < before + MEGABYTE);
    prompt.eval(&format!("return '{}' x", large()));
    assert!(held(&prompt) < before + MEGABYTE);
    assert_eq!(prompt.eval("return #KEYS + #ARGV"), ":0");
}

#[test]
fn what_calls_brought_that_was_large_is_not_held() {
    let mut prompt = Prompt::default();
    prompt.eval("return redis.call('ping')");
    let before = held(&prompt);
    prompt.outcome("return #redis.call('echo', ARGV[1])", &[], &[&large()]);
    assert!(held(&prompt) < before + MEGABYTE);
}

#[test]
fn a_script_that_was_large_and_is_evicted_goes() {
    let mut prompt = Prompt::default();
    prompt.eval("return 1");
    let before = held(&prompt);
    prompt.eval(&format!("return #'{}'", large()));
    assert!(held(&prompt) > before + MEGABYTE);
    // Its heap is looked at once in some thousand scripts.
    for number in 0..15_000 {
        prompt.eval(&format!("return {}", number % 1000));
    }
    assert!(held(&prompt) < before + MEGABYTE);
}

#[test]
fn what_is_in_use_is_not_collected_at_each_script() {
    let mut libraries = Libraries::default();
    let values = "x".repeat(13 * MEGABYTE);
    let source = format!(
        "#!lua name=lib\nlocal kept, left = '{values}', nil
        redis.register_function('one', function() local t = {{}} for i = 1, 1000 do t[i] = {{}} end return #kept end)"
    );
    libraries.load(&source.into_bytes().into(), false, None).unwrap();
    let mut sizes = Vec::new();
    for _ in 0..100 {
        assert_eq!(call(&mut libraries, "one"), ":13631488");
        sizes.push(libraries.engine.memory_bytes());
    }
    // A collection that goes on by and by is one.
    let falls: Vec<bool> = sizes.windows(2).map(|pair| pair[1] < pair[0]).collect();
    let collections = falls.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    assert!(collections <= 3, "{sizes:?}");
}

#[test]
fn many_arguments_are_not_held() {
    let mut prompt = Prompt::default();
    prompt.eval("return 1");
    let before = held(&prompt);
    let words: Vec<String> = (0..300_000).map(|number| number.to_string()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(prompt.outcome("return #ARGV", &[], &words).reply.as_bytes(), b":300000\r\n");
    // The table in which all strings are found shrinks by half with each cycle of the collector.
    assert!(held(&prompt) < before + 4 * MEGABYTE);
    (0..10_000).for_each(|_| drop(prompt.eval("return 1")));
    assert!(held(&prompt) < before + MEGABYTE);
}
