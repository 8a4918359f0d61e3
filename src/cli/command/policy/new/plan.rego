package deployment.policy

deny contains v.msg if some v in violation

# METADATA
# title: NAME
# description: No file is made that everybody may write.
# custom:
#   rule: NAME
#   level: mandatory
#   actions:
#     - Set file_permission to 0644 or less
violation contains {
	"rule": "NAME",
	"address": change.address,
	"path": "file_permission",
	"msg": msg,
	"actions": actions,
} if {
	some change in input.plan.resource_changes
	change.type == "local_file"
	is_object(change.change.after)
	endswith(object.get(change.change.after, "file_permission", ""), "7")
	msg := sprintf("%s can be written by everybody", [change.address])
	actions := ["Set file_permission to 0644 or less"]
}
