/* From options to an encoder. */
#include "worker/model/machine.h"

#include "cluster/base/log.h"

_Static_assert(sizeof(enum precision_choice) == sizeof(int) && sizeof(enum isa) == sizeof(int) &&
                   sizeof(enum matmul_engine) == sizeof(int),
               "options write a choice as an int");

/* Units are nodes of a binary tree of examples. */
static status check_units(const struct machine_config *m)
{
    if ((m->unit_examples & (m->unit_examples - 1)) == 0) return ST_OK;
    return fault(ST_INPUT, "machine.unit_examples: found %lld, expected a power of two", (long long)m->unit_examples);
}

status machine_open(struct comm *c, const struct machine_config *m, const struct machine_encoder *e, struct replica *r)
{
    const struct replica_options o = {.folder = e->folder,
                                      .spill = e->spill,
                                      .precision = m->precision,
                                      .isa = m->isa,
                                      .engine = m->engine,
                                      .threads = m->threads ? (int)m->threads : replica_threads(c),
                                      .exact = m->exact};

    TRY(comm_agree(c, c->rank == 0 ? check_units(m) : ST_OK));
    return replica_open(c, &o, e->model, r);
}
