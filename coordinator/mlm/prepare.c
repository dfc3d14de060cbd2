#include "coordinator/mlm/prepare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/mlm/start.h"
#include "coordinator/mlm/text.h"
#include "coordinator/text/corpus.h"
#include "worker/model/matmul.h"

/* ---- folders ---- */

status mlm_output_folder(const struct mlm_config *c, char *out, size_t room)
{
    return c->output[0] ? file_keep_path(out, room, c->output) : file_join(out, room, c->run, "model");
}

/* The user's folder, or a new encoder beside the text. Evaluation: what training has written. */
status mlm_start_folder(const struct mlm_config *c, char *out, size_t room)
{
    if (c->evaluate && !c->model[0]) return mlm_output_folder(c, out, room);
    return c->model[0] ? file_keep_path(out, room, c->model) : file_join(out, room, c->run, "start");
}

/* Another text that is only to be scored leaves the run's own as it is. */
status mlm_text_folder(const struct mlm_config *c, int aside, char *out, size_t room)
{
    return aside ? file_join(out, room, c->run, "evaluate") : file_keep_path(out, room, c->run);
}

/* ---- checks ---- */

static status check_config(const struct mlm_config *c, const struct model_config *model,
                           const struct special_tokens *special)
{
    if (c->length % MATMUL_GRAIN != 0)
        return fault(ST_INPUT, "train.length: found %lld, expected a multiple of %d", (long long)c->length,
                     MATMUL_GRAIN);
    if (c->length > model->positions)
        return fault(ST_INPUT, "train.length: found %lld, the encoder has %lld positions", (long long)c->length,
                     (long long)model->positions);
    if (special->vocabulary > model->vocab)
        return fault(ST_INPUT, "%s: %d rows, the encoder has %lld", c->vocab, special->vocabulary,
                     (long long)model->vocab);
    if (c->frozen > model->layers)
        return fault(ST_INPUT, "train.frozen: found %lld layers, the encoder has %lld", (long long)c->frozen,
                     (long long)model->layers);
    if (c->frozen > 0 && !c->model[0])
        return fault(ST_INPUT, "train.frozen: found %lld layers of a new encoder", (long long)c->frozen);
    if (c->masking.masked + c->masking.random > 1 + 1e-9)
        return fault(ST_INPUT, "masking.masked and masking.random: found %g and %g, expected at most 1 together",
                     c->masking.masked, c->masking.random);
    if (c->sequences * c->length > 1 << 24)
        return fault(ST_INPUT, "train.sequences: %lld of %lld tokens, expected at most %d tokens",
                     (long long)c->sequences, (long long)c->length, 1 << 24);
    return ST_OK;
}

/* Where the encoder has no head, a random one is taken only when that is asked for: it makes another start, and no
 * score. */
static status check_head(const struct mlm_config *c, const char *folder, struct model_source *model)
{
    int head;

    if (c->new_head) return ST_OK;
    TRY(model_source_head(model, &head));
    if (head) return ST_OK;
    return fault(ST_INPUT,
                 "%s: has no masked-language-model head (tensors cls.predictions.…); --new-head begins one with "
                 "random numbers",
                 folder);
}

/* ---- the text ---- */

/* A file's size, first and last MiB: enough to notice another text, and cheap for a large one. */
static status digest_file(struct digest *d, const char *path, char *buffer)
{
    enum { EDGE = 1 << 20 };
    FILE *f = fopen(path, "rbe");
    long size = -1;
    size_t n;

    if (!f) return fault(ST_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (fseek(f, 0, SEEK_END) == 0) size = ftell(f);
    digest_add(d, &size, sizeof size);
    rewind(f);
    n = fread(buffer, 1, EDGE, f);
    digest_add(d, buffer, n);
    if (size > EDGE && fseek(f, -(long)EDGE, SEEK_END) == 0) {
        n = fread(buffer, 1, EDGE, f);
        digest_add(d, buffer, n);
    }
    fclose(f);
    return size < 0 ? fault(ST_IO, "%s: cannot be read", path) : ST_OK;
}

/* What the tokenised text depends on: the files, how they are cut, the vocabulary. */
static status digest_texts(const struct mlm_config *c, const char *vocabulary, const struct word_list *words, char *out)
{
    struct corpus corpus;
    struct digest digest = {0};
    char files[DIGEST_TEXT], text[128 + 66], *buffer = NULL;
    status s;

    TRY(corpus_open(&c->texts, &corpus));
    s = digest_init(&digest);
    if (s == ST_OK) s = mem_alloc(1, 1 << 20, &buffer);
    for (size_t i = 0; i < corpus.count && s == ST_OK; i++) s = digest_file(&digest, corpus.paths[i], buffer);
    if (s == ST_OK) {
        digest_read_text(&digest, files);
        snprintf(text, sizeof text, "%s %d %.17g %s %s", files, c->documents, c->heldout, vocabulary,
                 words ? word_list_digest(words) : "");
        digest_bytes(text, strlen(text), out);
    }
    mem_free(buffer);
    digest_fini(&digest);
    corpus_close(&corpus);
    return s;
}

static status prepare_text(const struct mlm_config *c, const struct vocabulary *v, struct mlm_facts *f)
{
    struct run_folder folder_of_run = {.lock = -1};
    struct mlm_source source = {.texts = &c->texts,
                                .documents = (enum documents)c->documents,
                                .heldout = c->heldout,
                                .vocabulary = v,
                                .folder = &folder_of_run,
                                .digest = f->text_digest};
    struct word_list *words = NULL;
    char folder[4096];
    status s = c->masking.words[0] ? word_list_load(c->masking.words, v, &words) : ST_OK;

    snprintf(folder_of_run.path, sizeof folder_of_run.path, "%s", c->run);
    source.words = words;
    if (s == ST_OK) s = digest_texts(c, f->vocabulary_digest, words, f->text_digest);
    if (s == ST_OK) {
        f->aside = c->evaluate && !mlm_text_made(&source, c->run);
        s = mlm_text_folder(c, f->aside, folder, sizeof folder);
    }
    if (s == ST_OK && f->aside) s = file_make_folder(folder);
    if (s == ST_OK) s = mlm_text_make(&source, folder);
    word_list_destroy(&words);
    return s;
}

static status find_salient(const struct option_list *first, const struct vocabulary *v, struct mlm_facts *f)
{
    if (first->count > MASKING_FIRST)
        return fault(ST_INPUT, "masking.first: found %zu tokens, expected at most %d", first->count, MASKING_FIRST);
    for (size_t i = 0; i < first->count; i++) TRY(vocabulary_need(v, first->items[i], &f->salient[f->salients++]));
    return ST_OK;
}

status mlm_prepare(const struct mlm_config *c, struct mlm_facts *f, struct model_source **model)
{
    struct vocabulary *v;
    char folder[4096];
    status s;

    TRY(vocabulary_load(c->vocab, &v));
    snprintf(f->vocabulary_digest, sizeof f->vocabulary_digest, "%s", vocabulary_digest(v));
    s = mlm_special_find(v, &f->special);
    if (s == ST_OK) s = find_salient(&c->first, v, f);
    if (s == ST_OK) s = file_make_folder(c->run);
    if (s == ST_OK) s = mlm_start_folder(c, folder, sizeof folder);
    if (s == ST_OK && !c->model[0] && !c->evaluate) s = mlm_start_write(c, v, folder);
    if (s == ST_OK && (c->model[0] || c->evaluate)) s = vocabulary_expect(folder, f->vocabulary_digest, c->vocab);
    if (s == ST_OK) s = model_source_open(folder, model);
    if (s == ST_OK) s = check_head(c, folder, *model);
    if (s == ST_OK) s = check_config(c, model_source_config(*model), &f->special);
    if (s == ST_OK) s = model_source_digest(*model, f->encoder_digest);
    if (s == ST_OK) s = prepare_text(c, v, f);
    vocabulary_destroy(&v);
    return s;
}
