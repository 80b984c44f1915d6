#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/manifest.h"

static void fill(struct evo_manifest *m)
{
    m->created_ms = 1795342500123;
    m->finished_ms = 1795342501456;
    (void)evo_backup_id_make(m->created_ms, m->id);
    m->evo_version = evo_strdup("1.0.0");
    m->environment = evo_strdup("staging");
    m->database = evo_strdup("naïve \"db\"");
    m->server_version = evo_strdup("15.18 (Debian)");
    m->server_version_num = 150018;
    m->encoding = evo_strdup("UTF8");
    m->collate = evo_strdup("C.UTF-8");
    m->ctype = evo_strdup("C.UTF-8");
    m->snapshot = evo_strdup("00000003-0000001B-1");
    m->wal_before = evo_strdup("0/16B3748");
    m->wal_after = evo_strdup("0/16B3750");
    m->pg_dump_version = evo_strdup("15.18 (Debian)");
    m->archive_version = evo_strdup("1.14");
    m->compress = evo_strdup("fast");
    m->codec = evo_strdup("gzip");
    m->jobs = 3;
    struct evo_backup_object *t = evo_manifest_add(m, EVO_OBJECT_TABLE, "12.dat.gz");
    t->schema = evo_strdup("public");
    t->table = evo_strdup("orders");
    t->dump_id = 12;
    t->part = 1;
    t->size = 100;
    t->rows = 7;
    t->raw_bytes = 400;
    t->members = 1;
    (void)evo_sha256_hex("x", 1, t->sha256);
    struct evo_backup_object *toc = evo_manifest_add(m, EVO_OBJECT_TOC, EVO_BACKUP_TOC);
    toc->size = 50;
    (void)evo_sha256_hex("y", 1, toc->sha256);
    struct evo_backup_object *txt = evo_manifest_add(m, EVO_OBJECT_INSTRUCTIONS, EVO_BACKUP_INSTRUCTIONS);
    txt->size = 5;
    (void)evo_sha256_hex("z", 1, txt->sha256);
}

static void write_text(struct evo_strbuf *text)
{
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    fill(&m);
    EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
    evo_json_format(v, EVO_JSON_INDENT, text);
}

static void test_what_was_written_is_read(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO(strbuf) again = EVO_STRBUF_INIT;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    write_text(&text);
    assert_int_equal(evo_manifest_parse(text.buf, text.len, "manifest", &m, &err), EVO_OK);
    assert_string_equal(m.database, "naïve \"db\"");
    assert_int_equal(m.created_ms, 1795342500123);
    assert_null(m.system_identifier);
    const struct evo_backup_object *t = evo_manifest_find(&m, "12.dat.gz");
    assert_non_null(t);
    assert_int_equal(t->rows, 7);
    assert_string_equal(t->table, "orders");
    assert_null(evo_manifest_find(&m, "13.dat.gz"));
    struct evo_manifest_totals totals = evo_manifest_totals(&m);
    assert_int_equal(totals.tables, 1);
    assert_int_equal(totals.stored_bytes, 155);
    assert_int_equal(totals.raw_bytes, 400);
    EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
    evo_json_format(v, EVO_JSON_INDENT, &again);
    assert_string_equal(again.buf, text.buf);
}

static void test_a_table_in_parts_counts_once(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    fill(&m);
    for (int part = 1; part <= 3; part++) {
        EVO_AUTO_STR name = evo_asprintf("%d.dat.gz", 20 + part);
        struct evo_backup_object *o = evo_manifest_add(&m, EVO_OBJECT_TABLE, name);
        o->part = part;
        o->rows = 10;
        o->raw_bytes = 100;
    }
    struct evo_manifest_totals totals = evo_manifest_totals(&m);
    assert_int_equal(totals.tables, 2);
    assert_int_equal(totals.rows, 37);
    assert_int_equal(totals.raw_bytes, 700);
    assert_int_equal(totals.objects, 6);
}

static void test_an_encrypted_one_names_recipients_and_no_table(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(manifest) read = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    fill(&m);
    evo_strvec_push(&m.recipients, "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudf5tlts5pe3uc");
    for (size_t i = 0; i < m.count; i++) {
        struct evo_backup_object *o = &m.objects[i];
        if (o->kind == EVO_OBJECT_INSTRUCTIONS)
            continue;
        char *sealed = evo_asprintf("%s" EVO_BACKUP_SEALED, o->name);
        free(o->name);
        o->name = sealed;
        free(o->schema);
        free(o->table);
        o->schema = o->table = NULL;
    }
    EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
    evo_json_format(v, EVO_JSON_COMPACT, &text);
    assert_int_equal(evo_manifest_parse(text.buf, text.len, "manifest", &read, &err), EVO_OK);
    assert_int_equal(read.recipients.count, 1);
    const struct evo_backup_object *t = evo_manifest_find(&read, "12.dat.gz.age");
    assert_non_null(t);
    assert_true(evo_object_is_encrypted(t));
    assert_null(t->table);
    assert_false(evo_object_is_encrypted(evo_manifest_find(&read, EVO_BACKUP_INSTRUCTIONS)));
}

static void test_any_change_is_found(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    write_text(&text);
    size_t accepted = 0;
    for (size_t i = 0; i < text.len; i++) {
        EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        char was = text.buf[i];
        /* White space between the values is free. */
        if (was == ' ' || was == '\n')
            continue;
        text.buf[i] = was == '1' ? '2' : '1';
        accepted += evo_manifest_parse(text.buf, text.len, "manifest", &m, &err) == EVO_OK;
        text.buf[i] = was;
    }
    assert_int_equal(accepted, 0);
}

/* Contradictions that a matching checksum does not excuse. */
static void test_nonsense_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *key, *value;
    } objects[] = { { "name", "../toc.dat" },
                    { "name", ".hidden" },
                    { "name", "" },
                    { "kind", "other" },
                    { "sha256", "abc" } };
    for (size_t i = 0; i < EVO_COUNT(objects); i++) {
        EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
        EVO_AUTO(manifest) read = EVO_MANIFEST_INIT;
        EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        fill(&m);
        EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
        evo_json_set_string(evo_json_at(evo_json_get(v, "objects"), 0), objects[i].key, objects[i].value);
        char hex[EVO_SHA256_HEX];
        evo_json_remove(v, "checksum");
        evo_json_format(v, EVO_JSON_COMPACT, &text);
        evo_json_set_string(v, "checksum", evo_sha256_hex(text.buf, text.len, hex));
        evo_strbuf_clear(&text);
        evo_json_format(v, EVO_JSON_COMPACT, &text);
        assert_int_equal(evo_manifest_parse(text.buf, text.len, "manifest", &read, &err), EVO_ERR_INTEGRITY);
        assert_string_equal(err.message, "manifest lacks what a manifest must have");
    }
}

static void test_rows_without_a_sum_are_refused(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(manifest) read = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    struct evo_error err = EVO_ERROR_INIT;
    fill(&m);
    struct evo_backup_object *o = evo_manifest_add(&m, EVO_OBJECT_TABLE, "13.dat.gz");
    o->schema = evo_strdup("public");
    o->table = evo_strdup("forged");
    o->dump_id = 13;
    o->part = 1;
    o->rows = INT64_MAX;
    (void)evo_sha256_hex("w", 1, o->sha256);
    m.objects[0].rows = 0; /* a sum to write down */
    EVO_AUTO_PTR(json) v = evo_manifest_json(&m);
    evo_json_format(v, EVO_JSON_COMPACT, &text);
    assert_int_equal(evo_manifest_parse(text.buf, text.len, "manifest", &read, &err), EVO_OK);
    evo_strbuf_clear(&text);
    o = evo_manifest_add(&m, EVO_OBJECT_TABLE, "14.dat.gz");
    *o = (struct evo_backup_object){ .kind = EVO_OBJECT_TABLE,
                                     .name = o->name,
                                     .schema = evo_strdup("public"),
                                     .table = evo_strdup("more"),
                                     .dump_id = 14,
                                     .part = 1 };
    (void)evo_sha256_hex("w", 1, o->sha256);
    EVO_AUTO_PTR(json) again = evo_manifest_json(&m);
    struct evo_json *objects = evo_json_get(again, "objects");
    for (size_t i = 0; i < evo_json_count(objects); i++)
        if (evo_streq(evo_json_get_string(evo_json_at(objects, i), "name", ""), "14.dat.gz"))
            evo_json_set_int(evo_json_at(objects, i), "rows", 1);
    char hex[EVO_SHA256_HEX];
    evo_json_remove(again, "checksum");
    evo_json_format(again, EVO_JSON_COMPACT, &text);
    evo_json_set_string(again, "checksum", evo_sha256_hex(text.buf, text.len, hex));
    evo_strbuf_clear(&text);
    evo_json_format(again, EVO_JSON_COMPACT, &text);
    EVO_AUTO(manifest) forged = EVO_MANIFEST_INIT;
    assert_int_equal(evo_manifest_parse(text.buf, text.len, "manifest", &forged, &err), EVO_ERR_INTEGRITY);
}

static void test_what_is_no_manifest_is_refused(void **state)
{
    (void)state;
    const char *const rows[] = { "", "{}", "[]", "{\"schema\": 2}", "{\"schema\": 1}", "null" };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
        struct evo_error err = EVO_ERROR_INIT;
        assert_int_equal(evo_manifest_parse(rows[i], strlen(rows[i]), "manifest", &m, &err),
                         EVO_ERR_INTEGRITY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_a_table_in_parts_counts_once),
        cmocka_unit_test(test_an_encrypted_one_names_recipients_and_no_table),
        cmocka_unit_test(test_any_change_is_found),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_rows_without_a_sum_are_refused),
        cmocka_unit_test(test_what_is_no_manifest_is_refused),
    };
    return cmocka_run_group_tests_name("backup/manifest", tests, NULL, NULL);
}
