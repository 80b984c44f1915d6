#include "project.h"

#include "layout/sqitch.h"

#define BY   " 2025-01-01T00:00:00Z P <p@example.org>"
#define HEAD "%project=shop\n\n"

/* As Sqitch 1.3.1 reads it: the ids below are its own. */
static const char plan[] =
    "%syntax-version=1.0.0\n%project=shop\n%uri=HTTPS://Example.org:443/shop?x=1\n# a comment\n\n"
    "roles 2025-01-01T00:00:00Z Planner <p@example.org> # Roles\n"
    "+ app/users [roles  !legal:terms] 2025-01-01T00:00:01Z  Zo\xc3\xab O'Hara <zoe@example.org>\r\n"
    "@v1.0 2025-01-01T00:00:02Z Planner <p@example.org> # First\\nrelease \\\\ \\x\n"
    "  view  [app/users roles@v1.0] 2025-01-01T00:00:03Z Planner <p@example.org> #Note # more\n\n"
    "@v1.1 2025-01-01T00:00:04Z Planner <p@example.org>\n"
    "@v1.2 2025-01-01T00:00:05Z Planner <p@example.org>\n"
    "view [view@v1.1 shop:roles !other:x@y] 2025-01-01T00:00:06Z Planner <p@example.org> # Again\n"
    "last [@v1.0] 2025-01-01T00:00:07Z Planner <p@example.org>";

static void parse(const char *text, struct evo_sqitch *s)
{
    struct evo_error err = EVO_ERROR_INIT;
    if (evo_sqitch_plan_parse(text, "sqitch.plan", s, &err))
        fail_msg("%s (line %d)", err.message, err.line);
}

static void test_plan_parse_gives_sqitchs_ids(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "55def5f5b769229d462d2f37a8db3611ecfb858f", "21a536c085322805e2a3256ec2778bdecac5df96",
        "db5cdac2d8b19852da380478f6af9f56521f7823", "3841fdbb162215e273e43608d01c4e01dfaf5264",
        "881721246ac44a9b3b2912db2409d14b683d35ab",
    };
    EVO_AUTO(sqitch) s = { 0 };
    parse(plan, &s);
    assert_int_equal(s.count, EVO_COUNT(ids));
    for (size_t i = 0; i < EVO_COUNT(ids); i++)
        assert_string_equal(s.changes[i].plan.id, ids[i]);
    assert_string_equal(s.changes[1].tags[0].id, "779e794471e1590dd7a50d841fda66bd41356232");
    assert_string_equal(s.changes[2].tags[0].id, "24143829624aad2066f511f90c41baf11a5a96a1");
    assert_string_equal(s.changes[2].tags[1].id, "34faeae88e325bc06e809466b3f79b963edd03bb");
    assert_int_equal(evo_sqitch_find(&s, ids[3]), 3);
    assert_int_equal(evo_sqitch_find(&s, "0"), EVO_SQITCH_ELSEWHERE);
}

static void test_plan_parse_understands_lines(void **state)
{
    (void)state;
    EVO_AUTO(sqitch) s = { 0 };
    parse(plan, &s);
    assert_string_equal(s.project, "shop");
    assert_string_equal(s.changes[1].plan.name, "app/users");
    assert_string_equal(s.changes[1].plan.planner_name, "Zo\xc3\xab O'Hara");
    assert_string_equal(s.changes[1].plan.note, "");
    assert_string_equal(s.changes[1].tags[0].name, "@v1.0");
    assert_string_equal(s.changes[1].tags[0].note, "First\nrelease \\ \\x");
    assert_string_equal(s.changes[2].plan.note, "Note # more");
    assert_string_equal(s.changes[2].plan.planned_at, "2025-01-01T00:00:03Z");
    /* the earlier one goes by its tags */
    assert_int_equal(s.changes[2].rework_tags.count, 2);
    assert_string_equal(s.changes[2].rework_tags.items[0], "@v1.1");
    assert_int_equal(s.changes[3].rework_tags.count, 0);
}

static void test_plan_parse_resolves_dependencies(void **state)
{
    (void)state;
    static const struct {
        size_t change, depend;
        const char *text;
        bool conflict;
        size_t index;
    } rows[] = {
        { 1, 0, "roles", false, 0 },
        { 1, 1, "legal:terms", true, EVO_SQITCH_ELSEWHERE },
        { 2, 0, "app/users", false, 1 },
        { 2, 1, "roles@v1.0", false, 0 },
        { 3, 0, "view@v1.1", false, 2 },
        { 3, 1, "roles", false, 0 },
        { 3, 2, "other:x@y", true, EVO_SQITCH_ELSEWHERE },
        { 4, 0, "@v1.0", false, 1 },
    };
    EVO_AUTO(sqitch) s = { 0 };
    parse(plan, &s);
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        const struct evo_sqitch_depend *d = &s.changes[rows[i].change].depends[rows[i].depend];
        assert_string_equal(d->text, rows[i].text);
        assert_int_equal(d->conflict, rows[i].conflict);
        assert_int_equal(d->index, rows[i].index);
    }
    EVO_AUTO(sqitch) late = { 0 };
    parse(HEAD "a [!b 881721246ac44a9b3b2912db2409d14b683d35ab]" BY "\nb" BY, &late);
    assert_int_equal(late.changes[0].depends[0].index, 1);
    assert_int_equal(late.changes[0].depends[1].index, EVO_SQITCH_ELSEWHERE);
}

static void test_plan_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        int line;
    } rows[] = {
        { "", "names no project", 0 },
        { "%syntax-version=1.0.0\n\na" BY, "names no project", 3 },
        { "%project=@x\n", "cannot be a project's name", 1 },
        { "%project=shop\na" BY, "an empty line must stand between", 2 },
        { HEAD "a", "has no time", 3 },
        { HEAD "a 2025-01-01T00:00:00 P <p@example.org>", "has no time", 3 },
        { HEAD "a 2025-01-01T00:00:00Z", "has no planner", 3 },
        { HEAD "a 2025-01-01T00:00:00Z P", "has no planner", 3 },
        { HEAD "a 2025-01-01T00:00:00Z <p@example.org>", "has no planner", 3 },
        { HEAD "a 2025-01-01T00:00:00Z P <p@example.org> x", "has no planner", 3 },
        { HEAD "a 2025-01-01T00:00:00Z P <p@example.org", "has no planner", 3 },
        { HEAD "-a" BY, "marked with \"-\"", 3 },
        { HEAD "a:b" BY, "cannot be a name", 3 },
        { HEAD "a~2" BY, "cannot be a name", 3 },
        { HEAD "a." BY, "cannot be a name", 3 },
        { HEAD "HEAD" BY, "means something else", 3 },
        { HEAD "881721246ac44a9b3b2912db2409d14b683d35ab" BY, "means something else", 3 },
        { HEAD "a" BY "\na" BY, "stands there twice", 4 },
        { HEAD "a [b]" BY "\nb" BY, "requires \"b\", which does not stand above it", 3 },
        { HEAD "a [a]" BY, "requires \"a\"", 3 },
        { HEAD "a" BY "\nb [a@v1]" BY, "requires \"a@v1\"", 4 },
        { HEAD "\na [!b]" BY "\n", "conflicts with \"b\", which is not in the plan", 4 },
        { HEAD "a" BY "\nb [a a]" BY, "names \"a\" twice", 4 },
        { HEAD "a" BY "\nb [a:b:c]" BY, "is no dependency", 4 },
        { HEAD "a" BY "\nb [a" BY, "dependencies without an end", 4 },
        { HEAD "a" BY "\nb [!]" BY, "is no dependency", 4 },
        { HEAD "@v1" BY, "stands behind no change", 3 },
        { HEAD "a" BY "\n@v1" BY "\n@v1" BY, "stands there twice", 5 },
        { HEAD "a" BY "\n@v/x" BY, "holds a \"/\"", 4 },
    };
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        EVO_AUTO(sqitch) s = { 0 };
        struct evo_error err = EVO_ERROR_INIT;
        enum evo_errc rc = evo_sqitch_plan_parse(rows[i].text, "sqitch.plan", &s, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, rows[i].says))
            fail_msg("row %zu: %d %s", i, (int)rc, err.message);
        assert_int_equal(err.line, rows[i].line);
    }
}

/* Nothing of the machine's or the user's. */
static int setup(void **state)
{
    assert_int_equal(setenv("SQITCH_SYSTEM_CONFIG", "/nonexistent", 1), 0);
    assert_int_equal(setenv("SQITCH_USER_CONFIG", "/nonexistent", 1), 0);
    return tree_setup(state);
}
#define sqitch_test(f) cmocka_unit_test_setup_teardown(f, setup, tree_teardown)

static void test_read_takes_scripts_by_the_plan(void **state)
{
    (void)state;
    tree_put("sqitch.conf", "[user]\n\tname = Me\n\temail = me@example.org\n");
    tree_put("sqitch.plan", HEAD "b" BY "\n@v1" BY "\na/c" BY "\nb" BY "\n");
    tree_put("deploy/b@v1.sql", "SELECT 'b';");
    tree_put("deploy/a/c.sql", "SELECT 'c';");
    tree_put("deploy/b.sql", "SELECT 'b again';");
    tree_put("revert/b.sql", "SELECT 'back';");
    tree_put("verify/b.sql", "SELECT 'verify';");
    tree_put("verify/a/c.sql", "SELECT 'verify';");
    tree_put("evo/b@v1/verify_up.sql", "SELECT true;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    static const char *const names[] = { "b@v1", "a/c", "b" };
    assert_int_equal(p.kind, EVO_LAYOUT_SQITCH);
    assert_names(&p, names, EVO_COUNT(names));
    assert_text(&p.items[2], true, "SELECT 'back';");
    assert_true(p.items[2].verify_script);
    assert_false(p.items[0].verify_script);
    assert_non_null(p.items[0].companion[EVO_FILE_VERIFY_UP]);
    assert_true(evo_ends_with(p.items[1].wants_down, "revert/a/c.sql"));
    assert_string_equal(p.sqitch->user_name, "Me");
    /* sha1sum */
    assert_string_equal(p.items[1].own_checksum, "0a7947f91b4b45a7ea678830ec82ac5cc12c13f9");
}

static void test_read_follows_the_configuration(void **state)
{
    (void)state;
    tree_put("sqitch.conf",
             "[core]\n\tengine = pg\n\ttop_dir = db\n\textension = pgsql\n\tplan_file = db/my.plan\n"
             "[engine \"pg\"]\n\tregistry = meta\n\ttarget = prod\n"
             "[target \"prod\"]\n\turi = db:pg://host/x\n\trevert_dir = back\n");
    tree_put("db/my.plan", HEAD "a" BY "\n");
    tree_put("db/deploy/a.pgsql", "SELECT 1;");
    tree_put("back/a.pgsql", "SELECT -1;");
    EVO_AUTO(project) p = { 0 };
    assert_opens("auto", &p);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.ledger_schema, "meta");
    assert_text(&p.items[0], true, "SELECT -1;");
}

static void test_read_lets_the_environment_say_who_deploys(void **state)
{
    (void)state;
    tree_put("sqitch.conf", "[user]\n\tname = Me\n");
    tree_put("sqitch.plan", HEAD);
    assert_int_equal(setenv("SQITCH_FULLNAME", "Somebody Else", 1), 0);
    assert_int_equal(setenv("SQITCH_EMAIL", "else@example.org", 1), 0);
    EVO_AUTO(project) p = { 0 };
    assert_opens("sqitch", &p);
    assert_string_equal(p.sqitch->user_name, "Somebody Else");
    assert_string_equal(p.sqitch->user_email, "else@example.org");
    assert_int_equal(setenv("SQITCH_FULLNAME", "[x", 1), 0);
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(project) other = { 0 };
    assert_int_equal(evo_project_open(tree, "sqitch", NULL, &other, &err), EVO_ERR_CONFIG);
    assert_non_null(strstr(err.message, "cannot be the name of who deploys"));
    assert_int_equal(unsetenv("SQITCH_FULLNAME"), 0);
    assert_int_equal(unsetenv("SQITCH_EMAIL"), 0);
    EVO_AUTO(project) plain = { 0 };
    assert_opens("sqitch", &plain);
    assert_string_equal(plain.sqitch->user_name, "Me");
    assert_non_null(strchr(plain.sqitch->user_email, '@'));
}

static void test_read_refuses(void **state)
{
    static const struct refused rows[] = {
        { "sqitch.plan", HEAD "a" BY "\nb" BY, "deploy/b.sql", 0 },
        { "sqitch.plan", HEAD "a [x]" BY, "requires \"x\"", 3 },
        { "deploy/a.sql", "SELECT 1;\nSELECT :'registry';", "psql's variable", 2 },
        { "sqitch.conf", "[core]\n\tengine = mysql\n", "for engine \"mysql\"", 0 },
        { "sqitch.conf", "[core]\n\tengine = pg\n\ttarget = db:sqlite:x\n", "for engine \"sqlite\"", 0 },
        { "sqitch.conf", "[core]\n\ttarget = t\n[target \"t\"]\n\turi = db:mysql:x\n", "for engine \"mysql\"",
          0 },
        { "sqitch.conf", "[deploy \"variables\"]\n\tx = 1\n", "a variable for psql", 2 },
        { "sqitch.conf", "[core\n", "cannot read", 1 },
        { "evo/a/verify_up.sql", "SELECT true;", "two verify files", 0 },
    };
    tree_put("verify/a.sql", "SELECT 1;");
    for (size_t i = 0; i < EVO_COUNT(rows); i++) {
        tree_put("deploy/a.sql", "SELECT 1;");
        tree_put("verify/a.sql", "SELECT 1;");
        assert_refused("sqitch", "sqitch.plan", HEAD "a" BY "\n", &rows[i], 1, state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_parse_gives_sqitchs_ids),
        cmocka_unit_test(test_plan_parse_understands_lines),
        cmocka_unit_test(test_plan_parse_resolves_dependencies),
        cmocka_unit_test(test_plan_parse_refuses),
        sqitch_test(test_read_takes_scripts_by_the_plan),
        sqitch_test(test_read_follows_the_configuration),
        sqitch_test(test_read_lets_the_environment_say_who_deploys),
        sqitch_test(test_read_refuses),
    };
    return cmocka_run_group_tests_name("layout/sqitch", tests, NULL, NULL);
}
