//! `MLO1…`: HCL, values, modules.

codes! {
    SYNTAX = "MLO1001", "syntax error",
        "The file is not valid HCL at the place shown. Common causes are a missing brace or quote, or two arguments on one line.";
    LIMIT = "MLO1003", "a limit is exceeded",
        "Something is larger or nested deeper than mlo reads: a file, brackets inside brackets, modules inside modules. The message names the limit.";
    DUPLICATE = "MLO1004", "defined twice",
        "Two blocks or arguments have the same name where names must differ. The message shows both places; rename or remove one of them.";
    NOT_UTF8 = "MLO1005", "not UTF-8 text",
        "HCL files are UTF-8 text. The message shows where the first other byte is; save the file as UTF-8.";
    UNREADABLE = "MLO1010", "a file or folder cannot be read",
        "A configuration is read from regular files in a folder. The message says which one could not be read and why.";
    OUTSIDE = "MLO1011", "outside the project",
        "Everything that a configuration reads lies inside the project's folder, links included, so that a run depends on nothing else.";
    JSON_FORM = "MLO1013", "wrong form in JSON",
        "In the JSON form of the language a block is an object, several blocks of one kind are a list of objects, and each label is the name of a property around it: `{\"resource\": {\"type\": {\"name\": {…}}}}`.";
    UNKNOWN_BLOCK = "MLO1020", "unknown block",
        "A block of this kind has no meaning at this place. Mostly its name is misspelt.";
    UNKNOWN_ARGUMENT = "MLO1021", "unknown argument",
        "An argument of this name has no meaning at this place. Mostly its name is misspelt.";
    MISSING_ARGUMENT = "MLO1022", "missing argument or block",
        "Something that the block needs is not there. The message names it.";
    LABELS = "MLO1023", "wrong labels",
        "The block needs other labels: as many as the message says, each of them a name.";
    UNSUPPORTED = "MLO1024", "not supported by this version",
        "Terraform knows this, and this version of mlo does not. It is refused rather than ignored, since ignoring it would change what the configuration means.";
    BAD_ARGUMENT = "MLO1025", "an argument has a form that it cannot have",
        "Some arguments are read before anything is evaluated, so they have a fixed form: a quoted text, `true` or `false`, a list of names. The message says which.";
    TYPE_CONSTRAINT = "MLO1030", "not a type",
        "Types are `string`, `number`, `bool`, `any`, `list(T)`, `set(T)`, `map(T)`, `tuple([T, …])` and `object({name = T, …})`, without quotes.";
    VERSION = "MLO1031", "version constraint",
        "A version constraint is a list such as `>= 1.0, < 2.0` or `~> 1.2`. If it is not met, use a version of mlo that meets it.";
    OVERRIDE = "MLO1032", "override file",
        "Files named `override` or `*_override` change blocks of the other files in their folder. They cannot add blocks, and cannot change conditions, `depends_on`, or blocks without a name of their own.";
    MODULE_SOURCE = "MLO1040", "module source",
        "A module is a folder (`./path`), one that comes with mlo (`mlo://name`), a module of a registry (`namespace/name/provider`), a repository (`git::https://host/path.git?ref=v1`), an archive (`https://host/path.zip`) or an OCI artifact (`oci://host/path:tag`); `//folder` after it names a folder in it. The message says what is wrong with this one.";
    MODULE_NESTING = "MLO1041", "modules nested too deep or in a circle",
        "A module cannot call itself, not even through others, and calls nest to a limited depth. The message shows the chain of calls.";
    MODULE_ARGUMENT = "MLO1042", "arguments of a module call",
        "A `module` block gives a value to each variable of the module that has no default, and to nothing else. A module that configures a provider, or calls one that does, has neither `count` nor `for_each`.";
    MODULE_ABSENT = "MLO1043", "package of a module is not there",
        "Modules from elsewhere lie in `.mlo/modules`. `mlo get` fetches them; so do `mlo plan`, `apply`, `destroy` and `console`, unless `--offline` is given. `mlo validate` never does.";
    MODULE_FETCH = "MLO1044", "package of a module cannot be fetched",
        "A repository, server or registry did not give what a module's source names. The message has its answer: mostly the name, the version or the credentials are wrong, or the network is.";
    MODULE_LOCK = "MLO1045", "package of a module is not the locked one",
        "`.mlo.lock.json` says what each source was when it was fetched, and what came now differs: somebody moved a tag, or replaced an archive. If that is meant, `mlo get --update` writes the lock anew.";
    PACKAGE = "MLO1046", "package that is refused",
        "A package has something that no module needs and that may do harm: a path that leads out of it, a link out of it, a device, two files of one name, or more than the limits. The message names it. Nothing of it was written.";
    NOT_STATIC = "MLO1047", "not known when modules are loaded",
        "`source` and `version` of a module, and the keys of `encryption`, are needed before anything is planned. They may use variables of the root module, whose values are given or have defaults, local values and arguments of modules that are made of such, and nothing that is sensitive, keys aside.";
    UNKNOWN_NAME = "MLO1050", "nothing has this name",
        "An expression refers to something that is declared nowhere in its module. Mostly the name or its first word is misspelt.";
    NOT_HERE = "MLO1051", "a name that is not known here",
        "`each` is known where `for_each` is set, `count` where `count` is set, `self` in postconditions.";
    BAD_REFERENCE = "MLO1052", "incomplete or wrong reference",
        "A reference names one thing as a whole: `var.name`, `type.name`, `module.name.output`; with `count` or `for_each`, an instance of it: `type.name[0]`.";
    ATTRIBUTE = "MLO1500", "no such attribute",
        "A value is asked for an attribute that it does not have. The message shows what the value is and the attribute that was probably meant.";
    INDEX = "MLO1501", "no such element",
        "A value is asked for an element that it does not have, or for an element though it has none. Lists and tuples are counted from 0; elements of a set have no index: make it a list with `tolist`.";
    OPERAND = "MLO1502", "operand of the wrong type",
        "An operator is given a value of a type that it does not work on. Numbers, bools and strings are converted into each other where their text allows it; everything else has to be of the right type.";
    CONDITION = "MLO1503", "condition without a result",
        "The condition of `? :`, `if` or `%{ if }` is not a bool, or the two values between which it chooses have no type in common. Convert one of them, for example with `tostring` or `tolist`.";
    KEY = "MLO1504", "key that cannot be used",
        "A key of an object is null, is not text, or comes twice in a `for` expression. Use `...` after the value to gather the values of one key.";
    NOT_ITERABLE = "MLO1505", "nothing to walk over",
        "Only lists, sets, tuples, maps and objects can be walked over, expanded with `...` or looked into with `[*]`, and they must not be null.";
    TEMPLATE = "MLO1506", "value that has no text",
        "Only strings, numbers and bools have a text that can stand in a template. Use `jsonencode` or `join` for others, and `coalesce` or a condition where a value may be null.";
    UNKNOWN_FUNCTION = "MLO1507", "no such function",
        "Nothing that can be called has this name. The message shows the function that was probably meant.";
    ARGUMENT = "MLO1508", "argument that a function does not take",
        "A function is called with too few or too many arguments, or with one of the wrong type or value. The message names the parameter.";
    CALL = "MLO1509", "function without a result",
        "A function cannot give a result for these arguments. The message says why; `try` and `can` deal with it where it is to be expected.";
    NULL = "MLO1510", "null where a value is needed",
        "A value is null, and has therefore no attributes, elements or text. Give it a value, or choose another with `coalesce`, `try` or a condition.";
    TOO_LARGE = "MLO1511", "value too large",
        "An expression makes a value that is larger, or takes longer to make, than any that is needed in a configuration. The message names the limit.";
    ARITHMETIC = "MLO1512", "operation without a result",
        "An operation on numbers has no result, such as zero divided by zero, or one that is too large or too small to write down.";
    WRONG_TYPE = "MLO1513", "argument of the wrong type",
        "The value of an argument is not, and cannot be converted to, the type that the argument has. The message names the part that does not fit.";
    COMPUTED_ARGUMENT = "MLO1516", "attribute that cannot be set",
        "An attribute that only the provider sets is given a value. Remove it; its value can be referred to.";
    DUPLICATE_ARGUMENT = "MLO1517", "argument given twice",
        "A block has one argument twice. Remove one of them.";
    BLOCK_COUNT = "MLO1518", "block too often or in the wrong form",
        "A block stands more or less often in another than its kind allows, or with labels that it does not take.";
    DEPRECATED = "MLO1519", "deprecated",
        "An argument or block still works, but will be removed. The message says what to use in its place.";
}
