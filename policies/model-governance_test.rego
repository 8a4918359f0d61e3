package model.governance_test

import data.model.governance

# ---- Support

good := {
	"apiVersion": "mlifecycle.io/v1",
	"kind": "ModelDeployment",
	"metadata": {"name": "fraud-detector", "namespace": "ml-inference"},
	"spec": {
		"model": {
			"name": "fraud-detector",
			"version": "2.1.0",
			"uri": "s3://models/fraud-detector",
			"framework": "pytorch",
			"experiment_id": "exp-42",
		},
		"metrics": {"accuracy": 0.92, "f1_score": 0.89, "precision": 0.9, "recall": 0.88},
		"fairness": {"demographic_parity": 0.05, "equalized_odds": 0.06},
		"drift": {"score": 0.05, "reference_date": "2026-10-01"},
		"dependencies": ["torch>=2.0.0", "numpy"],
		"data_sources": [{"source": "s3://approved-data/transactions", "approved": true}],
		"inference": {
			"resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
			"autoscaling": {"minReplicas": 1, "maxReplicas": 3},
		},
		"monitoring": {"enabled": true},
	},
}

dev := {"environment": "dev"}

prod := {"environment": "prod", "allow": {"data_sources": ["s3://approved-data/"]}}

# The good manifest with other parts; maps are merged, everything else is replaced.
with_spec(change) := object.union(good, {"spec": change})

without(path) := json.remove(good, [path])

# Lists and empty maps cannot be merged away: the old one goes first.
replaced(key, value) := object.union(json.remove(good, [concat("/", ["spec", key])]), {"spec": {key: value}})

verdict(manifest, mlo) := found if {
	found := {
		"rules": {v.rule | some v in governance.violation},
		"deny": governance.deny,
		"warn": governance.warn,
		"allow": governance.allow,
	} with input as manifest
		with data.mlo as mlo
}

# Denied by this one rule, with this one message.
denied(manifest, rule, msg) if denied_in(manifest, dev, rule, msg)

denied_in(manifest, mlo, rule, msg) if {
	found := verdict(manifest, mlo)
	found.rules == {rule}
	found.deny == {msg}
	found.allow == false
}

passes(manifest) if passes_in(manifest, dev)

passes_in(manifest, mlo) if {
	found := verdict(manifest, mlo)
	found.rules == set()
	found.deny == set()
	found.allow == true
}

warns(manifest, msg) if {
	found := verdict(manifest, dev)
	found.allow == true
	found.warn == {msg}
}

metric(key, value) := with_spec({"metrics": {key: value}})

fair(key, value) := with_spec({"fairness": {key: value}})

in_model(key, value) := with_spec({"model": {key: value}})

# ---- The whole

test_good_passes if {
	passes(good)
	verdict(good, dev).warn == set()
}

test_every_violation_says_what_to_do if {
	found := governance.violation with input as {} with data.mlo as dev
	count(found) > 10
	every v in found {
		count(v.actions) > 0
		count(v.msg) > 10
		v.path != ""
	}
}

test_nothing_at_all_is_denied if {
	every manifest in [{}, [], null, "text", 1, true, {"spec": null}, {"spec": []}, {"spec": {"model": "x"}}] {
		found := verdict(manifest, dev)
		found.allow == false
		count(found.deny) > 10
	}
}

test_no_input_is_denied if {
	not governance.allow with data.mlo as dev
	count(governance.deny) > 10 with data.mlo as dev
}

test_every_rule_is_listed_once if {
	ids := [check.rule | some check in governance.evaluated with input as good with data.mlo as dev]
	count(ids) == 21
	count({id | some id in ids}) == 21
}

test_checklist_has_nine_lines if {
	lines := [check.rule | some check in governance.evaluated with input as good with data.mlo as dev; check.checklist]
	lines == [
		"accuracy", "f1_score", "fairness", "demographic_parity", "drift_score",
		"framework", "dependencies", "experiment_tracking", "data_sources",
	]
}

test_evaluated_shows_the_one_that_fails if {
	failing := {check.rule | some check in governance.evaluated with input as metric("accuracy", 0.5) with data.mlo as dev; not check.passed}
	failing == {"accuracy"}
}

# A rule that neither holds nor says why not would be a mistake in the rules; it denies.
test_rule_without_an_answer_denies if {
	not governance.allow with input as good with data.mlo as dev with data.model.governance.passed as {"accuracy"}
	"Rule 'kind' could not be evaluated" in governance.deny with input as good with data.mlo as dev with data.model.governance.passed as {"accuracy"}
}

# ---- Accuracy and F1 score

test_accuracy_below if denied(metric("accuracy", 0.72), "accuracy", "Model accuracy 0.72 is below minimum threshold 0.85")

test_accuracy_just_below if denied(metric("accuracy", 0.849), "accuracy", "Model accuracy 0.849 is below minimum threshold 0.85")

test_accuracy_at_bound if passes(metric("accuracy", 0.85))

test_accuracy_one if passes(metric("accuracy", 1))

test_accuracy_zero if denied(metric("accuracy", 0), "accuracy", "Model accuracy 0.00 is below minimum threshold 0.85")

test_accuracy_missing if denied(without("spec/metrics/accuracy"), "accuracy", "Model accuracy is missing")

test_accuracy_null if denied(metric("accuracy", null), "accuracy", "Model accuracy is missing")

test_accuracy_string if denied(metric("accuracy", "0.95"), "accuracy", "Model accuracy must be a number, not a string")

test_accuracy_boolean if denied(metric("accuracy", true), "accuracy", "Model accuracy must be a number, not true or false")

test_accuracy_list if denied(metric("accuracy", [0.9]), "accuracy", "Model accuracy must be a number, not a list")

test_accuracy_not_a_number if denied(metric("accuracy", "NaN"), "accuracy", "Model accuracy must be a number, not a string")

test_accuracy_above_one if denied(metric("accuracy", 1.7), "accuracy", "Model accuracy 1.70 is out of range (0 to 1)")

test_accuracy_negative if denied(metric("accuracy", -0.9), "accuracy", "Model accuracy -0.90 is out of range (0 to 1)")

test_accuracy_huge if denied(metric("accuracy", 1e300), "accuracy", "Model accuracy a number too large to print is out of range (0 to 1)")

test_f1_below if denied(metric("f1_score", 0.68), "f1_score", "Model F1 score 0.68 is below minimum threshold 0.80")

test_f1_at_bound if passes(metric("f1_score", 0.8))

test_f1_missing if denied(without("spec/metrics/f1_score"), "f1_score", "Model F1 score is missing")

test_f1_string if denied(metric("f1_score", "0.9"), "f1_score", "Model F1 score must be a number, not a string")

test_f1_above_one if denied(metric("f1_score", 80), "f1_score", "Model F1 score 80.00 is out of range (0 to 1)")

test_metrics_missing if verdict(without("spec/metrics"), dev).rules == {"accuracy", "f1_score"}

test_metrics_not_a_map if verdict(replaced("metrics", "good"), dev).rules == {"accuracy", "f1_score"}

test_other_metric_out_of_range if denied(metric("recall", 1.2), "metrics", "Model recall 1.20 is out of range (0 to 1)")

test_other_metric_string if denied(metric("lift", "high"), "metrics", "Model lift must be a number, not a string")

test_other_metric_null if denied(metric("precision", null), "metrics", "Model precision is missing")

test_other_metric_of_any_size if passes(metric("rmse", 1234.5))

test_training_metric_out_of_range if denied(metric("training_accuracy", 97), "metrics", "Model training_accuracy 97.00 is out of range (0 to 1)")

# ---- Fairness

no_fairness := "Model must include fairness/bias evaluation metrics"

test_fairness_missing if denied(without("spec/fairness"), "fairness", no_fairness)

test_fairness_empty if denied(replaced("fairness", {}), "fairness", no_fairness)

test_fairness_null if denied(replaced("fairness", null), "fairness", no_fairness)

test_fairness_text if denied(replaced("fairness", "none found"), "fairness", no_fairness)

test_fairness_list if denied(replaced("fairness", [0.01]), "fairness", no_fairness)

test_parity_above if denied(fair("demographic_parity", 0.18), "demographic_parity", "Demographic parity 0.180 exceeds maximum bias threshold 0.100")

test_parity_at_bound if denied(fair("demographic_parity", 0.1), "demographic_parity", "Demographic parity 0.100 exceeds maximum bias threshold 0.100 (it must be below)")

test_parity_just_below if passes(fair("demographic_parity", 0.0999))

test_parity_negative if denied(fair("demographic_parity", -0.5), "demographic_parity", "Demographic parity -0.500 exceeds maximum bias threshold 0.100")

test_parity_negative_at_bound if denied(fair("demographic_parity", -0.1), "demographic_parity", "Demographic parity -0.100 exceeds maximum bias threshold 0.100 (it must be below)")

test_parity_negative_below if passes(fair("demographic_parity", -0.05))

test_parity_missing if denied(without("spec/fairness/demographic_parity"), "demographic_parity", "Demographic parity is missing")

test_parity_string if denied(fair("demographic_parity", "0.05"), "demographic_parity", "Demographic parity must be a number, not a string")

test_odds_above if denied(fair("equalized_odds", 0.15), "equalized_odds", "Equalized odds 0.150 exceeds maximum bias threshold 0.100")

test_odds_at_bound if denied(fair("equalized_odds", 0.1), "equalized_odds", "Equalized odds 0.100 exceeds maximum bias threshold 0.100 (it must be below)")

test_odds_negative if denied(fair("equalized_odds", -0.2), "equalized_odds", "Equalized odds -0.200 exceeds maximum bias threshold 0.100")

test_odds_not_given if passes(without("spec/fairness/equalized_odds"))

test_odds_null if denied(fair("equalized_odds", null), "equalized_odds", "Equalized odds is missing")

test_odds_string if denied(fair("equalized_odds", "low"), "equalized_odds", "Equalized odds must be a number, not a string")

# ---- Drift

test_drift_above if denied(with_spec({"drift": {"score": 0.45}}), "drift_score", "Model drift score 0.45 exceeds critical threshold 0.30 - deployment blocked")

test_drift_at_bound if denied(with_spec({"drift": {"score": 0.3}}), "drift_score", "Model drift score 0.30 exceeds critical threshold 0.30 - deployment blocked (it must be below)")

test_drift_just_below_warns if warns(with_spec({"drift": {"score": 0.299}}), "Model drift score 0.299 exceeds warning threshold 0.10")

test_drift_warns if warns(with_spec({"drift": {"score": 0.15}}), "Model drift score 0.15 exceeds warning threshold 0.10")

test_drift_block_missing if denied(without("spec/drift"), "drift_score", "Model drift score is missing")

test_drift_score_missing if denied(without("spec/drift/score"), "drift_score", "Model drift score is missing")

test_drift_string if denied(with_spec({"drift": {"score": "0.1"}}), "drift_score", "Model drift score must be a number, not a string")

test_drift_negative if denied(with_spec({"drift": {"score": -0.1}}), "drift_score", "Model drift score -0.10 is out of range (0 or more)")

test_drift_not_a_map if denied(replaced("drift", 0.1), "drift_score", "Model drift score is missing")

# ---- Framework

test_frameworks_approved if {
	every name in ["onnx", "pytorch", "sklearn", "tensorflow", "xgboost", "lightgbm"] {
		passes(in_model("framework", name))
	}
}

test_framework_other if denied(in_model("framework", "caffe"), "framework", "Framework 'caffe' is not in approved frameworks list")

test_framework_similar if denied(in_model("framework", "onnx2"), "framework", "Framework 'onnx2' is not in approved frameworks list")

test_framework_missing if denied(without("spec/model/framework"), "framework", "Model framework is missing")

test_framework_number if denied(in_model("framework", 1), "framework", "Model framework must be a string, not a number")

# ---- Dependencies

test_dependency_names_as_pep_508_writes_them if {
	every text in [
		"torch", "Torch>=2", "torch[cuda]>=2", "torch >=2", "torch>=2.0,<3", "torch (>=2)", "scikit_learn", "Scikit.Learn~=1.5",
		"scikit--learn==1.5.*", "numpy!=1.26.0 ; python_version < '3.12'", " numpy ", "torch [ cuda , extra ] >= 2", "torch===2.1+cpu",
	] {
		passes(replaced("dependencies", [text]))
	}
}

test_dependency_other if denied(replaced("dependencies", ["torch", "leftpad>=1.0"]), "dependencies", "Dependency 'leftpad' is not in approved packages list")

test_dependency_that_begins_like_one if denied(replaced("dependencies", ["torch-evil>=1"]), "dependencies", "Dependency 'torch-evil' is not in approved packages list")

test_dependencies_each_said if {
	found := verdict(replaced("dependencies", ["a", "torch", "b"]), dev)
	count(found.deny) == 2
}

test_dependency_place if {
	found := governance.violation with input as replaced("dependencies", ["torch", "evil"]) with data.mlo as dev
	{v.path | some v in found} == {"spec.dependencies[1]"}
}

test_dependency_from_url if denied(
	replaced("dependencies", ["torch @ https://evil.example/torch.whl"]), "dependencies",
	"Dependency 'torch @ https://evil.example/torch.whl' is fetched from a URL, which the approved packages list does not cover",
)

test_dependency_not_read if {
	every text in ["", " ", "--index-url x", "torch>=", "torch 2", "-torch", "torch>=2 evil", "torch\nevil", "torch;x\nevil"] {
		denied(replaced("dependencies", [text]), "dependencies", sprintf("Dependency '%s' is not a requirement that can be read", [text]))
	}
}

test_dependency_number if denied(replaced("dependencies", [2]), "dependencies", "Dependency must be a string, not a number")

test_dependency_null if denied(replaced("dependencies", [null]), "dependencies", "Dependency must be a string, not null")

test_dependencies_missing if denied(without("spec/dependencies"), "dependencies", "Model must declare its dependencies")

test_dependencies_string if denied(replaced("dependencies", "torch"), "dependencies", "Dependencies must be a list, not a string")

test_dependencies_map if denied(replaced("dependencies", {"torch": "2"}), "dependencies", "Dependencies must be a list, not a map")

test_dependencies_none if passes(replaced("dependencies", []))

# ---- Experiment tracking

test_experiment_missing if denied(without("spec/model/experiment_id"), "experiment_tracking", "Model must be linked to an MLflow experiment (experiment_id required)")

test_experiment_empty if denied(in_model("experiment_id", ""), "experiment_tracking", "Model experiment_id cannot be empty")

test_experiment_blank if denied(in_model("experiment_id", "  "), "experiment_tracking", "Model experiment_id cannot be empty")

test_experiment_number if denied(in_model("experiment_id", 42), "experiment_tracking", "Model experiment_id must be a string, not a number")

# ---- Data sources

source(name) := replaced("data_sources", [{"source": name}])

test_sources_missing if denied(without("spec/data_sources"), "data_sources", "Model must declare data sources for lineage tracking")

test_sources_empty if denied(replaced("data_sources", []), "data_sources", "Model must declare data sources for lineage tracking")

test_sources_text if denied(replaced("data_sources", "s3://x"), "data_sources", "Data sources must be a list, not a string")

test_source_listed if {
	passes_in(source("s3://approved-data/transactions"), prod)
	passes_in(source("s3://approved-data/a/b"), prod)
}

test_source_approved_in_dev if passes(replaced("data_sources", [{"source": "anything", "approved": true}]))

test_source_not_approved_in_dev if denied(source("anything"), "data_sources", "Data source 'anything' is not approved")

test_source_approved_by_its_author_elsewhere if {
	manifest := replaced("data_sources", [{"source": "anything", "approved": true}])
	every name in ["staging", "prod", "production", "DEV", ""] {
		"Data source 'anything' is not approved" in verdict(manifest, {"environment": name}).deny
	}
	denied_in(manifest, {}, "data_sources", "Data source 'anything' is not approved")
}

test_source_that_begins_like_one if {
	exact := {"environment": "prod", "allow": {"data_sources": ["transactions-prod"]}}
	passes_in(source("transactions-prod"), exact)
	denied_in(source("transactions-prod-evil"), exact, "data_sources", "Data source 'transactions-prod-evil' is not approved")
	denied_in(source("s3://approved-data-evil/x"), prod, "data_sources", "Data source 's3://approved-data-evil/x' is not approved")
}

test_source_that_leaves_the_folder if {
	every name in ["s3://approved-data/../evil", "s3://approved-data/%2e%2E/evil", "s3://approved-data/.%2e/evil"] {
		verdict(source(name), prod).rules == {"data_sources"}
	}
}

test_source_listed_but_disapproved if denied_in(
	replaced("data_sources", [{"source": "s3://approved-data/x", "approved": false}]), prod,
	"data_sources", "Data source 's3://approved-data/x' is not approved",
)

test_source_approved_as_text if denied(
	replaced("data_sources", [{"source": "x", "approved": "true"}]),
	"data_sources", "Data source 'x': approved must be true or false, not a string",
)

test_source_approved_as_null if denied(
	replaced("data_sources", [{"source": "x", "approved": null}]),
	"data_sources", "Data source 'x': approved must be true or false, not null",
)

test_source_without_a_name if denied(replaced("data_sources", [{"approved": true}]), "data_sources", "Data source has no name")

test_source_text if denied(replaced("data_sources", ["s3://x"]), "data_sources", "Data source must be a map, not a string")

test_one_bad_source_of_two if denied(
	replaced("data_sources", [{"source": "a", "approved": true}, {"source": "b"}]),
	"data_sources", "Data source 'b' is not approved",
)

# ---- Resources, monitoring, version, address, kind, namespace

limit(value) := replaced("inference", {"autoscaling": {}, "resources": {"limits": {"memory": value}}})

test_memory_limits if {
	every value in ["512Mi", "1Gi", "1.5G", "1e9", "+4Gi", 1073741824] {
		passes(limit(value))
	}
}

test_memory_limit_malformed if {
	every value in ["0", "0Mi", "lots", "", "-1Gi", "1 Gi", "Gi", 0, -1, true, []] {
		denied(limit(value), "resources", "Memory limit must be a quantity greater than 0, such as 512Mi")
	}
}

test_memory_limit_missing if denied(
	replaced("inference", {"autoscaling": {}, "resources": {"limits": {"cpu": "1"}}}),
	"resources", "Model must have a memory limit",
)

test_resources_missing if denied(replaced("inference", {"autoscaling": {}}), "resources", "Model must declare inference resources")

test_monitoring_missing if denied(without("spec/monitoring"), "monitoring", "Model must include monitoring configuration")

test_monitoring_off if denied(with_spec({"monitoring": {"enabled": false}}), "monitoring", "Continuous monitoring must be enabled for production models")

test_monitoring_unsaid if denied(replaced("monitoring", {}), "monitoring", "Continuous monitoring must be enabled for production models")

test_monitoring_text if denied(with_spec({"monitoring": {"enabled": "true"}}), "monitoring", "Monitoring enabled must be true or false, not a string")

test_monitoring_not_a_map if denied(replaced("monitoring", true), "monitoring", "Monitoring must be a map, not true or false")

test_versions if {
	every version in ["0.0.1", "10.20.30", "1.0.0-rc.1", "1.0.0+build.5"] {
		passes(in_model("version", version))
	}
}

test_version_malformed if {
	every version in ["v2.1", "v2.1.0", "2.1", "2", "", "2.1.0.0", "02.1.0", "2.1.x", "latest", "2.1.0-", "2.1.0\n"] {
		denied(in_model("version", version), "version", sprintf("Model version '%s' is not valid semantic versioning (expected: X.Y.Z)", [version]))
	}
}

test_version_missing if denied(without("spec/model/version"), "version", "Model must have a version")

test_version_number if denied(in_model("version", 2.1), "version", `Model version must be a string such as "2.1.0", not a number`)

test_uris if {
	every uri in ["s3://b/p", "file:model.onnx", "model/x.onnx", "/srv/x.onnx", "models:/fraud/3", "oci://r/m@sha256:00", "https://h/x", "HTTPS://h/x"] {
		passes(in_model("uri", uri))
	}
}

test_uri_http if {
	every uri in ["http://h/x", "HTTP://h/x", "HtTp:x"] {
		denied(in_model("uri", uri), "uri", "Model URI uses http://, which anyone on the way can change")
	}
}

test_uri_other_scheme if denied(in_model("uri", "ftp://h/x"), "uri", "Model URI scheme 'ftp' is not supported")

test_uri_padded if denied(in_model("uri", " http://h/x"), "uri", "Model URI cannot begin or end with a space")

test_uri_empty if denied(in_model("uri", ""), "uri", "Model URI cannot be empty")

test_uri_missing if denied(without("spec/model/uri"), "uri", "Model must have a URI")

test_uri_list if denied(in_model("uri", ["s3://x"]), "uri", "Model URI must be a string, not a list")

test_kind_other if denied(object.union(good, {"kind": "Foo"}), "kind", "Kind 'Foo' is not supported (expected: ModelDeployment)")

test_kind_missing if denied(without("kind"), "kind", "Kind is missing (expected: ModelDeployment)")

test_kind_list if denied(object.union(good, {"kind": []}), "kind", "Kind must be a string, not a list (expected: ModelDeployment)")

test_api_version_other if denied(object.union(good, {"apiVersion": "v1"}), "api_version", "API version 'v1' is not supported (expected: mlifecycle.io/v1)")

test_namespace_other if denied(
	object.union(good, {"metadata": {"namespace": "default"}}),
	"namespace", "Namespace 'default' is not in approved namespaces list",
)

test_namespace_left_out if passes(without("metadata/namespace"))

test_namespace_left_out_must_be_listed if denied_in(
	without("metadata/namespace"), {"environment": "dev", "allow": {"namespaces": ["team"]}},
	"namespace", "Namespace 'ml-inference' is not in approved namespaces list",
)

test_namespace_null if denied(object.union(good, {"metadata": {"namespace": null}}), "namespace", "Namespace must be a string, not null")

# ---- Regression and training sample

against(metrics) := with_spec({"previous_version": {"metrics": metrics}})

test_regression_accuracy if denied(
	against({"accuracy": 0.95, "f1_score": 0.9}), "regression",
	"Model accuracy fell from 0.95 to 0.92, more than the 0.02 allowed against the previous version",
)

test_regression_f1 if denied(
	against({"accuracy": 0.92, "f1_score": 0.92}), "regression",
	"Model F1 score fell from 0.92 to 0.89, more than the 0.02 allowed against the previous version",
)

test_regression_at_bound if {
	passes(against({"accuracy": 0.94, "f1_score": 0.91}))
	passes(object.union(against({"accuracy": 0.92}), {"spec": {"metrics": {"accuracy": 0.9}}}))
}

test_improvement if passes(against({"accuracy": 0.8, "f1_score": 0.7}))

test_regression_text if denied(against({"accuracy": "0.9"}), "regression", "Previous version's accuracy must be a number, not a string")

test_regression_null if denied(against({"f1_score": null}), "regression", "Previous version's F1 score is missing")

test_regression_malformed if {
	every value in [{}, "1.0.0", [], 3, {"metrics": []}, {"metrics": "good"}] {
		denied(replaced("previous_version", value), "regression", "Previous version must be a map with metrics")
	}
}

test_regression_without_this_metric if {
	found := verdict(json.remove(against({"accuracy": 0.9}), ["spec/metrics/accuracy"]), dev)
	found.rules == {"accuracy", "regression"}
	found.deny == {"Model accuracy is missing", "Model accuracy cannot be compared with the previous version"}
}

sample(size) := with_spec({"training": {"sample_size": size}})

test_sample_small if denied(sample(99), "training_sample", "Training sample size 99 is below minimum 100")

test_sample_at_bound_warns if warns(sample(100), "Training sample size 100 is below the recommended 1000")

test_sample_large if {
	passes(sample(1000))
	verdict(sample(1000), dev).warn == set()
}

test_sample_malformed if {
	every size in ["5000", -1, 1000.5, true, []] {
		denied(sample(size), "training_sample", "Training sample size must be a whole number of 0 or more")
	}
}

test_training_not_a_map if denied(replaced("training", 5000), "training_sample", "Training must be a map, not a number")

# ---- Warnings

test_warns_without_autoscaling if warns(
	without("spec/inference/autoscaling"),
	"Model should declare autoscaling (spec.inference.autoscaling)",
)

test_warns_of_latency if warns(
	with_spec({
		"inference": {"latency_p99_ms": 160},
		"previous_version": {"metrics": {"accuracy": 0.9}, "inference": {"latency_p99_ms": 100}},
	}),
	"Model p99 latency 160.00 ms is more than 1.50 times the previous version's 100.00 ms",
)

test_latency_at_bound if passes(with_spec({
	"inference": {"latency_p99_ms": 150},
	"previous_version": {"metrics": {"accuracy": 0.9}, "inference": {"latency_p99_ms": 100}},
}))

test_warns_of_vulnerable_pins if {
	every text in ["torch==1.8.0", "Torch == 1.8.0", "torch[cuda]==1.8.0", "torch===1.8.0+cu111"] {
		warns(replaced("dependencies", [text]), "Dependency 'torch==1.8.0' has known vulnerabilities")
	}
	warns(replaced("dependencies", ["numpy==1.18.0"]), "Dependency 'numpy==1.18.0' has known vulnerabilities")
	verdict(replaced("dependencies", ["torch==1.8.01", "torch>=1.8.0"]), dev).warn == set()
}

test_exceptions_are_not_the_authors_to_grant if {
	manifest := object.union(metric("accuracy", 0.5), {"metadata": {"annotations": {"policy.mlifecycle.io/exception": "accuracy"}}})
	found := verdict(manifest, dev)
	found.rules == {"accuracy"}
	found.warn == {"Annotation 'policy.mlifecycle.io/exception' has no effect: exceptions are granted by the owners of the policy"}
}

# ---- Overrides by environment

stricter := {"environment": "prod", "thresholds": {"prod": {"accuracy": 0.95, "drift_score": 0.05}}, "allow": prod.allow}

test_threshold_of_the_environment if {
	found := verdict(good, stricter)
	found.deny == {
		"Model accuracy 0.92 is below minimum threshold 0.95",
		"Model drift score 0.05 exceeds critical threshold 0.05 - deployment blocked (it must be below)",
	}
}

test_threshold_of_another_environment if passes(good)

test_threshold_of_another_environment_given if passes_in(good, object.union(stricter, {"environment": "dev"}))

test_threshold_may_be_lower if passes_in(
	metric("accuracy", 0.6),
	{"environment": "dev", "thresholds": {"dev": {"accuracy": 0.5}}},
)

test_label_does_not_choose_the_environment if denied_in(
	object.union(good, {"metadata": {"labels": {"environment": "dev"}}}), {},
	"data_sources", "Data source 's3://approved-data/transactions' is not approved",
)

test_lists_by_environment if {
	mlo := {"environment": "dev", "allow": {"frameworks": {"dev": ["caffe"], "prod": ["onnx"]}}}
	passes_in(in_model("framework", "caffe"), mlo)
	denied_in(in_model("framework", "pytorch"), mlo, "framework", "Framework 'pytorch' is not in approved frameworks list")
}

test_list_of_another_environment if passes_in(good, {"environment": "dev", "allow": {"frameworks": {"prod": ["onnx"]}}})

test_packages_given_are_normalised if passes_in(
	replaced("dependencies", ["left-pad"]),
	{"environment": "dev", "allow": {"packages": ["Left_Pad"]}},
)

test_empty_list_approves_nothing if denied_in(
	replaced("dependencies", ["torch"]), {"environment": "dev", "allow": {"packages": []}},
	"dependencies", "Dependency 'torch' is not in approved packages list",
)

test_policy_data_malformed if {
	cases := [
		[{"environment": "dev", "thresholds": {"dev": {"acuracy": 0.9}}}, "Policy data: mlo.thresholds.dev.acuracy is not a threshold"],
		[{"environment": "dev", "thresholds": {"prod": {"acuracy": 0.9}}}, "Policy data: mlo.thresholds.prod.acuracy is not a threshold"],
		[{"environment": "dev", "thresholds": {"dev": {"accuracy": "0.5"}}}, "Policy data: mlo.thresholds.dev.accuracy must be a number in its range"],
		[{"environment": "dev", "thresholds": {"dev": {"accuracy": null}}}, "Policy data: mlo.thresholds.dev.accuracy must be a number in its range"],
		[{"environment": "dev", "thresholds": {"dev": {"accuracy": 85}}}, "Policy data: mlo.thresholds.dev.accuracy must be a number in its range"],
		[{"environment": "dev", "thresholds": {"dev": {"drift_score": -1}}}, "Policy data: mlo.thresholds.dev.drift_score must be a number in its range"],
		[{"environment": "dev", "thresholds": {"dev": 0.5}}, "Policy data: mlo.thresholds.dev must be a map"],
		[{"environment": "dev", "thresholds": []}, "Policy data: mlo.thresholds must be a map by environment"],
		[{"environment": "dev", "allow": []}, "Policy data: mlo.allow must be a map"],
		[{"environment": "dev", "allow": {"framework": ["x"]}}, "Policy data: mlo.allow.framework is not a list that is known"],
		[{"environment": "dev", "allow": {"packages": "torch"}}, "Policy data: mlo.allow.packages must be a list of names, or a map of such lists by environment"],
		[{"environment": "dev", "allow": {"packages": ["torch", "numpy", 1]}}, "Policy data: mlo.allow.packages must be a list of names, or a map of such lists by environment"],
		[{"environment": "dev", "allow": {"packages": {"dev": "torch"}}}, "Policy data: mlo.allow.packages must be a list of names, or a map of such lists by environment"],
	]
	every case in cases {
		denied_in(good, case[0], "policy_data", case[1])
	}
}

test_policy_data_of_no_kind_is_denied if {
	every mlo in ["dev", ["dev"], null, 1] {
		"Policy data: mlo must be a map" in verdict(good, mlo).deny
	}
	every environment in [1, null, "", " ", {"dev": 1}] {
		"Policy data: mlo.environment must be the name of an environment" in verdict(good, {"environment": environment}).deny
	}
}

test_nothing_said_is_strictest if {
	denied_in(good, {}, "data_sources", "Data source 's3://approved-data/transactions' is not approved")
	verdict(metric("accuracy", 0.84), {}).rules == {"accuracy", "data_sources"}
}
