//! Providers that are configured from resources of the same plan, and runs that are cut off on the way.

use super::*;
use crate::provider::fake::Fault;

fn nested(region: &str, more: &str) -> String {
    format!(
        r#"
resource "terraform_data" "region" {{ input = "{region}" }}
provider "fake" {{
  alias  = "there"
  region = terraform_data.region.output
}}
resource "fake_thing" "a" {{
  provider = fake.there
  value    = 1
}}
{more}
"#
    )
}

const ANOTHER: &str =
    "resource \"fake_thing\" \"b\" {\n  provider = fake.there\n  value = fake_thing.a.id\n}";

#[test]
fn a_run_that_was_cut_off_is_settled_where_the_object_was_made() {
    for fault in [Fault::KilledBefore, Fault::KilledAfter, Fault::DoneUnanswered] {
        let mut lab = Lab::new(&nested("eu", ANOTHER));
        lab.fake.fail("create fake_thing.a", fault);
        lab.try_apply(Kind::Apply);
        lab.fake.mend();
        lab.apply();
        lab.assert_settled();
        assert_eq!(lab.fake.living(), ["fake_thing.a", "fake_thing.b"], "{fault:?}");
        lab.fake.fail("delete fake_thing.b", fault);
        lab.try_apply(Kind::Destroy);
        lab.fake.mend();
        lab.destroy();
        assert_eq!(lab.fake.living(), [""; 0], "{fault:?}");
        lab.assert_no_orphans();
    }
}

#[test]
fn what_goes_while_the_provider_moves_goes_from_where_it_is() {
    let mut lab = Lab::new(&nested("eu", ANOTHER));
    lab.apply();
    lab.configure(&nested("us", ""));
    let plan = lab.plan(Kind::Apply).unwrap();
    let unread: Vec<_> = plan.unread.iter().map(ToString::to_string).collect();
    assert_eq!(unread, ["fake_thing.a", "fake_thing.b"]);
    lab.fake.take_calls();
    lab.apply();
    assert_eq!(lab.fake.take_calls(), ["delete fake_thing.b"]);
    assert_eq!(lab.fake.things().violations, [""; 0]);
}
