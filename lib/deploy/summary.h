/*
 * summary.h - the run as Markdown (GFM), for a job summary.
 */
#ifndef EVO_DEPLOY_SUMMARY_H
#define EVO_DEPLOY_SUMMARY_H

#include "base/strbuf.h"
#include "deploy/deploy.h"

/* error NULL: the run succeeded. Text from outside is escaped so that it cannot become markup. */
void evo_deploy_summary(const struct evo_deploy_result *r, const char *environment,
                        const struct evo_error *error, struct evo_strbuf *out);

#endif
