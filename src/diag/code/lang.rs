//! `MLO1…`: HCL, values, modules.

codes! {
    SYNTAX = "MLO1001", "syntax error",
        "The file is not valid HCL at the place shown. Common causes are a missing brace or quote, or two arguments on one line.";
    LIMIT = "MLO1003", "a limit is exceeded",
        "Something is larger or nested deeper than mlo reads: a file, brackets inside brackets, modules inside modules. The message names the limit.";
    DUPLICATE = "MLO1004", "defined twice",
        "Two blocks or arguments have the same name where names must differ. The message shows both places; rename or remove one of them.";
}
