//! `MLO4…`: providers and the objects they keep.

codes! {
    FAILED = "MLO4001", "provider call failed",
        "A provider could not do what was asked. The message says what it answered; what had been done before is kept in the state.";
    ARGUMENT = "MLO4002", "argument not usable",
        "An argument of a resource has the right type and still cannot be used, such as port 70000 or a mode that is not octal. The message names the argument and says what would be usable.";
    NOT_OURS = "MLO4003", "something else is in the way",
        "Where an object should be made stands something that was not made here: a file with other content, a folder, a link. It is left as it is. Move it away, or make the object elsewhere.";
    PORT_TAKEN = "MLO4004", "port taken",
        "Another program listens on the port that a service asks for. End that program, ask for another `port`, or leave `port` out: then a free one is taken and kept. On Linux, `ss -ltnp` lists who listens where.";
    NOT_READY = "MLO4005", "service not ready",
        "A server was started and did not say in time that it is ready with the expected model. The message quotes the last lines of its log, which say why. Nothing was left running that had not run before: a new service was taken away again, and when an existing one is changed the old server goes on or is put back. If the server only needs longer, raise `ready_timeout`.";
    PROGRAM_MISSING = "MLO4006", "server program not found",
        "The program `mlo-runtime`, which serves models, is not where it is looked for: the path in the variable `MLO_RUNTIME` if it is set, else beside `mlo`, else in `PATH`. From the sources, `cargo build --release --workspace` puts both side by side.";
    MODEL = "MLO4007", "model not usable",
        "The model file is absent, cannot be read, or is not an ONNX model. Relative paths begin at the project's folder. Export the model again if the file is damaged.";
    UNREADABLE = "MLO4008", "file or folder not accessible",
        "The operating system refused to read or write a file or folder, for the reason that the message gives: permissions, a full disk, a file where a folder should be. What had been done before is kept in the state; apply again when it is mended.";
    PROCESS = "MLO4009", "process cannot be ended",
        "A server should end and does not, or it cannot be told which process it is. Nothing else was changed. End the process that the message describes and apply again.";
    ROLLOUT = "MLO4010", "rollout failed",
        "An object was applied to a cluster and does not do its work: an image that cannot be pulled, a container that ends again and again, no node that takes its Pod, a probe that fails. The message gives the cause in the words of whoever knows it. A change of an object that had worked is put back as it was before, unless `rollback = false`; a new object is left as it is, to be looked at, and is made anew by the next apply.";
}
