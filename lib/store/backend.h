/*
 * backend.h - what a kind of store implements; included by lib/store alone.
 *
 * store.c checks keys, counts and hashes streams and sorts listings, so that a
 * backend does only what differs. Keys that arrive here obey evo_store_key_valid().
 * A backend embeds struct evo_store (and struct evo_store_writer) as its first member.
 */
#ifndef EVO_STORE_BACKEND_H
#define EVO_STORE_BACKEND_H

#include "crypto/sha256.h"
#include "store/store.h"

struct evo_store_ops {
    void (*close)(struct evo_store *store);
    enum evo_errc (*check)(struct evo_store *store, struct evo_error *err);
    enum evo_errc (*put)(struct evo_store *store, const char *key, const void *data, size_t n, unsigned flags,
                         struct evo_error *err);
    enum evo_errc (*read)(struct evo_store *store, const char *key, uint64_t offset, uint64_t length,
                          evo_store_sink *sink, void *ctx, struct evo_error *err);
    enum evo_errc (*stat)(struct evo_store *store, const char *key, struct evo_store_stat *ret,
                          struct evo_error *err);
    enum evo_errc (*remove)(struct evo_store *store, const char *key, struct evo_error *err);
    /* In any order, the same key or folder perhaps twice; what is in *ret on failure is released by the caller. */
    enum evo_errc (*list)(struct evo_store *store, const char *prefix, bool flat, struct evo_store_list *ret,
                          struct evo_error *err);
    /* As list: in any order, perhaps twice. */
    enum evo_errc (*list_uploads)(struct evo_store *store, const char *prefix, struct evo_store_uploads *ret,
                                  struct evo_error *err);
    enum evo_errc (*abort_upload)(struct evo_store *store, const struct evo_store_upload *u,
                                  struct evo_error *err);
    enum evo_errc (*writer_open)(struct evo_store *store, const char *key, size_t part_size,
                                 struct evo_store_writer **ret, struct evo_error *err);
};

struct evo_store {
    const struct evo_store_ops *ops;
    char *url;
    struct evo_task *task;
};

struct evo_store_writer_ops {
    enum evo_errc (*write)(struct evo_store_writer *w, const void *data, size_t n, struct evo_error *err);
    enum evo_errc (*commit)(struct evo_store_writer *w, struct evo_error *err);
    /* NULL: no limit. */
    uint64_t (*room)(const struct evo_store_writer *w);
    /* Undoes what was not committed, and frees. */
    void (*free)(struct evo_store_writer *w);
};

struct evo_store_writer {
    const struct evo_store_writer_ops *ops;
    struct evo_sha256 *sha256;
    uint64_t size;
    bool ended; /* committed, or failed: nothing more may be written */
};

/* The keys of the contract in store.h. */
bool evo_store_key_valid(const char *key);
/* Adds a copy of key. */
void evo_store_list_add(struct evo_store_list *list, const char *key, uint64_t size, int64_t mtime_ms);
/* Adds copies. */
void evo_store_uploads_add(struct evo_store_uploads *uploads, const char *key, const char *id,
                           int64_t started_ms);
/* The prefix's part up to and with its last "/": what an entry's next segment stands behind. */
size_t evo_store_prefix_folder(const char *prefix);

#endif
