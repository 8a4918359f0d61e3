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

#[test]
fn what_was_made_is_kept_though_nobody_finds_it_and_its_outcome_could_not_be_written() {
    let text = "resource \"mlo_data\" \"d\" {\n  input = 1\n}\n\
                resource \"fake_shy\" \"a\" {}\n\
                resource \"fake_shy\" \"b\" {\n  value = fake_shy.a.id\n}\n";
    let mut kept = 0;
    for appends in 0..8 {
        let mut lab = Lab::new(text);
        lab.parallelism = 1;
        lab.appends_left = Some(appends);
        lab.try_apply(Kind::Apply);
        let known = lab.snapshot().objects;
        kept += known.len();
        lab.appends_left = None;
        lab.apply_badly();
        for (address, object) in known {
            let now = lab.snapshot().objects.get(&address).map(|object| object.token.clone());
            assert_eq!(now, Some(object.token), "{address} after {appends} appends");
        }
        lab.assert_settled();
    }
    assert!(kept > 8, "{kept}");
}

#[test]
fn what_a_provider_is_configured_with_is_read_before_anything_is_looked_for() {
    let text = "data \"fake_fact\" \"west\" {\n  query = \"west\"\n}\n\
                provider \"fake\" {}\n\
                provider \"fake\" {\n  alias  = \"there\"\n  region = data.fake_fact.west.answer\n}\n\
                resource \"fake_thing\" \"a\" {\n  provider = fake.there\n}\n";
    for fault in [Fault::KilledBefore, Fault::KilledAfter] {
        let mut lab = Lab::new(text);
        lab.fake.fail("create fake_thing.a", fault);
        assert_eq!(lab.apply_badly(), "killed");
        // As long as that is not known, the change stays open.
        lab.fake.mend();
        lab.fake.fail("read west", Fault::Refused);
        let said = lab.apply_badly();
        assert!(
            said.contains("refused") && said.contains("it is not known what became of fake_thing.a"),
            "{said}"
        );
        assert_eq!(lab.loaded().pending.len(), 1);
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();
        assert_eq!(lab.fake.living(), ["fake_thing.a"]);
    }
}

#[test]
fn a_change_stays_open_until_the_provider_is_back_with_which_it_was_begun() {
    let of = |provider: &str, meta: &str| {
        format!(
            "provider \"fake\" {{\n{provider}\n  region = \"west\"\n}}\nresource \"fake_thing\" \"a\" {{{meta}}}\n"
        )
    };
    for (text, name) in [
        (of("", ""), "provider fake"),
        (of("  alias = \"there\"", "\n  provider = fake.there\n"), "provider fake.there"),
        (
            of("  alias    = \"each\"\n  for_each = [\"x\"]", "\n  provider = fake.each[\"x\"]\n")
                .replace("[\"x\"]\n", "toset([\"x\"])\n"),
            "provider fake.each[\"x\"]",
        ),
    ] {
        let text = text.replace("fake.eachtoset([\"x\"])", "fake.each[\"x\"]");
        for without in ["", "resource \"fake_thing\" \"a\" {}\n"] {
            let mut lab = Lab::new(&text);
            lab.fake.fail("create fake_thing.a", Fault::KilledAfter);
            assert_eq!(lab.apply_badly(), "killed", "{text}");
            lab.fake.mend();
            lab.configure(without);
            let said = lab.apply_badly();
            assert!(said.contains(name) && said.contains("is not configured any more"), "{said}");
            assert_eq!(lab.loaded().pending.len(), 1);
            lab.configure(&text);
            lab.apply();
            lab.assert_settled();
            assert_eq!(lab.fake.living(), ["fake_thing.a"]);
        }
    }
}

#[test]
fn a_call_that_is_known_to_have_failed_meanwhile_is_no_more_open() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("create fake_thing.a", Fault::SlowThenRefused);
    let interrupt = lab.interrupt.clone();
    let ran = super::run(async {
        let later = async {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            interrupt.send_replace(true);
            std::future::pending::<()>().await;
        };
        tokio::select! { ran = lab.applied(Kind::Apply) => ran, () = later => unreachable!() }
    });
    assert!(ran.unwrap().interrupted);
    assert_eq!(lab.loaded().pending.len(), 1);
    lab.interrupt.send_replace(false);
    lab.fake.mend();
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.living(), ["fake_thing.a", "fake_thing.b"]);
}
