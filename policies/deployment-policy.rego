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
#   Objects of the types below alone are looked at as they are; of the others there are those that change, without values.
# scope: package
# custom:
#   values_of: ["aws_*", "kubernetes_*", local_inference_service]
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

allow if count(deny) == 0

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
	{"rule": "host_access", "title": "Pods kept apart from their nodes"},
	{"rule": "container_resources", "title": "Requests and limits"},
	{"rule": "probes", "title": "Probes"},
	{"rule": "replicas", "title": "Enough replicas"},
	{"rule": "signature", "title": "Callers of served models are not broken"},
	{"rule": "model_size", "title": "Models no larger than allowed"},
	{"rule": "model_memory", "title": "Models fit into memory"},
	{"rule": "gpu_memory", "title": "Models fit into the memory of a GPU"},
	{"rule": "class_labels", "title": "A label for each class"},
	{"rule": "shown", "title": "What the rules look at is shown to them"},
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
	"replicas_min": 3,
	"model_size_mib_max": 2048,
	"gpu_memory_gib": 16,
}

default settings := {}

settings := data.mlo.deployment if is_object(data.mlo.deployment)

default environment := ""

environment := data.mlo.environment if is_string(data.mlo.environment)

# One value for all environments, or a map by environment. In one that the map does not name the strictest of it holds.
given(name) := settings[name] if {
	is_sound(name, settings[name])
} else := settings[name][environment] if {
	is_object(settings[name])
	is_sound(name, settings[name][environment])
} else := strictest(name, [value | some value in settings[name]]) if {
	is_map_of_sound(name, settings[name])
	count(settings[name]) > 0
} else := builtin_settings[name]

strictest("replicas_min", values) := max(array.concat(values, [builtin_settings.replicas_min]))

strictest("endpoint_cidrs", _) := []

strictest(name, values) := min(values) if name in ["model_size_mib_max", "gpu_memory_gib"]

strictest(name, values) := [each | some each in all_of(values)] if {
	name in ["stateful", "required_tags"]
}

all_of(lists_of) := {entry | some one in lists_of; some entry in one}

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
	value == round(value)
}

is_map_of_sound(name, value) if {
	is_object(value)
	every _, entry in value {
		is_sound(name, entry)
	}
}

# METADATA
# title: Settings as they are in force
# scope: document
in_force := {name: given(name) | some name, _ in builtin_settings}

# METADATA
# title: Policy data
# description: A setting that is misspelt or of the wrong type would leave a weaker rule than was meant, so it denies.
# custom:
#   rule: deployment_data
#   level: mandatory
#   docs: docs/governance.md#deployment_data
#   reads: []
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
#   reads: []
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
	count(changes) != count(listed)
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

changes := [entry |
	some entry in listed
	is_string(entry.address)
	is_string(entry.type)
	is_array(entry.change.actions)
]

# What is there afterwards: what is made or changed, and what stays.
kept := [entry |
	some entry in changes
	is_object(entry.change.after)
	not entry.change.actions in [["delete"], ["forget"]]
	object.get(entry, "mode", "managed") == "managed"
]

# Of these, what a cloud or a cluster runs: no other type has anything that the rules on such objects look at.
hosted := [entry | some entry in kept; startswith(entry.type, "aws_")]

manifested := [entry | some entry in kept; startswith(entry.type, "kubernetes_")]

serving := [entry | some entry in kept; entry.type == "local_inference_service"]

deleted := [entry | some entry in changes; entry.change.actions != ["no-op"]; "delete" in entry.change.actions]

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
#   reads: []
#   settings: [deployment.stateful]
#   actions:
#     - Leave the object in the configuration, or give `--override deletion=REASON`
problem contains p if {
	some entry in deleted
	entry.type in given("stateful")
	msg := sprintf("%s keeps data, and would be %s", [entry.address, deleted_how(entry)])
	p := found("deletion", entry.address, "", msg, "Leave the object in the configuration, or give `--override deletion=REASON`")
}

# Objects that are written as Kubernetes has them. One of which the kind is not told may be any.
problem contains p if {
	some entry in deleted
	entry.type in raw_types
	kind := object_text(block(object_or_empty(object.get(entry.change, "before", {})), "manifest"), "kind")
	keeps_data(kind)
	msg := sprintf("%s keeps data, and would be %s", [entry.address, deleted_how(entry)])
	p := found("deletion", entry.address, "", msg, "Leave the object in the configuration, or give `--override deletion=REASON`")
}

keeps_data(kind) if {
	kind in ["CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "StatefulSet"]
}

keeps_data(kind) if not is_shown(kind)

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
#   reads: ["aws_s3_bucket*.*", "aws_s3_account_public_access_block.*"]
#   actions:
#     - Block public access, and use a private ACL
problem contains p if {
	some entry in hosted
	entry.type in ["aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"]
	some key in bucket_blocks
	not object.get(entry.change.after, key, false) == true
	p := found("public_bucket", entry.address, key, sprintf("%s: %s must be true", [entry.address, key]), "Block public access, and use a private ACL")
}

problem contains p if {
	some entry in hosted
	entry.type in ["aws_s3_bucket", "aws_s3_bucket_acl"]
	acl := object.get(entry.change.after, "acl", null)
	acl != null
	not acl in ["private", "bucket-owner-full-control", "bucket-owner-read", "aws-exec-read", "log-delivery-write"]
	p := found("public_bucket", entry.address, "acl", sprintf("%s: an ACL of %v is open to others", [entry.address, acl]), "Block public access, and use a private ACL")
}

problem contains p if {
	some entry in hosted
	entry.type in ["aws_s3_bucket", "aws_s3_bucket_acl"]
	some key in ["grant", "access_control_policy"]
	text := json.marshal(object.get(entry.change.after, key, []))
	some group in ["groups/global/AllUsers", "groups/global/AuthenticatedUsers"]
	contains(text, group)
	p := found("public_bucket", entry.address, key, sprintf("%s: a grant to %s is open to others", [entry.address, group]), "Block public access, and use a private ACL")
}

problem contains p if {
	some entry in hosted
	entry.type in ["aws_s3_bucket", "aws_s3_bucket_policy"]
	policy := object.get(entry.change.after, "policy", null)
	is_open_policy(policy)
	p := found("public_bucket", entry.address, "policy", sprintf("%s: its policy allows everybody, or cannot be read", [entry.address]), "Name in the policy who may use the bucket, or add a condition")
}

is_open_policy(policy) if {
	policy != null
	not is_readable_policy(policy)
}

is_open_policy(policy) if {
	is_readable_policy(policy)
	some statement in statements_of(json.unmarshal(policy))
	object.get(statement, "Effect", "Allow") != "Deny"
	is_everybody(object.get(statement, "Principal", null))
	count(object_or_empty(object.get(statement, "Condition", {}))) == 0
}

is_readable_policy(policy) if {
	is_string(policy)
	json.is_valid(policy)
	is_object(json.unmarshal(policy))
}

statements_of(document) := [statement | some statement in list_at(document, "Statement"); is_object(statement)] if {
	is_array(object.get(document, "Statement", null))
} else := [object_or_empty(object.get(document, "Statement", {}))]

is_everybody(principal) if principal == "*"

is_everybody(principal) if {
	is_object(principal)
	some _, who in principal
	who == "*"
}

is_everybody(principal) if {
	is_object(principal)
	some _, who in principal
	is_array(who)
	"*" in who
}

# ---- Encryption

# METADATA
# title: Encryption
# description: Disks and secrets are encrypted, those that launch templates name as well.
# custom:
#   rule: encryption
#   level: mandatory
#   docs: docs/governance.md#encryption
#   reads: [aws_ebs_volume.encrypted, aws_efs_file_system.encrypted, aws_db_instance.storage_encrypted, aws_rds_cluster.storage_encrypted, aws_eks_cluster.encryption_config, aws_launch_template.block_device_mappings, "aws_instance.*_block_device", "aws_launch_configuration.*_block_device"]
#   actions:
#     - Switch encryption on
problem contains p if {
	some entry in hosted
	some need in encryption_needs
	need.type == entry.type
	not object.get(entry.change.after, need.key, false) == true
	p := found("encryption", entry.address, need.key, sprintf("%s: %s must be true", [entry.address, need.key]), "Switch encryption on")
}

problem contains p if {
	some entry in hosted
	entry.type == "aws_eks_cluster"
	not "secrets" in list_at(block(entry.change.after, "encryption_config"), "resources")
	p := found("encryption", entry.address, "encryption_config[0].resources", sprintf("%s: secrets of the cluster must be encrypted with a key", [entry.address]), "Switch encryption on")
}

problem contains p if {
	some entry in hosted
	some disk in disks_of(entry)
	not object.get(disk.settings, "encrypted", false) in [true, "true"]
	p := found("encryption", entry.address, disk.at, sprintf("%s: %s must be true", [entry.address, disk.at]), "Switch encryption on")
}

# The disks of machines: those that a launch template or an instance names.
disks_of(entry) := [{"at": sprintf("block_device_mappings[%d].ebs[0].encrypted", [index]), "settings": settings_of_disk} |
	some index, mapping in list_at(entry.change.after, "block_device_mappings")
	is_object(mapping)
	settings_of_disk := block(mapping, "ebs")
	count(settings_of_disk) > 0
] if {
	entry.type == "aws_launch_template"
} else := [{"at": sprintf("%s[%d].encrypted", [key, index]), "settings": disk} |
	some key in ["root_block_device", "ebs_block_device"]
	some index, disk in list_at(entry.change.after, key)
	is_object(disk)
] if {
	entry.type in ["aws_instance", "aws_launch_configuration"]
} else := []

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
#   reads: [aws_eks_cluster.vpc_config]
#   settings: [deployment.endpoint_cidrs]
#   actions:
#     - Set endpoint_public_access to false, or limit public_access_cidrs to listed networks
problem contains p if {
	some entry in hosted
	entry.type == "aws_eks_cluster"
	network := block(entry.change.after, "vpc_config")
	not object.get(network, "endpoint_public_access", true) == false
	not is_limited(network)
	msg := sprintf("%s: the endpoint is open to networks that are not listed", [entry.address])
	p := found("cluster_endpoint", entry.address, endpoint_path(network), msg, "Set endpoint_public_access to false, or limit public_access_cidrs to listed networks")
}

# What the denial depends on: the networks, if it is known that there is an endpoint to be open to them.
endpoint_path(network) := "vpc_config[0].public_access_cidrs" if {
	object.get(network, "endpoint_public_access", null) != null
} else := "vpc_config[0].endpoint_public_access"

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
#   reads: ["aws_eks_node_group.*", "aws_launch_template.*"]
#   actions:
#     - Add the taint nvidia.com/gpu with the effect NO_SCHEDULE
problem contains p if {
	some entry in hosted
	entry.type == "aws_eks_node_group"
	has_gpu(entry)
	not has_taint(entry.change.after)
	msg := sprintf("%s: nodes that have GPUs, or may have some, without the taint nvidia.com/gpu", [entry.address])
	p := found("gpu_taint", entry.address, gpu_path(entry), msg, "Add the taint nvidia.com/gpu with the effect NO_SCHEDULE")
}

# What the denial depends on: the taint, if it is known that there are GPUs.
gpu_path(entry) := "taint" if {
	is_known_gpu(entry)
} else := "launch_template" if {
	template_of(entry) != {}
} else := "instance_types"

has_gpu(entry) if is_known_gpu(entry)

is_known_gpu(entry) if contains(object_text(entry.change.after, "ami_type"), "GPU")

is_known_gpu(entry) if contains(object_text(entry.change.after, "ami_type"), "NVIDIA")

is_known_gpu(entry) if {
	some kind in list_at(entry.change.after, "instance_types")
	is_gpu_kind(kind)
}

# Where a group says nothing of its instances, its launch template does.
is_known_gpu(entry) if {
	some template in templates_of(entry)
	is_gpu_kind(object.get(template.change.after, "instance_type", null))
}

is_gpu_kind(kind) if {
	is_string(kind)
	regex.match(`^(g|p)[0-9]`, kind)
}

# A group whose instances are not known yet may have GPUs.
has_gpu(entry) if is_unknown_at(entry, "instance_types")

has_gpu(entry) if {
	some template in templates_of(entry)
	is_unknown_at(template, "instance_type")
}

# So may one whose launch template is not in the plan.
has_gpu(entry) if {
	template_of(entry) != {}
	count(templates_of(entry)) == 0
}

template_of(entry) := block(entry.change.after, "launch_template") if {
	count(list_at(entry.change.after, "instance_types")) == 0
	not is_unknown_at(entry, "instance_types")
} else := {}

# The launch templates of the plan that may be the one that a group names. An id that is not known yet may be that of any.
templates_of(entry) := [template |
	named := template_of(entry)
	named != {}
	some template in hosted
	template.type == "aws_launch_template"
	may_be(named, template)
]

may_be(named, template) if {
	some key in ["id", "name"]
	value := object.get(named, key, null)
	is_string(value)
	value == object.get(template.change.after, key, null)
}

may_be(named, _) if {
	not is_string(object.get(named, "id", null))
	not is_string(object.get(named, "name", null))
}

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
#   reads: ["aws_*.tags", "aws_*.tags_all"]
#   settings: [deployment.required_tags]
#   actions:
#     - Add the tag to the object, or to default_tags of its provider
problem contains p if {
	some entry in hosted
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
workloads contains {"entry": entry, "spec": spec, "at": "spec"} if {
	some entry in manifested
	some type in workload_types
	entry.type in [sprintf("kubernetes_%s", [type]), sprintf("kubernetes_%s_v1", [type])]
	spec := block(entry.change.after, "spec")
}

# Types whose objects are written as Kubernetes has them.
raw_types := ["kubernetes_manifest", "kubernetes_object"]

workloads contains {"entry": entry, "spec": spec, "at": "manifest.spec"} if {
	some entry in manifested
	entry.type in raw_types
	manifest := block(entry.change.after, "manifest")
	object_text(manifest, "kind") in workload_kinds
	spec := block(manifest, "spec")
}

# Those that serve until somebody stops them, and those that end.
serving_kinds := ["Deployment", "StatefulSet", "DaemonSet", "Pod", "ReplicaSet", "ReplicationController"]

workload_kinds := array.concat(serving_kinds, ["Job", "CronJob", "PodTemplate"])

# The specification of the pods, and where it stands.
pod(w) := {"spec": inner, "at": at} if {
	inner := block(block(w.spec, "template"), "spec")
	count(inner) > 0
	at := sprintf("%s.template.spec", [w.at])
} else := {"spec": inner, "at": at} if {
	some key in ["job_template", "jobTemplate"]
	inner := block(block(block(block(w.spec, key), "spec"), "template"), "spec")
	count(inner) > 0
	at := sprintf("%s.%s.spec.template.spec", [w.at, key])
} else := {"spec": w.spec, "at": w.at}

# Every specification of pods: those of the workloads, and whatever else in an object has containers, of a kind that this
# policy has never heard of.
pods contains {"entry": w.entry, "spec": inner.spec, "at": inner.at} if {
	some w in workloads
	inner := pod(w)
}

pods contains {"entry": entry, "spec": node, "at": place(path)} if {
	some entry in manifested
	entry.type in raw_types
	walk(block(entry.change.after, "manifest"), [path, node])
	is_object(node)
	some key in ["containers", "initContainers", "ephemeralContainers"]
	key in object.keys(node)
}

# A path in a manifest as text.
place(path) := concat("", array.concat(["manifest"], [step_text(step) | some step in path]))

step_text(step) := sprintf(".%s", [step]) if is_string(step)

step_text(step) := sprintf("[%d]", [step]) if is_number(step)

either(parent, snake, camel) := block(parent, snake) if {
	count(block(parent, snake)) > 0
} else := block(parent, camel)

value_of(parent, snake, camel) := object.get(parent, snake, object.get(parent, camel, null))

lists := ["container", "containers", "init_container", "initContainers", "ephemeral_container", "ephemeralContainers"]

main_lists := ["container", "containers"]

# Kubernetes takes no requests, limits or probes of these.
ephemeral_lists := ["ephemeral_container", "ephemeralContainers"]

containers contains {"entry": p.entry, "pod": p.spec, "container": c, "name": name, "at": at, "list": key} if {
	some p in pods
	some key in lists
	some index, c in list_at(p.spec, key)
	is_object(c)
	name := sprintf("%s, container %s", [p.entry.address, object_text(c, "name")])
	at := sprintf("%s.%s[%d]", [p.at, key, index])
}

# Where something of a container stands: objects that are written as Kubernetes has them have other names.
inside(c, snake, camel) := sprintf("%s.%s", [c.at, camel]) if {
	startswith(c.at, "manifest.")
} else := sprintf("%s.%s", [c.at, snake])

# METADATA
# title: Images
# description: A container runs the image that was looked at, whatever its tag points at later.
# custom:
#   rule: image_digest
#   level: mandatory
#   docs: docs/governance.md#image_digest
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest"]
#   actions:
#     - Name the image by its digest, as in registry/image@sha256:…
problem contains p if {
	some c in containers
	not regex.match(`@sha256:[0-9a-f]{64}$`, object_text(c.container, "image"))
	p := found("image_digest", c.entry.address, inside(c, "image", "image"), sprintf("%s: the image is not pinned by a digest", [c.name]), "Name the image by its digest, as in registry/image@sha256:…")
}

problem contains p if {
	some w in workloads
	not w.entry.address in with_containers
	p := found("image_digest", w.entry.address, containers_at(pod(w).at), sprintf("%s: its containers are not known", [w.entry.address]), "Write the containers into the configuration")
}

containers_at(at) := sprintf("%s.containers", [at]) if {
	startswith(at, "manifest.")
} else := sprintf("%s.container", [at])

with_containers contains c.entry.address if some c in containers

# METADATA
# title: Security context
# description: Containers do not run as root, cannot gain privileges, and cannot write to their root file system.
# custom:
#   rule: security_context
#   level: mandatory
#   docs: docs/governance.md#security_context
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest"]
#   actions:
#     - Set the security context of the container
problem contains p if {
	some c in containers
	some fault in context_faults(c)
	p := found("security_context", c.entry.address, inside(c, "security_context", "securityContext"), sprintf("%s: %s", [c.name, fault]), "Set the security context of the container")
}

context_faults(c) := {fault |
	some fault, sound in {
		"it may run as root": runs_as_user(c),
		"it may write to its root file system": own_is(c, "read_only_root_filesystem", "readOnlyRootFilesystem", true),
		"it may gain privileges": own_is(c, "allow_privilege_escalation", "allowPrivilegeEscalation", false),
		"it is privileged": is_unprivileged(c),
		"it has capabilities added": has_no_more(c),
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

# Beside the one that lets it listen on low ports.
has_no_more(c) if {
	object.get(block(own_context(c), "capabilities"), "add", null) in [null, [], ["NET_BIND_SERVICE"]]
} else := false

# METADATA
# title: Access to nodes
# description: Pods share no network, processes or memory with their node, and mount none of its folders.
# custom:
#   rule: host_access
#   level: mandatory
#   docs: docs/governance.md#host_access
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest"]
#   actions:
#     - Take the access to the node away; mount a volume claim in place of a folder of the node
problem contains p if {
	some inner in pods
	some names in [["host_network", "hostNetwork"], ["host_pid", "hostPID"], ["host_ipc", "hostIPC"]]
	some name in names
	not object.get(inner.spec, name, null) in [null, false]
	p := host_problem(inner, name, sprintf("%s must not be set", [name]))
}

problem contains p if {
	some inner in pods
	some key in ["volume", "volumes"]
	some index, volume in list_at(inner.spec, key)
	is_object(volume)
	some name in ["host_path", "hostPath"]
	not object.get(volume, name, null) in [null, []]
	p := host_problem(inner, sprintf("%s[%d].%s", [key, index, name]), "a folder of the node is mounted")
}

host_problem(inner, path, fault) := found(
	"host_access", inner.entry.address, sprintf("%s.%s", [inner.at, path]),
	sprintf("%s: %s", [inner.entry.address, fault]),
	"Take the access to the node away; mount a volume claim in place of a folder of the node",
)

# METADATA
# title: Requests and limits
# description: Every container says what it needs and what it may take at most.
# custom:
#   rule: container_resources
#   level: mandatory
#   docs: docs/governance.md#container_resources
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest"]
#   actions:
#     - Set requests and limits of CPU and memory
problem contains p if {
	some c in containers
	not c.list in ephemeral_lists
	some kind in ["requests", "limits"]
	some what in ["cpu", "memory"]
	given_amounts := object_or_empty(object.get(block(c.container, "resources"), kind, {}))
	not is_amount(object.get(given_amounts, what, null))
	path := sprintf("resources.%s.%s", [kind, what])
	p := found("container_resources", c.entry.address, inside(c, path, path), sprintf("%s: %s is missing", [c.name, path]), "Set requests and limits of CPU and memory")
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
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest"]
#   actions:
#     - Add a liveness and a readiness probe
problem contains p if {
	some c in containers
	c.list in main_lists
	serves_for_ever(c.entry)
	some probe in [["liveness_probe", "livenessProbe"], ["readiness_probe", "readinessProbe"]]
	count(either(c.container, probe[0], probe[1])) == 0
	p := found("probes", c.entry.address, inside(c, probe[0], probe[1]), sprintf("%s: %s is missing", [c.name, probe[0]]), "Add a liveness and a readiness probe")
}

serves_for_ever(entry) if {
	not contains(entry.type, "job")
	not entry.type in raw_types
}

serves_for_ever(entry) if object_text(block(entry.change.after, "manifest"), "kind") in serving_kinds

# METADATA
# title: Replicas
# description: What serves has at least as many replicas as the environment needs.
# custom:
#   rule: replicas
#   level: mandatory
#   docs: docs/governance.md#replicas
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest"]
#   settings: [deployment.replicas_min]
#   actions:
#     - Set replicas to the least number of the environment or more
problem contains p if {
	some w in workloads
	is_replicated(w.entry)
	least := given("replicas_min")
	not has_replicas(w, least)
	msg := sprintf("%s: fewer replicas than the %d of this environment", [w.entry.address, least])
	p := found("replicas", w.entry.address, sprintf("%s.replicas", [w.at]), msg, "Set replicas to the least number of the environment or more")
}

is_replicated(entry) if regex.match(`_(deployment|stateful_set|replica_set|replication_controller)(_v1)?$`, entry.type)

is_replicated(entry) if {
	object_text(block(entry.change.after, "manifest"), "kind") in ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"]
}

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

# ---- Models: what manifests say of them against what their files say

# Taking everything away is never stopped by a rule on models.
default is_destroyed := false

is_destroyed if input.plan.destroy == true

part_of_input(key) := object_or_empty(object.get(object_or_empty(input), key, {}))

models contains {"name": name, "file": file, "inference": inference} if {
	not is_destroyed
	some name, file in part_of_input("models")
	is_object(file)
	manifest := object_or_empty(object.get(part_of_input("manifests"), name, {}))
	inference := object_or_empty(object.get(object_or_empty(object.get(manifest, "spec", {})), "inference", {}))
}

mib := 1048576

size_of(m) := size if {
	size := object.get(m.file, "size_bytes", null)
	is_number(size)
} else := 0

limits_of(m) := object_or_empty(object.get(object_or_empty(object.get(m.inference, "resources", {})), "limits", {}))

rounded_up(bytes) := format_int(ceil(bytes / mib), 10)

# METADATA
# title: Size of models
# description: The file of a model is no larger than allowed (2 GiB).
# custom:
#   rule: model_size
#   level: overridable
#   docs: docs/governance.md#model_size
#   reads: []
#   settings: [deployment.model_size_mib_max]
#   actions:
#     - Make the model smaller (quantise it, prune it), or give `--override model_size=REASON`
problem contains p if {
	some m in models
	most := given("model_size_mib_max")
	size_of(m) > most * mib
	msg := sprintf("Model %s is of %s MiB, and at most %v MiB are allowed", [m.name, rounded_up(size_of(m)), most])
	p := found("model_size", m.name, "spec.model.uri", msg, "Make the model smaller (quantise it, prune it), or give `--override model_size=REASON`")
}

# METADATA
# title: Memory for models
# description: The memory limit of a server is at least the size of its model, which it holds in memory.
# custom:
#   rule: model_memory
#   level: mandatory
#   docs: docs/governance.md#model_memory
#   reads: []
#   actions:
#     - Raise spec.inference.resources.limits.memory to more than the size of the model
problem contains p if {
	some m in models
	memory := bytes_of(object.get(limits_of(m), "memory", null))
	size_of(m) > memory
	msg := sprintf("Model %s is of %s MiB, and the memory of its server is limited to %s MiB", [m.name, rounded_up(size_of(m)), format_int(floor(memory / mib), 10)])
	p := found("model_memory", m.name, "spec.inference.resources.limits.memory", msg, "Raise spec.inference.resources.limits.memory to more than the size of the model")
}

# Undefined for what is no quantity: of that another rule tells.
bytes_of(quantity) := quantity if is_number(quantity)

bytes_of(quantity) := in_unit(to_number(plain(parts[0][1])), parts[0][3]) * power_of(parts[0][2]) if {
	is_string(quantity)
	parts := regex.find_all_string_submatch_n(`^\+?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,2})|([KMGTPE]i|[mkMGTPE])?)$`, quantity, 1)
	count(parts) == 1
}

in_unit(number, unit) := number / 1000 if {
	unit == "m"
} else := number * quantity_units[unit]

# Digits as JSON has them.
plain(digits) := trim_right(concat("", ["0", trimmed]), ".") if {
	trimmed := trim_left(digits, "0")
	regex.match(`^(\.|$)`, trimmed)
} else := trim_right(trim_left(digits, "0"), ".")

power_of(exponent) := 1 if {
	exponent == ""
} else := to_number(concat("", ["1e", trim_left(exponent, "+")]))

quantity_units := {
	"": 1, "k": 1000, "M": 1000000, "G": 1000000000, "T": 1000000000000, "P": 1000000000000000, "E": 1000000000000000000,
	"Ki": 1024, "Mi": 1048576, "Gi": 1073741824, "Ti": 1099511627776, "Pi": 1125899906842624, "Ei": 1152921504606846976,
}

# METADATA
# title: Memory of GPUs
# description: A model that runs on a GPU fits into its memory, by an estimate of 1.2 times its size and 512 MiB.
# custom:
#   rule: gpu_memory
#   level: overridable
#   docs: docs/governance.md#gpu_memory
#   reads: [aws_eks_node_group.instance_types, aws_eks_node_group.launch_template, aws_launch_template.instance_type]
#   settings: [deployment.gpu_memory_gib]
#   actions:
#     - Choose nodes whose GPUs have more memory, make the model smaller, or give `--override gpu_memory=REASON`
problem contains p if {
	some m in models
	runs_on_gpu(m)
	needed := (size_of(m) * 1.2) + (512 * mib)
	needed > (gpu_memory_gib * 1024) * mib
	msg := sprintf("Model %s needs about %s MiB on a GPU, and those of the nodes have %v GiB", [m.name, rounded_up(needed), gpu_memory_gib])
	p := found("gpu_memory", m.name, "spec.model.uri", msg, "Choose nodes whose GPUs have more memory, make the model smaller, or give `--override gpu_memory=REASON`")
}

runs_on_gpu(m) if object.get(m.inference, "device", null) == "cuda"

runs_on_gpu(m) if not object.get(limits_of(m), "nvidia.com/gpu", 0) in [0, "0", null]

# Of the nodes in the plan, the least; without any, what the settings say.
gpu_memory_gib := min(known_gpu_memory) if {
	count(known_gpu_memory) > 0
} else := given("gpu_memory_gib")

known_gpu_memory contains gib if {
	some entry in hosted
	entry.type == "aws_eks_node_group"
	some kind in list_at(entry.change.after, "instance_types")
	is_string(kind)
	gib := memory_of_gpus[split(kind, ".")[0]]
}

known_gpu_memory contains gib if {
	some entry in hosted
	entry.type == "aws_launch_template"
	gib := memory_of_gpus[split(object_text(entry.change.after, "instance_type"), ".")[0]]
}

# GiB of one GPU, by the family of the instances.
memory_of_gpus := {
	"g3": 8, "g3s": 8, "g4ad": 8, "g4dn": 16, "g5": 24, "g5g": 16, "g6": 24, "g6e": 48, "gr6": 24,
	"p2": 12, "p3": 16, "p3dn": 32, "p4d": 40, "p4de": 80, "p5": 80, "p5e": 141, "p5en": 141, "p6-b200": 180,
}

# METADATA
# title: Labels of classes
# description: Where the manifest names classes, there are as many as the model tells apart.
# custom:
#   rule: class_labels
#   level: overridable
#   docs: docs/governance.md#class_labels
#   reads: []
#   actions:
#     - Name each class in spec.inference.labels, in the model's order
problem contains p if {
	some m in models
	labels := object.get(m.inference, "labels", null)
	is_array(labels)
	classes := {to_number(last) |
		some port in list_at(m.file, "outputs")
		is_object(port)
		shape := list_at(port, "shape")
		count(shape) == 2
		last := shape[1]
		is_fixed(last)

		# One column says nothing of how many classes there are: of two, it may be the chance of one.
		to_number(last) > 1
	}
	count(classes) > 0
	not count(labels) in classes
	msg := sprintf("Model %s has %d labels, and its outputs have %s columns", [m.name, count(labels), concat(" or ", sort([format_int(n, 10) | some n in classes]))])
	p := found("class_labels", m.name, "spec.inference.labels", msg, "Name each class in spec.inference.labels, in the model's order")
}

is_fixed(size) if {
	is_string(size)
	regex.match(`^[0-9]{1,9}$`, size)
}

# METADATA
# title: Signature
# description: |
#   The version of a model that would serve takes what the one that serves now takes, and gives what it gives. A further
#   output breaks nobody; anything else that is gone, new or of another type or shape does. A version of which that is not
#   known breaks somebody, as far as anybody can tell.
# custom:
#   rule: signature
#   level: overridable
#   docs: docs/governance.md#signature
#   reads: ["*.signature"]
#   actions:
#     - Serve it under another name beside the old one, or tell the callers and give `--override signature=REASON`
problem contains p if {
	some entry in serving
	before := ports_at(object.get(entry.change, "before", null))
	after := ports_at(entry.change.after)
	some fault in signature_faults(before, after)
	msg := sprintf("%s: callers of the version that serves now break: %s", [entry.address, fault])
	p := found("signature", entry.address, "signature", msg, "Serve it under another name beside the old one, or tell the callers and give `--override signature=REASON`")
}

# What says nothing of it could be anything. Its provider reads the file; one that is only made by this apply cannot be read.
problem contains p if {
	some entry in serving
	must_have_signature(entry)
	not is_readable_signature(object_text(entry.change.after, "signature"))
	msg := sprintf("%s: what the model takes and gives is not said, so nobody can tell whether callers break", [entry.address])
	p := found("signature", entry.address, "signature", msg, "Write `signature` as the model's file has it, or leave it out where the file is there: it is read from it")
}

must_have_signature(entry) if not unknown_in(entry, "signature")

must_have_signature(entry) if object_text(object_or_empty(object.get(entry.change, "before", {})), "signature") != ""

is_readable_signature(text) if {
	sides := split(text, " -> ")
	count(sides) == 2
	every side in sides {
		count(ports_of(side)) == count(split(side, ", "))
	}
}

# What a service says that it takes and gives, as in `x: float32[?,4] -> label: int64[?], scores: float32[?,3]`.
ports_at(object) := {"inputs": ports_of(sides[0]), "outputs": ports_of(sides[1])} if {
	is_object(object)
	text := object_text(object, "signature")
	is_readable_signature(text)
	sides := split(text, " -> ")
}

ports_of(text) := {parts[0][1]: {"dtype": parts[0][2], "shape": shape_of(parts[0][3])} |
	some each in split(text, ", ")
	parts := regex.find_all_string_submatch_n(`^(.+): ([^\[\]]+?)(?:\[(.*)\])?$`, each, 1)
	count(parts) == 1
}

# Nothing is known of a shape that is not there, as of a scalar's.
shape_of("") := []

shape_of(text) := split(text, ",") if text != ""

signature_faults(before, after) := union({
	{sprintf("input '%s' is gone", [name]) | some name, _ in before.inputs; not name in object.keys(after.inputs)},
	{sprintf("input '%s' is new, and has to be given", [name]) | some name, _ in after.inputs; not name in object.keys(before.inputs)},
	{sprintf("output '%s' is gone", [name]) | some name, _ in before.outputs; not name in object.keys(after.outputs)},
	{sprintf("input '%s' is of the type %s and was of %s", [name, after.inputs[name].dtype, old.dtype]) |
		some name, old in before.inputs
		name in object.keys(after.inputs)
		after.inputs[name].dtype != old.dtype
	},
	{sprintf("output '%s' is of the type %s and was of %s", [name, after.outputs[name].dtype, old.dtype]) |
		some name, old in before.outputs
		name in object.keys(after.outputs)
		after.outputs[name].dtype != old.dtype
	},
	{sprintf("input '%s' has the shape [%s] and had [%s]", [name, concat(",", after.inputs[name].shape), concat(",", old.shape)]) |
		some name, old in before.inputs
		name in object.keys(after.inputs)
		not takes(after.inputs[name].shape, old.shape)
	},
	{sprintf("output '%s' has the shape [%s] and had [%s]", [name, concat(",", after.outputs[name].shape), concat(",", old.shape)]) |
		some name, old in before.outputs
		name in object.keys(after.outputs)
		not takes(old.shape, after.outputs[name].shape)
	},
})

# Whether every tensor of the second shape is one of the first. A size that is not fixed is any.
takes(wide, _) if count(wide) == 0

takes(wide, narrow) if {
	count(wide) == count(narrow)
	every index, size in wide {
		is_of_size(size, narrow[index])
	}
}

is_of_size(size, _) if not is_fixed(size)

is_of_size(size, other) if {
	is_fixed(size)
	size == other
}

# ---- What is hidden from the rules

# METADATA
# title: What the rules look at
# description: |
#   What is sensitive is masked, and what is masked, or not of its type, cannot be judged. Where a rule has to look at it, that
#   denies: nothing gets through by being hidden.
# custom:
#   rule: shown
#   level: mandatory
#   docs: docs/governance.md#shown
#   reads: ["kubernetes_*.spec", "kubernetes_*.manifest", "aws_eks_node_group.*", "aws_launch_template.*", "*.signature"]
#   actions:
#     - Take the sensitive mark off this value, and leave it on the secret alone
problem contains p if {
	some hidden in hidden_parts
	msg := sprintf("%s: %s is hidden from the rules (sensitive, or not of its type)", [hidden.entry.address, hidden.path])
	p := found("shown", hidden.entry.address, hidden.path, msg, "Take the sensitive mark off this value, and leave it on the secret alone")
}

mask := "(sensitive value"

# Text that is not a mask.
is_shown(value) if {
	is_string(value)
	value != ""
	not startswith(value, mask)
}

unknown_in(entry, key) if object.get(object_or_empty(object.get(entry.change, "after_unknown", {})), key, false) != false

hidden_parts contains {"entry": entry, "path": "manifest"} if {
	some entry in manifested
	entry.type in raw_types
	not unknown_in(entry, "manifest")
	not is_object(object.get(entry.change.after, "manifest", null))
}

hidden_parts contains {"entry": entry, "path": "manifest.kind"} if {
	some entry in manifested
	entry.type in raw_types
	not unknown_in(entry, "manifest")
	manifest := object.get(entry.change.after, "manifest", null)
	is_object(manifest)
	not is_shown(object.get(manifest, "kind", null))
}

# What may hold pods, and what of pods is looked at.
hidden_parts contains {"entry": entry, "path": "manifest.spec"} if {
	some entry in manifested
	entry.type in raw_types
	startswith(object_text(block(entry.change.after, "manifest"), "spec"), mask)
}

hidden_parts contains {"entry": p.entry, "path": sprintf("%s.%s", [p.at, key])} if {
	some p in pods
	some key in looked_at
	value := object.get(p.spec, key, null)
	value != null
	not is_array(value)
}

hidden_parts contains {"entry": p.entry, "path": sprintf("%s.%s[%d]", [p.at, key, index])} if {
	some p in pods
	some key in looked_at
	some index, part in list_at(p.spec, key)
	part != null
	not is_object(part)
}

looked_at := array.concat(lists, ["volume", "volumes"])

hidden_parts contains {"entry": entry, "path": sprintf("%s[%d]", [key, index])} if {
	some entry in hosted
	entry.type in ["aws_launch_template", "aws_instance", "aws_launch_configuration"]
	some key in ["block_device_mappings", "root_block_device", "ebs_block_device"]
	some index, part in list_at(entry.change.after, key)
	not is_object(part)
}

hidden_parts contains {"entry": entry, "path": key} if {
	some entry in hosted
	entry.type in ["aws_launch_template", "aws_instance", "aws_launch_configuration"]
	some key in ["block_device_mappings", "root_block_device", "ebs_block_device"]
	not unknown_in(entry, key)
	value := object.get(entry.change.after, key, null)
	value != null
	not is_array(value)
}

hidden_parts contains {"entry": entry, "path": "instance_type"} if {
	some entry in hosted
	entry.type == "aws_launch_template"
	not unknown_in(entry, "instance_type")
	value := object.get(entry.change.after, "instance_type", null)
	value != null
	not is_shown(value)
}

hidden_parts contains {"entry": entry, "path": "instance_types"} if {
	some entry in hosted
	entry.type == "aws_eks_node_group"
	not unknown_in(entry, "instance_types")
	value := object.get(entry.change.after, "instance_types", null)
	value != null
	not is_list_of_shown(value)
}

hidden_parts contains {"entry": entry, "path": "ami_type"} if {
	some entry in hosted
	entry.type == "aws_eks_node_group"
	value := object.get(entry.change.after, "ami_type", null)
	value != null
	not is_shown(value)
}

hidden_parts contains {"entry": entry, "path": "signature"} if {
	some entry in serving
	some side in ["before", "after"]
	value := object.get(object_or_empty(object.get(entry.change, side, {})), "signature", null)
	value != null
	not is_shown(value)
}

is_list_of_shown(value) if {
	is_array(value)
	every entry in value {
		is_shown(entry)
	}
}
