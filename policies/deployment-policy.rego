# METADATA
# title: Deployment policy
# description: |
#   What a plan must show before anything is changed. Goes in: `input.plan`, the plan's document; beside it `manifests`,
#   `models`, `drift`, `environment` and `run`. Comes out: `deny`, a set of messages; `violation`, the same denials with
#   rule, address, path and actions; `allow`; `evaluated`, every rule with its outcome. Never happens: a value that is
#   missing, not known yet or of the wrong type passes.
#
#   All objects of the plan are looked at, those that stay as they are as well: what somebody named on the command line
#   does not narrow the view. `data.mlo.deployment` overrides the settings below, which hold where nothing is said.
# scope: package
package deployment.policy

# ---- What is answered

# METADATA
# title: Messages of the rules that do not hold
# scope: document
deny contains v.msg if some v in violation

# METADATA
# title: Whether the plan may be applied
# scope: document
default allow := false

allow if count(violation) == 0

# METADATA
# title: Denials, each with its rule, the object, the place in it, and what to do
# scope: document
violation contains v if some v in problem

# METADATA
# title: Every rule in order, with its outcome
# scope: document
evaluated := [check |
	some r in rules
	check := object.union(r, {"passed": holds(r.rule), "shown": "", "checklist": false})
]

holds(rule) if {
	not rule in with_problem
} else := false

with_problem contains p.rule if some p in problem

rules := [
	{"rule": "deletion", "title": "Nothing that keeps data is taken away"},
	{"rule": "public_bucket", "title": "No public bucket"},
	{"rule": "encryption", "title": "Encryption on"},
	{"rule": "cluster_endpoint", "title": "Cluster endpoint private or limited"},
	{"rule": "required_tags", "title": "Required tags"},
	{"rule": "gpu_taint", "title": "GPU nodes tainted"},
	{"rule": "image_digest", "title": "Images pinned by digest"},
	{"rule": "security_context", "title": "Containers without privileges"},
	{"rule": "container_resources", "title": "Requests and limits"},
	{"rule": "probes", "title": "Probes"},
	{"rule": "replicas", "title": "Enough replicas"},
	{"rule": "plan_document", "title": "Plan well formed"},
	{"rule": "deployment_data", "title": "Policy data well formed"},
]

# ---- Settings

builtin_settings := {
	"stateful": [
		"aws_db_instance", "aws_dynamodb_table", "aws_ebs_volume", "aws_ecr_repository", "aws_efs_file_system",
		"aws_eks_cluster", "aws_kms_key", "aws_rds_cluster", "aws_s3_bucket", "kubernetes_namespace",
		"kubernetes_namespace_v1", "kubernetes_persistent_volume", "kubernetes_persistent_volume_claim",
		"kubernetes_persistent_volume_claim_v1", "kubernetes_persistent_volume_v1",
	],
	"required_tags": [],
	"endpoint_cidrs": [],
	"replicas_min": 1,
}

default settings := {}

settings := data.mlo.deployment if is_object(data.mlo.deployment)

default environment := ""

environment := data.mlo.environment if is_string(data.mlo.environment)

# One value for all environments, or a map by environment.
given(name) := settings[name] if {
	is_sound(name, settings[name])
} else := settings[name][environment] if {
	is_object(settings[name])
	is_sound(name, settings[name][environment])
} else := builtin_settings[name]

is_sound(name, value) if {
	is_array(builtin_settings[name])
	is_array(value)
	every entry in value {
		is_string(entry)
	}
}

is_sound(name, value) if {
	is_number(builtin_settings[name])
	is_number(value)
	value >= 0
}

is_map_of_sound(name, value) if {
	is_object(value)
	every _, entry in value {
		is_sound(name, entry)
	}
}

# METADATA
# title: Policy data
# description: A setting that is misspelt or of the wrong type would leave a weaker rule than was meant, so it denies.
# custom:
#   rule: deployment_data
#   level: mandatory
#   docs: docs/governance.md#deployment_data
#   actions:
#     - Correct data.yaml of the policy bundle
problem contains p if {
	some fault in data_faults
	p := found("deployment_data", "", "", sprintf("Policy data: %s", [fault]), "Correct data.yaml of the policy bundle")
}

data_faults contains "mlo.deployment must be a map" if {
	value := data.mlo.deployment
	not is_object(value)
}

data_faults contains sprintf("mlo.deployment.%s is not a setting", [name]) if {
	some name, _ in settings
	not name in object.keys(builtin_settings)
}

data_faults contains sprintf("mlo.deployment.%s must be of its type, or a map of such by environment", [name]) if {
	some name, value in settings
	name in object.keys(builtin_settings)
	not is_sound(name, value)
	not is_map_of_sound(name, value)
}

# ---- The plan

found(rule, address, path, msg, action) := {
	"rule": rule,
	"address": address,
	"path": path,
	"msg": msg,
	"actions": [action],
}

# METADATA
# title: Plan
# description: The plan is a document as mlo writes it; nothing can be said of another.
# custom:
#   rule: plan_document
#   level: mandatory
#   docs: docs/governance.md#plan_document
#   actions:
#     - Give the document of a plan as mlo writes it
problem contains p if {
	some fault in plan_faults
	p := found("plan_document", "", "", sprintf("Plan: %s", [fault]), "Give the document of a plan as mlo writes it")
}

default listed := []

listed := input.plan.resource_changes if is_array(input.plan.resource_changes)

plan_faults contains "plan.resource_changes must be a list" if {
	plan := object_or_empty(object.get(object_or_empty(input), "plan", {}))
	not is_array(object.get(plan, "resource_changes", null))
}

plan_faults contains sprintf("plan.resource_changes[%d] is not a change", [index]) if {
	some index, entry in listed
	not is_change(entry)
}

object_or_empty(value) := value if {
	is_object(value)
} else := {}

is_change(entry) if {
	is_object(entry)
	is_string(entry.address)
	is_string(entry.type)
	is_object(entry.change)
	is_array(entry.change.actions)
}

changes := [entry | some entry in listed; is_change(entry)]

# What is there afterwards: what is made or changed, and what stays.
kept := [entry |
	some entry in changes
	is_object(object.get(entry.change, "after", null))
	not entry.change.actions in [["delete"], ["forget"]]
]

# Whether only applying tells a value.
is_unknown_at(entry, key) if object.get(object_or_empty(object.get(entry.change, "after_unknown", {})), key, false) == true

list_at(parent, key) := parent[key] if {
	is_array(parent[key])
} else := []

# A block is a list of at most one, or an object.
block(parent, key) := parent[key] if {
	is_object(parent[key])
} else := parent[key][0] if {
	is_array(parent[key])
	is_object(parent[key][0])
} else := {}

# ---- Deletion

# METADATA
# title: Deletion
# description: Nothing that keeps data is taken away or replaced, unless somebody says why.
# custom:
#   rule: deletion
#   level: overridable
#   docs: docs/governance.md#deletion
#   actions:
#     - Leave the object in the configuration, or give `--override deletion=REASON`
problem contains p if {
	some entry in changes
	"delete" in entry.change.actions
	entry.type in given("stateful")
	msg := sprintf("%s keeps data, and would be %s", [entry.address, deleted_how(entry)])
	p := found("deletion", entry.address, "", msg, "Leave the object in the configuration, or give `--override deletion=REASON`")
}

deleted_how(entry) := "replaced by an empty one" if {
	"create" in entry.change.actions
} else := "taken away"

# ---- Buckets

bucket_blocks := ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]

# METADATA
# title: Public bucket
# description: No bucket can be read or written by everybody.
# custom:
#   rule: public_bucket
#   level: mandatory
#   docs: docs/governance.md#public_bucket
#   actions:
#     - Block public access, and use a private ACL
problem contains p if {
	some entry in kept
	entry.type in ["aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"]
	some key in bucket_blocks
	not object.get(entry.change.after, key, false) == true
	p := found("public_bucket", entry.address, key, sprintf("%s: %s must be true", [entry.address, key]), "Block public access, and use a private ACL")
}

problem contains p if {
	some entry in kept
	entry.type in ["aws_s3_bucket", "aws_s3_bucket_acl"]
	acl := object.get(entry.change.after, "acl", null)
	acl != null
	not acl in ["private", "bucket-owner-full-control", "bucket-owner-read", "aws-exec-read", "log-delivery-write"]
	p := found("public_bucket", entry.address, "acl", sprintf("%s: an ACL of %v is open to others", [entry.address, acl]), "Block public access, and use a private ACL")
}

# ---- Encryption

# METADATA
# title: Encryption
# description: Disks and secrets are encrypted.
# custom:
#   rule: encryption
#   level: mandatory
#   docs: docs/governance.md#encryption
#   actions:
#     - Switch encryption on
problem contains p if {
	some entry in kept
	some need in encryption_needs
	need.type == entry.type
	not object.get(entry.change.after, need.key, false) == true
	p := found("encryption", entry.address, need.key, sprintf("%s: %s must be true", [entry.address, need.key]), "Switch encryption on")
}

problem contains p if {
	some entry in kept
	entry.type == "aws_eks_cluster"
	not "secrets" in list_at(block(entry.change.after, "encryption_config"), "resources")
	p := found("encryption", entry.address, "encryption_config", sprintf("%s: secrets of the cluster must be encrypted with a key", [entry.address]), "Switch encryption on")
}

encryption_needs := [
	{"type": "aws_ebs_volume", "key": "encrypted"},
	{"type": "aws_efs_file_system", "key": "encrypted"},
	{"type": "aws_db_instance", "key": "storage_encrypted"},
	{"type": "aws_rds_cluster", "key": "storage_encrypted"},
]

# ---- Clusters

# METADATA
# title: Cluster endpoint
# description: The endpoint of a cluster is private, or open to listed networks alone.
# custom:
#   rule: cluster_endpoint
#   level: mandatory
#   docs: docs/governance.md#cluster_endpoint
#   actions:
#     - Set endpoint_public_access to false, or limit public_access_cidrs to listed networks
problem contains p if {
	some entry in kept
	entry.type == "aws_eks_cluster"
	network := block(entry.change.after, "vpc_config")
	not object.get(network, "endpoint_public_access", true) == false
	not is_limited(network)
	msg := sprintf("%s: the endpoint is open to networks that are not listed", [entry.address])
	p := found("cluster_endpoint", entry.address, "vpc_config", msg, "Set endpoint_public_access to false, or limit public_access_cidrs to listed networks")
}

is_limited(network) if {
	cidrs := object.get(network, "public_access_cidrs", [])
	is_array(cidrs)
	count(cidrs) > 0
	every cidr in cidrs {
		cidr in given("endpoint_cidrs")
		not cidr in ["0.0.0.0/0", "::/0"]
	}
}

# METADATA
# title: GPU nodes
# description: Nodes with GPUs are tainted, so that only what needs a GPU runs there.
# custom:
#   rule: gpu_taint
#   level: mandatory
#   docs: docs/governance.md#gpu_taint
#   actions:
#     - Add the taint nvidia.com/gpu with the effect NO_SCHEDULE
problem contains p if {
	some entry in kept
	entry.type == "aws_eks_node_group"
	has_gpu(entry)
	not has_taint(entry.change.after)
	p := found("gpu_taint", entry.address, "taint", sprintf("%s: GPU nodes without the taint nvidia.com/gpu", [entry.address]), "Add the taint nvidia.com/gpu with the effect NO_SCHEDULE")
}

has_gpu(entry) if contains(object_text(entry.change.after, "ami_type"), "GPU")

has_gpu(entry) if contains(object_text(entry.change.after, "ami_type"), "NVIDIA")

has_gpu(entry) if {
	some kind in list_at(entry.change.after, "instance_types")
	is_string(kind)
	regex.match(`^(g|p)[0-9]`, kind)
}

# A group whose instances are not known yet may have GPUs.
has_gpu(entry) if is_unknown_at(entry, "instance_types")

object_text(value, key) := value[key] if {
	is_string(value[key])
} else := ""

has_taint(after) if {
	some taint in list_at(after, "taint")
	is_object(taint)
	taint.key == "nvidia.com/gpu"
	taint.effect == "NO_SCHEDULE"
}

# ---- Tags

# METADATA
# title: Tags
# description: What is made in a cloud names its owner, its cost centre, or what else is required.
# custom:
#   rule: required_tags
#   level: overridable
#   docs: docs/governance.md#required_tags
#   actions:
#     - Add the tag to the object, or to default_tags of its provider
problem contains p if {
	some entry in kept
	has_tags(entry)
	some tag in given("required_tags")
	not tag_is_there(entry.change.after, tag)
	p := found("required_tags", entry.address, "tags", sprintf("%s: the tag %s is missing", [entry.address, tag]), "Add the tag to the object, or to default_tags of its provider")
}

has_tags(entry) if {
	startswith(entry.type, "aws_")
	some key in ["tags", "tags_all"]
	key in object.keys(entry.change.after)
}

tag_is_there(after, tag) if {
	some key in ["tags", "tags_all"]
	value := object.get(object_or_empty(object.get(after, key, {})), tag, "")
	is_string(value)
	trim_space(value) != ""
}

# ---- Workloads of Kubernetes

workload_types := ["deployment", "stateful_set", "daemon_set", "job", "cron_job", "pod", "replica_set", "replication_controller"]

# Objects of a type of their own, such as kubernetes_deployment_v1: blocks are lists of one.
workloads contains {"entry": entry, "spec": spec} if {
	some entry in kept
	some type in workload_types
	entry.type in [sprintf("kubernetes_%s", [type]), sprintf("kubernetes_%s_v1", [type])]
	spec := block(entry.change.after, "spec")
}

# Objects that are written as Kubernetes has them.
workloads contains {"entry": entry, "spec": spec} if {
	some entry in kept
	entry.type == "kubernetes_manifest"
	manifest := block(entry.change.after, "manifest")
	object_text(manifest, "kind") in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet", "ReplicationController"]
	spec := block(manifest, "spec")
}

# The specification of the pods.
pod(spec) := inner if {
	inner := block(block(spec, "template"), "spec")
	count(inner) > 0
} else := inner if {
	job := either(spec, "job_template", "jobTemplate")
	inner := block(block(block(job, "spec"), "template"), "spec")
	count(inner) > 0
} else := spec

either(parent, snake, camel) := block(parent, snake) if {
	count(block(parent, snake)) > 0
} else := block(parent, camel)

value_of(parent, snake, camel) := object.get(parent, snake, object.get(parent, camel, null))

lists := ["container", "containers", "init_container", "initContainers"]

containers contains {"entry": w.entry, "pod": inner, "container": c, "name": name, "serves": serves} if {
	some w in workloads
	inner := pod(w.spec)
	some key in lists
	some c in list_at(inner, key)
	is_object(c)
	name := sprintf("%s, container %s", [w.entry.address, object_text(c, "name")])
	serves := key in ["container", "containers"]
}

# METADATA
# title: Images
# description: A container runs the image that was looked at, whatever its tag points at later.
# custom:
#   rule: image_digest
#   level: mandatory
#   docs: docs/governance.md#image_digest
#   actions:
#     - Name the image by its digest, as in registry/image@sha256:…
problem contains p if {
	some c in containers
	not regex.match(`@sha256:[0-9a-f]{64}$`, object_text(c.container, "image"))
	p := found("image_digest", c.entry.address, "image", sprintf("%s: the image is not pinned by a digest", [c.name]), "Name the image by its digest, as in registry/image@sha256:…")
}

problem contains p if {
	some w in workloads
	not w.entry.address in with_containers
	p := found("image_digest", w.entry.address, "spec", sprintf("%s: its containers are not known", [w.entry.address]), "Write the containers into the configuration")
}

with_containers contains c.entry.address if some c in containers

# METADATA
# title: Security context
# description: Containers do not run as root, cannot gain privileges, and cannot write to their root file system.
# custom:
#   rule: security_context
#   level: mandatory
#   docs: docs/governance.md#security_context
#   actions:
#     - Set the security context of the container
problem contains p if {
	some c in containers
	some fault in context_faults(c)
	p := found("security_context", c.entry.address, "security_context", sprintf("%s: %s", [c.name, fault]), "Set the security context of the container")
}

context_faults(c) := {fault |
	some fault, sound in {
		"it may run as root": runs_as_user(c),
		"it may write to its root file system": own_is(c, "read_only_root_filesystem", "readOnlyRootFilesystem", true),
		"it may gain privileges": own_is(c, "allow_privilege_escalation", "allowPrivilegeEscalation", false),
		"it is privileged": is_unprivileged(c),
	}
	not sound
}

own_context(c) := either(c.container, "security_context", "securityContext")

shared_context(c) := either(c.pod, "security_context", "securityContext")

own_is(c, snake, camel, wanted) if {
	value_of(own_context(c), snake, camel) == wanted
} else := false

# What a container says of itself goes before what its pod says.
runs_as_user(c) if {
	own := value_of(own_context(c), "run_as_non_root", "runAsNonRoot")
	own == true
} else if {
	value_of(own_context(c), "run_as_non_root", "runAsNonRoot") == null
	value_of(shared_context(c), "run_as_non_root", "runAsNonRoot") == true
} else := false

is_unprivileged(c) if {
	object.get(own_context(c), "privileged", null) in [null, false]
} else := false

# METADATA
# title: Requests and limits
# description: Every container says what it needs and what it may take at most.
# custom:
#   rule: container_resources
#   level: mandatory
#   docs: docs/governance.md#container_resources
#   actions:
#     - Set requests and limits of CPU and memory
problem contains p if {
	some c in containers
	some kind in ["requests", "limits"]
	some what in ["cpu", "memory"]
	given_amounts := object_or_empty(object.get(block(c.container, "resources"), kind, {}))
	not is_amount(object.get(given_amounts, what, null))
	path := sprintf("resources.%s.%s", [kind, what])
	p := found("container_resources", c.entry.address, path, sprintf("%s: %s is missing", [c.name, path]), "Set requests and limits of CPU and memory")
}

is_amount(value) if {
	is_string(value)
	regex.match(`^\+?[0-9.]*[1-9]`, value)
}

is_amount(value) if {
	is_number(value)
	value > 0
}

# METADATA
# title: Probes
# description: A container that serves is asked whether it lives and whether it is ready.
# custom:
#   rule: probes
#   level: mandatory
#   docs: docs/governance.md#probes
#   actions:
#     - Add a liveness and a readiness probe
problem contains p if {
	some c in containers
	c.serves
	serves_for_ever(c.entry)
	some probe in [["liveness_probe", "livenessProbe"], ["readiness_probe", "readinessProbe"]]
	count(either(c.container, probe[0], probe[1])) == 0
	p := found("probes", c.entry.address, probe[0], sprintf("%s: %s is missing", [c.name, probe[0]]), "Add a liveness and a readiness probe")
}

serves_for_ever(entry) if {
	not contains(entry.type, "job")
	not object_text(block(entry.change.after, "manifest"), "kind") in ["Job", "CronJob"]
}

# METADATA
# title: Replicas
# description: What serves has at least as many replicas as the environment needs.
# custom:
#   rule: replicas
#   level: mandatory
#   docs: docs/governance.md#replicas
#   actions:
#     - Set replicas to the least number of the environment or more
problem contains p if {
	some w in workloads
	is_replicated(w.entry)
	least := given("replicas_min")
	not has_replicas(w, least)
	msg := sprintf("%s: fewer replicas than the %d of this environment", [w.entry.address, least])
	p := found("replicas", w.entry.address, "replicas", msg, "Set replicas to the least number of the environment or more")
}

is_replicated(entry) if regex.match(`_(deployment|stateful_set)(_v1)?$`, entry.type)

is_replicated(entry) if object_text(block(entry.change.after, "manifest"), "kind") in ["Deployment", "StatefulSet"]

has_replicas(w, least) if {
	count_of := replica_count(object.get(w.spec, "replicas", null))
	count_of >= least
}

# Left out, it is one, as Kubernetes has it. Terraform's provider writes it as text.
replica_count(null) := 1

replica_count(value) := value if is_number(value)

replica_count(value) := to_number(value) if {
	is_string(value)
	regex.match(`^[0-9]{1,9}$`, value)
}
