//! Any configuration, any failure, any number of calls at a time.

use super::{Kind, Lab};
use crate::provider::fake::Fault;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Block `n` is made from earlier blocks.
#[derive(Debug, Clone)]
pub(super) struct Block {
    from: Vec<usize>,
    count: Option<usize>,
    value: u8,
    fixed: u8,
    through_local: bool,
    lifecycle: Lifecycle,
}

/// Arguments of `lifecycle`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifecycle {
    creates_first: bool,
    ignores_value: bool,
    /// Whether what it is made from replaces it when that changes.
    triggered: bool,
}

fn block() -> impl Strategy<Value = Block> {
    let count = prop_oneof![2 => Just(None), 1 => (0..3_usize).prop_map(Some)];
    let rarely = || prop::bool::weighted(0.2);
    let lifecycle = (prop::bool::weighted(0.3), rarely(), rarely());
    let lifecycle = lifecycle.prop_map(|(creates_first, ignores_value, triggered)| Lifecycle {
        creates_first,
        ignores_value,
        triggered,
    });
    (prop::collection::vec(0..8_usize, 0..3), count, 0..3_u8, 0..2_u8, any::<bool>(), lifecycle).prop_map(
        |(from, count, value, fixed, through_local, lifecycle)| Block {
            from,
            count,
            value,
            fixed,
            through_local,
            lifecycle,
        },
    )
}

/// Some of eight blocks.
pub(super) fn configuration() -> impl Strategy<Value = Vec<Option<Block>>> {
    prop::collection::vec(prop::option::weighted(0.8, block()), 8)
}

pub(super) fn text(blocks: &[Option<Block>]) -> String {
    let mut text = String::new();
    let name = |number: usize| match blocks[number].as_ref().and_then(|block| block.count) {
        Some(_) => format!("fake_thing.n{number}[*].id"),
        None => format!("fake_thing.n{number}.id"),
    };
    for (number, block) in blocks.iter().enumerate() {
        let Some(block) = block else { continue };
        let made_from: Vec<_> =
            block.from.iter().filter(|from| **from < number && blocks[**from].is_some()).collect();
        let lifecycle = lifecycle(block.lifecycle, &made_from);
        let from: Vec<_> = made_from.into_iter().map(|from| name(*from)).collect();
        let mut from = format!("[{}]", from.join(", "));
        if block.through_local {
            writeln!(text, "locals {{\n  l{number} = {from}\n}}").unwrap();
            from = format!("local.l{number}");
        }
        let count = block.count.map(|count| format!("  count = {count}\n")).unwrap_or_default();
        writeln!(
            text,
            "resource \"fake_thing\" \"n{number}\" {{\n{count}  value = [{}, {from}]\n  fixed = {}\n{}}}",
            block.value, block.fixed, lifecycle
        )
        .unwrap();
    }
    text
}

fn lifecycle(Lifecycle { creates_first, ignores_value, triggered }: Lifecycle, from: &[&usize]) -> String {
    let mut text = format!("  lifecycle {{\n    create_before_destroy = {creates_first}\n");
    if ignores_value {
        text += "    ignore_changes = [value]\n";
    }
    if triggered {
        let from: Vec<_> = from.iter().map(|from| format!("fake_thing.n{from}")).collect();
        writeln!(text, "    replace_triggered_by = [{}]", from.join(", ")).unwrap();
    }
    text + "  }\n"
}

fn fault() -> impl Strategy<Value = (String, Fault)> {
    let fault = prop::sample::select(vec![
        Fault::Refused,
        Fault::Throttled(2),
        Fault::Throttled(99),
        Fault::DoneUnanswered,
        Fault::Half,
        Fault::Slow(2),
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::LeftUnknown,
    ]);
    let verb = prop::sample::select(vec!["create", "update", "delete"]);
    let index = prop::sample::select(vec!["", "[0]", "[1]"]);
    (verb, 0..8_usize, index, fault)
        .prop_map(|(verb, number, index, fault)| (format!("{verb} fake_thing.n{number}{index}"), fault))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_an_apply_nothing_is_planned_and_after_a_destroy_nothing_is_left(
        first in configuration(), second in configuration(), parallelism in 1..20_usize,
    ) {
        let mut lab = Lab::new(&text(&first));
        lab.parallelism = parallelism;
        lab.apply();
        lab.assert_settled();
        lab.configure(&text(&second));
        let announced = lab.plan(Kind::Apply).unwrap().counts();
        prop_assert_eq!(lab.apply().counts, announced);
        lab.assert_settled();
        lab.destroy();
        prop_assert_eq!(lab.fake.living(), [""; 0]);
        lab.assert_no_orphans();
    }

    #[test]
    fn any_number_of_calls_at_a_time_gives_the_same_state(
        first in configuration(), second in configuration(), parallelism in 2..20_usize,
    ) {
        let after = |parallelism: usize| {
            let mut lab = Lab::new(&text(&first));
            lab.parallelism = parallelism;
            lab.apply();
            lab.configure(&text(&second));
            lab.apply();
            lab.snapshot()
        };
        prop_assert_eq!(after(1), after(parallelism));
    }

    #[test]
    fn whatever_fails_in_whatever_order_the_next_apply_comes_to_the_same_end(
        first in configuration(), second in configuration(),
        faults in prop::collection::vec(fault(), 1..12), parallelism in 1..20_usize, appends in prop::option::of(0..30_usize),
    ) {
        let mut lab = Lab::new(&text(&first));
        lab.parallelism = parallelism;
        lab.apply();
        lab.configure(&text(&second));
        for (call, fault) in &faults {
            lab.fake.fail(call, *fault);
        }
        lab.appends_left = appends;
        for _ in 0..3 {
            lab.try_apply(Kind::Apply);
            lab.appends_left = None;
        }
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();

        let mut smooth = Lab::new(&text(&second));
        smooth.apply();
        prop_assert_eq!(lab.objects(), smooth.objects());
        lab.destroy();
        prop_assert_eq!(lab.fake.living(), [""; 0]);
    }
}
