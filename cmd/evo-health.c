/*
 * evo-health: HTTP, TCP and database probes, asked until they are healthy or the time is over.
 *
 * Exit status: 0 all healthy; 1 one was not, or was not long enough to say so; 2 usage; 128+n cancelled.
 */
#include "base/parse.h"
#include "cli/command.h"
#include "cli/connect.h"
#include "health/health.h"

struct health_options {
    struct evo_strvec http, tcp, expect_status, expect_json;
    char *expect_body;
    bool db;
    int64_t deadline_ms, interval_ms, timeout_ms, successes;
};

#define FIELD(name) offsetof(struct health_options, name)

static const struct evo_option options[] = {
    { "http", EVO_OPT_LINES, FIELD(http), .value = "URL", .help = "ask this URL" },
    { "expect-status", EVO_OPT_LIST, FIELD(expect_status), .value = "LIST",
      .help = "statuses and ranges that are healthy (200-299); a redirect is not followed" },
    { "expect-body", EVO_OPT_STRING, FIELD(expect_body), .value = "TEXT",
      .help = "text that the body of every URL must hold" },
    { "expect-json", EVO_OPT_LINES, FIELD(expect_json), .value = "POINTER=VALUE",
      .help = "value that a JSON pointer must find in the body, such as /version=1.4.2; may be given several "
              "times" },
    { "tcp", EVO_OPT_LIST, FIELD(tcp), .value = "HOST:PORT", .help = "connect to this address" },
    { "db", EVO_OPT_FLAG, FIELD(db), .help = "connect to the database and run SELECT 1" },
    { "deadline", EVO_OPT_DURATION, FIELD(deadline_ms), .value = "DURATION", .fallback = "60s",
      .help = "time for everything, after which what is not healthy is not" },
    { "interval", EVO_OPT_DURATION, FIELD(interval_ms), .value = "DURATION", .fallback = "2s",
      .help = "pause between two attempts at a target" },
    { "timeout", EVO_OPT_DURATION, FIELD(timeout_ms), .value = "DURATION", .fallback = "5s",
      .help = "time for one attempt" },
    { "successes", EVO_OPT_INT, FIELD(successes), .value = "N", .fallback = "1", .min = 1, .max = 1000,
      .help = "healthy answers in a row that make a target healthy" },
};

static enum evo_errc check_options(const struct health_options *o, struct evo_error *err)
{
    if (!o->http.count && !o->tcp.count && !o->db) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "nothing to check");
        return evo_error_hint(err, "evo health --http https://example.org/health");
    }
    if (!o->http.count && (o->expect_status.count || o->expect_body || o->expect_json.count)) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "an expectation of an HTTP answer, but no URL to ask");
        return evo_error_hint(err, "Add the URL: --http https://example.org/health");
    }
    if (o->http.count + o->tcp.count >= EVO_HEALTH_TARGETS)
        return evo_error_set(err, EVO_ERR_USAGE, "more than %d targets", EVO_HEALTH_TARGETS - 1);
    if (!o->timeout_ms)
        return evo_error_set(err, EVO_ERR_USAGE, "--timeout cannot be 0");
    return EVO_OK;
}

/* "URL,URL" is a list too, but a comma may also stand in a URL: only one before another URL separates. */
static void split_urls(const struct evo_strvec *texts, struct evo_strvec *urls)
{
    for (size_t i = 0; i < texts->count; i++) {
        const char *start = texts->items[i];
        for (const char *p = start; *p; p++) {
            if (*p != ',' || (!evo_starts_with(p + 1, "http://") && !evo_starts_with(p + 1, "https://")))
                continue;
            evo_strvec_push_owned(urls, evo_strndup(start, (size_t)(p - start)));
            start = p + 1;
        }
        (void)evo_strvec_push(urls, start);
    }
}

static enum evo_errc add_targets(const struct health_options *o, const struct evo_health_expect *expect,
                                 const struct evo_conninfo *info, struct evo_health *h, struct evo_error *err)
{
    enum evo_errc rc = EVO_OK;
    EVO_AUTO(strvec) urls = EVO_STRVEC_INIT;
    split_urls(&o->http, &urls);
    for (size_t i = 0; i < urls.count && !rc; i++)
        rc = evo_health_target_http(urls.items[i], expect, evo_health_add(h), err);
    for (size_t i = 0; i < o->tcp.count && !rc; i++)
        rc = evo_health_target_tcp(o->tcp.items[i], evo_health_add(h), err);
    if (!rc && o->db)
        evo_health_target_db(info, evo_health_add(h));
    return rc;
}

static void print_verdicts(struct evo_cmd *cmd, const struct evo_health *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct evo_health_watch *w = &h->items[i];
        bool healthy = w->verdict == EVO_HEALTH_HEALTHY;
        evo_print(cmd, "%s%-12s%s  %s: %s (%lld attempt%s)\n",
                  evo_style(cmd, healthy ? EVO_STYLE_GREEN : EVO_STYLE_RED),
                  evo_health_verdict_name(w->verdict), evo_style(cmd, EVO_STYLE_RESET), w->target.name,
                  w->state.attempts ? w->last.message.buf : "never answered", (long long)w->state.attempts,
                  w->state.attempts == 1 ? "" : "s");
    }
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct health_options *o = opts;
    EVO_AUTO(health_expect) expect = { 0 };
    EVO_AUTO(conninfo) info = { 0 };
    EVO_AUTO(health)
    h = { .policy = { o->deadline_ms, o->interval_ms, o->timeout_ms, o->successes } };
    evo_json_set(cmd->data, "probes", evo_json_array());
    enum evo_errc rc = check_options(o, err);
    if (!rc)
        rc = evo_health_expect_parse(&o->expect_status, o->expect_body, &o->expect_json, &expect, err);
    if (!rc && o->db)
        rc = evo_cmd_conninfo(cmd, &info, err);
    if (!rc)
        rc = add_targets(o, &expect, &info, &h, err);
    if (rc)
        return rc;
    rc = evo_health_run(&h, cmd->task, err);
    evo_json_set(cmd->data, "probes", evo_health_json(&h));
    print_verdicts(cmd, &h);
    return rc;
}

static const struct evo_command only = {
    .summary = "ask until everything is healthy, or the time is over",
    .description =
        "Each target is asked again and again, whatever went wrong, until it was healthy as many times\n"
        "in a row as --successes asks for, or until the deadline. What was healthy at the end, but not\n"
        "often enough in a row, is inconclusive, and no success.\n\n"
        "A proxy is taken from HTTPS_PROXY and NO_PROXY, certificates from CURL_CA_BUNDLE or\n"
        "SSL_CERT_FILE.",
    .examples = "evo health --http https://example.org/health --expect-json /version=1.4.2 --successes 3\n"
                "evo health --tcp db.example.org:5432 --db --deadline 30s",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct health_options),
    .run = run,
};
static const struct evo_command *const commands[] = { &only };
static const struct evo_program program = {
    .name = "evo-health",
    .section = "health",
    .summary = "HTTP, TCP and database probes with a deadline",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
