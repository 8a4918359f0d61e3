//! Any configuration, any failure, any number of calls at a time.

use super::configuration::{configuration, text};
use super::{Kind, Lab, run};
use crate::plan::file::{MadeFrom, PlanFile, compare, kind_name};
use crate::plan::{Inputs, Plan};
use crate::provider::fake::Fault;
use proptest::prelude::*;

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

/// Cases of each property: fewer than usual by default, since each runs whole applies.
fn cases() -> u32 {
    if std::env::var_os("MLO_TEST_FULL").is_some() { 3_000 } else { 60 }
}

/// A plan as a file gives it back.
fn saved(plan: &Plan) -> Plan {
    let made_from = MadeFrom { kind: kind_name(plan.kind).to_owned(), ..MadeFrom::default() };
    let file = PlanFile::new(plan, made_from, &Inputs::new(), &|_| false, false).unwrap();
    let read = PlanFile::decode(file.encode(None).as_bytes()).unwrap();
    read.plan(plan.config.clone()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_an_apply_nothing_is_planned_and_after_a_destroy_nothing_is_left(
        first in configuration(), second in configuration(), parallelism in 1..20_usize,
    ) {
        let mut lab = Lab::new(&text(&first));
        lab.parallelism = parallelism;
        lab.apply();
        lab.assert_settled();
        lab.configure(&text(&second));
        let announced = lab.plan(Kind::Apply).unwrap();
        // What is announced is announced again, also by the file that it was saved in.
        prop_assert_eq!(compare(&saved(&announced), &lab.plan(Kind::Apply).unwrap()), None);
        prop_assert_eq!(lab.apply().counts, announced.counts());
        lab.assert_settled();
        let announced = lab.plan(Kind::Destroy).unwrap();
        prop_assert_eq!(compare(&saved(&announced), &lab.plan(Kind::Destroy).unwrap()), None);
        lab.destroy();
        prop_assert_eq!(lab.fake.living(), [""; 0]);
        lab.assert_no_orphans();
    }

    #[test]
    fn objects_are_read_whatever_of_them_is_not_there(
        first in configuration(), second in configuration(),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut lab = Lab::new(&text(&first));
        lab.apply();
        lab.configure(&text(&second));
        let mut snapshot = lab.snapshot();
        for lost in lost {
            let addresses: Vec<_> = snapshot.objects.keys().cloned().collect();
            if !addresses.is_empty() {
                snapshot.objects.remove(lost.get(&addresses));
            }
        }
        let (made, messages) = run(lab.planned(Kind::Refresh, &snapshot));
        let Ok((plan, _)) = made else { panic!("{}", lab.rendered(&messages)) };
        // Nothing is promised that an apply of it would not tell.
        let open = plan.outputs.values().filter_map(|change| change.after.as_ref());
        prop_assert_eq!(open.filter(|value| !value.is_wholly_known()).count(), 0);
    }

    #[test]
    fn whichever_call_ends_first_the_state_is_the_same(
        first in configuration(), second in configuration(), parallelism in 2..20_usize, order in 1..u64::MAX,
    ) {
        let after = |parallelism: usize, order: u64| {
            let mut lab = Lab::new(&text(&first));
            lab.parallelism = parallelism;
            lab.fake.things().order = order;
            lab.apply();
            lab.configure(&text(&second));
            lab.apply();
            lab.snapshot()
        };
        let alone = after(1, 0);
        prop_assert_eq!(&alone, &after(parallelism, order));
        prop_assert_eq!(&alone, &after(parallelism, order.rotate_left(17)));
    }

    #[test]
    fn whatever_fails_in_whatever_order_the_next_apply_comes_to_the_same_end(
        first in configuration(), second in configuration(),
        faults in prop::collection::vec(fault(), 1..12), parallelism in 1..20_usize, order in any::<u64>(),
        appends in prop::option::of(0..30_usize),
    ) {
        let mut lab = Lab::new(&text(&first));
        lab.parallelism = parallelism;
        lab.fake.things().order = order;
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
