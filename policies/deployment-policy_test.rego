package deployment.policy_test

import data.deployment.policy

# ---- Support

made(type, after) := {
	"address": sprintf("%s.a", [type]),
	"type": type,
	"change": {"actions": ["create"], "before": null, "after": after, "after_unknown": {}},
}

plan(entries) := {"plan": {"resource_changes": entries}}

prod := {"environment": "prod"}

# The rules that deny a plan, and the paths at which they do.
denied_by(document, mlo) := {sprintf("%s %s", [v.rule, v.path]) | some v in found} if {
	found := policy.violation with input as document with data.mlo as mlo
}

denied(entry, expected) if denied_by(plan([entry]), prod) == expected

passes(entry) if denied(entry, set())

# ---- The whole

test_an_empty_plan_passes if {
	policy.allow with input as plan([]) with data.mlo as prod
	policy.deny == set() with input as plan([]) with data.mlo as prod
	every check in policy.evaluated {
		check.passed
	} with input as plan([]) with data.mlo as prod
}

test_what_is_no_plan_is_denied if {
	every document in [null, [], {}, {"plan": 1}, {"plan": {}}, {"plan": {"resource_changes": {}}}, plan([1]), plan([{"address": "a"}])] {
		denied_by(document, prod) == {"plan_document "}
	}
}

test_a_rule_that_denies_has_not_passed if {
	checks := policy.evaluated with input as plan([made("aws_ebs_volume", {})]) with data.mlo as prod
	{c.rule | some c in checks; not c.passed} == {"encryption"}
}

test_settings_that_are_misspelt_or_of_another_type_deny if {
	every deployment in [1, {"replica_min": 1}, {"replicas_min": "3"}, {"stateful": {"prod": "x"}}, {"required_tags": [1]}] {
		denied_by(plan([]), {"environment": "prod", "deployment": deployment}) == {"deployment_data "}
	}
}

test_what_stays_as_it_is_is_looked_at_too if {
	entry := object.union(made("aws_ebs_volume", {"encrypted": false}), {"change": {"actions": ["no-op"]}})
	denied(entry, {"encryption encrypted"})
}

# ---- Deletion

deleted(type, actions) := {"address": "x.a", "type": type, "change": {"actions": actions, "before": {}, "after": null}}

test_what_keeps_data_is_not_taken_away if {
	denied(deleted("aws_s3_bucket", ["delete"]), {"deletion "})
	denied(deleted("aws_s3_bucket", ["delete", "create"]), {"deletion "})
	passes(deleted("aws_s3_bucket", ["forget"]))
	passes(deleted("local_file", ["delete"]))
}

test_what_keeps_data_is_a_setting if {
	mlo := {"environment": "prod", "deployment": {"stateful": {"prod": ["local_file"]}}}
	denied_by(plan([deleted("local_file", ["delete"])]), mlo) == {"deletion "}
	every environment in ["dev", "production"] {
		denied_by(plan([deleted("local_file", ["delete"])]), object.union(mlo, {"environment": environment})) == {"deletion "}
	}
	elsewhere := {"environment": "dev", "deployment": {"stateful": {"prod": ["local_file"], "dev": []}}}
	denied_by(plan([deleted("local_file", ["delete"])]), elsewhere) == set()
}

# ---- Cloud

closed := {"block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true}

test_buckets_are_private if {
	passes(made("aws_s3_bucket_public_access_block", closed))
	denied(made("aws_s3_bucket_public_access_block", object.union(closed, {"block_public_policy": false})), {"public_bucket block_public_policy"})
	denied(made("aws_s3_bucket_public_access_block", object.remove(closed, ["block_public_acls"])), {"public_bucket block_public_acls"})
	passes(made("aws_s3_bucket", {"bucket": "b"}))
	denied(made("aws_s3_bucket_acl", {"acl": "public-read"}), {"public_bucket acl"})
	denied(made("aws_s3_bucket_acl", {"acl": ["private"]}), {"public_bucket acl"})
}

test_disks_are_encrypted if {
	passes(made("aws_ebs_volume", {"encrypted": true}))
	denied(made("aws_ebs_volume", {"encrypted": "true"}), {"encryption encrypted"})
	denied(made("aws_ebs_volume", {}), {"encryption encrypted"})
	denied(made("aws_rds_cluster", {"storage_encrypted": null}), {"encryption storage_encrypted"})
}

cluster(network) := made("aws_eks_cluster", {"vpc_config": [network], "encryption_config": [{"resources": ["secrets"]}]})

test_cluster_endpoints_are_private_or_limited if {
	passes(cluster({"endpoint_public_access": false}))
	denied(cluster({"endpoint_public_access": true}), {"cluster_endpoint vpc_config[0].public_access_cidrs"})
	denied(cluster({}), {"cluster_endpoint vpc_config[0].endpoint_public_access"})
	limited := cluster({"endpoint_public_access": true, "public_access_cidrs": ["192.0.2.0/24"]})
	denied(limited, {"cluster_endpoint vpc_config[0].public_access_cidrs"})
	listed := {"environment": "prod", "deployment": {"endpoint_cidrs": ["192.0.2.0/24", "0.0.0.0/0"]}}
	denied_by(plan([limited]), listed) == set()
	denied_by(plan([cluster({"endpoint_public_access": true, "public_access_cidrs": ["0.0.0.0/0"]})]), listed) == {"cluster_endpoint vpc_config[0].public_access_cidrs"}
	denied(made("aws_eks_cluster", {"vpc_config": [{"endpoint_public_access": false}]}), {"encryption encryption_config[0].resources"})
}

test_gpu_nodes_are_tainted if {
	taint := [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]
	passes(made("aws_eks_node_group", {"instance_types": ["m6i.large"]}))
	passes(made("aws_eks_node_group", {"instance_types": ["g4dn.xlarge"], "taint": taint}))
	denied(made("aws_eks_node_group", {"instance_types": ["g4dn.xlarge"]}), {"gpu_taint taint"})
	denied(made("aws_eks_node_group", {"ami_type": "AL2023_x86_64_NVIDIA", "taint": []}), {"gpu_taint taint"})
	unknown := object.union(made("aws_eks_node_group", {}), {"change": {"after_unknown": {"instance_types": true}}})
	denied(unknown, {"gpu_taint instance_types"})
}

template(after) := made("aws_launch_template", object.union({"name": "t", "id": "lt-1"}, after))

disk(encrypted) := template({"block_device_mappings": [{"device_name": "/dev/xvda", "ebs": [{"encrypted": encrypted}]}]})

group(named) := made("aws_eks_node_group", {"launch_template": [named]})

together(a, b) := denied_by(plan([a, b]), prod)

test_launch_templates_are_looked_at if {
	every named in [{"name": "t"}, {"id": "lt-1"}, {"version": "1"}] {
		together(template({"instance_type": "m6i.large"}), group(named)) == set()
		together(template({"instance_type": "g4dn.xlarge"}), group(named)) == {"gpu_taint taint"}
	}
	denied(group({"name": "elsewhere"}), {"gpu_taint launch_template"})
	unknown := object.union(template({}), {"change": {"after_unknown": {"instance_type": true}}})
	together(unknown, group({"name": "t"})) == {"gpu_taint launch_template"}
	passes(disk("true"))
	passes(disk(true))
	denied(disk("false"), {"encryption block_device_mappings[0].ebs[0].encrypted"})
	denied(template({"block_device_mappings": [{"ebs": [{"volume_size": 8}]}]}), {"encryption block_device_mappings[0].ebs[0].encrypted"})
	denied(made("aws_instance", {"root_block_device": [{"encrypted": false}]}), {"encryption root_block_device[0].encrypted"})
	denied(template({"block_device_mappings": "(sensitive value)"}), {"shown block_device_mappings"})
	denied(template({"instance_type": "(sensitive value)"}), {"shown instance_type"})
}

test_tags_that_are_required if {
	mlo := {"environment": "prod", "deployment": {"required_tags": ["owner"]}}
	denied_by(plan([made("aws_vpc", {"tags": {"owner": "ml"}})]), mlo) == set()
	denied_by(plan([made("aws_vpc", {"tags": null, "tags_all": {"owner": "ml"}})]), mlo) == set()
	denied_by(plan([made("aws_vpc", {"tags": {"owner": " "}})]), mlo) == {"required_tags tags"}
	denied_by(plan([made("aws_vpc", {"tags": null})]), mlo) == {"required_tags tags"}
	denied_by(plan([made("aws_route", {"x": 1})]), mlo) == set()
}

# ---- Workloads

image := "registry.example/m@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

camel := {
	"name": "m", "image": image,
	"securityContext": {"runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false},
	"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}},
	"livenessProbe": {"httpGet": {"path": "/health"}}, "readinessProbe": {"httpGet": {"path": "/ready"}},
}

snake := {
	"name": "m", "image": image,
	"security_context": [{"run_as_non_root": true, "read_only_root_filesystem": true, "allow_privilege_escalation": false}],
	"resources": [{"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}],
	"liveness_probe": [{"period_seconds": 5}], "readiness_probe": [{"period_seconds": 5}],
}

manifest(kind, container) := made("kubernetes_manifest", {"manifest": {"kind": kind, "spec": {
	"replicas": 3,
	"template": {"spec": {"containers": [container]}},
}}})

typed(container) := made("kubernetes_deployment_v1", {"spec": [{
	"replicas": "3",
	"template": [{"spec": [{"container": [container]}]}],
}]})

test_a_sound_workload_passes_in_both_forms if {
	passes(manifest("Deployment", camel))
	passes(typed(snake))
	passes(manifest("Job", object.remove(camel, ["livenessProbe", "readinessProbe"])))
}

# The same as the other type whose objects are written as Kubernetes has them.
as_object(entry) := object.union(entry, {"type": "kubernetes_object"})

test_objects_are_looked_at_as_manifests_are if {
	passes(as_object(manifest("Deployment", camel)))
	passes(as_object(manifest("Job", object.remove(camel, ["livenessProbe", "readinessProbe"]))))
	denied(as_object(manifest("Deployment", object.union(camel, {"image": "m:1"}))), {"image_digest manifest.spec.template.spec.containers[0].image"})
	denied(as_object(manifest("Deployment", object.remove(camel, ["livenessProbe"]))), {"probes manifest.spec.template.spec.containers[0].livenessProbe"})
	denied(as_object(manifest("Rollout", object.remove(camel, ["securityContext"]))), {"security_context manifest.spec.template.spec.containers[0].securityContext"})
	denied(as_object(made("kubernetes_manifest", {"manifest": "(sensitive value)"})), {"shown manifest"})
	few := {"environment": "prod", "deployment": {"replicas_min": 4}}
	denied_by(plan([as_object(manifest("Deployment", camel))]), few) == {"replicas manifest.spec.replicas"}
}

test_each_part_of_a_container_is_needed_in_both_forms if {
	denied(manifest("Deployment", object.union(camel, {"image": "m:latest"})), {"image_digest manifest.spec.template.spec.containers[0].image"})
	denied(typed(object.union(snake, {"image": null})), {"image_digest spec.template.spec.container[0].image"})
	denied(manifest("Deployment", object.remove(camel, ["securityContext"])), {"security_context manifest.spec.template.spec.containers[0].securityContext"})
	denied(manifest("Deployment", object.union(camel, {"securityContext": {"privileged": true}})), {"security_context manifest.spec.template.spec.containers[0].securityContext"})
	denied(typed(object.remove(snake, ["security_context"])), {"security_context spec.template.spec.container[0].security_context"})
	denied(manifest("Deployment", object.union(camel, {"resources": {"limits": {"cpu": "0"}}})), {"container_resources manifest.spec.template.spec.containers[0].resources.limits.cpu"})
	denied(typed(object.remove(snake, ["liveness_probe"])), {"probes spec.template.spec.container[0].liveness_probe"})
	denied(manifest("Deployment", object.remove(camel, ["readinessProbe"])), {"probes manifest.spec.template.spec.containers[0].readinessProbe"})
}

test_what_a_container_says_goes_before_what_its_pod_says if {
	with_pod := object.union(manifest("Deployment", object.union(camel, {"securityContext": {"runAsNonRoot": false}})), {"change": {"after": {"manifest": {"spec": {"template": {"spec": {"securityContext": {"runAsNonRoot": true}}}}}}}})
	denied(with_pod, {"security_context manifest.spec.template.spec.containers[0].securityContext"})
}

in_pod(kind, at, container, more) := made("kubernetes_manifest", {"manifest": object.union(
	{"kind": kind, "spec": {"replicas": 3}},
	under(at, object.union({"containers": [container]}, more)),
)})

# A specification of pods below the keys of a path.
under(["spec"], pod) := {"spec": pod}

under(["spec", "predictor"], pod) := {"spec": {"predictor": pod}}

under(["spec", "template", "spec"], pod) := {"spec": {"template": {"spec": pod}}}

under(["spec", "jobTemplate", "spec", "template", "spec"], pod) := {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}

every_kind := {
	"Pod": ["spec"],
	"Deployment": ["spec", "template", "spec"],
	"StatefulSet": ["spec", "template", "spec"],
	"DaemonSet": ["spec", "template", "spec"],
	"ReplicaSet": ["spec", "template", "spec"],
	"ReplicationController": ["spec", "template", "spec"],
	"Job": ["spec", "template", "spec"],
	"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
	"Rollout": ["spec", "template", "spec"],
	"InferenceService": ["spec", "predictor"],
}

test_every_kind_of_pod_is_looked_at if {
	every kind, at in every_kind {
		where := concat(".", at)
		passes(in_pod(kind, at, camel, {}))
		denied(in_pod(kind, at, object.union(camel, {"image": "m:1"}), {}), {sprintf("image_digest manifest.%s.containers[0].image", [where])})
		denied(in_pod(kind, at, camel, {"hostNetwork": true}), {sprintf("host_access manifest.%s.hostNetwork", [where])})
		denied(in_pod(kind, at, camel, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}), {sprintf("host_access manifest.%s.volumes[0].hostPath", [where])})
		passes(in_pod(kind, at, camel, {"volumes": [{"name": "v", "emptyDir": {}}]}))
		denied(in_pod(kind, at, camel, {"volumes": "(sensitive value)"}), {sprintf("shown manifest.%s.volumes", [where])})
		first := object.union(object.remove(camel, ["livenessProbe", "readinessProbe"]), {"image": "m:1"})
		denied(in_pod(kind, at, camel, {"initContainers": [first]}), {sprintf("image_digest manifest.%s.initContainers[0].image", [where])})
		ephemeral := object.remove(first, ["resources"])
		denied(in_pod(kind, at, camel, {"ephemeralContainers": [ephemeral]}), {sprintf("image_digest manifest.%s.ephemeralContainers[0].image", [where])})
		root := object.union(camel, {"securityContext": {"runAsNonRoot": false}})
		denied(in_pod(kind, at, camel, {"ephemeralContainers": [object.remove(root, ["resources"])]}), {sprintf("security_context manifest.%s.ephemeralContainers[0].securityContext", [where])})
		more := object.union(camel, {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})
		denied(in_pod(kind, at, more, {}), {sprintf("security_context manifest.%s.containers[0].securityContext", [where])})
	}
	every kind in ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"] {
		few := {"environment": "prod", "deployment": {"replicas_min": 4}}
		denied_by(plan([in_pod(kind, every_kind[kind], camel, {})]), few) == {"replicas manifest.spec.replicas"}
	}
	hidden := made("kubernetes_manifest", {"manifest": {"kind": "Rollout", "spec": "(sensitive value)"}})
	denied(hidden, {"shown manifest.spec"})
}

test_every_type_of_pod_is_looked_at if {
	pod := {"container": [snake], "volume": [{"name": "v", "host_path": []}], "host_network": false, "init_container": [], "host_pid": false}
	templated := [{"replicas": "3", "template": [{"spec": [pod]}]}]
	types := {
		"kubernetes_pod_v1": [pod],
		"kubernetes_deployment": templated,
		"kubernetes_stateful_set_v1": templated,
		"kubernetes_daemon_set_v1": templated,
		"kubernetes_replication_controller_v1": templated,
		"kubernetes_job_v1": templated,
		"kubernetes_cron_job_v1": [{"job_template": [{"spec": templated}]}],
	}
	every type, spec in types {
		passes(made(type, {"spec": spec}))
		text := replace(json.marshal(spec), "\"host_path\":[]", "\"host_path\":[{\"path\":\"/\"}]")
		some v in policy.violation with input as plan([made(type, {"spec": json.unmarshal(text)})]) with data.mlo as prod
		v.rule == "host_access"
	}
}

test_the_least_number_of_replicas_is_the_environments if {
	least := {"environment": "prod", "deployment": {"replicas_min": {"dev": 1, "prod": 4}}}
	denied_by(plan([typed(snake)]), least) == {"replicas spec.replicas"}
	denied_by(plan([manifest("Deployment", camel)]), least) == {"replicas manifest.spec.replicas"}
	denied_by(plan([manifest("DaemonSet", camel)]), least) == set()
	denied_by(plan([typed(snake)]), object.union(least, {"environment": "dev"})) == set()
}

test_a_workload_whose_containers_are_not_known_is_denied if {
	denied(made("kubernetes_deployment_v1", {"spec": [{"replicas": "3"}]}), {"image_digest spec.container"})
}

# ---- Models

model(file, inference) := {
	"plan": {"resource_changes": []},
	"models": {"m": file},
	"manifests": {"m": {"spec": {"inference": inference}}},
}

test_models_are_no_larger_than_allowed_and_fit_into_memory if {
	small := {"size_bytes": 1048576}
	denied_by(model(small, {"resources": {"limits": {"memory": "1Mi"}}}), prod) == set()
	denied_by(model(small, {"resources": {"limits": {"memory": "1M"}}}), prod) == {"model_memory spec.inference.resources.limits.memory"}
	denied_by(model(small, {"resources": {"limits": {"memory": 1000000}}}), prod) == {"model_memory spec.inference.resources.limits.memory"}
	denied_by(model(small, {"resources": {"limits": {"memory": "much"}}}), prod) == set()
	every little in ["1e6", "+1M", "+1e+6", "1048575.9", "1000000000m", "1023Ki", "1000k"] {
		denied_by(model(small, {"resources": {"limits": {"memory": little}}}), prod) == {"model_memory spec.inference.resources.limits.memory"}
	}
	every enough in ["1E7", "+2M", "1048576", "1048576000m", "1024Ki", "1P", "1Ei"] {
		denied_by(model(small, {"resources": {"limits": {"memory": enough}}}), prod) == set()
	}
	denied_by(model(small, {}), {"environment": "prod", "deployment": {"model_size_mib_max": {"prod": 0}}}) == {"model_size spec.model.uri"}
	denied_by({"plan": {"resource_changes": [], "destroy": true}, "models": {"m": {"size_bytes": 10000000000}}}, prod) == set()
	denied_by(model(null, {}), prod) == set()
}

test_a_model_fits_into_the_memory_of_a_gpu_where_it_runs_on_one if {
	large := {"size_bytes": 2147483648}
	every inference in [{"device": "cuda"}, {"resources": {"limits": {"nvidia.com/gpu": 1}}}] {
		denied_by(model(large, inference), {"environment": "prod", "deployment": {"gpu_memory_gib": 2}}) == {"gpu_memory spec.model.uri"}
	}
	denied_by(model(large, {"device": "cuda"}), prod) == set()
	denied_by(model(large, {"device": "cpu"}), {"environment": "prod", "deployment": {"gpu_memory_gib": 2}}) == set()
	nodes := made("aws_eks_node_group", {"instance_types": ["g4dn.xlarge"], "taint": [{"key": "nvidia.com/gpu", "effect": "NO_SCHEDULE"}]})
	with_nodes := object.union(model(large, {"device": "cuda"}), plan([nodes]))
	denied_by(with_nodes, {"environment": "prod", "deployment": {"gpu_memory_gib": 2}}) == set()

	# The least of the nodes counts, also of those that a launch template makes.
	larger := {"size_bytes": 15 * 1073741824}
	denied_by(object.union(model(larger, {"device": "cuda"}), plan([nodes])), {"environment": "prod", "deployment": {"gpu_memory_gib": 80, "model_size_mib_max": 20480}}) == {"gpu_memory spec.model.uri"}
	launched := made("aws_launch_template", {"instance_type": "p5.48xlarge"})
	denied_by(object.union(model(larger, {"device": "cuda"}), plan([launched])), {"environment": "prod", "deployment": {"gpu_memory_gib": 2, "model_size_mib_max": 20480}}) == set()
}

test_a_label_for_each_class if {
	file := {"outputs": [{"name": "label", "shape": [""]}, {"name": "scores", "shape": ["", "3"]}]}
	denied_by(model(file, {"labels": ["a", "b", "c"]}), prod) == set()
	denied_by(model(file, {"labels": ["a", "b"]}), prod) == {"class_labels spec.inference.labels"}
	denied_by(model(file, {}), prod) == set()
	denied_by(model({"outputs": [{"name": "scores", "shape": null}]}, {"labels": ["a"]}), prod) == set()
	denied_by(model({"outputs": [{"name": "chance", "shape": ["", "1"]}]}, {"labels": ["no", "yes"]}), prod) == set()
}

served(before, after) := {"plan": {"resource_changes": [{
	"address": "local_inference_service.a", "type": "local_inference_service",
	"change": {"actions": ["update"], "before": {"signature": before}, "after": {"signature": after}, "after_unknown": {}},
}]}}

test_callers_of_a_served_model_are_not_broken if {
	now := "x: float32[?,4] -> label: int64[?], scores: float32[?,3]"
	every after in [
		now,
		"x: float32[N,4] -> label: int64[1], scores: float32[?,3], more: string",
		"x: float32[?,?] -> label: int64[?], scores: float32[8,3]",
		"x: float32 -> label: int64[?], scores: float32[?,3]",
	] {
		denied_by(served(now, after), prod) == set()
	}
	every after in [
		"y: float32[?,4] -> label: int64[?], scores: float32[?,3]",
		"x: float64[?,4] -> label: int64[?], scores: float32[?,3]",
		"x: float32[?,5] -> label: int64[?], scores: float32[?,3]",
		"x: float32[4] -> label: int64[?], scores: float32[?,3]",
		"x: float32[?,4], y: float32[1] -> label: int64[?], scores: float32[?,3]",
		"x: float32[?,4] -> label: int64[?]",
		"x: float32[?,4] -> label: int64[?], scores: float32[?,?]",
		"x: float32[?,4] -> label: int64[?], scores: float64[?,3]",
	] {
		denied_by(served(now, after), prod) == {"signature signature"}
	}
	denied_by(served(null, now), prod) == set()
	every unsaid in [null, "anything", "x: float, y -> z: float", " -> "] {
		denied_by(served(now, unsaid), prod) == {"signature signature"}
	}
	denied_by(served(null, null), prod) == {"signature signature"}
}

test_what_serves_says_what_it_takes_and_gives if {
	passes(made("local_inference_service", {"signature": "x: float[?,4] -> y: int64[?]"}))
	denied(made("local_inference_service", {"signature": null}), {"signature signature"})
	denied(made("local_inference_service", {}), {"signature signature"})
	read_later := object.union(made("local_inference_service", {}), {"change": {"after_unknown": {"signature": true}}})
	passes(read_later)
	was := {"change": {"before": {"signature": "x: float[?,4] -> y: int64[?]"}}}
	denied(object.union(read_later, was), {"signature signature"})
}

test_a_signature_says_which_port_is_another if {
	found := policy.deny with input as served("input:0: float32[?,4] -> y: map(string,float32)", "input:0: float32[?,5] -> y: map(string,float32)") with data.mlo as prod
	found == {"local_inference_service.a: callers of the version that serves now break: input 'input:0' has the shape [?,5] and had [?,4]"}
}

test_an_environment_that_settings_do_not_name_gets_the_strictest if {
	least := {"environment": "production", "deployment": {"replicas_min": {"dev": 1, "prod": 4}}}
	denied_by(plan([typed(snake)]), least) == {"replicas spec.replicas"}
	tags := {"environment": "qa", "deployment": {"required_tags": {"prod": ["owner"]}}}
	denied_by(plan([made("aws_vpc", {"tags": {}})]), tags) == {"required_tags tags"}
	cidrs := {"environment": "qa", "deployment": {"endpoint_cidrs": {"prod": ["192.0.2.0/24"]}}}
	limited := cluster({"endpoint_public_access": true, "public_access_cidrs": ["192.0.2.0/24"]})
	denied_by(plan([limited]), cidrs) == {"cluster_endpoint vpc_config[0].public_access_cidrs"}
	denied_by(plan([typed(object.union(snake, {"name": "m"}))]), {"environment": "qa"}) == set()
}

test_what_is_only_read_is_not_judged if {
	every type in ["aws_eks_cluster", "aws_ebs_volume"] {
		passes(object.union(made(type, {}), {"mode": "data", "change": {"actions": ["read"]}}))
	}
}

test_nothing_gets_through_by_being_hidden if {
	mask := "(sensitive value)"
	denied(made("kubernetes_manifest", {"manifest": mask}), {"shown manifest"})
	denied(made("kubernetes_manifest", {"manifest": {"kind": mask, "spec": {}}}), {"shown manifest.kind"})
	hidden := made("kubernetes_manifest", {"manifest": {"kind": "Deployment", "spec": {"replicas": 3, "template": {"spec": {"containers": [camel, mask]}}}}})
	denied(hidden, {"shown manifest.spec.template.spec.containers[1]"})
	whole := made("kubernetes_manifest", {"manifest": {"kind": "Deployment", "spec": {"replicas": 3, "template": {"spec": {"containers": mask}}}}})
	denied(whole, {"shown manifest.spec.template.spec.containers", "image_digest manifest.spec.template.spec.containers"})
	every types in [mask, "g4dn.xlarge", [mask]] {
		denied(made("aws_eks_node_group", {"instance_types": types}), {"shown instance_types"})
	}
	denied(made("aws_eks_node_group", {"instance_types": ["m6i.large"], "ami_type": mask}), {"shown ami_type"})
	denied_by(served(mask, "x: float -> y: float"), prod) == {"shown signature"}
	denied_by(served("x: float -> y: float", mask), prod) == {"shown signature", "signature signature"}
	denied(made("aws_s3_bucket_acl", {"acl": mask}), {"public_bucket acl"})
	denied(made("aws_ebs_volume", {"encrypted": mask}), {"encryption encrypted"})
}

test_data_in_kubernetes_is_kept if {
	gone := {"address": "k.a", "type": "kubernetes_manifest", "change": {"actions": ["delete"], "before": {"manifest": {"kind": "PersistentVolumeClaim"}}, "after": null}}
	denied(gone, {"deletion "})
	denied(object.union(gone, {"change": {"before": {"manifest": {"kind": "(sensitive value)"}}}}), {"deletion "})
	denied(object.union(gone, {"change": {"before": null}}), {"deletion "})
	passes(object.union(gone, {"change": {"before": {"manifest": {"kind": "ConfigMap"}}}}))
	denied(as_object(gone), {"deletion "})
}

test_buckets_are_opened_in_no_other_way if {
	everybody := {"grantee": [{"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}]}
	denied(made("aws_s3_bucket_acl", {"access_control_policy": [{"grant": [everybody]}]}), {"public_bucket access_control_policy"})
	denied(made("aws_s3_bucket", {"grant": [everybody]}), {"public_bucket grant"})
	every principal in ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root", "*"]}] {
		policy := json.marshal({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject"}]})
		denied(made("aws_s3_bucket_policy", {"policy": policy}), {"public_bucket policy"})
	}
	every policy in ["no JSON", "(sensitive value)", "[]", {}] {
		denied(made("aws_s3_bucket_policy", {"policy": policy}), {"public_bucket policy"})
	}
	every statement in [
		{"Effect": "Deny", "Principal": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}},
		{"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
	] {
		passes(made("aws_s3_bucket_policy", {"policy": json.marshal({"Statement": [statement]})}))
	}
	passes(made("aws_s3_bucket_policy", {"policy": json.marshal({"Statement": {"Effect": "Deny", "Principal": "*"}})}))
}
