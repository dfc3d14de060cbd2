/* The matrix products. One primitive for each number of rows that is a multiple of the grain: creating one takes a
 * fraction of a millisecond, and 16 rows run as fast as 256 here, so no row count is ever split or padded by more than
 * 15 rows. Memory objects are created once per thread; a run only sets their addresses. */
#include "worker/model/matmul.h"

#include <cblas.h>
#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { RUNGS = MATMUL_ROWS / MATMUL_GRAIN };

/* oneDNN 2.x passes memory descriptors by value in structs, 3.x as objects. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t desc_view;
static desc_view desc_see(const dnnl_memory_desc_t *d)
{
    return *d;
}
static dnnl_status_t desc_make(dnnl_memory_desc_t *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                               dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(d, 2, dims, type, tag);
}
static dnnl_status_t desc_make_strided(dnnl_memory_desc_t *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                                       const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides);
}
static dnnl_status_t desc_copy(dnnl_memory_desc_t *d, desc_view from)
{
    return dnnl_memory_desc_clone(d, from);
}
static void desc_free(dnnl_memory_desc_t *d)
{
    if (*d) dnnl_memory_desc_destroy(*d);
}
static dnnl_status_t matmul_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, desc_view x, desc_view w,
                                     desc_view b, desc_view y, dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(out, engine, x, w, b, y, attr);
}
#else
typedef const dnnl_memory_desc_t *desc_view;
static desc_view desc_see(const dnnl_memory_desc_t *d)
{
    return d;
}
static dnnl_status_t desc_make(dnnl_memory_desc_t *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                               dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(d, 2, dims, type, tag);
}
static dnnl_status_t desc_make_strided(dnnl_memory_desc_t *d, const dnnl_dims_t dims, dnnl_data_type_t type,
                                       const dnnl_dims_t strides)
{
    return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides);
}
static dnnl_status_t desc_copy(dnnl_memory_desc_t *d, desc_view from)
{
    *d = *from;
    return dnnl_success;
}
static void desc_free(dnnl_memory_desc_t *d)
{
    (void)d;
}
static dnnl_status_t matmul_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, desc_view x, desc_view w,
                                     desc_view b, desc_view y, dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t d;
    dnnl_status_t s = dnnl_matmul_desc_init(&d, x, w, b, y);

    return s == dnnl_success ? dnnl_primitive_desc_create(out, &d, attr, engine, NULL) : s;
}
#endif

struct product {
    struct matmul_spec spec;
    size_t packed_weights_bytes;
    dnnl_memory_desc_t packed; /* one layout for all row counts */
    int has_packed;
    dnnl_primitive_desc_t described[RUNGS]; /* NULL: no such rung */
    dnnl_primitive_t primitive[RUNGS];
};

/* What a thread needs to run a product. */
struct lane_product {
    dnnl_memory_t x[RUNGS], y[RUNGS], scratch[RUNGS], packed, bias;
};

struct lane {
    dnnl_stream_t stream;
    void *scratch;
    struct lane_product *products;
};

struct matmul {
    enum matmul_engine engine;
    int count, threads;
    dnnl_engine_t dnnl;
    struct product *products;
    struct lane *lanes;
    char about[96];
};

static status broken(dnnl_status_t why, const char *doing, const struct matmul_spec *spec, int rows)
{
    if (why == dnnl_out_of_memory) return fault(ST_MEMORY, "oneDNN: out of memory (%s)", doing);
    return fault(ST_SYSTEM, "oneDNN cannot %s a product of %d rows by %lld x %lld in %s (status %d)", doing, rows,
                 (long long)spec->k, (long long)spec->n, number_name(spec->in), (int)why);
}

static dnnl_data_type_t dnnl_type(enum number type)
{
    return type == NUMBER_BF16 ? dnnl_bf16 : type == NUMBER_U8 ? dnnl_u8 : type == NUMBER_S32 ? dnnl_s32 : dnnl_f32;
}

static dnnl_data_type_t weight_type(const struct matmul_spec *s)
{
    return s->in == NUMBER_U8 ? dnnl_s8 : dnnl_type(s->in);
}

/* oneDNN may be limited to less than the CPU supports (DNNL_MAX_CPU_ISA); each instruction set's value includes the
 * bits of the smaller ones. */
static int dnnl_has(dnnl_cpu_isa_t isa)
{
    unsigned here = (unsigned)dnnl_get_effective_cpu_isa(), needed = (unsigned)isa;

    return (here & needed) == needed;
}

int matmul_has_bf16(void)
{
    return isa_usable(ISA_AVX512BF16) && dnnl_has(dnnl_cpu_isa_avx512_core_bf16);
}

/* Without VNNI, pairs of products are summed in 16 bits, which overflow. */
int matmul_has_int8(void)
{
    return isa_usable(ISA_AVX512) && dnnl_has(dnnl_cpu_isa_avx512_core_vnni);
}

/* Rows of the primitive on a rung, 0: none. Multiples of the grain; for a fixed number of rows, full calls, and a last
 * one for the rest. */
static int rung_rows(const struct matmul_spec *s, int rung)
{
    if (s->rows == 0) return (rung + 1) * MATMUL_GRAIN;
    if (rung == RUNGS - 1) return s->rows >= MATMUL_ROWS ? MATMUL_ROWS : 0;
    return rung == 0 ? (int)(s->rows % MATMUL_ROWS) : 0;
}

static int rung_of(const struct matmul_spec *s, int64_t rows)
{
    if (s->rows == 0) return (int)((rows + MATMUL_GRAIN - 1) / MATMUL_GRAIN) - 1;
    return rows == MATMUL_ROWS ? RUNGS - 1 : 0;
}

/* ---- compiling --------------------------------------------------------------------------------------------------- */

static int64_t ld_x(const struct matmul_spec *s)
{
    return s->ld_x ? s->ld_x : s->x_columns ? s->rows : s->k;
}

static int64_t ld_y(const struct matmul_spec *s)
{
    return s->ld_y ? s->ld_y : s->n;
}

static dnnl_status_t rung_describe(const struct matmul *m, struct product *p, int rows, dnnl_primitive_desc_t *out)
{
    const struct matmul_spec *s = &p->spec;
    dnnl_dims_t dims_x = {rows, s->k}, dims_w = {s->k, s->n}, dims_b = {1, s->n}, dims_y = {rows, s->n};
    dnnl_dims_t steps_x = {ld_x(s), 1}, columns_x = {1, ld_x(s)}, steps_y = {ld_y(s), 1};
    dnnl_memory_desc_t x = {0}, w = {0}, b = {0}, y = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t why = desc_make_strided(&x, dims_x, dnnl_type(s->in), s->x_columns ? columns_x : steps_x);

    if (why == dnnl_success) why = desc_make(&w, dims_w, weight_type(s), s->w_plain ? dnnl_ab : dnnl_format_tag_any);
    if (why == dnnl_success) why = desc_make(&b, dims_b, dnnl_f32, dnnl_ab);
    if (why == dnnl_success) why = desc_make_strided(&y, dims_y, dnnl_type(s->out), steps_y);
    if (why == dnnl_success) why = dnnl_primitive_attr_create(&attr);
    if (why == dnnl_success) why = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (why == dnnl_success) why = dnnl_primitive_attr_set_fpmath_mode(attr, dnnl_fpmath_mode_strict);
    if (why == dnnl_success)
        why = matmul_describe(out, m->dnnl, desc_see(&x), desc_see(p->has_packed ? &p->packed : &w),
                              s->bias ? desc_see(&b) : NULL, desc_see(&y), attr);
    if (attr) dnnl_primitive_attr_destroy(attr);
    desc_free(&x);
    desc_free(&w);
    desc_free(&b);
    desc_free(&y);
    return why;
}

/* Largest row count first: it chooses the layout, which all others must then accept. */
static status product_compile(const struct matmul *m, struct product *p)
{
    for (int i = RUNGS - 1; i >= 0; i--) {
        int rows = rung_rows(&p->spec, i);
        dnnl_status_t why;

        if (rows == 0) continue;
        why = rung_describe(m, p, rows, &p->described[i]);
        if (why == dnnl_success && !p->has_packed) {
            why = desc_copy(&p->packed, dnnl_primitive_desc_query_md(p->described[i], dnnl_query_weights_md, 0));
            p->has_packed = why == dnnl_success;
            if (p->has_packed && !p->spec.w_plain)
                p->packed_weights_bytes = dnnl_memory_desc_get_size(desc_see(&p->packed));
        }
        if (why != dnnl_success) return broken(why, "describe", &p->spec, rows);
        why = dnnl_primitive_create(&p->primitive[i], p->described[i]);
        if (why != dnnl_success) return broken(why, "compile", &p->spec, rows);
    }
    return ST_OK;
}

static dnnl_status_t lane_product_make(const struct matmul *m, const struct product *p, const struct lane *lane,
                                       struct lane_product *lp)
{
    dnnl_dims_t dims_b = {1, p->spec.n};
    dnnl_memory_desc_t b = {0};
    dnnl_status_t why = desc_make(&b, dims_b, dnnl_f32, dnnl_ab);

    if (why == dnnl_success) why = dnnl_memory_create(&lp->bias, desc_see(&b), m->dnnl, DNNL_MEMORY_NONE);
    desc_free(&b);
    if (why == dnnl_success) why = dnnl_memory_create(&lp->packed, desc_see(&p->packed), m->dnnl, DNNL_MEMORY_NONE);
    for (int i = 0; i < RUNGS && why == dnnl_success; i++) {
        const_dnnl_primitive_desc_t d = p->described[i];

        if (!d) continue;
        why = dnnl_memory_create(&lp->x[i], dnnl_primitive_desc_query_md(d, dnnl_query_src_md, 0), m->dnnl,
                                 DNNL_MEMORY_NONE);
        if (why == dnnl_success)
            why = dnnl_memory_create(&lp->y[i], dnnl_primitive_desc_query_md(d, dnnl_query_dst_md, 0), m->dnnl,
                                     DNNL_MEMORY_NONE);
        if (why == dnnl_success)
            why = dnnl_memory_create(&lp->scratch[i], dnnl_primitive_desc_query_md(d, dnnl_query_scratchpad_md, 0),
                                     m->dnnl, lane->scratch);
    }
    return why;
}

static status lane_make(const struct matmul *m, struct lane *lane)
{
    size_t most = 64;
    dnnl_status_t why;

    TRY(mem_alloc((size_t)m->count, sizeof *lane->products, &lane->products));
    for (int p = 0; p < m->count; p++)
        for (int i = 0; i < RUNGS; i++) {
            const_dnnl_primitive_desc_t d = m->products[p].described[i];
            size_t bytes = d ? dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(d, dnnl_query_scratchpad_md, 0))
                             : 0;

            if (bytes > most) most = bytes;
        }
    TRY(mem_alloc(most, 1, &lane->scratch));
    why = dnnl_stream_create(&lane->stream, m->dnnl, dnnl_stream_default_flags);
    for (int p = 0; p < m->count && why == dnnl_success; p++)
        why = lane_product_make(m, &m->products[p], lane, &lane->products[p]);
    return why == dnnl_success ? ST_OK : broken(why, "prepare", &m->products[0].spec, MATMUL_ROWS);
}

static const char *dnnl_isa(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    default: break;
    }
    return dnnl_get_effective_cpu_isa() > dnnl_cpu_isa_avx512_core_bf16 ? "beyond avx512_core_bf16" : "other";
}

static status open_dnnl(struct matmul *m)
{
    const dnnl_version_t *v = dnnl_version();
    dnnl_status_t why = dnnl_engine_create(&m->dnnl, dnnl_cpu, 0);

    if (why != dnnl_success) return fault(ST_SYSTEM, "oneDNN has no CPU engine (status %d)", (int)why);
    snprintf(m->about, sizeof m->about, "oneDNN %d.%d.%d %s", v->major, v->minor, v->patch, dnnl_isa());
    for (int i = 0; i < m->count; i++) TRY(product_compile(m, &m->products[i]));
    for (int i = 0; i < m->threads; i++) TRY(lane_make(m, &m->lanes[i]));
    return ST_OK;
}

static status open_openblas(struct matmul *m)
{
    openblas_set_num_threads(1);
    snprintf(m->about, sizeof m->about, "%.60s %.30s", openblas_get_config(), openblas_get_corename());
    for (int i = 0; i < m->count; i++) {
        const struct matmul_spec *s = &m->products[i].spec;

        if (s->in != NUMBER_F32 || s->out != NUMBER_F32)
            return fault(ST_INPUT,
                         "the OpenBLAS engine computes in f32 only, not %s: choose precision f32 or engine onednn",
                         s->in == NUMBER_U8 ? "int8" : number_name(s->in));
        m->products[i].packed_weights_bytes = s->w_plain ? 0 : (size_t)(s->k * s->n) * sizeof(float);
    }
    return ST_OK;
}

status matmul_new(enum matmul_engine engine, const struct matmul_spec *specs, int count, int threads,
                  struct matmul **out)
{
    struct matmul *m;
    status s;

    *out = NULL;
    for (int i = 0; i < count && engine == ENGINE_ONEDNN; i++) {
        if (specs[i].in == NUMBER_BF16 && !matmul_has_bf16())
            return fault(ST_INPUT, "this CPU cannot multiply bf16 (AVX-512 BF16 is missing): choose precision f32");
        if (specs[i].in == NUMBER_U8 && !matmul_has_int8())
            return fault(ST_INPUT, "this CPU cannot multiply in int8 (AVX-512 VNNI is missing): int8 must be false");
    }
    TRY(mem_alloc(1, sizeof *m, &m));
    m->engine = engine;
    m->count = count;
    m->threads = threads;
    omp_set_num_threads(1); /* of this thread: primitives are created for one thread */
    s = mem_alloc((size_t)count, sizeof *m->products, &m->products);
    if (s == ST_OK) s = mem_alloc((size_t)threads, sizeof *m->lanes, &m->lanes);
    if (s == ST_OK) {
        for (int i = 0; i < count; i++) m->products[i].spec = specs[i];
        s = engine == ENGINE_ONEDNN ? open_dnnl(m) : open_openblas(m);
    }
    if (s != ST_OK) {
        matmul_destroy(&m);
        return s;
    }
    *out = m;
    return ST_OK;
}

static void lane_free(const struct matmul *m, struct lane *lane)
{
    for (int p = 0; p < m->count && lane->products; p++) {
        struct lane_product *lp = &lane->products[p];

        for (int i = 0; i < RUNGS; i++) {
            if (lp->x[i]) dnnl_memory_destroy(lp->x[i]);
            if (lp->y[i]) dnnl_memory_destroy(lp->y[i]);
            if (lp->scratch[i]) dnnl_memory_destroy(lp->scratch[i]);
        }
        if (lp->packed) dnnl_memory_destroy(lp->packed);
        if (lp->bias) dnnl_memory_destroy(lp->bias);
    }
    if (lane->stream) dnnl_stream_destroy(lane->stream);
    mem_free(lane->scratch);
    mem_free(lane->products);
}

void matmul_destroy(struct matmul **out)
{
    struct matmul *m = *out;

    if (!m) return;
    for (int i = 0; i < m->threads && m->lanes; i++) lane_free(m, &m->lanes[i]);
    for (int p = 0; p < m->count && m->products; p++) {
        struct product *product = &m->products[p];

        for (int i = 0; i < RUNGS; i++) {
            if (product->primitive[i]) dnnl_primitive_destroy(product->primitive[i]);
            if (product->described[i]) dnnl_primitive_desc_destroy(product->described[i]);
        }
        if (product->has_packed) desc_free(&product->packed);
    }
    if (m->dnnl) dnnl_engine_destroy(m->dnnl);
    mem_free(m->lanes);
    mem_free(m->products);
    mem_free(m);
    *out = NULL;
}

enum matmul_engine matmul_engine_of(const struct matmul *m)
{
    return m->engine;
}

const char *matmul_about(const struct matmul *m)
{
    return m->about;
}

int matmul_count(const struct matmul *m)
{
    return m->count;
}

const struct matmul_spec *matmul_product(const struct matmul *m, int product)
{
    return &m->products[product].spec;
}

/* ---- packing ----------------------------------------------------------------------------------------------------- */

size_t matmul_packed_bytes(const struct matmul *m, int product)
{
    return m->products[product].packed_weights_bytes;
}

static status pack_plain(const struct matmul_spec *s, const float *w, int transposed, float *packed)
{
    if (!transposed) memcpy(packed, w, (size_t)(s->k * s->n) * sizeof *w);
    else
        for (int64_t i = 0; i < s->k; i++)
            for (int64_t j = 0; j < s->n; j++) packed[i * s->n + j] = w[j * s->k + i];
    return ST_OK;
}

static dnnl_status_t reorder(const struct matmul *m, dnnl_memory_t from, dnnl_memory_t to, desc_view from_desc,
                             desc_view to_desc)
{
    dnnl_primitive_desc_t described = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_status_t why = dnnl_reorder_primitive_desc_create(&described, from_desc, m->dnnl, to_desc, m->dnnl, NULL);

    if (why == dnnl_success) why = dnnl_primitive_create(&primitive, described);
    if (why == dnnl_success) why = dnnl_stream_create(&stream, m->dnnl, dnnl_stream_default_flags);
    if (why == dnnl_success) why = dnnl_primitive_execute(primitive, stream, 2, args);
    if (why == dnnl_success) why = dnnl_stream_wait(stream);
    if (stream) dnnl_stream_destroy(stream);
    if (primitive) dnnl_primitive_destroy(primitive);
    if (described) dnnl_primitive_desc_destroy(described);
    return why;
}

status matmul_pack(const struct matmul *m, int product, const float *w, int transposed, void *packed)
{
    const struct product *p = &m->products[product];
    dnnl_dims_t dims = {p->spec.k, p->spec.n};
    dnnl_memory_desc_t plain = {0};
    dnnl_memory_t from = NULL, to = NULL;
    union {
        const float *in;
        void *out;
    } handle = {.in = w}; /* oneDNN's memory objects have no const */
    dnnl_status_t why;

    if (m->engine == ENGINE_OPENBLAS) return pack_plain(&p->spec, w, transposed, packed);
    why = desc_make(&plain, dims, dnnl_f32, transposed ? dnnl_ba : dnnl_ab);
    if (why == dnnl_success) why = dnnl_memory_create(&from, desc_see(&plain), m->dnnl, handle.out);
    if (why == dnnl_success) why = dnnl_memory_create(&to, desc_see(&p->packed), m->dnnl, packed);
    if (why == dnnl_success) why = reorder(m, from, to, desc_see(&plain), desc_see(&p->packed));
    if (to) dnnl_memory_destroy(to);
    if (from) dnnl_memory_destroy(from);
    desc_free(&plain);
    return why == dnnl_success ? ST_OK : broken(why, "pack", &p->spec, 0);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static dnnl_status_t run_dnnl(const struct matmul *m, int product, int thread, int64_t rows, void *x, void *packed,
                              void *bias, void *y)
{
    const struct product *p = &m->products[product];
    const struct lane *lane = &m->lanes[thread];
    const struct lane_product *lp = &lane->products[product];
    int rung = rung_of(&p->spec, rows);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, lp->x[rung]},
                              {DNNL_ARG_WEIGHTS, lp->packed},
                              {DNNL_ARG_DST, lp->y[rung]},
                              {DNNL_ARG_SCRATCHPAD, lp->scratch[rung]},
                              {DNNL_ARG_BIAS, lp->bias}};
    dnnl_status_t why = dnnl_memory_set_data_handle(lp->x[rung], x);

    if (why == dnnl_success) why = dnnl_memory_set_data_handle(lp->packed, packed);
    if (why == dnnl_success) why = dnnl_memory_set_data_handle(lp->y[rung], y);
    if (why == dnnl_success && p->spec.bias) why = dnnl_memory_set_data_handle(lp->bias, bias);
    if (why == dnnl_success) why = dnnl_primitive_execute(p->primitive[rung], lane->stream, p->spec.bias ? 5 : 4, args);
    return why;
}

static void run_openblas(const struct matmul_spec *s, int64_t rows, const float *x, const float *w, const float *bias,
                         float *y)
{
    if (s->bias)
        for (int64_t i = 0; i < rows; i++) memcpy(y + i * ld_y(s), bias, (size_t)s->n * sizeof *y);
    cblas_sgemm(CblasRowMajor, s->x_columns ? CblasTrans : CblasNoTrans, CblasNoTrans, (int)rows, (int)s->n, (int)s->k,
                1.0f, x, (int)ld_x(s), w, (int)s->n, s->bias ? 1.0f : 0.0f, y, (int)ld_y(s));
}

status matmul_run(const struct matmul *m, int product, int thread, int64_t rows, const void *x, const void *packed,
                  const float *bias, void *y)
{
    union {
        const void *in;
        void *out;
    } ux = {.in = x}, uw = {.in = packed}, ub = {.in = bias};
    const struct matmul_spec *s = &m->products[product].spec;
    dnnl_status_t why;

    if (rows <= 0) return ST_OK;
    if (m->engine == ENGINE_OPENBLAS) {
        int64_t whole = (rows + MATMUL_GRAIN - 1) / MATMUL_GRAIN * MATMUL_GRAIN;

        run_openblas(s, s->rows ? rows : whole, x, packed, bias, y);
        return ST_OK;
    }
    why = run_dnnl(m, product, thread, rows, ux.out, uw.out, ub.out, y);
    return why == dnnl_success ? ST_OK : broken(why, "run", s, (int)rows);
}
