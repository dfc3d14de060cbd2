#include "coordinator/mlm/text.h"

#include <string.h>

#include <xxhash.h>

#include "cluster/base/bar.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/text/corpus.h"
#include "coordinator/text/wordpiece.h"

enum { PIECE_BYTES = 1 << 20 }; /* a longer document is cut there: memory stays bounded */

struct text_maker {
    const struct mlm_source *source;
    struct special_tokens special;
    struct file_out out[2]; /* train, held out */
    int64_t documents[2];
    char *text; /* the document */
    size_t bytes, room;
    struct token_list tokens;
    int32_t *ids;
    size_t id_room;
};

/* A piece like ##ing. */
static int continues_word(const struct vocabulary *v, int32_t id)
{
    size_t n;
    const char *text = vocabulary_text(v, id, &n);

    return n > 2 && text[0] == '#' && text[1] == '#';
}

static status end_document(struct text_maker *m)
{
    XXH64_hash_t hash = XXH3_64bits(m->text, m->bytes);
    int which = (double)(hash >> 11) / 9007199254740992.0 < m->source->heldout; /* of 2^53 */
    size_t n;

    if (m->bytes == 0) return ST_OK;
    m->tokens.count = 0;
    TRY(wordpiece_encode(m->source->vocabulary, m->text, m->bytes, &m->tokens));
    m->bytes = 0;
    n = m->tokens.count;
    if (n == 0) return ST_OK;
    TRY(mem_grow(&m->ids, &m->id_room, n + 1, sizeof *m->ids));
    for (size_t i = 0; i < n; i++) {
        int32_t id = m->tokens.items[i].id;

        m->ids[i] = id | (continues_word(m->source->vocabulary, id) ? TOKEN_JOINED : 0);
    }
    if (m->source->words) word_list_mark(m->source->words, m->ids, (int64_t)n);
    m->ids[n] = m->special.sep;
    if (fwrite(m->ids, sizeof *m->ids, n + 1, m->out[which].stream) != n + 1)
        return fault(ST_IO, "%s: cannot be written", m->out[which].path);
    m->documents[which]++;
    return ST_OK;
}

static status take_piece(struct text_maker *m, const char *text, size_t n, int ends)
{
    int lines = m->source->documents == DOCUMENTS_LINE;

    if (!lines && n == 0 && ends) return end_document(m);
    if (m->bytes + n + 1 > PIECE_BYTES) TRY(end_document(m));
    TRY(mem_grow(&m->text, &m->room, m->bytes + n + 1, 1));
    memcpy(m->text + m->bytes, text, n);
    m->bytes += n;
    if (ends && !lines) m->text[m->bytes++] = '\n';
    return ends && lines ? end_document(m) : ST_OK;
}

static status read_all(struct text_maker *m)
{
    struct corpus corpus;
    struct bar bar;
    int stopped = 0;
    status s;

    TRY(corpus_open(m->source->texts, &corpus));
    bar_open(&bar, "mlm: tokenise", (uint64_t)corpus.bytes, "bytes");
    for (;;) {
        char *text;
        size_t n;
        int ends;

        s = corpus_next(&corpus, PIECE_BYTES / 2, &text, &n, &ends);
        if (s == ST_OK && corpus_file_starts(&corpus)) s = end_document(m);
        if (s != ST_OK) break;
        s = take_piece(m, text, n, ends);
        stopped = run_folder_stop_asked(m->source->folder);
        if (s != ST_OK || stopped) break;
        bar_show(&bar, (uint64_t)corpus_bytes_read(&corpus), "%lld documents", (long long)m->documents[0]);
    }
    if (s == ST_END) s = end_document(m);
    bar_close(&bar, s == ST_OK && !stopped);
    corpus_close(&corpus);
    return s == ST_OK && stopped ? ST_END : s;
}

static status open_out(struct text_maker *m, const char *folder, const char *name, struct file_out *out)
{
    char path[4096], header[TOKEN_TEXT_HEADER];

    TRY(file_join(path, sizeof path, folder, name));
    TRY(file_out_open(path, out));
    token_text_header(m->source->digest, header);
    return fwrite(header, 1, sizeof header, out->stream) == sizeof header ? ST_OK
                                                                          : fault(ST_IO, "%s: cannot be written", path);
}

int mlm_text_made(const struct mlm_source *source, const char *folder)
{
    static const char *const names[] = {"train.ids", "heldout.ids"};
    char wanted[TOKEN_TEXT_HEADER], path[4096];
    int same = 1;

    token_text_header(source->digest, wanted);
    for (int i = 0; i < 2; i++) {
        char found[TOKEN_TEXT_HEADER] = "";
        FILE *f = file_join(path, sizeof path, folder, names[i]) == ST_OK ? fopen(path, "re") : NULL;

        same = same && f && fread(found, 1, sizeof found, f) == sizeof found &&
               memcmp(found, wanted, sizeof wanted) == 0;
        if (f) fclose(f);
    }
    return same;
}

status mlm_text_make(const struct mlm_source *source, const char *folder)
{
    struct text_maker m = {.source = source};
    status s;

    TRY(mlm_special_find(source->vocabulary, &m.special));
    if (mlm_text_made(source, folder)) return ST_OK;
    TRY(open_out(&m, folder, "train.ids", &m.out[0]));
    s = open_out(&m, folder, "heldout.ids", &m.out[1]);
    if (s == ST_OK) s = read_all(&m);
    if (s == ST_OK && m.documents[0] + m.documents[1] == 0) s = fault(ST_INPUT, "%s: no text", source->texts->items[0]);
    if (s == ST_OK) s = file_out_commit(&m.out[1]);
    if (s == ST_OK) s = file_out_commit(&m.out[0]);
    if (s != ST_OK) {
        if (m.out[1].stream) file_out_abandon(&m.out[1]);
        file_out_abandon(&m.out[0]);
    }
    mem_free(m.text);
    mem_free(m.ids);
    token_list_fini(&m.tokens);
    return s;
}

status mlm_special_find(const struct vocabulary *v, struct special_tokens *out)
{
    out->vocabulary = vocabulary_size(v);
    TRY(vocabulary_need(v, "[CLS]", &out->cls));
    TRY(vocabulary_need(v, "[SEP]", &out->sep));
    return vocabulary_need(v, "[MASK]", &out->mask);
}
