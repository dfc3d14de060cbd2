/* Held-out sequences as they are scored, for other programs. */
#include <stdio.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/mlm/mlm.h"

static void write_list(FILE *f, const char *name, const int32_t *list, int32_t n)
{
    fprintf(f, "\"%s\":[", name);
    for (int32_t i = 0; i < n; i++) fprintf(f, "%s%d", i ? "," : "", list[i]);
    fputc(']', f);
}

/* arrays: words, ids, rows, targets, room; (length) each. */
static void write_sequence(const struct mlm *m, int64_t index, int32_t *arrays, FILE *f)
{
    const struct mlm_settings *o = &m->settings;
    int32_t n = o->length, *words = arrays, *ids = arrays + n, *rows = arrays + 2 * n, *targets = arrays + 3 * n, count;

    token_text_sequence(&m->heldout, &o->special, index, n, words);
    count = masking_apply(&o->heldout_masking, mlm_heldout_key(o->seed, index), words, n, o->asked, ids, rows, targets,
                          arrays + 4 * n);
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

    TRY(mem_alloc(5 * (size_t)m->settings.length, sizeof *arrays, &arrays));
    s = file_out_open(path, &out);
    if (s == ST_OK) {
        for (int64_t i = 0; i < token_text_sequences(&m->heldout, m->settings.length); i++)
            write_sequence(m, i, arrays, out.stream);
        s = file_out_commit(&out);
    }
    mem_free(arrays);
    return s;
}
