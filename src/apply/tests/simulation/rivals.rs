//! Two runs of one state in a bucket: one is late, cut off, saved and restored, or gone, and the other takes its lease
//! over when it ends.
//!
//! What must hold beside all else: what the late one writes is refused, no call of its takes effect once the other has
//! the lock, and whoever comes after both waits for nobody.

use super::exhaustive::CHANGES;
use super::machine::{Machine, MachineClock, Mishap, Troubled};
use super::network::{Network, Turns};
use super::seeds::{asked, configurations, intents_of};
use super::{Kind, Lab, Ran};
use crate::apply::tests::run;
use crate::provider::fake::{Chaos, Dice};
use futures_util::future::join;
use mlo_state::S3Store;
use mlo_state::s3::ModelBucket;
use std::sync::Arc;
use std::time::Duration;

/// Seeds of a run of the tests, and of a run with full counts.
const SEEDS: u64 = 50;
const SEEDS_FULL: u64 = 1_000;
/// Steps at which something happens are drawn up to here; most runs have fewer.
const STEPS: u64 = 600;
/// Of the steps of a run every so many-th is one at which something happens, in a run of the tests.
const STRIDE: usize = 19;
/// Longer than a lease and all that is under way.
const LONG: Duration = Duration::from_mins(4);
/// Long enough that the first has the lock.
const SOON: Duration = Duration::from_secs(5);
/// A clock is set by an hour.
const JUMP_MS: i64 = 3_600_000;

/// What goes wrong.
struct Trouble {
    mishap: Mishap,
    /// At which step of the first run.
    step: usize,
    /// How long after the first the second begins.
    later: Duration,
    /// When the first cannot reach the bucket, and for how long.
    cut: Option<(Duration, Duration)>,
    /// What networks and services do; `None`: what they are asked for.
    dice: Option<Dice>,
}

/// How both runs ended, and after how many steps the first.
struct Ends {
    first: Option<Ran>,
    steps: usize,
    second: Ran,
}

/// A state in a bucket, a world, and two machines. Labs outlive it: to read policies takes longer than a life.
struct Rivals<'l> {
    first: &'l mut Lab,
    second: &'l mut Lab,
    networks: [Network; 2],
    /// The clock of the first machine.
    clock: MachineClock,
}

impl<'l> Rivals<'l> {
    /// A state and a world in which there is nothing. To be made where time stands still.
    fn begin([first, second]: [&'l mut Lab; 2], trouble: &mut Trouble) -> Self {
        let service = Arc::new(MachineClock::new());
        let bucket = ModelBucket::new(service.clone());
        let store = Arc::new(S3Store::new(Arc::new(bucket.clone()), "lab", service));
        let mut dice = trouble.dice.as_mut().map_or(Dice::new(1), Dice::other);
        let networks = [Network::new(dice.other()), Network::new(dice.other())];
        let (turns, clocks) = (Turns::default(), [MachineClock::new(), MachineClock::new()]);
        for (lab, (network, clock)) in
            [&mut *first, &mut *second].into_iter().zip(networks.iter().zip(&clocks))
        {
            lab.begin_anew("");
            lab.store = store.clone();
            lab.machine = Some(Machine::new(&bucket, network, (clock, &turns)));
        }
        second.fake = first.fake.clone();
        first.fake.things().chaos = Some(Chaos::new(dice.other()));
        first.fake.watch(intents_of(store));
        let [clock, _] = clocks;
        let rivals = Self { first, second, networks, clock };
        rivals.calm(true);
        rivals
    }

    fn calm(&self, is_calm: bool) {
        self.networks.iter().for_each(|network| network.calm(is_calm));
        if let Some(chaos) = &mut self.first.fake.things().chaos {
            chaos.calm(is_calm);
        }
    }

    /// What both want from now on.
    fn configure(&mut self, text: &str) {
        self.first.configure(text);
        self.second.configure(text);
    }

    /// Both runs at once, and trouble for the first.
    async fn race(&mut self, trouble: Trouble) -> Ends {
        self.calm(trouble.dice.is_none());
        if let Some((after, lasts)) = trouble.cut {
            let [network, _] = &self.networks;
            network.cut(after, lasts);
        }
        let program = self.first.applied(Kind::Apply);
        let [network, _] = &self.networks;
        let machine = (self.clock.clone(), network.clone());
        let first = Troubled::new(program, machine, (trouble.mishap, trouble.step));
        let second = async {
            tokio::time::sleep(trouble.later).await;
            Box::pin(self.second.applied(Kind::Apply)).await
        };
        let ((first, steps), second) = Box::pin(join(first, second)).await;
        self.calm(true);
        Ends { first, steps, second }
    }

    /// A run that nothing happens to.
    async fn in_peace(&mut self) -> Result<(), String> {
        let applied = Box::pin(self.second.applied(Kind::Apply)).await?;
        let said = self.second.rendered(&applied.messages);
        if said.is_empty() { Ok(()) } else { Err(said) }
    }
}

/// From one configuration to the other by two runs at once. Then one more run has the end that `smooth` comes to.
fn raced(
    [first, second, smooth]: &mut [Lab; 3],
    (before, after): (&str, &str),
    mut trouble: Trouble,
) -> Result<Ends, String> {
    let overlap = before.contains("before_destroy = true") || after.contains("before_destroy = true");
    let ends = run(async {
        let mut rivals = Rivals::begin([first, second], &mut trouble);
        rivals.configure(before);
        rivals.first.fake.things().may_overlap = overlap;
        Box::pin(rivals.in_peace()).await.map_err(|wrong| format!("before anything happened: {wrong}"))?;
        rivals.configure(after);
        let ends = Box::pin(rivals.race(trouble)).await;
        Box::pin(rivals.in_peace()).await.map_err(|wrong| format!("left alone: {wrong}"))?;
        Ok::<_, String>(ends)
    })?;
    second.check_settled()?;
    smooth.begin_anew(before);
    smooth.apply();
    smooth.configure(after);
    smooth.apply();
    if second.objects() == smooth.objects() {
        return Ok(ends);
    }
    Err(format!("the state has {:?}, not {:?}", second.objects(), smooth.objects()))
}

fn labs() -> [Lab; 3] {
    [Lab::new(""), Lab::new(""), Lab::new("")]
}

/// How far apart the steps are at which something happens.
fn stride() -> usize {
    let all = ["MLO_TEST_FULL", "MLO_SIMULATE_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
    if all { 1 } else { STRIDE }
}

/// Whether a run ended because it lost its lock.
fn lost_its_lock(ran: Option<&Ran>) -> bool {
    matches!(ran, Some(Err(error)) if error.contains("was removed or replaced while this run held it"))
}

#[test]
fn wherever_a_run_is_late_or_gone_the_next_takes_its_lease_over_and_comes_to_the_same_end() {
    let mut labs = labs();
    let (mut points, mut refused) = (0, 0);
    for (what, before, after) in CHANGES {
        let quiet = |mishap, step| Trouble { mishap, step, later: SOON, cut: None, dice: None };
        let smooth = raced(&mut labs, (before, after), quiet(Mishap::Nothing, 0)).unwrap();
        assert!(matches!((&smooth.first, &smooth.second), (Some(Ok(_)), Ok(_))), "{what}: nothing happened");
        for mishap in [Mishap::Stops, Mishap::Sleeps(LONG), Mishap::Freezes(LONG)] {
            for step in (1..smooth.steps).step_by(stride()) {
                let raced = raced(&mut labs, (before, after), quiet(mishap, step));
                let ends = raced.unwrap_or_else(|wrong| panic!("{what}, {mishap:?} at step {step}: {wrong}"));
                assert!(ends.second.is_ok(), "{what}, {mishap:?} at step {step}: {:?}", ends.second.err());
                refused += u32::from(lost_its_lock(ends.first.as_ref()));
                points += 1;
            }
        }
        for ms in [JUMP_MS, -JUMP_MS] {
            for step in (1..smooth.steps).step_by(stride()) {
                let mishap = Mishap::ClockJumps(ms);
                let ends = raced(&mut labs, (before, after), quiet(mishap, step))
                    .unwrap_or_else(|wrong| panic!("{what}, {mishap:?} at step {step}: {wrong}"));
                assert!(matches!(ends.first, Some(Ok(_))), "{what}, {mishap:?} at step {step}: it goes on");
            }
        }
    }
    println!("{points} steps at which a run was late or gone, {refused} of them refused afterwards");
    assert!(refused > points / 4, "only {refused} of {points} found their lock taken");
}

/// What happens to a run, as a seed says.
fn drawn(dice: &mut Dice) -> Trouble {
    let seconds = |dice: &mut Dice, most| Duration::from_secs(dice.below(most));
    let mishap = match dice.below(8) {
        0 => Mishap::Nothing,
        1 => Mishap::Stops,
        2 => Mishap::ClockJumps(if dice.below(2) == 0 { JUMP_MS } else { -JUMP_MS }),
        3..5 => Mishap::Sleeps(seconds(dice, 300)),
        _ => Mishap::Freezes(seconds(dice, 300)),
    };
    let step = usize::try_from(dice.below(STEPS)).unwrap_or_default();
    let later = seconds(dice, 100);
    let cut = (dice.below(3) == 0).then(|| (seconds(dice, 120), seconds(dice, 300)));
    Trouble { mishap, step, later, cut, dice: Some(dice.other()) }
}

#[test]
fn whoever_is_late_and_whatever_goes_wrong_two_runs_lose_nothing_and_make_nothing_twice() {
    let mut labs = labs();
    let seeds = asked(SEEDS, SEEDS_FULL);
    let (count, from, mut refused) = (seeds.end - seeds.start, seeds.start, 0);
    for seed in seeds {
        let [before, after] = configurations(seed);
        let mut dice = Dice::new(seed);
        for lab in &mut labs[..2] {
            lab.parallelism = 1 + usize::try_from(dice.below(12)).unwrap_or_default();
        }
        let trouble = drawn(&mut dice);
        let (mishap, step) = (trouble.mishap, trouble.step);
        match raced(&mut labs, (&before, &after), trouble) {
            Ok(ends) => refused += u64::from(lost_its_lock(ends.first.as_ref())),
            Err(wrong) => panic!(
                "seed {seed}, {mishap:?} at step {step}: {wrong}\nagain: cargo xtask simulate --from {seed} --seeds 1"
            ),
        }
    }
    println!("{count} seeds of two runs from {from}: {refused} runs lost their lock, and nothing was lost");
}
