/*
 * age_pipe: crypto/age.h as a filter, to be set against the real age.
 *
 *   age_pipe seal PIECE RECIPIENT...   stdin to an age file on stdout
 *   age_pipe open PIECE FILE           an age file to its content, by the identities in FILE
 *
 * PIECE is how many bytes are handed over at once. Exit status: that of evo for the error, which stands on stderr.
 */
#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"
#include "crypto/age.h"

#include "base/banned.h"

static enum evo_errc to_stdout(void *ctx, const void *data, size_t n, struct evo_error *err)
{
    (void)ctx;
    return evo_write_all(STDOUT_FILENO, data, n)
               ? EVO_OK
               : evo_error_set(err, EVO_ERR_DISK, "could not write to standard output");
}

/* Exactly `size` bytes where there are as many left. */
static size_t read_piece(char *piece, size_t size)
{
    return fread(piece, 1, size, stdin);
}

static enum evo_errc seal(char *piece, size_t size, const char *const *texts, size_t count,
                          struct evo_error *err)
{
    EVO_AUTO_PTR(age_recipients) r = NULL;
    enum evo_errc rc = evo_age_recipients_parse(texts, count, &r, err);
    if (rc)
        return rc;
    EVO_AUTO_PTR(age_writer) w = evo_age_writer_new(r, to_stdout, NULL);
    for (size_t n; !rc && (n = read_piece(piece, size)) > 0;)
        rc = evo_age_write(w, piece, n, err);
    return rc ? rc : evo_age_finish(w, err);
}

static enum evo_errc unseal(char *piece, size_t size, const char *path, struct evo_error *err)
{
    EVO_AUTO_PTR(age_identities) ids = NULL;
    EVO_AUTO(strbuf) text = EVO_STRBUF_INIT;
    EVO_AUTO_STR what = evo_asprintf("identity file \"%s\"", path);
    enum evo_errc rc = evo_file_read(path, 1 << 20, &text, err);
    if (!rc)
        rc = evo_age_identities_parse(text.buf, text.len, what, &ids, err);
    evo_strbuf_wipe(&text);
    if (rc)
        return rc;
    EVO_AUTO_PTR(age_reader) r = evo_age_reader_new(ids, to_stdout, NULL);
    for (size_t n; !rc && (n = read_piece(piece, size)) > 0;)
        rc = evo_age_read(r, piece, n, err);
    return rc ? rc : evo_age_read_finish(r, err);
}

int main(int argc, char **argv)
{
    struct evo_error err = EVO_ERROR_INIT;
    enum evo_errc rc = EVO_ERR_USAGE;
    uint64_t size = 0;
    if (argc < 4 || !evo_parse_uint64(argv[2], 1 << 30, &size) || !size)
        return evo_errc_exit(rc);
    EVO_AUTO_STR piece = evo_malloc(size);
    if (evo_streq(argv[1], "seal"))
        rc = seal(piece, size, (const char *const *)argv + 3, (size_t)argc - 3, &err);
    else if (evo_streq(argv[1], "open") && argc == 4)
        rc = unseal(piece, size, argv[3], &err);
    if (rc)
        (void)fprintf(stderr, "%s\ndetail: %s\nhint: %s\n", err.message, err.detail, err.hint);
    return evo_errc_exit(rc);
}
