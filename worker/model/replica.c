/* Ranks agree after every part that can fail on a single rank. */
#include "worker/model/replica.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"

/* The lowest instruction set of all workers, or the requested one if all have it. */
static status agree_isa(struct comm *c, const struct replica_options *o, enum isa *isa)
{
    struct kernels k;
    status s = ST_OK;
    int64_t worst = 0; /* comm_max of the negative: the smallest */

    if (comm_is_worker(c)) {
        s = kernels_choose(o->isa, &k);
        worst = s == ST_OK ? -(int64_t)k.isa : 0;
    } else {
        worst = -(int64_t)ISA_AVX512BF16;
    }
    TRY(comm_agree(c, s));
    TRY(comm_max(c, &worst, 1));
    *isa = (enum isa) - worst;
    return ST_OK;
}

/* Whether all workers can multiply in int8. */
static status agree_int8(struct comm *c, const struct replica_options *o)
{
    int64_t missing = comm_is_worker(c) && !matmul_has_int8();

    TRY(comm_max(c, &missing, 1));
    if (!missing && o->engine == ENGINE_ONEDNN) return ST_OK;
    if (!comm_is_coordinator(c)) return ST_INPUT;
    if (missing)
        return fault(ST_INPUT, "precision: int8 asked for, a worker's CPU has no AVX-512 VNNI: expected f32 or auto");
    return fault(ST_INPUT, "precision: int8 asked for, engine openblas computes in f32 only");
}

/* Collective. auto: what is recorded, if the CPUs support it; else what is faster here. With int8, activations use the
 * better precision that the CPUs support. */
static status choose_precision(struct comm *c, const struct replica_options *o, struct replica *r)
{
    const struct encoder_options options = {.isa = r->facts.isa, .engine = o->engine, .threads = o->threads};
    int has_bf16 = r->facts.isa == ISA_AVX512BF16, both = has_bf16 && o->engine == ENGINE_ONEDNN;
    enum precision_choice choice = o->precision == PRECISION_AUTO && both ? o->recorded : o->precision;

    if (choice == PRECISION_BF16 && !has_bf16) {
        if (!comm_is_coordinator(c)) return ST_INPUT;
        return fault(ST_INPUT, "precision: bf16 asked for, the workers' CPUs have %s: expected f32 or auto",
                     isa_name(r->facts.isa));
    }
    r->facts.int8 = choice == PRECISION_INT8;
    if (r->facts.int8) TRY(agree_int8(c, o));
    r->facts.precision = choice == PRECISION_BF16 || (r->facts.int8 && has_bf16) ? NUMBER_BF16 : NUMBER_F32;
    if (choice != PRECISION_AUTO || !both) return ST_OK;
    TRY(precision_measure(c, &r->facts.config, &options, r->pool, &r->facts.measured));
    r->facts.precision = precision_choose(&r->facts.measured);
    return ST_OK;
}

const char *replica_precision(const struct replica_facts *f)
{
    return f->int8 ? "int8" : number_name(f->precision);
}

/* Which worker of this node comes first: its rank in c->node, on all ranks of the node. */
static status first_of_node(struct comm *c, int *first)
{
    int mine = comm_is_worker(c) ? c->node_rank : c->node_size, all = 0;
    MPI_Request request;

    TRY(comm_check(MPI_Iallreduce(&mine, &all, 1, MPI_INT, MPI_MIN, c->node, &request), "MPI_Iallreduce"));
    TRY(comm_wait(&request, 1));
    *first = all;
    return ST_OK;
}

/* Weights of an encoder, and where they are stored. */
struct replica_weights {
    const struct replica_facts *facts;
    struct encoder *encoder;
    struct arena *arena;
};

static status pack(struct comm *c, const struct replica_options *o, const struct replica_weights *w)
{
    const struct arena_part part = {"weights", encoder_weights_bytes(w->encoder), 4096};
    struct model_config config;
    struct model_source *source;
    struct packed_weights_source from;
    char name[64];
    status s;

    TRY(model_source_open(o->folder, &source));
    snprintf(name, sizeof name, "mp2-weights-%ld", (long)getpid());
    config = *model_source_config(source);
    config.untied = w->facts->config.untied; /* of the head, which is examined only by its users */
    if (memcmp(&config, &w->facts->config, sizeof config) != 0)
        s = fault(ST_INPUT, "%s: another encoder here than on the coordinator's node", o->folder);
    else if (c->node_size == 1) s = arena_new(&part, 1, w->arena);
    else s = arena_create(&part, 1, name, o->spill, "encoder weights", w->arena);
    if (s == ST_OK) {
        model_source_prefetch(source);
        from = packed_weights_from_model(source);
        s = encoder_weights_pack(w->encoder, &from, NULL, arena_at(w->arena, 0, NULL));
        if (s == ST_OK) arena_seal(w->arena);
    }
    model_source_close(&source);
    return s;
}

static status gather_weights(struct comm *c, const struct replica_options *o, const struct replica_weights *w)
{
    char path[ARENA_PATH_BYTES] = "";
    MPI_Request request;
    status s = ST_OK;
    int first;

    TRY(first_of_node(c, &first));
    if (c->node_rank == first) {
        s = pack(c, o, w);
        memcpy(path, w->arena->path, sizeof path);
    }
    TRY(comm_agree(c, s));
    if (first < c->node_size) {
        TRY(comm_check(MPI_Ibcast(path, sizeof path, MPI_BYTE, first, c->node, &request), "MPI_Ibcast"));
        TRY(comm_wait(&request, 1));
    }
    if (comm_is_worker(c) && c->node_rank != first) s = arena_open(path, "encoder weights", 0, w->arena);
    if (s == ST_OK && comm_is_worker(c)) s = encoder_attach(w->encoder, arena_at(w->arena, 0, NULL));
    s = comm_agree(c, s);
    if (c->node_rank == first) arena_unlink(w->arena);
    return s;
}

static status check_exact(struct comm *c, const struct replica_options *o, struct replica *r)
{
    int64_t weakest = comm_is_worker(c) ? (int64_t)r->encoder->exact : 0;

    TRY(comm_max(c, &weakest, 1));
    r->facts.exact = (int)weakest;
    if (weakest != EXACT_NONE || !o->exact) return ST_OK;
    if (!comm_is_coordinator(c)) return ST_INPUT;
    return fault(ST_INPUT, "this machine's matrix products depend on how rows are dealt, so results would depend on "
                           "the number of workers; "
                           "`exact: off` goes on all the same");
}

status replica_open(struct comm *c, const struct replica_options *o, const struct model_source *model,
                    struct replica *r)
{
    struct encoder_options options = {.engine = o->engine, .threads = o->threads, .check = 1};
    status s;

    memset(r, 0, sizeof *r);
    if (model) r->facts.config = *model_source_config(model);
    TRY(comm_broadcast(c, &r->facts.config, sizeof r->facts.config, 0));
    TRY(agree_isa(c, o, &r->facts.isa));
    s = comm_agree(c, comm_is_worker(c) ? pool_new(o->threads, &r->pool) : ST_OK);
    if (s == ST_OK) s = choose_precision(c, o, r);
    options.isa = r->facts.isa;
    options.precision = r->facts.precision;
    options.int8 = r->facts.int8;
    if (s == ST_OK)
        s = comm_agree(c, comm_is_worker(c) ? encoder_new(&r->facts.config, &options, r->pool, &r->encoder) : ST_OK);
    if (s == ST_OK) s = check_exact(c, o, r);
    if (s == ST_OK) s = gather_weights(c, o, &(struct replica_weights){&r->facts, r->encoder, &r->arena});
    if (s != ST_OK) replica_close(r);
    return s;
}

int replica_threads(const struct comm *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int here = c->size > 1 && c->rank == c->node_rank && c->node_size == c->size ? c->node_size - 1 : c->node_size;

    return cores > here && here > 0 ? (int)(cores / here) : 1;
}

void replica_close(struct replica *r)
{
    encoder_destroy(&r->encoder);
    arena_close(&r->arena);
    pool_destroy(&r->pool);
}
