/* mp2 fill-mask MODEL [TEXT|-] [--top N] …: what an encoder with its head would put in the place of [MASK]. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stream.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/mlm/text.h"
#include "coordinator/text/wordpiece.h"
#include "worker/model/replica.h"
#include "worker/train/mlm_unit.h"

enum { LINE_LIMIT = 1 << 20 };

struct fill_config {
    const char *vocab;
    int64_t top, type;
    int precision;
};

static const struct option table[] = {
    INT_OPTION("top", offsetof(struct fill_config, top), "5", 1, 1000, LIMIT, "", "guesses for each [MASK]"),
    TEXT_OPTION("vocab", offsetof(struct fill_config, vocab), "", PLACEMENT, "vocabulary; empty: MODEL's"),
    INT_OPTION("token_type", offsetof(struct fill_config, type), "0", 0, 1, RESULT, "", "of all tokens"),
    CHOICE_OPTION("precision", offsetof(struct fill_config, precision), "f32", "auto|f32|bf16", RESULT,
                  "of matrix inputs"),
};
enum { ROWS = sizeof table / sizeof *table };

struct filler {
    const struct fill_config *config;
    struct vocabulary *vocabulary;
    struct special_tokens special;
    struct model_source *model;
    struct pool *pool;
    struct encoder *encoder;
    struct flat flat;
    struct mlm_unit *unit;
    struct unit_batch batch;
    struct token_list tokens;
    int32_t length; /* most tokens of a text */
    int32_t *ids, *rows, *targets;
    float *values, *logits;
    size_t logit_room;
    void *packed;
    struct mem_keep keep;
};

static status open_arrays(struct filler *f)
{
    struct packed_weights_source source = packed_weights_from_model(f->model);
    const struct mlm_sizes sizes = {.rows = f->length, .examples = 1, .targets = f->length, .threads = 1};

    TRY(mem_keep_new(&f->keep, (size_t)f->flat.count, sizeof *f->values, &f->values));
    TRY(mem_keep_new(&f->keep, encoder_weights_bytes(f->encoder), 1, &f->packed));
    TRY(mem_keep_new(&f->keep, (size_t)f->length, sizeof *f->ids, &f->ids));
    TRY(mem_keep_new(&f->keep, (size_t)f->length, sizeof *f->rows, &f->rows));
    TRY(mem_keep_new(&f->keep, (size_t)f->length, sizeof *f->targets, &f->targets));
    TRY(unit_batch_init(&f->batch, 1, unit_batch_rows(f->length, MATMUL_GRAIN), encoder_row_align(f->encoder)));
    TRY(mlm_unit_new(f->encoder, &f->flat, &sizes, &f->unit));
    TRY(flat_read(&f->flat, &source, 1, f->values));
    return mlm_attach(f->unit, f->pool, f->values, f->packed);
}

static status filler_open(const char *folder, const struct fill_config *config, struct filler *f)
{
    struct encoder_options o = {.threads = 1, .precision = NUMBER_F32};
    int head;

    *f = (struct filler){.config = config};
    TRY(model_source_open(folder, &f->model));
    TRY(model_source_head(f->model, &head));
    if (!head)
        return fault(ST_INPUT,
                     "%s: has no cls.predictions tensors, expected an encoder with its masked-language-model head",
                     folder);
    TRY(vocabulary_load(config->vocab[0] ? config->vocab : folder, &f->vocabulary));
    TRY(mlm_special_find(f->vocabulary, &f->special));
    if (f->special.vocabulary > model_source_config(f->model)->vocab)
        return fault(ST_INPUT, "%s: %d rows, the encoder has %lld", vocabulary_path(f->vocabulary),
                     f->special.vocabulary, (long long)model_source_config(f->model)->vocab);
    if (config->precision == PRECISION_BF16 || (config->precision == PRECISION_AUTO && matmul_has_bf16()))
        o.precision = NUMBER_BF16;
    f->length = (int32_t)model_source_config(f->model)->positions;
    TRY(flat_init(&f->flat, model_source_config(f->model)));
    TRY(pool_new(1, &f->pool));
    TRY(encoder_new(model_source_config(f->model), &o, f->pool, &f->encoder));
    return open_arrays(f);
}

static void filler_close(struct filler *f)
{
    mem_free(f->logits);
    mem_keep_free(&f->keep);
    token_list_fini(&f->tokens);
    mlm_unit_destroy(&f->unit);
    unit_batch_fini(&f->batch);
    encoder_destroy(&f->encoder);
    pool_destroy(&f->pool);
    flat_fini(&f->flat);
    vocabulary_destroy(&f->vocabulary);
    model_source_close(&f->model);
}

/* The likeliest words, first first; a row's logits are used up. */
static void print_guesses(const struct filler *f, float *row)
{
    int64_t v = f->flat.config.vocab;
    double sum = 0, most = -INFINITY;

    for (int64_t i = 0; i < v; i++) most = row[i] > most ? row[i] : most;
    for (int64_t i = 0; i < v; i++) sum += exp(row[i] - most);
    for (int64_t n = 0; n < f->config->top && n < v; n++) {
        const char *text;
        int64_t best = 0;

        for (int64_t i = 1; i < v; i++)
            if (row[i] > row[best]) best = i;
        text = vocabulary_text(f->vocabulary, (int32_t)best, NULL);
        printf("  %s %.3f", text ? text : "?", exp(row[best] - most) / sum);
        row[best] = -INFINITY;
    }
    printf("\n");
}

static status score(struct filler *f, int32_t count, int32_t masks)
{
    struct mlm_inputs in = {.batch = &f->batch,
                            .rows = f->rows,
                            .targets = f->targets,
                            .count = masks,
                            .divide = 1,
                            .token_type = (int32_t)f->config->type};
    struct mlm_score unused;

    unit_batch_clear(&f->batch, 0);
    unit_batch_add(&f->batch, f->ids, count, 0, -1, -1);
    TRY(mem_grow(&f->logits, &f->logit_room, (size_t)masks * (size_t)f->flat.config.vocab, sizeof *f->logits));
    return mlm_evaluate(f->unit, f->pool, &in, f->logits, &unused);
}

static status fill_line(struct filler *f, const char *text, size_t n)
{
    int32_t count = 0, masks = 0;

    f->tokens.count = 0;
    TRY(wordpiece_encode(f->vocabulary, text, n, &f->tokens));
    if (f->tokens.count + 2 > (size_t)f->length)
        return fault(ST_INPUT, "%.40s…: %zu tokens, the encoder takes %d", text, f->tokens.count + 2, f->length);
    f->ids[count++] = f->special.cls;
    for (size_t i = 0; i < f->tokens.count; i++, count++) {
        f->ids[count] = f->tokens.items[i].id;
        if (f->ids[count] == f->special.mask) f->rows[masks++] = count;
    }
    f->ids[count++] = f->special.sep;
    printf("%.*s\n", (int)n, text);
    if (masks == 0) return fault(ST_INPUT, "%.40s: has no [MASK]", text);
    TRY(score(f, count, masks));
    for (int32_t i = 0; i < masks; i++) print_guesses(f, f->logits + i * f->flat.config.vocab);
    return ST_OK;
}

static status fill_lines(struct filler *f)
{
    struct stream *in;
    status s = stream_open_raw(STDIN_FILENO, "standard input", &in);

    while (s == ST_OK) {
        char *text;
        size_t n;

        s = stream_line(in, LINE_LIMIT, &text, &n);
        if (s == ST_OK && n > 0) s = fill_line(f, text, n);
        if (s == ST_OK && stream_waits(in)) fflush(stdout);
    }
    stream_close(&in);
    return s == ST_END ? ST_OK : s;
}

static status fill_texts(const struct args *args, void *config)
{
    struct filler f;
    status s = filler_open(args->words[0], config, &f);

    if (s == ST_OK && (args->word_count < 2 || strcmp(args->words[1], "-") == 0)) s = fill_lines(&f);
    else
        for (int i = 1; i < args->word_count && s == ST_OK; i++)
            s = fill_line(&f, args->words[i], strlen(args->words[i]));
    filler_close(&f);
    return s;
}

status cmd_fill_mask(int argc, char **argv)
{
    const struct args_form form = {
        .words = {1, ARGS_WORDS, "mp2 fill-mask MODEL [TEXT|-] [--top N] …"}, .table = table, .count = ROWS};
    struct fill_config config = {0};

    return args_run(argc, argv, &form, &config, fill_texts);
}

size_t cmd_fill_mask_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}
