/* Writing a model folder as Hugging Face has them: config.json and model.safetensors; the vocabulary's files are not
 * ours. transformers' BertForMaskedLM.from_pretrained (with a head) or BertModel.from_pretrained (without) loads it as
 * it is, and so does model_source_open. */
#ifndef MP2_WORKER_MODEL_FOLDER_H
#define MP2_WORKER_MODEL_FOLDER_H

#include "cluster/store/tensor.h"
#include "worker/model/config.h"

struct model_folder {
    struct model_config config;
    enum tensor_type type; /* F32, F16 or BF16: of every tensor in the file; narrowing rounds to nearest even */
    int head;              /* 1: with cls.predictions.* */
    /* Fill out with elements first … first+count-1 of the tensor of a canonical name (source.h); may be called in any
     * order, with at most 65,536 elements a call. */
    status (*read)(void *arg, const char *name, int64_t first, int64_t count, float *out);
    void *arg;
};

/* Local. The folder is made; files in it are replaced one by one, each whole, config.json last. ST_IO (reported). */
status model_folder_write(const char *folder, const struct model_folder *what);

#endif
