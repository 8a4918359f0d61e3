//! What `lifecycle` blocks say, from the plan to the state.

use super::{Kind, Lab};
use crate::plan::{Action, Reason};
use crate::provider::fake::Fault;

/// A thing that is replaced when `fixed` changes, and another that refers to it.
fn pair(fixed: u8, lifecycle: &str) -> String {
    format!(
        "resource \"fake_thing\" \"a\" {{\n  fixed = {fixed}\n  lifecycle {{\n    {lifecycle}\n  }}\n}}\n\
         resource \"fake_thing\" \"b\" {{\n  value = fake_thing.a.id\n}}\n"
    )
}

const FIRST: &str = "create_before_destroy = true";

#[test]
fn the_new_object_is_made_and_taken_up_before_the_old_one_goes() {
    let mut lab = Lab::new(&pair(1, FIRST));
    lab.apply();
    lab.fake.take_calls();
    lab.configure(&pair(2, FIRST));
    assert_eq!(lab.plan_lines(), ["replace fake_thing.a", "update fake_thing.b"]);
    lab.apply();
    assert_eq!(lab.fake.take_calls(), ["create fake_thing.a", "update fake_thing.b", "delete fake_thing.a"]);
    lab.assert_settled();
}

#[test]
fn what_it_is_made_from_creates_first_too_and_what_is_made_from_it_need_not() {
    let text = |fixed: u8| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n  fixed = {fixed}\n}}\n\
             locals {{\n  a = fake_thing.a.id\n}}\n\
             resource \"fake_thing\" \"b\" {{\n  fixed = local.a\n  lifecycle {{\n    {FIRST}\n  }}\n}}\n\
             resource \"fake_thing\" \"c\" {{\n  fixed = fake_thing.b.id\n}}\n"
        )
    };
    let mut lab = Lab::new(&text(1));
    lab.apply();
    lab.fake.take_calls();
    lab.configure(&text(2));
    let plan = lab.plan(Kind::Apply).unwrap();
    let first: Vec<_> = plan.operations.iter().map(|operation| operation.create_before_destroy).collect();
    assert_eq!(first, [true, true, false]);
    lab.apply();
    let calls = lab.fake.take_calls().join(", ");
    assert_eq!(
        calls,
        // What c will be made from is there before c goes: the policies are asked about that while there is still one.
        "create fake_thing.a, create fake_thing.b, delete fake_thing.c, create fake_thing.c, delete fake_thing.b, \
         delete fake_thing.a"
    );
    lab.assert_settled();
}

#[test]
fn an_old_object_that_could_not_be_taken_away_is_kept_aside_until_it_can() {
    let mut lab = Lab::new(&pair(1, FIRST));
    lab.apply();
    lab.configure(&pair(2, FIRST));
    lab.fake.fail("delete fake_thing.a", Fault::Refused);
    lab.apply_badly();
    assert_eq!(lab.objects(), ["fake_thing.a", "fake_thing.a (deposed)", "fake_thing.b"]);
    lab.assert_no_orphans();
    let plan = lab.plan(Kind::Apply).unwrap();
    let deposed = plan.operations.iter().find(|operation| operation.deposed.is_some()).unwrap();
    assert_eq!((deposed.action, deposed.reason), (Action::Delete, Reason::Deposed));
    assert_eq!(plan.counts().destroy, 1);
    lab.fake.mend();
    lab.apply();
    assert_eq!(lab.objects(), ["fake_thing.a", "fake_thing.b"]);
    lab.assert_settled();
}

#[test]
fn an_old_object_is_put_back_when_no_new_one_takes_its_place() {
    for fault in [Fault::Refused, Fault::KilledBefore] {
        let mut lab = Lab::new(&pair(1, FIRST));
        lab.apply();
        let before = lab.snapshot().objects;
        lab.configure(&pair(2, FIRST));
        lab.fake.fail("create fake_thing.a", fault);
        lab.apply_badly();
        // The run after a kill settles what was left open before it plans.
        lab.fake.fail("create fake_thing.a", Fault::Refused);
        lab.apply_badly();
        assert_eq!(lab.objects(), ["fake_thing.a", "fake_thing.b"], "{fault:?}");
        assert_eq!(lab.snapshot().objects, before, "{fault:?}");
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();
    }
}

#[test]
fn a_new_object_that_is_half_made_is_kept_beside_the_old_one_and_both_are_dealt_with() {
    let mut lab = Lab::new(&pair(1, FIRST));
    lab.apply();
    lab.configure(&pair(2, FIRST));
    lab.fake.fail("create fake_thing.a", Fault::Half);
    lab.apply_badly();
    assert_eq!(lab.objects(), ["fake_thing.a (deposed)", "fake_thing.a (tainted)", "fake_thing.b"]);
    lab.assert_no_orphans();
    lab.fake.mend();
    lab.apply();
    assert_eq!(lab.objects(), ["fake_thing.a", "fake_thing.b"]);
    lab.assert_settled();
}

#[test]
fn everything_that_was_set_aside_is_destroyed_too() {
    let mut lab = Lab::new(&pair(1, FIRST));
    lab.apply();
    lab.configure(&pair(2, FIRST));
    lab.fake.fail("delete fake_thing.a", Fault::Refused);
    lab.apply_badly();
    lab.fake.mend();
    lab.destroy();
    assert_eq!(lab.objects(), [""; 0]);
    assert_eq!(lab.fake.living(), [""; 0]);
}

#[test]
fn ignored_arguments_stay_as_they_are_until_the_object_is_replaced() {
    let text = |value: &str, fixed: u8, ignored: &str| {
        format!(
            "variable \"ignored\" {{\n  default = [\"value\"]\n}}\n\
             resource \"fake_thing\" \"a\" {{\n  value = {value}\n  fixed = {fixed}\n  lifecycle {{\n    \
             ignore_changes = {ignored}\n  }}\n}}\n"
        )
    };
    for (ignored, value, planned) in
        [("[value]", "2", ""), ("all", "2", ""), ("var.ignored", "2", ""), ("[]", "2", "update fake_thing.a")]
    {
        let mut lab = Lab::new(&text("1", 1, ignored));
        lab.apply();
        lab.configure(&text(value, 1, ignored));
        assert_eq!(lab.plan_lines().join(", "), planned, "{ignored}");
    }
    let mut lab = Lab::new(&text("1", 1, "[value]"));
    lab.apply();
    lab.configure(&text("2", 2, "[value]"));
    let plan = lab.plan(Kind::Apply).unwrap();
    let new = plan.operations[0].planned.clone().unwrap();
    assert_eq!(new.get("value"), Some(&2.into()), "a new object has nothing that could stay");
    lab.apply();
    lab.assert_settled();
}

#[test]
fn what_is_ignored_is_ignored_too_when_it_is_known_only_at_apply() {
    let text = |fixed: u8| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n  fixed = {fixed}\n}}\n\
             resource \"fake_thing\" \"b\" {{\n  value = fake_thing.a.id\n  secret = fake_thing.a.id\n  \
             lifecycle {{\n    ignore_changes = [value]\n  }}\n}}\n"
        )
    };
    let mut lab = Lab::new(&text(1));
    lab.apply();
    lab.configure(&text(2));
    assert_eq!(lab.plan_lines(), ["replace fake_thing.a", "update fake_thing.b"]);
    lab.apply();
    let object = &lab.snapshot().objects[&"fake_thing.b".parse().unwrap()];
    assert_eq!(object.attributes["value"]["value"], "fake_thing.a#1");
    assert_eq!(object.attributes["secret"], "fake_thing.a#2");
    lab.assert_settled();
}

#[test]
fn an_object_is_replaced_when_what_its_block_names_changes() {
    let text = |value: &str, fixed: u8, trigger: &str| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n  count = 2\n  value = count.index == 1 ? {value} : 0\n  fixed = {fixed}\n}}\n\
             resource \"fake_thing\" \"b\" {{\n  count = 2\n  lifecycle {{\n    replace_triggered_by = [{trigger}]\n  }}\n}}\n"
        )
    };
    let both = ["fake_thing.b[0]", "fake_thing.b[1]"];
    for (trigger, value, fixed, replaced) in [
        ("fake_thing.a", "1", 1, &[][..]),
        ("fake_thing.a", "2", 1, &both),
        ("fake_thing.a[1]", "2", 1, &both),
        ("fake_thing.a[0]", "2", 1, &[]),
        ("fake_thing.a[count.index]", "2", 1, &both[1..]),
        ("fake_thing.a[count.index].value", "2", 1, &both[1..]),
        ("fake_thing.a[1].fixed", "2", 1, &[]),
        ("fake_thing.a[0].id", "1", 2, &both),
    ] {
        let mut lab = Lab::new(&text("1", 1, trigger));
        lab.apply();
        lab.configure(&text(value, fixed, trigger));
        let plan = lab.plan(Kind::Apply).unwrap();
        let triggered = plan.operations.iter().filter(|operation| operation.reason == Reason::Triggered);
        let triggered: Vec<_> = triggered.map(|operation| operation.address.to_string()).collect();
        assert_eq!(triggered, replaced, "{trigger}");
        lab.apply();
        lab.assert_settled();
    }
}

#[test]
fn protection_can_depend_on_the_instance() {
    let text = |names: &str| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n  for_each = toset([{names}])\n  fixed = {}\n  lifecycle {{\n    \
             prevent_destroy = each.key == \"prod\"\n  }}\n}}\n",
            names.len()
        )
    };
    let mut lab = Lab::new(&text("\"dev\", \"prod\""));
    lab.apply();
    lab.configure(&text("\"dev\", \"prod\", \"x\""));
    let said = lab.plan(Kind::Apply).unwrap_err();
    assert!(said.contains("fake_thing.a[\"prod\"] is protected"), "{said}");
    assert!(!said.contains("fake_thing.a[\"dev\"] is protected"), "{said}");
}
