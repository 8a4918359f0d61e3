use super::*;
use futures_util::FutureExt;

fn memory() -> Memory {
    Memory { surroundings: Surroundings::nowhere() }
}

fn data(input: Value, triggers: Value, output: Value, id: Value) -> Value {
    let names = ["input", "triggers_replace", "output", "id"];
    Value::object(names.map(Arc::from).into_iter().zip([input, triggers, output, id]))
}

/// What is planned for these arguments over `prior`, as the engine asks for it.
fn planned(prior: Option<&Value>, input: Value, triggers: Value) -> Planned {
    let provider = Builtin::new();
    let computed = |name| prior.map_or_else(|| Value::unknown(Type::Any), |prior| attribute(prior, name));
    let wanted = data(input.clone(), triggers.clone(), Value::null(), Value::null());
    let proposed = data(input, triggers, computed("output"), computed("id"));
    let request = PlanRequest { type_name: "mlo_data", prior, wanted: &wanted, proposed };
    provider.plan(None, request).now_or_never().expect("no waiting").expect("no error")
}

fn apply(planned: &Value, token: &str) -> Value {
    let address = "mlo_data.a".parse().expect("an address");
    let subject = Subject { type_name: "mlo_data", address: &address, token };
    let progress = memory().start(subject, Change::Create { planned }).now_or_never();
    match progress {
        Some(Ok(Progress::Done(Some(object)))) => object,
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Value {
    Value::string(text)
}

#[test]
fn output_and_id_are_unknown_until_the_object_is_made() {
    let plan = planned(None, text("a"), Value::null());
    assert_eq!(attribute(&plan.value, "output"), Value::unknown(Type::String), "of the input's type");
    assert!(attribute(&plan.value, "id").is_unknown());
    let object = apply(&plan.value, "token");
    assert_eq!(attribute(&object, "output"), text("a"));
    assert!(object.is_wholly_known());

    let empty = planned(None, Value::null(), Value::null());
    assert!(attribute(&empty.value, "output").is_null(), "without input the output is known: null");
}

#[test]
fn an_object_as_it_is_wanted_plans_no_change() {
    let object = apply(&planned(None, text("a"), text("t")).value, "token");
    assert_eq!(
        planned(Some(&object), text("a"), text("t")),
        Planned { value: object.clone(), replace: Vec::new() }
    );
}

#[test]
fn another_input_makes_the_output_unknown_and_keeps_the_id() {
    let object = apply(&planned(None, text("a"), Value::null()).value, "token");
    let plan = planned(Some(&object), Value::bool(true), Value::null());
    assert_eq!(attribute(&plan.value, "output"), Value::unknown(Type::Bool));
    assert_eq!(attribute(&plan.value, "id"), attribute(&object, "id"));
    assert_eq!(plan.replace, []);
    assert_eq!(attribute(&apply(&plan.value, "token"), "output"), Value::bool(true));

    let unknown = planned(Some(&object), Value::unknown(Type::String), Value::null());
    assert_eq!(attribute(&unknown.value, "output"), Value::unknown(Type::String));
}

#[test]
fn another_trigger_replaces() {
    let object = apply(&planned(None, text("a"), text("t")).value, "token");
    let plan = planned(Some(&object), text("a"), text("u"));
    assert_eq!(plan.replace, [Path::root().name("triggers_replace")]);
    assert!(attribute(&plan.value, "id").is_unknown());
    assert_eq!(attribute(&plan.value, "output"), Value::unknown(Type::String));
    let unknown = planned(Some(&object), text("a"), Value::unknown(Type::String));
    assert_eq!(
        unknown.replace,
        [Path::root().name("triggers_replace")],
        "an unknown trigger may have changed"
    );
}

#[test]
fn a_repeated_create_gives_the_same_id() {
    let plan = planned(None, text("a"), Value::null());
    let id = |token| attribute(&apply(&plan.value, token), "id");
    assert_eq!(id("one"), id("one"));
    assert_ne!(id("one"), id("two"));
    // sha256("one") = 7692c3ad3540bb803c020b3aee66cd88…, with the version and variant bits of RFC 9562 set.
    assert_eq!(id("one"), text("7692c3ad-3540-8b80-bc02-0b3aee66cd88"));
}

#[test]
fn reading_gives_what_the_state_has() {
    let object = apply(&planned(None, text("a"), Value::null()).value, "token");
    let address = "mlo_data.a".parse().expect("an address");
    let subject = Subject { type_name: "mlo_data", address: &address, token: "token" };
    assert_eq!(memory().read(subject, &object).now_or_never(), Some(Ok(Some(object.clone()))));
    assert_eq!(memory().find(subject).now_or_never(), Some(Ok(None)));
    let deleted = memory().start(subject, Change::Delete { prior: &object }).now_or_never();
    assert_eq!(deleted, Some(Ok(Progress::Done(None))));
}
