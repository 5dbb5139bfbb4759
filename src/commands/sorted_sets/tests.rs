//! What the commands tell: replies of the rare cases, events, effects, waiting.
use crate::commands::testing::Prompt;

#[test]
fn members_come_and_go() {
    Prompt::new().check(&[("ZADD k 1 a", "1"), ("ZSCORE k a", "\"1\"")]);
}
