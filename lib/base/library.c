#include "base/library.h"

#include <dlfcn.h>

#include "base/banned.h"

static enum evo_errc missing(const char *file, const char *package, struct evo_error *err)
{
    const char *why = dlerror();
    (void)evo_error_set(err, EVO_ERR_UNSUPPORTED, "could not load \"%s\"", file);
    if (why)
        (void)evo_error_detail(err, "The loader says: %s.", why);
    return evo_error_hint(err, "apt-get install %s", package);
}

enum evo_errc evo_library_load(const char *file, const char *package, const char *const *names, size_t count,
                               void *functions, size_t size, struct evo_error *err)
{
    EVO_ASSERT(size == count * sizeof(void *));
    void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return missing(file, package, err);
    void **found = evo_calloc(count, sizeof(*found));
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        found[i] = dlsym(library, names[i]);
        if (!found[i])
            rc = missing(file, package, err);
    }
    if (!rc)
        memcpy(functions, found, size);
    else
        (void)dlclose(library);
    free(found);
    return rc;
}
