/* The tensors of a model folder, in whichever file or files they are: model.safetensors, else
 * model.safetensors.index.json and its parts, else pytorch_model.bin. Names are as in the files. */
#ifndef MP2_WORKER_MODEL_WEIGHTS_H
#define MP2_WORKER_MODEL_WEIGHTS_H

#include "cluster/store/safetensors.h"
#include "cluster/store/torch/file.h"

struct weight {
    struct tensor tensor;
    const char *path; /* of its file */
};

struct weights {
    size_t count;
    struct weight *items; /* no name twice */
    size_t file_bytes;    /* of all files together */
    size_t part_count;
    struct safetensors *parts;
    struct torch_file *torch; /* NULL unless the .bin was used */
};

/* Local. ST_INPUT (reported) if there is no file or a bad one; then there is nothing to close. */
status weights_open(const char *folder, struct weights *weights);
void weights_close(struct weights *weights);

/* Local. madvise(2) over all files. */
void weights_advise(const struct weights *weights, int advice);

#endif
