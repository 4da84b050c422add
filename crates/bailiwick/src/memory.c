/* Has mimalloc give memory back to the system as soon as it is free: docs/decisions/0041-memory.md.
 *
 * It is an option of the library that is set by a call or by the environment, and no program asks for its own
 * environment. Rust would call it by unsafe code, which this project has none of. Whoever sets the environment's
 * MIMALLOC_PURGE_DELAY knows better. */
#include <mimalloc.h>
#include <stdlib.h>

__attribute__((constructor)) static void give_back_at_once(void) {
    if (getenv("MIMALLOC_PURGE_DELAY") == NULL) {
        mi_option_set(mi_option_purge_delay, 0);
    }
}
