//! `MLO2…`: the `ModelDeployment` manifest and the model that it names.

codes! {
    YAML = "MLO2001", "not valid YAML",
        "The file is not valid YAML at the place shown. Check the indentation (spaces, no tabs), quotes and colons.";
}
