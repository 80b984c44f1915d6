#include "cli/option.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/parse.h"

const struct evo_option *evo_option_find(const struct evo_option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

char *evo_option_variable(const char *prefix, const char *section, const char *name)
{
    char *variable = evo_asprintf("%s%s%s%s", prefix, section ? section : "", section ? "_" : "", name);
    for (char *p = variable; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    return variable;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = choices; n && *p; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word == n && strncmp(p, text, n) == 0)
            return true;
        p += word;
    }
    return false;
}

static enum evo_errc refuse(const struct evo_option *option, const char *text, const char *origin,
                            bool from_flag, const char *expected, struct evo_error *err)
{
    enum evo_errc code = from_flag ? EVO_ERR_USAGE : EVO_ERR_CONFIG;
    if (option->type == EVO_OPT_SECRET)
        return evo_error_set(err, code, "invalid value for %s", origin);
    (void)evo_error_set(err, code, "invalid value \"%.200s\" for %s", text, origin);
    return evo_error_hint(err, "Expected %s.", expected);
}

static void set_string(char **field, const char *text)
{
    free(*field);
    *field = evo_strdup(text);
}

static enum evo_errc set_list(const struct evo_option *option, struct evo_strvec *list, const char *text,
                              const char *origin, bool from_flag, struct evo_error *err)
{
    EVO_AUTO(strvec) items = EVO_STRVEC_INIT;
    if (option->type == EVO_OPT_LIST) {
        evo_strvec_split(&items, text);
    } else {
        for (const char *p = text; *p; p += *p != '\0') {
            size_t n = strcspn(p, "\r\n");
            if (n)
                evo_strvec_push_owned(&items, evo_strndup(p, n));
            p += n;
        }
    }
    for (size_t i = 0; i < items.count; i++) {
        if (option->choices && !is_choice(option->choices, items.items[i])) {
            EVO_AUTO_STR expected = evo_asprintf("a list of: %s", option->choices);
            return refuse(option, items.items[i], origin, from_flag, expected, err);
        }
        evo_strvec_push(list, items.items[i]);
    }
    return EVO_OK;
}

enum evo_errc evo_option_set(const struct evo_option *option, void *base, const char *text,
                             const char *origin, bool from_flag, struct evo_error *err)
{
    void *field = (char *)base + option->offset;
    switch (option->type) {
    case EVO_OPT_FLAG:
        if (!evo_parse_bool(text, field))
            return refuse(option, text, origin, from_flag, "true or false", err);
        return EVO_OK;
    case EVO_OPT_STRING:
        set_string(field, text);
        return EVO_OK;
    case EVO_OPT_CHOICE:
        if (!is_choice(option->choices, text)) {
            EVO_AUTO_STR expected = evo_asprintf("one of: %s", option->choices);
            return refuse(option, text, origin, from_flag, expected, err);
        }
        set_string(field, text);
        return EVO_OK;
    case EVO_OPT_INT: {
        int64_t max = option->max ? option->max : (int64_t)1 << 53;
        if (!evo_parse_int64(text, option->min, max, field)) {
            EVO_AUTO_STR expected =
                evo_asprintf("a whole number from %" PRId64 " to %" PRId64, option->min, max);
            return refuse(option, text, origin, from_flag, expected, err);
        }
        return EVO_OK;
    }
    case EVO_OPT_DURATION:
        if (!evo_parse_duration(text, field))
            return refuse(option, text, origin, from_flag, "a duration such as 500ms, 2s, 30min, 1h or 7d",
                          err);
        return EVO_OK;
    case EVO_OPT_SIZE:
        if (!evo_parse_size(text, field))
            return refuse(option, text, origin, from_flag, "a size such as 64MiB or 10GB", err);
        return EVO_OK;
    case EVO_OPT_LIST:
    case EVO_OPT_LINES:
        return set_list(option, field, text, origin, from_flag, err);
    case EVO_OPT_CONNECTION:
        evo_secret_set(field, text);
        (void)evo_redact_connection(text);
        return EVO_OK;
    case EVO_OPT_SECRET:
        evo_secret_set(field, text);
        evo_redact_add(text);
        return EVO_OK;
    }
    EVO_BUG("option \"%s\" has no type", option->name);
}

void evo_option_release(const struct evo_option *options, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++) {
        void *field = (char *)base + options[i].offset;
        switch (options[i].type) {
        case EVO_OPT_STRING:
        case EVO_OPT_CHOICE:
            free(*(char **)field);
            *(char **)field = NULL;
            break;
        case EVO_OPT_LIST:
        case EVO_OPT_LINES:
            evo_strvec_release(field);
            break;
        case EVO_OPT_CONNECTION:
        case EVO_OPT_SECRET:
            evo_secret_release(field);
            break;
        case EVO_OPT_FLAG:
        case EVO_OPT_INT:
        case EVO_OPT_DURATION:
        case EVO_OPT_SIZE:
            break;
        }
    }
}

static void format_milliseconds(struct evo_strbuf *out, int64_t ms)
{
    if (ms < 0)
        return;
    if (ms % 1000)
        evo_strbuf_addf(out, "%" PRId64 "ms", ms);
    else if (ms % 60000)
        evo_strbuf_addf(out, "%" PRId64 "s", ms / 1000);
    else
        evo_strbuf_addf(out, "%" PRId64 "min", ms / 60000);
}

void evo_option_format(const struct evo_option *option, const void *base, struct evo_strbuf *out)
{
    const void *field = (const char *)base + option->offset;
    switch (option->type) {
    case EVO_OPT_FLAG:
        evo_strbuf_adds(out, *(const bool *)field ? "true" : "false");
        break;
    case EVO_OPT_STRING:
    case EVO_OPT_CHOICE:
        evo_strbuf_adds(out, *(char *const *)field);
        break;
    case EVO_OPT_INT:
        evo_strbuf_addf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case EVO_OPT_DURATION:
        format_milliseconds(out, *(const int64_t *)field);
        break;
    case EVO_OPT_SIZE:
        evo_strbuf_addf(out, "%" PRIu64, *(const uint64_t *)field);
        break;
    case EVO_OPT_LIST:
    case EVO_OPT_LINES: {
        const struct evo_strvec *list = field;
        for (size_t i = 0; i < list->count; i++)
            evo_strbuf_addf(out, "%s%s", i ? "," : "", list->items[i]);
        break;
    }
    case EVO_OPT_CONNECTION:
        if (evo_secret_is_set(field) && !evo_redact_connection(evo_secret_reveal(field))) {
            evo_strbuf_adds(out, evo_secret_reveal(field));
            break;
        }
        /* fall through */
    case EVO_OPT_SECRET:
        if (evo_secret_is_set(field))
            evo_strbuf_adds(out, "(set)");
        break;
    }
}
