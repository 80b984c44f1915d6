#include "migration/new.h"

#include <ctype.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"

#define NAME_LIMIT 200
/* yyyymmddhhmmss; a version with fewer digits is a number that counts up. */
#define TIME_DIGITS 14

static const char up_template[] =
    "-- What this migration changes. evo runs the file in one transaction: all of it, or none.\n"
    "-- A statement that cannot run in one (CREATE INDEX CONCURRENTLY, VACUUM) is found by itself; the file "
    "then\n"
    "-- runs statement by statement, resumable at the one that failed.\n"
    "--\n"
    "--   evo-migrate plan      shows how it would run, and what it locks\n"
    "--   evo-migrate up        applies it\n\n";

static const char down_template[] =
    "-- How to take it back: run by evo-migrate down, in one transaction like the file itself.\n"
    "-- Where nothing can bring the data back, delete this part and write at the top of the migration:\n"
    "--   -- evo:irreversible REASON\n\n"
    "-- Replace this by the way back. As it stands it fails, so that nobody takes it for one.\n"
    "DO $$ BEGIN RAISE EXCEPTION 'the way back of this migration has not been written yet'; END $$;\n";

static const char verify_up_template[] =
    "-- What must be true when the migration is applied: each statement is one check. It passes when it "
    "returns at\n"
    "-- least one row and the first column of every row is true. Another expectation stands in lines above "
    "it, e.g.\n"
    "--   -- evo:expect rows 1\n"
    "--   -- evo:expect column data_type = character varying\n"
    "--   SELECT data_type FROM information_schema.columns WHERE table_name = 'products' AND column_name = "
    "'sku';\n"
    "-- It runs inside the migration's transaction: when it is false, nothing has happened.\n\n"
    "-- Replace this check, which fails, by one that tells whether this migration did what it is for.\n"
    "SELECT false AS " EVO_NEW_UNWRITTEN ";\n";

static const char verify_down_template[] =
    "-- What must be true when the migration has been taken back, in the form of verify_up.sql, e.g.\n"
    "--   -- evo:expect empty\n"
    "--   SELECT 1 FROM information_schema.columns WHERE table_name = 'products' AND column_name = 'sku';\n\n"
    "-- Replace this check, which fails.\n"
    "SELECT false AS " EVO_NEW_UNWRITTEN ";\n";

enum form { FORM_FOLDER, FORM_PAIR, FORM_ONE_FILE, FORM_GOOSE, FORM_FLYWAY };

struct target {
    const struct evo_project *project;
    enum form form;
    char *name; /* in the ledger */
    struct evo_json *files; /* borrowed */
};

static enum form form_of(const struct evo_project *p)
{
    switch (p->kind) {
    case EVO_LAYOUT_DBMATE:
        return FORM_ONE_FILE;
    case EVO_LAYOUT_GOLANG_MIGRATE:
        return FORM_PAIR;
    case EVO_LAYOUT_GOOSE:
        return FORM_GOOSE;
    case EVO_LAYOUT_FLYWAY:
        return FORM_FLYWAY;
    default:
        break;
    }
    if (p->kind == EVO_LAYOUT_PRISMA || p->count == 0)
        return FORM_FOLDER;
    const struct evo_migration *last = &p->items[p->count - 1];
    if (last->parts == EVO_PARTS_MIGRATE)
        return FORM_ONE_FILE;
    return evo_streq(evo_path_base(last->path), "up.sql") ? FORM_FOLDER : FORM_PAIR;
}

static enum evo_errc clean_name(const char *name, struct evo_strbuf *out, struct evo_error *err)
{
    size_t n = strlen(name);
    bool ok = n > 0 && n <= NAME_LIMIT;
    for (size_t i = 0; ok && i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        ok = isalnum(c) || c == '_' || c == '-' || c == ' ';
        evo_strbuf_addch(out, c == ' ' ? '_' : (char)c);
    }
    if (ok)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_USAGE, "\"%.80s\" cannot be a migration's name", name);
    return evo_error_hint(
        err, "Use letters, digits, \"_\" and \"-\", at most %d: evo-migrate new add_user_status", NAME_LIMIT);
}

static char *time_version(int64_t wall_ms)
{
    char compact[EVO_TIME_MAX];
    (void)evo_format_time_compact(wall_ms, compact);
    EVO_AUTO(strbuf) digits = EVO_STRBUF_INIT;
    for (const char *c = compact; *c; c++)
        if (isdigit((unsigned char)*c))
            evo_strbuf_addch(&digits, *c);
    return evo_strbuf_detach(&digits);
}

char *evo_new_version(const char *last, int64_t wall_ms)
{
    EVO_AUTO_STR now = time_version(wall_ms);
    uint64_t number = 0;
    if (!last || !evo_parse_digits(last, strlen(last), &number))
        return evo_strdup(now);
    size_t digits = strlen(last);
    if (digits >= TIME_DIGITS && strcmp(now, last) > 0)
        return evo_strdup(now);
    return evo_asprintf("%0*" PRIu64, (int)digits, number + 1);
}

/* The digits that the newest migration begins with; the caller frees, NULL where there are none. */
static char *last_version(const struct evo_project *p)
{
    size_t at = p->count;
    while (p->kind == EVO_LAYOUT_FLYWAY && at && !p->items[at - 1].version)
        at--; /* repeatable ones stand last */
    if (at == 0)
        return NULL;
    const struct evo_migration *last = &p->items[at - 1];
    if (last->version)
        return evo_strdup(last->version);
    size_t n = strspn(last->name, "0123456789");
    return n == TIME_DIGITS ? evo_strndup(last->name, n) : NULL;
}

static enum evo_errc make_dir(const char *dir, mode_t mask, struct evo_error *err)
{
    bool there = evo_is_dir(dir);
    enum evo_errc rc = there ? EVO_OK : evo_dir_make(dir, err);
    if (!rc && !there)
        (void)chmod(dir, 0777 & ~mask); /* part of a source tree: the user's own mode, not evo's 0700 */
    return rc;
}

static enum evo_errc write_file(const struct target *t, const char *path, const char *text,
                                struct evo_error *err)
{
    mode_t mask = umask(0);
    (void)umask(mask);
    EVO_AUTO_STR dir = evo_path_dir(path);
    enum evo_errc rc = make_dir(dir, mask, err);
    if (!rc)
        rc = evo_file_write_once(path, text, strlen(text), err);
    if (rc)
        return rc;
    (void)chmod(path, 0666 & ~mask);
    evo_json_append_string(t->files, path);
    return EVO_OK;
}

static enum evo_errc write_in(const struct target *t, const char *dir, const char *file, const char *text,
                              struct evo_error *err)
{
    EVO_AUTO_STR path = evo_path_join(dir, file);
    return write_file(t, path, text, err);
}

static enum evo_errc write_scripts(const struct target *t, const char *folder, struct evo_error *err)
{
    const struct evo_project *p = t->project;
    if (t->form == FORM_FOLDER) {
        const char *up = p->kind == EVO_LAYOUT_PRISMA ? "migration.sql" : "up.sql";
        enum evo_errc rc = write_in(t, folder, up, up_template, err);
        return rc ? rc : write_in(t, folder, "down.sql", down_template, err);
    }
    if (t->form == FORM_PAIR) {
        EVO_AUTO_STR up = evo_asprintf("%s.up.sql", t->name);
        EVO_AUTO_STR down = evo_asprintf("%s.down.sql", t->name);
        enum evo_errc rc = write_in(t, p->migrations, up, up_template, err);
        return rc ? rc : write_in(t, p->migrations, down, down_template, err);
    }
    EVO_AUTO_STR file = evo_asprintf("%s.sql", t->name);
    if (t->form == FORM_FLYWAY) {
        EVO_AUTO_STR undo = evo_asprintf("U%s", file + 1);
        enum evo_errc rc = write_in(t, p->migrations, file, up_template, err);
        return rc ? rc : write_in(t, p->migrations, undo, down_template, err);
    }
    bool goose = t->form == FORM_GOOSE;
    EVO_AUTO_STR text = evo_asprintf("%s\n%s%s\n%s", goose ? "-- +goose Up" : "-- migrate:up", up_template,
                                     goose ? "-- +goose Down" : "-- migrate:down", down_template);
    return write_in(t, p->migrations, file, text, err);
}

static enum evo_errc write_all(const struct target *t, struct evo_error *err)
{
    const struct evo_project *p = t->project;
    EVO_AUTO_STR folder = evo_path_join(p->migrations, t->name);
    EVO_AUTO_STR beside = evo_path_join(p->root, "evo");
    EVO_AUTO_STR companions = t->form == FORM_FOLDER ? evo_strdup(folder) : evo_path_join(beside, t->name);
    enum evo_errc rc = write_scripts(t, folder, err);
    if (!rc)
        rc = write_in(t, companions, "verify_up.sql", verify_up_template, err);
    if (!rc)
        rc = write_in(t, companions, "verify_down.sql", verify_down_template, err);
    return rc;
}

enum evo_errc evo_new_run(const struct evo_project *project, const char *name, int64_t wall_ms,
                          struct evo_json *data, struct evo_error *err)
{
    EVO_AUTO_PTR(json) files = evo_json_array();
    evo_json_set_null(data, "name");
    evo_json_set(data, "files", evo_json_ref(files));
    EVO_AUTO(strbuf) clean = EVO_STRBUF_INIT;
    const char *adds = evo_layout_of(project->kind)->adds;
    enum evo_errc rc = clean_name(name, &clean, err);
    if (rc)
        return rc;
    if (adds) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "evo-migrate new writes no migrations of %s",
                            evo_layout_name(project->kind));
        return evo_error_hint(err, "Make it with: %s %s", adds, clean.buf);
    }
    EVO_AUTO_STR last = last_version(project);
    EVO_AUTO_STR version = evo_new_version(last, wall_ms);
    bool flyway = project->kind == EVO_LAYOUT_FLYWAY;
    EVO_AUTO_STR full = evo_asprintf(flyway ? "V%s__%s" : "%s_%s", version, clean.buf);
    const struct target t = { .project = project, .form = form_of(project), .name = full, .files = files };
    rc = write_all(&t, err);
    if (!rc)
        evo_json_set_string(data, "name", full);
    return rc;
}
