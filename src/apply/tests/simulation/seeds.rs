//! Whole lives of a state under random faults: two configurations one after the other, then nothing.

use super::super::configuration::{configuration, text};
use super::{Disk, Kind, Lab};
use crate::provider::fake::{Chaos, Dice, Intents};
use futures_util::FutureExt as _;
use mlo_state::Store;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::ops::Range;
use std::sync::Arc;

/// Seeds of a run of the tests; `MLO_SIMULATE_SEEDS` asks for more, `MLO_SIMULATE_FROM` for others.
const SEEDS: u64 = 150;
/// Seeds of a run of all tests with their full counts.
const SEEDS_FULL: u64 = 2_000;
/// Runs of one configuration that may go wrong before nothing goes wrong any more.
const ATTEMPTS: u64 = 6;
/// Steps after which a machine stops are drawn up to here; most runs have fewer.
const STEPS: u64 = 80;

#[test]
fn whatever_goes_wrong_nothing_is_lost_nothing_is_twice_and_the_end_is_the_same() {
    let asked = asked(SEEDS, SEEDS_FULL);
    let (from, seeds) = (asked.start, asked.end - asked.start);
    let mut labs = [Lab::new(""), Lab::new("")];
    let mut stops = 0;
    for seed in asked {
        match live(seed, &mut labs) {
            Ok(stopped) => stops += stopped,
            Err(wrong) => panic!("seed {seed}: {wrong}\nagain: cargo xtask simulate --from {seed} --seeds 1"),
        }
    }
    println!("{seeds} seeds from {from}: machines stopped {stops} times, and nothing was lost");
}

/// The seeds that are tried: as many as are asked for, else `few`, or `many` where all tests have their full counts.
#[expect(clippy::disallowed_methods, reason = "a test is told how much to try")]
pub(super) fn asked(few: u64, many: u64) -> Range<u64> {
    let asked = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let from = asked("MLO_SIMULATE_FROM").unwrap_or(0);
    let default = if std::env::var_os("MLO_TEST_FULL").is_some() { many } else { few };
    from..from + asked("MLO_SIMULATE_SEEDS").unwrap_or(default)
}

/// One life, and beside it the same without anything that goes wrong. Gives how often the machine stopped.
fn live(seed: u64, [lab, smooth]: &mut [Lab; 2]) -> Result<u64, String> {
    let [first, second] = configurations(seed);
    let mut dice = Dice::new(seed);
    lab.begin_anew(&first);
    lab.parallelism = 1 + usize::try_from(dice.below(12)).unwrap_or_default();
    lab.disk = Some(Disk::new(dice.other(), 0));
    lab.fake.watch(intents_of(lab.store.clone()));
    let (mut serial, mut stops) = (0, 0);
    for (what, text, kind) in
        [("first", &first, Kind::Apply), ("second", &second, Kind::Apply), ("last", &second, Kind::Destroy)]
    {
        lab.configure(text);
        // A world that may have two objects of one address at one configuration has them still at the next.
        lab.fake.things().may_overlap =
            first.contains("before_destroy = true") || text.contains("before_destroy = true");
        for attempt in 0..dice.below(ATTEMPTS) {
            lab.fake.things().chaos = Some(Chaos::new(dice.other()));
            lab.disk = Some(Disk::new(dice.other(), 40));
            let last = if dice.below(4) == 0 {
                usize::MAX
            } else {
                usize::try_from(dice.below(STEPS)).unwrap_or_default()
            };
            let (ended, _) = lab.apply_until(kind, last);
            stops += u64::from(ended.is_none());
            lab.check_always(&mut serial).map_err(|wrong| format!("{what}, attempt {attempt}: {wrong}"))?;
        }
        lab.apply_in_peace(kind)
            .map(drop)
            .and_then(|()| lab.check_always(&mut serial))
            .map_err(|wrong| format!("{what}, left alone: {wrong}"))?;
        lab.fake.things().chaos = None;
        if kind == Kind::Destroy {
            let living = lab.fake.living();
            let known = lab.objects();
            if !living.is_empty() || !known.is_empty() {
                return Err(format!("after a destroy there is {living:?}, and the state has {known:?}"));
            }
        } else {
            lab.check_settled().map_err(|wrong| format!("{what}: {wrong}"))?;
            smooth.begin_anew(text);
            smooth.apply();
            if lab.objects() != smooth.objects() {
                return Err(format!("{what}: the state has {:?}, not {:?}", lab.objects(), smooth.objects()));
            }
        }
    }
    Ok(stops)
}

/// Whether a state has an intent without an outcome for a call.
pub(super) fn intents_of(store: Arc<dyn Store>) -> Intents {
    Intents::new(move |subject| {
        let loaded = store.read().now_or_never().expect("it answers at once").expect("it is whole");
        loaded.pending.iter().any(|each| each.token == subject.token && each.address == *subject.address)
    })
}

/// Two configurations of a seed.
pub(super) fn configurations(seed: u64) -> [String; 2] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut draw = || {
        let tree = configuration().new_tree(&mut runner).expect("every draw is a configuration");
        text(&tree.current())
    };
    [draw(), draw()]
}
