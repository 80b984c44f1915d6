/*
 * age.h - files in the age format, version 1: sealed for X25519 recipients, opened by their identities.
 *
 * Follows https://age-encryption.org/v1 (C2SP's age.md). What is sealed here, `age -d` opens, and the other way
 * round: a backup can be read without evo. Debian has age as a program (package age) and as a Go library, but no
 * library for C; so the format stands here, over libcrypto's X25519, HKDF-SHA-256, HMAC-SHA-256 and
 * ChaCha20-Poly1305.
 *
 * A recipient ("age1…") is a public key: whoever holds it can seal and not open. An identity
 * ("AGE-SECRET-KEY-1…") is the secret key to it. A file is sealed under a random key of its own, which the header
 * holds once for each recipient; behind it come chunks of 64 KiB, each authenticated in its place. The file tells
 * how many recipients it has, not which, and its length tells that of the content. Nothing tells who sealed it.
 *
 * Not read: ASCII armour, and files for other kinds of recipients alone (passphrase, ssh, plugin, post-quantum).
 *
 *	EVO_AUTO_PTR(age_recipients) to = NULL;
 *	rc = evo_age_recipients_parse(texts, count, &to, err);
 *	EVO_AUTO_PTR(age_writer) w = evo_age_writer_new(to, sink, ctx);
 *	rc = evo_age_write(w, data, n, err);			// as often as wanted
 *	rc = evo_age_finish(w, err);				// without it the file is cut
 *
 * Recipients and identities may be used by several threads at once; a writer or reader is one thread's, and borrows
 * them, its sink and ctx until it is freed.
 */
#ifndef EVO_CRYPTO_AGE_H
#define EVO_CRYPTO_AGE_H

#include <stdint.h>

#include "base/error.h"

/* How many keys are taken; and how long a header is read (bytes), which is more than that of so many recipients. */
#define EVO_AGE_RECIPIENTS_MAX 1000
#define EVO_AGE_IDENTITIES_MAX 100
#define EVO_AGE_HEADER_MAX     ((size_t)256 << 10)

/* Takes the output, in order; its error ends the call and is returned. */
typedef enum evo_errc evo_age_sink(void *ctx, const void *data, size_t n, struct evo_error *err);

/* Who can read. */
struct evo_age_recipients;
/*
 * Each text is one "age1…", with nothing around it; one given twice counts once. EVO_ERR_CONFIG for none, for too
 * many, and for one that is no such recipient: it is named by its number from 1, and quoted where it is surely
 * public. A secret key given by mistake is never quoted.
 */
enum evo_errc evo_age_recipients_parse(const char *const *texts, size_t count,
                                       struct evo_age_recipients **ret, struct evo_error *err) EVO_CHECK;
void evo_age_recipients_free(struct evo_age_recipients *r);
EVO_DEFINE_AUTO_PTR(age_recipients, evo_age_recipients_free);

/* Whose secret keys are at hand. Wiped when it is freed. */
struct evo_age_identities;
/*
 * The text of an identity file as age-keygen writes it: one key a line, comments ("#") and empty lines. `what` is how
 * messages call it: `identity file "key.txt"`. EVO_ERR_CONFIG for a text without a key, for too many, and for any other
 * line, by its number: another kind of identity (passphrase-protected, ssh, plugin, post-quantum) is named as such. No
 * message quotes the text. The caller wipes it.
 */
enum evo_errc evo_age_identities_parse(const char *text, size_t n, const char *what,
                                       struct evo_age_identities **ret, struct evo_error *err) EVO_CHECK;
void evo_age_identities_free(struct evo_age_identities *ids);
EVO_DEFINE_AUTO_PTR(age_identities, evo_age_identities_free);

/* One file. */
struct evo_age_writer;
struct evo_age_writer *evo_age_writer_new(const struct evo_age_recipients *r, evo_age_sink *sink,
                                          void *ctx) EVO_CHECK;
void evo_age_writer_free(struct evo_age_writer *w);
EVO_DEFINE_AUTO_PTR(age_writer, evo_age_writer_free);
/* Pieces of any size; from those over 64 KiB chunks are sealed where they lie. Only the sink fails; after that, nothing
 * more is taken. */
enum evo_errc evo_age_write(struct evo_age_writer *w, const void *data, size_t n,
                            struct evo_error *err) EVO_CHECK;
/* Hands the last chunk to the sink: one file is complete, also an empty one. Once. */
enum evo_errc evo_age_finish(struct evo_age_writer *w, struct evo_error *err) EVO_CHECK;

/* The exact length of the file that `plain` bytes become; UINT64_MAX where it is beyond that. */
uint64_t evo_age_sealed_size(const struct evo_age_recipients *r, uint64_t plain);

struct evo_age_reader;
struct evo_age_reader *evo_age_reader_new(const struct evo_age_identities *ids, evo_age_sink *sink,
                                          void *ctx) EVO_CHECK;
void evo_age_reader_free(struct evo_age_reader *r);
EVO_DEFINE_AUTO_PTR(age_reader, evo_age_reader_free);
/*
 * Pieces of any size. The sink gets authentic content only, though what it got may turn out to be the beginning of
 * a cut file: what has no evo_age_read_finish() is not whole. EVO_ERR_CONFIG: the file is for none of the
 * identities (or the part of its header that would say so was tampered with, which looks the same).
 * EVO_ERR_INTEGRITY: not an age file, tampered with, or longer than it was. The sink's errors as they are. After any
 * error nothing more is taken.
 */
enum evo_errc evo_age_read(struct evo_age_reader *r, const void *data, size_t n,
                           struct evo_error *err) EVO_CHECK;
/* The file ended here: hands on the last chunk. EVO_ERR_INTEGRITY where it did not when it was sealed. Once. */
enum evo_errc evo_age_read_finish(struct evo_age_reader *r, struct evo_error *err) EVO_CHECK;

#endif
