//! What a client caches: CLIENT TRACKING and what belongs to it.
use super::{COMMON, spec};
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::{CommandError, shown},
        pushes::Mail,
        spec::{Arity::*, *},
        tracking::{Choice, Tracker},
    },
    data::number::parse_integer,
    resp::Reply,
};
use bytes::Bytes;
use std::collections::BTreeSet;

pub struct Tracking {
    wish: Wish,
    /// What is wrong behind the redirection, which is looked at first.
    flaw: Option<CommandError>,
}
#[derive(Default)]
struct Wish {
    on: bool,
    redirect: Option<i64>,
    broadcasts: bool,
    opts_in: bool,
    opts_out: bool,
    no_loop: bool,
    prefixes: Vec<Bytes>,
}
impl Wish {
    /// Takes the options in order, up to the first that is wrong.
    fn take(&mut self, args: &mut Args) -> Result<(), CommandError> {
        while !args.is_empty() {
            let has_value = args.remaining() > 1;
            match () {
                () if has_value && args.option("REDIRECT") => {
                    if self.redirect.is_some() {
                        let text = "ERR A client can only redirect to a single other client";
                        return Err(CommandError::fixed(text));
                    }
                    self.redirect = Some(parse_integer(args.word()?).ok_or(CommandError::NotAnInteger)?);
                }
                () if has_value && args.option("PREFIX") => {
                    self.prefixes.push(Bytes::copy_from_slice(args.word()?))
                }
                () if args.option("BCAST") => self.broadcasts = true,
                () if args.option("OPTIN") => self.opts_in = true,
                () if args.option("OPTOUT") => self.opts_out = true,
                () if args.option("NOLOOP") => self.no_loop = true,
                () => return Err(CommandError::Syntax),
            }
        }
        Ok(())
    }
    /// Whether the options go together, and with how the client tracks already.
    fn check(&self, before: Option<&Tracker>) -> Result<(), CommandError> {
        let refuse = |text| Err(CommandError::fixed(text));
        if !self.broadcasts && !self.prefixes.is_empty() {
            return refuse("ERR PREFIX option requires BCAST mode to be enabled");
        }
        if before.is_some_and(|before| before.broadcasts != self.broadcasts) {
            return refuse(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            );
        }
        if self.broadcasts && (self.opts_in || self.opts_out) {
            return refuse("ERR OPTIN and OPTOUT are not compatible with BCAST");
        }
        if self.opts_in && self.opts_out {
            return refuse("ERR You can't specify both OPTIN mode and OPTOUT mode");
        }
        let choice = before.map_or(Choice::All, |before| before.choice);
        if self.opts_in && choice == Choice::OptOut || self.opts_out && choice == Choice::OptIn {
            return refuse(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            );
        }
        self.check_prefixes(before)
    }
    /// A client that is told of a key twice would be told too much: its prefixes must be apart.
    fn check_prefixes(&self, before: Option<&Tracker>) -> Result<(), CommandError> {
        let overlap = |a: &Bytes, b: &Bytes| a.starts_with(b) || b.starts_with(a);
        let refuse = |prefix: &Bytes, which: &str, other: &Bytes| {
            Err(CommandError::text_of(format!(
                "ERR Prefix '{}' overlaps with {which} prefix '{}'. Prefixes for a single client must not overlap.",
                shown(prefix),
                shown(other)
            )))
        };
        for (index, prefix) in self.prefixes.iter().enumerate() {
            let mut existing = before.into_iter().flat_map(|before| &before.prefixes);
            if let Some(other) = existing.find(|other| overlap(other, prefix)) {
                return refuse(prefix, "an existing", other);
            }
            if let Some(other) = self.prefixes[index + 1..].iter().find(|other| overlap(other, prefix)) {
                return refuse(prefix, "another provided", other);
            }
        }
        Ok(())
    }
    fn tracker(&self) -> Tracker {
        let mut prefixes: BTreeSet<Bytes> = self.prefixes.iter().cloned().collect();
        if self.broadcasts && prefixes.is_empty() {
            prefixes.insert(Bytes::new());
        }
        let choice = match (self.opts_in, self.opts_out) {
            (true, _) => Choice::OptIn,
            (_, true) => Choice::OptOut,
            _ => Choice::All,
        };
        Tracker {
            redirect: self.redirect.unwrap_or(0) as u64,
            broadcasts: self.broadcasts,
            choice,
            no_loop: self.no_loop,
            prefixes,
            is_broken: false,
        }
    }
}
impl Command for Tracking {
    const SPEC: Spec = spec("TRACKING", AtLeast(3))
        .since("6.0.0")
        .flags(COMMON)
        .complexity("O(1). Some options may introduce additional complexity.")
        .syntax(
            "<ON|OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        )
        .summary("Tells this client, or another, when keys change that it has read and may keep.");
    fn parse(args: &mut Args) -> Result<Tracking, CommandError> {
        let on = args.peek().map(|word| word.eq_ignore_ascii_case(b"on"));
        let is_word = on == Some(true) || args.peek().is_some_and(|word| word.eq_ignore_ascii_case(b"off"));
        args.word()?;
        let mut wish = Wish { on: on == Some(true), ..Wish::default() };
        let flaw = wish.take(args).and(if is_word { Ok(()) } else { Err(CommandError::Syntax) }).err();
        args.rest();
        Ok(Tracking { wish, flaw })
    }
}
impl BackstageCommand for Tracking {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let Backstage { tracking, pushes, board, caller, changes, .. } = backstage;
        let mail = Mail { pushes, roster: &board.roster };
        let is_somebody = |id: i64| u64::try_from(id).is_ok_and(|id| mail.find(id).is_some());
        if self.wish.redirect.is_some_and(|id| !is_somebody(id)) {
            return Err(CommandError::fixed("ERR The client ID you want redirect to does not exist"));
        }
        if let Some(flaw) = self.flaw.take() {
            return Err(flaw);
        }
        let record = board.roster.get(caller.client);
        if !self.wish.on {
            tracking.end(caller.client, record.as_deref());
        } else {
            self.wish.check(tracking.of(caller.client))?;
            // Who is gone has said so before, and would be remembered for ever.
            if let Some(record) = record {
                // What happened while nobody tracked is nobody's business.
                changes.record.upheaval &= tracking.is_active();
                tracking.begin(&record, self.wish.tracker());
            }
        }
        changes.record.wants.touched = tracking.is_active();
        reply.ok();
        Ok(())
    }
}

pub struct Caching {
    yes: Option<bool>,
}
impl Command for Caching {
    const SPEC: Spec = spec("CACHING", Exactly(3))
        .since("6.0.0")
        .flags(COMMON)
        .syntax("<YES|NO>")
        .summary("Whether the keys that the next command reads are tracked, for a client that chooses.");
    fn parse(args: &mut Args) -> Result<Caching, CommandError> {
        let yes = args.one_of(&[("YES", true), ("NO", false)]);
        args.rest();
        Ok(Caching { yes })
    }
}
impl BackstageCommand for Caching {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let Backstage { tracking, caller, .. } = backstage;
        let Some(tracker) = tracking.of(caller.client) else {
            return Err(CommandError::fixed(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT \
                 mode enabled",
            ));
        };
        let refusal = match (self.yes, tracker.choice) {
            (None, _) => CommandError::Syntax,
            (Some(true), Choice::OptIn) | (Some(false), Choice::OptOut) => {
                tracking.say_caching(caller.client);
                reply.ok();
                return Ok(());
            }
            (Some(true), _) => CommandError::fixed(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ),
            (Some(false), _) => CommandError::fixed(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ),
        };
        Err(refusal)
    }
}

pub struct GetRedir;
impl Command for GetRedir {
    const SPEC: Spec = spec("GETREDIR", Exactly(2))
        .since("6.0.0")
        .flags(COMMON)
        .summary("Who is told in place of this client when keys change that it tracks.");
    fn parse(_: &mut Args) -> Result<GetRedir, CommandError> {
        Ok(GetRedir)
    }
}
impl BackstageCommand for GetRedir {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        reply.integer(redirect(backstage.tracking.of(backstage.caller.client)));
        Ok(())
    }
}
fn redirect(tracker: Option<&Tracker>) -> i64 {
    tracker.map_or(-1, |tracker| tracker.redirect as i64)
}

pub struct TrackingInfo;
impl Command for TrackingInfo {
    const SPEC: Spec =
        spec("TRACKINGINFO", Exactly(2)).since("6.2.0").flags(COMMON).summary("How this client tracks keys.");
    fn parse(_: &mut Args) -> Result<TrackingInfo, CommandError> {
        Ok(TrackingInfo)
    }
}
impl BackstageCommand for TrackingInfo {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let Backstage { tracking, caller, .. } = backstage;
        let tracker = tracking.of(caller.client);
        let has_said = tracking.has_said_caching(caller.client);
        let flags: Vec<&str> = match tracker {
            None => vec!["off"],
            Some(tracker) => [
                (true, "on"),
                (tracker.broadcasts, "bcast"),
                (tracker.choice == Choice::OptIn, "optin"),
                (tracker.choice == Choice::OptIn && has_said, "caching-yes"),
                (tracker.choice == Choice::OptOut, "optout"),
                (tracker.choice == Choice::OptOut && has_said, "caching-no"),
                (tracker.no_loop, "noloop"),
                (tracker.is_broken, "broken_redirect"),
            ]
            .into_iter()
            .filter_map(|(is, flag)| is.then_some(flag))
            .collect(),
        };
        reply.map(3);
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
        reply.bulk(b"redirect");
        reply.integer(redirect(tracker));
        reply.bulk(b"prefixes");
        let prefixes = tracker.into_iter().flat_map(|tracker| &tracker.prefixes);
        reply.array(prefixes.clone().count());
        prefixes.for_each(|prefix| reply.bulk(prefix));
        Ok(())
    }
}
