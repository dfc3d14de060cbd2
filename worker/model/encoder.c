/* The encoder as an object: compiled products, kernels, weights. */
#include "worker/model/encoder.h"

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static status compile_products(struct encoder *e, const struct encoder_options *o, struct pool *pool)
{
    struct matmul_spec specs[PRODUCT_COUNT];

    TRY(kernels_choose(o->isa, &e->kernels));
    if (e->int8) packed_weights_products_int8(&e->config, specs);
    else packed_weights_products(&e->config, e->precision, specs);
    TRY(matmul_new(o->engine, specs, PRODUCT_COUNT, o->threads, &e->matmul));
    e->exact = EXACT_ROWS;
    return o->check && !e->int8 ? matmul_check(e->matmul, pool, &e->exact) : ST_OK;
}

status encoder_new(const struct model_config *config, const struct encoder_options *options, struct pool *pool,
                   struct encoder **out)
{
    struct encoder *e;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *e, &e));
    e->config = *config;
    e->precision = options->precision;
    e->int8 = options->int8;
    s = compile_products(e, options, pool);
    if (s != ST_OK) {
        encoder_destroy(&e);
        return s;
    }
    *out = e;
    return ST_OK;
}

void encoder_destroy(struct encoder **out)
{
    struct encoder *e = *out;

    if (!e) return;
    packed_weights_fini(&e->weights);
    matmul_destroy(&e->matmul);
    mem_free(e);
    *out = NULL;
}

size_t encoder_weights_bytes(const struct encoder *e)
{
    return packed_weights_bytes(&e->config, e->precision, e->matmul);
}

status encoder_weights_pack(const struct encoder *e, const struct packed_weights_source *source, struct pool *pool,
                            void *memory)
{
    return packed_weights_fill(&e->config, e->precision, e->matmul, source, pool, memory);
}

status encoder_attach(struct encoder *e, void *memory)
{
    packed_weights_fini(&e->weights);
    return packed_weights_attach(&e->config, e->precision, e->matmul, memory, &e->weights);
}

status encoder_weights_repack(struct encoder *e, const struct packed_weights_source *source, struct pool *pool)
{
    return packed_weights_refill(&e->weights, e->matmul, source, pool);
}

int32_t encoder_row_align(const struct encoder *e)
{
    return e->exact == EXACT_EXAMPLE ? MATMUL_GRAIN : 1;
}
