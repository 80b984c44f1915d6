/*
 * Laravel: one migration by artisan, named by its file (--path --realpath).
 *
 * "migrate" gives each run a batch of its own, so what evo applies lies in the ledger as "migrate --step" would have it: a
 * batch a migration. "migrate:rollback" then takes back the last one, and --step N the last N, as evo-migrate down does.
 * A rollback with --path knows that one file alone: where the last row is another migration, nothing is done.
 *
 * The row is written behind the migration's COMMIT, in a statement of its own. What ends between the two leaves a
 * migration that is applied and not recorded. An error that artisan lives to tell comes from inside the migration's
 * transaction, unless it is about the row or the connection: then nobody knows, and what verify_up.sql finds, or a person,
 * decides.
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/ledger.h"
#include "migration/delegate.h"

#define CACHED_CONFIG "bootstrap/cache/config.php"

/* Laravel's own names for what is in the environment already. */
static const struct evo_delegate_alias aliases[] = {
    { "DB_URL", "DATABASE_URL" },
    { "DB_HOST", "PGHOST" },
    { "DB_PORT", "PGPORT" },
    { "DB_DATABASE", "PGDATABASE" },
    { "DB_USERNAME", "PGUSER" },
    { "DB_PASSWORD", "PGPASSWORD" },
    { NULL, NULL },
};

/* A cached configuration holds the connection it was made with, and no variable changes it. */
static enum evo_errc refuse_cached(const struct evo_project *p, struct evo_error *err)
{
    const char *moved = getenv("APP_CONFIG_CACHE");
    EVO_AUTO_STR path = evo_path_join(p->root, moved && *moved ? moved : CACHED_CONFIG);
    if (!evo_is_file(path))
        return EVO_OK;
    evo_error_set(err, EVO_ERR_CONFIG, "Laravel's configuration is cached in \"%s\"", path);
    evo_error_detail(err,
                     "It holds the connection it was made with, so artisan might migrate another database.");
    evo_error_hint(err, "Remove it, and make it again behind the migrations: php artisan config:clear");
    return evo_error_next(err, "php artisan config:clear");
}

/* A dump of the schema, which artisan loads before the first migration of an empty ledger; NULL. The caller frees. */
static char *find_dump(const struct evo_project *p)
{
    EVO_AUTO_STR folder = evo_path_join(p->root, "database/schema");
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    struct evo_error ignored = EVO_ERROR_INIT;
    if (evo_dir_list(folder, &names, &ignored))
        return NULL;
    for (size_t i = 0; i < names.count; i++)
        if (evo_ends_with(names.items[i], "-schema.sql") || evo_ends_with(names.items[i], "-schema.dump"))
            return evo_path_join(folder, names.items[i]);
    return NULL;
}

static enum evo_errc admit(const struct evo_project *p, const struct evo_ledger *l, bool down,
                           struct evo_delegate_command *ret, struct evo_error *err)
{
    (void)ret;
    EVO_AUTO_STR dump = down || l->count ? NULL : find_dump(p);
    if (!dump)
        return EVO_OK;
    evo_error_set(err, EVO_ERR_CONFIG, "nothing is applied, and artisan would load \"%s\" first", dump);
    evo_error_detail(err, "It stands for migrations whose files are gone, and records all of them at once.");
    evo_error_hint(err,
                   "Let artisan do the first run of an empty database (php artisan migrate), or remove the "
                   "file where the migrations beside it are complete.");
    return evo_error_next(err, "php artisan migrate --force");
}

static enum evo_errc command(const struct evo_project *p, const struct evo_migration *m, bool down,
                             struct evo_delegate_command *ret, struct evo_error *err)
{
    EVO_AUTO_STR artisan = evo_path_join(p->root, "artisan");
    EVO_AUTO_STR php = evo_delegate_find(p, NULL, "php");
    EVO_AUTO_STR real = realpath(m->path, NULL);
    if (!php) {
        evo_error_set(err, EVO_ERR_CONFIG, "found no php on PATH, which runs Laravel's migrations");
        return evo_error_hint(err,
                              "Install PHP with its PostgreSQL driver: apt-get install php-cli php-pgsql");
    }
    if (!evo_is_file(artisan)) {
        evo_error_set(err, EVO_ERR_CONFIG, "found no artisan in \"%s\"", p->root);
        return evo_error_hint(err, "Run evo in the project's folder, or put evo.json there.");
    }
    enum evo_errc rc = refuse_cached(p, err);
    if (rc)
        return rc;
    evo_strvec_push(&ret->argv, php);
    evo_strvec_push(&ret->argv, "artisan");
    evo_strvec_push(&ret->argv, down ? "migrate:rollback" : "migrate");
    if (down)
        evo_strvec_push(&ret->argv, "--step=1");
    evo_strvec_push(&ret->argv, "--force");
    evo_strvec_pushf(&ret->argv, "--path=%s", real ? real : m->path);
    evo_strvec_push(&ret->argv, "--realpath");
    evo_strvec_push(&ret->argv, "--no-interaction");
    evo_strvec_push(&ret->argv, "--no-ansi");
    /* Its errors are drawn as a box of this width: one line each can be read. */
    evo_strvec_push(&ret->env, "COLUMNS=2000");
    ret->shown = evo_asprintf("php artisan migrate%s --path=%s", down ? ":rollback --step=1" : "", m->path);
    ret->atomic = !m->directives.no_transaction;
    return EVO_OK;
}

/* The row could not be written, or the connection went: in the migration, in its COMMIT, or behind it. HY000 is what PDO
 * calls most of what a lost connection comes to. */
static bool may_have_committed(const struct evo_ledger *l, const char *output)
{
    static const char *const signs[] = { "SQLSTATE[08", "SQLSTATE[57P", "SQLSTATE[HY" };
    EVO_AUTO_STR insert = evo_asprintf("insert into \"%s\"", l->table);
    EVO_AUTO_STR delete = evo_asprintf("delete from \"%s\"", l->table);
    for (size_t i = 0; i < EVO_COUNT(signs); i++)
        if (strstr(output, signs[i]))
            return true;
    return strstr(output, insert) || strstr(output, delete);
}

static const char *const tells[] = { "SQLSTATE[", NULL };

const struct evo_delegate evo_delegate_laravel = {
    .tool = "artisan",
    .command = command,
    .elsewhere =
        "Look at what it said, and at config/database.php: the connection comes in DATABASE_URL, DB_URL and "
        "DB_HOST, DB_PORT, DB_DATABASE, DB_USERNAME, DB_PASSWORD.",
    .tells = tells,
    .aliases = aliases,
    .url_by_host = true,
    .admit = admit,
    .may_have_committed = may_have_committed,
};
