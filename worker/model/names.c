/* Three short tables (embeddings, one layer, head), and the wrappers and prefixes that files put before them. */
#include "worker/model/names.h"

#include <stdio.h>
#include <string.h>

/* H hidden, F feed-forward, V vocabulary, P positions, T token types, 0 no second axis. */
struct row {
    const char *name;
    char shape[2];
};

static const struct row embeddings[NAME_EMBEDDINGS] = {{"word_embeddings.weight", "VH"},
                                                       {"position_embeddings.weight", "PH"},
                                                       {"token_type_embeddings.weight", "TH"},
                                                       {"LayerNorm.weight", "H"},
                                                       {"LayerNorm.bias", "H"}};

static const struct row layer[NAME_LAYER] = {{"attention.self.query.weight", "HH"},
                                             {"attention.self.query.bias", "H"},
                                             {"attention.self.key.weight", "HH"},
                                             {"attention.self.key.bias", "H"},
                                             {"attention.self.value.weight", "HH"},
                                             {"attention.self.value.bias", "H"},
                                             {"attention.output.dense.weight", "HH"},
                                             {"attention.output.dense.bias", "H"},
                                             {"attention.output.LayerNorm.weight", "H"},
                                             {"attention.output.LayerNorm.bias", "H"},
                                             {"intermediate.dense.weight", "FH"},
                                             {"intermediate.dense.bias", "F"},
                                             {"output.dense.weight", "HF"},
                                             {"output.dense.bias", "H"},
                                             {"output.LayerNorm.weight", "H"},
                                             {"output.LayerNorm.bias", "H"}};

static const struct row head[NAME_HEAD + 1] = {{"transform.dense.weight", "HH"},
                                               {"transform.dense.bias", "H"},
                                               {"transform.LayerNorm.weight", "H"},
                                               {"transform.LayerNorm.bias", "H"},
                                               {"bias", "V"},
                                               {"decoder.weight", "VH"}};

static const char *const prefixes[] = {"", "bert.", "ernie.",
                                       "encoder."}; /* CPT's model.encoder. is the last, wrapped */

/* Name components added by wrapper modules, anywhere; the last two only at the start. */
static const char *const wrappers[] = {
    "module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    "model",  "base_model"};
enum { WRAPPERS = sizeof wrappers / sizeof *wrappers, INNER_WRAPPERS = WRAPPERS - 2 };

int64_t names_encoder(int64_t layers)
{
    return NAME_EMBEDDINGS + NAME_LAYER * layers;
}

int64_t names_all(int64_t layers)
{
    return names_encoder(layers) + NAME_HEAD;
}

int64_t names_of(const struct model_config *config)
{
    return names_all(config->layers) + (config->untied != 0);
}

/* The text after the prefix `start`, NULL if it does not begin with it. */
static const char *after(const char *text, const char *start)
{
    size_t n = strlen(start);

    return strncmp(text, start, n) == 0 ? text + n : NULL;
}

/* gamma and beta are TensorFlow's names of LayerNorm's weight and bias. */
static int same_name(const char *name, const char *wanted, int foreign)
{
    const char *last = strstr(wanted, "LayerNorm.");

    if (strcmp(name, wanted) == 0) return 1;
    if (!foreign || !last || strncmp(name, wanted, (size_t)(last - wanted) + 10) != 0) return 0;
    name += last - wanted + 10;
    return strcmp(name, strcmp(last + 10, "weight") == 0 ? "gamma" : "beta") == 0;
}

static int64_t find_in(const struct row *rows, int64_t count, const char *name, int foreign)
{
    for (int64_t i = 0; i < count; i++)
        if (same_name(name, rows[i].name, foreign)) return i;
    return NAME_NONE;
}

/* A layer's number in a file's name: no sign, no leading zero; *rest points after the dot. */
static int64_t layer_number(const char *text, const char **rest)
{
    int64_t n = 0;
    int digits = 0;

    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 7; digits++) n = n * 10 + (text[digits] - '0');
    if (digits == 0 || text[digits] != '.' || (digits > 1 && text[0] == '0')) return NAME_NONE;
    *rest = text + digits + 1;
    return n;
}

static int64_t find_plain(const char *name, int64_t layers, int foreign)
{
    const char *rest = after(name, "embeddings.");
    int64_t slot, n;

    if (rest) return find_in(embeddings, NAME_EMBEDDINGS, rest, foreign);
    rest = after(name, "encoder.layer.");
    if (!rest) return NAME_NONE;
    n = layer_number(rest, &rest);
    if (n < 0) return NAME_NONE;
    slot = find_in(layer, NAME_LAYER, rest, foreign);
    if (slot < 0) return NAME_NONE;
    return n < layers ? NAME_EMBEDDINGS + NAME_LAYER * n + slot : NAME_BEYOND;
}

static int64_t find_head(const char *name, int64_t layers, int foreign)
{
    const char *rest = after(name, "cls.predictions.");
    int64_t slot = rest ? find_in(head, NAME_HEAD + 1, rest, foreign) : NAME_NONE;

    return slot < 0 ? NAME_NONE : names_encoder(layers) + slot;
}

int64_t names_find(const char *name, int64_t layers)
{
    int64_t slot = find_plain(name, layers, 0);

    if (slot == NAME_NONE) slot = find_head(name, layers, 0);
    return slot < 0 ? NAME_NONE : slot;
}

/* 1 if the n bytes are one of the first `count` wrappers. */
static int is_wrapper(const char *part, size_t n, int count)
{
    for (int i = 0; i < count; i++)
        if (strlen(wrappers[i]) == n && memcmp(wrappers[i], part, n) == 0) return 1;
    return 0;
}

static void unwrap(const char *name, struct name_parts *out)
{
    size_t used = 0;

    out->wrapper = 0;
    for (const char *part = name, *dot; *part; part = dot) {
        size_t n = strcspn(part, ".");

        dot = part + n + (part[n] == '.');
        if (part[n] == '.' && is_wrapper(part, n, used == 0 ? WRAPPERS : INNER_WRAPPERS)) {
            if (used == 0) out->wrapper = (size_t)(dot - name);
            continue;
        }
        n = (size_t)(dot - part);
        if (n > sizeof out->text - 1 - used) n = sizeof out->text - 1 - used;
        memcpy(out->text + used, part, n);
        used += n;
    }
    out->text[used] = 0;
}

int64_t names_find_foreign(const char *name, int64_t layers, struct name_parts *parts)
{
    unwrap(name, parts);
    parts->prefix = -1;
    if (strcmp(parts->text, "shared.weight") == 0) return NAME_SHARED;
    for (int i = 0; i < (int)(sizeof prefixes / sizeof *prefixes); i++) {
        const char *rest = after(parts->text, prefixes[i]);
        int64_t slot = rest ? find_plain(rest, layers, 1) : NAME_NONE;

        if (rest && strcmp(rest, "embeddings.task_type_embeddings.weight") == 0) slot = NAME_TASK;
        if (slot == NAME_NONE) continue;
        parts->prefix = i;
        return slot;
    }
    if (strcmp(parts->text, "cls.predictions.decoder.bias") == 0) return NAME_BIAS;
    return find_head(parts->text, layers, 1);
}

int names_inside(const struct name_parts *parts, int prefix)
{
    const char *rest = after(parts->text, prefixes[prefix]), *table = rest ? after(rest, "embeddings.") : NULL;

    if (!rest || (table && (strcmp(table, "position_ids") == 0 || strcmp(table, "token_type_ids") == 0))) return 0;
    if (table || after(rest, "encoder.")) return 1;
    return prefixes[prefix][0] && !after(rest, "pooler.") && !after(rest, "cls.");
}

int names_of_head(const struct name_parts *parts)
{
    return strstr(parts->text, "cls.predictions.") != NULL;
}

static const struct row *row_of(int64_t slot, int64_t layers)
{
    if (slot < NAME_EMBEDDINGS) return &embeddings[slot];
    if (slot < names_encoder(layers)) return &layer[(slot - NAME_EMBEDDINGS) % NAME_LAYER];
    return &head[slot - names_encoder(layers)];
}

char *names_text(int64_t slot, int64_t layers, char *out, size_t room)
{
    const char *name = row_of(slot, layers)->name;

    if (slot < NAME_EMBEDDINGS) snprintf(out, room, "embeddings.%s", name);
    else if (slot >= names_encoder(layers)) snprintf(out, room, "cls.predictions.%s", name);
    else snprintf(out, room, "encoder.layer.%lld.%s", (long long)((slot - NAME_EMBEDDINGS) / NAME_LAYER), name);
    return out;
}

int names_shape(int64_t slot, const struct model_config *config, int64_t shape[2])
{
    const char *letters = row_of(slot, config->layers)->shape;
    int rank = 0;

    for (; rank < 2 && letters[rank]; rank++) switch (letters[rank]) {
        case 'H': shape[rank] = config->hidden; break;
        case 'F': shape[rank] = config->feed_forward; break;
        case 'T': shape[rank] = config->types; break;
        case 'V': shape[rank] = config->vocab > 0 ? config->vocab : -1; break;
        default: shape[rank] = config->positions > 0 ? config->positions : -1;
        }
    return rank;
}
