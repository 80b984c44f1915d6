#include "cmocka_all.h"

#include "backup/retention.h"
#include "base/clock.h"
#include "base/strbuf.h"

#define NOW   "2026-11-26T12:00:00Z"
#define DAY   ((int64_t)86400000)
#define ITEMS 24

static int64_t at(const char *time)
{
    int64_t ms = 0;
    assert_true(evo_parse_time(time, &ms));
    return ms;
}

/* A backup and what is expected: "" goes, else its reasons, separated by "; ". */
struct row {
    const char *created;
    const char *want;
    enum evo_retention_state state;
    const char *selection;
    const char *locked_until;
    bool legal_hold;
};

/* Decides over the rows, given in both orders, and compares. */
static void check(const struct evo_retention_policy *policy, const char *now, const struct row *rows,
                  size_t n)
{
    for (int reversed = 0; reversed < 2; reversed++) {
        struct evo_retention_item items[ITEMS] = { 0 };
        char ids[ITEMS][8];
        assert_true(n <= ITEMS);
        for (size_t i = 0; i < n; i++) {
            const struct row *r = &rows[reversed ? n - 1 - i : i];
            /* Of one moment, the one that stands first in the table was made later. */
            (void)snprintf(ids[i], sizeof(ids[i]), "%03d", (int)(100 - (r - rows)));
            items[i] =
                (struct evo_retention_item){ .id = ids[i],
                                             .created_ms = at(r->created),
                                             .state = r->state,
                                             .selection = r->selection,
                                             .locked_until_ms = r->locked_until ? at(r->locked_until) : -1,
                                             .legal_hold = r->legal_hold };
        }
        evo_retention_decide(policy, items, n, at(now));
        for (size_t i = 0; i < n; i++) {
            const struct row *r = &rows[reversed ? n - 1 - i : i];
            EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
            for (size_t k = 0; k < items[i].reasons.count; k++)
                evo_strbuf_addf(&got, "%s%s", k ? "; " : "", items[i].reasons.items[k]);
            if (!evo_streq(got.buf, r->want))
                fail_msg("%s: expected \"%s\", got \"%s\"", r->created, r->want, got.buf);
            assert_int_equal(items[i].keep, *r->want != '\0');
            evo_retention_item_release(&items[i]);
        }
    }
}
#define CHECK(policy, now, rows) check(&(policy), now, rows, EVO_COUNT(rows))

static void test_given_needs_one_rule(void **state)
{
    (void)state;
    static const struct {
        struct evo_retention_policy policy;
        bool want;
    } rows[] = {
        { { .within_ms = -1 }, false },
        { { .within_ms = 0 }, false },
        { { .last = 1, .within_ms = -1 }, true },
        { { .hourly = 1 }, true },
        { { .daily = 1 }, true },
        { { .weekly = 1 }, true },
        { { .monthly = 1 }, true },
        { { .yearly = 1 }, true },
        { { .within_ms = 1 }, true },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++)
        assert_int_equal(evo_retention_given(&rows[i].policy), rows[i].want);
}

static void test_decide_of_nothing(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 1 };
    evo_retention_decide(&policy, NULL, 0, at(NOW));
}

static void test_decide_without_a_policy_keeps_everything(void **state)
{
    (void)state;
    struct evo_retention_policy none = { .within_ms = -1 };
    static const struct row rows[] = {
        { .created = "2026-11-26T10:00:00Z", .want = "no policy; the last good one" },
        { .created = "2026-11-25T10:00:00Z", .want = "no policy" },
    };
    CHECK(none, NOW, rows);
}

static void test_last(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 2 };
    static const struct row rows[] = {
        { .created = "2026-11-26T10:00:00Z", .want = "last 2; the last good one" },
        { .created = "2026-11-26T09:59:59.999Z", .want = "last 2" },
        { .created = "2026-11-26T09:00:00Z", .want = "" },
        { .created = "2019-01-01T00:00:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_hourly_at_the_hour(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .hourly = 3 };
    static const struct row rows[] = {
        { .created = "2026-11-26T10:00:00.000Z", .want = "hourly 2026-11-26T10; the last good one" },
        { .created = "2026-11-26T09:59:59.999Z", .want = "hourly 2026-11-26T09" },
        { .created = "2026-11-26T09:00:00.000Z", .want = "" },
        /* Hours without a backup cost nothing. */
        { .created = "2026-11-25T23:30:00Z", .want = "hourly 2026-11-25T23" },
        { .created = "2026-11-25T22:30:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_daily_is_of_utc(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .daily = 3 };
    /* The hours at which clocks are set in Europe and America are hours like others. */
    static const struct row rows[] = {
        { .created = "2026-11-01T01:30:00-05:00", .want = "daily 2026-11-01; the last good one" },
        { .created = "2026-11-01T01:30:00-04:00", .want = "" },
        { .created = "2026-11-01T00:00:00Z", .want = "" },
        { .created = "2026-10-31T23:59:59.999Z", .want = "daily 2026-10-31" },
        { .created = "2026-10-25T02:30:00+01:00", .want = "daily 2026-10-25" },
        { .created = "2026-10-25T02:30:00+02:00", .want = "" },
        { .created = "2026-10-24T22:30:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_weekly_is_of_iso_weeks(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .weekly = 5 };
    static const struct row rows[] = {
        /* 2026 has 53 weeks: its last one ends in January. */
        { .created = "2027-01-04T00:00:00Z", .want = "weekly 2027-W01; the last good one" },
        { .created = "2027-01-03T23:59:59.999Z", .want = "weekly 2026-W53" },
        { .created = "2027-01-01T12:00:00Z", .want = "" },
        { .created = "2026-12-31T12:00:00Z", .want = "" },
        { .created = "2026-12-28T00:00:00Z", .want = "" },
        { .created = "2026-12-27T23:59:59Z", .want = "weekly 2026-W52" },
        /* The first week of 2025 began in 2024. */
        { .created = "2025-01-01T00:00:00Z", .want = "weekly 2025-W01" },
        { .created = "2024-12-30T00:00:00Z", .want = "" },
        { .created = "2024-12-29T00:00:00Z", .want = "weekly 2024-W52" },
        { .created = "2024-12-22T00:00:00Z", .want = "" },
    };
    CHECK(policy, "2027-02-01T00:00:00Z", rows);
}

static void test_monthly_and_yearly_at_the_turn(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .monthly = 3, .yearly = 3 };
    static const struct row rows[] = {
        { .created = "2026-01-01T00:00:00Z", .want = "monthly 2026-01; yearly 2026; the last good one" },
        { .created = "2025-12-31T23:59:59.999Z", .want = "monthly 2025-12; yearly 2025" },
        { .created = "2025-12-01T00:00:00Z", .want = "" },
        { .created = "2025-11-30T23:59:59Z", .want = "monthly 2025-11" },
        { .created = "2025-10-31T00:00:00Z", .want = "" },
        { .created = "2024-02-29T12:00:00Z", .want = "yearly 2024" },
        { .created = "2023-02-28T12:00:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_rules_add_up(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 1, .daily = 2, .weekly = 2, .within_ms = DAY };
    static const struct row rows[] = {
        { .created = "2026-11-24T10:00:00Z",
          .want = "last 1; daily 2026-11-24; weekly 2026-W48; within 1 day; the last good one" },
        { .created = "2026-11-24T09:00:00Z", .want = "within 1 day" },
        { .created = "2026-11-23T10:00:00Z", .want = "daily 2026-11-23; within 1 day" },
        { .created = "2026-11-23T09:59:59.999Z", .want = "" },
        { .created = "2026-11-22T10:00:00Z", .want = "weekly 2026-W47" },
        { .created = "2026-11-21T10:00:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_within_counts_from_the_newest(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .within_ms = 36 * (int64_t)3600000 };
    /* Nothing was backed up for a year: that is no reason to lose what there is. */
    static const struct row rows[] = {
        { .created = "2025-11-20T12:00:00Z", .want = "within 36 h 00 min; the last good one" },
        { .created = "2025-11-19T00:00:00Z", .want = "within 36 h 00 min" },
        { .created = "2025-11-18T23:59:59.999Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_ties_go_to_the_greater_id(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 1, .daily = 1 };
    static const struct row rows[] = {
        { .created = "2026-11-20T12:00:00Z", .want = "last 1; daily 2026-11-20; the last good one" },
        { .created = "2026-11-20T12:00:00Z", .want = "" },
        { .created = "2026-11-20T12:00:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_only_good_ones_count_and_go(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 1 };
    static const struct row rows[] = {
        { .created = "2026-11-26T10:00:00Z", .want = "unfinished", .state = EVO_RETENTION_UNFINISHED },
        { .created = "2026-11-25T10:00:00Z", .want = "damaged manifest", .state = EVO_RETENTION_UNREADABLE },
        { .created = "2026-11-24T10:00:00Z", .want = "found damaged", .state = EVO_RETENTION_DAMAGED },
        { .created = "2026-11-23T10:00:00Z", .want = "last 1; the last good one" },
        { .created = "2026-11-22T10:00:00Z", .want = "" },
        { .created = "2026-11-21T10:00:00Z", .want = "found damaged", .state = EVO_RETENTION_DAMAGED },
    };
    CHECK(policy, NOW, rows);
}

static void test_selections_are_series_of_their_own(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 1 };
    static const struct row rows[] = {
        { .created = "2026-11-26T10:00:00Z", .want = "last 1", .selection = "{\"table\":[\"a\"]}" },
        { .created = "2026-11-26T09:00:00Z", .want = "last 1", .selection = "{\"table\":[\"b\"]}" },
        { .created = "2026-11-26T08:00:00Z", .want = "", .selection = "{\"table\":[\"a\"]}" },
        { .created = "2026-11-20T10:00:00Z", .want = "last 1; the last good one" },
        { .created = "2026-11-19T10:00:00Z", .want = "" },
        { .created = "2026-11-18T10:00:00Z", .want = "last 1", .selection = "" },
    };
    CHECK(policy, NOW, rows);
}

static void test_locked_ones_stay_and_count(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 2 };
    static const struct row rows[] = {
        { .created = "2026-11-25T10:00:00Z",
          .want = "last 2; the last good one; locked until 2026-12-25T10:00:00.000Z",
          .locked_until = "2026-12-25T10:00:00Z" },
        { .created = "2026-11-24T10:00:00Z", .want = "last 2; legal hold", .legal_hold = true },
        { .created = "2026-11-23T10:00:00Z", .want = "" },
        { .created = "2026-11-22T10:00:00Z", .want = "legal hold", .legal_hold = true },
        { .created = "2026-11-21T10:00:00Z",
          .want = "locked until 2026-11-26T12:00:00.001Z",
          .locked_until = "2026-11-26T12:00:00.001Z" },
        /* A lock that has run out is none. */
        { .created = "2026-11-20T10:00:00Z", .want = "", .locked_until = NOW },
        { .created = "2026-11-19T10:00:00Z",
          .want = "unfinished; legal hold",
          .state = EVO_RETENTION_UNFINISHED,
          .legal_hold = true },
    };
    CHECK(policy, NOW, rows);
}

static void test_a_clock_before_the_newest_removes_nothing_for_it(void **state)
{
    (void)state;
    struct evo_retention_policy policy = { .last = 1, .within_ms = DAY };
    static const struct row rows[] = {
        { .created = "2099-01-01T00:00:00Z", .want = "made in the future" },
        { .created = "2026-11-26T12:00:00.001Z", .want = "made in the future" },
        { .created = NOW, .want = "last 1; within 1 day; the last good one" },
        { .created = "2026-11-25T12:00:00Z", .want = "within 1 day" },
        { .created = "2026-11-25T11:00:00Z", .want = "" },
    };
    CHECK(policy, NOW, rows);
    static const struct row all[] = {
        { .created = "2026-11-26T12:00:00Z", .want = "made in the future" },
        { .created = "2026-11-25T12:00:00Z", .want = "made in the future" },
    };
    CHECK(policy, "1970-01-01T00:00:00Z", all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_needs_one_rule),
        cmocka_unit_test(test_decide_of_nothing),
        cmocka_unit_test(test_decide_without_a_policy_keeps_everything),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_hourly_at_the_hour),
        cmocka_unit_test(test_daily_is_of_utc),
        cmocka_unit_test(test_weekly_is_of_iso_weeks),
        cmocka_unit_test(test_monthly_and_yearly_at_the_turn),
        cmocka_unit_test(test_rules_add_up),
        cmocka_unit_test(test_within_counts_from_the_newest),
        cmocka_unit_test(test_ties_go_to_the_greater_id),
        cmocka_unit_test(test_only_good_ones_count_and_go),
        cmocka_unit_test(test_selections_are_series_of_their_own),
        cmocka_unit_test(test_locked_ones_stay_and_count),
        cmocka_unit_test(test_a_clock_before_the_newest_removes_nothing_for_it),
    };
    return cmocka_run_group_tests_name("backup/retention", tests, NULL, NULL);
}
