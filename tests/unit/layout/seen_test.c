#include "cmocka_all.h"

#include "layout/reader.h"
#include "layout/seen.h"

/* A project and its ledger, written down: "version" of each file in order, "+" behind it where it counts as applied, "="
 * where a row of the table says so. An edge of a graph: "version<down". */
struct made {
    struct evo_project project;
    struct evo_ledger ledger;
};

static void release(struct made *m)
{
    evo_project_release(&m->project);
    evo_ledger_release(&m->ledger);
}
#define AUTO_MADE __attribute__((cleanup(release))) struct made

static void make(enum evo_layout_kind kind, const char *text, const char *seen, struct made *ret)
{
    *ret = (struct made){ .project = { .kind = kind }, .ledger = { .kind = kind } };
    struct evo_project *p = &ret->project;
    while (*text) {
        size_t n = strcspn(text, " "), k = strcspn(text, "<+= ");
        struct evo_migration m = { .version = evo_strndup(text, k), .directives = EVO_DIRECTIVES_INIT };
        m.name = evo_asprintf("%s_x", m.version);
        if (text[k] == '<') {
            size_t down = strcspn(text + k + 1, "+= ");
            EVO_AUTO_STR version = evo_strndup(text + k + 1, down);
            evo_strvec_pushf(&m.down, "%s_x", version);
            k += 1 + down;
        }
        if (text[k] == '+' || text[k] == '=') {
            struct evo_ledger *l = &ret->ledger;
            EVO_GROW(l->items, l->count, l->alloc);
            l->items[l->count++] = (struct evo_ledger_row){ .id = evo_strdup(m.version),
                                                            .name = evo_strdup(m.name),
                                                            .started_ms = -1,
                                                            .rolled_back_ms = -1,
                                                            .inferred = text[k] == '+' };
        }
        EVO_GROW(p->items, p->count, p->alloc);
        p->items[p->count++] = m;
        text += n + (text[n] == ' ');
    }
    evo_strvec_split(&ret->ledger.seen, seen);
    evo_strvec_sort(&ret->ledger.seen);
}

static void assert_late(enum evo_layout_kind kind, const char *files, const char *seen, const char *expected)
{
    AUTO_MADE m;
    EVO_AUTO(strbuf) late = EVO_STRBUF_INIT;
    make(kind, files, seen, &m);
    evo_seen_mark(&m.ledger, &m.project);
    for (size_t i = 0; i < m.ledger.count; i++)
        if (m.ledger.items[i].late)
            evo_strbuf_addf(&late, "%s%s", late.len ? " " : "", m.ledger.items[i].id);
    if (!evo_streq(late.buf, expected))
        fail_msg("\"%s\", seen \"%s\": late is \"%s\"", files, seen, late.buf);
}

static void test_mark_in_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *files, *seen, *late;
    } rows[] = {
        /* no record */
        { "1+ 2+ 3=", "", "" },
        { "1+ 2+ 3=", "1,2,3", "" },
        { "1+ 2+ 3=", "1,3", "2" },
        { "1+ 2+ 3+ 4=", "4", "1 2 3" },
        /* what is behind all that is on record was applied by somebody else */
        { "1+ 2+ 3=", "1", "" },
        { "1+ 2+ 3+ 4=", "1,3", "2" },
        /* the table itself says so */
        { "1+ 2=", "3,1", "" },
        { "1+ 2= 3", "3,1", "" },
        /* pending is not late */
        { "1= 2 3", "1,3", "" },
        /* numbers, however they are written */
        { "0001+ 0002+ 0003=", "1,3", "0002" },
        { "001+ 02+ 3=", "1,2,3", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_late(EVO_LAYOUT_GOLANG_MIGRATE, rows[i].files, rows[i].seen, rows[i].late);
}

static void test_mark_in_a_graph(void **state)
{
    (void)state;
    /* b was put between a and c */
    assert_late(EVO_LAYOUT_ALEMBIC, "a+ b<a+ c<b=", "a,c", "b");
    assert_late(EVO_LAYOUT_ALEMBIC, "a+ b<a+ c<b=", "a,b,c", "");
    assert_late(EVO_LAYOUT_ALEMBIC, "a+ b<a+ c<b=", "", "");
    /* on another branch than all that is on record, or behind it */
    assert_late(EVO_LAYOUT_ALEMBIC, "a+ b<a= x+ y<x=", "a,b", "");
    assert_late(EVO_LAYOUT_ALEMBIC, "a+ b<a+ c<b=", "a", "");
    /* ids are texts */
    assert_late(EVO_LAYOUT_ALEMBIC, "01+ 02<01+ 03<02=", "1,2,03", "01 02");
}

static void test_mark_leaves_what_is_not_live(void **state)
{
    (void)state;
    AUTO_MADE m;
    make(EVO_LAYOUT_FLYWAY, "1+ 2+ 3=", "3", &m);
    m.ledger.items[0].rolled_back_ms = 5;
    m.ledger.items[1].finished_ms = -1;
    evo_seen_mark(&m.ledger, &m.project);
    assert_false(m.ledger.items[0].late);
    assert_false(m.ledger.items[1].late);
}

static void test_matters_where_the_files_decide(void **state)
{
    (void)state;
    struct evo_ledger_row rows[] = { { .inferred = false }, { .inferred = true } };
    struct evo_ledger l = { .kind = EVO_LAYOUT_GOLANG_MIGRATE };
    assert_true(evo_seen_matters(&l));
    l.kind = EVO_LAYOUT_ALEMBIC;
    assert_true(evo_seen_matters(&l));
    l = (struct evo_ledger){ .kind = EVO_LAYOUT_FLYWAY, .items = rows, .count = 1 };
    assert_false(evo_seen_matters(&l));
    l.count = 2;
    assert_true(evo_seen_matters(&l));
}

static void test_version_is_the_number_it_means(void **state)
{
    (void)state;
    static const struct {
        enum evo_layout_kind kind;
        const char *version, *expected;
    } rows[] = {
        { EVO_LAYOUT_GOLANG_MIGRATE, "000012", "12" },
        { EVO_LAYOUT_GOLANG_MIGRATE, "0", "0" },
        { EVO_LAYOUT_GOLANG_MIGRATE, "20250101000000", "20250101000000" },
        { EVO_LAYOUT_FLYWAY, "1.0", "1" },
        { EVO_LAYOUT_FLYWAY, "01.02.0.0", "1.2" },
        { EVO_LAYOUT_FLYWAY, "1.0.3", "1.0.3" },
        { EVO_LAYOUT_FLYWAY, "0.0", "0" },
        { EVO_LAYOUT_ALEMBIC, "0a1b", "0a1b" },
        { EVO_LAYOUT_ALEMBIC, "007", "007" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO_STR version = evo_seen_version(rows[i].kind, rows[i].version);
        assert_string_equal(version, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mark_in_a_line),
        cmocka_unit_test(test_mark_in_a_graph),
        cmocka_unit_test(test_mark_leaves_what_is_not_live),
        cmocka_unit_test(test_matters_where_the_files_decide),
        cmocka_unit_test(test_version_is_the_number_it_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
