#include "promote/passport.h"

#include "base/clock.h"
#include "crypto/sha256.h"

enum { PASSPORT_SCHEMA = 1 };

void evo_passport_release(struct evo_passport *p)
{
    if (!p)
        return;
    char *const texts[] = { p->environment, p->database, p->run,    p->commit,  p->server_version, p->layout,
                            p->backup_id,   p->set_hash, p->format, p->initial, p->before,         p->after };
    for (size_t i = 0; i < EVO_COUNT(texts); i++)
        free(texts[i]);
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].name);
        free(p->items[i].checksum);
        free(p->items[i].hash);
        free(p->items[i].fingerprint);
        evo_strvec_release(&p->items[i].paths);
        evo_strvec_release(&p->items[i].hashes);
    }
    free(p->items);
    evo_json_free(p->evidence);
    *p = (struct evo_passport){ 0 };
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* SHA-256 over the sorted lines "path NUL hash LF". */
static char *hash_of_lines(const struct evo_strvec *paths, const struct evo_strvec *hashes)
{
    /* A path holds no NUL, so "path\1hash" sorts as "path\0hash" does but for bytes below 1: there are none. */
    EVO_AUTO(strvec) lines = EVO_STRVEC_INIT;
    for (size_t i = 0; i < paths->count; i++)
        evo_strvec_pushf(&lines, "%s\001%s", paths->items[i], hashes->items[i]);
    if (lines.count)
        qsort(lines.items, lines.count, sizeof(*lines.items), by_text);
    EVO_AUTO_PTR(sha256) h = evo_sha256_new();
    for (size_t i = 0; i < lines.count; i++) {
        char *separator = strrchr(lines.items[i], '\001');
        size_t n = strlen(lines.items[i]);
        *separator = '\0';
        evo_sha256_update(h, lines.items[i], n);
        evo_sha256_update(h, "\n", 1);
    }
    unsigned char digest[EVO_SHA256_SIZE];
    char hex[EVO_SHA256_HEX];
    evo_sha256_final(h, digest);
    return evo_strdup(evo_sha256_format(digest, hex));
}

enum evo_errc evo_passport_hash(const struct evo_project *project, const struct evo_migration *m,
                                struct evo_strvec *paths, struct evo_strvec *hashes, char **ret_hash,
                                struct evo_error *err)
{
    enum evo_errc rc = evo_migration_hash_lines(project, m, paths, hashes, err);
    if (!rc)
        *ret_hash = hash_of_lines(paths, hashes);
    return rc;
}

static struct evo_passport_migration *add_migration(struct evo_passport *p, const char *name,
                                                    const char *checksum)
{
    EVO_GROW(p->items, p->count, p->alloc);
    struct evo_passport_migration *m = &p->items[p->count++];
    *m = (struct evo_passport_migration){ .name = evo_strdup(name), .checksum = evo_strdup(checksum) };
    return m;
}

static void add_files(const struct evo_passport_migration *m, struct evo_strvec *paths,
                      struct evo_strvec *hashes)
{
    for (size_t k = 0; k < m->paths.count; k++) {
        evo_strvec_push(paths, m->paths.items[k]);
        evo_strvec_push(hashes, m->hashes.items[k]);
    }
}

enum evo_errc evo_passport_fill(struct evo_passport *p, const struct evo_project *project,
                                const struct evo_state *state, struct evo_error *err)
{
    const struct evo_state_item **applied = NULL;
    size_t count = 0;
    evo_state_applied_reverse(state, &applied, &count);
    EVO_AUTO(strvec) paths = EVO_STRVEC_INIT, hashes = EVO_STRVEC_INIT;
    enum evo_errc rc = EVO_OK;
    for (size_t i = count; i > 0 && !rc; i--) {
        const struct evo_state_item *item = applied[i - 1];
        struct evo_passport_migration *m =
            add_migration(p, item->name, item->row ? item->row->checksum : NULL);
        if (item->file)
            rc = evo_passport_hash(project, item->file, &m->paths, &m->hashes, &m->hash, err);
        add_files(m, &paths, &hashes);
    }
    free(applied);
    if (!rc)
        p->set_hash = hash_of_lines(&paths, &hashes);
    return rc;
}

static struct evo_json *migration_json(const struct evo_passport_migration *m)
{
    struct evo_json *json = evo_json_object(), *files = evo_json_array();
    evo_json_set_string(json, "name", m->name);
    evo_json_set_string(json, "checksum", m->checksum);
    evo_json_set_string(json, "hash", m->hash);
    for (size_t i = 0; i < m->paths.count; i++) {
        struct evo_json *file = evo_json_object();
        evo_json_set_string(file, "path", m->paths.items[i]);
        evo_json_set_string(file, "sha256", m->hashes.items[i]);
        evo_json_append(files, file);
    }
    evo_json_set(json, "files", files);
    evo_json_set_string(json, "fingerprint", m->fingerprint);
    return json;
}

struct evo_json *evo_passport_json(const struct evo_passport *p)
{
    struct evo_json *json = evo_json_object(), *migrations = evo_json_array();
    evo_json_set_int(json, "schema", PASSPORT_SCHEMA);
    evo_json_set_string(json, "environment", p->environment);
    evo_json_set_string(json, "database", p->database);
    evo_json_set_string(json, "run", p->run);
    evo_json_set_time(json, "created_at", p->created_ms);
    evo_json_set_string(json, "evo_version", EVO_VERSION);
    evo_json_set_string(json, "commit", p->commit);
    evo_json_set_string(json, "server_version", p->server_version);
    evo_json_set_string(json, "layout", p->layout);
    evo_json_set_string(json, "backup_id", p->backup_id);
    evo_json_set_string(json, "set_hash", p->set_hash);
    for (size_t i = 0; i < p->count; i++)
        evo_json_append(migrations, migration_json(&p->items[i]));
    evo_json_set(json, "migrations", migrations);
    struct evo_json *fingerprints = evo_json_object();
    evo_json_set_string(fingerprints, "format", p->format);
    evo_json_set_string(fingerprints, "initial", p->initial);
    evo_json_set_string(fingerprints, "before", p->before);
    evo_json_set_string(fingerprints, "after", p->after);
    evo_json_set(json, "fingerprints", fingerprints);
    evo_json_set(json, "evidence", p->evidence ? evo_json_ref(p->evidence) : evo_json_object());
    return json;
}

static enum evo_errc malformed(const char *what, const char *why, struct evo_error *err)
{
    return evo_error_set(err, EVO_ERR_INTEGRITY, "\"%s\" is not a passport: %s", what, why);
}

static enum evo_errc parse_migration(const struct evo_json *json, const char *what, struct evo_passport *p,
                                     struct evo_error *err)
{
    const char *name = evo_json_get_string(json, "name", NULL);
    if (!name)
        return malformed(what, "a migration has no name", err);
    struct evo_passport_migration *m = add_migration(p, name, evo_json_get_string(json, "checksum", NULL));
    m->hash = evo_strdup(evo_json_get_string(json, "hash", NULL));
    m->fingerprint = evo_strdup(evo_json_get_string(json, "fingerprint", NULL));
    const struct evo_json *files = evo_json_get(json, "files");
    for (size_t i = 0; i < evo_json_count(files); i++) {
        const struct evo_json *file = evo_json_at(files, i);
        const char *path = evo_json_get_string(file, "path", NULL),
                   *sha256 = evo_json_get_string(file, "sha256", NULL);
        if (!path || !sha256)
            return malformed(what, "a file has no path or no hash", err);
        evo_strvec_push(&m->paths, path);
        evo_strvec_push(&m->hashes, sha256);
    }
    /* The hash must follow from the files: an edited passport is no evidence. */
    if (m->hash) {
        EVO_AUTO_STR expected = hash_of_lines(&m->paths, &m->hashes);
        if (strcmp(expected, m->hash) != 0)
            return malformed(what, "the hash of a migration does not follow from its files", err);
    }
    return EVO_OK;
}

enum evo_errc evo_passport_parse(const char *text, size_t n, const char *what, struct evo_passport *ret,
                                 struct evo_error *err)
{
    EVO_AUTO_PTR(json) json = NULL;
    EVO_AUTO(passport) p = { 0 };
    enum evo_errc rc = evo_json_parse(text, n, what, EVO_ERR_INTEGRITY, &json, err);
    if (rc)
        return rc;
    if (evo_json_get_int(json, "schema", 0) != PASSPORT_SCHEMA)
        return malformed(what, "unknown schema", err);
    if (!evo_parse_time(evo_json_get_string(json, "created_at", ""), &p.created_ms))
        return malformed(what, "no time", err);
    struct {
        const char *key;
        char **field;
    } texts[] = { { "environment", &p.environment },
                  { "database", &p.database },
                  { "run", &p.run },
                  { "commit", &p.commit },
                  { "server_version", &p.server_version },
                  { "layout", &p.layout },
                  { "backup_id", &p.backup_id },
                  { "set_hash", &p.set_hash } };
    for (size_t i = 0; i < EVO_COUNT(texts); i++)
        *texts[i].field = evo_strdup(evo_json_get_string(json, texts[i].key, NULL));
    const struct evo_json *fingerprints = evo_json_get(json, "fingerprints");
    p.format = evo_strdup(evo_json_get_string(fingerprints, "format", NULL));
    p.initial = evo_strdup(evo_json_get_string(fingerprints, "initial", NULL));
    p.before = evo_strdup(evo_json_get_string(fingerprints, "before", NULL));
    p.after = evo_strdup(evo_json_get_string(fingerprints, "after", NULL));
    const struct evo_json *migrations = evo_json_get(json, "migrations");
    for (size_t i = 0; i < evo_json_count(migrations) && !rc; i++)
        rc = parse_migration(evo_json_at(migrations, i), what, &p, err);
    if (rc)
        return rc;
    EVO_AUTO(strvec) paths = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) hashes = EVO_STRVEC_INIT;
    for (size_t i = 0; i < p.count; i++)
        add_files(&p.items[i], &paths, &hashes);
    EVO_AUTO_STR set_hash = hash_of_lines(&paths, &hashes);
    if (!evo_streq(set_hash, p.set_hash))
        return malformed(what, "the hash of the set does not follow from its files", err);
    struct evo_json *evidence = evo_json_get(json, "evidence");
    if (evo_json_type_of(evidence) != EVO_JSON_OBJECT)
        return malformed(what, "no evidence", err);
    p.evidence = evo_json_ref(evidence);
    *ret = p;
    p = (struct evo_passport){ 0 };
    return EVO_OK;
}
