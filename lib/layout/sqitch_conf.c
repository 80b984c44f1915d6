#include <pwd.h>

#include "base/file.h"
#include "layout/sqitch.h"

#include "base/banned.h"

#define SYSTEM_CONF "/etc/sqitch/sqitch.conf"

void evo_sqitch_conf_release(struct evo_sqitch_conf *c)
{
    if (!c)
        return;
    evo_conf_release(&c->conf);
    free(c->base);
    free(c->target);
    *c = (struct evo_sqitch_conf){ 0 };
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *evo_sqitch_conf_get(const struct evo_sqitch_conf *c, const char *key)
{
    EVO_AUTO_STR of_target = c->target ? evo_asprintf("target.%s.%s", c->target, key) : NULL;
    EVO_AUTO_STR of_engine = evo_asprintf("engine.pg.%s", key);
    EVO_AUTO_STR of_all = evo_asprintf("core.%s", key);
    const char *value = of_target ? evo_conf_value(&c->conf, of_target) : NULL;
    if (!value)
        value = evo_conf_value(&c->conf, of_engine);
    return value ? value : evo_conf_value(&c->conf, of_all);
}

static char *home_file(const char *file)
{
    const char *home = env("HOME");
    const struct passwd *me = home ? NULL : getpwuid(getuid());
    return home || me ? evo_path_join(home ? home : me->pw_dir, file) : NULL;
}

static enum evo_errc read_files(const struct evo_project *p, struct evo_sqitch_conf *c, struct evo_error *err)
{
    EVO_AUTO_STR users = home_file(".sqitch/sqitch.conf");
    EVO_AUTO_STR own = evo_path_join(p->migrations, "sqitch.conf");
    EVO_AUTO_STR of_root = evo_path_join(p->root, "sqitch.conf");
    bool here = evo_is_file(own) || !evo_is_file(of_root);
    const char *system_file = env("SQITCH_SYSTEM_CONFIG"), *user_file = env("SQITCH_USER_CONFIG");
    const char *local = env("SQITCH_CONFIG");
    c->base = evo_strdup(here ? p->migrations : p->root);
    enum evo_errc rc = evo_conf_read(system_file ? system_file : SYSTEM_CONF, EVO_CONF_GIT, &c->conf, err);
    if (!rc && (user_file || users))
        rc = evo_conf_read(user_file ? user_file : users, EVO_CONF_GIT, &c->conf, err);
    if (!rc)
        rc = evo_conf_read(local ? local : here ? own : of_root, EVO_CONF_GIT, &c->conf, err);
    return rc;
}

/* "pg" of "db:pg://…"; NULL where it is another engine's. */
static bool is_postgres(const char *uri)
{
    static const char *const engines[] = { "pg", "postgres", "postgresql", "pgsql" };
    const char *engine = evo_starts_with(uri, "db:") ? uri + 3 : uri;
    size_t n = strcspn(engine, ":");
    for (size_t i = 0; i < EVO_COUNT(engines); i++)
        if (strlen(engines[i]) == n && strncmp(engines[i], engine, n) == 0)
            return true;
    return false;
}

static enum evo_errc refuse_engine(const char *engine, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "the plan is for engine \"%.*s\", and evo applies it to PostgreSQL",
                  (int)strcspn(engine, ":"), engine);
    return evo_error_hint(err, "Set core.engine to pg, or name a target of that engine: SQITCH_TARGET.");
}

/* Which target is meant where Sqitch is told none, and that it is a PostgreSQL. */
static enum evo_errc find_target(struct evo_sqitch_conf *c, struct evo_error *err)
{
    const char *name = env("SQITCH_TARGET"), *engine = evo_conf_value(&c->conf, "core.engine");
    if (!name)
        name = evo_conf_value(&c->conf, "core.target");
    if (!name && engine && !is_postgres(engine))
        return refuse_engine(engine, err);
    if (!name)
        name = evo_conf_value(&c->conf, "engine.pg.target");
    if (!name)
        return EVO_OK;
    if (strchr(name, ':'))
        return is_postgres(name) ? EVO_OK : refuse_engine(name + (evo_starts_with(name, "db:") ? 3 : 0), err);
    EVO_AUTO_STR key = evo_asprintf("target.%s.uri", name);
    const char *uri = evo_conf_value(&c->conf, key);
    if (uri && !is_postgres(uri))
        return refuse_engine(uri + (evo_starts_with(uri, "db:") ? 3 : 0), err);
    c->target = evo_strdup(name);
    return EVO_OK;
}

/* psql would put them in for ":name", wherever it stands. */
static enum evo_errc refuse_variables(const struct evo_sqitch_conf *c, struct evo_error *err)
{
    for (size_t i = 0; i < c->conf.count; i++) {
        const struct evo_conf_item *item = &c->conf.items[i];
        if (!strstr(item->key, ".variables.") && !strstr(item->key, "variables.set"))
            continue;
        evo_error_set(err, EVO_ERR_CONFIG, "evo does not honour \"%s\" of \"%s\": it is a variable for psql",
                      item->key, item->path);
        evo_error_at(err, item->path, item->line);
        return evo_error_hint(err, "Apply this plan with \"sqitch deploy\".");
    }
    return EVO_OK;
}

enum evo_errc evo_sqitch_conf_load(const struct evo_project *p, struct evo_sqitch_conf *ret,
                                   struct evo_error *err)
{
    EVO_AUTO(sqitch_conf) c = { 0 };
    enum evo_errc rc = read_files(p, &c, err);
    if (!rc)
        rc = find_target(&c, err);
    if (!rc)
        rc = refuse_variables(&c, err);
    if (rc)
        return rc;
    *ret = c;
    c = (struct evo_sqitch_conf){ 0 };
    return EVO_OK;
}

/* The name in the system, and what people call it. */
static char *system_user(char **ret_full)
{
    const struct passwd *me = getpwuid(getuid());
    const char *login = env("LOGNAME");
    if (!login)
        login = env("USER");
    *ret_full = me && me->pw_gecos && *me->pw_gecos ? evo_strdup(me->pw_gecos) : NULL;
    return evo_strdup(me ? me->pw_name : login ? login : "nobody");
}

enum evo_errc evo_sqitch_user(const struct evo_sqitch_conf *c, struct evo_sqitch *s, struct evo_error *err)
{
    EVO_AUTO_STR full = NULL;
    EVO_AUTO_STR user = system_user(&full);
    char host[256] = "localhost";
    (void)gethostname(host, sizeof(host) - 1);
    EVO_AUTO_STR address = evo_asprintf("%s@%s", user, host);
    const char *name[] = { env("SQITCH_FULLNAME"), evo_conf_value(&c->conf, "user.name"),
                           env("SQITCH_ORIG_FULLNAME"), full, user };
    const char *email[] = { env("SQITCH_EMAIL"), evo_conf_value(&c->conf, "user.email"),
                            env("SQITCH_ORIG_EMAIL"), address };
    size_t n = 0, e = 0;
    while (!name[n])
        n++;
    while (!email[e])
        e++;
    if (name[n][0] == '[' || strchr(name[n], '<') || strchr(email[e], '>')) {
        evo_error_set(err, EVO_ERR_CONFIG, "\"%s <%s>\" cannot be the name of who deploys", name[n],
                      email[e]);
        return evo_error_hint(err, "Set SQITCH_FULLNAME and SQITCH_EMAIL, or user.name and user.email in "
                                   "sqitch.conf.");
    }
    s->user_name = evo_strdup(name[n]);
    s->user_email = evo_strdup(email[e]);
    return EVO_OK;
}
