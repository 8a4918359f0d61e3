package model.NAME_test

import data.model.governance

denied(manifest) if {
	some v in governance.violation with input as manifest
	v.rule == "NAME"
}

test_NAME_passes if not denied({"metadata": {"labels": {"team": "fraud"}}})

test_NAME_denies_what_is_missing if {
	denied({"metadata": {}})
	count(governance.deny) > 0 with input as {"metadata": {}}
}

test_NAME_denies_another_type if denied({"metadata": {"labels": {"team": 1}}})
