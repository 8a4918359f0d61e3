# METADATA
# title: Model governance
# description: |
#   What a model must show before it may serve. Goes in: the manifest as it was written, as `input`. Comes out: `deny`
#   and `warn`, sets of messages; `violation`, the same denials with rule, place and actions; `allow`; `evaluated`,
#   every rule with its outcome. Never happens: a value that is missing, of the wrong type or out of its range passes.
#
#   Each rule is told twice and the two must agree: `passed` says positively that it holds, `problem` says why it does
#   not. A rule that is in neither (which would be a mistake in this file) denies as well.
#
#   `data.mlo.environment`, `data.mlo.thresholds[environment]` and `data.mlo.allow` override the defaults below, which
#   hold where nothing is said.
# scope: package
package model.governance

# ---- What is answered

# METADATA
# title: Messages of the rules that do not hold
# scope: document
deny contains v.msg if some v in violation

# METADATA
# title: Whether the model may serve
# scope: document
default allow := false

allow if {
	count(deny) == 0
	count(violation) == 0
	every check in evaluated {
		check.passed == true
	}
	count(evaluated) == count(rules)
}

# METADATA
# title: Denials, each with its rule, the place in the manifest, and what to do
# scope: document
violation contains v if some v in problem

violation contains {"rule": r.rule, "path": "", "msg": msg, "actions": actions} if {
	some r in rules
	not r.rule in passed
	not r.rule in with_problem
	msg := sprintf("Rule '%s' could not be evaluated", [r.rule])
	actions := ["Report this to the owners of the policy: the rule neither holds nor says why not"]
}

# METADATA
# title: Every rule in order, with its outcome
# scope: document
evaluated := [check |
	some r in rules
	check := object.union(r, {"passed": holds(r.rule), "shown": object.get(shown, r.rule, "")})
]

holds(rule) if {
	rule in passed
	not rule in with_problem
} else := false

with_problem contains p.rule if some p in problem

rules := [
	{"rule": "accuracy", "title": "Accuracy", "checklist": true},
	{"rule": "f1_score", "title": "F1 score", "checklist": true},
	{"rule": "fairness", "title": "Fairness evaluation present", "checklist": true},
	{"rule": "demographic_parity", "title": "Demographic parity", "checklist": true},
	{"rule": "drift_score", "title": "Drift score", "checklist": true},
	{"rule": "framework", "title": "Framework approved", "checklist": true},
	{"rule": "dependencies", "title": "Dependencies approved", "checklist": true},
	{"rule": "experiment_tracking", "title": "Experiment linked", "checklist": true},
	{"rule": "data_sources", "title": "Data sources approved", "checklist": true},
	{"rule": "equalized_odds", "title": "Equalized odds", "checklist": false},
	{"rule": "metrics", "title": "Metrics are numbers in their range", "checklist": false},
	{"rule": "regression", "title": "No regression from the previous version", "checklist": false},
	{"rule": "training_sample", "title": "Training sample large enough", "checklist": false},
	{"rule": "version", "title": "Semantic version", "checklist": false},
	{"rule": "uri", "title": "Model fetched over a safe channel", "checklist": false},
	{"rule": "namespace", "title": "Namespace approved", "checklist": false},
	{"rule": "resources", "title": "Memory limited", "checklist": false},
	{"rule": "monitoring", "title": "Monitoring enabled", "checklist": false},
	{"rule": "kind", "title": "Kind", "checklist": false},
	{"rule": "api_version", "title": "API version", "checklist": false},
	{"rule": "policy_data", "title": "Policy data well formed", "checklist": false},
]

# ---- Thresholds and lists

builtin_thresholds := {
	"accuracy": 0.85,
	"f1_score": 0.8,
	"demographic_parity": 0.1,
	"equalized_odds": 0.1,
	"drift_score": 0.3,
	"drift_score_warning": 0.1,
	"regression": 0.02,
	"training_sample": 100,
	"training_sample_warning": 1000,
	"latency_ratio_warning": 1.5,
}

# No data source is approved by default.
builtin_lists := {
	"namespaces": ["ml-inference"],
	"frameworks": ["onnx", "pytorch", "sklearn", "tensorflow", "xgboost", "lightgbm"],
	"packages": [
		"torch", "torchvision", "torchaudio", "scikit-learn", "sklearn", "tensorflow", "keras", "xgboost",
		"lightgbm", "catboost", "pandas", "numpy", "scipy", "fastapi", "uvicorn", "pydantic", "mlflow", "onnx",
		"onnxruntime",
	],
	"data_sources": [],
}

# These cannot be more than 1.
fractions := {"accuracy", "f1_score", "demographic_parity", "equalized_odds", "regression"}

default settings := {}

settings := data.mlo if is_object(data.mlo)

default environment := ""

environment := settings.environment if is_string(settings.environment)

default given_thresholds := {}

given_thresholds := settings.thresholds[environment] if is_object(settings.thresholds[environment])

thresholds := object.union(
	builtin_thresholds,
	{name: value | some name, value in given_thresholds; threshold_is_sound(name, value)},
)

# METADATA
# title: Thresholds and lists as they are in force
# scope: document
in_force := object.union(thresholds, {name: list(name) | some name, _ in builtin_lists})

threshold_is_sound(name, value) if {
	_ = builtin_thresholds[name]
	is_number(value)
	value >= 0
	not too_great(name, value)
}

too_great(name, value) if {
	name in fractions
	value > 1
}

default given_lists := {}

given_lists := settings.allow if is_object(settings.allow)

# The list for this environment: one for all, or one by environment.
list(name) := given_lists[name] if {
	is_array(given_lists[name])
} else := given_lists[name][environment] if {
	is_object(given_lists[name])
	is_array(given_lists[name][environment])
} else := builtin_lists[name]

approved(name) := {entry | some entry in list(name); is_string(entry)}

# METADATA
# title: Policy data
# description: An override that is misspelt or of the wrong type would leave a weaker rule than was meant, so it denies.
# custom:
#   rule: policy_data
#   level: mandatory
#   docs: docs/governance.md#policy_data
#   reads: []
#   actions:
#     - Correct data.yaml of the policy bundle
problem contains {"rule": "policy_data", "path": "", "msg": msg, "actions": actions} if {
	some fault in data_faults
	msg := sprintf("Policy data: %s", [fault])
	actions := ["Correct data.yaml of the policy bundle"]
}

passed contains "policy_data" if count(data_faults) == 0

data_faults contains "mlo must be a map" if {
	mlo := data.mlo
	not is_object(mlo)
}

data_faults contains "mlo.environment must be the name of an environment" if {
	_ = settings.environment
	not is_name(settings.environment)
}

data_faults contains "mlo.thresholds must be a map by environment" if {
	_ = settings.thresholds
	not is_object(settings.thresholds)
}

data_faults contains sprintf("mlo.thresholds.%s must be a map", [name]) if {
	is_object(settings.thresholds)
	some name, given in settings.thresholds
	not is_object(given)
}

data_faults contains sprintf("mlo.thresholds.%s.%s is not a threshold", [name, key]) if {
	is_object(settings.thresholds[name])
	some key, _ in settings.thresholds[name]
	not key in object.keys(builtin_thresholds)
}

data_faults contains sprintf("mlo.thresholds.%s.%s must be a number in its range", [name, key]) if {
	is_object(settings.thresholds[name])
	some key, value in settings.thresholds[name]
	key in object.keys(builtin_thresholds)
	not threshold_is_sound(key, value)
}

data_faults contains "mlo.allow must be a map" if {
	_ = settings.allow
	not is_object(settings.allow)
}

data_faults contains sprintf("mlo.allow.%s is not a list that is known", [name]) if {
	some name, _ in given_lists
	not name in object.keys(builtin_lists)
}

data_faults contains sprintf("mlo.allow.%s must be a list of names, or a map of such lists by environment", [name]) if {
	some name, given in given_lists
	not is_list(given)
	not is_map_of_lists(given)
}

is_name(value) if {
	is_string(value)
	trim_space(value) != ""
}

is_list(value) if {
	is_array(value)
	every entry in value {
		is_name(entry)
	}
}

is_map_of_lists(value) if {
	is_object(value)
	every _, entries in value {
		is_list(entries)
	}
}

# ---- The sections of the manifest: always objects, so that nothing below is undefined by accident

# Beware of `not f(entry.key)` where `entry` is a local name: engines differ where the key is absent (one looks it up
# before the `not`, and then the rule says nothing). `object.get` means the same everywhere.

default manifest := {}

manifest := input if is_object(input)

section(parent, key) := parent[key] if {
	is_object(parent[key])
} else := {}

spec := section(manifest, "spec")

model := section(spec, "model")

metrics := section(spec, "metrics")

fairness_block := section(spec, "fairness")

drift := section(spec, "drift")

inference := section(spec, "inference")

previous := section(spec, "previous_version")

previous_metrics := section(previous, "metrics")

# Null counts as absent.
absent(parent, key) if object.get(parent, key, null) == null

# ---- Numbers

is_fraction(value) if {
	is_number(value)
	value >= 0
	value <= 1
}

# Why a value is not a number from 0 to 1; undefined if it is one.
not_a_fraction(name, parent, key) := sprintf("%s is missing", [name]) if {
	absent(parent, key)
} else := sprintf("%s must be a number, not %s", [name, a_type(parent[key])]) if {
	not is_number(parent[key])
} else := sprintf("%s %s is out of range (0 to 1)", [name, fixed(parent[key], 2)]) if {
	not is_fraction(parent[key])
}

# The same for a number that may be anything from 0 up.
not_positive(name, parent, key) := sprintf("%s is missing", [name]) if {
	absent(parent, key)
} else := sprintf("%s must be a number, not %s", [name, a_type(parent[key])]) if {
	not is_number(parent[key])
} else := sprintf("%s %s is out of range (0 or more)", [name, fixed(parent[key], 2)]) if {
	parent[key] < 0
}

a_type(value) := type_words[type_name(value)]

type_words := {
	"null": "null",
	"boolean": "true or false",
	"number": "a number",
	"string": "a string",
	"array": "a list",
	"object": "a map",
}

# A number with at least so many digits after the point, more (up to 6) where they say something: 0.849 must not read
# as 0.85. Written with integers alone, because engines differ in how they print fractions.
fixed(value, digits) := "a number too large to print" if {
	abs(value) >= 1000000000
} else := text if {
	enough := array.concat([n | some n in numbers.range(digits, 6); is_whole(abs(value) * tens[n])], [6])
	unit := tens[enough[0]]
	scaled := round(abs(value) * unit)
	whole := floor(scaled / unit)
	fraction := substring(format_int((unit + scaled) - (whole * unit), 10), 1, -1)
	text := sprintf("%s%s.%s", [sign(value), format_int(whole, 10), fraction])
}

is_whole(value) if abs(value - round(value)) < 0.0001

sign(value) := "-" if {
	value < 0
} else := ""

tens := [1, 10, 100, 1000, 10000, 100000, 1000000]

at_bound(value, bound) := " (it must be below)" if {
	abs(value) == bound
} else := ""

malformed(rule, path, msg, wanted) := {
	"rule": rule,
	"path": path,
	"msg": msg,
	"actions": [sprintf("Set %s to %s", [path, wanted])],
}

# ---- Metrics

shown["accuracy"] := sprintf("%s, at least %s", [fixed(metrics.accuracy, 2), fixed(thresholds.accuracy, 2)]) if {
	is_number(metrics.accuracy)
}

shown["f1_score"] := sprintf("%s, at least %s", [fixed(metrics.f1_score, 2), fixed(thresholds.f1_score, 2)]) if {
	is_number(metrics.f1_score)
}

metric_passes(key) if {
	is_fraction(metrics[key])
	metrics[key] >= thresholds[key]
}

passed contains "accuracy" if metric_passes("accuracy")

passed contains "f1_score" if metric_passes("f1_score")

# METADATA
# title: Accuracy
# description: The accuracy that was measured is at least the threshold (0.85).
# custom:
#   rule: accuracy
#   level: mandatory
#   docs: docs/governance.md#accuracy
#   reads: [spec.metrics.accuracy]
#   settings: [thresholds.ENVIRONMENT.accuracy]
#   actions:
#     - Improve the model until its accuracy on held-out data reaches the threshold
#     - Write the accuracy that was measured to spec.metrics.accuracy
problem contains p if {
	p := metric_problem("accuracy", "Model accuracy", [
		"Improve the model until its accuracy on held-out data reaches the threshold",
		"Write the accuracy that was measured to spec.metrics.accuracy",
	])
}

# METADATA
# title: F1 score
# description: The F1 score that was measured is at least the threshold (0.80).
# custom:
#   rule: f1_score
#   level: mandatory
#   docs: docs/governance.md#f1_score
#   reads: [spec.metrics.f1_score]
#   settings: [thresholds.ENVIRONMENT.f1_score]
#   actions:
#     - Improve precision and recall until the F1 score on held-out data reaches the threshold
#     - Write the F1 score that was measured to spec.metrics.f1_score
problem contains p if {
	p := metric_problem("f1_score", "Model F1 score", [
		"Improve precision and recall until the F1 score on held-out data reaches the threshold",
		"Write the F1 score that was measured to spec.metrics.f1_score",
	])
}

metric_problem(key, name, actions) := malformed(key, path, msg, "the value that was measured, a number from 0 to 1") if {
	path := sprintf("spec.metrics.%s", [key])
	msg := not_a_fraction(name, metrics, key)
} else := {"rule": key, "path": path, "msg": msg, "actions": actions} if {
	path := sprintf("spec.metrics.%s", [key])
	not metric_passes(key)
	msg := sprintf("%s %s is below minimum threshold %s", [name, fixed(metrics[key], 2), fixed(thresholds[key], 2)])
}

# METADATA
# title: Metrics are numbers
# description: Every metric is a number, and precision, recall and areas under a curve are from 0 to 1.
# custom:
#   rule: metrics
#   level: mandatory
#   docs: docs/governance.md#metrics
#   reads: ["spec.metrics.*"]
#   actions:
#     - Write the value that was measured, as a number without quotes
problem contains p if {
	some key, value in metrics
	not key in {"accuracy", "f1_score"}
	not metric_is_sound(key, value)
	p := malformed("metrics", sprintf("spec.metrics.%s", [key]), metric_fault(key), "the value that was measured, as a number without quotes")
}

metric_fault(key) := not_a_fraction(sprintf("Model %s", [key]), metrics, key) if {
	is_bounded(key)
} else := sprintf("Model %s must be a number, not %s", [key, a_type(metrics[key])])

passed contains "metrics" if {
	others := [value | some key, value in metrics; not key in {"accuracy", "f1_score"}]
	sound := [value | some key, value in metrics; not key in {"accuracy", "f1_score"}; metric_is_sound(key, value)]
	count(others) == count(sound)
}

metric_is_sound(key, value) if {
	is_bounded(key)
	is_fraction(value)
}

metric_is_sound(key, value) if {
	not is_bounded(key)
	is_number(value)
}

is_bounded(key) if trim_prefix(key, "training_") in {"accuracy", "f1_score", "precision", "recall", "auc", "auc_roc", "auc_pr"}

# ---- Fairness

fairness_present if {
	is_object(spec.fairness)
	count(spec.fairness) > 0
}

passed contains "fairness" if fairness_present

# METADATA
# title: Fairness evaluation
# description: The model was evaluated for bias, and the figures are in the manifest.
# custom:
#   rule: fairness
#   level: mandatory
#   docs: docs/governance.md#fairness
#   reads: [spec.fairness]
#   actions:
#     - Measure the model on each protected group (for example with Fairlearn or AIF360)
#     - Add spec.fairness with demographic_parity, and equalized_odds where it was measured
problem contains {"rule": "fairness", "path": "spec.fairness", "msg": msg, "actions": actions} if {
	not fairness_present
	msg := "Model must include fairness/bias evaluation metrics"
	actions := [
		"Measure the model on each protected group (for example with Fairlearn or AIF360)",
		"Add spec.fairness with demographic_parity, and equalized_odds where it was measured",
	]
}

bias_passes(key) if {
	is_number(fairness_block[key])
	abs(fairness_block[key]) < thresholds[key]
}

shown["demographic_parity"] := sprintf("%s, below %s", [fixed(value, 3), fixed(thresholds.demographic_parity, 3)]) if {
	value := fairness_block.demographic_parity
	is_number(value)
}

passed contains "demographic_parity" if bias_passes("demographic_parity")

# Without a fairness section, the rule `fairness` denies; saying it twice helps nobody.
passed contains "demographic_parity" if not fairness_present

passed contains "equalized_odds" if bias_passes("equalized_odds")

passed contains "equalized_odds" if not "equalized_odds" in object.keys(fairness_block)

# METADATA
# title: Demographic parity
# description: Groups receive a positive answer at rates that differ by less than the threshold (0.10), either way.
# custom:
#   rule: demographic_parity
#   level: mandatory
#   docs: docs/governance.md#demographic_parity
#   reads: [spec.fairness.demographic_parity]
#   settings: [thresholds.ENVIRONMENT.demographic_parity]
#   actions:
#     - Reduce the bias (reweigh or resample the training data, or set thresholds by group) and measure again
#     - Write the difference that was measured to spec.fairness.demographic_parity
problem contains p if {
	fairness_present
	p := bias_problem("demographic_parity", "Demographic parity", [
		"Reduce the bias (reweigh or resample the training data, or set thresholds by group) and measure again",
		"Write the difference that was measured to spec.fairness.demographic_parity",
	])
}

# METADATA
# title: Equalized odds
# description: Where it is given, error rates of groups differ by less than the threshold (0.10), either way.
# custom:
#   rule: equalized_odds
#   level: mandatory
#   docs: docs/governance.md#equalized_odds
#   reads: [spec.fairness.equalized_odds]
#   settings: [thresholds.ENVIRONMENT.equalized_odds]
#   actions:
#     - Reduce the gap between the groups' error rates (more data of the worse group, thresholds by group) and measure again
#     - Write the difference that was measured to spec.fairness.equalized_odds
problem contains p if {
	"equalized_odds" in object.keys(fairness_block)
	p := bias_problem("equalized_odds", "Equalized odds", [
		"Reduce the gap between the groups' error rates (more data of the worse group, thresholds by group) and measure again",
		"Write the difference that was measured to spec.fairness.equalized_odds",
	])
}

bias_problem(key, name, actions) := malformed(key, path, sprintf("%s is missing", [name]), "the difference that was measured, a number") if {
	path := sprintf("spec.fairness.%s", [key])
	absent(fairness_block, key)
} else := malformed(key, path, msg, "the difference that was measured, a number") if {
	path := sprintf("spec.fairness.%s", [key])
	not is_number(fairness_block[key])
	msg := sprintf("%s must be a number, not %s", [name, a_type(fairness_block[key])])
} else := {"rule": key, "path": path, "msg": msg, "actions": actions} if {
	path := sprintf("spec.fairness.%s", [key])
	not bias_passes(key)
	value := fairness_block[key]
	bound := thresholds[key]
	msg := sprintf(
		"%s %s exceeds maximum bias threshold %s%s",
		[name, fixed(value, 3), fixed(bound, 3), at_bound(value, bound)],
	)
}

# ---- Drift

drift_passes if {
	is_number(drift.score)
	drift.score >= 0
	drift.score < thresholds.drift_score
}

shown["drift_score"] := sprintf("%s, below %s", [fixed(drift.score, 2), fixed(thresholds.drift_score, 2)]) if {
	is_number(drift.score)
}

passed contains "drift_score" if drift_passes

# METADATA
# title: Drift score
# description: The data that the model meets is near enough to what it was trained on - a score below the threshold (0.30).
# custom:
#   rule: drift_score
#   level: mandatory
#   docs: docs/governance.md#drift_score
#   reads: [spec.drift.score]
#   settings: [thresholds.ENVIRONMENT.drift_score, thresholds.ENVIRONMENT.drift_score_warning]
#   actions:
#     - Train the model again on recent data
#     - Measure drift against the new reference data and write it to spec.drift.score
problem contains p if p := drift_problem

drift_problem := malformed("drift_score", "spec.drift.score", msg, "the drift that was measured, a number of 0 or more") if {
	msg := not_positive("Model drift score", drift, "score")
} else := {"rule": "drift_score", "path": "spec.drift.score", "msg": msg, "actions": actions} if {
	not drift_passes
	bound := thresholds.drift_score
	msg := sprintf(
		"Model drift score %s exceeds critical threshold %s - deployment blocked%s",
		[fixed(drift.score, 2), fixed(bound, 2), at_bound(drift.score, bound)],
	)
	actions := [
		"Train the model again on recent data",
		"Measure drift against the new reference data and write it to spec.drift.score",
	]
}

# ---- Framework

shown["framework"] := model.framework if is_string(model.framework)

passed contains "framework" if {
	is_string(model.framework)
	model.framework in approved("frameworks")
}

# METADATA
# title: Framework
# description: The model was trained with a framework on the approved list.
# custom:
#   rule: framework
#   level: mandatory
#   docs: docs/governance.md#framework
#   reads: [spec.model.framework]
#   settings: [allow.frameworks]
#   actions:
#     - Train the model with an approved framework and name it in spec.model.framework
#     - Or ask the owners of the policy to add the framework to mlo.allow.frameworks
problem contains p if p := framework_problem

framework_problem := malformed("framework", path, "Model framework is missing", wanted) if {
	path := "spec.model.framework"
	absent(model, "framework")
	wanted := sprintf("the framework that the model was trained with: %s", [approved_text("frameworks")])
} else := malformed("framework", path, msg, wanted) if {
	path := "spec.model.framework"
	not is_string(model.framework)
	msg := sprintf("Model framework must be a string, not %s", [a_type(model.framework)])
	wanted := sprintf("the framework that the model was trained with: %s", [approved_text("frameworks")])
} else := {"rule": "framework", "path": "spec.model.framework", "msg": msg, "actions": actions} if {
	not model.framework in approved("frameworks")
	msg := sprintf("Framework '%s' is not in approved frameworks list", [model.framework])
	actions := [
		"Train the model with an approved framework and name it in spec.model.framework",
		"Or ask the owners of the policy to add the framework to mlo.allow.frameworks",
	]
}

approved_text(name) := concat(", ", sort([entry | some entry in approved(name)]))

# ---- Dependencies

# A requirement as PEP 508 writes it: name, extras, versions, marker. One that is fetched from a URL does not match.
requirement := `^[ \t]*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9])[ \t]*(\[[A-Za-z0-9._, \t-]*\])?[ \t]*\(?[ \t]*((===|==|~=|!=|<=|>=|<|>)[ \t]*[A-Za-z0-9.*+!_-]+([ \t]*,[ \t]*(===|==|~=|!=|<=|>=|<|>)[ \t]*[A-Za-z0-9.*+!_-]+)*)?[ \t]*\)?[ \t]*(;.*)?$`

requirement_from_url := `^[ \t]*[A-Za-z0-9][A-Za-z0-9._-]*[ \t]*(\[[A-Za-z0-9._, \t-]*\])?[ \t]*@`

# The one version that a requirement pins, if it pins one.
requirement_pin := `^[^=<>~!;@]*={2,3}[ \t]*([0-9][0-9.]*)`

# Names are equal where they differ only in capitals and in `-`, `_` and `.`.
normal_name(name) := lower(regex.replace(name, `[-_.]+`, "-"))

requirement_name(text) := normal_name(found[0][1]) if {
	found := regex.find_all_string_submatch_n(requirement, text, 1)
	count(found) == 1
}

approved_packages := {normal_name(name) | some name in approved("packages")}

dependency_passes(entry) if {
	is_string(entry)
	requirement_name(entry) in approved_packages
}

dependencies_present if is_array(spec.dependencies)

shown["dependencies"] := sprintf("%d of %d", [count(good), count(spec.dependencies)]) if {
	dependencies_present
	good := [entry | some entry in spec.dependencies; dependency_passes(entry)]
}

passed contains "dependencies" if {
	dependencies_present
	good := [entry | some entry in spec.dependencies; dependency_passes(entry)]
	count(good) == count(spec.dependencies)
}

# METADATA
# title: Dependencies
# description: Every package that the model needs is on the allowlist.
# custom:
#   rule: dependencies
#   level: mandatory
#   docs: docs/governance.md#dependencies
#   reads: [spec.dependencies]
#   settings: [allow.packages]
#   actions:
#     - Remove the dependency, or use an approved package in its place
#     - Or ask the owners of the policy to add the package to mlo.allow.packages
problem contains p if {
	dependencies_present
	some i, entry in spec.dependencies
	p := dependency_problem(sprintf("spec.dependencies[%d]", [i]), entry)
}

problem contains malformed("dependencies", "spec.dependencies", msg, "the list of packages that the model needs, such as [\"torch>=2.0.0\"]") if {
	not dependencies_present
	msg := dependencies_fault
}

dependencies_fault := "Model must declare its dependencies" if {
	absent(spec, "dependencies")
} else := sprintf("Dependencies must be a list, not %s", [a_type(spec.dependencies)])

dependency_problem(path, entry) := malformed("dependencies", path, msg, "a requirement such as torch>=2.0.0") if {
	not is_string(entry)
	msg := sprintf("Dependency must be a string, not %s", [a_type(entry)])
} else := malformed("dependencies", path, msg, "a name and versions, so that the package comes from the index") if {
	regex.match(requirement_from_url, entry)
	msg := sprintf("Dependency '%s' is fetched from a URL, which the approved packages list does not cover", [entry])
} else := malformed("dependencies", path, msg, "a requirement such as torch>=2.0.0") if {
	not requirement_name(entry)
	msg := sprintf("Dependency '%s' is not a requirement that can be read", [entry])
} else := {"rule": "dependencies", "path": path, "msg": msg, "actions": actions} if {
	not dependency_passes(entry)
	msg := sprintf("Dependency '%s' is not in approved packages list", [requirement_name(entry)])
	actions := [
		"Remove the dependency, or use an approved package in its place",
		"Or ask the owners of the policy to add the package to mlo.allow.packages",
	]
}

# ---- Experiment tracking

shown["experiment_tracking"] := model.experiment_id if is_string(model.experiment_id)

passed contains "experiment_tracking" if is_name(model.experiment_id)

# METADATA
# title: Experiment tracking
# description: The model names the experiment that it came from.
# custom:
#   rule: experiment_tracking
#   level: mandatory
#   docs: docs/governance.md#experiment_tracking
#   reads: [spec.model.experiment_id]
#   actions:
#     - Set spec.model.experiment_id to the experiment that the model came from, as a string
problem contains {"rule": "experiment_tracking", "path": "spec.model.experiment_id", "msg": msg, "actions": actions} if {
	msg := experiment_fault
	actions := ["Set spec.model.experiment_id to the experiment that the model came from, as a string"]
}

experiment_fault := "Model must be linked to an MLflow experiment (experiment_id required)" if {
	absent(model, "experiment_id")
} else := sprintf("Model experiment_id must be a string, not %s", [a_type(model.experiment_id)]) if {
	not is_string(model.experiment_id)
} else := "Model experiment_id cannot be empty" if {
	not is_name(model.experiment_id)
}

# ---- Data sources

data_sources_present if {
	is_array(spec.data_sources)
	count(spec.data_sources) > 0
}

source_passes(entry) if {
	source_is_sound(entry)
	object.get(entry, "approved", true) == true
	source_approved(entry)
}

source_is_sound(entry) if {
	is_object(entry)
	is_name(entry.source)
	is_boolean(object.get(entry, "approved", true))
}

source_approved(entry) if {
	some listed in approved("data_sources")
	covers(listed, entry.source)
}

# The author's own word is enough in dev only.
source_approved(entry) if {
	environment == "dev"
	entry.approved == true
}

# An entry that ends in `/` covers everything below it; any other is that source exactly.
covers(listed, source) if listed == source

covers(listed, source) if {
	endswith(listed, "/")
	startswith(source, listed)
	not regex.match(`(?i)(\.|%2e){2}`, source)
}

shown["data_sources"] := sprintf("%d of %d", [count(good), count(spec.data_sources)]) if {
	data_sources_present
	good := [entry | some entry in spec.data_sources; source_passes(entry)]
}

passed contains "data_sources" if {
	data_sources_present
	good := [entry | some entry in spec.data_sources; source_passes(entry)]
	count(good) == count(spec.data_sources)
}

# METADATA
# title: Data sources
# description: The data that the model was trained on is declared, and every source is approved.
# custom:
#   rule: data_sources
#   level: mandatory
#   docs: docs/governance.md#data_sources
#   reads: [spec.data_sources]
#   settings: [allow.data_sources]
#   actions:
#     - Train on approved data
#     - "Or ask the owners of the policy to add the source to mlo.allow.data_sources (in dev, approved: true is enough)"
problem contains p if {
	data_sources_present
	some i, entry in spec.data_sources
	p := source_problem(sprintf("spec.data_sources[%d]", [i]), entry)
}

problem contains malformed("data_sources", "spec.data_sources", msg, "the list of the data that the model was trained on, each with source and approved") if {
	not data_sources_present
	msg := data_sources_fault
}

data_sources_fault := sprintf("Data sources must be a list, not %s", [a_type(spec.data_sources)]) if {
	not absent(spec, "data_sources")
	not is_array(spec.data_sources)
} else := "Model must declare data sources for lineage tracking"

source_problem(path, entry) := malformed("data_sources", path, msg, "a map with source and approved") if {
	not is_object(entry)
	msg := sprintf("Data source must be a map, not %s", [a_type(entry)])
} else := malformed("data_sources", sprintf("%s.source", [path]), "Data source has no name", "the address of the data, as a string") if {
	not is_name(object.get(entry, "source", null))
} else := malformed("data_sources", sprintf("%s.approved", [path]), msg, "true or false, without quotes") if {
	not source_is_sound(entry)
	msg := sprintf("Data source '%s': approved must be true or false, not %s", [entry.source, a_type(entry.approved)])
} else := {"rule": "data_sources", "path": sprintf("%s.source", [path]), "msg": msg, "actions": actions} if {
	not source_passes(entry)
	msg := sprintf("Data source '%s' is not approved", [entry.source])
	actions := [
		"Train on approved data",
		"Or ask the owners of the policy to add the source to mlo.allow.data_sources (in dev, approved: true is enough)",
	]
}

# ---- Regression

passed contains "regression" if absent(spec, "previous_version")

passed contains "regression" if {
	previous_is_sound
	every key in ["accuracy", "f1_score"] {
		keeps_up(key)
	}
}

previous_is_sound if {
	count(previous) > 0
	is_object(object.get(previous, "metrics", {}))
}

# A fall of exactly the threshold passes; the small number takes up what binary fractions lose (0.92 - 0.90).
keeps_up(key) if {
	is_fraction(previous_metrics[key])
	is_fraction(metrics[key])
	previous_metrics[key] - metrics[key] <= thresholds.regression + 0.000000001
}

keeps_up(key) if not key in object.keys(previous_metrics)

# METADATA
# title: Regression
# description: Where the previous version is given, accuracy and F1 score fall by no more than the threshold (0.02).
# custom:
#   rule: regression
#   level: mandatory
#   docs: docs/governance.md#regression
#   reads: [spec.metrics.accuracy, spec.metrics.f1_score, "spec.previous_version.metrics.*"]
#   settings: [thresholds.ENVIRONMENT.regression]
#   actions:
#     - Find out what the new version lost, and improve it until it is as good as the one that serves now
problem contains {"rule": "regression", "path": path, "msg": msg, "actions": actions} if {
	some key, name in {"accuracy": "accuracy", "f1_score": "F1 score"}
	path := sprintf("spec.metrics.%s", [key])
	is_fraction(metrics[key])
	is_fraction(previous_metrics[key])
	not keeps_up(key)
	msg := sprintf(
		"Model %s fell from %s to %s, more than the %s allowed against the previous version",
		[name, fixed(previous_metrics[key], 2), fixed(metrics[key], 2), fixed(thresholds.regression, 2)],
	)
	actions := ["Find out what the new version lost, and improve it until it is as good as the one that serves now"]
}

problem contains malformed("regression", path, msg, "the value that the previous version had, a number from 0 to 1") if {
	some key, name in {"accuracy": "accuracy", "f1_score": "F1 score"}
	path := sprintf("spec.previous_version.metrics.%s", [key])
	key in object.keys(previous_metrics)
	msg := not_a_fraction(sprintf("Previous version's %s", [name]), previous_metrics, key)
}

# The metric of this version is missing or malformed, which its own rule says as well.
problem contains malformed("regression", path, msg, "the value that was measured, a number from 0 to 1") if {
	some key, name in {"accuracy": "accuracy", "f1_score": "F1 score"}
	path := sprintf("spec.metrics.%s", [key])
	key in object.keys(previous_metrics)
	not is_fraction(object.get(metrics, key, null))
	msg := sprintf("Model %s cannot be compared with the previous version", [name])
}

problem contains malformed("regression", "spec.previous_version", "Previous version must be a map with metrics", "the metrics of the previous version, or leave it out") if {
	not absent(spec, "previous_version")
	not previous_is_sound
}

# ---- Training sample

passed contains "training_sample" if sample_absent

passed contains "training_sample" if {
	is_sample_size(spec.training.sample_size)
	spec.training.sample_size >= thresholds.training_sample
}

sample_absent if absent(spec, "training")

sample_absent if {
	is_object(spec.training)
	absent(spec.training, "sample_size")
}

is_sample_size(value) if {
	is_number(value)
	value >= 0
	value == floor(value)
}

# METADATA
# title: Training sample
# description: Where it is given, the training sample has at least 100 rows.
# custom:
#   rule: training_sample
#   level: mandatory
#   docs: docs/governance.md#training_sample
#   reads: [spec.training.sample_size]
#   settings: [thresholds.ENVIRONMENT.training_sample, thresholds.ENVIRONMENT.training_sample_warning]
#   actions:
#     - Train on more rows
problem contains p if p := sample_problem

sample_problem := malformed("training_sample", "spec.training", msg, "a map with sample_size") if {
	not sample_absent
	not is_object(spec.training)
	msg := sprintf("Training must be a map, not %s", [a_type(spec.training)])
} else := malformed("training_sample", "spec.training.sample_size", msg, "the number of rows, a whole number") if {
	not sample_absent
	not is_sample_size(spec.training.sample_size)
	msg := "Training sample size must be a whole number of 0 or more"
} else := {"rule": "training_sample", "path": "spec.training.sample_size", "msg": msg, "actions": ["Train on more rows"]} if {
	spec.training.sample_size < thresholds.training_sample
	msg := sprintf("Training sample size %s is below minimum %s", [rows(spec.training.sample_size), rows(thresholds.training_sample)])
}

# A count as text, however large.
rows(value) := trim_suffix(fixed(value, 2), ".00")

# ---- Version

is_semver(value) if {
	is_string(value)
	regex.match(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`, value)
}

passed contains "version" if is_semver(model.version)

# METADATA
# title: Version
# description: The version is semantic - three numbers, without a v.
# custom:
#   rule: version
#   level: mandatory
#   docs: docs/governance.md#version
#   reads: [spec.model.version]
#   actions:
#     - Set spec.model.version to a version such as "2.1.0"
problem contains malformed("version", "spec.model.version", msg, "a version such as \"2.1.0\"") if {
	msg := version_fault
}

version_fault := "Model must have a version" if {
	absent(model, "version")
} else := sprintf("Model version must be a string such as \"2.1.0\", not %s", [a_type(model.version)]) if {
	not is_string(model.version)
} else := sprintf("Model version '%s' is not valid semantic versioning (expected: X.Y.Z)", [model.version]) if {
	not is_semver(model.version)
}

# ---- Address of the model

# A path has no scheme.
uri_schemes := {"s3", "file", "models", "oci", "https"}

uri_scheme(uri) := lower(found[0][1]) if {
	found := regex.find_all_string_submatch_n(`^([A-Za-z][A-Za-z0-9+.-]*):`, uri, 1)
	count(found) == 1
} else := "file"

uri_passes if {
	is_name(model.uri)
	trim_space(model.uri) == model.uri
	uri_scheme(model.uri) in uri_schemes
}

passed contains "uri" if uri_passes

# METADATA
# title: Address of the model
# description: The model is fetched over a channel that nobody can change on the way.
# custom:
#   rule: uri
#   level: mandatory
#   docs: docs/governance.md#uri
#   reads: [spec.model.uri]
#   actions:
#     - Set spec.model.uri to a path, or an address with s3://, models:/, oci:// or https://
problem contains malformed("uri", "spec.model.uri", msg, "a path, or an address with s3://, models:/, oci:// or https://") if {
	msg := uri_fault
}

uri_fault := "Model must have a URI" if {
	absent(model, "uri")
} else := sprintf("Model URI must be a string, not %s", [a_type(model.uri)]) if {
	not is_string(model.uri)
} else := "Model URI cannot be empty" if {
	not is_name(model.uri)
} else := "Model URI cannot begin or end with a space" if {
	trim_space(model.uri) != model.uri
} else := "Model URI uses http://, which anyone on the way can change" if {
	uri_scheme(model.uri) == "http"
} else := sprintf("Model URI scheme '%s' is not supported", [uri_scheme(model.uri)]) if {
	not uri_passes
}

# ---- Namespace

# Left out, it is `ml-inference`, which must be on the list like any other.
namespace := object.get(section(manifest, "metadata"), "namespace", "ml-inference")

passed contains "namespace" if namespace in approved("namespaces")

# METADATA
# title: Namespace
# description: The model goes to a namespace on the environment's list.
# custom:
#   rule: namespace
#   level: mandatory
#   docs: docs/governance.md#namespace
#   reads: [metadata.namespace]
#   settings: [allow.namespaces]
#   actions:
#     - Set metadata.namespace to one of the approved namespaces, or leave it out
problem contains {"rule": "namespace", "path": "metadata.namespace", "msg": msg, "actions": actions} if {
	msg := namespace_fault
	actions := [sprintf("Set metadata.namespace to one of the approved namespaces: %s", [approved_text("namespaces")])]
}

namespace_fault := sprintf("Namespace must be a string, not %s", [a_type(namespace)]) if {
	not is_string(namespace)
} else := sprintf("Namespace '%s' is not in approved namespaces list", [namespace]) if {
	not namespace in approved("namespaces")
}

# ---- Resources

resources := section(inference, "resources")

limits := section(resources, "limits")

# A Kubernetes quantity greater than 0.
is_quantity(value) if {
	is_string(value)
	regex.match(`^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[mkMGTPE]|[eE][+-]?[0-9]+)?$`, value)
	regex.match(`^\+?[0-9.]*[1-9]`, value)
}

is_quantity(value) if {
	is_number(value)
	value > 0
}

passed contains "resources" if is_quantity(limits.memory)

# METADATA
# title: Resources
# description: The server's memory is limited, so that one model cannot take the memory of its neighbours.
# custom:
#   rule: resources
#   level: mandatory
#   docs: docs/governance.md#resources
#   reads: [spec.inference.resources]
#   actions:
#     - Set spec.inference.resources.limits.memory to a quantity such as 512Mi
problem contains malformed("resources", path, msg, "a quantity such as 512Mi") if {
	path := "spec.inference.resources.limits.memory"
	msg := resources_fault
}

resources_fault := "Model must declare inference resources" if {
	count(resources) == 0
} else := "Model must have a memory limit" if {
	absent(limits, "memory")
} else := "Memory limit must be a quantity greater than 0, such as 512Mi" if {
	not is_quantity(limits.memory)
}

# ---- Monitoring

passed contains "monitoring" if {
	is_object(spec.monitoring)
	spec.monitoring.enabled == true
}

# METADATA
# title: Monitoring
# description: The model is watched while it serves.
# custom:
#   rule: monitoring
#   level: mandatory
#   docs: docs/governance.md#monitoring
#   reads: [spec.monitoring.enabled]
#   actions:
#     - Set spec.monitoring.enabled to true
problem contains malformed("monitoring", "spec.monitoring.enabled", msg, "true") if {
	msg := monitoring_fault
}

monitoring_fault := "Model must include monitoring configuration" if {
	absent(spec, "monitoring")
} else := sprintf("Monitoring must be a map, not %s", [a_type(spec.monitoring)]) if {
	not is_object(spec.monitoring)
} else := sprintf("Monitoring enabled must be true or false, not %s", [a_type(spec.monitoring.enabled)]) if {
	not absent(spec.monitoring, "enabled")
	not is_boolean(spec.monitoring.enabled)
} else := "Continuous monitoring must be enabled for production models" if {
	not spec.monitoring.enabled == true
}

# ---- Kind and version of the manifest

passed contains "kind" if manifest.kind == "ModelDeployment"

passed contains "api_version" if manifest.apiVersion == "mlifecycle.io/v1"

# METADATA
# title: Kind
# description: The document is a ModelDeployment.
# custom:
#   rule: kind
#   level: mandatory
#   docs: docs/governance.md#kind
#   reads: [kind]
#   actions:
#     - Set kind to ModelDeployment
problem contains malformed("kind", "kind", msg, "ModelDeployment") if {
	not manifest.kind == "ModelDeployment"
	msg := expected_text("Kind", "kind", "ModelDeployment")
}

# METADATA
# title: API version
# description: The document is of the version that these rules were written for.
# custom:
#   rule: api_version
#   level: mandatory
#   docs: docs/governance.md#api_version
#   reads: [apiVersion]
#   actions:
#     - Set apiVersion to mlifecycle.io/v1
problem contains malformed("api_version", "apiVersion", msg, "mlifecycle.io/v1") if {
	not manifest.apiVersion == "mlifecycle.io/v1"
	msg := expected_text("API version", "apiVersion", "mlifecycle.io/v1")
}

expected_text(name, key, expected) := sprintf("%s '%s' is not supported (expected: %s)", [name, manifest[key], expected]) if {
	is_string(manifest[key])
} else := sprintf("%s is missing (expected: %s)", [name, expected]) if {
	absent(manifest, key)
} else := sprintf("%s must be a string, not %s (expected: %s)", [name, a_type(manifest[key]), expected])

# ---- Warnings: somebody should look, nothing is stopped

# METADATA
# title: Warnings
# scope: document
warn contains sprintf("Model drift score %s exceeds warning threshold %s", [fixed(drift.score, 2), fixed(bound, 2)]) if {
	bound := thresholds.drift_score_warning
	drift_passes
	drift.score >= bound
}

warn contains "Model should declare autoscaling (spec.inference.autoscaling)" if absent(inference, "autoscaling")

warn contains sprintf("Training sample size %s is below the recommended %s", [rows(size), rows(bound)]) if {
	size := spec.training.sample_size
	bound := thresholds.training_sample_warning
	is_sample_size(size)
	size >= thresholds.training_sample
	size < bound
}

warn contains sprintf("Model p99 latency %s ms is more than %s times the previous version's %s ms", [fixed(now, 2), fixed(bound, 2), fixed(before, 2)]) if {
	now := inference.latency_p99_ms
	before := section(previous, "inference").latency_p99_ms
	bound := thresholds.latency_ratio_warning
	is_number(now)
	is_number(before)
	now > before * bound
}

warn contains sprintf("Dependency '%s==%s' has known vulnerabilities", [name, version]) if {
	dependencies_present
	some entry in spec.dependencies
	is_string(entry)
	name := requirement_name(entry)
	found := regex.find_all_string_submatch_n(requirement_pin, entry, 1)
	count(found) == 1
	version := found[0][1]
	version in vulnerable[name]
}

vulnerable := {"torch": ["1.8.0", "1.8.1"], "tensorflow": ["2.3.0"], "numpy": ["1.18.0"]}

warn contains sprintf("Annotation '%s' has no effect: exceptions are granted by the owners of the policy", [key]) if {
	annotations := section(section(manifest, "metadata"), "annotations")
	some key, _ in annotations
	startswith(key, "policy.mlifecycle.io/exception")
}
