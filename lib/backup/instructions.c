#include "backup/instructions.h"

#include "base/clock.h"

/* 'text' for sh. */
static void quote(struct evo_strbuf *out, const char *text)
{
    evo_strbuf_addch(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            evo_strbuf_adds(out, "'\\''");
        else
            evo_strbuf_addch(out, *text);
    }
    evo_strbuf_addch(out, '\'');
}

/* Where the commands below are run. */
static void add_folder(const char *url, const char *prefix, bool s3, struct evo_strbuf *out)
{
    EVO_AUTO_STR source = evo_asprintf("%s/%s", url, prefix);
    const char *name = strrchr(prefix, '/') + 1;
    if (!s3) {
        evo_strbuf_adds(out, "Go into this folder, wherever it has been moved to:\n\n      cd ");
        quote(out, source);
        evo_strbuf_adds(out, "\n\n");
        return;
    }
    evo_strbuf_adds(
        out, "Fetch the folder, and go into it (with another provider than AWS, add --endpoint-url):\n\n"
             "      aws s3 sync ");
    quote(out, source);
    evo_strbuf_addch(out, ' ');
    quote(out, name);
    evo_strbuf_addf(out, "\n      cd '%s'\n\n", name);
}

/* pg_restore reads no encrypted file: each is opened beside the sealed one. */
static void add_decryption(const struct evo_manifest *m, struct evo_strbuf *out)
{
    evo_strbuf_addf(out,
                    "Its objects are encrypted in the format of age (https://age-encryption.org), to %s%s.\n"
                    "Open them with the secret key to it, in a file as age-keygen writes it:\n\n"
                    "    IDENTITY=${IDENTITY:-key.txt}\n\n"
                    "    for f in *" EVO_BACKUP_SEALED
                    "; do age --decrypt --identity \"$IDENTITY\" --output \"${f%%" EVO_BACKUP_SEALED
                    "}\" \"$f\"; done\n\n",
                    m->recipients.items[0], m->recipients.count > 1 ? " and others" : "");
}

void evo_instructions(const struct evo_manifest *m, const char *url, const char *prefix, bool s3,
                      struct evo_strbuf *out)
{
    char time[EVO_TIME_MAX];
    int major = m->server_version_num / 10000;
    /* Before 16 it knows gzip only. */
    if (evo_streq(m->codec, "zstd") && major < 16)
        major = 16;
    evo_strbuf_addf(
        out,
        "Backup %s of the PostgreSQL database \"%s\" as it was at %s,\n"
        "made by evo %s from a server of version %s.\n\n"
        "PostgreSQL's own tools restore it; evo is not needed. They must be of version %d or newer.\n\n",
        m->id, m->database, evo_format_time(m->created_ms, time), m->evo_version, m->server_version, major);
    if (m->filtered)
        evo_strbuf_adds(
            out,
            "It is not of the whole database: options left something out when it was made. A table may need "
            "a schema,\nanother table or a type that is not in it: make those first.\n\n");
    add_folder(url, prefix, s3, out);
    evo_strbuf_adds(out, "Compare first (sizes, SHA-256 and rows of each object are in " EVO_BACKUP_MANIFEST
                         "): pg_restore does not\n"
                         "notice an object that is missing its end.\n\n"
                         "    jq -r '.objects[] | .sha256 + \"  \" + .name' " EVO_BACKUP_MANIFEST
                         " | sha256sum --check --quiet\n\n");
    if (m->recipients.count)
        add_decryption(m, out);
    if (evo_manifest_object(m, EVO_OBJECT_GLOBALS))
        evo_strbuf_adds(out, "Roles and tablespaces of the server are in " EVO_BACKUP_GLOBALS
                             ", without passwords. On a new server, make them\n"
                             "first (what is there already is said to exist, and stays as it is):\n\n"
                             "      gunzip -c " EVO_BACKUP_GLOBALS " | psql --dbname=postgres\n\n");
    evo_strbuf_adds(out, "Name the database to restore into, a new one (PGHOST, PGPORT, PGUSER and "
                         "PGPASSWORD say on which server):\n\n"
                         "    TARGET=${TARGET:-");
    EVO_AUTO(strbuf) name = EVO_STRBUF_INIT;
    /* A word that every shell and libpq take as it is; the real name may be anything. */
    for (const char *p = m->database; *p && name.len < 40; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_')
            evo_strbuf_addch(&name, *p);
    evo_strbuf_addf(out, "%s%srestored}\n\n", name.buf, name.len ? "_" : "");
    evo_strbuf_addf(out, "    createdb --template=template0 --encoding=%s --lc-collate=", m->encoding);
    quote(out, m->collate);
    evo_strbuf_adds(out, " --lc-ctype=");
    quote(out, m->ctype);
    evo_strbuf_adds(out, " \"$TARGET\"\n\n");
    evo_strbuf_adds(
        out,
        "Roles that own something must exist; else add --no-owner --no-privileges to each pg_restore.\n\n"
        "    pg_restore --format=directory --jobs=4 --exit-on-error --dbname=\"$TARGET\" .\n\n");
    if (evo_manifest_object(m, EVO_OBJECT_LARGE_OBJECTS))
        evo_strbuf_adds(
            out, "The large objects are in an archive of their own:\n\n"
                 "    pg_restore --format=custom --exit-on-error --dbname=\"$TARGET\" " EVO_BACKUP_LO "\n\n");
    evo_strbuf_adds(out, "With evo at hand all of this is:\n\n");
    evo_strbuf_addf(out, "      evo-restore %s --create --to \"postgresql://host/restored\" --store ", m->id);
    quote(out, url);
    if (m->recipients.count)
        evo_strbuf_adds(out, " --identity key.txt");
    evo_strbuf_addch(out, '\n');
}
