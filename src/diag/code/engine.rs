//! `MLO3…`: graph, plan, apply, and the command line.

codes! {
    CYCLE = "MLO3001", "dependency cycle",
        "Some blocks refer to each other in a circle, so none of them can come first. The message names every step; take out one of the references.";
}
