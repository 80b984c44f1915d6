/* Sqitch's folder: sqitch.plan, and the scripts that it names. */
#include "layout/sqitch.h"

#include "base/file.h"
#include "layout/companions.h"
#include "layout/reader.h"

#include "base/banned.h"

enum script { DEPLOY, REVERT, VERIFY, SCRIPTS };

/* Where scripts lie; "reworked" ones may lie elsewhere. */
struct places {
    char *plan;
    char *dir[SCRIPTS], *reworked[SCRIPTS];
    char *extension;
};

static void places_auto(struct places *p)
{
    free(p->plan);
    for (size_t i = 0; i < SCRIPTS; i++) {
        free(p->dir[i]);
        free(p->reworked[i]);
    }
    free(p->extension);
}

/* The folder that the configuration names by `key`, else `name` below `top`. */
static char *dir_of(const struct evo_sqitch_conf *c, const char *key, const char *top, const char *name)
{
    const char *dir = evo_sqitch_conf_get(c, key);
    return dir ? evo_path_join(c->base, dir) : evo_path_join(top, name);
}

static void find_places(const struct evo_project *p, const struct evo_sqitch_conf *c, struct places *ret)
{
    static const char *const names[SCRIPTS] = { "deploy", "revert", "verify" };
    const char *top_dir = evo_sqitch_conf_get(c, "top_dir"), *plan = evo_sqitch_conf_get(c, "plan_file");
    const char *extension = evo_sqitch_conf_get(c, "extension");
    const char *reworked_dir = evo_sqitch_conf_get(c, "reworked_dir");
    EVO_AUTO_STR here = evo_path_join(p->migrations, "sqitch.plan");
    EVO_AUTO_STR top = top_dir ? evo_path_join(c->base, top_dir) : evo_strdup(p->migrations);
    /* a folder that was named and has a plan is meant, whatever the root's configuration says */
    if (strcmp(p->migrations, c->base) != 0 && evo_is_file(here)) {
        free(top);
        top = evo_strdup(p->migrations);
        plan = NULL;
    }
    ret->plan = plan ? evo_path_join(c->base, plan) : evo_path_join(top, "sqitch.plan");
    EVO_AUTO_STR reworked = reworked_dir ? evo_path_join(c->base, reworked_dir) : evo_strdup(top);
    for (size_t i = 0; i < SCRIPTS; i++) {
        EVO_AUTO_STR key = evo_asprintf("%s_dir", names[i]);
        EVO_AUTO_STR reworked_key = evo_asprintf("reworked_%s_dir", names[i]);
        ret->dir[i] = dir_of(c, key, top, names[i]);
        ret->reworked[i] = dir_of(c, reworked_key, reworked, names[i]);
    }
    ret->extension = evo_strdup(extension ? extension : "sql");
}

/* The script of a change: users.sql; of a reworked one users@v1.sql, by the first of its tags for which there is one. */
static char *name_of(const struct evo_sqitch_change *c, const struct places *places)
{
    for (size_t i = 0; i < c->rework_tags.count; i++) {
        EVO_AUTO_STR file = evo_asprintf("%s%s.%s", c->plan.name, c->rework_tags.items[i], places->extension);
        EVO_AUTO_STR path = evo_path_join(places->reworked[DEPLOY], file);
        if (evo_is_file(path))
            return evo_asprintf("%s%s", c->plan.name, c->rework_tags.items[i]);
    }
    return evo_asprintf("%s%s", c->plan.name, c->rework_tags.count ? c->rework_tags.items[0] : "");
}

static char *path_of(const struct places *places, const struct evo_sqitch_change *c, enum script which,
                     const char *name)
{
    EVO_AUTO_STR file = evo_asprintf("%s.%s", name, places->extension);
    return evo_path_join(c->rework_tags.count ? places->reworked[which] : places->dir[which], file);
}

/* psql replaces the registry's name; Sqitch tells it that variable always. */
static enum evo_errc refuse_variable(const char *path, const char *text, struct evo_error *err)
{
    static const char *const forms[] = { ":registry", ":\"registry\"", ":'registry'" };
    for (size_t i = 0; i < EVO_COUNT(forms); i++) {
        const char *at = strstr(text, forms[i]);
        if (!at || (at > text && at[-1] == ':'))
            continue;
        int line = 1;
        for (const char *p = text; p < at; p++)
            line += *p == '\n';
        evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" uses psql's variable %s, which evo does not know", path,
                      forms[i]);
        evo_error_at(err, path, line);
        return evo_error_hint(err, "Write the registry's name itself.");
    }
    return EVO_OK;
}

static enum evo_errc add_change(struct evo_project *p, const struct evo_sqitch_change *c,
                                const struct places *places, struct evo_strbuf *buffer, struct evo_error *err)
{
    EVO_AUTO(migration) m = { .name = name_of(c, places), .version = evo_strdup(c->plan.id), .unwrap = true };
    EVO_AUTO_STR revert = path_of(places, c, REVERT, m.name);
    EVO_AUTO_STR verify = path_of(places, c, VERIFY, m.name);
    m.path = path_of(places, c, DEPLOY, m.name);
    if (evo_is_file(revert))
        m.companion[EVO_FILE_DOWN] = evo_strdup(revert);
    else
        m.wants_down = evo_strdup(revert);
    if (evo_is_file(verify)) {
        m.companion[EVO_FILE_VERIFY_UP] = evo_strdup(verify);
        m.verify_script = true;
    }
    const struct evo_migration *twin = evo_project_find(p, m.name);
    if (twin)
        return evo_error_set(err, EVO_ERR_CONFIG, "two changes of the plan are called \"%s\"", m.name);
    enum evo_errc rc = evo_project_add(p, &m, buffer, err);
    if (rc)
        return rc;
    struct evo_migration *added = &p->items[p->count - 1];
    char hash[EVO_SHA1_HEX];
    added->own_checksum = evo_strdup(evo_sha1_hex(buffer->buf, buffer->len, hash));
    rc = refuse_variable(added->path, buffer->buf, err);
    return rc ? evo_error_migration(err, added->name) : EVO_OK;
}

enum evo_errc evo_sqitch_read(struct evo_project *p, const struct evo_strvec *names, struct evo_error *err)
{
    (void)names;
    EVO_AUTO(sqitch_conf) conf = { 0 };
    __attribute__((cleanup(places_auto))) struct places places = { 0 };
    EVO_AUTO(strbuf) buffer = EVO_STRBUF_INIT_MAX(EVO_MIGRATION_MAX + 65536);
    p->sqitch = evo_calloc(1, sizeof(*p->sqitch)); /* the project's, good or not */
    enum evo_errc rc = evo_sqitch_conf_load(p, &conf, err);
    if (rc)
        return rc;
    find_places(p, &conf, &places);
    free(p->ledger_schema);
    p->ledger_schema = evo_strdup(evo_sqitch_conf_get(&conf, "registry"));
    rc = evo_layout_file_read(places.plan, &buffer, err);
    if (!rc)
        rc = evo_sqitch_plan_parse(buffer.buf, places.plan, p->sqitch, err);
    if (!rc)
        rc = evo_sqitch_user(&conf, p->sqitch, err);
    for (size_t i = 0; !rc && i < p->sqitch->count; i++)
        rc = add_change(p, &p->sqitch->changes[i], &places, &buffer, err);
    return rc ? rc : evo_companions_in_root(p, err);
}
