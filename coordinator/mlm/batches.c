/* Held-out sequences as they are scored, for other programs. */
#include <stdio.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/mlm/mlm.h"

struct random_key mlm_heldout_key(const struct mlm *m, int64_t index)
{
    return random_derive(random_seed((uint64_t)m->config->seed, RANDOM_EVAL), (uint32_t)index, (uint32_t)((uint64_t)index >> 32), 0, 0);
}

static void write_list(FILE *f, const char *name, const int32_t *list, int32_t n)
{
    fprintf(f, "\"%s\":[", name);
    for (int32_t i = 0; i < n; i++) fprintf(f, "%s%d", i ? "," : "", list[i]);
    fputc(']', f);
}

/* arrays: words, ids, rows, targets, room; (length) each. */
static void write_sequence(const struct mlm *m, int64_t index, int32_t *arrays, FILE *f)
{
    int32_t n = m->length, *words = arrays, *ids = arrays + n, *rows = arrays + 2 * n, *targets = arrays + 3 * n, count;

    mlm_text_sequence(&m->heldout, &m->special, index, n, words);
    count = masking_apply(&m->exam, mlm_heldout_key(m, index), words, n, m->asked, ids, rows, targets, arrays + 4 * n);
    fputc('{', f);
    write_list(f, "ids", ids, n);
    fputc(',', f);
    write_list(f, "positions", rows, count);
    fputc(',', f);
    write_list(f, "targets", targets, count);
    fputs("}\n", f);
}

status mlm_batches_write(const struct mlm *m, const char *path)
{
    struct file_out out;
    int32_t *arrays;
    status s;

    TRY(mem_alloc(5 * (size_t)m->length, sizeof *arrays, &arrays));
    s = file_out_open(path, &out);
    if (s == ST_OK) {
        for (int64_t i = 0; i < mlm_text_sequences(&m->heldout, m->length); i++) write_sequence(m, i, arrays, out.stream);
        s = file_out_commit(&out);
    }
    mem_free(arrays);
    return s;
}
