#include "tree.h"

#include "layout/laravel_class.h"

#define NAME "2025_01_01_000000_create_users_table"
#define UP   "public function up() { Schema::create('users', function (Blueprint $t) { $t->id(); }); }\n"

static enum evo_errc parse(const char *text, struct evo_laravel_class *c, struct evo_error *err)
{
    return evo_laravel_class_parse(text, strlen(text), "m.php", NAME, c, err);
}

static void test_class_name_as_laravel_makes_it(void **state)
{
    (void)state;
    static const struct {
        const char *name, *class;
    } row[] = {
        { NAME, "CreateUsersTable" },
        { "2025_01_01_000000_add-a__flag", "AddAFlag" },
        { "2025_01_01_000000_addUUID_2fa", "AddUUID2fa" },
        { "no_time", "" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        EVO_AUTO_STR class = evo_laravel_class_name(row[i].name);
        assert_string_equal(class, row[i].class);
    }
}

static void test_class_of_what_people_write(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct evo_laravel_class c;
    } row[] = {
        { "<?php\nuse X;\nreturn new class extends Migration\n{\n    " UP
          "    public function down(): void { Schema::dropIfExists('users'); }\n};\n",
          { .has_down = true } },
        { "<?php\nclass CreateUsersTable extends Migration { " UP " function down() {} }",
          { .has_down = true } },
        { "<?php class createuserstable extends Migration { " UP "}", { 0 } },
        { "<?php namespace A { class CreateUsersTable extends \\B\\Migration { " UP "} }", { 0 } },
        { "<?php class Helper { }\nclass CreateUsersTable extends Migration { " UP "}", { 0 } },
        { "<?php return new class extends Migration { public $withinTransaction = false;\n" UP "};",
          { .no_transaction = true } },
        { "<?php return new class extends Migration { public bool $withinTransaction = FALSE; " UP "};",
          { .no_transaction = true } },
        { "<?php return new class extends Migration { public $withinTransaction = true; " UP "};", { 0 } },
        { "<?php return new class extends Migration { protected $connection = 'other'; " UP "};",
          { .other_connection = true } },
        { "<?php return new class extends Migration { public function shouldRun(): bool { return false; } " UP
          "};",
          { .may_skip = true } },
        /* what only looks like it */
        { "<?php /* class X { */ # class Y\nreturn new class extends Migration { " UP
          "// public function down() {}\n};",
          { 0 } },
        { "<?php $sql = <<<SQL\n class Z { '\n SQL;\nreturn new class extends Migration { public function "
          "up() "
          "{ $withinTransaction = false; $f = function down() {}; DB::statement('} function down()'); } };",
          { 0 } },
        /* inherited */
        { "<?php return new class extends BaseMigration {};", { .has_down = true } },
        { "<?php return new class extends Migration { use HasDown; " UP "};", { .has_down = true } },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_laravel_class c = { 0 };
        enum evo_errc rc = parse(row[i].text, &c, &err);
        if (rc)
            print_message("row %zu: %s\n", i, err.message);
        assert_int_equal(rc, EVO_OK);
        assert_int_equal(c.has_down, row[i].c.has_down);
        assert_int_equal(c.no_transaction, row[i].c.no_transaction);
        assert_int_equal(c.may_skip, row[i].c.may_skip);
        assert_int_equal(c.other_connection, row[i].c.other_connection);
    }
}

static void test_class_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *message;
    } row[] = {
        { "<?php\n\nclass CreateUsers extends Migration { " UP "}", 3,
          "declares class \"CreateUsers\", and Laravel looks for \"CreateUsersTable\"" },
        { "<?php\n", 1, "declares no migration class" },
        { "text class CreateUsersTable { function up() {} }", 1, "declares no migration class" },
        { "<?php\n$x = CreateUsersTable::class;", 1, "declares no migration class" },
        { "<?php\n\nreturn new class extends Migration {\n function down() {} };", 3, "without up()" },
        { "<?php\nreturn new class extends Migration {", 2, "a bracket has no end" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        struct evo_laravel_class c = { 0 };
        enum evo_errc rc = parse(row[i].text, &c, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, row[i].message) || err.line != row[i].line)
            print_message("row %zu: line %d: %s\n", i, err.line, err.message);
        assert_int_equal(rc, EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, row[i].message));
        assert_int_equal(err.line, row[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_name_as_laravel_makes_it),
        cmocka_unit_test(test_class_of_what_people_write),
        cmocka_unit_test(test_class_is_refused_with_its_line),
    };
    return cmocka_run_group_tests_name("layout/laravel_class", tests, NULL, NULL);
}
