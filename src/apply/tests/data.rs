//! Data sources whose reads go wrong, and what is left when they do.

use super::*;
use crate::provider::fake::Fault;

const CHAIN: &str = r#"
resource "fake_thing" "a" { value = "x" }
data "fake_fact" "f" { query = fake_thing.a.echo }
resource "fake_thing" "b" { value = data.fake_fact.f.answer }
data "fake_fact" "early" { query = "early" }
resource "fake_thing" "c" { value = data.fake_fact.early.answer }
"#;

#[test]
fn data_is_read_once_as_early_as_can_be() {
    let mut lab = Lab::new(CHAIN);
    assert_eq!(
        lab.plan_lines(),
        ["create fake_thing.a", "create fake_thing.b", "create fake_thing.c", "read data.fake_fact.f"]
    );
    lab.fake.take_calls();
    lab.apply();
    let calls = lab.fake.take_calls();
    let place = |call: &str| calls.iter().position(|it| it == call).unwrap_or_else(|| panic!("{calls:?}"));
    assert_eq!(calls.iter().filter(|call| call.starts_with("read")).count(), 2, "{calls:?}");
    assert!(place("read early") < place("create fake_thing.a"), "{calls:?}");
    assert!(place("create fake_thing.a") < place("read x"), "{calls:?}");
    assert!(place("read x") < place("create fake_thing.b"), "{calls:?}");
    lab.assert_settled();
    lab.destroy();
    assert_eq!(lab.fake.living(), [""; 0]);
}

#[test]
fn a_read_that_fails_stops_what_needs_it_and_nothing_else() {
    for (fault, words) in [
        (Fault::Refused, "data.fake_fact.f: refused"),
        (Fault::Nothing, "its provider answered with something that is not of its type"),
        (Fault::LeftUnknown, "its provider answered with a value that is not known"),
    ] {
        let mut lab = Lab::new(CHAIN);
        lab.fake.fail("read x", fault);
        let said = lab.apply_badly();
        assert!(said.contains(words), "{said}");
        assert_eq!(lab.fake.living(), ["fake_thing.a", "fake_thing.c"]);
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();
    }
}

#[test]
fn a_read_that_is_throttled_is_tried_again() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("read early", Fault::Throttled(2));
    lab.fake.fail("read x", Fault::Throttled(3));
    lab.apply();
    lab.assert_settled();
}

#[test]
fn a_plan_is_not_made_where_data_cannot_be_read() {
    let mut lab = Lab::new(CHAIN);
    lab.fake.fail("read early", Fault::Refused);
    let said = lab.plan(Kind::Apply).expect_err("the read is refused");
    assert!(said.contains("data.fake_fact.early: refused") && said.contains("main.tf:5:1"), "{said}");
}

#[test]
fn what_is_sensitive_in_the_question_or_by_the_schema_is_so_in_the_answer() {
    let mut lab = Lab::new(
        r#"
variable "key" {
  default   = "k"
  sensitive = true
}
data "fake_fact" "f" { query = var.key }
resource "fake_thing" "a" { value = [data.fake_fact.f.query, data.fake_fact.f.secret] }
"#,
    );
    lab.apply();
    let snapshot = lab.snapshot();
    let object = snapshot.objects.values().next().unwrap();
    let paths: Vec<_> = object.sensitive.iter().map(|path| format!("{path:?}")).collect();
    assert!(paths.iter().any(|path| path.contains("value")), "{paths:?}");
}
