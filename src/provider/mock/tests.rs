//! What a mock makes up.

use super::*;
use crate::lang::eval::{AttributeSchema, NestedBlock};
use crate::lang::value::{Marks, Type};
use crate::provider::{DataSchema, ResourceSchema};
use mlo_state::Address;

/// Dice that always fall alike.
fn dice() -> Dice {
    Arc::new(|| [0, 1, 2, 25, 26, 35, 36, 255, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// What these dice make of a text.
const TEXT: &str = "abcz09ad";

fn port() -> BlockSchema {
    BlockSchema::new()
        .attribute("number", AttributeSchema::required(Type::Number))
        .attribute("name", AttributeSchema::computed(Type::String))
}

fn mock(choices: Choices) -> Mock {
    let object = Type::object([("inner".into(), Type::String), ("count".into(), Type::Number)]);
    let block = BlockSchema::new()
        .attribute("given", AttributeSchema::optional(Type::String))
        .attribute("text", AttributeSchema::computed(Type::String))
        .attribute("number", AttributeSchema::computed(Type::Number))
        .attribute("flag", AttributeSchema::computed(Type::Bool))
        .attribute("list", AttributeSchema::computed(Type::list(Type::String)))
        .attribute("set", AttributeSchema::computed(Type::set(Type::String)))
        .attribute("map", AttributeSchema::computed(Type::map(Type::Number)))
        .attribute("object", AttributeSchema::computed(object))
        .attribute("any", AttributeSchema::computed(Type::Any))
        .attribute("either", AttributeSchema::optional_computed(Type::String))
        .block("port", NestedBlock::list(port()));
    let schema = ResourceSchema { block: block.clone(), ..ResourceSchema::default() };
    let data = DataSchema { block, ..DataSchema::default() };
    let schema = ProviderSchema {
        resources: [("t", schema)].into(),
        data: [("t", data)].into(),
        ..ProviderSchema::default()
    };
    Mock::new(schema, choices, dice())
}

/// An object of `t` with these attributes; the computed ones are `others`.
fn object(mock: &Mock, others: &dyn Fn(&Type) -> Value, own: &[(&str, Value)]) -> Value {
    let block = &mock.schema.resources["t"].block;
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let empty =
            if attribute.computed { others(&attribute.ty) } else { Value::null_of(attribute.ty.clone()) };
        (name.clone(), empty)
    });
    let ports = Value::list(port().implied_type(), []);
    let mut all: BTreeMap<Arc<str>, Value> = attributes.chain([("port".into(), ports)]).collect();
    all.extend(own.iter().map(|(name, value)| (Arc::from(*name), value.clone())));
    Value::object(all)
}

fn made(mock: &Mock, planned: &Value) -> Value {
    match mock.done("t", Change::Create { planned }).unwrap() {
        Progress::Done(Some(value)) => value,
        other => panic!("{other:?}"),
    }
}

fn chosen(values: &[(&str, Value)], at_plan: bool) -> Choices {
    let values = Value::object(values.iter().map(|(name, value)| (Arc::from(*name), value.clone())));
    let resources = BTreeMap::from([(Arc::from("t"), Chosen { values, at_plan })]);
    Choices { data: resources.clone(), resources, ..Choices::default() }
}

#[test]
fn what_is_not_known_is_made_up_by_its_type() {
    let mock = mock(Choices::default());
    let unknown = |ty: &Type| Value::unknown(ty.clone());
    let given = ("given", Value::string("given"));
    let value = made(&mock, &object(&mock, &unknown, &[given, ("either", Value::string("own"))]));
    assert!(value.is_wholly_known());
    for (name, expected) in [
        ("given", Value::string("given")),
        ("text", Value::string(TEXT)),
        ("number", Value::number(0)),
        ("flag", Value::bool(false)),
        ("list", Value::list(Type::String, [])),
        ("map", Value::map(Type::Number, [])),
        (
            "object",
            Value::object([("inner".into(), Value::string(TEXT)), ("count".into(), Value::number(0))]),
        ),
        ("any", Value::null()),
        ("either", Value::string("own")),
    ] {
        assert_eq!(value.get(name), Some(&expected), "{name}");
    }
    assert_eq!(value.get("set").and_then(Value::as_items).map(<[_]>::len), Some(0));
}

#[test]
fn what_somebody_chose_counts_where_the_configuration_says_nothing() {
    let choices = chosen(
        &[
            ("text", Value::string("chosen")),
            ("number", Value::string("7")),
            ("either", Value::string("chosen")),
            ("given", Value::string("no")),
        ],
        false,
    );
    let mock = mock(choices);
    let unknown = |ty: &Type| Value::unknown(ty.clone());
    let value = made(&mock, &object(&mock, &unknown, &[("either", Value::string("own"))]));
    assert_eq!(value.get("text"), Some(&Value::string("chosen")));
    assert_eq!(value.get("number"), Some(&Value::number(7)), "converted to its type");
    assert_eq!(value.get("either"), Some(&Value::string("own")));
    assert!(value.get("given").is_some_and(Value::is_null), "only what is computed is made up");
    let null = |ty: &Type| Value::null_of(ty.clone());
    let answer = mock.answer("t", &object(&mock, &null, &[])).unwrap();
    assert_eq!(answer.get("text"), Some(&Value::string("chosen")), "data sources are asked with nulls");
    assert_eq!(answer.get("flag"), Some(&Value::bool(false)));
}

#[test]
fn blocks_inside_are_completed_too() {
    let names = Value::object([("name".into(), Value::string("chosen"))]);
    let unknown = |ty: &Type| Value::unknown(ty.clone());
    let one = |name: Value| Value::object([("number".into(), Value::number(1)), ("name".into(), name)]);
    let ports = Value::list(port().implied_type(), [one(Value::unknown(Type::String))]);
    for (choices, expected) in [(Choices::default(), TEXT), (chosen(&[("port", names)], false), "chosen")] {
        let mock = mock(choices);
        let value = made(&mock, &object(&mock, &unknown, &[("port", ports.clone())]));
        let port = value.get("port").and_then(Value::as_items).and_then(<[_]>::first).cloned();
        assert_eq!(port, Some(one(Value::string(expected))));
    }
}

#[test]
fn a_plan_knows_it_only_if_that_is_asked_for() {
    let unknown = |ty: &Type| Value::unknown(ty.clone());
    let everything = Choices { at_plan: true, ..Choices::default() };
    for (choices, known) in [
        (Choices::default(), false),
        (everything, true),
        (chosen(&[], true), true),
        (chosen(&[], false), false),
    ] {
        let mock = mock(choices);
        let proposed = object(&mock, &unknown, &[]);
        let wanted = proposed.clone();
        let request = PlanRequest { type_name: "t", prior: None, wanted: &wanted, proposed };
        assert_eq!(mock.planned(&request).unwrap().value.is_wholly_known(), known);
    }
}

#[test]
fn marks_stay_and_what_is_there_is_kept() {
    let mock = mock(Choices::default());
    let secret = |ty: &Type| Value::unknown(ty.clone()).marked(Marks::SENSITIVE);
    let value = made(&mock, &object(&mock, &secret, &[]));
    assert!(value.get("text").is_some_and(|text| text.marks().is_sensitive()));
    let again = made(&mock, &value);
    assert_eq!(again, value);
}

#[tokio::test]
async fn only_what_was_chosen_for_an_object_can_be_imported() {
    let address: Address = "t.a".parse().unwrap();
    let subject = Subject { type_name: "t", address: &address, token: "x" };
    let mock_of = |imports| mock(Choices { imports, ..chosen(&[("text", Value::string("chosen"))], false) });
    let refused = mock_of(false).import(subject, "id").await.unwrap_err();
    assert!(refused.help.iter().any(|help| help.contains("override_resource")), "{refused:?}");
    let found = mock_of(true).import(subject, "id").await.unwrap().unwrap();
    assert_eq!(found.value.get("text"), Some(&Value::string("chosen")));
    assert!(found.value.is_wholly_known());
}

#[test]
fn values_that_do_not_fit_are_told() {
    let mock = mock(Choices::default());
    let block = &mock.schema.resources["t"].block;
    for (name, value, misfit) in [
        ("text", Value::string("x"), None),
        ("number", Value::string("7"), None),
        ("number", Value::string("many"), Some("`number`")),
        ("nothing", Value::string("x"), Some("there is no attribute `nothing`")),
        ("port", Value::object([("nme".into(), Value::string("x"))]), Some("there is no attribute `nme`")),
        ("port", Value::object([("name".into(), Value::string("x"))]), None),
    ] {
        let found = misfits(block, &Value::object([(name.into(), value.clone())]));
        assert_eq!(
            found.first().map(|text| misfit.is_some_and(|start| text.starts_with(start))),
            misfit.map(|_| true),
            "{name} {value:?}: {found:?}"
        );
    }
}
