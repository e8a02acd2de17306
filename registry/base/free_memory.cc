#include "registry/base/free_memory.h"

#include <malloc.h>

// Of tcmalloc, as its malloc_extension_c.h has it; null where the program is not linked with it.
extern "C" [[gnu::weak]] void MallocExtension_ReleaseFreeMemory();

namespace modeld {

void ReturnFreeMemory() {
  if (MallocExtension_ReleaseFreeMemory != nullptr) MallocExtension_ReleaseFreeMemory();
#ifdef __GLIBC__
  (void)::malloc_trim(0);
#endif
}

}  // namespace modeld
