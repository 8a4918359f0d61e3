//! `MLO4…`: providers and the objects they keep.

codes! {
    FAILED = "MLO4001", "provider call failed",
        "A provider could not do what was asked. The message says what it answered; what had been done before is kept in the state.";
}
