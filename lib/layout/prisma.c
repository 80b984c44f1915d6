/* Prisma's folder: one directory a migration, migration.sql inside, and migration_lock.toml beside them. */
#include "base/banned.h"
#include "base/file.h"
#include "layout/companions.h"
#include "layout/order.h"
#include "layout/reader.h"

#define LOCK_FILE "migration_lock.toml"
#define SQL_FILE  "migration.sql"

/* The value of `provider = "…"` on this line; NULL. The caller frees. */
static char *provider_of(const char *line, size_t n)
{
    static const char key[] = "provider";
    EVO_AUTO_STR text = evo_strndup(line, n);
    const char *p = text + strspn(text, " \t");
    if (!evo_starts_with(p, key))
        return NULL;
    p += strlen(key);
    p += strspn(p, " \t");
    if (*p != '=')
        return NULL;
    p += 1 + strspn(p + 1, " \t");
    if (*p != '"' && *p != '\'')
        return NULL;
    char quote[2] = { *p++, '\0' };
    return evo_strndup(p, strcspn(p, quote));
}

/* Prisma refuses a folder made for another database (P3019); a missing file or line is fine with it. */
static enum evo_errc check_provider(const struct evo_project *p, struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(p->migrations, LOCK_FILE);
    if (evo_entry_of(path) == EVO_ENTRY_NONE)
        return EVO_OK;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(1 << 20);
    enum evo_errc rc = evo_layout_file_read(path, &text, err);
    if (rc)
        return rc;
    int line = 1;
    for (const char *q = text.buf; *q; line++) {
        size_t n = strcspn(q, "\n");
        EVO_AUTO_STR provider = provider_of(q, n);
        if (provider && strcmp(provider, "postgresql") != 0 && strcmp(provider, "postgres") != 0) {
            evo_error_set(err, EVO_ERR_CONFIG,
                          "the migrations in \"%s\" are for \"%s\", and evo applies them to PostgreSQL",
                          p->migrations, provider);
            return evo_error_at(err, path, line);
        }
        q += n + (q[n] == '\n');
    }
    return EVO_OK;
}

static enum evo_errc read_one(struct evo_project *p, const char *name, const char *folder,
                              struct evo_strbuf *buffer, struct evo_error *err)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    enum evo_errc rc = evo_dir_list(folder, &names, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    if (!evo_strvec_contains(&names, SQL_FILE)) {
        evo_error_set(err, EVO_ERR_CONFIG, "migration folder \"%s\" has no %s", folder, SQL_FILE);
        evo_error_detail(err,
                         "Prisma counts every folder in \"%s\" as a migration and stops here too (P3015).",
                         p->migrations);
        evo_error_migration(err, name);
        return names.count ? evo_error_hint(err, "Restore the file, or move the folder away.")
                           : evo_error_hint(err, "rmdir '%s'", folder);
    }
    EVO_AUTO(migration) m = { .name = evo_strdup(name), .path = evo_path_join(folder, SQL_FILE) };
    evo_companions_in_folder(p, &m, folder, &names, SQL_FILE);
    return evo_project_add(p, &m, buffer, err);
}

enum evo_errc evo_prisma_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    enum evo_errc rc = check_provider(p, err);
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    for (size_t i = 0; !rc && i < names->count; i++) {
        EVO_AUTO_STR path = evo_path_join(p->migrations, names->items[i]);
        enum evo_entry entry = evo_entry_of(path);
        if (entry == EVO_ENTRY_DIR)
            rc = read_one(p, names->items[i], path, &buffer, err);
        else if (entry == EVO_ENTRY_LINK && evo_is_dir(path))
            evo_strvec_pushf(&p->warnings, "\"%s\" is a symbolic link, which Prisma does not follow", path);
    }
    return rc ? rc : evo_order_prisma(p, err);
}
