/*
 * evo-notify: tells Slack what a run did, from the envelopes in the run directory and nothing else.
 *
 * Exit status: 0 told (or shown, with --dry-run); 1 there is no result to tell of; 2 usage, configuration; 4 Slack
 * could not be reached, or refused; 6 an envelope that is none; 128+n cancelled.
 */
#include "cli/command.h"
#include "notify/facts.h"
#include "notify/message.h"
#include "notify/send.h"

struct notify_options {
    char *status, *title, *link, *channel, *api_url;
    struct evo_secret webhook, token;
    bool dry_run;
    int64_t deadline_ms;
};

#define FIELD(name) offsetof(struct notify_options, name)

static const struct evo_option options[] = {
    { "status", EVO_OPT_CHOICE, FIELD(status), .value = "STATUS",
      .choices = "success failure cancelled running",
      .help = "the result of the run; found from the envelopes where not given" },
    { "title", EVO_OPT_STRING, FIELD(title), .value = "TEXT", .env = "EVO_NOTIFY_TITLE GITHUB_REPOSITORY",
      .help = "what the message is about, such as the project's name" },
    { "link", EVO_OPT_STRING, FIELD(link), .value = "URL",
      .help = "what the message's button opens; on GitHub the workflow run" },
    { "channel", EVO_OPT_STRING, FIELD(channel), .value = "NAME",
      .help = "where a bot posts: a channel's id, or its name with #" },
    { "dry-run", EVO_OPT_FLAG, FIELD(dry_run), .help = "print the payload, send nothing" },
    { "deadline", EVO_OPT_DURATION, FIELD(deadline_ms), .value = "DURATION", .fallback = "30s",
      .help = "time for everything, retries included" },
    { "slack-webhook-url", EVO_OPT_SECRET, FIELD(webhook), .value = "URL",
      .env = "SLACK_WEBHOOK_URL EVO_IN_SLACK_WEBHOOK_URL", .help = "an incoming webhook" },
    { "slack-bot-token", EVO_OPT_SECRET, FIELD(token), .value = "TOKEN",
      .env = "SLACK_BOT_TOKEN EVO_IN_SLACK_BOT_TOKEN", .help = "a bot's token, with the scope chat:write" },
    { "api-url", EVO_OPT_STRING, FIELD(api_url), .value = "URL", .env = "EVO_SLACK_API_URL", .hidden = true,
      .help = "another address of Slack's methods than https://slack.com/api" },
};

/* The webhook's path is the credential, in whatever form an error might hold it. */
static void hide_path(const char *webhook)
{
    EVO_AUTO(http_url) u = { 0 };
    if (evo_http_url_parse(webhook, &u, NULL) == EVO_OK && strlen(u.path) > 1)
        evo_redact_add(u.path + 1);
}

/* Where the message goes; *ret_none where no way is configured. */
static enum evo_errc choose(const struct notify_options *o, struct evo_slack *ret, bool *ret_none,
                            struct evo_error *err)
{
    bool webhook = evo_secret_is_set(&o->webhook), token = evo_secret_is_set(&o->token);
    *ret_none = !webhook && !token;
    if (webhook)
        hide_path(evo_secret_reveal(&o->webhook));
    if (token && o->channel)
        return evo_slack_bot(evo_secret_reveal(&o->token), o->api_url, ret, err);
    if (webhook)
        return evo_slack_webhook(evo_secret_reveal(&o->webhook), ret, err);
    if (token) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "a bot's token is given, but no channel");
        return evo_error_hint(err, "Add the channel: --channel '#deployments'");
    }
    return EVO_OK;
}

/* The workflow run, where GitHub runs us. NULL: not there, or not wholly described. */
static char *github_run(void)
{
    const char *server = getenv("GITHUB_SERVER_URL"), *repository = getenv("GITHUB_REPOSITORY"),
               *run = getenv("GITHUB_RUN_ID"), *attempt = getenv("GITHUB_RUN_ATTEMPT");
    if (!server || !*server || !repository || !*repository || !run || !*run)
        return NULL;
    bool again = attempt && *attempt;
    return evo_asprintf("%s/%s/actions/runs/%s%s%s", server, repository, run, again ? "/attempts/" : "",
                        again ? attempt : "");
}

static enum evo_errc find_link(const struct notify_options *o, char **ret, struct evo_error *err)
{
    EVO_AUTO(http_url) u = { 0 };
    if (!o->link) {
        *ret = github_run();
        return EVO_OK;
    }
    if (evo_http_url_parse(o->link, &u, err) ||
        (!evo_streq(u.scheme, "https") && !evo_streq(u.scheme, "http")))
        return evo_error_set(err, EVO_ERR_USAGE, "--link is not a URL");
    *ret = evo_strdup(o->link);
    return EVO_OK;
}

/* The envelopes; none is fine where the caller says what the status is. */
static enum evo_errc load(const struct evo_cmd *cmd, bool status_given, struct evo_rundir *ret,
                          struct evo_error *err)
{
    const char *dir = cmd->shared->run_dir;
    if (!dir && !status_given) {
        (void)evo_error_set(err, EVO_ERR_USAGE, "no run directory to tell of");
        return evo_error_hint(err,
                              "evo notify --run-dir DIR, with the folder that the other commands were given");
    }
    enum evo_errc rc = dir ? evo_rundir_load(dir, ret, err) : EVO_OK;
    if (rc == EVO_ERR_NOT_FOUND && status_given)
        return EVO_OK;
    if (!rc && !ret->count && !status_given) {
        (void)evo_error_set(err, EVO_ERR_NOT_FOUND, "run directory \"%s\" holds no result", dir);
        return evo_error_hint(err, "Say what happened: evo notify --status failure");
    }
    return rc;
}

static enum evo_errc deliver(struct evo_cmd *cmd, const struct notify_options *o,
                             const struct evo_slack *slack, const struct evo_json *message,
                             const struct evo_json *plain, struct evo_error *err)
{
    struct evo_slack_receipt receipt;
    enum evo_errc rc =
        evo_slack_send(slack, message, plain, evo_deadline_in(o->deadline_ms), cmd->task, &receipt, err);
    evo_json_set_bool(cmd->data, "delivered", receipt.delivered);
    evo_json_set_string(cmd->data, "ts", *receipt.ts ? receipt.ts : NULL);
    evo_json_set_string(cmd->data, "channel", *receipt.channel ? receipt.channel : NULL);
    evo_json_set_int(cmd->data, "attempts", receipt.attempts);
    evo_json_set_bool(cmd->data, "plain_text", receipt.plain);
    if (!rc)
        evo_print(cmd, "told Slack by %s\n", evo_slack_via_name(slack->via));
    return rc;
}

static void show(struct evo_cmd *cmd, struct evo_json *message)
{
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    evo_json_format(message, EVO_JSON_INDENT, &text);
    evo_print(cmd, "%s\n", text.buf);
    evo_json_set(cmd->data, "payload", evo_json_ref(message));
}

static enum evo_errc run(struct evo_cmd *cmd, void *opts, struct evo_error *err)
{
    const struct notify_options *o = opts;
    EVO_AUTO(slack) slack = { 0 };
    EVO_AUTO(rundir) envelopes = { 0 };
    EVO_AUTO(notify_facts) facts = { 0 };
    EVO_AUTO_STR link = NULL;
    enum evo_notify_status status = EVO_NOTIFY_SUCCESS;
    bool given = o->status && evo_notify_status_parse(o->status, &status), none = true;
    evo_json_set_bool(cmd->data, "delivered", false);
    evo_json_set_null(cmd->data, "via");
    evo_json_set_null(cmd->data, "ts");
    evo_json_set_int(cmd->data, "attempts", 0);
    enum evo_errc rc = choose(o, &slack, &none, err);
    if (!rc)
        rc = find_link(o, &link, err);
    if (!rc)
        rc = load(cmd, given, &envelopes, err);
    if (rc)
        return rc;
    if (!none)
        evo_json_set_string(cmd->data, "via", evo_slack_via_name(slack.via));
    evo_notify_facts_of(&envelopes, given ? &status : NULL, cmd->shared->environment, &facts);
    facts.title = o->title;
    facts.link = link;
    evo_json_set_string(cmd->data, "status", evo_notify_status_name(facts.status));
    const char *channel = !none && slack.via == EVO_SLACK_BOT ? o->channel : NULL;
    EVO_AUTO_PTR(json) message = evo_notify_message(&facts, channel, false);
    EVO_AUTO_PTR(json) plain = evo_notify_message(&facts, channel, true);
    if (o->dry_run) {
        show(cmd, message);
        return EVO_OK;
    }
    if (none) {
        (void)evo_error_set(err, EVO_ERR_CONFIG, "neither a Slack webhook nor a bot token is given");
        return evo_error_hint(err,
                              "Set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and --channel; evo notify --dry-run "
                              "shows the message.");
    }
    return deliver(cmd, o, &slack, message, plain, err);
}

static const struct evo_command only = {
    .summary = "say in Slack what ran, where, with what result, and what next",
    .description =
        "Reads the envelopes of the run directory and nothing else. A bot's token with --channel is\n"
        "taken before a webhook. What Slack asks to be repeated is repeated until the deadline; what it\n"
        "refuses for good is not.",
    .examples = "evo notify --run-dir \"$EVO_RUN_DIR\" --dry-run\n"
                "evo notify --run-dir \"$EVO_RUN_DIR\" --channel '#deployments'",
    .options = options,
    .noptions = EVO_COUNT(options),
    .options_size = sizeof(struct notify_options),
    .run = run,
};
static const struct evo_command *const commands[] = { &only };
static const struct evo_program program = {
    .name = "evo-notify",
    .section = "notify",
    .summary = "tell Slack how a run went",
    .commands = commands,
    .ncommands = EVO_COUNT(commands),
};

int main(int argc, char **argv)
{
    return evo_main(&program, argc, argv);
}
