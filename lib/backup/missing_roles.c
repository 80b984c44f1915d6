#include "backup/missing_roles.h"

#include "backup/roles.h"

#include "backup/dumped.h"
#include "backup/object.h"

#define TEXT_MAX ((size_t)64 << 20)

/* ---- reading ---------------------------------------------------------------- */

/* The end of the statement at p, behind its semicolon; quoted text and names may hold one. Comments have a line each. */
static const char *statement_end(const char *p)
{
    while (*p && *p != ';') {
        if (*p != '\'' && *p != '"') {
            p++;
            continue;
        }
        const char *end = strchr(p + 1, *p);
        if (!end)
            return p + strlen(p);
        p = end + 1; /* a doubled quote begins the next piece */
    }
    return *p ? p + 1 : p;
}

static const char *skip_blanks_and_comments(const char *p)
{
    for (;;) {
        p += strspn(p, " \n\r\t");
        /* psql's own: \restrict, \connect */
        if (!evo_starts_with(p, "--") && *p != '\\')
            return p;
        p += strcspn(p, "\n");
    }
}

/* The role that a statement is about: what follows the words. */
static bool names_role(const char *statement, const char *words, char **ret)
{
    return evo_starts_with(statement, words) && evo_dumped_identifier(statement + strlen(words), ret);
}

/* "GRANT a TO b WITH … GRANTED BY c": the member, and the statement as whoever restores may give it. */
static char *membership(const char *statement, const struct evo_strvec *missing)
{
    static const char by[] = " GRANTED BY ";
    EVO_AUTO_STR group = NULL;
    EVO_AUTO_STR member = NULL;
    const char *p = evo_starts_with(statement, "GRANT ")
                        ? evo_dumped_identifier(statement + strlen("GRANT "), &group)
                        : NULL;
    if (!p || !evo_starts_with(p, " TO ") || !evo_dumped_identifier(p + strlen(" TO "), &member) ||
        !evo_strvec_contains(missing, member))
        return NULL;
    const char *granted = strstr(p, by);
    return granted ? evo_asprintf("%.*s;", (int)(granted - statement), statement) : evo_strdup(statement);
}

/* The statement where it makes a missing role, or says more of one. */
static char *about_missing(const char *statement, const struct evo_strvec *existing,
                           struct evo_strvec *missing)
{
    EVO_AUTO_STR made = NULL;
    EVO_AUTO_STR role = NULL;
    if (names_role(statement, "CREATE ROLE ", &made)) {
        if (evo_strvec_contains(existing, made))
            return NULL;
        evo_strvec_push(missing, made);
        return evo_strdup(statement);
    }
    if (names_role(statement, "ALTER ROLE ", &role) || names_role(statement, "COMMENT ON ROLE ", &role))
        return evo_strvec_contains(missing, role) ? evo_strdup(statement) : NULL;
    return membership(statement, missing);
}

void evo_missing_roles(const char *sql, const struct evo_strvec *existing, struct evo_strvec *ret_names,
                       struct evo_strvec *ret_statements)
{
    for (const char *p = skip_blanks_and_comments(sql); *p; p = skip_blanks_and_comments(p)) {
        const char *end = statement_end(p);
        EVO_AUTO_STR statement = evo_strndup(p, (size_t)(end - p));
        char *wanted = about_missing(statement, existing, ret_names);
        if (wanted)
            evo_strvec_push_owned(ret_statements, wanted);
        p = end;
    }
}

/* ---- making ----------------------------------------------------------------- */

static enum evo_errc unpack(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    return evo_decompressor_write(ctx, data, n, err);
}

static enum evo_errc gather(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    struct evo_strbuf *out = ctx;
    evo_strbuf_add(out, data, n);
    return evo_strbuf_ok(out) ? EVO_OK
                              : evo_error_set(err, EVO_ERR_INTEGRITY, "the roles are more text than allowed");
}

static enum evo_errc read_text(const struct evo_restore_run *r, struct evo_strbuf *out, struct evo_error *err)
{
    const struct evo_manifest *m = &r->options->backup->manifest;
    const struct evo_backup_object *o = evo_manifest_object(m, EVO_OBJECT_GLOBALS);
    const struct evo_object_source from = evo_object_source(r->options->store, r->options->backup);
    if (!o) {
        evo_error_set(err, EVO_ERR_NOT_FOUND, "backup \"%s\" holds no roles", m->id);
        return evo_error_hint(
            err, "Restore without --globals; roles are in a backup that was made with --globals.");
    }
    EVO_AUTO_PTR(decompressor)
    z = evo_decompressor_new(strstr(o->name, ".gz") ? EVO_CODEC_GZIP : EVO_CODEC_NONE, gather, out);
    enum evo_errc rc = evo_object_read(&from, o, unpack, z, err);
    return rc ? rc : evo_decompressor_finish(z, err);
}

static enum evo_errc read_existing(struct evo_pg *pg, struct evo_strvec *ret, struct evo_error *err)
{
    EVO_AUTO_PTR(pg_result) roles = NULL;
    enum evo_errc rc = evo_pg_query(pg, "SELECT rolname FROM pg_catalog.pg_roles", 0, NULL, &roles, err);
    for (int i = 0; !rc && i < evo_pg_rows(roles); i++)
        evo_strvec_push(ret, evo_pg_value(roles, i, 0));
    return rc;
}

/* What roles.h may take for one: the argument of a function is "interval day to second". */
static bool is_unit(const char *name)
{
    static const char *const units[] = { "month", "hour", "minute", "second" };
    for (size_t i = 0; i < EVO_COUNT(units); i++)
        if (evo_streq(name, units[i]))
            return true;
    return false;
}

static void add_owners(const struct evo_restore_run *r, struct evo_strvec *ret)
{
    for (size_t i = 0; i < r->toc.count; i++) {
        const char *owner = r->toc.items[i].owner;
        if (r->selection.take[i] && owner && *owner && !evo_strvec_contains(ret, owner))
            evo_strvec_push(ret, owner);
    }
}

enum evo_errc evo_missing_roles_refuse(const struct evo_restore_run *r, struct evo_pg *pg,
                                       const struct evo_strvec *to_make, struct evo_error *err)
{
    const struct evo_restore_options *o = r->options;
    EVO_AUTO(strvec) existing = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) named = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) missing = EVO_STRVEC_INIT;
    EVO_AUTO(strbuf) names = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) create = EVO_STRBUF_INIT;
    enum evo_errc rc = read_existing(pg, &existing, err);
    if (rc)
        return rc;
    evo_toc_roles(&r->toc, r->selection.take, &named);
    if (!o->no_owner)
        add_owners(r, &named);
    for (size_t i = 0; i < named.count; i++) {
        const char *name = named.items[i];
        if (evo_strvec_contains(&existing, name) || evo_strvec_contains(to_make, name) || is_unit(name))
            continue;
        evo_strvec_push(&missing, name);
        EVO_AUTO_STR quoted = evo_pg_identifier(pg, name);
        evo_strbuf_addf(&names, "%s\"%s\"", names.len ? ", " : "", name);
        evo_strbuf_addf(&create, "%sCREATE ROLE %s;", create.len ? " " : "", quoted);
    }
    if (!missing.count)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_DATABASE, "the target's server lacks %zu role%s that the backup speaks of: %s",
                  missing.count, missing.count == 1 ? "" : "s", names.buf);
    evo_error_detail(err, "Nothing was changed.");
    if (evo_manifest_object(&o->backup->manifest, EVO_OBJECT_GLOBALS))
        return evo_error_hint(err,
                              "The backup holds its roles: add --globals to have them made. Or leave owners "
                              "and privileges out: --no-owner --no-privileges.");
    return evo_error_hint(err, "%s Or leave owners and privileges out: --no-owner --no-privileges.",
                          create.buf);
}

enum evo_errc evo_missing_roles_look(const struct evo_restore_run *r, struct evo_pg *pg,
                                     struct evo_strvec *ret_names, struct evo_strvec *ret_statements,
                                     struct evo_error *err)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(TEXT_MAX);
    EVO_AUTO(strvec) existing = EVO_STRVEC_INIT;
    enum evo_errc rc = read_text(r, &text, err);
    if (!rc)
        rc = read_existing(pg, &existing, err);
    if (!rc)
        evo_missing_roles(text.buf, &existing, ret_names, ret_statements);
    return rc;
}

enum evo_errc evo_missing_roles_make(const struct evo_restore_run *r, struct evo_pg *pg,
                                     const struct evo_strvec *names, const struct evo_strvec *statements,
                                     struct evo_error *err)
{
    if (!statements->count)
        return EVO_OK;
    enum evo_errc rc = evo_pg_exec(pg, "BEGIN", err);
    for (size_t i = 0; !rc && i < statements->count; i++)
        rc = evo_pg_exec(pg, statements->items[i], err);
    if (!rc)
        rc = evo_pg_exec(pg, "COMMIT", err);
    if (rc) {
        (void)evo_error_prefix(err, "could not make the backup's roles");
        return rc == EVO_ERR_PERMISSION ? evo_error_hint(err, "Nothing was changed. Restore as a superuser; "
                                                              "or without --globals, with --no-owner.")
                                        : rc;
    }
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    for (size_t i = 0; i < names->count; i++)
        evo_strbuf_addf(&list, "%s\"%s\"", i ? ", " : "", names->items[i]);
    evo_notice(r->options->task, "made the role%s %s, without a password", names->count == 1 ? "" : "s",
               list.buf);
    return EVO_OK;
}
