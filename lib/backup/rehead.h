/*
 * rehead.h - an archive in custom format on its way to an older pg_restore: its table of contents in a version that it reads
 * (downgrade.h), its data as it is. The blocks of data are the same in all versions: they name the entry that they belong
 * to, which keeps its id.
 *
 * What comes is held until the table of contents is whole, and then handed on as it comes.
 */
#ifndef EVO_BACKUP_REHEAD_H
#define EVO_BACKUP_REHEAD_H

#include "pack/codec.h"

struct evo_rehead;
/* The sink is called from evo_rehead_write and _finish. */
struct evo_rehead *evo_rehead_new(int minor, evo_pack_sink *sink, void *ctx) EVO_CHECK;
void evo_rehead_free(struct evo_rehead *r);
EVO_DEFINE_AUTO_PTR(rehead, evo_rehead_free);

/* An evo_pack_sink. EVO_ERR_UNSUPPORTED as evo_toc_downgrade. */
enum evo_errc evo_rehead_write(void *rehead, const void *data, size_t n, struct evo_error *err) EVO_CHECK;
/* EVO_ERR_INTEGRITY where the table of contents did not end. */
enum evo_errc evo_rehead_finish(struct evo_rehead *r, struct evo_error *err) EVO_CHECK;

#endif
