#include "migration/step.h"

#include <strings.h>

#include "base/file.h"

/* A probe file is read whole; nobody writes a megabyte of checks. */
#define PROBE_FILE_MAX ((size_t)1 << 20)

const char *evo_step_mode_name(enum evo_step_mode mode)
{
    static const char *const names[] = { "transaction", "statements", "as-is", "delegated" };
    return names[mode];
}

void evo_step_release(struct evo_step *step)
{
    if (!step)
        return;
    free(step->path);
    evo_strbuf_release(&step->text);
    evo_sql_script_release(&step->script);
    free(step->units);
    evo_probe_file_release(&step->probes);
    evo_strvec_release(&step->warnings);
    evo_directives_release(&step->down_directives);
    evo_delegate_command_release(&step->command);
    *step = (struct evo_step){ .text = EVO_STRBUF_INIT };
}

static const char *statement_text(const struct evo_step *step, size_t i)
{
    return step->text.buf + step->script.items[i].start;
}

static bool has_word(const struct evo_step *step, size_t i, const char *word)
{
    size_t n = strlen(word);
    const struct evo_sql_statement *s = &step->script.items[i];
    if (s->len < n || strncasecmp(statement_text(step, i), word, n) != 0)
        return false;
    char next = s->len > n ? statement_text(step, i)[n] : ' ';
    return !((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next == '_');
}

const struct evo_directives *evo_step_directives(const struct evo_step *step)
{
    return step->down ? &step->down_directives : &step->migration->directives;
}

/* Behind the parenthesis that closes the one at `p`; NULL where there is none. Text with comments inside is not worth
 * its rules. */
static const char *skip_list(const char *p)
{
    int depth = 0;
    for (; *p; p++) {
        if (*p == '\'' || *p == '"') {
            p = strchr(p + 1, *p);
            if (!p)
                return NULL;
        } else if (*p == '(') {
            depth++;
        } else if (*p == ')' && --depth == 0) {
            return p + 1;
        }
    }
    return NULL;
}

static const char *skip_word(const char *p, const char *word)
{
    size_t n = strlen(word);
    if (strncasecmp(p, word, n) != 0)
        return NULL;
    return p + n + strspn(p + n, " ");
}

/* SELECT [pg_catalog.]set_config(…) [, …] and nothing else: how pg_dump writes SET. */
static bool is_set_config(const struct evo_step *step, size_t i)
{
    if (!has_word(step, i, "SELECT"))
        return false;
    EVO_AUTO_STR line =
        evo_sql_one_line(statement_text(step, i), step->script.items[i].len, step->script.items[i].len);
    const char *p = skip_word(line, "SELECT ");
    while (p) {
        const char *qualified = skip_word(p, "pg_catalog.");
        p = skip_word(qualified ? qualified : p, "set_config");
        p = p && *p == '(' ? skip_list(p) : NULL;
        if (!p)
            return false;
        p += strspn(p, " ");
        if (!*p)
            return true;
        p = skip_word(p, ",");
    }
    return false;
}

bool evo_step_is_setting(const struct evo_step *step, size_t i)
{
    return has_word(step, i, "SET") || has_word(step, i, "RESET") || is_set_config(step, i);
}

bool evo_step_wants_none(const struct evo_step *step, size_t i, const char *sqlstate)
{
    /* 25001 of these comes from within: "cannot be executed from a function" */
    static const char *const callers[] = { "SELECT",  "WITH",    "VALUES", "TABLE", "INSERT",
                                           "UPDATE",  "DELETE",  "MERGE",  "DO",    "CALL",
                                           "EXECUTE", "EXPLAIN", "COPY",   "CREATE" };
    bool block = has_word(step, i, "DO") || has_word(step, i, "CALL");
    if (evo_streq(sqlstate, "2D000"))
        return block;
    if (!evo_streq(sqlstate, "25001") || evo_step_is_setting(step, i))
        return false;
    for (size_t k = 0; k < EVO_COUNT(callers); k++)
        if (has_word(step, i, callers[k]))
            return !step->script.items[i].understood;
    return true;
}

static void add_unit(struct evo_step *step, struct evo_step_unit unit)
{
    EVO_GROW(step->units, step->nunits, step->units_alloc);
    step->units[step->nunits++] = unit;
}

static void cut_into_units(struct evo_step *step)
{
    step->nunits = 0;
    const struct evo_sql_script *script = &step->script;
    for (size_t i = 0; i < script->count; i++) {
        const struct evo_sql_statement *s = &script->items[i];
        struct evo_step_unit unit = { .first = i, .count = 1 };
        if (s->kind == EVO_SQL_TRANSACTION) {
            while (i + 1 < script->count && script->items[i + 1].kind != EVO_SQL_TRANSACTION)
                i++;
            i++; /* the one that ends it: evo_step_decide() saw that they come in pairs */
            unit.count = i - unit.first + 1;
            unit.bare = true;
            unit.block = true;
        } else {
            unit.setting = evo_step_is_setting(step, i);
            unit.bare = s->kind == EVO_SQL_NO_TRANSACTION || unit.setting;
            unit.concurrent_index = s->concurrent_index;
        }
        add_unit(step, unit);
    }
}

/* BEGIN and COMMIT alternate, and no statement that cannot run in a transaction stands between them. */
static bool blocks_are_balanced(const struct evo_step *step)
{
    bool inside = false;
    for (size_t i = 0; i < step->script.count; i++) {
        enum evo_sql_kind kind = step->script.items[i].kind;
        if (kind == EVO_SQL_NO_TRANSACTION && inside)
            return false;
        if (kind != EVO_SQL_TRANSACTION)
            continue;
        bool opens = has_word(step, i, "BEGIN") || has_word(step, i, "START");
        if (opens == inside)
            return false;
        inside = opens;
    }
    return !inside;
}

static void warn_of_statements(struct evo_step *step)
{
    for (size_t i = 0; i < step->script.count; i++) {
        const struct evo_sql_statement *s = &step->script.items[i];
        if (s->understood)
            continue;
        EVO_AUTO_STR summary = evo_sql_summary(statement_text(step, i), s->len);
        evo_strvec_pushf(
            &step->warnings,
            "line %d: \"%s\" is not understood by evo's parser; it is sent to the server as it is", s->line,
            summary);
    }
}

/* Statement i is one of these words, and says no more. */
static bool is_plain(const struct evo_step *step, size_t i, const char *const *words)
{
    const struct evo_sql_statement *s = &step->script.items[i];
    EVO_AUTO_STR line = evo_sql_one_line(statement_text(step, i), s->len, 64);
    while (*words && strcasecmp(line, *words) != 0)
        words++;
    return *words != NULL;
}

/* A file that is one block of its own, and nothing beside it, is what evo's transaction would be. */
static void unwrap(struct evo_step *step)
{
    static const char *const begins[] = { "BEGIN", "BEGIN WORK", "BEGIN TRANSACTION", "START TRANSACTION",
                                          NULL };
    static const char *const ends[] = { "COMMIT", "COMMIT WORK", "COMMIT TRANSACTION",
                                        "END",    "END WORK",    "END TRANSACTION",
                                        NULL };
    struct evo_sql_script *script = &step->script;
    size_t controls = 0;
    for (size_t i = 0; i < script->count; i++)
        controls += script->items[i].kind == EVO_SQL_TRANSACTION;
    if (!step->migration->unwrap || controls != 2 || script->has_no_transaction ||
        !is_plain(step, 0, begins) || !is_plain(step, script->count - 1, ends))
        return;
    script->count -= 2;
    memmove(&script->items[0], &script->items[1], script->count * sizeof(script->items[0]));
    for (size_t i = 0; i < script->ncomments; i++) {
        size_t *above = &script->comments[i].above;
        *above = *above == EVO_SQL_NOWHERE || *above > script->count ? EVO_SQL_NOWHERE
                 : *above                                            ? *above - 1
                                                                     : 0;
    }
    script->has_transaction_control = false;
}

void evo_step_decide(struct evo_step *step)
{
    if (step->script.count)
        unwrap(step);
    const struct evo_sql_script *script = &step->script;
    bool asked = evo_step_directives(step)->no_transaction;
    if (script->has_transaction_control && !(script->has_no_transaction && blocks_are_balanced(step)))
        step->mode = EVO_STEP_AS_IS;
    else if (script->has_no_transaction || asked)
        step->mode = EVO_STEP_STATEMENTS;
    else
        step->mode = EVO_STEP_TRANSACTION;

    evo_strvec_clear(&step->warnings);
    if (step->mode == EVO_STEP_AS_IS)
        evo_strvec_push(&step->warnings,
                        "begins or ends transactions itself: it is sent as it is, and evo cannot undo it");
    if (step->mode == EVO_STEP_STATEMENTS)
        cut_into_units(step);
    if (step->nunits > 1)
        evo_strvec_push(&step->warnings,
                        "runs statement by statement, not as a whole: each is on record, and a run that "
                        "stops is resumed where it stopped");
    warn_of_statements(step);
}

void evo_step_without_transaction(struct evo_step *step)
{
    step->mode = EVO_STEP_STATEMENTS;
    cut_into_units(step);
}

enum evo_errc evo_step_load_probes(struct evo_step *step, struct evo_error *err)
{
    const char *path = step->migration->companion[step->down ? EVO_FILE_VERIFY_DOWN : EVO_FILE_VERIFY_UP];
    if (!path)
        return EVO_OK;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    /* A pipe would be waited for without an end. */
    if (!evo_is_file(path))
        return evo_error_set(err, EVO_ERR_CONFIG, "cannot read \"%s\": it is no plain file", path);
    enum evo_errc rc = evo_file_read(path, PROBE_FILE_MAX, &text, err);
    bool script = !step->down && step->migration->verify_script;
    if (!rc)
        rc = script ? evo_probe_parse_script(text.buf, text.len, path, &step->probes, err)
                    : evo_probe_parse(text.buf, text.len, path, &step->probes, err);
    if (rc)
        return rc;
    step->probed = true;
    return EVO_OK;
}

static enum evo_errc load_text(struct evo_step *step, struct evo_error *err)
{
    const struct evo_migration *m = step->migration;
    const char *path = m->path;
    enum evo_errc rc = step->down ? evo_migration_load_down(m, &step->text, &path, err)
                                  : evo_migration_load_up(m, &step->text, err);
    if (rc)
        return rc;
    step->path = evo_strdup(path);
    if (!step->down)
        return EVO_OK; /* read by the layout already */
    rc = evo_directives_parse(step->text.buf, step->text.len, path, 1, &step->down_directives, err);
    if (!rc && m->down_in_file)
        step->down_directives.no_transaction |= m->down_no_transaction;
    return rc;
}

enum evo_errc evo_step_load(const struct evo_migration *m, bool down, struct evo_step *ret,
                            struct evo_error *err)
{
    EVO_AUTO(step)
    step = { .migration = m, .down = down, .text = EVO_STRBUF_INIT, .down_directives = EVO_DIRECTIVES_INIT };
    if (m->by_tool) {
        step.mode = EVO_STEP_DELEGATED;
        step.path = evo_strdup(m->path);
    }
    enum evo_errc rc = m->by_tool ? EVO_OK : load_text(&step, err);
    if (!rc && !m->by_tool)
        rc = evo_sql_split(step.text.buf, step.text.len, step.path, &step.script, err);
    if (!rc)
        rc = evo_step_load_probes(&step, err);
    if (rc) {
        if (err)
            err->schema_clean = EVO_YES;
        (void)evo_error_migration(err, m->name);
        return rc;
    }
    if (!m->by_tool)
        evo_step_decide(&step);
    *ret = step;
    step = (struct evo_step){ .text = EVO_STRBUF_INIT };
    return EVO_OK;
}

static struct evo_json *locks_json(const struct evo_step *step)
{
    EVO_AUTO(sql_locks) locks = { 0 };
    for (size_t i = 0; i < step->script.count; i++)
        evo_sql_locks_of(statement_text(step, i), step->script.items[i].len, &locks);
    struct evo_json *array = evo_json_array();
    for (size_t i = 0; i < locks.count; i++) {
        struct evo_json *lock = evo_json_object();
        evo_json_set_string(lock, "relation", locks.items[i].relation);
        evo_json_set_string(lock, "mode", locks.items[i].mode);
        evo_json_append(array, lock);
    }
    return array;
}

struct evo_json *evo_step_json(const struct evo_step *step)
{
    struct evo_json *o = evo_json_object();
    evo_json_set_string(o, "name", step->migration->name);
    evo_json_set_string(o, "file", step->path);
    evo_json_set_int(o, "statements", (int64_t)step->script.count);
    evo_json_set_bool(o, "transaction", step->mode == EVO_STEP_TRANSACTION || step->command.atomic);
    evo_json_set_string(o, "mode", evo_step_mode_name(step->mode));
    evo_json_set_string(o, "command", step->command.shown);
    evo_json_set_int(o, "probes", (int64_t)step->probes.count);
    evo_json_set_bool(o, "resumed", step->resume);
    evo_json_set(o, "locks", locks_json(step));
    evo_json_set_string(o, "irreversible", step->migration->directives.irreversible);
    struct evo_json *warnings = evo_json_array();
    for (size_t i = 0; i < step->warnings.count; i++)
        evo_json_append_string(warnings, step->warnings.items[i]);
    evo_json_set(o, "warnings", warnings);
    return o;
}
