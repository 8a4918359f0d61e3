use super::*;
use crate::lang::value::{Marks, Refinement, Type};
use crate::plan::{Action, Operation, OutputChange, Reason};
use data_encoding::HEXLOWER;
use proptest::prelude::*;

fn made_from() -> MadeFrom {
    MadeFrom {
        lineage: "abc".into(),
        serial: 3,
        state: "s".into(),
        environment: "dev".into(),
        is_named: false,
        policies: "p".into(),
        bundles: Vec::new(),
        kind: "apply".into(),
        refresh: true,
        strict_checks: false,
        parts: <[Vec<String>; 3]>::default(),
        judged: serde_json::Value::Null,
        overrides: BTreeMap::default(),
        planned_at: 7,
        who: "ann@host".into(),
        signer: None,
        folder: ".".into(),
        manifest: None,
        working_folder: "/w".into(),
        salt: "salt".into(),
        configuration: BTreeMap::new(),
        manifests: BTreeMap::new(),
        fetched: BTreeMap::new(),
        seen: BTreeMap::new(),
    }
}

fn module() -> Arc<Module> {
    let files = BTreeMap::from([("main.hcl".to_owned(), String::new())]);
    let request = crate::lang::load::LoadRequest {
        root: crate::lang::load::Root::Memory(&files),
        builtin: &|_| None,
        builtin_names: &[],
        version: "0.1.0",
        elsewhere: &crate::lang::scope::Nowhere,
        unwritten: crate::lang::load::Unwritten::Nothing,
    };
    let (module, _) = crate::lang::load::load(&request, &mut crate::diag::SourceMap::new());
    Arc::new(module.unwrap())
}

fn plan_of(planned: Value) -> Plan {
    let operation = Operation {
        address: "mlo_data.a[\"k\"]".parse().unwrap(),
        previous: Some("mlo_data.old".parse().unwrap()),
        importing: None,
        deposed: None,
        create_before_destroy: true,
        triggered_by: vec!["mlo_data.b.id".into()],
        provider: "mlo".into(),
        action: Action::Replace,
        reason: Reason::Tainted,
        prior: Some(Value::object([("a".into(), 1.into())])),
        planned: Some(planned),
        wanted: None,
        replace: vec![crate::lang::value::Path::root().name("a").index(2)],
        stored: None,
        schema_version: 2,
        token: String::new(),
        span: None,
        dependencies: vec!["mlo_data.b".parse().unwrap()].into(),
    };
    let empty = PlanFile {
        mlo_version: String::new(),
        made_from: made_from(),
        types: Vec::new(),
        complete: true,
        planned: String::new(),
        variables: BTreeMap::new(),
        values: BTreeMap::new(),
        checks: Vec::new(),
        operations: Vec::new(),
        data: Vec::new(),
        unread: Vec::new(),
        drift: Vec::new(),
        outputs: BTreeMap::new(),
    };
    let mut plan = empty.plan(module()).unwrap();
    plan.by_block.insert(operation.address.block(), vec![0]);
    plan.operations.extend([operation]);
    plan.outputs.insert("o".into(), OutputChange { before: None, after: Some("x".into()), sensitive: false });
    plan
}

fn file_of(planned: Value) -> PlanFile {
    let secret = |text: &str| text.contains("hunter2");
    PlanFile::new(&plan_of(planned), made_from(), &Inputs::new(), &secret, false).unwrap()
}

fn rich() -> Value {
    let refined = Refinement {
        not_null: true,
        prefix: Some("ab".into()),
        length_min: 1,
        length_max: Some(9),
        bounds: None,
    };
    Value::object([
        ("unknown".into(), Value::unknown_with(Type::String, refined)),
        ("any".into(), Value::unknown(Type::Any)),
        ("null".into(), Value::null_of(Type::list(Type::Bool))),
        ("list".into(), Value::list(Type::String, ["a".into(), Value::unknown(Type::String)])),
        ("tuple".into(), Value::tuple([1.into(), true.into(), Value::null()])),
        ("map".into(), Value::map(Type::Number, [("x".into(), 1.into())])),
        ("hidden_null".into(), Value::null_of(Type::String).marked(Marks::SENSITIVE)),
        ("later".into(), Value::unknown(Type::String).marked(Marks::SENSITIVE)),
    ])
}

#[test]
fn a_file_gives_back_what_was_put_into_it() {
    let file = file_of(rich());
    let bytes = file.encode(None);
    let read = PlanFile::decode(bytes.as_bytes()).unwrap();
    assert_eq!(read, file);
    let plan = read.plan(module()).unwrap();
    let operation = &plan.operations[0];
    assert_eq!(operation.planned, Some(rich()));
    assert_eq!((operation.action, operation.reason), (Action::Replace, Reason::Tainted));
    assert_eq!(operation.replace[0].to_string(), "a[2]");
    assert_eq!(compare(&plan, &plan_of(rich())), None);
    assert_eq!(serde_json::from_str::<Json>(&bytes).unwrap()["format_version"], 1);
}

#[test]
fn sensitive_values_are_not_in_it_wherever_they_stand() {
    let secret = |value: Value| value.marked(Marks::SENSITIVE);
    let named = Type::object([("hunter2".into(), Type::String)]);
    let planned = Value::object([
        ("a".into(), secret("hunter2".into())),
        ("b".into(), "my hunter2!".into()),
        ("c".into(), secret(Value::list(Type::String, ["other".into()]))),
        ("d".into(), Value::map(Type::Bool, [("hunter2".into(), true.into())])),
        ("e".into(), secret("hunter2".into())),
        ("f".into(), secret(12345.into())),
        ("g".into(), Value::unknown(Type::list(named.clone()))),
        ("h".into(), Value::list(named.clone(), [])),
        ("i".into(), Value::null_of(Type::map(named))),
    ]);
    let file = file_of(planned.clone());
    let text = file.encode(None);
    for part in ["hunter2", "other", "12345"] {
        assert!(!text.contains(part), "{text}");
    }
    let plan = file.plan(module()).unwrap();
    let shown = |name: &str| plan.operations[0].planned.as_ref().unwrap().get(name).unwrap().clone();
    assert!(["a", "b", "c", "d", "e", "f"].into_iter().all(|name| shown(name).marks().is_sensitive()));
    assert_eq!(shown("a"), shown("e"), "the same is the same");
    assert_ne!(shown("a"), shown("f"));
    assert_eq!(compare(&plan, &plan_of(planned.clone())), None);
    assert!(file.plans_the_same(&plan_of(planned)));
    let other = plan_of(Value::object([("a".into(), secret("hunter3".into()))]));
    assert!(!file.plans_the_same(&other));
}

#[test]
fn another_plan_is_told_by_its_first_difference() {
    let object = |value: Value| Value::object([("a".into(), value)]);
    for (saved, now, how) in [
        (object(1.into()), object(1.into()), None),
        (object(1.into()), object(2.into()), Some("`a` would have another value")),
        (object(Value::unknown(Type::Any)), object(1.into()), Some("`a` would have another value")),
        (object(1.into()), object(Value::unknown(Type::Number)), Some("`a` would have another value")),
    ] {
        let found = compare(&file_of(saved).plan(module()).unwrap(), &plan_of(now));
        assert_eq!(found.map(|differs| differs.how).as_deref(), how);
    }
    let (saved, mut now) = (plan_of(object(1.into())), plan_of(object(1.into())));
    now.operations[0].action = Action::Delete;
    let differs = compare(&saved, &now).unwrap();
    assert_eq!(differs.how, "the plan says replace, and now it would be delete");
    now.operations = Operations::default();
    assert!(compare(&saved, &now).is_some() && compare(&now, &saved).is_some());
}

/// A plan of a hundred objects.
fn hundred() -> Vec<u8> {
    let mut plan = plan_of(rich());
    let first = plan.operations[0].clone();
    let hundred = (0..100).map(|number| {
        let address = format!("mlo_data.a[{number}]").parse().unwrap();
        let planned =
            Value::object([("a".into(), number.into()), ("id".into(), Value::unknown(Type::String))]);
        Operation { address, planned: Some(planned), ..first.clone() }
    });
    plan.operations = hundred.collect();
    let file = PlanFile::new(&plan, made_from(), &Inputs::new(), &|_| false, false).unwrap();
    assert_eq!(file.operations.len(), 100);
    file.encode(None).into_bytes()
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let bytes = hundred();
    assert!(PlanFile::decode(&bytes).is_ok());
    let mut changed = bytes.clone();
    for at in 0..bytes.len() {
        changed[at] ^= 1 << (at % 8);
        assert!(PlanFile::decode(&changed).is_err(), "byte {at}");
        changed[at] = bytes[at];
        assert!(PlanFile::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(PlanFile::decode(b""), Err(PlanFileError::Alien));
    assert_eq!(PlanFile::decode(b"kind: ModelDeployment"), Err(PlanFileError::Alien));
    assert_eq!(PlanFile::decode(&bytes[..bytes.len() - 1]), Err(PlanFileError::Truncated));
    let newer = b"{\"format_version\":2,\"what\":\"ever\"}";
    assert_eq!(PlanFile::decode(newer), Err(PlanFileError::Newer { found: 2 }));
}

#[test]
fn every_flipped_byte_of_a_signed_plan_is_refused() {
    let key = SecretKey::read(include_str!("author.key")).unwrap();
    let made_from = MadeFrom { signer: Some(key.public().to_string()), ..made_from() };
    let file = PlanFile::new(&plan_of(rich()), made_from, &Inputs::new(), &|_| false, false).unwrap();
    let bytes = file.encode(Some(&key)).into_bytes();
    assert_eq!(PlanFile::decode(&bytes).unwrap().author().unwrap().key, Some(key.public()));
    let mut changed = bytes.clone();
    for at in 0..bytes.len() {
        changed[at] ^= 1 << (at % 7);
        assert!(PlanFile::decode(&changed).is_err(), "byte {at}");
        changed[at] = bytes[at];
    }
    // Its signature cannot be taken off, and an unsigned plan gets none.
    assert_eq!(PlanFile::decode(file.encode(None).as_bytes()), Err(PlanFileError::Signature));
    let unsigned = file_of(rich()).encode(Some(&key));
    assert_eq!(PlanFile::decode(unsigned.as_bytes()), Err(PlanFileError::Signature));
}

#[test]
fn inputs_are_kept_or_compared() {
    let file = file_of(rich());
    assert!(!file.is_same("none", &Value::null()));
    assert_eq!(keyed("s", "a", &"x".into()), keyed("s", "a", &Value::from("x").marked(Marks::SENSITIVE)));
    assert_ne!(keyed("s", "a", &"x".into()), keyed("s", "a", &"y".into()));
    assert_ne!(keyed("s", "a", &"x".into()), keyed("t", "a", &"x".into()));
}

/// A file that fits its digest, whatever it says.
fn sealed(document: &str) -> String {
    let digest = HEXLOWER.encode(&Sha256::digest(document.as_bytes()));
    format!("{document}{DIGEST}{digest}{END}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hostile_files_are_refused_and_nothing_worse(at in any::<prop::sample::Index>(), insert in "[\\[\\]{}:,\"0-9a-z-]{0,6}", cut in 0_usize..6) {
        let whole = file_of(rich()).encode(None);
        let content = whole.split_once(DIGEST).unwrap().0;
        let from = at.index(content.len());
        let to = (from + cut).min(content.len());
        let hostile = sealed(&format!("{}{insert}{}", &content[..from], &content[to..]));
        if let Ok(file) = PlanFile::decode(hostile.as_bytes()) {
            let _ = file.given();
            if let Ok(plan) = file.plan(module()) {
                let _ = compare(&plan, &plan_of(rich()));
            }
        }
    }

    #[test]
    fn nesting_is_refused_without_a_stack_of_its_size(depth in 200_usize..20_000) {
        let deep = sealed(&format!("{HEAD}1,\"types\":{}", "[".repeat(depth)));
        prop_assert!(PlanFile::decode(deep.as_bytes()).is_err());
    }
}
