use super::*;

fn optional(fields: &[(&str, Type, bool)]) -> Type {
    let fields = fields
        .iter()
        .map(|(name, ty, optional)| (Arc::from(*name), Field { ty: ty.clone(), optional: *optional }));
    Type::Object(Arc::new(fields.collect()))
}

fn object(fields: &[(&str, Value)]) -> Value {
    Value::object(fields.iter().map(|(name, value)| (Arc::from(*name), value.clone())))
}

fn strings(items: &[&str]) -> Value {
    Value::list(Type::String, items.iter().map(|item| Value::from(*item)))
}

fn secret(value: impl Into<Value>) -> Value {
    value.into().marked(Marks::SENSITIVE)
}

#[test]
fn values_convert_as_terraform_converts_them() {
    let mixed = Value::tuple([1.into(), "1".into(), 2.into()]);
    for (value, ty, expected) in [
        (5.into(), Type::String, "5".into()),
        (true.into(), Type::String, "true".into()),
        ("1.50".into(), Type::Number, Value::number(Number::parse("1.5").unwrap())),
        ("true".into(), Type::Bool, true.into()),
        ("0".into(), Type::Bool, false.into()),
        (Value::null(), Type::Number, Value::null_of(Type::Number)),
        (mixed.clone(), Type::list(Type::Any), strings(&["1", "1", "2"])),
        (mixed, Type::set(Type::Any), Value::set(Type::String, ["1".into(), "2".into()])),
        (Value::set(Type::String, ["b".into(), "a".into()]), Type::list(Type::Any), strings(&["a", "b"])),
        (strings(&[]), Type::list(Type::Any), strings(&[])),
        (Value::tuple([]), Type::list(Type::Any), Value::list(Type::Any, [])),
        (
            Value::tuple([Value::null(), "a".into()]),
            Type::list(Type::Any),
            Value::list(Type::String, [Value::null_of(Type::String), "a".into()]),
        ),
        (
            object(&[("a", 1.into()), ("b", "x".into())]),
            Type::map(Type::Any),
            Value::map(Type::String, [("a".into(), "1".into()), ("b".into(), "x".into())]),
        ),
        (
            object(&[("a", 1.into()), ("extra", 2.into())]),
            optional(&[("a", Type::String, false), ("b", Type::Bool, true)]),
            object(&[("a", "1".into()), ("b", Value::null_of(Type::Bool))]),
        ),
        (
            Value::map(Type::String, [("a".into(), "1".into())]),
            optional(&[("a", Type::Number, false), ("b", Type::list(Type::Bool), true)]),
            object(&[("a", 1.into()), ("b", Value::null_of(Type::list(Type::Bool)))]),
        ),
        (
            Value::tuple([object(&[("a", 1.into())]), object(&[("a", "x".into())])]),
            Type::list(Type::Any),
            Value::list(
                Type::object([("a".into(), Type::String)]),
                [object(&[("a", "1".into())]), object(&[("a", "x".into())])],
            ),
        ),
    ] {
        assert_eq!(convert(&value, &ty), Ok(expected), "{value:?} to {ty}");
    }
}

#[test]
fn the_innermost_part_that_does_not_fit_is_named() {
    let pair = Type::object([("a".into(), Type::list(Type::Number)), ("b".into(), Type::Bool)]);
    for (value, ty, expected) in [
        ("x".into(), Type::Number, "a number is required, and this text is not one"),
        (
            "True".into(),
            Type::Bool,
            "a bool is required, and this text is neither \"true\" nor \"false\" in lowercase",
        ),
        (true.into(), Type::Number, "a number is required, but this is a bool"),
        (1.into(), Type::list(Type::String), "a list of string is required, but this is a number"),
        (object(&[]), pair.clone(), "the attributes `a` and `b` are required"),
        (
            object(&[("a", Value::tuple([1.into(), "x".into()])), ("b", true.into())]),
            pair,
            "in `a[1]`: a number is required, and this text is not one",
        ),
        (Value::tuple([1.into(), true.into()]), Type::list(Type::Any), "all elements must be of one type"),
        (Value::tuple([]), Type::Tuple([Type::Bool].into()), "1 elements are required, but there are 0"),
        (Value::null_of(Type::Bool), Type::Number, "a number is required, but this is a bool"),
        (Value::unknown(Type::Bool), Type::Number, "a number is required, but this is a bool"),
        (Value::tuple([]), Type::map(Type::Any), "a map is required, but this is a tuple"),
    ] {
        assert_eq!(convert(&value, &ty).unwrap_err().to_string(), expected);
    }
}

#[test]
fn marks_stay_where_they_are_but_for_sets() {
    let value = Value::tuple([secret(1), 2.into()]);
    let list = convert(&value, &Type::list(Type::String)).unwrap();
    assert_eq!(list, Value::list(Type::String, [secret("1"), "2".into()]));
    let set = convert(&value, &Type::set(Type::String)).unwrap();
    assert_eq!(set, secret(Value::set(Type::String, ["1".into(), "2".into()])));
    assert_eq!(convert(&secret(Value::null()), &Type::Bool), Ok(secret(Value::null_of(Type::Bool))));
}

#[test]
fn of_unknown_values_what_is_known_stays() {
    let tuple = Value::unknown_not_null(Type::Tuple([Type::Number, Type::Number].into()));
    let of = |min, max| Refinement {
        not_null: true,
        length_min: min,
        length_max: Some(max),
        ..Refinement::default()
    };
    for (value, ty, expected) in [
        (tuple.clone(), Type::list(Type::String), Value::unknown_with(Type::list(Type::String), of(2, 2))),
        (tuple, Type::set(Type::Any), Value::unknown_with(Type::set(Type::Number), of(1, 2))),
        (Value::unknown_not_null(Type::Number), Type::String, Value::unknown_not_null(Type::String)),
        (Value::unknown(Type::Any), Type::Bool, Value::unknown(Type::Bool)),
        (secret(Value::unknown(Type::String)), Type::Number, secret(Value::unknown(Type::Number))),
    ] {
        assert_eq!(convert(&value, &ty), Ok(expected));
    }
}

#[test]
fn defaults_fill_what_is_absent_or_null() {
    let inner = TypeDefaults { attributes: [("port".into(), 80.into())].into(), ..TypeDefaults::default() };
    let defaults = TypeDefaults {
        attributes: [("name".into(), "x".into()), ("server".into(), object(&[]))].into(),
        children: [("server".into(), inner.clone())].into(),
        ..TypeDefaults::default()
    };
    let server = optional(&[("port", Type::Number, true)]);
    let ty = optional(&[("name", Type::String, true), ("server", server, true)]);
    let full = object(&[("name", "x".into()), ("server", object(&[("port", 80.into())]))]);
    for given in [object(&[]), object(&[("name", Value::null())]), object(&[("server", object(&[]))])] {
        assert_eq!(convert_with_defaults(&given, &ty, &defaults), Ok(full.clone()), "{given:?}");
    }
    let list = TypeDefaults { element: Some(Box::new(inner)), ..TypeDefaults::default() };
    let given = Value::tuple([object(&[]), object(&[("port", 1.into())])]);
    let ty = Type::list(optional(&[("port", Type::Number, true)]));
    let expected = Value::list(
        Type::object([("port".into(), Type::Number)]),
        [object(&[("port", 80.into())]), object(&[("port", 1.into())])],
    );
    assert_eq!(convert_with_defaults(&given, &ty, &list), Ok(expected));
}
