//! `MLO1…`: HCL, values, modules.

codes! {
    SYNTAX = "MLO1001", "syntax error",
        "The file is not valid HCL at the place shown. Common causes are a missing brace or quote, or two arguments on one line.";
    LIMIT = "MLO1003", "a limit is exceeded",
        "Something is larger or nested deeper than mlo reads: a file, brackets inside brackets, modules inside modules. The message names the limit.";
    DUPLICATE = "MLO1004", "defined twice",
        "Two blocks or arguments have the same name where names must differ. The message shows both places; rename or remove one of them.";
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
    UNKNOWN_ARGUMENT = "MLO1514", "no such argument or block",
        "A block has an argument or a block in it that its kind does not take. The message shows the one that was probably meant.";
    MISSING_ARGUMENT = "MLO1515", "argument or block missing",
        "A block lacks an argument or a block that its kind must have, or the argument is null.";
    COMPUTED_ARGUMENT = "MLO1516", "attribute that cannot be set",
        "An attribute that only the provider sets is given a value. Remove it; its value can be referred to.";
    DUPLICATE_ARGUMENT = "MLO1517", "argument given twice",
        "A block has one argument twice. Remove one of them.";
    BLOCK_COUNT = "MLO1518", "block too often or in the wrong form",
        "A block stands more or less often in another than its kind allows, or with labels that it does not take.";
    DEPRECATED = "MLO1519", "deprecated",
        "An argument or block still works, but will be removed. The message says what to use in its place.";
}
