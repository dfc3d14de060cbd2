/* What a search was told so far: losses and dev scores in the order they were asked for, each in the journal before
 * it is used. A killed search asks again from the beginning and is told what it knew, without a forward pass, until
 * the ledger ends; from there on it computes. Coordinator only.
 *
 *     s = ledger_next(l, LEDGER_LOSSES, n, losses);
 *     if (s == ST_END) { … compute losses …; s = ledger_add(l, LEDGER_LOSSES, n, losses); }
 */
#ifndef MP2_COORDINATOR_TUNE_LEDGER_H
#define MP2_COORDINATOR_TUNE_LEDGER_H

#include <stddef.h>

#include "cluster/base/status.h"

enum ledger_kind { LEDGER_BEGIN = 101, LEDGER_LOSSES, LEDGER_DEV }; /* kinds of journal records */

struct ledger;

/* Local. folder: the journal's. digest: of what the search depends on; a ledger of another one is forgotten (reported
 * in the log). ST_INPUT (reported) on a damaged one. */
status ledger_open(const char *folder, const char *digest, struct ledger **out);
/* Everything is durable afterwards. *l is NULL. */
status ledger_close(struct ledger **l);

/* The next entry, when it is known: ST_OK, or ST_END (not reported). ST_INPUT (reported) when it is another one than is
 * asked for. */
status ledger_next(struct ledger *l, enum ledger_kind kind, size_t count, double *values);

/* A new entry; allowed when all known ones were read. Not waited for: an entry lost with the power is computed
 * again. */
status ledger_add(struct ledger *l, enum ledger_kind kind, size_t count, const double *values);

/* Seconds of work after the known entries, and since. */
double ledger_seconds(const struct ledger *l);

#endif
