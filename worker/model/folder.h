/* Writing a model folder in Hugging Face's format: config.json and model.safetensors; vocabulary files are not written
 * here. transformers' BertForMaskedLM.from_pretrained (with a head) or BertModel.from_pretrained (without) loads it
 * directly, and so does model_source_open. */
#ifndef MP2_WORKER_MODEL_FOLDER_H
#define MP2_WORKER_MODEL_FOLDER_H

#include "cluster/store/tensor.h"
#include "worker/model/config.h"

struct model_folder {
    struct model_config config;
    enum tensor_type type; /* F32, F16 or BF16: of every tensor in the file; narrowing rounds to nearest even */
    int head;              /* 1: with cls.predictions.* */
    /* Fill out with elements first … first+count-1 of the tensor of a canonical name (source.h); may be called in any
     * order, with at most 65,536 elements per call. */
    status (*read)(void *arg, const char *name, int64_t first, int64_t count, float *out);
    void *arg;
};

/* Local. Creates the folder; files in it are replaced one by one, each atomically, config.json last. ST_IO
 * (reported). */
status model_folder_write(const char *folder, const struct model_folder *what);

#endif
