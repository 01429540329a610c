// No API: what Embedded Swift leaves to the platform, found by the linker. Empty on the host.
