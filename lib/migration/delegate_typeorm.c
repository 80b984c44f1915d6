/*
 * TypeORM: one migration by the project's own command-line interface, which knows only "all that are pending" and "the
 * last one".
 *
 * So it is started with a data source of ours, a file made for the run: it loads the project's own, by TypeORM's own
 * function, and leaves of its migrations the one that is wanted, by name. What is run can then be nothing else; what is
 * taken back is the row with the highest id, and where that is another migration TypeORM stops because it does not know
 * it. The project's data source decides everything else, but for two things: the connection is the one that evo has, and
 * the transaction mode is "each" where the project says "all", since only then TypeORM heeds `transaction` of a migration.
 *
 * What evo cannot read from the source is compared before anything is run: the table and schema of the ledger.
 */
#include "base/banned.h"
#include "base/file.h"
#include "layout/ledger.h"
#include "layout/typeorm.h"
#include "migration/delegate.h"
#include "json/json.h"

#define PACKAGE_MAX ((size_t)1 << 20)

static const char data_source[] =
    "// Made by evo-migrate for one run: the project's data source, with one of its migrations.\n"
    "import { createRequire } from 'node:module'\n"
    "const { env } = process\n"
    "const typeorm = createRequire(env.EVO_TYPEORM_PACKAGE)\n"
    "const { CommandUtils } = typeorm('./commands/CommandUtils.js')\n"
    "const source = await CommandUtils.loadDataSource(env.EVO_TYPEORM_SOURCE)\n"
    "const refuse = (text) => { throw new Error('evo: ' + text) }\n"
    "if (source.options.type !== 'postgres' && source.options.type !== 'cockroachdb')\n"
    "    refuse(`the data source is for ${source.options.type}, not for postgres`)\n"
    "const initialize = source.initialize\n"
    "source.initialize = async function () {\n"
    "    this.setOptions({ url: env.DATABASE_URL, replication: undefined, applicationName: env.PGAPPNAME })\n"
    "    this.driver.database = undefined\n"
    "    await initialize.call(this)\n"
    "    const table = this.options.migrationsTableName || 'migrations'\n"
    "    const schema = this.options.schema || (await this.query('SELECT current_schema() AS s'))[0].s\n"
    "    if (table !== env.EVO_LEDGER_TABLE || schema !== env.EVO_LEDGER_SCHEMA)\n"
    "        refuse(`the data source records migrations in ${schema}.${table}, and evo looked at ` +\n"
    "            `${env.EVO_LEDGER_SCHEMA}.${env.EVO_LEDGER_TABLE}: write migrationsTableName and schema as "
    "texts`)\n"
    "    const named = this.migrations.filter((m) => (m.name || m.constructor.name) === env.EVO_MIGRATION)\n"
    "    if (named.length !== 1)\n"
    "        refuse(`the data source has ${named.length} migrations named ${env.EVO_MIGRATION} among its ` "
    "+\n"
    "            `${this.migrations.length}: look at its option \"migrations\"`)\n"
    "    const bare = this.options.migrationsTransactionMode === 'none'\n"
    "    const alone = env.EVO_DOWN && named[0].transaction === false\n"
    "    this.setOptions({ migrationsTransactionMode: bare || alone ? 'none' : 'each' })\n"
    "    Object.assign(this, { migrations: named })\n"
    "    return this\n"
    "}\n"
    "export default source\n";

/* "<folder>/node_modules/<name>" of the project root or of a folder above it; NULL. The caller frees. */
static char *find_package(const char *root, const char *name)
{
    char *folder = realpath(root, NULL);
    while (folder) {
        EVO_AUTO_STR here = folder;
        EVO_AUTO_STR path = evo_asprintf("%s/node_modules/%s", evo_streq(here, "/") ? "" : here, name);
        if (evo_is_dir(path))
            return evo_strdup(path);
        folder = evo_streq(here, "/") ? NULL : evo_path_dir(here);
    }
    return NULL;
}

/* The nearest package.json says so; TypeORM looks there, too. */
static bool is_module(const char *root)
{
    EVO_AUTO_STR path = evo_path_join(root, "package.json");
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT_MAX(PACKAGE_MAX + 1);
    EVO_AUTO_PTR(json) json = NULL;
    struct evo_error ignored = EVO_ERROR_INIT;
    return !evo_file_read(path, PACKAGE_MAX, &text, &ignored) &&
           !evo_json_parse(text.buf, text.len, path, EVO_ERR_CONFIG, &json, &ignored) &&
           evo_streq(evo_json_get_string(json, "type", ""), "module");
}

/* TypeScript needs a loader: ts-node by TypeORM's own entry for it, else tsx, else what Node does by itself. */
static void add_program(const struct evo_project *p, const char *package, const char *source,
                        struct evo_strvec *argv)
{
    const char *entry = "cli.js";
    EVO_AUTO_STR ts_node = find_package(p->root, "ts-node");
    EVO_AUTO_STR tsx = find_package(p->root, "tsx");
    if (evo_typeorm_is_typescript(source) && ts_node) {
        entry = is_module(p->root) ? "cli-ts-node-esm.js" : "cli-ts-node-commonjs.js";
    } else if (evo_typeorm_is_typescript(source) && tsx) {
        evo_strvec_push(argv, "--import");
        evo_strvec_push(argv, "tsx");
    }
    evo_strvec_pushf(argv, "%s/%s", package, entry);
}

static enum evo_errc command(const struct evo_project *p, const struct evo_migration *m, bool down,
                             struct evo_delegate_command *ret, struct evo_error *err)
{
    EVO_AUTO_STR source = NULL;
    EVO_AUTO_STR package = find_package(p->root, "typeorm");
    EVO_AUTO_STR node = evo_delegate_find(p, NULL, "node");
    if (!node) {
        evo_error_set(err, EVO_ERR_CONFIG, "found no node, which runs TypeORM, on PATH");
        return evo_error_hint(err, "Install Node.js, or make it available to this shell.");
    }
    if (!package) {
        evo_error_set(err, EVO_ERR_CONFIG, "found no TypeORM in node_modules of \"%s\" or above it", p->root);
        return evo_error_hint(err, "Install the project's packages: npm ci");
    }
    enum evo_errc rc = evo_typeorm_data_source(p, &source, err);
    if (rc)
        return rc;
    EVO_AUTO_STR real = realpath(source, NULL);
    evo_strvec_push(&ret->argv, node);
    add_program(p, package, source, &ret->argv);
    evo_strvec_push(&ret->argv, down ? "migration:revert" : "migration:run");
    evo_strvec_push(&ret->argv, "-d");
    evo_strvec_push(&ret->argv, EVO_DELEGATE_SCRIPT);
    ret->script = data_source;
    ret->script_name = "evo-data-source.mjs";
    evo_strvec_pushf(&ret->env, "EVO_TYPEORM_PACKAGE=%s/package.json", package);
    evo_strvec_pushf(&ret->env, "EVO_TYPEORM_SOURCE=%s", real ? real : source);
    evo_strvec_pushf(&ret->env, "EVO_MIGRATION=%s", m->name);
    evo_strvec_push(&ret->env, down ? "EVO_DOWN=1" : "EVO_DOWN");
    ret->shown =
        evo_asprintf("typeorm migration:%s -d %s, %s alone", down ? "revert" : "run", source, m->name);
    ret->atomic = !m->directives.no_transaction;
    return EVO_OK;
}

/* The script compares them with what the data source says when it runs. */
static enum evo_errc admit(const struct evo_project *p, const struct evo_ledger *l, bool down,
                           struct evo_delegate_command *ret, struct evo_error *err)
{
    (void)p;
    (void)down;
    (void)err;
    evo_strvec_pushf(&ret->env, "EVO_LEDGER_SCHEMA=%s", l->schema);
    evo_strvec_pushf(&ret->env, "EVO_LEDGER_TABLE=%s", l->table);
    return EVO_OK;
}

static const char *const tells[] = { "failed, error: ", "Error: evo: ", "QueryFailedError: ", "Error: ",
                                     NULL };

const struct evo_delegate evo_delegate_typeorm = {
    .tool = "typeorm",
    .command = command,
    .tells = tells,
    .admit = admit,
    .elsewhere = "Look at what it said, and at the data source: it may be that of another database.",
};
