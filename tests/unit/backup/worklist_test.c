#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/worklist.h"

#define MIB ((uint64_t)1 << 20)

/* An archive by hand, with the manifest that fits to it. */
struct fixture {
    struct evo_toc toc;
    struct evo_manifest manifest;
    struct evo_toc_map map;
    bool take[64];
    struct evo_worklist work;
};

static int setup(void **state)
{
    struct fixture *f = evo_calloc(1, sizeof(*f));
    f->toc.codec = EVO_CODEC_GZIP;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    evo_worklist_release(&f->work);
    evo_toc_map_release(&f->map);
    evo_toc_release(&f->toc);
    evo_manifest_release(&f->manifest);
    free(f);
    return 0;
}

/* The dependencies end with 0. */
static struct evo_toc_entry *add(struct fixture *f, int id, int section, const char *desc, const char *tag,
                                 const int *deps)
{
    EVO_GROW(f->toc.items, f->toc.count, f->toc.alloc);
    struct evo_toc_entry *e = &f->toc.items[f->toc.count];
    *e = (struct evo_toc_entry){ .id = id,
                                 .section = section,
                                 .desc = evo_strdup(desc),
                                 .tag = evo_strdup(tag),
                                 .schema = evo_strdup("public"),
                                 .defn = evo_asprintf("CREATE INDEX %s ON public.t (x);\n", tag) };
    for (; deps && *deps; deps++) {
        EVO_GROW(e->deps, e->ndeps, e->deps_alloc);
        e->deps[e->ndeps++] = *deps;
    }
    f->take[f->toc.count++] = true;
    return e;
}

static void add_table(struct fixture *f, int id, const char *name)
{
    (void)add(f, id, EVO_TOC_PRE_DATA, "TABLE", name, NULL);
}

/* Its rows, or a part of them; they go into `target`. */
static void add_rows(struct fixture *f, int id, const char *name, const char *target, int table, uint64_t raw)
{
    struct evo_toc_entry *e = add(f, id, EVO_TOC_DATA, "TABLE DATA", name, (int[]){ table, 0 });
    e->has_data = 1;
    e->copy = evo_asprintf("COPY public.%s (a) FROM stdin;\n", target);
    e->file = evo_asprintf("%d.dat", id);
    EVO_AUTO_STR object = evo_asprintf("%d.dat.gz", id);
    struct evo_backup_object *o = evo_manifest_add(&f->manifest, EVO_OBJECT_TABLE, object);
    o->dump_id = id;
    o->part = 1;
    o->rows = 10;
    o->raw_bytes = raw;
}

static enum evo_errc try_build(struct fixture *f, bool fresh, struct evo_error *err)
{
    const struct evo_worklist_input in = { .toc = &f->toc,
                                           .map = &f->map,
                                           .manifest = &f->manifest,
                                           .take = f->take,
                                           .large_objects = true,
                                           .fresh = fresh };
    /* As parsing has them. */
    for (size_t i = 0; i < f->manifest.count; i++)
        for (size_t k = i; k > 0 && strcmp(f->manifest.objects[k - 1].name, f->manifest.objects[k].name) > 0;
             k--) {
            struct evo_backup_object o = f->manifest.objects[k];
            f->manifest.objects[k] = f->manifest.objects[k - 1];
            f->manifest.objects[k - 1] = o;
        }
    enum evo_errc rc = evo_toc_map_build(&f->toc, &f->map, err);
    return rc ? rc : evo_worklist_build(&in, &f->work, err);
}

static void build(struct fixture *f, bool fresh)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (try_build(f, fresh, &err))
        fail_msg("%s", err.message);
}

/* All that can be taken now, as "rows t; index i": ids, milestones done at once and left out. */
static void take_all(struct fixture *f, struct evo_strbuf *out, size_t *taken, size_t *ret_n)
{
    size_t piece;
    evo_strbuf_clear(out);
    *ret_n = 0;
    while (evo_schedule_take(f->work.schedule, &piece)) {
        const struct evo_work *w = &f->work.items[piece];
        if (w->kind == EVO_WORK_MILESTONE) {
            evo_schedule_finish(f->work.schedule, piece);
            continue;
        }
        taken[(*ret_n)++] = piece;
        if (w->entry)
            evo_strbuf_addf(out, "%s%d", out->len ? " " : "", (int)w->entry->id);
        else
            evo_strbuf_adds(out, out->len ? " lo" : "lo");
    }
}

/* What runs in each step, where all that can run do so and end together: "10 11 | 20". */
static void assert_steps(struct fixture *f, const char *want)
{
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) step = EVO_STRBUF_INIT;
    size_t taken[64];
    size_t n;
    for (;;) {
        take_all(f, &step, taken, &n);
        if (!n)
            break;
        evo_strbuf_addf(&got, "%s%s", got.len ? " | " : "", step.buf);
        while (n)
            evo_schedule_finish(f->work.schedule, taken[--n]);
    }
    assert_string_equal(got.buf, want);
    assert_int_equal(evo_schedule_left(f->work.schedule), 0);
}

static const struct evo_work *work_of(const struct fixture *f, int id)
{
    size_t i = 0;
    while (i < f->work.count && !(f->work.items[i].entry && f->work.items[i].entry->id == id))
        i++;
    assert_in_range(i, 0, f->work.count - 1);
    return &f->work.items[i];
}

static bool is_made(const struct fixture *f, int id)
{
    size_t at = evo_toc_map_find(&f->map, id);
    assert_int_not_equal(at, EVO_TOC_MAP_NONE);
    return f->work.made[at];
}

static void test_indexes_follow_the_rows_of_their_table(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_table(f, 2, "u");
    add_rows(f, 11, "t", "t", 1, 2 * MIB);
    add_rows(f, 12, "u", "u", 2, 9 * MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "INDEX", "i", (int[]){ 1, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "INDEX", "j", (int[]){ 1, 0 });
    (void)add(f, 23, EVO_TOC_POST_DATA, "CONSTRAINT", "u_pkey", (int[]){ 2, 2, 0 });
    (void)add(f, 24, EVO_TOC_POST_DATA, "CONSTRAINT", "u_key", (int[]){ 2, 0 });
    (void)add(f, 25, EVO_TOC_POST_DATA, "FK CONSTRAINT", "fk", (int[]){ 1, 2, 23, 0 });
    build(f, true);
    assert_steps(f, "12 11 | 23 21 22 | 24 | 25");
    for (int id = 21; id <= 25; id++)
        assert_true(is_made(f, id));
    assert_false(is_made(f, 11));
}

static void test_a_table_in_parts_is_full_behind_the_last_and_one_table_in_the_result(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_rows(f, 11, "t", "t", 1, 20 * MIB);
    add_rows(f, 12, "t", "t", 1, 20 * MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "INDEX", "i", (int[]){ 1, 0 });
    build(f, true);
    assert_int_equal(f->work.ntables, 1);
    assert_int_equal(f->work.tables[0].objects, 2);
    assert_int_equal(f->work.tables[0].rows, 20);
    assert_true(f->work.tables[0].raw_bytes == 40 * MIB);
    /* Emptying the table would take the other part's rows. */
    assert_false(work_of(f, 11)->freeze);
    assert_false(work_of(f, 12)->freeze);
    assert_steps(f, "11 12 | 21");
}

static void test_rows_through_a_root_are_waited_for_together(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "root");
    add_table(f, 2, "p0");
    add_table(f, 3, "p1");
    add_rows(f, 12, "p0", "root", 2, 20 * MIB);
    add_rows(f, 13, "p1", "root", 3, MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "CONSTRAINT", "root_pkey", (int[]){ 1, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "INDEX", "p1_i", (int[]){ 3, 21, 0 });
    (void)add(f, 23, EVO_TOC_POST_DATA, "INDEX ATTACH", "p1_i", (int[]){ 22, 21, 0 });
    build(f, true);
    assert_int_equal(f->work.ntables, 2);
    assert_false(work_of(f, 12)->freeze);
    /* The root itself has no rows: it is pg_restore's. */
    assert_false(is_made(f, 21));
    assert_true(is_made(f, 22));
    assert_false(is_made(f, 23));
    assert_steps(f, "12 13 | 22");
}

static void test_freeze_where_the_table_is_large_plain_whole_and_new(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "large");
    add_table(f, 2, "small");
    add_table(f, 3, "columnar");
    f->toc.items[2].tableam = evo_strdup("columnar");
    add_rows(f, 11, "large", "large", 1, 2 * MIB);
    add_rows(f, 12, "small", "small", 2, MIB - 1);
    add_rows(f, 13, "columnar", "columnar", 3, 2 * MIB);
    add_rows(f, 14, "config", "config", 99, 2 * MIB); /* an extension's: its TABLE is not in the archive */
    build(f, true);
    assert_true(work_of(f, 11)->freeze);
    assert_string_equal(work_of(f, 11)->sql, "COPY public.large (a) FROM stdin WITH (FREEZE);\n");
    for (int id = 12; id <= 14; id++) {
        assert_false(work_of(f, id)->freeze);
        assert_null(work_of(f, id)->sql);
    }
}

static void test_into_a_schema_that_was_there_only_rows(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_rows(f, 11, "t", "t", 1, 2 * MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "INDEX", "i", (int[]){ 1, 0 });
    build(f, false);
    assert_false(work_of(f, 11)->freeze);
    assert_false(is_made(f, 21));
    assert_steps(f, "11");
}

static void test_what_needs_a_function_waits_for_all_rows(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_table(f, 2, "u");
    (void)add(f, 3, EVO_TOC_PRE_DATA, "FUNCTION", "f(integer)", NULL);
    (void)add(f, 4, EVO_TOC_PRE_DATA, "TYPE", "mood", NULL);
    add_rows(f, 11, "t", "t", 1, MIB);
    add_rows(f, 12, "u", "u", 2, MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "INDEX", "by_type", (int[]){ 1, 4, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "INDEX", "by_function", (int[]){ 1, 3, 0 });
    build(f, true);
    size_t t = 0;
    size_t n;
    size_t taken[8];
    EVO_AUTO(strbuf) step = EVO_STRBUF_INIT;
    take_all(f, &step, taken, &n);
    assert_string_equal(step.buf, "11 12");
    t = taken[0];
    evo_schedule_finish(f->work.schedule, t);
    take_all(f, &step, taken + 2, &n);
    assert_string_equal(step.buf, "21");
    evo_schedule_finish(f->work.schedule, taken[1]);
    take_all(f, &step, taken + 3, &n);
    assert_string_equal(step.buf, "22");
}

static void test_what_is_left_to_pg_restore(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_table(f, 2, "without_rows");
    (void)add(f, 3, EVO_TOC_PRE_DATA, "MATERIALIZED VIEW", "m", NULL);
    add_rows(f, 11, "t", "t", 1, MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "INDEX", "of_a_view", (int[]){ 3, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "INDEX", "of_nothing", (int[]){ 2, 0 });
    (void)add(f, 23, EVO_TOC_POST_DATA, "TRIGGER", "t", (int[]){ 1, 0 });
    (void)add(f, 24, EVO_TOC_POST_DATA, "CHECK CONSTRAINT", "t", (int[]){ 1, 0 });
    (void)add(f, 25, EVO_TOC_POST_DATA, "FK CONSTRAINT", "to_nothing", (int[]){ 1, 2, 22, 0 });
    (void)add(f, 26, EVO_TOC_POST_DATA, "FK CONSTRAINT", "to_a_foreign_key", (int[]){ 1, 25, 0 });
    (void)add(f, 27, EVO_TOC_POST_DATA, "INDEX", "not_wanted", (int[]){ 1, 0 });
    f->take[f->toc.count - 1] = false;
    (void)add(f, 28, EVO_TOC_POST_DATA, "INDEX", "of_no_table", NULL);
    build(f, true);
    for (int id = 21; id <= 28; id++)
        assert_false(is_made(f, id));
}

static void test_a_large_key_is_made_beside_the_other_indexes(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_rows(f, 11, "t", "t", 1, 100 * MIB);
    struct evo_toc_entry *key = add(f, 21, EVO_TOC_POST_DATA, "CONSTRAINT", "k", (int[]){ 1, 0 });
    free(key->defn);
    key->defn = evo_strdup("ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k PRIMARY KEY (a);\n");
    (void)add(f, 22, EVO_TOC_POST_DATA, "INDEX", "i", (int[]){ 1, 0 });
    (void)add(f, 23, EVO_TOC_POST_DATA, "FK CONSTRAINT", "self", (int[]){ 1, 1, 21, 0 });
    build(f, true);
    assert_string_equal(work_of(f, 21)->sql, "CREATE UNIQUE INDEX k ON public.t USING btree (a);\n");
    assert_steps(f, "11 | 21 22 | 21 | 23");
}

static void test_large_objects_are_a_piece_of_their_own(void **state)
{
    struct fixture *f = *state;
    evo_manifest_add(&f->manifest, EVO_OBJECT_LARGE_OBJECTS, EVO_BACKUP_LO)->size = 5 * MIB;
    add_table(f, 1, "t");
    add_rows(f, 11, "t", "t", 1, MIB);
    build(f, true);
    assert_steps(f, "lo 11");
}

static void test_into_tables_that_were_there_in_the_order_of_their_keys(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "child");
    add_table(f, 2, "parent");
    add_table(f, 3, "self");
    add_rows(f, 11, "child", "child", 1, 90 * MIB);
    add_rows(f, 12, "parent", "parent", 2, MIB);
    add_rows(f, 13, "parent", "parent", 2, MIB);
    add_rows(f, 14, "self", "self", 3, MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "FK CONSTRAINT", "child up", (int[]){ 1, 2, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "FK CONSTRAINT", "self up", (int[]){ 3, 3, 0 });
    build(f, false);
    assert_steps(f, "12 13 14 | 11");
}

static void test_into_tables_that_were_there_keys_may_leave_no_order(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    add_table(f, 1, "a");
    add_table(f, 2, "b");
    add_rows(f, 11, "a", "a", 1, MIB);
    add_rows(f, 12, "b", "b", 2, MIB);
    (void)add(f, 21, EVO_TOC_POST_DATA, "FK CONSTRAINT", "a up", (int[]){ 1, 2, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "FK CONSTRAINT", "b up", (int[]){ 2, 1, 0 });
    assert_int_equal(try_build(f, false, &err), EVO_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "foreign keys between the tables leave no order to load them in");
}

static void test_into_a_table_that_was_there_and_refers_to_itself_all_objects_come_together(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "t");
    add_table(f, 2, "child");
    add_rows(f, 11, "t", "t", 1, MIB);
    add_rows(f, 12, "t", "t", 1, MIB);
    add_rows(f, 13, "t", "t", 1, MIB);
    add_rows(f, 14, "child", "child", 2, MIB);
    /* Two such keys are the same as one. */
    (void)add(f, 21, EVO_TOC_POST_DATA, "FK CONSTRAINT", "t up", (int[]){ 1, 1, 0 });
    (void)add(f, 22, EVO_TOC_POST_DATA, "FK CONSTRAINT", "t down", (int[]){ 1, 1, 0 });
    (void)add(f, 23, EVO_TOC_POST_DATA, "FK CONSTRAINT", "child t", (int[]){ 2, 1, 0 });
    build(f, false);
    const struct evo_work *work = work_of(f, 11);
    assert_int_equal(work->kind, EVO_WORK_ROWS);
    assert_true(work->deferred);
    work = &f->work.items[work->next];
    assert_int_equal(work->entry->id, 12);
    assert_int_equal(work->kind, EVO_WORK_TAIL);
    work = &f->work.items[work->next];
    assert_int_equal(work->entry->id, 13);
    assert_int_equal(work->kind, EVO_WORK_TAIL);
    assert_int_equal(work->next, 0);
    assert_false(work_of(f, 14)->deferred);
    assert_steps(f, "11 | 12 13 | 14");
}

static void test_a_partition_without_its_root_takes_the_rows_itself(void **state)
{
    struct fixture *f = *state;
    add_table(f, 1, "root");
    add_table(f, 2, "p0");
    add_rows(f, 12, "p0", "root", 2, 20 * MIB);
    f->take[0] = false;
    build(f, true);
    assert_string_equal(work_of(f, 12)->sql, "COPY \"public\".\"p0\" (a) FROM stdin WITH (FREEZE);\n");
}

static void test_build_refuses_an_archive_that_the_manifest_does_not_know(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    add_table(f, 1, "t");
    add_rows(f, 11, "t", "t", 1, MIB);
    f->manifest.objects[0].name[0] = '9';
    assert_int_equal(try_build(f, true, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "object \"11.dat.gz\" of toc.dat is not in the manifest");
}

static void test_build_refuses_an_object_too_many(void **state)
{
    struct fixture *f = *state;
    struct evo_error err = EVO_ERROR_INIT;
    add_table(f, 1, "t");
    add_rows(f, 11, "t", "t", 1, MIB);
    (void)evo_manifest_add(&f->manifest, EVO_OBJECT_TABLE, "12.dat.gz");
    assert_int_equal(try_build(f, true, &err), EVO_ERR_INTEGRITY);
    assert_string_equal(err.message, "the manifest names 2 objects with rows, the table of contents 1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_indexes_follow_the_rows_of_their_table),
        TEST(test_a_table_in_parts_is_full_behind_the_last_and_one_table_in_the_result),
        TEST(test_rows_through_a_root_are_waited_for_together),
        TEST(test_freeze_where_the_table_is_large_plain_whole_and_new),
        TEST(test_into_a_schema_that_was_there_only_rows),
        TEST(test_what_needs_a_function_waits_for_all_rows),
        TEST(test_what_is_left_to_pg_restore),
        TEST(test_a_large_key_is_made_beside_the_other_indexes),
        TEST(test_large_objects_are_a_piece_of_their_own),
        TEST(test_into_tables_that_were_there_in_the_order_of_their_keys),
        TEST(test_into_tables_that_were_there_keys_may_leave_no_order),
        TEST(test_into_a_table_that_was_there_and_refers_to_itself_all_objects_come_together),
        TEST(test_a_partition_without_its_root_takes_the_rows_itself),
        TEST(test_build_refuses_an_archive_that_the_manifest_does_not_know),
        TEST(test_build_refuses_an_object_too_many),
    };
    return cmocka_run_group_tests_name("backup/worklist", tests, NULL, NULL);
}
