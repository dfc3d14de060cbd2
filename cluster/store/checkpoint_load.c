/* Loading a checkpoint, which is verifying it: state.pb by its own checksum, every file by the checksums of its
 * chunks in state.pb, every header by the safetensors reader. With one rank nothing here needs MPI to be up. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/checkpoint.h"
#include "cluster/store/chunks.h"

struct verify_progress {
    void (*tell)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    uint64_t done, total;
};

/* One file under way. */
struct loading {
    struct comm *c;
    char path[CHECKPOINT_PATH_BYTES];
    const struct state_file *expected;
    struct safetensors header;
    struct chunk_tensor *parts;
    size_t part_count;
    struct chunks chunks;
    int fd;
    struct verify_progress *progress;
};

/* ---- chunks ---- */

static status read_chunk(const struct loading *l, int64_t from, int64_t to)
{
    int64_t have = from;

    while (have < to) {
        ssize_t n = pread(l->fd, l->chunks.chunk + (have - from), (size_t)(to - have), (off_t)have);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fault(ST_IO, "%s: offset %" PRId64 ": cannot be read: %s", l->path, have, strerror(errno));
        if (n == 0)
            return fault(ST_INPUT, "%s: ends at byte %" PRId64 ", expected %" PRIu64, l->path, have,
                         l->expected->bytes);
        have += n;
    }
    return ST_OK;
}

/* The first tensor of the file with bytes in [from, to), for the message. */
static const char *tensor_near(const struct loading *l, int64_t from, int64_t to)
{
    for (size_t i = 0; i < l->header.count; i++) {
        const struct tensor *t = &l->header.tensors[i];
        int64_t at = t->data - l->header.map.data;

        if (at < to && at + (int64_t)t->bytes > from) return t->name;
    }
    return "the header";
}

static status check_chunk(const struct loading *l, int64_t chunk)
{
    int64_t from, to;

    chunks_range(&l->chunks, chunk, &from, &to);
    TRY(read_chunk(l, from, to));
    if (XXH3_64bits(l->chunks.chunk, (size_t)(to - from)) == l->expected->sums[chunk]) return ST_OK;
    return fault(ST_INPUT,
                 "%s: damaged between bytes %" PRId64 " and %" PRId64 " (tensor %s …): the checksum does not hold",
                 l->path, from, to, tensor_near(l, from, to));
}

static status load_rounds(struct loading *l)
{
    status s = ST_OK;

    for (int64_t round = 0; round < chunks_rounds(&l->chunks); round++) {
        int64_t mine = chunks_mine(&l->chunks, round);

        if (mine >= 0 && s == ST_OK) s = check_chunk(l, mine);
        TRY(chunks_spread(&l->chunks, round));
        if (l->progress) {
            l->progress->done += CHUNK_BYTES;
            l->progress->tell(l->progress->arg, l->progress->done, l->progress->total);
        }
        if (l->c->size == 1 && s != ST_OK) return s;
    }
    return s;
}

/* ---- one file ---- */

static status add_part(struct loading *l, const struct checkpoint_tensor *wanted)
{
    const struct tensor *t;

    /* The file is sound; what was asked for does not fit it. */
    if (safetensors_expect(&l->header, wanted->spec.name, wanted->spec.type, wanted->spec.rank, wanted->spec.shape,
                           &t) != ST_OK)
        return ST_USAGE;
    l->parts[l->part_count++] = (struct chunk_tensor){.name = wanted->spec.name,
                                                      .offset = t->data - l->header.map.data,
                                                      .bytes = (int64_t)t->bytes,
                                                      .item = (int64_t)tensor_type_bytes(t->type),
                                                      .part = &wanted->part};
    return ST_OK;
}

static status open_file(struct loading *l, const struct checkpoint_tensor *tensors, size_t count)
{
    struct stat st;

    l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0) return fault(ST_INPUT, "%s: cannot be opened: %s", l->path, strerror(errno));
    if (fstat(l->fd, &st) != 0 || (uint64_t)st.st_size != l->expected->bytes)
        return fault(ST_INPUT, "%s: %lld bytes, expected %" PRIu64, l->path, (long long)st.st_size, l->expected->bytes);
    TRY(safetensors_open(l->path, &l->header));
    TRY(mem_alloc(count, sizeof *l->parts, &l->parts));
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].file, l->expected->name) == 0) TRY(add_part(l, &tensors[i]));
    return ST_OK;
}

static status load_file(struct comm *c, const char *folder, const struct state_file *expected,
                        const struct checkpoint_tensor *tensors, size_t count, struct verify_progress *progress)
{
    struct loading l = {.c = c, .expected = expected, .fd = -1, .progress = progress};
    status s = file_join(l.path, sizeof l.path, folder, expected->name);

    if (s == ST_OK) s = open_file(&l, tensors, count);
    s = comm_agree(c, s);
    if (s == ST_OK) s = chunks_open(c, expected->name, (int64_t)expected->bytes, l.parts, l.part_count, 0, &l.chunks);
    if (s == ST_OK) {
        s = load_rounds(&l);
        if (s != ST_PEER) s = comm_agree(c, s);
        chunks_close(&l.chunks);
    }
    safetensors_close(&l.header);
    mem_free(l.parts);
    if (l.fd >= 0) close(l.fd);
    return s;
}

static int is_wanted(const struct state_file *file, const struct checkpoint_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].file, file->name) == 0) return 1;
    return 0;
}

/* Every file asked for must be one that the state names. */
static status check_files(const char *folder, const struct state *state, const struct checkpoint_tensor *tensors,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t f = 0;

        while (f < state->file_count && strcmp(state->files[f].name, tensors[i].file) != 0) f++;
        if (f == state->file_count)
            return fault(ST_USAGE, "%s: a checkpoint of kind \"%s\" without %s", folder, state->kind, tensors[i].file);
    }
    return ST_OK;
}

/* ---- the state, on all ranks ---- */

static status broadcast_state(struct comm *c, const char *folder, struct state *state)
{
    char path[CHECKPOINT_PATH_BYTES];
    char *read = NULL;
    void *data = NULL;
    size_t bytes = 0;
    status s = file_join(path, sizeof path, folder, "state.pb");

    if (s == ST_OK && c->rank == 0) s = file_read(path, 64 << 20, &read, &bytes);
    s = comm_agree(c, s);
    if (s != ST_OK) return s;
    data = read;
    s = comm_broadcast_sized(c, &data, &bytes, 0);
    if (s == ST_OK) {
        /* The same bytes everywhere, so the same result: one rank reports it. */
        if (c->rank == 0) s = state_decode(path, data, bytes, state);
        s = comm_agree(c, s);
        if (s == ST_OK && c->rank != 0) s = state_decode(path, data, bytes, state);
        s = comm_agree(c, s);
    }
    mem_free(data);
    return s;
}

status checkpoint_load(struct comm *c, const char *folder, const struct checkpoint_tensor *tensors, size_t count,
                       struct state *state)
{
    status s;

    *state = (struct state){0};
    s = broadcast_state(c, folder, state);
    if (s == ST_OK) s = comm_agree(c, c->rank == 0 ? check_files(folder, state, tensors, count) : ST_OK);
    for (size_t f = 0; s == ST_OK && f < state->file_count; f++)
        if (is_wanted(&state->files[f], tensors, count))
            s = load_file(c, folder, &state->files[f], tensors, count, NULL);
    if (s != ST_OK) state_fini(state);
    return s;
}

status checkpoint_verify(const char *folder, void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                         struct state *state)
{
    struct comm alone = {.all = MPI_COMM_NULL, .node = MPI_COMM_NULL, .size = 1, .node_size = 1, .workers = 1};
    struct verify_progress told = {.tell = progress, .arg = arg};
    status s = ST_OK;

    TRY(state_load(folder, state));
    for (size_t f = 0; f < state->file_count; f++) told.total += state->files[f].bytes;
    for (size_t f = 0; s == ST_OK && f < state->file_count; f++)
        s = load_file(&alone, folder, &state->files[f], NULL, 0, progress ? &told : NULL);
    if (s != ST_OK) state_fini(state);
    return s;
}

/* ---- the newest valid one ---- */

/* All ranks look at the list that rank 0 has found. */
static status assignment_list(struct comm *c, const char *run, uint64_t **steps, size_t *count)
{
    size_t bytes;
    void *data;
    status s;

    *steps = NULL;
    *count = 0;
    s = comm_agree(c, c->rank == 0 ? checkpoint_list(run, steps, count) : ST_OK);
    if (s != ST_OK) return s;
    bytes = *count * sizeof **steps;
    data = *steps;
    s = comm_broadcast_sized(c, &data, &bytes, 0);
    *steps = data;
    *count = bytes / sizeof **steps;
    return s;
}

status checkpoint_load_newest(struct comm *c, const char *run, const struct checkpoint_tensor *tensors, size_t count,
                              struct state *state, uint64_t *step)
{
    char folder[CHECKPOINT_PATH_BYTES];
    uint64_t *steps;
    size_t found;
    status s;

    *step = 0;
    *state = (struct state){0};
    TRY(assignment_list(c, run, &steps, &found));
    s = ST_OK;
    for (size_t i = 0; i < found; i++) {
        s = checkpoint_path(run, steps[i], folder);
        if (s == ST_OK) s = checkpoint_load(c, folder, tensors, count, state);
        if (s == ST_OK) *step = steps[i];
        if (s != ST_INPUT && s != ST_IO) break;
        if (c->rank == 0) log_warn("checkpoint-damaged", "path=%s next=%s", folder, i + 1 < found ? "older" : "none");
    }
    mem_free(steps);
    return s;
}
