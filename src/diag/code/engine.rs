//! `MLO3…`: graph, plan, apply, and the command line.

codes! {
    CYCLE = "MLO3001", "dependency cycle",
        "Some blocks refer to each other in a circle, so none of them can come first. The message names every step; take out one of the references.";
    NO_SUCH_NAME = "MLO3002", "name without a value",
        "An expression uses a name that has no value at this place, such as `each.key` in a block without `for_each`.";
    NOT_CONSTANT = "MLO3003", "not constant",
        "Defaults and values of variables are read before anything else, so they cannot refer to other names.";
    NO_VALUE = "MLO3004", "variable without a value",
        "A variable of the root module has neither a default nor a value. Give one with `--var`, in a file of values, or in the environment.";
    VARIABLE_TYPE = "MLO3005", "value of a variable has the wrong type",
        "The value given for a variable cannot be converted to the type that the variable declares.";
    VALIDATION = "MLO3006", "variable is not valid",
        "A `validation` block of a variable does not hold for the value that was given. The message is the one of the block.";
    PRECONDITION = "MLO3007", "precondition does not hold",
        "A `precondition` of a resource or output is false, so nothing was planned for it. The message is the one of the block.";
    POSTCONDITION = "MLO3008", "postcondition does not hold",
        "A `postcondition` is false for the object as it is. What depends on it is not done.";
    CONDITION = "MLO3009", "condition is no bool",
        "A condition must be true or false. Compare with `==` or use a function such as `can` to get one.";
    COUNT = "MLO3010", "wrong count",
        "`count` takes a whole number from 0 on that is known when the plan is made and is not sensitive.";
    FOR_EACH = "MLO3011", "wrong `for_each`",
        "`for_each` takes a map, an object or a set of strings whose keys are known when the plan is made and are not sensitive.";
    UNKNOWN_REPETITION = "MLO3012", "repetition is not known",
        "The number of instances of a block depends on something that only applying will tell. Let it depend on what is known before.";
    SENSITIVE_OUTPUT = "MLO3013", "output would show a sensitive value",
        "An output of the root module is printed. Mark it `sensitive = true` to print it masked, or leave the sensitive part out.";
    UNKNOWN_TYPE = "MLO3014", "unknown resource type",
        "No provider of this version has a resource type of that name.";
    UNKNOWN_PROVIDER = "MLO3015", "unknown provider",
        "A block uses a provider that this version does not have; or the state has an object of a configuration of a provider that is not there any more, so that nobody can read or delete it. Bring the `provider` block, its module or its key back until the object is gone.";
    BAD_OBJECT = "MLO3016", "object of the state does not fit its type",
        "The state has an object whose attributes are not of the types that its resource type has: it was changed by hand or written by another version.";
    PREVENT_DESTROY = "MLO3017", "object is protected",
        "The plan would take away an object whose block says `prevent_destroy = true`. Take the protection out first if that is meant. Where `prevent_destroy` is made from what has no value for an instance that the configuration has no more, write `true` or `false`.";
    INCONSISTENT = "MLO3018", "not as planned",
        "When the plan was carried out, something that it had announced came out differently. What was done is kept; plan again and look.";
    SKIPPED = "MLO3019", "not done",
        "Something that it depends on failed, or the run was interrupted, so this was not begun.";
    USAGE = "MLO3020", "wrong use of the command line",
        "The command was given something that it does not take. `--help` says what it takes, with examples.";
    NOT_APPROVED = "MLO3021", "not confirmed",
        "A change needs a yes: type it when asked, or give `--auto-approve` where nobody can be asked.";
    UNDECLARED = "MLO3023", "value for a variable that is not declared",
        "A value was given for a variable that the root module does not declare. The name may be misspelt.";
    NO_OUTPUT = "MLO3024", "no such output",
        "The state has no output of that name. Outputs are written by `mlo apply`.";
    FILE = "MLO3025", "file cannot be read",
        "A file that the command line names is missing, too large, or not a regular file.";
    INTERNAL = "MLO3026", "internal error",
        "mlo broke one of its own rules. Nothing more was done; please report it with the message.";
    SETTLED = "MLO3027", "an earlier run was cut off",
        "A run ended between the start of a change and its outcome. What became of the change was looked up and recorded; nothing needs to be done.";
    OPEN = "MLO3028", "an earlier run left changes open",
        "A run ended between the start of a change and its outcome, so what the state says of the object may be out of date. The next `mlo apply` or `mlo destroy` finds out what became of it, before it does anything else.";
    EPHEMERAL = "MLO3029", "ephemeral value would be kept",
        "An argument of a resource, a variable or an output is made from an ephemeral value, and is kept. Ephemeral values are not kept anywhere: a variable or an output of a called module that takes one says `ephemeral = true`.";
    MOVE_TYPE = "MLO3030", "move to another type",
        "A `moved` block gives an object an address of another resource type. Objects of one type cannot become those of another, but for `mlo_data` and `terraform_data`, which are the same.";
    MOVE_SOURCE = "MLO3031", "moved, and still there",
        "A `moved` block says that an object has another address now, and the configuration still has something at the old one. Rename the block, or take the `moved` block out.";
    MOVE_AMBIGUOUS = "MLO3032", "move that is not clear",
        "Two `moved` blocks take one object to two addresses, or two objects to one. Keep the one that is true.";
    MOVE_CIRCLE = "MLO3033", "moves in a circle",
        "`moved` blocks lead from one address to another and back to the first, so that no address is the last. To exchange two addresses, use `mlo state mv` three times.";
    MOVE_BLOCKED = "MLO3034", "not moved",
        "A `moved` block leads to an address where another object is already. The object stays at its old address, and is destroyed if the configuration has nothing there.";
    FORGOTTEN = "MLO3035", "no longer managed",
        "A `removed` block with `destroy = false` has mlo forget objects without destroying them. They stay as they are; to manage them again, import them.";
    NO_PART = "MLO3036", "nothing has this address",
        "The command line names a module, block or instance that is neither in the configuration nor in the state. Addresses look like `local_file.name`, `local_file.name[0]` or `module.name[\"key\"].local_file.name`; `mlo state list` shows those of the state.";
    PARTIAL = "MLO3037", "plan for a part",
        "`--target` or `--exclude` leaves parts of the configuration out of the plan. They stay as they are, even where the configuration wants them otherwise. What a `moved` block, `count` or `for_each` gives another address must be in the part. Meant for mending what went wrong; plan the whole afterwards.";
    IMPORT = "MLO3038", "nothing can be imported so",
        "An `import` block or `mlo import` takes an object that is there already into the state. It names a block that the configuration has, an address that the state does not have yet, and an id that the provider knows an object by.";
    GENERATE = "MLO3039", "configuration cannot be generated",
        "`--generate-config FILE` writes a block for each object that is imported and has none. The file must not exist yet, and lie in the folder of the configuration, so that it is part of it. Blocks are generated for the root module, one for each object.";
    PLAN_FILE = "MLO3040", "plan file cannot be read",
        "The file is no plan, was damaged or changed, or was written by a later version. Every byte of a plan file is covered by a digest: make the plan again.";
    PLAN_STALE = "MLO3041", "saved plan is stale",
        "Since the plan was made the state, the policies or something that the plan depends on has changed, so that it cannot be done as it was announced. Nothing was changed; make the plan again and look at it.";
    PLAN_FOREIGN = "MLO3042", "saved plan of something else",
        "The plan was made for another state or another environment than the one that is here. Run it in the folder in which it was made.";
    PLAN_INPUT = "MLO3043", "variable of a saved plan",
        "A saved plan keeps the values of its variables, but no sensitive ones: those are given again when it is applied, and must be the same. Others cannot be changed any more.";
    PLAN_EDITED = "MLO3044", "edited after the plan was made",
        "A saved plan embeds the configuration that it was made from, and that is what is applied: what was edited later is not in it. Make the plan again if it should be.";
    ENVIRONMENT = "MLO3045", "which environment",
        "A configuration with `environment` blocks has values and a state for each of them, so `--env NAME` or `MLO_ENV` names the one that is meant. A configuration without such blocks has the environments `dev`, which is meant where none is named, `staging` and `prod`.";
    PLAN_UNSIGNED = "MLO3046", "saved plan is not signed by who may",
        "The environment, or `--author-keys`, lists the keys of those who may make saved plans, and this one is signed with none of them. Make it again with `--signing-key`. An environment with `require_approval` takes no plan without a signature: anybody could have written it.";
    NOT_CONSENTED = "MLO3047", "plan is not approved",
        "An environment with `require_approval` applies only a saved plan for which `mlo approve PLAN` has left an approval beside its state: signed by one of its `approvers`, who is not the plan's author. Nothing was changed.";
    SIGNING_KEY = "MLO3048", "key for signatures cannot be used",
        "Plans and approvals are signed with keys as `ssh-keygen -t ed25519` makes them, without a passphrase; those who may sign are listed by the line of the `.pub` file.";
    CHECK = "MLO3050", "check does not hold",
        "An assertion of a `check` block is false, or its data source cannot be read. That stops nothing: it is a warning, or with `--strict-checks` an error at the end. The message is the one of the assertion.";
    OUTPUT_KEPT = "MLO3051", "output keeps its value",
        "With `--refresh-only` objects are read and none is made. An output that is made from an object that is gone, or was never made, has no value then that could be told: the state keeps the one that it has. An apply without `--refresh-only` makes the object, and the output.";
    ASSERTION = "MLO3060", "assertion of a test does not hold",
        "An `assert` block of a run in a file of tests is false. The message is the one of the block; what the expressions in it stood for is shown with it.";
    ASSERTION_UNKNOWN = "MLO3061", "assertion of a test is not known",
        "An `assert` block of a run with `command = plan` depends on what only applying will tell. Let the run apply, take that part out, or have the value stand in with `override_during = plan`.";
    EXPECTED = "MLO3062", "expected failure did not come",
        "A run names something in `expect_failures` whose conditions hold, are not known yet, or stopped an apply that was asked for.";
    TEST_NAME = "MLO3063", "name that a test does not know",
        "Values of variables, providers and stand-ins in a file of tests can be made of `var.name`, where the file or the command line gives it a value, and of outputs of runs that come before: `run.name.output`.";
    STAND_IN = "MLO3064", "stand-in that fits nothing",
        "A block in a file of tests stands in for something that the configuration does not have, or gives it attributes that its type does not have.";
    LEFT_BEHIND = "MLO3065", "left behind by a test",
        "What a test had made could not be destroyed when its file was done. The objects are there, and no state knows of them: the message names them.";
    NO_TEST = "MLO3066", "no such test",
        "The command line names a file of tests that is not there.";
}
