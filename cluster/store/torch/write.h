/* Writing files that torch.load(weights_only=True) reads: values are put one after the other, as into a stream of JSON,
 * then saved at once. libzip writes the zip (entries stored, no times, so that the same values give the same bytes).
 *
 *     torch_put_dict(w); torch_put_text(w, "A"); torch_put_tensor(w, &a); torch_put_end(w); torch_writer_save(w, path)
 *
 * Putting never fails at once: the first failure (out of memory, a tensor that is not row-major) is kept, and
 * torch_writer_save returns it. */
#ifndef MP2_CLUSTER_STORE_TORCH_WRITE_H
#define MP2_CLUSTER_STORE_TORCH_WRITE_H

#include "cluster/store/tensor.h"

struct torch_writer;

/* Local. ST_MEMORY (reported); destroy frees all that the writer has made. */
status torch_writer_new(struct torch_writer **out);
void torch_writer_destroy(struct torch_writer **writer);

void torch_put_dict(struct torch_writer *w); /* then key, value, key, value …, end; keys are texts or integers */
void torch_put_list(struct torch_writer *w); /* then values, end */
void torch_put_end(struct torch_writer *w);
void torch_put_text(struct torch_writer *w, const char *text);
void torch_put_int(struct torch_writer *w, int64_t x);
void torch_put_real(struct torch_writer *w, double x);
void torch_put_bool(struct torch_writer *w, int x);
void torch_put_none(struct torch_writer *w);
void torch_put_pair(struct torch_writer *w, double a, double b); /* a tuple */
/* F64, F32, F16, BF16 or I64, row-major. Its bytes are read when saving: they must live until then. */
void torch_put_tensor(struct torch_writer *w, const struct tensor *t);

/* Local. Written beside, fsynced, renamed. ST_IO (reported) and nothing left behind. */
status torch_writer_save(struct torch_writer *w, const char *path);

#endif
