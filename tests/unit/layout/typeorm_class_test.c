#include "tree.h"

#include "base/strbuf.h"
#include "layout/typeorm_class.h"

#define UP "async up(q) { await q.query(`CREATE TABLE \"a{\" (id int)`) }\n"

static enum evo_errc parse(const char *text, bool expected, struct evo_typeorm_class *c,
                           struct evo_error *err)
{
    return evo_typeorm_class_parse(text, strlen(text), "m.ts", expected, c, err);
}

static void test_class_of_what_people_and_compilers_write(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name; /* NULL: no migration */
        bool no_transaction, has_down;
    } row[] = {
        /* typeorm migration:create, migration:generate */
        { "import { MigrationInterface, QueryRunner } from \"typeorm\";\n\n"
          "export class AddUsers1735689600000 implements MigrationInterface {\n"
          "    name = 'AddUsers1735689600000'\n\n"
          "    public async up(queryRunner: QueryRunner): Promise<void> {\n"
          "        await queryRunner.query(`CREATE TABLE \"users\" (\"name\" text DEFAULT '}')`);\n    }\n\n"
          "    public async down(queryRunner: QueryRunner): Promise<void> {\n"
          "        await queryRunner.query(`DROP TABLE \"users\"`);\n    }\n}\n",
          "AddUsers1735689600000", false, true },
        { "module.exports = class Init1735689600000 {\n  name = 'Init1735689600000'\n" UP
          " async down() {}\n}\n",
          "Init1735689600000", false, true },
        /* the property wins */
        { "export class A { name = 'Other1735689600000'; " UP "}", "Other1735689600000", false, false },
        { "export default class extends B { readonly name: string = \"C1735689600000\"; " UP "}",
          "C1735689600000", false, false },
        { "export class A { static name = 'S1735689600000'\n" UP "}", "S1735689600000", false, false },
        { "export class A1735689600000 { name = ''\n" UP "}", "A1735689600000", false, false },
        { "export class A1735689600000 { name?: string;\n" UP "}", "A1735689600000", false, false },
        /* what is no property of the class */
        { "const name = 'X1'\nexport class A1735689600000 {\n up = async (q) => { const name = "
          "'B1735689600000'; "
          "this.name = 'C1735689600000' }\n down = async () => {}\n}",
          "A1735689600000", false, true },
        { "// export class Old1735689600001 {\n/* module.exports = class B1735689600002 {} */\n"
          "export class A1735689600000 { " UP "}",
          "A1735689600000", false, false },
        { "const s = `export class B1735689600001 { up() {} }`, t = 'class C {'\n"
          "export class A1735689600000 { " UP "}",
          "A1735689600000", false, false },
        { "const r = /[\"'`{]/g\nexport class A1735689600000 { " UP "}", "A1735689600000", false, false },
        /* transactions */
        { "export class A1735689600000 { transaction = false\n" UP "}", "A1735689600000", true, false },
        { "export class A1735689600000 { public transaction?: boolean = false;\n" UP "}", "A1735689600000",
          true, false },
        { "export class A1735689600000 { transaction = true\n" UP "}", "A1735689600000", false, false },
        /* compiled: tsc to CommonJS */
        { "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\n"
          "exports.A1735689600000 = void 0;\nclass A1735689600000 {\n    constructor() {\n"
          "        this.name = 'B1735689600000';\n        this.transaction = false;\n    }\n    " UP
          "    async down(q) {}\n}\nexports.A1735689600000 = A1735689600000;\n",
          "B1735689600000", true, true },
        { "exports.A = exports.B1735689600000 = void 0;\nlet B1735689600000 = class B1735689600000 { " UP
          "};\nexports.B1735689600000 = B1735689600000;\nB1735689600000 = __decorate([x], B1735689600000);",
          "B1735689600000", false, false },
        /* swc, esbuild */
        { "Object.defineProperty(exports, \"A1735689600000\", { enumerable: true, get: function() {\n"
          "    return A1735689600000;\n} });\nclass A1735689600000 { " UP "}\n",
          "A1735689600000", false, false },
        { "var stdin_exports = {};\n__export(stdin_exports, {\n  A1735689600000: () => A1735689600000\n});\n"
          "module.exports = __toCommonJS(stdin_exports);\nclass A1735689600000 { " UP "}\n",
          "A1735689600000", false, false },
        /* ways to export */
        { "class A1735689600000 { " UP "}\nexport { A1735689600000 }\n", "A1735689600000", false, false },
        { "class A1735689600000 { " UP "}\nexport { A1735689600000 as default };", "A1735689600000", false,
          false },
        { "class A1735689600000 { " UP "}\nexport default A1735689600000\n", "A1735689600000", false, false },
        { "class A1735689600000 { " UP "}\nexport = A1735689600000;\n", "A1735689600000", false, false },
        { "class A1735689600000 { " UP "}\nmodule.exports = { A1735689600000 }\n", "A1735689600000", false,
          false },
        { "class B {}\nclass A1735689600000 { " UP "}\nmodule.exports = { x: 1, A: A1735689600000 }\n",
          "A1735689600000", false, false },
        { "exports.A = class A1735689600000 { " UP "}\n", "A1735689600000", false, false },
        { "module.exports.default = class A1735689600000 extends mixin({ a: 1 }) { " UP "}\n",
          "A1735689600000", false, false },
        { "export const A1735689600000 = class { " UP "}\n", "A1735689600000", false, false },
        { "@Injectable()\nexport class A1735689600000 { " UP "}\n", "A1735689600000", false, false },
        { "export const TABLE = 'x', LIST = ['a']\nexport type T = { a: string }\nexport interface I { up(): "
          "void }\n"
          "function helper() {}\nconst other = () => {}\nexport class A1735689600000 { " UP "}\n",
          "A1735689600000", false, false },
        { "export class A1735689600000 extends Base1 {}", "A1735689600000", false, false },
        /* more digits than a time */
        { "export class A20240101120000 { " UP "}", "A20240101120000", false, false },
        /* no migration, and none expected */
        { "", NULL, false, false },
        { "export const table = 'users'\nexport function helper() {}\nexport class Helper { run() {} }\n",
          NULL, false, false },
        { "export * from './1735689600000-A'\nexport { B } from './b'\n", NULL, false, false },
        { "class A1735689600000 { " UP "}\n", NULL, false, false },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(typeorm_class) c = { 0 };
        enum evo_errc rc = parse(row[i].text, false, &c, &err);
        if (rc || c.found != (row[i].name != NULL))
            print_message("row %zu: %s\n%s\n", i, err.message, row[i].text);
        assert_int_equal(rc, EVO_OK);
        assert_int_equal(c.found, row[i].name != NULL);
        if (!row[i].name)
            continue;
        assert_string_equal(c.name, row[i].name);
        assert_string_equal(c.version, row[i].name + strlen(row[i].name) - 13);
        assert_int_equal(c.no_transaction, row[i].no_transaction);
        assert_int_equal(c.has_down, row[i].has_down);
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
        { "\nexport const a = 1\n", 1, "exports no migration class" },
        { "class A1735689600000 { " UP "}\n", 1, "exports no migration class" },
        { "export class A1735689600000 { " UP "}\n\nexport class B1735689600001 { " UP "}", 4,
          "exports two migrations" },
        { "export class A1735689600000 { " UP "}\nexport function helper() {}", 3,
          "exports more than its migration" },
        { "export class A1735689600000 { " UP "}\nexport const f = async (a): Promise<void> => {}", 3,
          "exports more than its migration" },
        { "export class Helper {}\nexport class A1735689600000 { " UP "}", 1,
          "exports more than its migration" },
        { "export class A1735689600000 {\n name = prefix + '1735689600000'\n" UP "}", 2,
          "computes the name" },
        { "export class A1735689600000 {\n name = 'A' +\n '1735689600000'\n" UP "}", 2, "computes the name" },
        { "export class A1735689600000 {\n name = `A${x}`\n" UP "}", 2, "computes the name" },
        { "export class A1735689600000 {\n\n get name() { return 'A' }\n" UP "}", 3, "computes the name" },
        { "export default class { " UP "}", 1, "without a name" },
        { "\nexport class AddUsers {\n" UP "}", 2, "\"AddUsers\" has no time in its name" },
        { "export class A173568960000 { " UP "}", 1, "\"A173568960000\" has no time" },
        { "export class A1735abc689600 { " UP "}", 1, "has no time in its name" },
        { "export class A0000000000000 { " UP "}", 1, "has no time in its name" },
        { "export class A1735689600000x { " UP "}", 1, "has no time in its name" },
        { "export class A1735689600000 {\n name = 'AddUsers'\n" UP "}", 2, "\"AddUsers\" has no time" },
        { "export class A1735689600000 {\n up() { /* }\n", 2, "a comment has no end" },
    };
    for (size_t i = 0; i < EVO_COUNT(row); i++) {
        struct evo_error err = EVO_ERROR_INIT;
        EVO_AUTO(typeorm_class) c = { 0 };
        enum evo_errc rc = parse(row[i].text, true, &c, &err);
        if (rc != EVO_ERR_CONFIG || !strstr(err.message, row[i].message) || err.line != row[i].line)
            print_message("row %zu: line %d: %s\n", i, err.line, err.message);
        assert_int_equal(rc, EVO_ERR_CONFIG);
        assert_non_null(strstr(err.message, row[i].message));
        assert_int_equal(err.line, row[i].line);
        assert_string_equal(err.file, "m.ts");
        assert_null(c.name);
    }
}

static void test_class_knows_digits_that_are_not_read(void **state)
{
    (void)state;
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(typeorm_class) longer = { 0 };
    EVO_AUTO(typeorm_class) exact = { 0 };
    assert_int_equal(parse("export class A20240101120000 { " UP "}", true, &longer, &err), EVO_OK);
    assert_true(longer.longer);
    assert_string_equal(longer.version, "0240101120000");
    assert_int_equal(parse("export class A1735689600000 { " UP "}", true, &exact, &err), EVO_OK);
    assert_false(exact.longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_of_what_people_and_compilers_write),
        cmocka_unit_test(test_class_is_refused_with_its_line),
        cmocka_unit_test(test_class_knows_digits_that_are_not_read),
    };
    return cmocka_run_group_tests_name("layout/typeorm_class", tests, NULL, NULL);
}
