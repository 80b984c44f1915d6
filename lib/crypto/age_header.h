/*
 * age_header.h - the header of an age file: text lines that wrap the file key once for each recipient, and their MAC.
 *
 *	age-encryption.org/v1
 *	-> X25519 <ephemeral share>
 *	<file key, sealed for that recipient>
 *	--- <MAC of all before the blank>
 *
 * Read as strictly as it is written: by the specification's grammar, canonical base64 only, bodies folded at 64
 * columns, never longer than EVO_AGE_HEADER_MAX. Nothing of it is authentic before the file key was unwrapped and has confirmed
 * the MAC, which evo_age_header_unwrap() does in one.
 */
#ifndef EVO_CRYPTO_AGE_HEADER_H
#define EVO_CRYPTO_AGE_HEADER_H

#include "base/strbuf.h"
#include "crypto/age_impl.h"
#include "crypto/sha256.h"

/* Appends the header that wraps file_key for each recipient: evo_age_header_size() bytes. */
void evo_age_header_write(struct evo_strbuf *out, const struct evo_age_recipients *r,
                          const unsigned char file_key[AGE_FILE_KEY]);
uint64_t evo_age_header_size(size_t recipients);

enum evo_age_header_part { EVO_AGE_INTRO, EVO_AGE_STANZA, EVO_AGE_BODY, EVO_AGE_HEADER_END };

struct evo_age_stanza {
    unsigned char share[EVO_X25519_SIZE];
    unsigned char body[AGE_FILE_KEY + EVO_CHACHAPOLY_TAG];
};

struct evo_age_header {
    struct evo_strbuf text; /* as it came */
    size_t line_at; /* where in it the line begins that is being read */
    size_t lines; /* that were read */
    enum evo_age_header_part expected; /* next; EVO_AGE_HEADER_END: all was read */
    struct evo_age_stanza *stanzas; /* the X25519 ones */
    size_t count, alloc;
    size_t others, scrypt; /* stanzas of other kinds; those of them that are for a passphrase */
    bool native; /* the stanza being read is an X25519 one */
    size_t body_len; /* bytes of its body so far */
    size_t mac_end; /* the MAC covers so much of the text */
    unsigned char mac[EVO_SHA256_SIZE];
};
void evo_age_header_init(struct evo_age_header *h);
void evo_age_header_release(struct evo_age_header *h);
EVO_DEFINE_AUTO(age_header);

/* Takes what belongs to the header from the n bytes; what follows it stays. EVO_ERR_INTEGRITY: not a header. */
enum evo_errc evo_age_header_read(struct evo_age_header *h, const char *data, size_t n, size_t *ret_used,
                                  struct evo_error *err) EVO_CHECK;
/* The input ended before the header did: what to say of it. */
enum evo_errc evo_age_header_cut(const struct evo_age_header *h, struct evo_error *err);
/* EVO_ERR_CONFIG: none of the identities opens it. EVO_ERR_INTEGRITY: it was tampered with. */
enum evo_errc evo_age_header_unwrap(const struct evo_age_header *h, const struct evo_age_identities *ids,
                                    unsigned char file_key[AGE_FILE_KEY], struct evo_error *err) EVO_CHECK;

#endif
