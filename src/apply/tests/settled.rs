//! Runs that were killed: the next one finds out what became of each call.

use super::{Kind, Lab};
use crate::provider::fake::Fault;
use mlo_state::Status;

const CHAIN: &str = r#"
resource "fake_thing" "a" {
  fixed = "1"
}
resource "fake_thing" "b" {
  value = fake_thing.a.id
}
"#;

#[test]
fn a_create_that_was_cut_off_is_adopted_or_made_but_never_twice() {
    for fault in [Fault::KilledBefore, Fault::KilledAfter] {
        for call in ["create fake_thing.a", "create fake_thing.b"] {
            let mut lab = Lab::new(CHAIN);
            lab.fake.fail(call, fault);
            assert_eq!(lab.apply_badly(), "killed");
            assert_eq!(lab.loaded().pending.len(), 1);
            lab.fake.mend();
            lab.apply();
            lab.assert_settled();
            let calls = lab.fake.take_calls();
            assert_eq!(calls, ["create fake_thing.a", "create fake_thing.b"], "{call} {fault:?}");
            // What was adopted has its dependencies: it goes first.
            lab.configure("");
            lab.apply();
            assert_eq!(lab.fake.take_calls(), ["delete fake_thing.b", "delete fake_thing.a"]);
            lab.assert_settled();
        }
    }
}

#[test]
fn an_update_or_delete_that_was_cut_off_is_gone_on_with() {
    for fault in [Fault::KilledBefore, Fault::KilledAfter] {
        for (text, call) in [
            (CHAIN.replace("\"1\"", "\"2\""), "delete fake_thing.a"),
            (CHAIN.replace("\"1\"", "\"2\""), "create fake_thing.a"),
            (CHAIN.replace("\"1\"", "\"2\""), "update fake_thing.b"),
            (String::new(), "delete fake_thing.b"),
            (String::new(), "delete fake_thing.a"),
        ] {
            let mut lab = Lab::new(CHAIN);
            lab.apply();
            lab.configure(&text);
            lab.fake.fail(call, fault);
            assert_eq!(lab.apply_badly(), "killed");
            lab.fake.mend();
            lab.apply();
            lab.assert_settled();
            assert_eq!(lab.fake.living().len(), if text.is_empty() { 0 } else { 2 });
        }
    }
}

#[test]
fn an_object_whose_deletion_was_cut_off_is_kept_as_it_was() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.b", Fault::Half);
    lab.apply_badly();
    lab.fake.mend();
    let before = lab.snapshot().objects;
    assert!(before.values().any(|object| object.status == Status::Tainted));
    lab.fake.fail("delete fake_thing.b", Fault::KilledBefore);
    assert_eq!(lab.apply_badly(), "killed");
    lab.fake.mend();
    // The settling run is refused in its turn: what it settled is what is kept.
    lab.fake.fail("delete fake_thing.b", Fault::Refused);
    lab.apply_badly();
    assert_eq!(lab.snapshot().objects, before);
    lab.fake.mend();
    lab.apply();
    lab.assert_settled();
}

#[test]
fn a_run_that_is_killed_again_and_again_comes_to_its_end() {
    let mut lab = Lab::new(CHAIN);
    for call in ["create fake_thing.a", "create fake_thing.b"] {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            lab.fake.mend();
            lab.fake.fail(call, fault);
            lab.apply_badly();
        }
    }
    lab.fake.mend();
    lab.apply();
    lab.assert_settled();
    lab.destroy();
    assert_eq!(lab.objects(), [""; 0]);
    assert_eq!(lab.fake.living(), [""; 0]);
    assert!(lab.try_apply(Kind::Destroy).unwrap().is_ok());
}

#[test]
fn what_was_made_and_taken_away_by_runs_that_were_cut_off_is_made_anew_with_a_token_of_its_own() {
    // The world notes when the token of an object that is gone comes again: a service would answer with what it made then.
    let fixed = |value: u8| format!("resource \"fake_thing\" \"a\" {{\n  fixed = {value}\n}}");
    let mut lab = Lab::new(&fixed(1));
    lab.fake.fail("create fake_thing.a", Fault::KilledAfter);
    assert_eq!(lab.apply_badly(), "killed");
    lab.configure(&fixed(2));
    lab.fake.fail("create fake_thing.a", Fault::KilledBefore);
    assert_eq!(lab.apply_badly(), "killed");
    assert_eq!((lab.fake.living(), lab.snapshot().serial), (vec![], 0));
    lab.fake.mend();
    lab.apply();
    lab.assert_settled();
}
