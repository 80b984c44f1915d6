/*
 * versions.h - inside this folder only: layouts whose ledger holds a migration's version and not its name.
 */
#ifndef EVO_LAYOUT_VERSIONS_H
#define EVO_LAYOUT_VERSIONS_H

#include "layout/ledger.h"

/* When two versions are one. */
enum evo_versions {
    EVO_VERSIONS_TEXT, /* the same digits: "7" and "007" are two */
    EVO_VERSIONS_NUMBER /* the same number */
};

/* Digits that a name begins with. */
size_t evo_version_digits(const char *name);

/* EVO_ERR_CONFIG, with both names, where two files have one version: nothing would tell their rows apart. `tool` is for
 * the message. */
enum evo_errc evo_versions_unique(const struct evo_project *p, enum evo_versions same, const char *tool,
                                  struct evo_error *err) EVO_CHECK;
/* EVO_ERR_CONFIG where a version is no number of a column of type bigint. */
enum evo_errc evo_versions_fit(const struct evo_project *p, const char *tool,
                               struct evo_error *err) EVO_CHECK;

/* Rows whose `name` is a version get the name of p's file of that version; without a file they keep it. */
void evo_versions_name_rows(struct evo_ledger *l, const struct evo_project *p, enum evo_versions same);

#endif
