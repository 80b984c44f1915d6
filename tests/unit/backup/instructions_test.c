#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/instructions.h"

static void fill(struct evo_manifest *m, const char *database)
{
    m->created_ms = 1795342500123;
    (void)evo_backup_id_make(m->created_ms, m->id);
    m->evo_version = evo_strdup("1.0.0");
    m->database = evo_strdup(database);
    m->server_version = evo_strdup("15.18");
    m->server_version_num = 150018;
    m->encoding = evo_strdup("UTF8");
    m->collate = evo_strdup("de_DE'utf8");
    m->ctype = evo_strdup("C");
}

static void write_text(const struct evo_manifest *m, bool s3, struct evo_strbuf *out)
{
    EVO_AUTO(strbuf) prefix = EVO_STRBUF_INIT;
    evo_backup_key(&prefix, "default", m->database, m->id, NULL);
    evo_instructions(m, s3 ? "s3://bucket/it's" : "/var/backups", prefix.buf, s3, out);
}

static void test_names_are_quoted_for_the_shell(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    fill(&m, "my $(rm) shop");
    write_text(&m, true, &text);
    assert_non_null(strstr(text.buf, "TARGET=${TARGET:-myrmshop_restored}\n"));
    assert_non_null(strstr(text.buf, "--lc-collate='de_DE'\\''utf8' --lc-ctype='C' \"$TARGET\"\n"));
    assert_non_null(
        strstr(text.buf, "aws s3 sync 's3://bucket/it'\\''s/backups/default/my%20%24%28rm%29%20shop/"));
}

static void test_only_what_there_is_is_mentioned(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    fill(&m, "\xe6\xbc\xa2");
    write_text(&m, false, &text);
    assert_null(strstr(text.buf, "aws s3"));
    EVO_AUTO_STR cd = evo_asprintf("      cd '/var/backups/backups/default/%%E6%%BC%%A2/%s'\n", m.id);
    const char *compare = strstr(text.buf, "| sha256sum --check");
    const char *restore = strstr(text.buf, "    pg_restore ");
    assert_non_null(strstr(text.buf, cd));
    assert_true(compare && restore && strstr(text.buf, cd) < compare && compare < restore);
    assert_null(strstr(text.buf, EVO_BACKUP_LO));
    assert_non_null(strstr(text.buf, "TARGET=${TARGET:-restored}\n"));
    evo_strbuf_clear(&text);
    (void)evo_manifest_add(&m, EVO_OBJECT_LARGE_OBJECTS, EVO_BACKUP_LO);
    write_text(&m, false, &text);
    assert_non_null(
        strstr(text.buf, "\n    pg_restore --format=custom --exit-on-error --dbname=\"$TARGET\" lo.dump\n"));
}

static void test_an_encrypted_one_is_opened_before_it_is_restored(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    fill(&m, "shop");
    write_text(&m, false, &text);
    assert_null(strstr(text.buf, "age"));
    assert_null(strstr(text.buf, "gunzip"));
    evo_strbuf_clear(&text);
    evo_strvec_push(&m.recipients, "age1abc");
    evo_strvec_push(&m.recipients, "age1def");
    (void)evo_manifest_add(&m, EVO_OBJECT_GLOBALS, "globals.sql.gz.age");
    write_text(&m, false, &text);
    assert_non_null(strstr(text.buf, "to age1abc and others.\n"));
    const char *open =
        strstr(text.buf, "\n    for f in *.age; do age --decrypt --identity \"$IDENTITY\" --output "
                         "\"${f%.age}\" \"$f\"; done\n");
    const char *roles = strstr(text.buf, "gunzip -c globals.sql.gz | psql");
    const char *restore = strstr(text.buf, "    pg_restore ");
    assert_true(open && roles && restore && open < roles && roles < restore);
}

static void test_a_part_says_that_it_is_one(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    fill(&m, "shop");
    write_text(&m, false, &text);
    assert_null(strstr(text.buf, "not of the whole database"));
    evo_strbuf_clear(&text);
    m.filtered = true;
    write_text(&m, false, &text);
    assert_non_null(strstr(text.buf, "It is not of the whole database"));
}

static void test_zstd_asks_for_a_tool_that_knows_it(void **state)
{
    (void)state;
    EVO_AUTO(manifest) m = EVO_MANIFEST_INIT;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    fill(&m, "shop");
    m.codec = evo_strdup("zstd");
    write_text(&m, false, &text);
    assert_non_null(strstr(text.buf, "They must be of version 16 or newer."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_quoted_for_the_shell),
        cmocka_unit_test(test_only_what_there_is_is_mentioned),
        cmocka_unit_test(test_an_encrypted_one_is_opened_before_it_is_restored),
        cmocka_unit_test(test_a_part_says_that_it_is_one),
        cmocka_unit_test(test_zstd_asks_for_a_tool_that_knows_it),
    };
    return cmocka_run_group_tests_name("backup/instructions", tests, NULL, NULL);
}
