//! What goes wrong by chance: the same for the same seed.

use super::Fault;
use crate::provider::Subject;

/// Numbers that look random, from a seed: `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own, which do not change with how often these are thrown.
    pub(crate) fn other(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A network and a service behind it on a bad day.
#[derive(Debug, Clone)]
pub(crate) struct Chaos {
    dice: Dice,
    is_calm: bool,
    /// Calls that are refused from now on, whosever they are.
    throttled: u64,
}

/// Calls that are refused in a row, at most: more than the attempts at one.
const THROTTLED_MAX: u64 = 8;

impl Chaos {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { dice, is_calm: false, throttled: 0 }
    }

    /// From now on calls are slow, and nothing goes wrong; or things go wrong again.
    pub(crate) fn calm(&mut self, is_calm: bool) {
        self.is_calm = is_calm;
    }

    /// For how many turns a call waits, and how it goes wrong then.
    pub(super) fn of_call(&mut self) -> (u64, Option<Fault>) {
        let turns = self.dice.below(5);
        let drawn = self.dice.below(100);
        let fault = match drawn {
            0..12 => Fault::Lost,
            12..24 => Fault::DoneUnanswered,
            24..28 => Fault::Refused,
            28..32 => Fault::Half,
            32..42 => Fault::Slow(2),
            42..44 => Fault::LeftUnknown,
            44..50 => Fault::Twice,
            _ => return (turns, None),
        };
        (turns, Some(fault).filter(|_| !self.is_calm))
    }

    /// Whether a call is refused because there were too many: nothing is done.
    pub(super) fn throttles(&mut self) -> bool {
        if self.throttled == 0 && self.dice.below(40) == 0 {
            self.throttled = 1 + self.dice.below(THROTTLED_MAX);
        }
        let throttles = self.throttled > 0 && !self.is_calm;
        self.throttled = self.throttled.saturating_sub(1);
        throttles
    }

    /// Whether a question about an object gets no answer.
    pub(super) fn loses_a_look(&mut self) -> bool {
        self.dice.below(20) == 0 && !self.is_calm
    }
}

/// Tells whether the state has a durable intent for a call.
pub(crate) struct Intents(Box<dyn Fn(Subject<'_>) -> bool + Send>);

impl Intents {
    pub(crate) fn new(have: impl Fn(Subject<'_>) -> bool + Send + 'static) -> Self {
        Self(Box::new(have))
    }

    pub(super) fn have(&self, subject: Subject<'_>) -> bool {
        (self.0)(subject)
    }
}

impl std::fmt::Debug for Intents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Intents")
    }
}
