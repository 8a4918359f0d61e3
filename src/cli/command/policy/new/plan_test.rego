package deployment.NAME_test

import data.deployment.policy

plan(after) := {"resource_changes": [{
	"address": "local_file.a",
	"type": "local_file",
	"change": {"actions": ["create"], "after": after},
}]}

denied(after) if {
	some v in policy.violation with input.plan as plan(after)
	v.rule == "NAME"
}

test_NAME_passes if not denied({"file_permission": "0644"})

test_NAME_denies if {
	denied({"file_permission": "0777"})
	count(policy.deny) > 0 with input.plan as plan({"file_permission": "0777"})
}

test_NAME_passes_what_is_destroyed if not denied(null)
