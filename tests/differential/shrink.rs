//! Fewer commands, the same failure: Zeller's ddmin, which removes ever smaller pieces while the rest still fails.

pub fn shrink<T: Clone>(steps: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut steps = steps.to_vec();
    let mut piece = steps.len().div_ceil(2);
    while piece > 0 {
        let mut start = 0;
        while start < steps.len() {
            let end = (start + piece).min(steps.len());
            let rest = [&steps[..start], &steps[end..]].concat();
            if fails(&rest) {
                steps = rest;
            } else {
                start = end;
            }
        }
        piece /= 2;
    }
    steps
}

#[test]
fn only_what_matters_is_left() {
    let steps: Vec<u32> = (0..100).collect();
    let fewest = shrink(&steps, |steps| steps.contains(&17) && steps.contains(&83));
    assert_eq!(fewest, [17, 83]);
}
