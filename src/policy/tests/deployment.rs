//! What the gate does with rules about plans: levels, overrides, places, and the rules that we ship.

use super::*;

/// A plan that takes something away, and makes something.
fn plan() -> Json {
    let change = |address: &str, kind: &str, actions: &[&str], after: Json| json!({ "address": address, "type": kind, "change": { "actions": actions, "before": null, "after": after } });
    json!({
        "plan": { "resource_changes": [
            change("aws_s3_bucket.a", "aws_s3_bucket", &["delete"], Json::Null),
            change("aws_ebs_volume.a", "aws_ebs_volume", &["create"], json!({ "encrypted": true })),
        ] },
        "environment": { "name": "dev" },
    })
}

/// Plans of everything that the rules look at, with a value of every type at each place.
pub(super) fn plans() -> Vec<(String, Json)> {
    let container = json!({
        "name": "m", "image": format!("registry.example/m@sha256:{}", "0".repeat(64)),
        "securityContext": {
            "runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        },
        "resources": { "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": 1, "memory": "1Gi" } },
        "livenessProbe": { "httpGet": {} }, "readinessProbe": { "periodSeconds": 5 },
    });
    let closed = json!({
        "block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true,
        "restrict_public_buckets": true,
    });
    let cluster = json!({
        "vpc_config": [{ "endpoint_public_access": true, "public_access_cidrs": ["192.0.2.0/24"] }],
        "encryption_config": [{ "resources": ["secrets"] }],
    });
    let spec = json!({ "replicas": "3", "template": [{ "spec": [{ "container": [{ "image": "m:1" }] }] }] });
    let pods = json!({ "kind": "Deployment", "spec": {
        "replicas": 2, "template": { "spec": { "containers": [container] } },
    } });
    let nodes = json!({ "instance_types": ["g4dn.xlarge"], "taint": [{ "key": "nvidia.com/gpu" }] });
    let mut plans = vec![("plan".to_owned(), plan())];
    let port = |name: &str, shape: &[&str]| json!({ "name": name, "dtype": "float", "shape": shape });
    let service = json!({
        "address": "local_inference_service.a", "type": "local_inference_service", "change": {
            "actions": ["update"],
            "before": { "signature": "x: float[?,4] -> y: int64[?], z: float[?,3]" },
            "after": { "signature": "x: float[?,5] -> y: int64, w: float" },
        },
    });
    let served = json!({
        "plan": { "resource_changes": [service] },
        "models": { "m": { "size_bytes": 5_000_000_000_u64, "inputs": [], "outputs": [port("z", &["", "3"])] } },
        "manifests": { "m": { "spec": { "inference": {
            "labels": ["a"], "device": "cuda",
            "resources": { "limits": { "memory": "1Gi", "nvidia.com/gpu": 1 } },
        } } } },
    });
    mutated("a served model", &served, &mut plans);
    for (kind, after) in [
        ("aws_s3_bucket_public_access_block", closed),
        ("aws_s3_bucket_acl", json!({ "acl": "public-read", "tags": { "owner": "ml" } })),
        ("aws_rds_cluster", json!({ "storage_encrypted": true })),
        ("aws_eks_cluster", cluster),
        ("aws_eks_node_group", nodes),
        ("aws_eks_node_group", json!({ "launch_template": [{ "name": "t" }] })),
        (
            "aws_launch_template",
            json!({
                "instance_type": "g4dn.xlarge", "block_device_mappings": [{ "ebs": [{ "encrypted": "false" }] }],
            }),
        ),
        ("aws_instance", json!({ "root_block_device": [{ "encrypted": true }] })),
        ("local_inference_service", json!({ "signature": "x: float[?,4] -> y: int64" })),
        ("kubernetes_deployment_v1", json!({ "spec": [spec] })),
        ("kubernetes_manifest", json!({ "manifest": pods })),
        (
            "kubernetes_manifest",
            json!({ "manifest": { "kind": "Rollout", "spec": { "pod": {
            "hostNetwork": true, "volumes": [{ "hostPath": { "path": "/" } }],
            "ephemeralContainers": [{ "image": "m:1", "securityContext": { "capabilities": { "add": ["X"] } } }],
        } } } }),
        ),
    ] {
        let change = json!({ "actions": ["create"], "before": null, "after": after, "after_unknown": {} });
        let entry = json!({ "address": format!("{kind}.a"), "type": kind, "change": change });
        let document = json!({ "plan": { "resource_changes": [entry] } });
        mutated(kind, &document, &mut plans);
    }
    plans
}

/// A document, and the same with a value of every type at each place.
fn mutated(kind: &str, document: &Json, plans: &mut Vec<(String, Json)>) {
    for pointer in pointers(document, "") {
        for value in [json!(null), json!(true), json!(0), json!(""), json!([]), json!({}), json!([[1]])] {
            let mut changed = document.clone();
            let what = format!("{kind} with {value} at {pointer}");
            *changed.pointer_mut(&pointer).unwrap() = value;
            plans.push((what, changed));
        }
    }
    plans.push((kind.to_owned(), document.clone()));
}

/// Every place of a document.
fn pointers(document: &Json, at: &str) -> Vec<String> {
    let below: Vec<_> = match document {
        Json::Object(entries) => {
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            entries
                .iter()
                .flat_map(|(key, value)| pointers(value, &format!("{at}/{}", escaped(key))))
                .collect()
        }
        Json::Array(items) => {
            let items = items.iter().enumerate();
            items.flat_map(|(index, value)| pointers(value, &format!("{at}/{index}"))).collect()
        }
        _ => Vec::new(),
    };
    [vec![at.to_owned()], below].concat()
}

/// The verdict of a bundle with overrides.
fn verdict(bundle: &Bundle, overrides: &[(&str, &str)], input: &Json) -> Result<Decision, Box<Denial>> {
    let overrides = overrides.iter().map(|(rule, reason)| ((*rule).to_owned(), (*reason).to_owned()));
    let mut gate =
        Gate::set(bundle, Setting { overrides: overrides.collect(), ..Setting::of("dev") }).unwrap();
    gate.decide(
        &[],
        Some(&Deployment { input: Input::New(input.to_string()), addresses: &Vec::new, place: &|_, _| None }),
    )
}

/// Our rules with other data.
fn ours(mlo: &Json) -> Bundle {
    let rules = std::fs::read_to_string(repository("policies/model-governance.rego")).unwrap();
    let data = json!({ "mlo": mlo }).to_string();
    Bundle::from_files([("m.rego".to_owned(), rules), ("data.json".to_owned(), data)].into()).unwrap()
}

#[test]
fn what_keeps_data_is_taken_away_only_with_a_reason_which_is_told() {
    let bundle = Bundle::builtin().unwrap();
    let denial = verdict(&bundle, &[], &plan()).unwrap_err();
    let violation = &denial.violations[0];
    assert_eq!(
        (denial.violations.len(), violation.rule.as_str(), violation.level),
        (1, "deletion", Level::Overridable)
    );
    assert_eq!(violation.address, "aws_s3_bucket.a");
    assert_eq!(denial.headline(), "Plan failed deployment policy");
    let decision = verdict(&bundle, &[("deletion", "it is empty"), ("other", "x")], &plan()).unwrap();
    let told: Vec<_> =
        decision.warnings.iter().map(|warning| (warning.overridden.as_deref(), &*warning.message)).collect();
    assert_eq!(
        told,
        [
            (Some("it is empty"), "aws_s3_bucket.a keeps data, and would be taken away"),
            (None, "`--override other` was not needed: nothing is denied by such a rule"),
        ]
    );
    assert_eq!(decision.warnings[0].diagnostic().code.id, "MLO5005");
}

#[test]
fn a_mandatory_rule_is_not_passed_by() {
    let mut input = plan();
    input["plan"]["resource_changes"][1]["change"]["after"]["encrypted"] = json!(false);
    let overrides = [("deletion", "it is empty"), ("encryption", "no time")];
    let denial = verdict(&Bundle::builtin().unwrap(), &overrides, &input).unwrap_err();
    assert_eq!(denial.violations.len(), 1);
    assert_eq!(denial.violations[0].level, Level::Mandatory);
    assert!(denial.actions().iter().any(|action| action.contains("Leave `--override encryption` out")));
}

#[test]
fn the_bundles_data_says_levels_and_an_environment_may_only_be_stricter() {
    let decision = verdict(&ours(&json!({ "levels": { "deletion": "advisory" } })), &[], &plan()).unwrap();
    assert_eq!(decision.warnings[0].rule.as_deref(), Some("deletion"));
    let stricter =
        json!({ "levels": { "deletion": "advisory", "dev": { "deletion": "mandatory" }, "prod": {} } });
    let denial = verdict(&ours(&stricter), &[("deletion", "it is empty")], &plan()).unwrap_err();
    assert_eq!(denial.violations[0].level, Level::Mandatory);
    for levels in [
        json!({ "deletion": "advisery" }),
        json!({ "dev": { "deletion": "advisery" } }),
        json!({ "prod": { "deletion": 1 } }),
        json!({ "dev": { "deletion": "advisory" } }),
        json!({ "deletoin": "mandatory" }),
        json!({ "dev": { "deletoin": "mandatory" } }),
        json!({ "deletion": "mandatory", "dev": { "deletion": "overridable" } }),
        json!([]),
    ] {
        let error = Gate::new(&ours(&json!({ "levels": levels })), "dev").unwrap_err();
        assert!(error.diagnostic().detail.contains("mlo.levels"), "{levels}");
    }
}

#[test]
fn an_environments_block_makes_rules_stricter_and_nothing_else() {
    let mut sources = SourceMap::new();
    let span = crate::diag::Span { source: sources.add("main.hcl", "x"), start: 0, end: 1 };
    let with = |rule: &str, level: Level| {
        let levels = [(rule.to_owned(), (level, span))].into();
        let overrides = [("deletion".to_owned(), "it is empty".to_owned())].into();
        let setting = Setting { levels, overrides, ..Setting::of("dev") };
        let mut gate = Gate::set(&Bundle::builtin().unwrap(), setting).unwrap();
        gate.decide(
            &[],
            Some(&Deployment {
                input: Input::New(plan().to_string()),
                addresses: &Vec::new,
                place: &|_, _| None,
            }),
        )
    };
    with("deletion", Level::Overridable).unwrap();
    for (rule, level, expected) in [
        ("deletion", Level::Mandatory, "aws_s3_bucket.a keeps data"),
        (
            "deletion",
            Level::Advisory,
            "Environment `dev` would make the rule `deletion` advisory, and it is overridable",
        ),
        (
            "accuracy",
            Level::Advisory,
            "Environment `dev` would make the rule `accuracy` advisory, and it is mandatory",
        ),
        (
            "deletoin",
            Level::Mandatory,
            "Environment `dev` sets the level of `deletoin`, and there is no such rule",
        ),
    ] {
        let denial = with(rule, level).unwrap_err();
        assert_eq!(denial.violations.len(), 1, "{expected}");
        assert!(denial.violations[0].message.starts_with(expected), "{:?}", denial.violations);
    }
}

#[test]
fn a_bundle_without_rules_for_plans_has_ours_and_one_with_them_does_not() {
    let models = "package model.governance\n\ndeny contains \"x\" if input.x\n";
    assert!(verdict(&bundle(models), &[], &plan()).is_err());
    let files =
        [("m.rego", models), ("d.rego", "package deployment.policy\n\ndeny contains \"no\" if input.no\n")];
    let own =
        Bundle::from_files(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()).unwrap();
    assert!(verdict(&own, &[], &plan()).is_ok());
    let denial = verdict(&own, &[], &json!({ "no": true })).unwrap_err();
    assert_eq!((denial.violations[0].rule.as_str(), denial.violations[0].message.as_str()), ("deny", "no"));
}

#[test]
fn a_rule_about_plans_that_fails_denies_and_the_models_are_judged_all_the_same() {
    let models = "package model.governance\n\ndeny contains \"x\" if input.x\n";
    let plans = "package deployment.policy\n\ndeny contains \"no\" if to_number(input.plan) == 1\n";
    let files =
        [("m.rego", models), ("d.rego", plans)].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let mut gate = Gate::new(&Bundle::from_files(files.into()).unwrap(), "dev").unwrap();
    let subject = Subject { name: "model", manifest: json!({ "x": true }), place: &|_| None };
    let deployment = Deployment {
        input: Input::New(json!({ "plan": "x" }).to_string()),
        addresses: &Vec::new,
        place: &|_, _| None,
    };
    let denial = gate.decide(&[subject], Some(&deployment)).unwrap_err();
    assert_eq!((denial.violations.len(), denial.failures.len()), (1, 1));
    assert!(denial.failures[0].to_string().contains("`deployment.policy.deny` failed on `the plan`"));
}

#[test]
fn what_was_asked_early_is_answered_and_something_else_is_asked_again() {
    let rules = "package model.governance\n\ndeny contains input.name if input.bad\n";
    let subject = |name: &'static str, bad: bool| Subject {
        name,
        manifest: if bad { json!({ "name": name, "bad": true }) } else { json!({ "name": name }) },
        place: &|_| None,
    };
    let mut gate = Gate::new(&bundle(rules), "dev").unwrap();
    gate.ask_early(&[subject("a", true), subject("b", false)]);
    let denial = gate.decide(&[subject("a", true), subject("b", false)], None).unwrap_err();
    assert_eq!(denial.violations[0].message, "a");
    gate.ask_early(&[subject("a", false)]);
    let denial = gate.decide(&[subject("b", false), subject("c", true)], None).unwrap_err();
    assert_eq!((denial.violations[0].message.as_str(), denial.violations.len()), ("c", 1));
    gate.decide(&[subject("a", false)], None).unwrap();
}

/// A plan of many objects, of which a rule looks at what each says.
fn many(count: usize) -> Json {
    let change = |number: usize| {
        json!({
            "address": format!("t.a[{number}]"), "type": "t",
            "change": { "actions": ["create"], "before": null, "after": { "text": "x".repeat(200) } },
        })
    };
    json!({ "plan": { "resource_changes": (0..count).map(change).collect::<Vec<_>>() } })
}

#[test]
fn asking_again_costs_one_change_and_sees_all_that_was_said_since() {
    const COUNT: usize = 1_000;
    let models = "package model.governance\n\ndeny contains \"x\" if input.x\n";
    let plans = "package deployment.policy\n\ndeny contains msg if {\n\tbad := [c.address | some c in \
                 input.plan.resource_changes; c.change.after.text == \"bad\"]\n\tcount(bad) > 1\n\tmsg := concat(\" \", \
                 bad)\n}\n";
    let files =
        [("m.rego", models), ("d.rego", plans)].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let mut gate = Gate::new(&Bundle::from_files(files.into()).unwrap(), "dev").unwrap();
    let whole = many(COUNT);
    gate.decide(
        &[],
        Some(&Deployment { input: Input::New(whole.to_string()), addresses: &Vec::new, place: &|_, _| None }),
    )
    .unwrap();
    let (first, number) = (gate.bytes_sent(), gate.judged());
    assert!(first > 200 * COUNT, "{first}");
    let mut ask = |number: u64, at: usize, text: &str| {
        let mut change = whole["plan"]["resource_changes"][at.min(COUNT - 1)].clone();
        change["change"]["after"]["text"] = text.into();
        let again = Again {
            number,
            at,
            change: &change,
            names: &Vec::new,
            whole: &|| whole.clone(),
            place: &|_, _| None,
        };
        let before = gate.bytes_sent();
        let said = gate.decide_again(&again, &crate::plan::Waiting::default());
        (said, gate.bytes_sent() - before)
    };
    for at in 0..100 {
        let (said, sent) = ask(number, at, "good");
        said.unwrap();
        assert!(sent < 300, "{sent} bytes for one change of {first} bytes");
    }
    ask(number, 7, "bad").0.unwrap();
    let denial = ask(number, 9, "bad").0.unwrap_err();
    assert_eq!(denial.violations[0].message, "t.a[7] t.a[9]");
    // What the process does not hold is handed over whole, and what there is none of denies.
    let (said, sent) = ask(number + 1, 3, "good");
    said.unwrap();
    assert!(sent > 200 * COUNT, "{sent}");
    assert_eq!(ask(number + 1, COUNT, "good").0.unwrap_err().failures.len(), 1);
    assert!(ask(number + 1, 0, "good").1 > 200 * COUNT, "after a failure it is handed over whole");
}

#[test]
fn what_names_no_rule_is_of_its_definition_or_of_what_the_comment_says() {
    let plans = "package deployment.policy\n\nimport data.lists as lists\n\n# METADATA\n# title: First\n# custom:\n#   rule: \
                 first\n#   docs: https://example.com/first\n#   actions: [mend it]\ndeny contains {\"msg\": \"one\", \"path\": \
                 \"a.b\", \"address\": \"x.a\"} if input.one in lists.all\n\n# METADATA\n# custom: { rule: second, level: \
                 advisory }\ndeny contains \"two\" if input.two\n\ndeny contains {\"msg\": \"three\"} if input.three\n\nviolation \
                 contains {\"msg\": \"four\", \"path\": \"c\"} if input.four\n\ndeny contains v.msg if some v in violation\n\n# \
                 METADATA\n# custom: { rule: watched }\nwarn contains {\"msg\": \"five\"} if input.five\n\nwarn contains \"six\" if \
                 input.five\n";
    let models = "package model.governance\n\ndeny contains \"x\" if input.x\n";
    let files = [("m.rego", models), ("d.rego", plans), ("lists/data.yaml", "all: [1]\n")];
    let bundle =
        Bundle::from_files(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()).unwrap();
    let input = json!({ "one": 1, "two": 1, "three": 1, "four": 1, "five": 1 });
    let denial = verdict(&bundle, &[], &input).unwrap_err();
    assert_eq!(denial.failures, []);
    let said: BTreeMap<_, _> =
        denial.violations.iter().map(|it| (it.message.as_str(), it.rule.as_str())).collect();
    assert_eq!(said, [("one", "first"), ("three", "deny"), ("four", "violation")].into());
    let one = denial.violations.iter().find(|it| it.message == "one").unwrap();
    assert_eq!((one.docs.as_str(), &one.actions[..]), ("https://example.com/first", &["mend it".into()][..]));
    assert_eq!((one.address.as_str(), one.path.as_str()), ("x.a", "a.b"));
    let decision = denial.decision.unwrap();
    let told: BTreeMap<_, _> =
        decision.warnings.iter().map(|it| (it.message.as_str(), it.rule.as_deref())).collect();
    assert_eq!(told, [("two", Some("second")), ("five", Some("watched")), ("six", None)].into());
    let outcomes: BTreeMap<_, _> =
        decision.deployment.iter().map(|it| (it.rule.as_str(), it.outcome())).collect();
    assert_eq!(outcomes, [("first", "failed"), ("second", "failed")].into());
    assert_eq!(decision.about["first"].title, "First");
    // A level of a rule that only a comment names can be set.
    let mut files = files.to_vec();
    files.push(("data.yaml", "mlo: { levels: { first: overridable } }\n"));
    let files = files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    let bundle = Bundle::from_files(files.collect()).unwrap();
    let denial = verdict(&bundle, &[("first", "for a test")], &json!({ "one": 1, "three": 1 })).unwrap_err();
    assert_eq!(denial.violations.len(), 1);
}
