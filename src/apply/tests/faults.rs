//! Calls, writes and runs that go wrong: what is kept, what is said, and that the next run goes on from there.

use super::{Kind, Lab};
use crate::apply::{Applied, Unfinished};
use crate::provider::fake::Fault;

const CHAIN: &str = r#"
resource "fake_thing" "a" {
  fixed = "1"
}
resource "fake_thing" "b" {
  value = fake_thing.a.id
}
resource "fake_thing" "other" {}
"#;

#[test]
fn a_failure_stops_what_depends_on_it_and_the_next_apply_does_the_rest() {
    for (fault, kept) in [
        (Fault::Refused, vec!["fake_thing.other"]),
        (Fault::Throttled(99), vec!["fake_thing.other"]),
        (Fault::Half, vec!["fake_thing.a (tainted)", "fake_thing.other"]),
        (Fault::Nothing, vec!["fake_thing.other"]),
        (Fault::LeftUnknown, vec!["fake_thing.a (tainted)", "fake_thing.other"]),
        (Fault::DoneUnanswered, vec!["fake_thing.other"]),
    ] {
        let mut lab = Lab::new(CHAIN);
        lab.fake.fail("create fake_thing.a", fault);
        let said = lab.apply_badly();
        assert!(said.contains("fake_thing.a"), "{fault:?}: {said}");
        assert!(said.contains("not begun") && said.contains("fake_thing.b"), "{fault:?}: {said}");
        assert_eq!(lab.objects(), kept, "{fault:?}");
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();
        assert_eq!(lab.objects().len(), 3, "{fault:?}");
    }
}

#[test]
fn what_was_made_unanswered_and_refused_the_second_time_is_found_by_the_next_apply() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::DoneUnansweredThenRefused);
    let said = lab.apply_badly();
    assert!(said.contains("it exists already"), "{said}");
    lab.fake.mend();
    lab.fake.take_calls();
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.take_calls(), ["create fake_thing.b"]);
}

#[test]
fn a_call_whose_answer_was_lost_is_not_taken_for_undone_because_the_next_question_is_refused() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::SlowUnansweredThenRefused);
    let said = lab.apply_badly();
    assert!(said.contains("creation of fake_thing.a: refused"), "{said}");
    assert_eq!(lab.loaded().pending.len(), 1, "its outcome is not known");
    lab.fake.mend();
    lab.fake.take_calls();
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.take_calls(), ["create fake_thing.b"]);
}

#[test]
fn no_call_begins_that_the_lock_does_not_outlast() {
    for calls in 0..3 {
        let mut lab = Lab::new(CHAIN);
        lab.calls_left = Some(calls);
        let said = lab.apply_badly();
        assert!(said.contains("was removed or replaced while this run held it"), "{calls}: {said}");
        assert_eq!(lab.fake.living().len(), calls, "what was begun before is there");
        lab.assert_no_orphans();
        lab.calls_left = None;
        lab.apply();
        lab.assert_settled();
    }
}

#[test]
fn what_is_throttled_for_a_while_is_made() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::Throttled(3));
    lab.apply();
    lab.assert_settled();
}

#[test]
fn a_call_that_takes_long_is_asked_about_until_it_is_done() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::Slow(5));
    lab.apply();
    lab.assert_settled();
}

#[test]
fn a_replacement_whose_second_half_failed_is_completed_by_the_next_apply() {
    let mut lab = Lab::new(CHAIN);
    lab.apply();
    lab.fake.take_calls();
    lab.configure(&CHAIN.replace("\"1\"", "\"2\""));
    lab.fake.fail("create fake_thing.a", Fault::Refused);
    let said = lab.apply_badly();
    assert!(!said.contains("failed: fake_thing.a"), "what failed was begun: {said}");
    assert_eq!(lab.objects(), ["fake_thing.b", "fake_thing.other"]);
    lab.fake.mend();
    assert_eq!(lab.plan_lines(), ["create fake_thing.a", "update fake_thing.b"]);
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.take_calls(), ["delete fake_thing.a", "create fake_thing.a", "update fake_thing.b"]);
}

#[test]
fn a_failed_update_or_delete_keeps_the_object_as_it_was() {
    for (text, call, fault) in [
        ("resource \"fake_thing\" \"a\" {\n value = 2\n}", "update fake_thing.a", Fault::Refused),
        ("resource \"fake_thing\" \"a\" {\n value = 2\n}", "update fake_thing.a", Fault::Nothing),
        ("resource \"fake_thing\" \"a\" {\n value = 2\n}", "update fake_thing.a", Fault::Throttled(99)),
        ("", "delete fake_thing.a", Fault::Refused),
        ("", "delete fake_thing.a", Fault::Throttled(99)),
    ] {
        let mut lab = Lab::new("resource \"fake_thing\" \"a\" {\n  value = 1\n}");
        lab.apply();
        let before = lab.snapshot().objects;
        lab.configure(text);
        lab.fake.fail(call, fault);
        assert!(lab.apply_badly().contains("fake_thing.a"));
        assert_eq!(lab.snapshot().objects, before, "{call} {fault:?}");
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();
    }
}

#[test]
fn what_was_rolled_back_is_kept_and_told() {
    let mut lab = Lab::new("resource \"fake_thing\" \"a\" {\n  value = 1\n}");
    lab.apply();
    lab.configure("resource \"fake_thing\" \"a\" {\n  value = 2\n}");
    lab.fake.fail("update fake_thing.a", Fault::RolledBack);
    let applied = lab.try_apply(Kind::Apply).unwrap().unwrap();
    assert!(applied.rolled_back && applied.messages.has_errors());
    assert_eq!(lab.objects(), ["fake_thing.a"]);
    assert_eq!(lab.plan_lines(), ["update fake_thing.a"]);
}

#[test]
fn when_the_state_cannot_be_written_nothing_more_is_called_and_nothing_is_lost() {
    for appends in 0..8 {
        let mut lab = Lab::new(CHAIN);
        lab.parallelism = 1;
        lab.appends_left = Some(appends);
        let ran = lab.try_apply(Kind::Apply).unwrap();
        if let Err(error) = ran {
            assert!(error.contains("no space"), "{error}");
        }
        // The commit at the end needs no journal: all that was made is in it.
        lab.assert_no_orphans();
        lab.appends_left = None;
        lab.apply();
        lab.assert_settled();
    }
}

#[test]
fn an_interruption_begins_nothing_new_and_leaves_what_takes_long_to_the_next_run() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::Slow(3));
    lab.interrupt.send_replace(true);
    let applied = lab.try_apply(Kind::Apply).unwrap().unwrap();
    assert!(applied.interrupted);
    assert_eq!(applied.unfinished, Unfinished { failed: 0, under_way: 0, skipped: 3 });
    assert_eq!(lab.fake.living(), [""; 0]);

    // Under way: the handle is kept, and asked with later.
    lab.interrupt.send_replace(false);
    let applied = interrupted_midway(&mut lab);
    assert!(applied.interrupted);
    assert_eq!(applied.unfinished, Unfinished { failed: 0, under_way: 1, skipped: 1 });
    let pending = lab.loaded().pending;
    assert_eq!(pending.iter().map(|each| each.handle.as_deref()).collect::<Vec<_>>(), [Some("3")]);
    lab.interrupt.send_replace(false);
    lab.fake.mend();
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.living(), ["fake_thing.a", "fake_thing.b", "fake_thing.other"]);
}

/// Applies, and is interrupted when only what takes long is left.
fn interrupted_midway(lab: &mut Lab) -> Applied {
    let interrupt = lab.interrupt.clone();
    let applied = super::run(async {
        let later = async {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            interrupt.send_replace(true);
            std::future::pending::<()>().await;
        };
        tokio::select! { ran = lab.applied(Kind::Apply) => ran, () = later => unreachable!() }
    });
    applied.unwrap()
}

#[test]
fn a_call_that_outlasts_an_interruption_is_under_way_and_what_was_done_before_counts() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::Hangs);
    let applied = interrupted_midway(&mut lab);
    assert!(applied.interrupted);
    assert_eq!(applied.unfinished, Unfinished { failed: 0, under_way: 1, skipped: 1 });
    assert_eq!(applied.counts.add, 1, "the object beside it");
    lab.interrupt.send_replace(false);
    lab.fake.mend();
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.living(), ["fake_thing.a", "fake_thing.b", "fake_thing.other"]);
}

#[test]
fn a_run_that_was_done_before_the_interruption_was_not_interrupted() {
    let mut lab = Lab::new("resource \"fake_thing\" \"a\" {}");
    lab.apply();
    lab.interrupt.send_replace(true);
    assert!(!lab.apply().interrupted);
}
