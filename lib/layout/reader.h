/*
 * reader.h - inside this folder only: what the readers of the layouts (prisma.c, sql_layout.c, dbmate.c …) share.
 *
 * A reader fills project->items, in any order, from project->migrations; names is that folder's listing. It makes a
 * struct evo_migration with name, version and path, and hands it to evo_project_add(), which reads the file.
 */
#ifndef EVO_LAYOUT_READER_H
#define EVO_LAYOUT_READER_H

#include "layout/layout.h"

/* Forgets what was read: items and warnings. */
void evo_project_drop(struct evo_project *p);
/* Reads p->migrations as p->kind says; what was read before is dropped. Fails as evo_project_open(). */
enum evo_errc evo_project_read(struct evo_project *p, struct evo_error *err) EVO_CHECK;

enum evo_errc evo_prisma_read(struct evo_project *p, const struct evo_strvec *names,
                              struct evo_error *err) EVO_CHECK;
enum evo_errc evo_sql_layout_read(struct evo_project *p, const struct evo_strvec *names,
                                  struct evo_error *err) EVO_CHECK;
enum evo_errc evo_typeorm_read(struct evo_project *p, const struct evo_strvec *names,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_laravel_read(struct evo_project *p, const struct evo_strvec *names,
                               struct evo_error *err) EVO_CHECK;
enum evo_errc evo_dbmate_read(struct evo_project *p, const struct evo_strvec *names,
                              struct evo_error *err) EVO_CHECK;
enum evo_errc evo_golang_migrate_read(struct evo_project *p, const struct evo_strvec *names,
                                      struct evo_error *err) EVO_CHECK;
enum evo_errc evo_goose_read(struct evo_project *p, const struct evo_strvec *names,
                             struct evo_error *err) EVO_CHECK;
enum evo_errc evo_flyway_read(struct evo_project *p, const struct evo_strvec *names,
                              struct evo_error *err) EVO_CHECK;
enum evo_errc evo_sqitch_read(struct evo_project *p, const struct evo_strvec *names,
                              struct evo_error *err) EVO_CHECK;

enum evo_errc evo_alembic_read(struct evo_project *p, const struct evo_strvec *names,
                               struct evo_error *err) EVO_CHECK;

void evo_migration_release(struct evo_migration *m);
EVO_DEFINE_AUTO(migration);

/* Reads m's file (checksum, directives, the parts of the one-file form; of a delegated layout's the checksum alone) and
 * moves m to the end of the items.
 * `buffer` is emptied and used; m is left empty, also on failure. */
enum evo_errc evo_project_add(struct evo_project *p, struct evo_migration *m, struct evo_strbuf *buffer,
                              struct evo_error *err) EVO_CHECK;

/* What a variable says of the table, by the environment or .env (table_name.c). NULL: nothing. The caller frees. */
#define EVO_DBMATE_TABLE "DBMATE_MIGRATIONS_TABLE"
char *evo_table_named(const struct evo_project *p, const char *variable) EVO_CHECK;
/* Sets p's ledger_table, and ledger_schema for SCHEMA.TABLE, as it says. folds: the tool does not quote the name, so the
 * server folds it to lower case. EVO_ERR_CONFIG for a name that is more than plain. */
enum evo_errc evo_table_name_read(struct evo_project *p, const char *variable, bool folds,
                                  struct evo_error *err) EVO_CHECK;

/* What a path is, without following a symbolic link. */
enum evo_entry { EVO_ENTRY_NONE, EVO_ENTRY_FILE, EVO_ENTRY_DIR, EVO_ENTRY_LINK, EVO_ENTRY_OTHER };
enum evo_entry evo_entry_of(const char *path);

/* Reads a file of migrations: EVO_ERR_CONFIG however it fails. out is emptied first. */
enum evo_errc evo_layout_file_read(const char *path, struct evo_strbuf *out, struct evo_error *err) EVO_CHECK;

/* A file that holds both ways. */
struct evo_sections {
    bool has_up, has_down;
    bool no_transaction,
        down_no_transaction; /* "-- migrate:up transaction:false", "-- +goose NO TRANSACTION" */
    size_t up_end; /* the up part is [0, up_end): nothing but comments stands above its marker */
    size_t down_at; /* the down part is [down_at, n) */
    size_t down_lines; /* lines above the down part */
};
/* Finds the parts by "-- migrate:" lines. EVO_ERR_CONFIG with file and line: SQL above the first marker, a marker twice,
 * down above up, an option that is none. No marker at all is no error. Pure. */
enum evo_errc evo_sections_parse(const char *text, size_t n, const char *path, struct evo_sections *ret,
                                 struct evo_error *err) EVO_CHECK;
/* The same by "-- +goose" lines. EVO_ERR_CONFIG also for what goose refuses and for what evo cannot do (ENVSUB ON). */
enum evo_errc evo_goose_sections_parse(const char *text, size_t n, const char *path, struct evo_sections *ret,
                                       struct evo_error *err) EVO_CHECK;

#endif
