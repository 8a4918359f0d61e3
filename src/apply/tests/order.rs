//! What comes before what, by the steps of plans.

use super::Lab;
use super::configuration::{configuration, text};
use crate::graph::Dag;
use crate::plan::{Action, Kind, Operation, Part, Plan, Step};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Steps with all that comes before each, directly or not.
struct Order<'p> {
    plan: &'p Plan,
    before: Vec<BTreeSet<usize>>,
}

impl<'p> Order<'p> {
    fn of(plan: &'p Plan) -> Self {
        let dag: &Dag<Step> = &plan.steps.dag;
        let mut before = vec![BTreeSet::new(); dag.len()];
        for step in dag.order().expect("steps have no cycle") {
            let mut all = BTreeSet::new();
            for earlier in dag.dependencies(step) {
                all.insert(earlier);
                all.extend(before[earlier].iter().copied());
            }
            before[step] = all;
        }
        Self { plan, before }
    }

    fn step(&self, operation: usize, part: Part) -> Option<usize> {
        (0..self.before.len()).find(|step| *self.plan.steps.dag.get(*step) == Step::Operate(operation, part))
    }

    /// Whether both are done, and the first at some time before the second, whatever the walk does.
    fn is(&self, first: (usize, Part), second: (usize, Part)) -> Option<bool> {
        let (first, second) = (self.step(first.0, first.1)?, self.step(second.0, second.1)?);
        Some(self.before[second].contains(&first))
    }

    /// The number and half of `delete a`, `create b`, `update c`.
    fn find(&self, words: &str) -> (usize, Part) {
        let (verb, name) = words.split_once(' ').unwrap();
        let wanted = format!("fake_thing.{name}");
        let place = |operation: &Operation| operation.address.to_string().ends_with(&wanted);
        let number = self.plan.operations.iter().position(place).unwrap_or_else(|| panic!("no {name}"));
        let action = self.plan.operations[number].action;
        let fits = match verb {
            "delete" => matches!(action, Action::Delete | Action::Replace),
            "create" => matches!(action, Action::Create | Action::Replace),
            _ => action == Action::Update,
        };
        assert!(fits, "{words}: it is {action:?}");
        (number, if verb == "delete" { Part::Delete } else { Part::Apply })
    }
}

fn thing(name: &str, arguments: &str) -> String {
    format!("resource \"fake_thing\" \"{name}\" {{\n{arguments}\n}}\n")
}

#[test]
fn steps_come_in_the_order_that_references_and_the_state_ask_for() {
    let a = |fixed: u8| thing("a", &format!("fixed = {fixed}"));
    let b = || thing("b", "value = fake_thing.a.id");
    let creates_first = "lifecycle {\n  create_before_destroy = true\n}";
    let first = |fixed: u8| thing("a", &format!("fixed = {fixed}\n{creates_first}"));
    let from_a =
        |fixed: u8| thing("b", &format!("value = fake_thing.a.id\nfixed = {fixed}\n{creates_first}"));
    let far = || thing("c", "value = local.l") + "locals {\n  l = fake_thing.b.id\n}\n";
    let waits = || thing("z", "value = 1\ndepends_on = [fake_thing.b]");
    let module = |inner: &str, outer: &str| {
        let call = "module \"m\" {\n  source = \"./m\"\n  for_each = toset([\"x\", \"y\"])\n";
        format!(
            "{outer}\n{call}  given = fake_thing.a.fixed\n}}\n== m/main.tf\nvariable \"given\" {{}}\n{inner}"
        )
    };
    let inner = thing("i", "value = var.given");
    let after = || thing("z", "value = 1\ndepends_on = [module.m]");
    for (first, second, orders) in [
        (String::new(), a(1) + &b() + &far(), vec!["create a < create b", "create b < create c"]),
        (a(1) + &b() + &far(), String::new(), vec!["delete c < delete b", "delete b < delete a"]),
        // The middle is unchanged or has no step, and is passed through.
        (String::new(), a(1) + &b() + &waits(), vec!["create a < create z"]),
        (a(1) + &b(), a(2) + &b(), vec!["delete a < create a", "create a < update b"]),
        (a(1) + &b(), a(2), vec!["delete b < delete a", "delete a < create a"]),
        (a(1) + &b() + &far(), a(2) + &thing("b", "value = 1"), vec!["delete c < update b"]),
        (a(1) + &b() + &waits(), a(2) + &b(), vec!["delete z < delete a"]),
        // What is let go of goes last.
        (a(1) + &b(), thing("b", "value = 1"), vec!["update b < delete a"]),
        (
            first(1) + &b(),
            first(2) + &b(),
            vec!["create a < update b", "update b < delete a", "create a < delete a"],
        ),
        // What is made from another makes that one go first too.
        (
            a(1) + &from_a(1),
            a(2) + &from_a(2),
            vec!["create a < create b", "create b < delete b", "delete b < delete a"],
        ),
        (a(1) + &from_a(1), a(2), vec!["delete b < delete a", "delete a < create a"]),
        (
            a(1) + &thing("b", "fixed = fake_thing.a.id"),
            a(2) + &thing("b", "fixed = fake_thing.a.id"),
            vec!["delete b < delete a", "delete a < create a", "create a < create b"],
        ),
        (
            String::new(),
            module(&inner, &(a(1) + &after())),
            vec!["create a < create i", "create i < create z", "create a < create z"],
        ),
        (
            module(&inner, &(a(1) + &after())),
            String::new(),
            vec!["delete z < delete i", "delete i < delete a"],
        ),
    ] {
        let mut lab = Lab::new(&first);
        lab.apply();
        lab.configure(&second);
        let plan = lab.plan(Kind::Apply).unwrap();
        let order = Order::of(&plan);
        for row in orders {
            let (earlier, later) = row.split_once(" < ").unwrap();
            assert_eq!(
                order.is(order.find(earlier), order.find(later)),
                Some(true),
                "{row}\n{first}→\n{second}"
            );
        }
    }
}

#[test]
fn edges_grow_as_instances_do() {
    let text = |count: usize, fixed: u8| {
        thing("a", &format!("count = {count}\nfixed = {fixed}"))
            + &thing("b", &format!("count = {count}\nfixed = fake_thing.a[count.index].id"))
    };
    let edges = |count: usize| {
        let mut lab = Lab::new(&text(count, 1));
        let made = lab.plan(Kind::Apply).unwrap();
        lab.apply();
        lab.configure(&text(count, 2));
        let replaced = lab.plan(Kind::Apply).unwrap();
        [made, replaced].map(|plan| {
            let dag = &plan.steps.dag;
            (0..dag.len()).map(|step| dag.dependencies(step).count()).sum::<usize>()
        })
    };
    let (few, many) = (edges(100), edges(1_000));
    for (few, many) in few.iter().zip(many) {
        assert!(many <= few * 11, "{few} edges for 100 instances, {many} for 1,000");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_that_the_steps_allow_keeps_the_rules(first in configuration(), second in configuration()) {
        let mut lab = Lab::new(&text(&first));
        lab.apply();
        lab.configure(&text(&second));
        let plan = lab.plan(Kind::Apply).unwrap();
        let order = Order::of(&plan);
        let numbers = 0..plan.operations.len();
        for number in numbers.clone() {
            let halves = ((number, Part::Delete), (number, Part::Apply));
            let own = &plan.operations[number];
            let first = own.create_before_destroy && own.action == Action::Replace;
            prop_assert_ne!(order.is(halves.0, halves.1), Some(first));
            prop_assert_ne!(order.is(halves.1, halves.0), Some(!first));
            for other in numbers.clone() {
                let used = &plan.operations[other];
                let block = used.address.block();
                if own.dependencies.contains(&block) && own.action != Action::Delete {
                    prop_assert_ne!(order.is((other, Part::Apply), (number, Part::Apply)), Some(false));
                    if used.action == Action::Replace && used.create_before_destroy {
                        // The new object is taken up before the old one goes.
                        prop_assert_ne!(order.is((number, Part::Apply), (other, Part::Delete)), Some(false));
                    }
                }
                if own.stored.as_ref().is_some_and(|stored| stored.dependencies.contains(&block)) {
                    prop_assert_ne!(order.is((number, Part::Delete), (other, Part::Delete)), Some(false));
                    if own.action == Action::Update && used.action == Action::Delete {
                        prop_assert_ne!(order.is((number, Part::Apply), (other, Part::Delete)), Some(false));
                    }
                    if used.action == Action::Replace && !first && !used.create_before_destroy {
                        prop_assert_ne!(order.is((number, Part::Delete), (other, Part::Apply)), Some(false));
                    }
                }
            }
        }
    }
}
