# The boards' processors, as each compiler names them. Sourced by the scripts here.

all_targets="i586 atom32 atom64"

# The key of a target's Swift SDK in a folder of SDKs: a hash of all that it was made from. Empty if there is none.
sdk_key() {
  cat "$1/$2-linux-musl.artifactbundle/key" 2>/dev/null || true
}

# cross/sqlite-options as options of a compiler.
sqlite_options() {
  sed 's/#.*//; s/^ *\([A-Z]\)/-DSQLITE_\1/' "$here/sqlite-options" | xargs
}

# Sets what differs from target to target:
#   swift_triple  whose prebuilt Embedded Swift modules are used
#   clang_target  what the code really is for: Linux with musl
#   swift_cpu     -target-cpu of swiftc
#   stack_bytes   what the stack is aligned to at a call. Only SSE needs more than a word; each call costs code to keep it.
#   gcc_flags     the same for gcc, which builds musl, libuv, SQLite, mbedtls and zlib
#   musl_arch     musl's word for the architecture
#   delock        yes where LOCK prefixes must go: they make Quark X1000 fault, and one core does not need them
choose_target() {
  delock=no stack_bytes=16
  case $1 in
    i586) # Quark X1000 and Geode LX: no CMOV, MMX, SSE, NOPL
      swift_triple=i686-unknown-none-elf clang_target=i586-unknown-linux-musl swift_cpu=pentium
      stack_bytes=4
      gcc_flags="-m32 -march=i586 -mtune=lakemont -mpreferred-stack-boundary=2 -Wa,-momit-lock-prefix=yes"
      musl_arch=i386 delock=yes
      ;;
    atom32) # N270: SSSE3, 32 bits
      swift_triple=i686-unknown-none-elf clang_target=i686-unknown-linux-musl swift_cpu=bonnell
      gcc_flags="-m32 -march=bonnell -mfpmath=sse" musl_arch=i386
      ;;
    atom64) # D525, N2600: Bonnell with 64 bits
      swift_triple=x86_64-unknown-none-elf clang_target=x86_64-unknown-linux-musl swift_cpu=bonnell
      gcc_flags="-march=bonnell" musl_arch=x86_64
      ;;
    *)
      echo "cross: no target \"$1\": there are $all_targets" >&2
      exit 2
      ;;
  esac
}
