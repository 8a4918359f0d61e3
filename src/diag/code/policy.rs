//! `MLO5…`: the policy gate.

codes! {
    DENIED = "MLO5001", "denied by policy",
        "A policy rule does not let the change through. Nothing was changed. The message names the rule, the line of the manifest and what to do.";
    GATE_FAILED = "MLO5002", "policy gate failed",
        "A policy rule could not be evaluated, took too long or too much memory, or gave an answer that is not understood; or the process that evaluates policy was ended. A gate that cannot decide denies: nothing was changed. Mend the rule in the policy bundle.";
    BUNDLE = "MLO5003", "policy bundle cannot be used",
        "The policy bundle cannot be read, does not compile, lacks the package `model.governance`, or holds something that is refused. A gate without rules denies: nothing was changed.";
    WARNING = "MLO5004", "policy warning",
        "A policy rule asks somebody to look. Nothing is stopped. The message says what was found in which manifest.";
    OVERRIDDEN = "MLO5005", "policy rule overridden",
        "A rule does not hold, and somebody passed it by with `--override RULE=REASON`. Only rules of the level `overridable` can be passed by. The rule, the reason and the place are in the document of the run.";
    SIGNATURE = "MLO5006", "policy bundle is not signed as it must be",
        "A key is asked for (`--policy-key`, or `key` in the configuration), and the bundle is not signed with it, or its files are not those that were signed. A gate without its rules denies: nothing was changed. Have the bundle signed by whoever owns it, and look into who changed it.";
    AUDIT = "MLO5010", "audit log is not whole",
        "Beside the state is a record of each decision of an apply and of how it ended, and each record names the digest of the one before. One was changed or is missing, or cannot be read. `mlo audit verify` says which. Nothing is applied after a record that is not whole: bring it back from a copy of the state's place, and find out who may write there.";
    WAIVED = "MLO5011", "policy rule waived",
        "A rule does not hold, and the owners of the policy let it be until a day, in `waivers.yaml` of the policy bundle. The message names the reason, who owns the exception and who granted it. After its last day the rule denies again.";
    WAIVER_NOT_NEEDED = "MLO5012", "waiver is not needed",
        "An exception in `waivers.yaml` of the policy bundle is about something here, and no rule denies it. Take it out.";
    UNDETERMINED = "MLO5013", "policy rule undetermined",
        "A rule needs a value that is known only while the plan is applied. The plan is let through as far as that goes, and the rule is asked again once the value is known, before the object is changed. If it does not hold then, that change and all that depends on it are not begun, and the command ends with 3.";
    QUERY = "MLO5020", "policy cannot be evaluated",
        "A test of a policy, or a query over policies, could not be evaluated, or its input could not be read. The message names the place.";
    COVERAGE = "MLO5021", "tests of policies evaluate too little",
        "`mlo policy test --threshold` asks for a greater share of the rules' lines than the tests evaluate. The lines that no test evaluates are listed.";
}
