/*
 * contract_helpers.h - what tests of a store share: opening it empty, putting, looking. Included by contract.h, and by
 * programs that test a store without running the whole contract.
 */
#ifndef EVO_TEST_CONTRACT_HELPERS_H
#define EVO_TEST_CONTRACT_HELPERS_H

#include "store/store.h"

/* To be defined by the includer: opens a store that holds nothing under "t/". */
static struct evo_store *contract_open(void);

#define PART_SIZE ((size_t)5 << 20)

#define assert_ok(call)                                  \
    do {                                                 \
        if ((call) != EVO_OK)                            \
            fail_msg("%s: %s", err.message, err.detail); \
    } while (0)

static inline struct evo_store *contract_begin(void)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store *store = contract_open();
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "", true, &list, &err));
    for (size_t i = 0; i < list.count; i++)
        assert_ok(evo_store_remove(store, list.items[i].key, &err));
    return store;
}

static inline void put_text(struct evo_store *store, const char *key, const char *text)
{
    struct evo_error err = EVO_ERROR_INIT;
    assert_ok(evo_store_put(store, key, text, strlen(text), 0, &err));
}

static inline void assert_object(struct evo_store *store, const char *key, const void *data, size_t n)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(strbuf) got = EVO_STRBUF_INIT;
    assert_ok(evo_store_get(store, key, EVO_STRBUF_MAX, &got, &err));
    assert_int_equal(got.len, n);
    assert_memory_equal(got.buf, data, n);
}

static inline void assert_missing(struct evo_store *store, const char *key)
{
    struct evo_error err = EVO_ERROR_INIT;
    struct evo_store_stat st;
    assert_int_equal(evo_store_stat(store, key, &st, &err), EVO_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, key));
}

static inline void assert_nothing_stored(struct evo_store *store)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_list) list = { 0 };
    assert_ok(evo_store_list_prefix(store, "", true, &list, &err));
    assert_int_equal(list.count, 0);
}

static inline size_t uploads_below(struct evo_store *store, const char *prefix)
{
    struct evo_error err = EVO_ERROR_INIT;
    EVO_AUTO(store_uploads) found = { 0 };
    assert_ok(evo_store_list_uploads(store, prefix, &found, &err));
    return found.count;
}

#endif
