//! The file of a snapshot: what it looks like, that it reads back, and that no change of it does.

use mlo_state::snapshot::{DecodeError, EncodeError};
use mlo_state::{Object, Output, PathStep, Snapshot, Status};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A snapshot with everything in it.
pub(crate) fn sample() -> Snapshot {
    let mut snapshot = Snapshot { serial: 7, ..Snapshot::empty("5f2b-lineage") };
    let object = Object {
        provider: "local".to_owned(),
        schema_version: 1,
        attributes: json!({ "port": 8080, "env": { "b": "2", "a": 0.1 } }).as_object().cloned().unwrap(),
        sensitive: vec![vec![PathStep::Name("env".to_owned()), PathStep::Index(0)]],
        dependencies: vec!["module.m.local_file.model".parse().unwrap()],
        status: Status::Ready,
        token: "t-1".to_owned(),
        handle: None,
    };
    let tainted = Object { status: Status::Tainted, handle: Some("op/9".to_owned()), ..object.clone() };
    snapshot.objects.insert("local_service.web[10]".parse().unwrap(), tainted);
    let old = Object { token: "t-0".to_owned(), ..object.clone() };
    let address: mlo_state::Address = "local_service.web[9]".parse().unwrap();
    snapshot.deposed.entry(address.clone()).or_default().insert("00c0ffee".to_owned(), old);
    snapshot.objects.insert(address, object);
    let output = Output { value: json!("http://localhost"), value_type: json!("string"), sensitive: false };
    snapshot.outputs.insert("url".to_owned(), output);
    snapshot
}

pub(crate) fn bytes(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = snapshot.encode(&mut bytes).unwrap();
    assert_eq!(length, bytes.len() as u64);
    bytes
}

/// What format 1 looks like, for ever: a later program must read this.
#[test]
fn file_has_an_object_a_line_and_ends_in_its_digest() {
    let text = String::from_utf8(bytes(&sample())).unwrap();
    let object = |index, deposed, (status, token), handle| {
        format!(
            "{{\"address\":\"local_service.web[{index}]\"{deposed},\"object\":{{\"provider\":\"local\",\"schema_version\":1,\
             \"attributes\":{{\"env\":{{\"a\":0.1,\"b\":\"2\"}},\"port\":8080}},\"sensitive\":[[\"env\",0]],\
             \"dependencies\":[\"module.m.local_file.model\"],\"status\":\"{status}\",\"token\":\"{token}\"{handle}}}}}"
        )
    };
    let expected = [
        "{\"format_version\":1,".to_owned(),
        format!("\"mlo_version\":\"{}\",", env!("CARGO_PKG_VERSION")),
        "\"lineage\":\"5f2b-lineage\",".to_owned(),
        "\"serial\":7,".to_owned(),
        "\"objects\":[".to_owned(),
        object(9, "", ("ready", "t-1"), "") + ",",
        object(10, "", ("tainted", "t-1"), ",\"handle\":\"op/9\"") + ",",
        object(9, ",\"deposed\":\"00c0ffee\"", ("ready", "t-0"), ""),
        "],".to_owned(),
        "\"outputs\":{".to_owned(),
        "\"url\":{\"value\":\"http://localhost\",\"value_type\":\"string\",\"sensitive\":false}".to_owned(),
        "},".to_owned(),
    ];
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..expected.len()], expected);
    assert_eq!(lines.len(), expected.len() + 1);
    assert!(lines[expected.len()].starts_with("\"digest\":\"sha256:"), "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["objects"][1]["object"]["handle"], "op/9");
}

#[test]
fn equal_snapshots_have_equal_bytes() {
    let (one, mut other) = (sample(), sample());
    for object in other.objects.values_mut() {
        object.attributes = object.attributes.clone().into_iter().rev().collect();
    }
    assert_eq!(bytes(&one), bytes(&other));
    let empty = Snapshot::empty("l");
    assert_eq!(Snapshot::decode(&bytes(&empty)), Ok(empty));
}

#[test]
fn every_changed_byte_and_every_cut_is_refused() {
    let good = bytes(&sample());
    assert_eq!(Snapshot::decode(&good), Ok(sample()));
    for at in 0..good.len() {
        for flip in [0x01, 0x04, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let error = Snapshot::decode(&bad).expect_err("a changed byte");
            assert!(matches!(error, DecodeError::Damaged(_)), "byte {at}: {error}");
        }
        assert!(Snapshot::decode(&good[..at]).is_err(), "cut after {at} bytes");
        let doubled = [&good[..at], &good].concat();
        assert!(at == 0 || Snapshot::decode(&doubled).is_err(), "{at} bytes before it");
    }
}

#[test]
fn what_nests_deep_is_kept_and_what_nests_too_deep_is_refused_when_written() {
    let nested = |levels| (0..levels).fold(json!("x"), |value, _| json!({ "a": value }));
    let with = |value: Value| {
        let mut snapshot = sample();
        snapshot
            .outputs
            .insert("deep".to_owned(), Output { value, value_type: json!("dynamic"), sensitive: false });
        snapshot
    };
    let deepest = with(nested(240));
    assert_eq!(Snapshot::decode(&bytes(&deepest)), Ok(deepest));
    assert!(matches!(with(nested(241)).encode(Vec::new()), Err(EncodeError::Limit { .. })));
}

#[test]
fn hostile_depth_is_refused_without_recursion() {
    for text in ["[", "{\"a\":", "{\"format_version\":2,\"x\":[[[["] {
        let bomb = text.repeat(1_000_000);
        assert!(Snapshot::decode(bomb.as_bytes()).is_err());
    }
}

#[test]
fn debug_output_has_no_values() {
    let mut snapshot = sample();
    let secret = json!({ "password": "hunter2" });
    for object in snapshot.objects.values_mut() {
        object.attributes = secret.as_object().cloned().unwrap();
    }
    for output in snapshot.outputs.values_mut() {
        output.value = secret.clone();
    }
    let text = format!("{snapshot:?}");
    assert!(text.contains("password") && !text.contains("hunter2"), "{text}");
}

/// Any JSON that a provider could hand over.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| number.is_finite().then(|| Value::from(number))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_reads_back(value in value(), text in any::<String>(), serial in any::<u64>()) {
        let mut snapshot = Snapshot { serial, ..sample() };
        for object in snapshot.objects.values_mut() {
            object.attributes.insert(text.clone(), value.clone());
            object.token.clone_from(&text);
            object.handle = Some(text.clone());
        }
        snapshot.outputs.insert(text, Output { value: value.clone(), value_type: value, sensitive: true });
        prop_assert_eq!(Snapshot::decode(&bytes(&snapshot)), Ok(snapshot));
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Snapshot::decode(&bytes).is_err());
    }
}
