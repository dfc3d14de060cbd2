/* Three file formats. An index is trusted only for which part a tensor is in: its parts must be plain file names in
 * this folder, and a tensor found in two parts is refused. */
#include "worker/model/weights.h"

#include <string.h>
#include <sys/mman.h>

#include "cluster/base/json.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { PARTS_MOST = 1024 };

struct index {
    const char *path;
    const json_t *map; /* name -> file */
    size_t part_count;
    const char **parts; /* the different files, in order of first mention */
};

static void add_weight(struct weights *w, const struct tensor *t, const char *name, const char *path)
{
    w->items[w->count].tensor = *t;
    w->items[w->count].tensor.name = name;
    w->items[w->count].path = path;
    w->count++;
}

/* ---- one safetensors file ---------------------------------------------------------------------------------------- */

static status open_single(const char *path, struct weights *w)
{
    TRY(mem_alloc(1, sizeof *w->parts, &w->parts));
    TRY(safetensors_open(path, &w->parts[0]));
    w->part_count = 1;
    TRY(mem_alloc(w->parts[0].count, sizeof *w->items, &w->items));
    for (size_t i = 0; i < w->parts[0].count; i++)
        add_weight(w, &w->parts[0].tensors[i], w->parts[0].tensors[i].name, w->parts[0].path);
    w->file_bytes = w->parts[0].map.size;
    return ST_OK;
}

/* ---- an index and parts -------------------------------------------------------------------------------------------
 */

static int is_part_name(const char *name)
{
    size_t n = strlen(name);

    return n > 12 && n < 256 && !strchr(name, '/') && name[0] != '.' && strcmp(name + n - 12, ".safetensors") == 0;
}

static status list_parts(struct index *index)
{
    const char *name;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)index->map, name, value)
    {
        const char *file = json_string_value(value);

        if (!file || !is_part_name(file))
            return fault(ST_INPUT,
                         "%s: tensor \"%.200s\" is in \"%.100s\", expected a plain name ending in .safetensors",
                         index->path, name, file ? file : "");
        for (i = 0; i < index->part_count && strcmp(index->parts[i], file) != 0; i++) continue;
        if (i < index->part_count) continue;
        if (i == PARTS_MOST) return fault(ST_INPUT, "%s: more than %d parts", index->path, PARTS_MOST);
        index->parts[index->part_count++] = file;
    }
    return ST_OK;
}

/* Take the tensors of one part that the index assigns to it. */
static status take_part(const struct index *index, const char *file, const struct safetensors *part, struct weights *w)
{
    for (size_t i = 0; i < part->count; i++) {
        const char *name = part->tensors[i].name, *listed = json_string_value(json_object_get(index->map, name));

        if (!listed) continue;
        if (strcmp(listed, file) != 0)
            return fault(ST_INPUT, "%s: tensor \"%.200s\" is listed for %.100s, but also in %.100s", index->path, name,
                         listed, file);
        add_weight(w, &part->tensors[i], name, part->path);
    }
    return ST_OK;
}

static status check_all_found(const struct index *index, const struct weights *w)
{
    const char *name;
    json_t *value;

    if (w->count == json_object_size(index->map)) return ST_OK;
    json_object_foreach(
        (json_t *)(uintptr_t)index->map, name,
        value) for (size_t i = 0; i < w->part_count;
                    i++) if (strcmp(json_string_value(value), index->parts[i]) == 0 &&
                             !safetensors_find(&w->parts[i],
                                               name)) return fault(ST_INPUT, "%s: tensor \"%.200s\" is not in %.100s",
                                                                   index->path, name, index->parts[i]);
    return ST_OK;
}

static status open_parts(const char *folder, struct index *index, struct weights *w)
{
    char path[4096];

    TRY(list_parts(index));
    TRY(mem_alloc(json_object_size(index->map), sizeof *w->items, &w->items));
    TRY(mem_alloc(index->part_count, sizeof *w->parts, &w->parts));
    for (size_t i = 0; i < index->part_count; i++) {
        TRY(file_join(path, sizeof path, folder, index->parts[i]));
        TRY(safetensors_open(path, &w->parts[i]));
        w->part_count++;
        w->file_bytes += w->parts[i].map.size;
        TRY(take_part(index, index->parts[i], &w->parts[i], w));
    }
    return check_all_found(index, w);
}

static status open_index(const char *folder, const char *path, struct weights *w)
{
    struct index index = {.path = path};
    json_t *root;
    status s;

    TRY(json_open(path, &root));
    index.map = json_object_get(root, "weight_map");
    if (!json_is_object(index.map)) s = fault(ST_INPUT, "%s: \"weight_map\" is missing or no object", path);
    else s = mem_alloc(PARTS_MOST, sizeof *index.parts, &index.parts);
    if (s == ST_OK) s = open_parts(folder, &index, w);
    mem_free(index.parts);
    json_decref(root);
    return s;
}

/* ---- a torch file --------------------------------------------------------------------------------------------------
 */

static size_t count_tensors(const struct torch_value *dict)
{
    size_t count = 0;

    for (size_t i = 0; dict && dict->kind == TORCH_DICT && i + 1 < dict->count; i += 2)
        count += dict->as.items[i + 1]->kind == TORCH_TENSOR;
    return count;
}

/* The state dict: the whole file, or one level down, as training programs save it together with other data. */
static status find_state(const char *path, const struct torch_value *root, const struct torch_value **out)
{
    static const char *const keys[] = {"state_dict", "model_state_dict", "model", "module"};
    size_t most = count_tensors(root);
    const char *found = NULL;

    *out = root;
    if (root->kind != TORCH_DICT) return fault(ST_INPUT, "%s: holds no dict, expected a state dict", path);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct torch_value *inside = torch_get(root, keys[i]);

        if (count_tensors(inside) <= most) continue;
        if (found)
            return fault(ST_INPUT, "%s: has tensors under \"%s\" and under \"%s\", expected one state dict", path,
                         found, keys[i]);
        found = keys[i];
        *out = inside;
    }
    if (found || most > 0 || root->count < 2 || root->as.items[0]->kind != TORCH_TEXT) return ST_OK;
    return fault(
        ST_INPUT,
        "%s: has no tensor, neither at its top nor under state_dict, model_state_dict, model or module; it begins "
        "with \"%.80s\"",
        path, root->as.items[0]->as.text);
}

static status open_torch(const char *path, struct weights *w)
{
    const struct torch_value *root = NULL;

    TRY(mem_alloc(1, sizeof *w->torch, &w->torch));
    TRY(torch_open(path, w->torch));
    w->file_bytes = w->torch->map.size;
    TRY(find_state(path, w->torch->root, &root));
    TRY(mem_alloc(root->count / 2, sizeof *w->items, &w->items));
    for (size_t i = 0; i + 1 < root->count; i += 2) {
        const struct torch_value *name = root->as.items[i], *value = root->as.items[i + 1];
        if (name->kind == TORCH_TEXT && value->kind == TORCH_TENSOR)
            add_weight(w, value->as.tensor, name->as.text, w->torch->path);
    }
    return ST_OK;
}

/* ---- whichever is present
 * ------------------------------------------------------------------------------------------ */

static status open_any(const char *folder, struct weights *w)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"};
    char path[4096];

    for (int i = 0; i < 3; i++) {
        TRY(file_join(path, sizeof path, folder, names[i]));
        if (!file_exists(path)) continue;
        if (i == 0) return open_single(path, w);
        return i == 1 ? open_index(folder, path, w) : open_torch(path, w);
    }
    TRY(file_join(path, sizeof path, folder, "pytorch_model.bin.index.json"));
    if (file_exists(path))
        return fault(ST_INPUT, "%s: parts in torch's form, expected safetensors (save_pretrained writes them)", path);
    return fault(ST_INPUT, "%s: no model.safetensors, model.safetensors.index.json or pytorch_model.bin", folder);
}

status weights_open(const char *folder, struct weights *weights)
{
    status s;

    memset(weights, 0, sizeof *weights);
    s = open_any(folder, weights);
    if (s != ST_OK) weights_close(weights);
    return s;
}

void weights_close(struct weights *weights)
{
    for (size_t i = 0; i < weights->part_count; i++) safetensors_close(&weights->parts[i]);
    if (weights->torch) torch_close(weights->torch);
    mem_free(weights->torch);
    mem_free(weights->parts);
    mem_free(weights->items);
    memset(weights, 0, sizeof *weights);
}

void weights_advise(const struct weights *weights, int advice)
{
    for (size_t i = 0; i < weights->part_count; i++)
        if (weights->parts[i].map.size > 0)
            madvise((void *)(uintptr_t)weights->parts[i].map.data, weights->parts[i].map.size, advice);
    if (weights->torch && weights->torch->map.size > 0)
        madvise((void *)(uintptr_t)weights->torch->map.data, weights->torch->map.size, advice);
}
