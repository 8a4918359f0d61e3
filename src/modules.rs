//! HCL modules that are built into the binary, addressed `mlo://name`.
