package model.governance

deny contains v.msg if some v in violation

# METADATA
# title: NAME
# description: Every model names the team that answers for it.
# custom:
#   rule: NAME
#   level: mandatory
#   actions:
#     - Write the team to metadata.labels.team
violation contains {"rule": "NAME", "path": "metadata.labels.team", "msg": msg, "actions": actions} if {
	not NAME_holds
	msg := "Model must name its team in metadata.labels.team"
	actions := ["Write the team to metadata.labels.team"]
}

# Says positively what must hold: whatever is missing or of another type does not.
NAME_holds if {
	team := input.metadata.labels.team
	is_string(team)
	team != ""
}
