// The least of Unicode that Swift's String asks for. The prebuilt tables hold SSE code, which a Pentium-class board
// does not know, and 37 kB that an agent has no use for.
//
// With these, text compares and hashes by its code points: a letter with its accent in one code point differs from the
// same in two. Each code point is a Character. ASCII is as ever. What needs more, as `uppercased()` of foreign letters,
// is left undefined, so that its use fails at link time and not on a board.
#ifdef MICROAGENT_EMBEDDED
#include <stdbool.h>
#include <stdint.h>

#define NONE UINT32_MAX

static const uint8_t no_decompositions[1];
const uint8_t *const _swift_stdlib_nfd_decompositions = no_decompositions;

uint16_t _swift_stdlib_getNormData(uint32_t scalar) { return 0; }  // starts a character, is in normal form
uint32_t _swift_stdlib_getComposition(uint32_t first, uint32_t second) { return NONE; }
uint32_t _swift_stdlib_getDecompositionEntry(uint32_t scalar) { return NONE; }
uint8_t _swift_stdlib_getGraphemeBreakProperty(uint32_t scalar) { return 0xFF; }  // any other
bool _swift_stdlib_isExtendedPictographic(uint32_t scalar) { return false; }
bool _swift_stdlib_isInCB_Consonant(uint32_t scalar) { return false; }
#endif
