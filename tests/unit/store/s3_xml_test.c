#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "store/s3_xml.h"

static void test_fault_reads_errors_of_s3_and_of_sts(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *code, *message, *region;
    } rows[] = {
        { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>a &amp; "
          "b</Message>"
          "<Region>eu-west-1</Region><HostId>x</HostId></Error>",
          "NoSuchKey", "a & b", "eu-west-1" },
        { "\n\n<Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Code>InternalError</Code></Error>",
          "InternalError", "", "" },
        { "<s3:Error xmlns:s3=\"x\"><s3:Code>SlowDown</s3:Code></s3:Error>", "SlowDown", "", "" },
        { "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error><RequestId/></"
          "ErrorResponse>",
          "AccessDenied", "", "" },
        { "<Error/>", "", "", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        struct evo_s3_fault fault;
        assert_true(evo_s3_xml_fault(rows[i].xml, strlen(rows[i].xml), &fault));
        assert_string_equal(fault.code, rows[i].code);
        assert_string_equal(fault.message, rows[i].message);
        assert_string_equal(fault.region, rows[i].region);
    }
    static const char skewed[] =
        "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2013-05-24T00:00:00Z</ServerTime></Error>";
    struct evo_s3_fault fault;
    assert_true(evo_s3_xml_fault(skewed, strlen(skewed), &fault));
    assert_int_equal(fault.server_time_ms, 1369353600000);
}

static void test_fault_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "   ",
        "no xml",
        "<Error><Code>cut",
        "<CompleteMultipartUploadResult/>",
        "<!DOCTYPE Error [<!ENTITY a \"b\">]><Error><Code>&a;</Code></Error>",
        "<Error><Code>a</Code></Error><Error/>",
        "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></"
        "a></a></a></a></a></a>",
    };
    for (size_t i = 0; i < EVO_COUNT(texts); i++) {
        struct evo_s3_fault fault;
        if (evo_s3_xml_fault(texts[i], strlen(texts[i]), &fault))
            fail_msg("taken: %s", texts[i]);
    }
    EVO_AUTO(strbuf) huge = EVO_STRBUF_INIT;
    evo_strbuf_adds(&huge, "<Error><Code>");
    for (int i = 0; i < 70000; i++)
        evo_strbuf_addch(&huge, 'x');
    evo_strbuf_adds(&huge, "</Code></Error>");
    struct evo_s3_fault fault;
    assert_false(evo_s3_xml_fault(huge.buf, huge.len, &fault));
}

static void test_fault_cuts_texts_to_fit(void **state)
{
    (void)state;
    EVO_AUTO(strbuf) xml = EVO_STRBUF_INIT;
    evo_strbuf_adds(&xml, "<Error><Code>");
    for (int i = 0; i < 1000; i++)
        evo_strbuf_addch(&xml, 'x');
    evo_strbuf_adds(&xml, "</Code></Error>");
    struct evo_s3_fault fault;
    assert_true(evo_s3_xml_fault(xml.buf, xml.len, &fault));
    assert_int_equal(strlen(fault.code), sizeof(fault.code) - 1);
}

static void test_page_reads_entries_folders_and_token(void **state)
{
    (void)state;
    static const char xml[] =
        "<?xml version=\"1.0\"?><ListBucketResult "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
        "<Prefix>p/</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>1/a+b==</"
        "NextContinuationToken>"
        "<Contents><Key>p/a+b%20c &lt;&#xE9;&gt;</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
        "<ETag>&quot;x&quot;</ETag><Size>12</Size><Owner><ID>Key</ID></Owner></Contents>"
        "<Contents><Key>p/z</Key><Size>9223372036854775807</Size></Contents>"
        "<CommonPrefixes><Prefix>p/q/</Prefix></CommonPrefixes></ListBucketResult>";
    EVO_AUTO(s3_page) page = { 0 };
    assert_true(evo_s3_xml_page(xml, strlen(xml), &page));
    assert_int_equal(page.list.count, 2);
    assert_string_equal(page.list.items[0].key, "p/a+b%20c <\xc3\xa9>");
    assert_int_equal(page.list.items[0].size, 12);
    assert_int_equal(page.list.items[0].mtime_ms, 1369353600000);
    assert_true(page.list.items[1].size == INT64_MAX);
    assert_int_equal(page.list.folders.count, 1);
    assert_string_equal(page.list.folders.items[0], "p/q/");
    assert_string_equal(page.next, "1/a+b==");
}

static void test_page_refuses_what_it_cannot_trust(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>many</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><LastModified>now</LastModified></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key>",
        "<Error><Code>x</Code></Error>",
    };
    for (size_t i = 0; i < EVO_COUNT(texts); i++) {
        EVO_AUTO(s3_page) page = { 0 };
        if (evo_s3_xml_page(texts[i], strlen(texts[i]), &page))
            fail_msg("taken: %s", texts[i]);
    }
}

static void test_uploads_are_read_with_their_markers(void **state)
{
    (void)state;
    static const char xml[] =
        "<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId>"
        "<Initiated>2013-05-24T00:00:00.000Z</Initiated></Upload>"
        "<Upload><Key>ab</Key><UploadId>2</UploadId></Upload>"
        "<Upload><UploadId>3</UploadId><Key>a</Key></Upload></ListMultipartUploadsResult>";
    static const char truncated[] =
        "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextKeyMarker>a+b</NextKeyMarker><NextUploadIdMarker>4</NextUploadIdMarker>"
        "<Upload><Key>a%2Bb</Key><UploadId>4</UploadId></Upload></ListMultipartUploadsResult>";
    EVO_AUTO(s3_uploads_page) page = { 0 };
    assert_true(evo_s3_xml_uploads(xml, strlen(xml), &page));
    assert_int_equal(page.list.count, 3);
    static const char *const ids[] = { "1", "2", "3" }, *const keys[] = { "a", "ab", "a" };
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(page.list.items[i].key, keys[i]);
        assert_string_equal(page.list.items[i].id, ids[i]);
        assert_true(page.list.items[i].started_ms == (i ? -1 : 1369353600000));
    }
    assert_false(page.truncated);
    assert_null(page.next_key);

    EVO_AUTO(s3_uploads_page) next = { 0 };
    assert_true(evo_s3_xml_uploads(truncated, strlen(truncated), &next));
    assert_true(next.truncated);
    assert_string_equal(next.list.items[0].key, "a+b");
    assert_string_equal(next.next_key, "a b");
    assert_string_equal(next.next_id, "4");
    EVO_AUTO(s3_uploads_page) none = { 0 };
    assert_false(evo_s3_xml_uploads("<Other/>", 8, &none));
}

static void test_parts_are_told_from_an_empty_list(void **state)
{
    (void)state;
    static const char some[] = "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>";
    static const char none[] = "<ListPartsResult><UploadId>x</UploadId></ListPartsResult>";
    assert_true(evo_s3_xml_has_parts(some, strlen(some)));
    assert_false(evo_s3_xml_has_parts(none, strlen(none)));
    assert_false(evo_s3_xml_has_parts("<html>", 6));
}

static void test_upload_id_and_completion_are_told_from_errors(void **state)
{
    (void)state;
    static const char started[] = "<InitiateMultipartUploadResult><Bucket>b</Bucket><UploadId>VX&amp;Vw--</"
                                  "UploadId></InitiateMultipartUploadResult>";
    static const char nameless[] =
        "<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>";
    static const char done[] =
        "  \n <CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>";
    static const char error[] = "<Error><Code>InternalError</Code></Error>";
    EVO_AUTO_STR id = NULL;
    assert_true(evo_s3_xml_upload_id(started, strlen(started), &id));
    assert_string_equal(id, "VX&Vw--");
    EVO_AUTO_STR none = NULL;
    assert_false(evo_s3_xml_upload_id(nameless, strlen(nameless), &none));
    assert_null(none);
    assert_true(evo_s3_xml_completed(done, strlen(done)));
    assert_false(evo_s3_xml_completed(error, strlen(error)));
    assert_false(evo_s3_xml_completed("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault_reads_errors_of_s3_and_of_sts),
        cmocka_unit_test(test_fault_refuses_what_is_none),
        cmocka_unit_test(test_fault_cuts_texts_to_fit),
        cmocka_unit_test(test_page_reads_entries_folders_and_token),
        cmocka_unit_test(test_page_refuses_what_it_cannot_trust),
        cmocka_unit_test(test_uploads_are_read_with_their_markers),
        cmocka_unit_test(test_parts_are_told_from_an_empty_list),
        cmocka_unit_test(test_upload_id_and_completion_are_told_from_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
