/*
 * output.h - one object of a backup on its way into the store.
 *
 *	what is written -> compressed -> encrypted -> no faster than allowed -> parts of the store's writer
 *
 * Each step but the last is there only where it was asked for. The name says which: "12.dat.gz.age".
 */
#ifndef EVO_BACKUP_OUTPUT_H
#define EVO_BACKUP_OUTPUT_H

#include "backup/manifest.h"
#include "base/rate.h"
#include "crypto/age.h"
#include "pack/codec.h"
#include "store/store.h"

/* The same for all objects of a backup. Borrowed. */
struct evo_output_options {
    struct evo_store *store;
    const char *prefix; /* key of the backup's folder */
    size_t part_size;
    enum evo_codec_level level;
    const struct evo_age_recipients *recipients; /* NULL: not encrypted */
    struct evo_rate *rate; /* NULL: as fast as it goes */
};

/* "12.dat" with what codec and encryption put behind it. The caller frees. */
char *evo_output_name(const struct evo_output_options *o, const char *base, enum evo_codec codec) EVO_CHECK;

struct evo_output;
/* `name` as evo_output_name() made it. */
enum evo_errc evo_output_open(const struct evo_output_options *o, const char *name, enum evo_codec codec,
                              struct evo_output **ret, struct evo_error *err) EVO_CHECK;
enum evo_errc evo_output_write(struct evo_output *out, const void *data, size_t n,
                               struct evo_error *err) EVO_CHECK;
/* Bytes that are stored so far, and that may still be: what is being compressed counts with neither. */
uint64_t evo_output_stored(const struct evo_output *out);
uint64_t evo_output_room(const struct evo_output *out);
/* Ends it: from now on it is in the store. Fills size, sha256, raw_bytes and members. */
enum evo_errc evo_output_commit(struct evo_output *out, struct evo_backup_object *o,
                                struct evo_error *err) EVO_CHECK;
/* Without commit nothing stays in the store. */
void evo_output_free(struct evo_output *out);
EVO_DEFINE_AUTO_PTR(output, evo_output_free);

/* A text that is in memory, as one object of the given kind. */
enum evo_errc evo_output_put(const struct evo_output_options *o, const char *name, enum evo_codec codec,
                             const void *data, size_t n, struct evo_backup_object *ret,
                             struct evo_error *err) EVO_CHECK;

#endif
