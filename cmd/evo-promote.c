/*
 * evo-promote: the passport that production asks of staging.
 *
 *   record   write the evidence of this run to the store, once
 *   check    may what is pending here be applied? only what another environment has proved
 *   show     the newest passport of an environment
 *
 * Exit status: 0 done or allowed; 1 refused (promotion_refused), or no such passport (not_found); 2 usage; 3 database;
 * 4 store; 6 a passport that was altered.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "cli/connect.h"
#include "promote/promote.h"

/* ---- what all three share --------------------------------------------------- */

struct opened {
    struct evo_conninfo info;
    struct evo_pg *pg;
    struct evo_store *store;
    struct evo_promote_view view;
};

static void opened_release(struct opened *o)
{
    evo_promote_view_release(&o->view);
    evo_store_close(o->store);
    evo_pg_close(o->pg);
    evo_conninfo_release(&o->info);
}

static enum evo_errc open_all(struct evo_cmd *cmd, struct opened *o, struct evo_error *err)
{
    enum evo_errc rc = evo_cmd_store(cmd, &o->store, err);
    if (!rc)
        rc = evo_cmd_conninfo(cmd, &o->info, err);
    if (!rc)
        rc = evo_cmd_connect(cmd, &o->info, &o->pg, err);
    if (!rc)
        rc = evo_promote_look(o->pg, o->info.schema, cmd->root, cmd->shared->layout, cmd->shared->migrations,
                              &o->view, err);
    return rc;
}

static void fill_data(struct evo_cmd *cmd, const char *key, const struct evo_passport *p, const char *verdict,
                      const struct evo_differences *differences)
{
    evo_json_set_string(cmd->data, "passport", key);
    evo_json_set_string(cmd->data, "set_hash", p ? p->set_hash : NULL);
    evo_json_set_string(cmd->data, "verdict", verdict);
    evo_json_set(cmd->data, "differences",
                 differences ? evo_differences_json(differences) : evo_json_array());
}

/* ---- record ------------------------------------------------------------------ */

static enum evo_errc run_record(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    (void)opts;
    __attribute__((cleanup(opened_release))) struct opened o = { 0 };
    EVO_AUTO(passport) p = { 0 };
    EVO_AUTO_STR key = NULL;
    enum evo_errc rc = open_all(cmd, &o, err);
    if (!rc)
        rc = evo_promote_record(o.store, o.pg, &o.view, evo_cmd_environment(cmd), cmd->shared->run_dir,
                                cmd->task, &p, &key, err);
    fill_data(cmd, key, &p, rc ? "refused" : "recorded", NULL);
    if (rc)
        return rc;
    evo_print(cmd, "passport of \"%s\" written: %zu migrations, set %.12s\n  %s/%s\n", p.environment, p.count,
              p.set_hash, evo_store_url(o.store), key);
    return EVO_OK;
}

static const struct evo_command record = {
    .name = "record",
    .summary = "write the passport of this run",
    .description = "Writes what is applied here (every file's hash, in order), the backup, and what the "
                   "probes and health\n"
                   "checks of this run found, to <store>/passports/<environment>/. It is written once and "
                   "never changed.\n"
                   "Refused when a migration failed or was edited, or a step of this run did not pass.",
    .run = run_record,
};

/* ---- check ------------------------------------------------------------------- */

struct check_options {
    char *from, *break_glass;
    int64_t max_age_ms;
    bool allow_drift;
};
static const struct evo_option check_options[] = {
    { "from", EVO_OPT_STRING, offsetof(struct check_options, from), .value = "ENVIRONMENT",
      .help = "the environment that must have proved it" },
    { "max-age", EVO_OPT_DURATION, offsetof(struct check_options, max_age_ms), .value = "DURATION",
      .help = "take no passport older than this" },
    { "allow-drift", EVO_OPT_FLAG, offsetof(struct check_options, allow_drift),
      .help = "warn, and go on, where the schema here is not one that the other environment passed through" },
    { "break-glass", EVO_OPT_STRING, offsetof(struct check_options, break_glass), .value = "REASON",
      .help = "let it through all the same, for this reason, which is recorded" },
};

static enum evo_errc need_from(const char *from, struct evo_error *err)
{
    if (from)
        return EVO_OK;
    (void)evo_error_set(err, EVO_ERR_USAGE, "no environment to promote from is given");
    return evo_error_hint(err,
                          "Give --from staging, or set \"promote\": {\"from\": \"staging\"} in evo.json.");
}

static void print_differences(struct evo_cmd *cmd, const struct evo_differences *d)
{
    for (size_t i = 0; i < d->count; i++) {
        evo_print(cmd, "  %s%-9s%s %s\n", evo_style(cmd, EVO_STYLE_RED),
                  evo_difference_name(d->items[i].kind), evo_style(cmd, EVO_STYLE_RESET),
                  d->items[i].message);
        for (size_t k = 0; k < d->items[i].lines.count; k++)
            evo_print(cmd, "            %s\n", d->items[i].lines.items[k]);
    }
}

static enum evo_errc check_schema(struct evo_cmd *cmd, const struct check_options *c, const struct opened *o,
                                  const struct evo_passports *passports, struct evo_differences *differences,
                                  struct evo_error *err)
{
    enum evo_schema_verdict verdict = EVO_SCHEMA_NOT_ASKED;
    enum evo_errc rc = evo_promote_check_schema(passports, &o->view, o->store, o->pg, c->from, cmd->task,
                                                &verdict, differences, err);
    if (rc && rc != EVO_ERR_PROMOTION_REFUSED)
        return evo_error_prefix(err, "could not compare the schema");
    evo_json_set_string(cmd->data, "schema", evo_schema_verdict_name(verdict));
    if (verdict == EVO_SCHEMA_UNKNOWN)
        evo_print(cmd, "the schema was not compared: no passport of \"%s\" says what it was at this point\n",
                  c->from);
    if (verdict == EVO_SCHEMA_OTHER_SERVER)
        evo_print(cmd, "the schema was not compared: \"%s\" runs another major version of PostgreSQL\n",
                  c->from);
    if (!rc || !c->allow_drift)
        return rc;
    print_differences(cmd, differences);
    evo_warn(cmd->task, "%s", err->message);
    return EVO_OK;
}

static enum evo_errc run_check(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct check_options *c = opts;
    __attribute__((cleanup(opened_release))) struct opened o = { 0 };
    EVO_AUTO(passports) passports = { 0 };
    EVO_AUTO(differences) differences = { 0 };
    size_t index = 0;
    enum evo_errc rc = need_from(c->from, err);
    evo_json_set_string(cmd->data, "schema", evo_schema_verdict_name(EVO_SCHEMA_NOT_ASKED));
    if (!rc)
        rc = open_all(cmd, &o, err);
    if (!rc)
        rc = evo_promote_list(o.store, c->from, c->max_age_ms, 0, &passports, err);
    if (!rc)
        rc = evo_promote_check(&passports, &o.view, c->from, &index, &differences, err);
    if (!rc)
        rc = check_schema(cmd, c, &o, &passports, &differences, err);
    bool refused = rc == EVO_ERR_PROMOTION_REFUSED;
    if (refused && c->break_glass) {
        print_differences(cmd, &differences);
        evo_warn(cmd->task, "promotion check overridden: %s", c->break_glass);
        evo_json_set_string(cmd->data, "break_glass", c->break_glass);
        rc = EVO_OK;
    }
    const struct evo_passport *p = passports.count ? &passports.items[index] : NULL;
    fill_data(cmd, p ? passports.keys[index] : NULL, p,
              rc        ? "refused"
              : refused ? "break_glass"
                        : "allowed",
              &differences);
    if (rc) {
        print_differences(cmd, &differences);
        return rc;
    }
    if (!refused)
        evo_print(cmd, "%zu pending, all proved in \"%s\" (%s)\n", o.view.state.pending, c->from,
                  passports.keys[index]);
    return EVO_OK;
}

static const struct evo_command check = {
    .name = "check",
    .summary = "may what is pending here be applied?",
    .description = "Looks for a passport of the environment named that holds every migration that would be "
                   "applied here, with\n"
                   "the same hash and in the same order, and whose history what is applied here is the "
                   "beginning of. The schema\n"
                   "here must be the one that the other environment had at this point, where that is on "
                   "record. The other\n"
                   "environment may be several migrations ahead. Nothing is changed.",
    .examples = "  evo promote check --environment production --from staging --max-age 14d",
    .options = check_options,
    .noptions = EVO_COUNT(check_options),
    .options_size = sizeof(struct check_options),
    .run = run_check,
};

/* ---- show -------------------------------------------------------------------- */

struct show_options {
    char *from;
};
static const struct evo_option show_options[] = {
    { "from", EVO_OPT_STRING, offsetof(struct show_options, from), .value = "ENVIRONMENT",
      .help = "whose passport; default: --environment" },
};

static enum evo_errc run_show(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct show_options *s = opts;
    const char *environment = s->from ? s->from : evo_cmd_environment(cmd);
    EVO_AUTO_PTR(store) store = NULL;
    EVO_AUTO(passports) passports = { 0 };
    enum evo_errc rc = evo_cmd_store(cmd, &store, err);
    if (!rc)
        rc = evo_promote_list(store, environment, -1, 1, &passports, err);
    if (rc)
        return rc;
    if (!passports.count) {
        (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "there is no passport of \"%s\"", environment);
        return evo_error_hint(err, "evo deploy --environment %s writes one when it is green.", environment);
    }
    const struct evo_passport *p = &passports.items[0];
    char when[EVO_TIME_MAX];
    fill_data(cmd, passports.keys[0], p, "shown", NULL);
    evo_json_set(cmd->data, "content", evo_passport_json(p));
    evo_print(cmd, "%s\nwritten %s, PostgreSQL %s, commit %s, backup %s\nset %s\n", passports.keys[0],
              evo_format_time(p->created_ms, when), p->server_version ? p->server_version : "unknown",
              p->commit ? p->commit : "unknown", p->backup_id ? p->backup_id : "none", p->set_hash);
    for (size_t i = 0; i < p->count; i++)
        evo_print(cmd, "  %.12s  %s\n", p->items[i].hash ? p->items[i].hash : "file gone   ",
                  p->items[i].name);
    return EVO_OK;
}

static const struct evo_command show = {
    .name = "show",
    .summary = "print the newest passport of an environment",
    .options = show_options,
    .noptions = EVO_COUNT(show_options),
    .options_size = sizeof(struct show_options),
    .run = run_show,
};

static const struct evo_command *const commands[] = { &record, &check, &show };
static const struct evo_program program = { .name = "evo-promote",
                                            .section = "promote",
                                            .summary = "production takes only what staging proved",
                                            .commands = commands,
                                            .ncommands = EVO_COUNT(commands) };

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
