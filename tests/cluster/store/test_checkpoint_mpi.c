/* Checkpoints have the same bytes for any number of ranks, those of the plain serial writer; they load on any other
 * distribution; damaged ones are passed over. Runs with 1, 2, 3 and 4 ranks. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/comm/blocks.h"
#include "cluster/store/checkpoint.h"

static struct comm comm;

enum { L = 2, K = 3, d = 37, T = 5, H = 16, D = 64 * 260 + 8, TENSORS = 8 };

static const struct {
    const char *file, *name;
    int rank;
    int64_t shape[3];
} names[TENSORS] = {
    {"prompts.safetensors", "A", 3, {L, d, D}},      {"prompts.safetensors", "z", 3, {L, K, d}},
    {"prompts.safetensors", "router", 3, {T, L, K}}, {"prompts.safetensors", "head.weight", 2, {2, H}},
    {"optimizer.safetensors", "A.m", 3, {L, d, D}},  {"optimizer.safetensors", "A.v", 3, {L, d, D}},
    {"optimizer.safetensors", "z.m", 3, {L, K, d}},  {"optimizer.safetensors", "router.m", 3, {T, L, K}}};

static float value(int tensor, int64_t index, uint64_t step)
{
    return (float)((double)((uint64_t)(index + 1) * 2654435761u % 1000003) / 1000.0 + tensor + (double)step);
}

static int64_t elements(int tensor)
{
    int64_t n = 1;

    for (int i = 0; i < names[tensor].rank; i++) n *= names[tensor].shape[i];
    return n;
}

/* What a rank holds: columns [first, last) blocks of A with moments, and on rank `small` the small tensors. */
struct holding {
    int first, last;
    float *columns, *small[TENSORS];
    struct checkpoint_tensor tensors[TENSORS];
};

static void holding_init(struct holding *h, int owner, int owners, int small)
{
    struct blocks b = blocks_make(D, owners);

    memset(h, 0, sizeof *h);
    if (owner >= 0) {
        h->first = blocks_first(&b, owner);
        h->last = blocks_first(&b, owner + 1);
    }
    assert_int_equal(mem_alloc((size_t)(h->last - h->first) * L * 3 * d * BLOCK_COLUMNS, sizeof(float), &h->columns),
                     ST_OK);
    for (int t = 0; t < TENSORS; t++) {
        struct checkpoint_tensor *c = &h->tensors[t];

        c->file = names[t].file;
        c->spec = (struct tensor_spec){.name = names[t].name, .type = TENSOR_F32, .rank = names[t].rank};
        memcpy(c->spec.shape, names[t].shape, sizeof names[t].shape);
        if (names[t].name[0] == 'A') {
            c->part = part_columns(L, d, D, h->first, h->last - h->first, t == 0 ? 0 : t - 3, h->columns);
        } else if (small) {
            assert_int_equal(mem_alloc((size_t)elements(t), sizeof(float), &h->small[t]), ST_OK);
            c->part = part_whole(elements(t), h->small[t]);
        } else {
            c->part = part_none(elements(t));
        }
    }
}

static void holding_fini(struct holding *h)
{
    mem_free(h->columns);
    for (int t = 0; t < TENSORS; t++) mem_free(h->small[t]);
}

/* Set or check every value this rank holds; returns how many differ. */
static int64_t holding_each(struct holding *h, uint64_t step, int check)
{
    int64_t wrong = 0;

    for (int t = 0; t < TENSORS; t++)
        if (names[t].name[0] == 'A') {
            int which = t == 0 ? 0 : t - 3;

            for (int64_t l = 0; l < L; l++)
                for (int64_t b = h->first; b < h->last; b++)
                    for (int64_t i = 0; i < d; i++)
                        for (int64_t c = b * 64; c < (b + 1) * 64 && c < D; c++) {
                            int64_t block = l * (h->last - h->first) + b - h->first;
                            float *p = h->columns + ((block * 3 + which) * d + i) * 64 + c % 64;
                            if (check) wrong += *p != value(t, (l * d + i) * D + c, step);
                            else *p = value(t, (l * d + i) * D + c, step);
                        }
        } else {
            for (int64_t i = 0; h->small[t] && i < elements(t); i++)
                if (check) wrong += h->small[t][i] != value(t, i, step);
                else h->small[t][i] = value(t, i, step);
        }
    return wrong;
}

static void shared_folder(char *folder, size_t room)
{
    if (comm.rank == 0) test_folder(folder, room);
    assert_int_equal(comm_broadcast(&comm, folder, room, 0), ST_OK);
}

static void shared_folder_remove(const char *folder)
{
    assert_int_equal(comm_barrier(&comm), ST_OK);
    if (comm.rank == 0) test_folder_remove(folder);
}

static struct state make_state(uint64_t step)
{
    static struct state_task tasks[] = {{"afqmc", "1", 5.5}, {"cmnli", "2", 0}};
    static uint32_t placeholders[] = {1000, 1001};
    static struct state_value values[] = {{.name = "epoch", .type = STATE_WHOLE, .whole = -7},
                                          {.name = "rate", .type = STATE_REAL, .real = 0.5},
                                          {.name = "stage", .type = STATE_TEXT, .text = "router"}};

    return (struct state){.kind = "pretrain",
                          .step = step,
                          .seed = 42,
                          .config_digest = "abc",
                          .precision = "f32",
                          .task_count = 2,
                          .tasks = tasks,
                          .layers = L,
                          .modules = K,
                          .intrinsic = d,
                          .hidden = H,
                          .tau = 1,
                          .placeholder_count = 2,
                          .placeholders = placeholders,
                          .separator = "，",
                          .best_score = 0.25,
                          .best_step = 10,
                          .value_count = 3,
                          .values = values};
}

static void write_step(const char *run, uint64_t step)
{
    struct state state = make_state(step);
    struct holding h;

    holding_init(&h, comm.worker, comm.workers, comm.rank == 0);
    holding_each(&h, step, 0);
    assert_int_equal(checkpoint_write(&comm, run, &state, h.tensors, TENSORS), ST_OK);
    holding_fini(&h);
}

static void expect_same_file(const char *a, const char *b)
{
    struct file_map x, y;

    assert_int_equal(file_map_open(a, &x), ST_OK);
    assert_int_equal(file_map_open(b, &y), ST_OK);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    file_map_close(&x);
    file_map_close(&y);
}

/* The files made by one process with the plain writer. */
static void write_serial(const char *folder, uint64_t step)
{
    struct state state = make_state(step);
    struct state_file files[2] = {{.name = "optimizer.safetensors"}, {.name = "prompts.safetensors"}};
    struct tensor_spec specs[TENSORS];
    const void *data[TENSORS];
    char path[4096];
    void *encoded;
    size_t bytes;

    assert_int_equal(file_make_folder(folder), ST_OK);
    for (int t = 0; t < TENSORS; t++) {
        float *values;

        specs[t] = (struct tensor_spec){.name = names[t].name, .type = TENSOR_F32, .rank = names[t].rank};
        memcpy(specs[t].shape, names[t].shape, sizeof names[t].shape);
        assert_int_equal(mem_alloc((size_t)elements(t), sizeof(float), &values), ST_OK);
        for (int64_t i = 0; i < elements(t); i++) values[i] = value(t, i, step);
        data[t] = values;
    }
    for (int f = 0; f < 2; f++) {
        int first = f == 0 ? 4 : 0;
        struct file_map map;

        assert_int_equal(file_join(path, sizeof path, folder, files[f].name), ST_OK);
        assert_int_equal(safetensors_write(path, specs + first, 4, NULL, 0, data + first), ST_OK);
        assert_int_equal(file_map_open(path, &map), ST_OK);
        files[f].bytes = map.size;
        files[f].sum_count = (map.size + STATE_CHUNK_BYTES - 1) / STATE_CHUNK_BYTES;
        assert_int_equal(mem_alloc(files[f].sum_count, 8, &files[f].sums), ST_OK);
        for (size_t at = 0, i = 0; at < map.size; at += STATE_CHUNK_BYTES, i++)
            files[f].sums[i] = XXH3_64bits(map.data + at,
                                           map.size - at < STATE_CHUNK_BYTES ? map.size - at : STATE_CHUNK_BYTES);
        file_map_close(&map);
    }
    state.files = files;
    state.file_count = 2;
    assert_int_equal(state_encode(&state, &encoded, &bytes), ST_OK);
    assert_int_equal(file_join(path, sizeof path, folder, "state.pb"), ST_OK);
    assert_int_equal(file_replace(path, encoded, bytes), ST_OK);
    mem_free(encoded);
    for (int f = 0; f < 2; f++) mem_free(files[f].sums);
    for (int t = 0; t < TENSORS; t++) mem_free((void *)(uintptr_t)data[t]);
}

static void test_same_bytes_as_serial(void **unused)
{
    static const char *const all[] = {"prompts.safetensors", "optimizer.safetensors", "state.pb"};
    char run[256] = "", serial[300], a[600], b[600];

    (void)unused;
    shared_folder(run, sizeof run);
    write_step(run, 20);
    snprintf(serial, sizeof serial, "%s/serial", run);
    if (comm.rank == 0) {
        write_serial(serial, 20);
        for (int i = 0; i < 3; i++) {
            snprintf(a, sizeof a, "%s/latest/%s", run, all[i]);
            snprintf(b, sizeof b, "%s/%s", serial, all[i]);
            expect_same_file(a, b);
        }
        snprintf(a, sizeof a, "%s/step-20.part", run);
        assert_false(file_exists(a));
    }
    shared_folder_remove(run);
}

/* Blocks dealt to `owners` ranks, in reverse order of ranks, the small tensors on the last rank. */
static void load_with(const char *run, int owners, uint64_t expected)
{
    int owner = comm.size - 1 - comm.rank;
    struct state state;
    struct holding h;
    uint64_t step;

    holding_init(&h, owner < owners ? owner : -1, owners, comm.rank == comm.size - 1);
    assert_int_equal(checkpoint_load_newest(&comm, run, h.tensors, TENSORS, &state, &step), ST_OK);
    assert_int_equal(step, expected);
    assert_int_equal(state.step, expected);
    assert_int_equal(state.seed, 42);
    assert_int_equal(state.task_count, 2);
    assert_string_equal(state.tasks[1].name, "cmnli");
    assert_true(state.tasks[0].first_loss == 5.5);
    assert_string_equal(state.separator, "，");
    assert_int_equal(state_find(&state, "epoch")->whole, -7);
    assert_true(state_find(&state, "rate")->real == 0.5);
    assert_string_equal(state_find(&state, "stage")->text, "router");
    assert_int_equal(holding_each(&h, expected, 1), 0);
    state_fini(&state);
    holding_fini(&h);
}

static void flip(const char *run, const char *name, off_t at)
{
    char path[600];
    unsigned char byte;
    int fd;

    if (comm.rank == 0) {
        snprintf(path, sizeof path, "%s/%s", run, name);
        fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }
    assert_int_equal(comm_barrier(&comm), ST_OK);
}

static void test_load_elsewhere(void **unused)
{
    char run[256] = "", path[300];
    struct holding h;
    struct state state;
    struct comm alone = {.all = MPI_COMM_NULL, .node = MPI_COMM_NULL, .size = 1, .workers = 1};

    (void)unused;
    shared_folder(run, sizeof run);
    write_step(run, 10);
    for (int owners = 1; owners <= comm.size; owners++) load_with(run, owners, 10);
    holding_init(&h, 0, 1, 1);
    snprintf(path, sizeof path, "%s/latest", run);
    assert_int_equal(checkpoint_load(&alone, path, h.tensors, 4, &state), ST_OK);
    for (int t = 4; t < TENSORS; t++) names[t].name[0] == 'A' ? (void)0 : mem_free(h.small[t]), h.small[t] = NULL;
    state_fini(&state);
    assert_int_equal(checkpoint_load(&alone, path, h.tensors, TENSORS - 2, &state), ST_OK);
    assert_int_equal(holding_each(&h, 10, 1), 0);
    state_fini(&state);
    h.tensors[1].spec.shape[0] = L + 1;
    log_init('-', -1, LOG_SILENT);
    assert_int_equal(checkpoint_load(&comm, path, h.tensors + 1, 1, &state), ST_USAGE);
    log_init('-', -1, LOG_WARN);
    holding_fini(&h);
    shared_folder_remove(run);
}

static void test_damaged_are_passed_over(void **unused)
{
    char run[256] = "";
    struct holding h;
    struct state state;
    uint64_t step;

    (void)unused;
    shared_folder(run, sizeof run);
    log_init('-', -1, LOG_SILENT);
    for (step = 10; step <= 50; step += 10) write_step(run, step);
    flip(run, "step-50/prompts.safetensors", 4500000);
    load_with(run, 1, 40);
    flip(run, "step-40/state.pb", 30);
    load_with(run, comm.size, 30);
    if (comm.rank == 0) {
        char path[600];

        snprintf(path, sizeof path, "%s/step-30/optimizer.safetensors", run);
        assert_int_equal(truncate(path, 5345678), 0);
    }
    load_with(run, comm.size, 20);
    flip(run, "step-20/prompts.safetensors", 9);
    load_with(run, comm.size, 10);
    flip(run, "step-10/optimizer.safetensors", 9000000);
    holding_init(&h, comm.worker, comm.workers, 0);
    assert_int_equal(checkpoint_load_newest(&comm, run, h.tensors, TENSORS, &state, &step), ST_INPUT);
    holding_fini(&h);
    log_init('-', -1, LOG_WARN);
    shared_folder_remove(run);
}

/* What another command keeps: flat ranges that cut through tensors of several types. */
static void test_flat_ranges(void **unused)
{
    enum { N = 3000001 };
    char run[256] = "", path[300];
    int64_t first = (int64_t)N * comm.rank / comm.size, last = (int64_t)N * (comm.rank + 1) / comm.size;
    struct state state = {.kind = "mlm", .step = 7}, back;
    double *wide;
    uint16_t *narrow;
    struct checkpoint_tensor tensors[2] = {
        {.file = "model.safetensors", .spec = {.name = "wide", .type = TENSOR_F64, .rank = 1, .shape = {N}}},
        {.file = "model.safetensors", .spec = {.name = "narrow", .type = TENSOR_BF16, .rank = 2, .shape = {1, N}}},
    };

    (void)unused;
    shared_folder(run, sizeof run);
    assert_int_equal(mem_alloc((size_t)(last - first), sizeof *wide, &wide), ST_OK);
    assert_int_equal(mem_alloc((size_t)(last - first), sizeof *narrow, &narrow), ST_OK);
    for (int64_t i = first; i < last; i++) wide[i - first] = (double)i, narrow[i - first] = (uint16_t)(i * 7);
    tensors[0].part = part_range(N, first, last - first, wide);
    tensors[1].part = part_range(N, first, last - first, narrow);
    assert_int_equal(checkpoint_write(&comm, run, &state, tensors, 2), ST_OK);
    memset(wide, 0, (size_t)(last - first) * sizeof *wide);
    memset(narrow, 0, (size_t)(last - first) * sizeof *narrow);
    snprintf(path, sizeof path, "%s/step-7", run);
    assert_int_equal(checkpoint_load(&comm, path, tensors, 2, &back), ST_OK);
    for (int64_t i = first; i < last; i++)
        assert_true(wide[i - first] == (double)i && narrow[i - first] == (uint16_t)(i * 7));
    assert_string_equal(back.kind, "mlm");
    state_fini(&back);
    tensors[0].part.box.count[2]--; /* an element that nobody holds is our bug, found before anything is written */
    log_init('-', -1, LOG_SILENT);
    state.step = 8;
    assert_int_equal(checkpoint_write(&comm, run, &state, tensors, 2), ST_SYSTEM);
    log_init('-', -1, LOG_WARN);
    snprintf(path, sizeof path, "%s/step-8", run);
    assert_false(file_exists(path));
    mem_free(wide);
    mem_free(narrow);
    shared_folder_remove(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes_as_serial), cmocka_unit_test(test_load_elsewhere),
        cmocka_unit_test(test_damaged_are_passed_over), cmocka_unit_test(test_flat_ranges)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, ST_OK);
    return failed;
}
