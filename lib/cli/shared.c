#include "cli/shared.h"

#define FIELD(name) offsetof(struct evo_shared, name)

const struct evo_option evo_shared_options[] = {
    { "database", EVO_OPT_CONNECTION, FIELD(database), .value = "URL",
      .env = "EVO_DATABASE_URL DIRECT_URL DATABASE_URL",
      .help = "the database, as a libpq URL or keyword string without a password" },
    { "store", EVO_OPT_STRING, FIELD(store), .value = "URL", .path = true, .env = "EVO_STORE",
      .help = "where backups and passports are: s3://bucket/prefix or a folder" },
    { "s3-endpoint", EVO_OPT_STRING, FIELD(s3_endpoint), .value = "URL",
      .env = "AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL", .help = "an S3 server other than AWS" },
    { "s3-region", EVO_OPT_STRING, FIELD(s3_region), .value = "NAME", .fallback = "us-east-1",
      .env = "AWS_REGION AWS_DEFAULT_REGION", .help = "region that requests are signed for" },
    { "s3-addressing", EVO_OPT_CHOICE, FIELD(s3_addressing), .value = "STYLE", .fallback = "auto",
      .env = "EVO_S3_ADDRESSING", .choices = "auto path virtual",
      .help = "where the bucket's name stands; auto: path for a custom endpoint or a name with dots" },
    { "s3-allow-http", EVO_OPT_FLAG, FIELD(s3_allow_http), .env = "EVO_S3_ALLOW_HTTP",
      .help = "accept a plain http endpoint that is not on this machine" },
    { "migrations", EVO_OPT_STRING, FIELD(migrations), .value = "DIR", .env = "EVO_MIGRATIONS",
      .help = "the folder of migrations, from the project root; found by layout where not given" },
    { "layout", EVO_OPT_CHOICE, FIELD(layout), .value = "NAME", .fallback = "auto", .env = "EVO_LAYOUT",
      .choices = "auto prisma alembic typeorm laravel sql dbmate golang-migrate goose flyway sqitch",
      .help = "how migrations lie on disk" },
    { "environment", EVO_OPT_STRING, FIELD(environment), .value = "NAME", .env = "EVO_ENVIRONMENT",
      .help = "picks environments.NAME of evo.json, and names the folder in the store" },
    { "expect-database", EVO_OPT_STRING, FIELD(expect_database), .value = "NAME",
      .env = "EVO_EXPECT_DATABASE", .help = "refuse to write to a database of another name" },
    { "expect-system-identifier", EVO_OPT_STRING, FIELD(expect_system_identifier), .value = "ID",
      .env = "EVO_EXPECT_SYSTEM_IDENTIFIER", .help = "refuse to write to another cluster than this one" },
    { "config", EVO_OPT_STRING, FIELD(config), .value = "FILE", .env = "EVO_CONFIG",
      .help =
          "the configuration; else evo.json of this folder or one above it, up to the repository's root" },
    { "run-dir", EVO_OPT_STRING, FIELD(run_dir), .value = "DIR", .path = true, .env = "EVO_RUN_DIR",
      .help = "leave the result as an envelope in this folder" },
    { "json", EVO_OPT_FLAG, FIELD(json), .flag_only = true, .help = "print the result as one JSON envelope" },
    { "quiet", EVO_OPT_FLAG, FIELD(quiet), .letter = 'q', .flag_only = true,
      .help = "only errors on stderr" },
    { "verbose", EVO_OPT_FLAG, FIELD(verbose), .letter = 'v', .flag_only = true,
      .help = "say more on stderr" },
    { "log", EVO_OPT_CHOICE, FIELD(log), .value = "LEVEL", .fallback = "info", .env = "EVO_LOG",
      .choices = "error warn info debug", .hidden = true,
      .help = "the least important line shown on stderr" },
    { "no-color", EVO_OPT_FLAG, FIELD(no_color), .flag_only = true, .help = "no colours (also: NO_COLOR)" },
    { "no-progress", EVO_OPT_FLAG, FIELD(no_progress), .flag_only = true, .help = "no progress display" },
    { "show-config", EVO_OPT_FLAG, FIELD(show_config), .flag_only = true,
      .help = "print each value and where it came from, and exit" },
    { "help", EVO_OPT_FLAG, FIELD(help), .letter = 'h', .flag_only = true,
      .help = "print this help, and exit" },
    { "version", EVO_OPT_FLAG, FIELD(version), .letter = 'V', .flag_only = true,
      .help = "print the version, and exit" },
    { "dump-options", EVO_OPT_FLAG, FIELD(dump_options), .flag_only = true, .hidden = true,
      .help = "print the option table as JSON, and exit" },
};
const size_t evo_shared_options_count = EVO_COUNT(evo_shared_options);

const char *const evo_sections[] = { "status", "lint",   "backup", "restore", "migrate", "verify", "backfill",
                                     "locks",  "health", "notify", "promote", "report",  "fleet",  "deploy" };
const size_t evo_sections_count = EVO_COUNT(evo_sections);
