//! Walking along an item to its end, which may be many chunks away.
use super::super::{
    Damage,
    input::{Head, Input},
};
use super::grammar::{Step, of_module_part};
use smallvec::SmallVec;

/// How far the walk has come. It goes on where it stopped, so that a value of many chunks is walked once.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Parts within parts.
    frames: SmallVec<[Frame; 6]>,
    /// Bytes to go before the next part begins.
    skip: u64,
}
#[derive(Debug)]
struct Frame {
    steps: &'static [Step],
    next: usize,
    /// How many times more, this time included.
    times: u64,
}

impl Walk {
    pub fn begin(&mut self, first: &'static [Step], then: &'static [Step]) {
        self.frames.clear();
        self.skip = 0;
        self.push(then, 1);
        self.push(first, 1);
    }
    fn push(&mut self, steps: &'static [Step], times: u64) {
        if !steps.is_empty() && times > 0 {
            self.frames.push(Frame { steps, next: 0, times });
        }
    }
    /// Walks on in an item from `at` on, as far as there are bytes. How many more are needed to go on; `None` at the end of
    /// the item.
    ///
    /// # Errors
    /// If something else stands where a part should; the offset is that in `window`.
    pub fn advance(&mut self, window: &[u8], at: &mut usize) -> Result<Option<u64>, Damage> {
        loop {
            let there = (window.len() - *at) as u64;
            let skipped = self.skip.min(there);
            *at += skipped as usize;
            self.skip -= skipped;
            if self.skip > 0 {
                return Ok(Some(self.skip));
            }
            let Some(frame) = self.frames.last_mut() else { return Ok(None) };
            let Some(&step) = frame.steps.get(frame.next) else {
                frame.next = 0;
                frame.times -= 1;
                if frame.times == 0 {
                    self.frames.pop();
                }
                continue;
            };
            let wanted = self.take(step, window, at)?;
            if wanted.is_some() {
                return Ok(wanted);
            }
        }
    }
    /// Takes a part, or its head.
    #[inline]
    fn take(&mut self, step: Step, window: &[u8], at: &mut usize) -> Result<Option<u64>, Damage> {
        let start = *at;
        let misplaced = |reason| Damage::new(start, reason);
        let (mut repeated, mut stays) = (None, false);
        match step {
            Step::Bytes(count) => self.skip = count,
            Step::Score => {
                let Some(&len) = window.get(*at) else { return Ok(Some(1)) };
                *at += 1;
                self.skip = if len >= 253 { 0 } else { len.into() };
            }
            Step::Length | Step::Text | Step::Each(_) | Step::ModuleParts => {
                let Some((head, len)) = peek(window, *at)? else { return Ok(Some(1)) };
                *at += len;
                match (step, head) {
                    (Step::Text, Head::Length(len) | Head::Compressed { len, .. }) => self.skip = len,
                    (Step::Text, Head::Integer(_)) | (Step::Length, Head::Length(_)) => {}
                    (Step::Each(steps), Head::Length(times)) => repeated = Some((steps, times)),
                    (Step::ModuleParts, Head::Length(0)) => {}
                    (Step::ModuleParts, Head::Length(number)) => {
                        stays = true;
                        repeated = Some((of_module_part(number).map_err(misplaced)?, 1));
                    }
                    _ => return Err(misplaced("A string where a length is expected")),
                }
            }
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.next += !stays as usize;
        }
        if let Some((steps, times)) = repeated {
            self.push(steps, times);
        }
        Ok(None)
    }
}

/// The head of a length or string that begins at `at`, and how many bytes it takes; `None` if it goes on behind the end.
#[inline]
fn peek(window: &[u8], at: usize) -> Result<Option<(Head, usize)>, Damage> {
    let rest = &window[at..];
    let mut input = Input::new(rest);
    match input.head() {
        Ok(head) => Ok(Some((head, input.offset()))),
        Err(damage) if damage.offset == rest.len() as u64 => Ok(None),
        Err(damage) => Err(damage.behind(at as u64)),
    }
}
