/* What a project says about Flyway: flyway.conf, flyway.toml, FLYWAY_… variables. */
#include <ctype.h>

#include "base/file.h"
#include "layout/conf.h"
#include "layout/flyway.h"

#include "base/banned.h"

enum stance {
    HONOURED,
    HARMLESS, /* changes nothing of what evo does, or only what evo is told in its own way */
    REFUSED /* changes what is run or how it is recorded, unless it says what is so anyway */
};

/* Settings by their name behind "flyway."; one that ends in "." stands for all that begin so. */
static const struct setting {
    const char *name;
    enum stance stance;
    const char *usual; /* the value that changes nothing; NULL: none does */
} settings[] = {
    { "locations", HONOURED, NULL },
    { "table", HONOURED, NULL },
    { "defaultSchema", HONOURED, NULL },
    { "schemas", HONOURED, NULL },
    { "installedBy", HONOURED, NULL },
    { "placeholderReplacement", HONOURED, NULL },
    { "environment", HONOURED, NULL },
    { "sqlMigrationPrefix", REFUSED, "V" },
    { "undoSqlMigrationPrefix", REFUSED, "U" },
    { "repeatableSqlMigrationPrefix", REFUSED, "R" },
    { "baselineMigrationPrefix", REFUSED, "B" },
    { "sqlMigrationSeparator", REFUSED, "__" },
    { "sqlMigrationSuffixes", REFUSED, ".sql" },
    { "encoding", REFUSED, "UTF-8" },
    { "detectEncoding", REFUSED, "false" },
    { "placeholderPrefix", REFUSED, "${" },
    { "placeholderSuffix", REFUSED, "}" },
    { "executeInTransaction", REFUSED, "true" },
    { "group", REFUSED, "false" },
    { "initSql", REFUSED, NULL },
    { "tablespace", REFUSED, NULL },
    { "target", REFUSED, "latest" },
    { "cherryPick", REFUSED, NULL },
    { "callbacks", REFUSED, NULL },
    { "callbackLocations", REFUSED, NULL },
    { "resolvers", REFUSED, NULL },
    { "skipDefaultResolvers", REFUSED, "false" },
    { "skipExecutingMigrations", REFUSED, "false" },
    { "baselineOnMigrate", REFUSED, "false" },
    { "createSchemas", REFUSED, "true" },
    { "ignoreMigrationPatterns", HARMLESS, NULL },
    { "outOfOrder", HARMLESS, NULL }, /* evo asks each time: --out-of-order */
    { "placeholders.", HARMLESS, NULL }, /* a file that uses one is refused */
    { "placeholderSeparator", HARMLESS, NULL },
    { "scriptPlaceholderPrefix", HARMLESS, NULL },
    { "scriptPlaceholderSuffix", HARMLESS, NULL },
    { "mixed", HARMLESS, NULL },
    { "baselineVersion", HARMLESS, NULL },
    { "baselineDescription", HARMLESS, NULL },
    { "postgresql.", HARMLESS, NULL }, /* the lock has one key, whichever kind it is */
    { "cleanDisabled", HARMLESS, NULL },
    { "cleanOnValidationError", HARMLESS, NULL },
    { "validateOnMigrate", HARMLESS, NULL },
    { "validateMigrationNaming", HARMLESS, NULL },
    { "failOnMissingLocations", HARMLESS, NULL },
    { "failOnMissingTarget", HARMLESS, NULL },
    { "skipDefaultCallbacks", HARMLESS, NULL },
    { "lockRetryCount", HARMLESS, NULL },
    { "connectRetries", HARMLESS, NULL },
    { "connectRetriesInterval", HARMLESS, NULL },
    { "url", HARMLESS, NULL },
    { "user", HARMLESS, NULL },
    { "password", HARMLESS, NULL },
    { "driver", HARMLESS, NULL },
    { "jdbcProperties.", HARMLESS, NULL },
    { "jarDirs", HARMLESS, NULL },
    { "batch", HARMLESS, NULL },
    { "stream", HARMLESS, NULL },
    { "loggers", HARMLESS, NULL },
    { "color", HARMLESS, NULL },
    { "outputType", HARMLESS, NULL },
    { "outputQueryResults", HARMLESS, NULL },
    { "errorOverrides", HARMLESS, NULL },
    { "dryRunOutput", HARMLESS, NULL },
    { "reportEnabled", HARMLESS, NULL },
    { "reportFilename", HARMLESS, NULL },
    { "workingDirectory", HARMLESS, NULL },
    { "configFileEncoding", HARMLESS, NULL },
    { "edition", HARMLESS, NULL },
    { "licenseKey", HARMLESS, NULL },
    { "email", HARMLESS, NULL },
    { "token", HARMLESS, NULL },
    { "publishResult", HARMLESS, NULL },
    { "kerberosConfigFile", HARMLESS, NULL },
    { "check.", HARMLESS, NULL },
    { "deploy.", HARMLESS, NULL },
    { "plugins.", HARMLESS, NULL },
};

static const struct setting *setting_of(const char *name)
{
    for (size_t i = 0; i < EVO_COUNT(settings); i++) {
        const char *known = settings[i].name;
        if (evo_ends_with(known, ".") ? evo_starts_with(name, known) : strcmp(name, known) == 0)
            return &settings[i];
    }
    return NULL;
}

/* FLYWAY_DEFAULT_SCHEMA of "defaultSchema". */
static char *variable_of(const char *name)
{
    EVO_AUTO(strbuf) out = EVO_STRBUF_INIT;
    evo_strbuf_adds(&out, "FLYWAY_");
    for (const char *p = name; *p; p++) {
        if (isupper((unsigned char)*p))
            evo_strbuf_addch(&out, '_');
        evo_strbuf_addch(&out, *p == '.' ? '_' : (char)toupper((unsigned char)*p));
    }
    return evo_strbuf_detach(&out);
}

/* The files and, last, the variables: as Flyway itself lets one come before the other. */
static enum evo_errc read_all(const char *root, struct evo_conf *conf, struct evo_error *err)
{
    static const struct {
        const char *file;
        enum evo_conf_form form;
    } files[] = {
        { "conf/flyway.conf", EVO_CONF_PROPERTIES }, { "flyway.conf", EVO_CONF_PROPERTIES },
        { "conf/flyway.toml", EVO_CONF_TOML },       { "flyway.toml", EVO_CONF_TOML },
        { "flyway.user.toml", EVO_CONF_TOML },
    };
    enum evo_errc rc = EVO_OK;
    for (size_t i = 0; !rc && i < EVO_COUNT(files); i++) {
        EVO_AUTO_STR path = evo_path_join(root, files[i].file);
        rc = evo_conf_read(path, files[i].form, conf, err);
    }
    for (size_t i = 0; !rc && i < EVO_COUNT(settings); i++) {
        if (evo_ends_with(settings[i].name, "."))
            continue;
        EVO_AUTO_STR variable = variable_of(settings[i].name);
        const char *value = getenv(variable);
        if (!value || !*value)
            continue;
        EVO_GROW(conf->items, conf->count, conf->alloc);
        conf->items[conf->count++] =
            (struct evo_conf_item){ .key = evo_asprintf("flyway.%s", settings[i].name),
                                    .value = evo_strdup(value),
                                    .path = evo_asprintf("environment variable %s", variable) };
    }
    return rc;
}

static enum evo_errc refuse(const struct evo_conf_item *item, const char *why, struct evo_error *err)
{
    evo_error_set(err, EVO_ERR_CONFIG, "evo does not honour \"%s\" of \"%s\": %s", item->key, item->path,
                  why);
    evo_error_at(err, item->path, item->line);
    return evo_error_hint(err, "Apply these migrations with \"flyway migrate\", or take the setting out.");
}

/* One location of the setting, as a folder under the root. */
static enum evo_errc folder_of(const char *root, const struct evo_conf_item *item, const char *where,
                               char **ret, struct evo_error *err)
{
    static const char file_system[] = "filesystem:", class_path[] = "classpath:";
    if (evo_starts_with(where, file_system)) {
        where += strlen(file_system);
    } else if (evo_starts_with(where, class_path)) {
        *ret = evo_asprintf("src/main/resources/%s", where + strlen(class_path));
        return EVO_OK;
    } else if (strchr(where, ':')) {
        return refuse(item, "it is no folder", err);
    }
    if (strpbrk(where, "*?$"))
        return refuse(item, "it is a pattern", err);
    EVO_AUTO_STR path = evo_path_join(root, where);
    EVO_AUTO_STR resources = evo_asprintf("src/main/resources/%s", where);
    EVO_AUTO_STR other = evo_path_join(root, resources);
    *ret = evo_strdup(!evo_is_dir(path) && evo_is_dir(other) ? resources : where);
    return EVO_OK;
}

/* "./a/" is "a". */
static char *plain(const char *folder)
{
    while (evo_starts_with(folder, "./"))
        folder += 2 + strspn(folder + 2, "/");
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return n ? evo_strndup(folder, n) : evo_strdup(".");
}

/* The same folder, or one below it. */
static bool is_in(const char *folder, const char *other)
{
    size_t n = strlen(other);
    if (strcmp(other, ".") == 0)
        return *folder != '/';
    return strncmp(folder, other, n) == 0 && (folder[n] == '\0' || folder[n] == '/');
}

enum evo_errc evo_flyway_locations(const char *root, struct evo_strvec *ret, struct evo_error *err)
{
    EVO_AUTO(conf) conf = { 0 };
    EVO_AUTO(strvec) names = EVO_STRVEC_INIT;
    EVO_AUTO(strvec) folders = EVO_STRVEC_INIT;
    enum evo_errc rc = read_all(root, &conf, err);
    const struct evo_conf_item *item = rc ? NULL : evo_conf_find(&conf, "flyway.locations");
    if (item)
        evo_strvec_split(&names, item->value);
    for (size_t i = 0; !rc && i < names.count; i++) {
        EVO_AUTO_STR folder = NULL;
        rc = folder_of(root, item, names.items[i], &folder, err);
        if (!rc)
            evo_strvec_push_owned(&folders, plain(folder));
    }
    for (size_t i = 0; !rc && i < folders.count; i++) {
        bool inside = false;
        for (size_t j = 0; j < folders.count && !inside; j++)
            inside = j != i && is_in(folders.items[i], folders.items[j]) &&
                     (j < i || strcmp(folders.items[i], folders.items[j]) != 0);
        if (!inside)
            evo_strvec_push(ret, folders.items[i]);
    }
    return rc;
}

/* The schemas of the environment that is in use; NULL. Borrowed. */
static const struct evo_conf_item *schemas_of(const struct evo_conf *conf)
{
    const char *environment = evo_conf_value(conf, "flyway.environment");
    EVO_AUTO_STR key = evo_asprintf("environments.%s.schemas", environment ? environment : "default");
    const struct evo_conf_item *own = evo_conf_find(conf, "flyway.schemas");
    return own ? own : evo_conf_find(conf, key);
}

static enum evo_errc take_schema(struct evo_project *p, const struct evo_conf *conf, struct evo_error *err)
{
    const char *schema = evo_conf_value(conf, "flyway.defaultSchema");
    const struct evo_conf_item *list = schemas_of(conf);
    EVO_AUTO(strvec) schemas = EVO_STRVEC_INIT;
    if (list)
        evo_strvec_split(&schemas, list->value);
    if (schemas.count > 1)
        return refuse(list, "it names more than one schema", err);
    if (schemas.count && schema && strcmp(schemas.items[0], schema) != 0)
        return refuse(list, "it names another schema than defaultSchema", err);
    if (!schema && schemas.count)
        schema = schemas.items[0];
    if (schema) {
        free(p->ledger_schema);
        p->ledger_schema = evo_strdup(schema);
    }
    return EVO_OK;
}

static bool same_value(const char *a, const char *usual)
{
    while (*a && *usual && tolower((unsigned char)*a) == tolower((unsigned char)*usual)) {
        a++;
        usual++;
    }
    return *a == *usual;
}

static enum evo_errc judge(struct evo_project *p, const struct evo_conf_item *item, struct evo_error *err)
{
    static const char prefix[] = "flyway.";
    if (!evo_starts_with(item->key, prefix))
        return EVO_OK; /* another program's, or how to connect */
    const struct setting *s = setting_of(item->key + strlen(prefix));
    if (!s)
        evo_strvec_pushf(&p->warnings, "evo does not know the setting \"%s\" of \"%s\"", item->key,
                         item->path);
    else if (s->stance == REFUSED && item->value[0] && !(s->usual && same_value(item->value, s->usual)))
        return refuse(item, "it changes what Flyway runs, or how it is recorded", err);
    return EVO_OK;
}

enum evo_errc evo_flyway_configure(struct evo_project *p, bool *ret_placeholders, struct evo_error *err)
{
    EVO_AUTO(conf) conf = { 0 };
    enum evo_errc rc = read_all(p->root, &conf, err);
    for (size_t i = 0; !rc && i < conf.count; i++)
        rc = judge(p, &conf.items[i], err);
    if (!rc)
        rc = take_schema(p, &conf, err);
    if (rc)
        return rc;
    const char *table = evo_conf_value(&conf, "flyway.table");
    const char *by = evo_conf_value(&conf, "flyway.installedBy");
    const char *replace = evo_conf_value(&conf, "flyway.placeholderReplacement");
    free(p->ledger_table);
    p->ledger_table = evo_strdup(table);
    free(p->ledger_by);
    p->ledger_by = evo_strdup(by);
    *ret_placeholders = !replace || !same_value(replace, "false");
    return EVO_OK;
}
