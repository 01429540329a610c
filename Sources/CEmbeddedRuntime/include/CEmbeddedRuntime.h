// No API: what Embedded Swift leaves to the platform, found by the linker, and the crash handler, which installs itself.
// Empty on the host: the cross tool set alone defines MICROAGENT_EMBEDDED.
