#include "cli/config.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/nearest.h"
#include "cli/shared.h"

#define CONFIG_MAX ((size_t)1 << 20)

void evo_config_release(struct evo_config *c)
{
    if (!c)
        return;
    free(c->path);
    free(c->root);
    evo_json_free(c->json);
    *c = (struct evo_config){ 0 };
}

/* ---- what may stand in the file -------------------------------------------- */

struct check {
    const struct evo_config *config;
    const char *text; /* the file, for line numbers */
    const struct evo_program *program;
    const char *where; /* "" or "environments.staging." */
    bool top; /* `environments` and `$schema` are known here */
    struct evo_error *err;
    enum evo_errc rc;
};

/* The line on which the key first stands: near enough to find it. */
static int line_of(const char *text, const char *key)
{
    EVO_AUTO_STR quoted = evo_asprintf("\"%s\"", key);
    const char *at = strstr(text, quoted);
    int line = 1;
    for (const char *p = text; at && p < at; p++)
        line += *p == '\n';
    return at ? line : 0;
}

static enum evo_errc unknown_key(const struct check *c, const char *where, const char *key,
                                 const char *const *candidates, size_t count)
{
    (void)evo_error_set(c->err, EVO_ERR_CONFIG, "unknown key \"%s%s\" in \"%s\"", where, key,
                        c->config->path);
    (void)evo_error_at(c->err, c->config->path, line_of(c->text, key));
    const char *nearest = evo_nearest(key, candidates, count);
    if (nearest)
        return evo_error_hint(c->err, "Did you mean \"%s%s\"?", where, nearest);
    return evo_error_hint(c->err, "%s --show-config lists what can be set.", c->program->name);
}

static size_t names_of(const struct evo_option *options, size_t count, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!options[i].flag_only && options[i].type != EVO_OPT_SECRET)
            names[n++] = options[i].name;
    return n;
}

static bool is_settable(const struct evo_option *options, size_t count, const char *key)
{
    const struct evo_option *o = evo_option_find(options, count, key);
    return o && !o->flag_only && o->type != EVO_OPT_SECRET;
}

static bool check_own_key(void *ctx, const char *key, struct evo_json *value)
{
    struct check *c = ctx;
    const char *names[128];
    size_t n = 0;
    (void)value;
    for (size_t i = 0; i < c->program->ncommands; i++) {
        const struct evo_command *command = c->program->commands[i];
        if (is_settable(command->options, command->noptions, key))
            return true;
        EVO_ASSERT(n + command->noptions <= EVO_COUNT(names));
        n += names_of(command->options, command->noptions, names + n);
    }
    EVO_AUTO_STR where = evo_asprintf("%s%s.", c->where, c->program->section);
    c->rc = unknown_key(c, where, key, names, n);
    return false;
}

static bool is_section(const char *key)
{
    for (size_t i = 0; i < evo_sections_count; i++)
        if (strcmp(evo_sections[i], key) == 0)
            return true;
    return false;
}

static bool check_level(void *ctx, const char *key, struct evo_json *value);

static bool check_environment(void *ctx, const char *name, struct evo_json *value)
{
    const struct check *c = ctx;
    EVO_AUTO_STR where = evo_asprintf("environments.%s.", name);
    struct check inner = *c;
    inner.where = where;
    inner.top = false;
    if (evo_json_type_of(value) != EVO_JSON_OBJECT) {
        ((struct check *)ctx)->rc = evo_error_set(
            c->err, EVO_ERR_CONFIG, "\"environments.%s\" in \"%s\" must be an object", name, c->config->path);
        return false;
    }
    evo_json_each(value, check_level, &inner);
    ((struct check *)ctx)->rc = inner.rc;
    return inner.rc == EVO_OK;
}

static bool check_level(void *ctx, const char *key, struct evo_json *value)
{
    struct check *c = ctx;
    bool object = evo_json_type_of(value) == EVO_JSON_OBJECT;
    if (c->top && strcmp(key, "$schema") == 0)
        return true;
    bool environments = c->top && strcmp(key, "environments") == 0;
    if (is_section(key) || environments) {
        if (!object) {
            c->rc = evo_error_set(c->err, EVO_ERR_CONFIG, "\"%s%s\" in \"%s\" must be an object", c->where,
                                  key, c->config->path);
            (void)evo_error_at(c->err, c->config->path, line_of(c->text, key));
        } else if (environments) {
            evo_json_each(value, check_environment, c);
        } else if (strcmp(key, c->program->section) == 0) {
            evo_json_each(value, check_own_key, c);
        }
        return c->rc == EVO_OK;
    }
    if (is_settable(evo_shared_options, evo_shared_options_count, key))
        return true;
    const char *names[128];
    size_t n = names_of(evo_shared_options, evo_shared_options_count, names);
    for (size_t i = 0; i < evo_sections_count; i++)
        names[n++] = evo_sections[i];
    if (c->top)
        names[n++] = "environments";
    c->rc = unknown_key(c, c->where, key, names, n);
    return false;
}

/* evo.json of the working directory or the nearest folder above it, as far as the repository's root: guards and
 * environments must not vanish because somebody stands in a subfolder. NULL: none. The caller frees. */
static char *find_file(void)
{
    EVO_AUTO(strbuf) up = EVO_STRBUF_INIT;
    for (int depth = 0; depth < 64; depth++) {
        EVO_AUTO_STR file = evo_asprintf("%sevo.json", up.buf);
        EVO_AUTO_STR repository = evo_asprintf("%s.git", up.buf);
        if (evo_is_file(file)) {
            char *found = file;
            file = NULL;
            return found;
        }
        struct stat here, above;
        EVO_AUTO_STR this_dir = evo_asprintf("%s.", up.buf);
        EVO_AUTO_STR parent = evo_asprintf("%s..", up.buf);
        if (access(repository, F_OK) == 0 || stat(this_dir, &here) != 0 || stat(parent, &above) != 0 ||
            (here.st_dev == above.st_dev && here.st_ino == above.st_ino))
            return NULL;
        evo_strbuf_adds(&up, "../");
    }
    return NULL;
}

enum evo_errc evo_config_load(const char *path, const struct evo_program *program, struct evo_config *ret,
                              struct evo_error *err)
{
    EVO_AUTO(config) c = { 0 };
    EVO_AUTO_STR file = path ? evo_strdup(path) : find_file();
    if (!file) {
        ret->root = evo_strdup(".");
        return EVO_OK;
    }
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    enum evo_errc rc = evo_file_read(file, CONFIG_MAX, &text, err);
    if (rc) {
        if (err)
            err->code = EVO_ERR_CONFIG;
        return EVO_ERR_CONFIG;
    }
    c.path = evo_strdup(file);
    c.root = evo_path_dir(file);
    rc = evo_json_parse(text.buf, text.len, file, EVO_ERR_CONFIG, &c.json, err);
    if (rc) {
        if (err && err->line)
            (void)evo_error_at(err, file, err->line);
        return rc;
    }
    if (evo_json_type_of(c.json) != EVO_JSON_OBJECT)
        return evo_error_set(err, EVO_ERR_CONFIG, "\"%s\" must hold a JSON object, not %s", file,
                             evo_json_type_name(c.json));
    struct check check = {
        .config = &c, .text = text.buf, .program = program, .where = "", .top = true, .err = err
    };
    evo_json_each(c.json, check_level, &check);
    if (check.rc)
        return check.rc;
    *ret = c;
    c = (struct evo_config){ 0 };
    return EVO_OK;
}

static bool add_name(void *ctx, const char *key, struct evo_json *value)
{
    (void)value;
    evo_strvec_push(ctx, key);
    return true;
}

enum evo_errc evo_config_check_environment(const struct evo_config *c, const char *name,
                                           struct evo_error *err)
{
    const struct evo_json *all = evo_json_get(c->json, "environments");
    if (!name || !all || evo_json_get(all, name))
        return EVO_OK;
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_json_each(all, add_name, &names);
    EVO_AUTO(strbuf) list = EVO_STRBUF_INIT;
    for (size_t i = 0; i < names.count; i++)
        evo_strbuf_addf(&list, "%s%s", i ? ", " : "", names.items[i]);
    (void)evo_error_set(err, EVO_ERR_CONFIG, "unknown environment \"%s\"", name);
    (void)evo_error_detail(err, "\"%s\" has: %s.", c->path, list.buf);
    const char *nearest = evo_nearest(name, (const char *const *)names.items, names.count);
    return nearest
               ? evo_error_hint(err, "Did you mean --environment %s?", nearest)
               : evo_error_hint(err, "Give --environment one of these names, or add it to \"%s\".", c->path);
}

/* ---- looking a value up ------------------------------------------------------ */

static const char *variable(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* The action's input, then the option's own variables in order. *ret_name is the one found (heap). */
static const char *from_environment(const struct evo_option *o, const char *section, char **ret_name)
{
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    evo_strvec_push_owned(&names, evo_option_variable("EVO_IN_", section, o->name));
    if (!section && strcmp(o->name, "database") == 0)
        evo_strvec_push(&names, "EVO_IN_DATABASE_URL");
    if (o->type == EVO_OPT_SECRET)
        evo_strvec_push_owned(&names, evo_option_variable("EVO_IN_", NULL, o->name));
    if (o->env) {
        for (const char *p = o->env; *p; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");
            evo_strvec_push_owned(&names, evo_strndup(p, n));
            p += n;
        }
    } else {
        evo_strvec_push_owned(&names, evo_option_variable("EVO_", section, o->name));
    }
    for (size_t i = 0; i < names.count; i++) {
        const char *v = variable(names.items[i]);
        if (v) {
            *ret_name = evo_strdup(names.items[i]);
            return v;
        }
    }
    return NULL;
}

/* A JSON value as the text that a flag would have. Lists become lines. */
static enum evo_errc json_text(const struct evo_json *v, const char *origin, struct evo_strbuf *out,
                               struct evo_error *err)
{
    switch (evo_json_type_of(v)) {
    case EVO_JSON_STRING:
        evo_strbuf_adds(out, evo_json_string(v, ""));
        return EVO_OK;
    case EVO_JSON_INT:
        evo_strbuf_addf(out, "%lld", (long long)evo_json_int(v, 0));
        return EVO_OK;
    case EVO_JSON_BOOL:
        evo_strbuf_adds(out, evo_json_bool(v, false) ? "true" : "false");
        return EVO_OK;
    case EVO_JSON_ARRAY:
        for (size_t i = 0; i < evo_json_count(v); i++) {
            if (evo_json_type_of(evo_json_at(v, i)) == EVO_JSON_ARRAY)
                break;
            enum evo_errc rc = json_text(evo_json_at(v, i), origin, out, err);
            if (rc)
                return rc;
            evo_strbuf_addch(out, '\n');
        }
        return EVO_OK;
    default:
        return evo_error_set(err, EVO_ERR_CONFIG, "%s cannot be %s", origin, evo_json_type_name(v));
    }
}

static const struct evo_json *member(const struct evo_json *level, const char *section, const char *name)
{
    return evo_json_get(section ? evo_json_get(level, section) : level, name);
}

static enum evo_errc from_file(const struct evo_config *c, const char *environment, const char *section,
                               const struct evo_option *o, void *base, struct evo_origin *origin,
                               bool *ret_found, struct evo_error *err)
{
    const struct evo_json *level[2] = {
        environment ? evo_json_get(evo_json_get(c->json, "environments"), environment) : NULL, c->json
    };
    for (size_t i = 0; i < 2; i++) {
        const struct evo_json *v = member(level[i], section, o->name);
        if (!v || evo_json_type_of(v) == EVO_JSON_NULL)
            continue;
        (void)snprintf(origin->text, sizeof(origin->text), "%s: %s%s%s%s%s%s", c->path,
                       i ? "" : "environments.", i ? "" : environment, i ? "" : ".", section ? section : "",
                       section ? "." : "", o->name);
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        enum evo_errc rc = json_text(v, origin->text, &text, err);
        if (rc)
            return rc;
        if (o->type == EVO_OPT_CONNECTION && evo_redact_connection(text.buf)) {
            (void)evo_error_set(err, EVO_ERR_CONFIG, "a password cannot stand in a file: %s", origin->text);
            return evo_error_hint(err, "Set DATABASE_URL (or PGPASSWORD) in the environment.");
        }
        *ret_found = true;
        EVO_AUTO_STR value = o->path && !strstr(text.buf, "://") ? evo_path_join(c->root, text.buf) : NULL;
        return evo_option_set(o, base, value ? value : text.buf, origin->text, false, err);
    }
    return EVO_OK;
}

static enum evo_errc resolve_one(const struct evo_config *c, const char *environment, const char *section,
                                 const struct evo_option *o, const struct evo_flag *flags, size_t nflags,
                                 void *base, struct evo_origin *origin, struct evo_error *err)
{
    bool found = false;
    for (size_t i = 0; i < nflags; i++) {
        if (flags[i].option != o)
            continue;
        found = true;
        (void)snprintf(origin->text, sizeof(origin->text), "--%s", o->name);
        enum evo_errc rc = evo_option_set(o, base, flags[i].text, origin->text, true, err);
        if (rc)
            return rc;
    }
    if (found || o->flag_only)
        return EVO_OK;

    EVO_AUTO_STR name = NULL;
    const char *text = from_environment(o, section, &name);
    if (text) {
        (void)snprintf(origin->text, sizeof(origin->text), "%s", name);
        return evo_option_set(o, base, text, name, false, err);
    }
    if (c->json && o->type != EVO_OPT_SECRET) {
        enum evo_errc rc = from_file(c, environment, section, o, base, origin, &found, err);
        if (rc || found)
            return rc;
    }
    if (o->fallback) {
        (void)snprintf(origin->text, sizeof(origin->text), "default");
        return evo_option_set(o, base, o->fallback, "the default", false, err);
    }
    (void)snprintf(origin->text, sizeof(origin->text), "unset");
    if (o->type == EVO_OPT_DURATION)
        *(int64_t *)((char *)base + o->offset) = -1;
    return EVO_OK;
}

enum evo_errc evo_config_resolve(const struct evo_config *c, const char *environment, const char *section,
                                 const struct evo_option *options, size_t count, const struct evo_flag *flags,
                                 size_t nflags, void *base, struct evo_origin *origins, struct evo_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct evo_origin origin = { "" };
        enum evo_errc rc =
            resolve_one(c, environment, section, &options[i], flags, nflags, base, &origin, err);
        if (rc)
            return rc;
        if (origins)
            origins[i] = origin;
    }
    return EVO_OK;
}

bool evo_config_has(const struct evo_json *json, const char *environment, const char *section,
                    const char *option)
{
    struct evo_option row = { .name = option, .type = EVO_OPT_STRING };
    EVO_AUTO_STR name = NULL;
    if (from_environment(&row, section, &name))
        return true;
    const struct evo_json *level =
        environment ? evo_json_get(evo_json_get(json, "environments"), environment) : NULL;
    const struct evo_json *v = member(level, section, option);
    if (!v)
        v = member(json, section, option);
    enum evo_json_type type = evo_json_type_of(v);
    return type != EVO_JSON_NULL && !(type == EVO_JSON_BOOL && !evo_json_bool(v, true)) &&
           !(type == EVO_JSON_ARRAY && evo_json_count(v) == 0) &&
           !(type == EVO_JSON_STRING && !*evo_json_string(v, ""));
}

char *evo_config_peek(const struct evo_json *json, const char *environment, const char *section,
                      const char *option)
{
    struct evo_option row = { .name = option, .type = EVO_OPT_STRING };
    EVO_AUTO_STR name = NULL;
    const char *text = from_environment(&row, section, &name);
    if (text)
        return evo_strdup(text);
    const struct evo_json *level =
        environment ? evo_json_get(evo_json_get(json, "environments"), environment) : NULL;
    const struct evo_json *v = member(level, section, option);
    if (!v)
        v = member(json, section, option);
    return evo_strdup(evo_json_string(v, NULL));
}
