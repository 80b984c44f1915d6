#include <sys/stat.h>

#include "base/banned.h"
#include "base/file.h"
#include "layout/reader.h"
#include "layout/sqitch.h"

void evo_migration_release(struct evo_migration *m)
{
    if (!m)
        return;
    free(m->name);
    free(m->version);
    free(m->path);
    free(m->own_checksum);
    free(m->wants_down);
    for (size_t i = 0; i < EVO_COMPANIONS; i++)
        free(m->companion[i]);
    evo_directives_release(&m->directives);
    evo_strvec_release(&m->down);
    evo_strvec_release(&m->depends);
    evo_strvec_release(&m->labels);
    evo_strvec_release(&m->upon);
    *m = (struct evo_migration){ 0 };
}

void evo_project_drop(struct evo_project *p)
{
    for (size_t i = 0; i < p->count; i++)
        evo_migration_release(&p->items[i]);
    p->count = 0;
    evo_sqitch_free(p->sqitch);
    p->sqitch = NULL;
    evo_strvec_clear(&p->heads);
    evo_strvec_clear(&p->warnings);
}

void evo_project_release(struct evo_project *p)
{
    if (!p)
        return;
    evo_project_drop(p);
    free(p->items);
    free(p->root);
    free(p->migrations);
    evo_strvec_release(&p->locations);
    free(p->ledger_schema);
    free(p->ledger_table);
    free(p->ledger_by);
    evo_strvec_release(&p->heads);
    evo_strvec_release(&p->warnings);
    *p = (struct evo_project){ 0 };
}

const struct evo_migration *evo_project_find(const struct evo_project *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].name, name) == 0)
            return &p->items[i];
    return NULL;
}

enum evo_entry evo_entry_of(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return EVO_ENTRY_NONE;
    return S_ISREG(st.st_mode)   ? EVO_ENTRY_FILE
           : S_ISDIR(st.st_mode) ? EVO_ENTRY_DIR
           : S_ISLNK(st.st_mode) ? EVO_ENTRY_LINK
                                 : EVO_ENTRY_OTHER;
}

enum evo_errc evo_layout_file_read(const char *path, struct evo_strbuf *out, struct evo_error *err)
{
    evo_strbuf_clear(out);
    struct stat st;
    /* A pipe would be waited for without an end. */
    bool plain = stat(path, &st) != 0 || S_ISREG(st.st_mode);
    enum evo_errc rc =
        plain ? evo_file_read(path, EVO_MIGRATION_MAX, out, err)
              : evo_error_set(err, EVO_ERR_CONFIG, "cannot read \"%s\": it is no plain file", path);
    if (!rc)
        return EVO_OK;
    if (err)
        err->code = EVO_ERR_CONFIG;
    (void)evo_error_at(err, path, 0);
    (void)evo_error_hint(err, "Look at it: ls -ld \"%s\"", path);
    return EVO_ERR_CONFIG;
}

static enum evo_errc parse_parts(const struct evo_migration *m, const char *text, size_t n,
                                 struct evo_sections *ret, struct evo_error *err)
{
    return m->parts == EVO_PARTS_GOOSE ? evo_goose_sections_parse(text, n, m->path, ret, err)
                                       : evo_sections_parse(text, n, m->path, ret, err);
}

static enum evo_errc refuse_no_up(const struct evo_project *p, const struct evo_migration *m,
                                  struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "migration \"%s\" has no \"%s\" line", m->path,
                  m->parts == EVO_PARTS_GOOSE ? "-- +goose Up" : "-- migrate:up");
    evo_error_at(err, m->path, 0);
    return p->kind == EVO_LAYOUT_SQL
               ? evo_error_hint(err, "Put the line above its SQL, or name the file \"%s.up.sql\".", m->name)
               : evo_error_hint(err, "Put the line above its SQL.");
}

/* Checksum, parts and directives of the file's n bytes. */
static enum evo_errc understand(const struct evo_project *p, struct evo_migration *m, const char *text,
                                size_t n, struct evo_error *err)
{
    struct evo_sections s = { .up_end = n };
    (void)evo_sha256_hex(text, n, m->checksum);
    if (m->by_tool)
        return EVO_OK; /* another language: what looks like a directive in it is none */
    if (m->parts) {
        enum evo_errc rc = parse_parts(m, text, n, &s, err);
        if (rc)
            return rc;
        if (!s.has_up)
            return refuse_no_up(p, m, err);
        m->down_in_file = s.has_down;
        m->down_no_transaction = s.down_no_transaction;
    }
    enum evo_errc rc = evo_directives_parse(text, s.up_end, m->path, 1, &m->directives, err);
    m->directives.no_transaction |= s.no_transaction;
    return rc;
}

/* A name is shown in logs, where a line end in it could pass for a line of ours, or for a command of the runner. */
static enum evo_errc check_name(const char *name, struct evo_error *err)
{
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p >= 0x20 && *p != 0x7f)
            continue;
        EVO_AUTO(strbuf) shown = EVO_STRBUF_INIT;
        for (const char *q = name; *q; q++)
            evo_strbuf_addch(&shown, (unsigned char)*q >= 0x20 && *q != 0x7f ? *q : '?');
        evo_error_set(err, EVO_ERR_CONFIG, "the name of migration \"%s\" holds a control character",
                      shown.buf);
        return evo_error_hint(err, "Rename it; where it is applied already, rename it in the ledger too.");
    }
    return EVO_OK;
}

enum evo_errc evo_project_add(struct evo_project *p, struct evo_migration *m, struct evo_strbuf *buffer,
                              struct evo_error *err)
{
    EVO_AUTO(migration) mine = *m;
    *m = (struct evo_migration){ 0 };
    mine.directives = (struct evo_directives)EVO_DIRECTIVES_INIT;
    mine.by_tool = evo_layout_of(p->kind)->delegated;
    enum evo_errc rc = check_name(mine.name, err);
    if (!rc)
        rc = evo_layout_file_read(mine.path, buffer, err);
    if (!rc)
        rc = understand(p, &mine, buffer->buf, buffer->len, err);
    if (rc)
        return evo_error_migration(err, mine.name);
    EVO_GROW(p->items, p->count, p->alloc);
    p->items[p->count++] = mine;
    mine = (struct evo_migration){ 0 };
    return EVO_OK;
}

/* The file's bytes, which must still be those the checksum was made of. */
static enum evo_errc load_unchanged(const struct evo_migration *m, struct evo_strbuf *text,
                                    struct evo_error *err)
{
    enum evo_errc rc = evo_layout_file_read(m->path, text, err);
    if (rc)
        return rc;
    char now[EVO_SHA256_HEX];
    if (strcmp(evo_sha256_hex(text->buf, text->len, now), m->checksum) == 0)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_CONFIG, "file \"%s\" was changed while evo was at work", m->path);
    return evo_error_migration(err, m->name);
}

static size_t bom_length(const char *text, size_t n)
{
    return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

enum evo_errc evo_migration_load_up(const struct evo_migration *m, struct evo_strbuf *out,
                                    struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    enum evo_errc rc = load_unchanged(m, &text, err);
    struct evo_sections s = { .up_end = text.len };
    if (!rc && m->parts)
        rc = parse_parts(m, text.buf, text.len, &s, err);
    if (rc)
        return rc;
    size_t skip = bom_length(text.buf, s.up_end);
    evo_strbuf_add(out, text.buf + skip, s.up_end - skip);
    return EVO_OK;
}

bool evo_migration_has_down(const struct evo_migration *m)
{
    return !m->directives.irreversible && (m->by_tool || m->down_in_file || m->companion[EVO_FILE_DOWN]);
}

static enum evo_errc refuse_down(const struct evo_migration *m, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_IRREVERSIBLE, "migration \"%s\" cannot be rolled back", m->name);
    if (m->directives.irreversible)
        evo_error_detail(err, "It says why: %s.", m->directives.irreversible);
    else
        evo_error_detail(err, "It has no down.sql.");
    return evo_error_migration(err, m->name);
}

enum evo_errc evo_migration_load_down(const struct evo_migration *m, struct evo_strbuf *out,
                                      const char **ret_path, struct evo_error *err)
{
    if (!evo_migration_has_down(m))
        return refuse_down(m, err);
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    const char *path = m->down_in_file ? m->path : m->companion[EVO_FILE_DOWN];
    struct evo_sections s = { 0 };
    enum evo_errc rc =
        m->down_in_file ? load_unchanged(m, &text, err) : evo_layout_file_read(path, &text, err);
    if (!rc && m->down_in_file)
        rc = parse_parts(m, text.buf, text.len, &s, err);
    EVO_AUTO(directives) checked = EVO_DIRECTIVES_INIT;
    if (!rc)
        rc = evo_directives_parse(text.buf + s.down_at, text.len - s.down_at, path, (int)s.down_lines + 1,
                                  &checked, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < s.down_lines; i++)
        evo_strbuf_addch(out, '\n');
    size_t from = s.down_at ? s.down_at : bom_length(text.buf, text.len);
    evo_strbuf_add(out, text.buf + from, text.len - from);
    if (ret_path)
        *ret_path = path;
    return EVO_OK;
}

/* What stands behind "<folder>/" in path; NULL where it does not begin so. */
static const char *below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n && folder[n - 1] == '/')
        n--;
    return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1 : NULL;
}

/* `path` as every machine would name it: below the root, else below a folder of migrations. */
static char *portable_path(const struct evo_project *p, const char *path)
{
    if (strcmp(p->root, ".") == 0 && path[0] != '/' && path[0] != '.')
        return evo_strdup(path);
    if (below(path, p->root) && !strstr(path, "/."))
        return evo_strdup(below(path, p->root));
    EVO_AUTO_STR root = realpath(p->root, NULL);
    EVO_AUTO_STR real = realpath(path, NULL);
    if (root && real && below(real, root))
        return evo_strdup(below(real, root));
    for (size_t i = 0; i <= p->locations.count; i++) {
        const char *folder = i ? p->locations.items[i - 1] : p->migrations;
        if (below(path, folder))
            return evo_asprintf("%s/%s", evo_path_base(folder), below(path, folder));
    }
    return evo_strdup(path);
}

enum evo_errc evo_migration_hash_lines(const struct evo_project *p, const struct evo_migration *m,
                                       struct evo_strvec *paths, struct evo_strvec *hashes,
                                       struct evo_error *err)
{
    evo_strvec_push_owned(paths, portable_path(p, m->path));
    evo_strvec_push(hashes, m->checksum);
    for (size_t i = 0; i < EVO_COMPANIONS; i++) {
        if (!m->companion[i])
            continue;
        char hex[EVO_SHA256_HEX];
        enum evo_errc rc = evo_sha256_file(m->companion[i], hex, err);
        if (rc) {
            if (err)
                err->code = EVO_ERR_CONFIG;
            return EVO_ERR_CONFIG;
        }
        evo_strvec_push_owned(paths, portable_path(p, m->companion[i]));
        evo_strvec_push(hashes, hex);
    }
    return EVO_OK;
}
