/*
 * instructions.h - RESTORE.txt: how to bring this very backup back with PostgreSQL's own tools. Pure.
 *
 * Commands stand on lines of their own, indented by four blanks; run in order by sh in the backup's folder, with the
 * variables as set in the first of them, they do the whole job.
 */
#ifndef EVO_BACKUP_INSTRUCTIONS_H
#define EVO_BACKUP_INSTRUCTIONS_H

#include "backup/manifest.h"

/* `url` is the store's; s3 says that it has to be fetched first. The manifest holds its objects already. */
void evo_instructions(const struct evo_manifest *m, const char *url, const char *prefix, bool s3,
                      struct evo_strbuf *out);

#endif
