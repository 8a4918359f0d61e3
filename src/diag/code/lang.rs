//! `MLO1…`: HCL, values, modules.

codes! {
    SYNTAX = "MLO1001", "syntax error",
        "The file is not valid HCL at the place shown. Common causes are a missing brace or quote, or two arguments on one line.";
}
