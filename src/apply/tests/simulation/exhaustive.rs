//! Every step at which a machine can stop, for a few configurations in which all kinds of change come together.

use super::{Disk, Kind, Lab};
use crate::provider::fake::Dice;

/// From one configuration to the other.
pub(super) const CHANGES: [(&str, &str, &str); 4] = [
    ("made", "", CHAIN),
    ("replaced, changed and taken away", CHAIN, CHANGED),
    (
        "replaced, the new one first",
        "resource \"fake_thing\" \"a\" {\n  fixed = 1\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n\
         resource \"fake_thing\" \"b\" {\n  value = fake_thing.a.id\n}\n",
        "resource \"fake_thing\" \"a\" {\n  fixed = 2\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n\
         resource \"fake_thing\" \"b\" {\n  value = fake_thing.a.id\n}\n",
    ),
    ("taken away", CHAIN, ""),
];

const CHAIN: &str = r#"
resource "fake_thing" "a" {
  fixed = "1"
}
resource "fake_thing" "b" {
  value = fake_thing.a.id
}
resource "fake_thing" "many" {
  count = 3
  value = [fake_thing.a.echo, count.index]
}
resource "fake_thing" "other" {}
"#;

const CHANGED: &str = r#"
resource "fake_thing" "a" {
  fixed = "2"
}
resource "fake_thing" "b" {
  value = [fake_thing.a.id, "more"]
}
resource "fake_thing" "many" {
  count = 2
  value = [fake_thing.a.echo, count.index, 1]
}
resource "fake_thing" "new" {
  value = fake_thing.b.id
}
"#;

/// A lab with the first configuration applied and the second one ready; it behaves the same each time.
fn ready(before: &str, after: &str) -> Lab {
    let mut lab = Lab::new(before);
    lab.apply();
    lab.configure(after);
    lab.disk = Some(Disk::new(Dice::new(7), 0));
    lab
}

#[test]
fn wherever_the_machine_stops_the_next_run_comes_to_the_same_end() {
    let mut points = 0;
    for (what, before, after) in CHANGES {
        let mut smooth = ready(before, after);
        let (_, steps) = smooth.apply_until(Kind::Apply, usize::MAX);
        assert!(steps > 10, "{what}: only {steps} steps");
        for stop in 0..steps {
            let mut lab = ready(before, after);
            let mut serial = 0;
            let (ended, _) = lab.apply_until(Kind::Apply, stop);
            assert!(ended.is_none(), "{what}: it was done before step {stop}");
            let checked = lab
                .check_always(&mut serial)
                .and_then(|()| lab.apply_in_peace(Kind::Apply).map(drop))
                .and_then(|()| lab.check_always(&mut serial))
                .and_then(|()| lab.check_settled());
            if let Err(wrong) = checked {
                panic!("{what}, stopped at step {stop} of {steps}: {wrong}");
            }
            assert_eq!(lab.objects(), smooth.objects(), "{what}, stopped at step {stop} of {steps}");
            points += 1;
        }
    }
    assert!(points > 60, "only {points} steps in all");
}

#[test]
fn a_second_stop_at_any_step_of_the_recovery_changes_nothing() {
    let (what, before, after) = CHANGES[1];
    let (_, steps) = ready(before, after).apply_until(Kind::Apply, usize::MAX);
    let stop = steps / 2;
    let stopped = || {
        let mut lab = ready(before, after);
        lab.apply_until(Kind::Apply, stop);
        lab
    };
    let (_, recovery) = stopped().apply_until(Kind::Apply, usize::MAX);
    for again in 0..recovery {
        let mut lab = stopped();
        lab.apply_until(Kind::Apply, again);
        let mut serial = 0;
        let checked = lab
            .apply_in_peace(Kind::Apply)
            .map(drop)
            .and_then(|()| lab.check_always(&mut serial))
            .and_then(|()| lab.check_settled());
        if let Err(wrong) = checked {
            panic!("{what}, stopped at step {stop} and at step {again} of the recovery: {wrong}");
        }
    }
}
